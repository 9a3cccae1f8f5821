//! The kernel plane's one task: follows the daemon's state and the host's network, and keeps the maps in step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use lb_common::event::FlowEvent;
use lb_conf::model::{Config, XdpInterface, XdpMode};
use lb_core::Snapshot;
use lb_core::placement::{Placement, place};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::attach::{Attachment, Hook, Interface, attach};
use crate::bpf::BpfStore;
use crate::control::{Control, Wanted};
use crate::events::Events;
use crate::neigh::{IfIndex, Notice, Watch};
use crate::object::Inheritance;
use crate::pins::Pins;
use crate::plan;
use crate::plane::Shared;
use crate::report;
use crate::reset;
use crate::status::InterfaceStatus;

/// How often it is looked whether something is due: what bounds how late flows are expired under pressure.
const TICK: Duration = Duration::from_millis(250);
/// How many ticks make a turn of what is done once a second: counters, neighbours.
const TURN: u32 = 4;
/// How many ticks lie between two walks over the flows: what bounds how late a flow is expired. A walk looks at every
/// bucket of the tables, empty or not, which takes some milliseconds.
const WALK: u32 = 12;

/// What the daemon wants of the agent.
#[derive(Debug)]
pub(crate) enum Command {
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
    Network(std::io::Result<Notice>),
    Event(std::io::Result<FlowEvent>),
    Tick,
}

/// The program on an interface, or why it is not there.
type Attached = Result<Attachment, String>;

/// The kernel plane's task.
pub(crate) struct Agent {
    control: Control<BpfStore>,
    watch: Watch,
    events: Events,
    pins: Pins,
    inheritance: Inheritance,
    shared: Shared,
    attached: BTreeMap<String, Attached>,
    troubles: BTreeSet<String>,
    closed: bool,
    /// Something failed, and is tried again with the next turn.
    retry: bool,
    ticks: u32,
    walking: bool,
}

impl Agent {
    /// Brings the maps to the daemon's state and attaches.
    pub(crate) async fn start(
        mut control: Control<BpfStore>,
        pins: Pins,
        inheritance: Inheritance,
        shared: Shared,
    ) -> anyhow::Result<Self> {
        let events = Events::new(control.store_mut().take_events()?)?;
        let mut agent = Self {
            control,
            events,
            watch: Watch::new().await?,
            pins,
            inheritance,
            shared,
            attached: BTreeMap::new(),
            troubles: BTreeSet::new(),
            closed: false,
            retry: false,
            ticks: 0,
            walking: false,
        };
        agent.refresh().await?;
        agent.turn().await?;
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
                () = changes.notify.notified() => Wake::Changed,
                notice = self.watch.next() => Wake::Network(notice),
                event = self.events.next() => Wake::Event(event),
                _ = ticks.tick() => Wake::Tick,
            };
            let result = match wake {
                Wake::Command(None) => return,
                Wake::Command(Some(Command::Stop)) => return self.stop(),
                Wake::Command(Some(Command::Close)) => self.close(),
                Wake::Changed => self.changed().await,
                Wake::Network(notice) => self.network_changed(notice).await,
                Wake::Event(event) => self.event(event),
                Wake::Tick => self.tick().await,
            };
            self.report_flows();
            if let Err(error) = result {
                self.retry = true;
                self.trouble(format!("{error:#}"));
            }
        }
    }

    fn event(&mut self, event: std::io::Result<FlowEvent>) -> anyhow::Result<()> {
        self.control.note(&event.context("reading the ring buffer of events")?);
        Ok(())
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
        let Self { control, events, pins, attached, .. } = self;
        // The maps' last users go first, so that removing the pins frees them.
        drop((control, events, attached));
        let folder = pins.folder().display().to_string();
        if let Err(error) = pins.remove() {
            log::warn!("kernel plane: removing the pins in {folder}: {error}");
        }
    }

    async fn changed(&mut self) -> anyhow::Result<()> {
        // First no new flow goes there, then the old ones end.
        self.refresh().await?;
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
        let ended = self.control.end_flows(&ending.into_iter().filter_map(name).collect())?;
        reset::prompt(&ended).context("telling clients and servers that connections are over")
    }

    async fn network_changed(&mut self, notice: std::io::Result<Notice>) -> anyhow::Result<()> {
        if self.watch.absorb(notice?).await? { self.refresh().await } else { Ok(()) }
    }

    /// Brings everything to the daemon's state and the host's network.
    async fn refresh(&mut self) -> anyhow::Result<()> {
        if self.closed {
            return Ok(());
        }
        let snapshot = self.shared.runtime.snapshot();
        let placements = place(&snapshot.config);
        self.watch.set_watched(&self.server_addresses(&snapshot, &placements)).await;
        self.attach(&snapshot.config);
        let (network, interfaces) = (self.watch.network(), &self.interfaces());
        let wanted = Wanted { snapshot: &snapshot, placements: &placements, network, interfaces };
        self.control.replan(&wanted)?;
        let shortages: Vec<_> = self.control.planned().shortages.iter().map(ToString::to_string).collect();
        shortages.into_iter().for_each(|text| self.trouble(text));
        self.publish();
        Ok(())
    }

    /// The interfaces that the program is on; none where frames cannot pass from each to each.
    fn interfaces(&self) -> BTreeSet<IfIndex> {
        if self.hooks().len() > 1 {
            return BTreeSet::new();
        }
        self.attached.values().flatten().map(|attachment| attachment.index).collect()
    }

    fn hooks(&self) -> BTreeSet<Hook> {
        self.attached.values().flatten().map(|attachment| attachment.hook).collect()
    }

    /// The servers of the configuration, and those that left it while flows of theirs go on.
    fn server_addresses(&self, snapshot: &Snapshot, placements: &[Placement]) -> BTreeSet<std::net::IpAddr> {
        let mut addresses = plan::addresses(snapshot, placements);
        addresses.extend(self.control.planner().servers.iter().map(|(_, name)| name.address.ip()));
        addresses
    }

    /// Puts the program on the interfaces that are configured and there, and takes it off others.
    fn attach(&mut self, config: &Config) {
        let wanted = &config.global.xdp_interfaces;
        let pinned = self.pins.links().unwrap_or_default();
        for name in pinned.into_iter().filter(|name| wanted.iter().all(|i| i.name != *name)) {
            self.attached.remove(&name);
            if let Err(error) = self.pins.detach(&name) {
                self.trouble(format!("{name}: {error}"));
            }
        }
        self.attached.retain(|name, _| wanted.iter().any(|i| i.name == *name));
        for interface in wanted {
            self.attach_to(interface, interface.mode);
        }
        self.level_hooks(wanted);
    }

    /// A frame that came in through a driver can leave through a driver only. Where one interface has to be served in the
    /// stack, those that may be are as well.
    fn level_hooks(&mut self, wanted: &[XdpInterface]) {
        let hooks: BTreeSet<Hook> =
            self.attached.values().flatten().map(|attachment| attachment.hook).collect();
        if hooks.len() < 2 {
            return;
        }
        for interface in wanted.iter().filter(|i| i.mode == XdpMode::Auto) {
            if matches!(self.attached.get(&interface.name), Some(Ok(a)) if a.hook == Hook::Native) {
                self.attached.remove(&interface.name);
                self.attach_to(interface, XdpMode::Generic);
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

    fn attach_to(&mut self, interface: &XdpInterface, mode: XdpMode) {
        let found = self.watch.network().link_named(&interface.name).map(|(index, link)| (index, link.xdp));
        let current = match (self.attached.get(&interface.name), found) {
            (Some(Ok(attachment)), Some((index, _))) => {
                attachment.index == index && attachment.hook.suits(mode)
            }
            _ => false,
        };
        if current {
            return;
        }
        let result = match found {
            None => Err(format!("{}: there is no such interface", interface.name)),
            Some((index, xdp)) => self.attach_at(Interface { name: &interface.name, index, xdp }, mode),
        };
        match &result {
            Ok(attachment) => log::info!("kernel plane: {}", report::attachment(&interface.name, attachment)),
            Err(reason) => {
                self.retry = true;
                self.trouble(reason.clone());
            }
        }
        self.attached.insert(interface.name.clone(), result);
    }

    fn attach_at(&self, interface: Interface<'_>, mode: XdpMode) -> Attached {
        let program = self.control.maps().store.program().map_err(|e| e.to_string())?;
        attach(&self.pins, program, interface, mode).map_err(|e| e.to_string())
    }

    async fn tick(&mut self) -> anyhow::Result<()> {
        self.ticks = self.ticks.wrapping_add(1);
        if self.walking || self.ticks.is_multiple_of(WALK) || self.control.pressure() {
            let ended = self.control.sweep()?;
            self.walking = !ended;
            if ended && self.control.plan_is_due() {
                self.refresh().await?;
            }
        }
        if self.ticks.is_multiple_of(TURN) { self.turn().await } else { Ok(()) }
    }

    /// What is done once a second.
    async fn turn(&mut self) -> anyhow::Result<()> {
        let snapshot = self.shared.runtime.snapshot();
        self.control.count(&snapshot, (self.shared.clock)())?;
        self.watch.confirm_neighbours().await;
        if std::mem::take(&mut self.retry) {
            self.refresh().await?;
        }
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        let interfaces = self.attached.iter().map(|(name, attached)| InterfaceStatus {
            name: name.clone(),
            hook: attached.as_ref().ok().map(|a| a.hook.to_string()),
            reason: match attached {
                Ok(attachment) => attachment.fallback.clone(),
                Err(reason) => Some(reason.clone()),
            },
        });
        let mut status = report::status(&self.control);
        status.interfaces = interfaces.collect();
        status.pins = self.pins.folder().display().to_string();
        status.adopted = self.inheritance == Inheritance::Adopted;
        status.troubles = self.troubles.iter().cloned().collect();
        *self.shared.status.lock() = status;
    }
}
