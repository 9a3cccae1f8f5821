//! The kernel plane's one task: follows the daemon's state and what the steward tells of the host, and keeps the maps in
//! step.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{Config, XdpMode};
use lb_core::Snapshot;
use lb_core::placement::{Placement, place};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::attach::Hook;
use crate::control::{Control, Wanted};
use crate::loader::Settings;
use crate::neigh::IfIndex;
use crate::object::Inheritance;
use crate::plan;
use crate::plane::Shared;
use crate::report;
use crate::status::InterfaceStatus;
use crate::steward::message::{Notice, View, Wish, Wishes};
use crate::steward::{Gone, RemoteStore, Steward};
use crate::store::Store as _;

/// How often it is looked whether something is due: what bounds how late flows are expired under pressure, and how late
/// the packet path knows of user space's connections.
const TICK: Duration = Duration::from_millis(250);
/// How many ticks make a turn of what is done once a second: counters, where nothing hangs on their being fresh.
const TURN: u32 = 4;
/// How many ticks lie between two walks over the flows: what bounds how late a flow is expired. A walk looks at every
/// bucket of the tables, empty or not, which takes some milliseconds.
const WALK: u32 = 12;

/// What the daemon wants of the agent.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take in what changed and count anew; then whoever waits at the other end of this is let go.
    Settle(std::sync::mpsc::Sender<()>),
    /// Open no flow any more.
    Close,
    /// End in good order.
    Stop,
}

/// Where commands come in. Closed: the daemon lets go, and everything stays as it is.
pub(crate) type Inbox = mpsc::UnboundedReceiver<Command>;

/// What woke the agent.
enum Wake {
    Command(Option<Command>),
    Changed,
    Notice(Option<Notice>),
    Tick,
}

/// The kernel plane's task.
pub(crate) struct Agent {
    control: Control<RemoteStore>,
    steward: Steward,
    notices: mpsc::Receiver<Notice>,
    inheritance: Inheritance,
    shared: Shared,
    wishes: Wishes,
    view: View,
    troubles: BTreeSet<String>,
    closed: bool,
    /// The steward is gone, and with it every way to change something.
    alone: bool,
    /// Something failed, and is tried again with the next turn.
    retry: bool,
    ticks: u32,
    walking: bool,
}

impl Agent {
    /// Brings the maps to the daemon's state and attaches. Within a tokio runtime.
    pub(crate) fn start(
        control: Control<RemoteStore>,
        steward: Steward,
        inheritance: Inheritance,
        shared: Shared,
    ) -> anyhow::Result<Self> {
        let mut agent = Self {
            control,
            notices: steward.notices()?,
            steward,
            inheritance,
            shared,
            wishes: Wishes::default(),
            view: View::default(),
            troubles: BTreeSet::new(),
            closed: false,
            alone: false,
            retry: false,
            ticks: 0,
            walking: false,
        };
        agent.compare_room();
        agent.refresh()?;
        agent.turn()?;
        agent.steward.keep()?;
        Ok(agent)
    }

    /// Works until it is told to stop, or let go.
    pub(crate) async fn run(mut self, mut inbox: Inbox) {
        let mut ticks: Interval = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let changes = Arc::clone(&self.shared.changes);
            let wake = tokio::select! {
                command = inbox.recv() => Wake::Command(command),
                () = changes.notify.notified(), if !self.alone => Wake::Changed,
                notice = self.notices.recv(), if !self.alone => Wake::Notice(notice),
                _ = ticks.tick(), if !self.alone => Wake::Tick,
            };
            let result = match wake {
                Wake::Command(None) => return,
                Wake::Command(Some(Command::Stop)) => return self.stop(),
                Wake::Command(Some(Command::Close)) => self.close(),
                Wake::Command(Some(Command::Settle(_waiting))) => self.changed().and_then(|()| self.turn()),
                Wake::Changed => self.changed(),
                Wake::Notice(Some(notice)) => self.noticed(notice),
                Wake::Notice(None) => {
                    self.bereaved();
                    Ok(())
                }
                Wake::Tick => self.tick(),
            };
            self.report_flows();
            // Of what the end of the steward makes fail, that end is the reason, which is reported in its turn.
            if let Err(error) = result
                && error.downcast_ref::<Gone>().is_none()
            {
                self.retry = true;
                self.trouble(format!("{error:#}"));
            }
        }
    }

    /// The steward is gone: what is pinned goes on, and nothing follows it up.
    fn bereaved(&mut self) {
        self.alone = true;
        let text = self.steward.gone(None).to_string();
        log::error!("kernel plane: {text}");
        self.troubles.insert(text);
        self.publish();
    }

    fn noticed(&mut self, notice: Notice) -> anyhow::Result<()> {
        match notice {
            Notice::View(view) if view.number > self.view.number => {
                self.see(*view);
                self.refresh()
            }
            // Older than what an answer has told meanwhile.
            Notice::View(_) => Ok(()),
            Notice::Events { events, lost } => {
                if lost > 0 {
                    self.trouble("flows ended faster than they could be logged; some are missing".into());
                }
                events.iter().for_each(|event| self.control.note(event));
                Ok(())
            }
            Notice::Trouble(text) => {
                self.trouble(text);
                Ok(())
            }
        }
    }

    /// Hands the records of flows that have ended to those who log.
    fn report_flows(&mut self) {
        for record in self.control.take_records() {
            self.shared.runtime.flow_ended(record);
        }
    }

    /// Says what goes wrong, once.
    fn trouble(&mut self, text: String) {
        if !self.troubles.contains(&text) {
            log::warn!("kernel plane: {text}");
            self.troubles.insert(text);
        }
    }

    fn close(&mut self) -> anyhow::Result<()> {
        self.closed = true;
        self.control.close()
    }

    fn stop(self) {
        if let Err(error) = self.steward.leave() {
            log::warn!("kernel plane: {error:#}");
        }
    }

    fn changed(&mut self) -> anyhow::Result<()> {
        self.compare_room();
        // First no new flow goes there, then the old ones end.
        self.refresh()?;
        let ending = std::mem::take(&mut *self.shared.changes.ending.lock());
        if ending.is_empty() {
            return Ok(());
        }
        let snapshot = self.shared.runtime.snapshot();
        let name = |id| {
            let server = snapshot.server(id)?;
            let backend = snapshot.backend(server.at.backend)?;
            Some((backend.config.proxy.name.clone(), server.config.name.clone()))
        };
        self.control.end_flows(&ending.into_iter().filter_map(name).collect(), (self.shared.clock)())
    }

    /// Brings everything to the daemon's state and the host's network.
    fn refresh(&mut self) -> anyhow::Result<()> {
        if self.closed {
            return Ok(());
        }
        let snapshot = self.shared.runtime.snapshot();
        let placements = place(&snapshot.config);
        self.wish(self.wishes_of(&snapshot, &placements))?;
        let (network, interfaces) = (&self.view.network, &self.interfaces());
        let wanted = Wanted { snapshot: &snapshot, placements: &placements, network, interfaces };
        self.control.replan(&wanted)?;
        self.control.follow_tables(&snapshot, (self.shared.clock)());
        let shortages: Vec<_> = self.control.planned().shortages.iter().map(ToString::to_string).collect();
        shortages.into_iter().for_each(|text| self.trouble(text));
        self.publish();
        Ok(())
    }

    fn wish(&mut self, wishes: Wishes) -> anyhow::Result<()> {
        if wishes != self.wishes {
            let view = self.steward.follow(&wishes)?;
            self.wishes = wishes;
            self.see(view);
        }
        Ok(())
    }

    /// The addresses of the servers of the configuration, and of those that left it while flows of theirs go on.
    fn wishes_of(&self, snapshot: &Snapshot, placements: &[Placement]) -> Wishes {
        let mut servers = plan::addresses(snapshot, placements);
        servers.extend(self.control.planner().servers.iter().map(|(_, name)| name.address.ip()));
        Wishes { servers, interfaces: interfaces(&snapshot.config) }
    }

    /// Maps keep their size as long as anybody has them: flows are in them.
    fn compare_room(&mut self) {
        let wanted = Settings::of(&self.shared.runtime.snapshot().config).bounded().flows;
        let there = self.control.maps().store.room().flows / 2;
        if there != wanted {
            self.trouble(format!(
                "there is room for {there} connections and not for {wanted}: 'xdp-flows' takes effect after a stop"
            ));
        }
    }

    /// Takes note of what the host looks like now, and says what is new.
    fn see(&mut self, view: View) {
        let old = std::mem::replace(&mut self.view, view);
        let news: Vec<_> = self
            .view
            .interfaces
            .iter()
            .filter(|(name, attached)| old.interfaces.get(*name) != Some(*attached))
            .map(|(name, attached)| (name.clone(), attached.clone()))
            .collect();
        for (name, attached) in news {
            match attached {
                Ok(attached) => log::info!("kernel plane: {}", report::attachment(&name, &attached)),
                Err(reason) => self.trouble(reason),
            }
        }
        if self.hooks().len() > 1 {
            self.trouble(
                "some interfaces are native and some generic: frames from a native one cannot leave by a generic one; \
                 make all of them generic"
                    .into(),
            );
        }
    }

    /// The interfaces that the program is on; none where frames cannot pass from each to each.
    fn interfaces(&self) -> BTreeSet<IfIndex> {
        if self.hooks().len() > 1 {
            return BTreeSet::new();
        }
        self.view.interfaces.values().flatten().map(|attached| attached.index).collect()
    }

    fn hooks(&self) -> BTreeSet<Hook> {
        self.view.interfaces.values().flatten().map(|attached| attached.hook).collect()
    }

    fn tick(&mut self) -> anyhow::Result<()> {
        self.ticks = self.ticks.wrapping_add(1);
        if self.walking || self.ticks.is_multiple_of(WALK) || self.control.pressure() {
            let ended = self.control.sweep((self.shared.clock)())?;
            self.walking = !ended;
            if ended && self.control.plan_is_due() {
                self.refresh()?;
            }
        }
        if self.ticks.is_multiple_of(TURN) {
            self.turn()?;
        } else if self.control.compares() {
            self.control.count(&self.shared.runtime.snapshot(), (self.shared.clock)())?;
        }
        self.control.tell_elsewhere(&self.shared.runtime.snapshot())?;
        self.control.tell_sources((self.shared.clock)())
    }

    /// What is done once a second.
    fn turn(&mut self) -> anyhow::Result<()> {
        let snapshot = self.shared.runtime.snapshot();
        let now = (self.shared.clock)();
        self.control.count(&snapshot, now)?;
        self.control.read_sources(now)?;
        if std::mem::take(&mut self.retry) {
            self.refresh()?;
        }
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        let interfaces = self.view.interfaces.iter().map(|(name, attached)| InterfaceStatus {
            name: name.clone(),
            hook: attached.as_ref().ok().map(|a| a.hook.to_string()),
            reason: match attached {
                Ok(attached) => attached.fallback.clone(),
                Err(reason) => Some(reason.clone()),
            },
        });
        let mut status = report::status(&self.control);
        status.interfaces = interfaces.collect();
        status.pins = self.steward.folder().display().to_string();
        status.adopted = self.inheritance == Inheritance::Adopted;
        status.troubles = self.troubles.iter().cloned().collect();
        *self.shared.status.lock() = status;
    }
}

fn interfaces(config: &Config) -> Vec<Wish> {
    let hook = |mode| match mode {
        XdpMode::Native => Some(Hook::Native),
        XdpMode::Generic => Some(Hook::Generic),
        XdpMode::Auto => None,
    };
    let wanted = config.global.xdp_interfaces.iter();
    wanted.map(|interface| Wish { name: interface.name.clone(), hook: hook(interface.mode) }).collect()
}
