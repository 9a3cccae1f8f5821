//! The kernel plane as the daemon sees it.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::Context;
use lb_common::names;
use lb_common::value::ServerState;
use lb_conf::model::Config;
use lb_core::placement::place;
use lb_core::{Event, Runtime, ServerId, Tick};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::agent::{Agent, Command, Inbox};
use crate::control::Control;
use crate::label::{self, Owner};
use crate::loader::{self, Settings};
use crate::object::Inheritance;
use crate::plan::ServerName;
use crate::status::Status;
use crate::steward::message::Failure;
use crate::steward::{RemoteStore, Steward};

/// The clock that the daemon's state lives by.
pub type Clock = Arc<dyn Fn() -> Tick + Send + Sync>;

/// Why there is no kernel plane. The daemon serves everything in user space then.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// No frontend could be served by it: nothing to report.
    #[error("no frontend is served by the kernel plane")]
    NotWanted,
    /// The program was built without it.
    #[error("this build has no BPF object; 'cargo xtask build-ebpf' makes it")]
    NoObject,
    /// The process may not.
    #[error("no privilege for the kernel plane: it needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN")]
    NoPrivilege,
    /// Something failed.
    #[error("the kernel plane cannot be set up: {0:#}")]
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Unavailable {
    fn from(error: anyhow::Error) -> Self {
        let denied = error
            .chain()
            .filter_map(|e| e.downcast_ref::<io::Error>())
            .any(|e| matches!(e.raw_os_error(), Some(libc::EPERM | libc::EACCES)));
        let denied = denied || error.downcast_ref::<Failure>().is_some_and(|failure| failure.denied);
        if denied { Self::NoPrivilege } else { Self::Failed(error) }
    }
}

/// Whether a configuration has something for the kernel plane.
pub fn wanted(config: &Config) -> bool {
    place(config).iter().any(|placement| placement.in_kernel() || placement.guarded)
}

/// A kernel plane that is ready to start: its programs have passed the verifier, its maps are there. No packet meets it.
pub struct Prepared {
    control: Option<Control<RemoteStore>>,
    inheritance: Inheritance,
    steward: Steward,
    started: bool,
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.started
            && let Err(e) = self.steward.abandon()
        {
            log::warn!("kernel plane: {e:#}");
        }
    }
}

/// Prepares the kernel plane for a configuration, by the hands of this steward and in its network namespace.
///
/// # Errors
///
/// There is none to be had, or none that is wanted. Nothing is changed then, except that pins of another ABI are gone.
pub fn prepare(config: &Config, steward: &Steward) -> Result<Prepared, Unavailable> {
    if !wanted(config) {
        return Err(Unavailable::NotWanted);
    }
    if loader::embedded().is_none() {
        return Err(Unavailable::NoObject);
    }
    let opened = steward.open(Settings::of(config))?;
    let mut prepared =
        Prepared { control: None, inheritance: opened.inheritance, steward: steward.clone(), started: false };
    let store = RemoteStore::new(steward.clone(), opened.room);
    let (first, last) = opened.ports;
    prepared.control = Some(Control::adopt(store, first..=last, opened.hz)?);
    Ok(prepared)
}

/// The folder of pins that a configuration names.
pub fn pin_folder(config: &Config) -> PathBuf {
    config.global.xdp_pin_path.clone().unwrap_or_else(|| PathBuf::from(names::PIN_FOLDER))
}

impl Prepared {
    /// What became of the maps of a daemon before this one.
    pub fn inheritance(&self) -> &Inheritance {
        &self.inheritance
    }

    /// Servers that were not usable when the daemon before this one wrote the maps.
    pub fn unusable(&self) -> impl Iterator<Item = &ServerName> {
        self.control.iter().flat_map(|control| {
            let contents = control.maps().contents();
            contents.owners.iter().filter_map(|(&key, owner)| {
                let Owner::Server(name) = owner else { return None };
                let server = contents.plan.servers.get(&label::number(key))?;
                (server.state == ServerState::Down).then_some(name)
            })
        })
    }

    fn start(&mut self, shared: Shared) -> anyhow::Result<Agent> {
        let control = self.control.take().context("it was started before")?;
        let agent = Agent::start(control, self.steward.clone(), self.inheritance.clone(), shared)?;
        self.started = true;
        Ok(agent)
    }

    /// Starts: brings the maps to the state of `runtime`, attaches to the interfaces, and follows every change from then
    /// on, on a thread of its own in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// The host's network cannot be read, or the maps cannot be written.
    pub fn commit(self, runtime: Arc<Runtime>, clock: Clock) -> anyhow::Result<Plane> {
        let (commands, inbox) = mpsc::unbounded_channel();
        let changes = Arc::<Changes>::default();
        let status = Arc::new(Mutex::new(Status::default()));
        subscribe(&runtime, &changes);
        let shared = Shared { runtime, clock, changes: Arc::clone(&changes), status: Arc::clone(&status) };
        let (ready, started) = std::sync::mpsc::channel();
        let thread = thread::Builder::new()
            .name("lbx-xdp".into())
            .spawn(move || run(self, shared, inbox, &ready))
            .context("starting the kernel plane's thread")?;
        started.recv().context("the kernel plane's thread ended")??;
        Ok(Plane { commands: Some(commands), changes, status, thread: Some(thread) })
    }
}

/// The thread of the kernel plane.
fn run(
    mut prepared: Prepared,
    shared: Shared,
    inbox: Inbox,
    ready: &std::sync::mpsc::Sender<anyhow::Result<()>>,
) {
    let started = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|tokio| {
            let agent = tokio.block_on(async { prepared.start(shared) })?;
            Ok((tokio, agent))
        });
    let (tokio, agent) = match started {
        Ok(started) => started,
        Err(error) => {
            let _nobody_waits = ready.send(Err(error));
            return;
        }
    };
    let _nobody_waits = ready.send(Ok(()));
    tokio.block_on(agent.run(inbox));
}

/// The kernel plane at work. Dropping it leaves it as it is: what is pinned goes on forwarding without the daemon.
pub struct Plane {
    commands: Option<mpsc::UnboundedSender<Command>>,
    changes: Arc<Changes>,
    status: Arc<Mutex<Status>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Plane {
    /// What it does, as of a second ago at most.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// How many changes of the daemon's state it was told of.
    pub fn changes(&self) -> u64 {
        self.changes.told.load(Ordering::Acquire)
    }

    /// Ends, with an error that says nothing, when the maps have everything that it was told of, and the counts are of
    /// now.
    pub fn settled(&self) -> std::sync::mpsc::Receiver<()> {
        let (waiting, settled) = std::sync::mpsc::channel();
        self.send(Command::Settle(waiting));
        settled
    }

    /// Opens no flow any more; those that are open go on. The host's stack gets what clients send.
    pub fn close(&self) {
        self.send(Command::Close);
    }

    /// Ends it in good order: takes the program off all interfaces and removes all pins. Flows end with it.
    pub fn stop(mut self) {
        self.send(Command::Stop);
        self.join();
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // The agent is gone only after a failure, which it has reported.
            let _gone = commands.send(command);
        }
    }

    fn join(&mut self) {
        self.commands = None;
        if let Some(Err(_)) = self.thread.take().map(thread::JoinHandle::join) {
            log::error!("the kernel plane's thread panicked; what is pinned goes on forwarding");
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.join();
    }
}

/// What the agent shares with the rest of the daemon.
pub(crate) struct Shared {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) clock: Clock,
    pub(crate) changes: Arc<Changes>,
    pub(crate) status: Arc<Mutex<Status>>,
}

/// What the agent has not seen yet of the daemon's changes.
#[derive(Default)]
pub(crate) struct Changes {
    /// How many there were.
    told: AtomicU64,
    /// Wakes the agent.
    pub(crate) notify: Notify,
    /// Servers whose sessions are to end.
    pub(crate) ending: Mutex<BTreeSet<ServerId>>,
}

/// Wakes the agent on every change that the maps depend on.
fn subscribe(runtime: &Runtime, changes: &Arc<Changes>) {
    let changes = Arc::downgrade(changes);
    runtime.subscribe(Box::new(move |event| {
        let Some(changes) = changes.upgrade() else { return };
        match event {
            Event::Log(_) | Event::Flow(_) => return,
            Event::ShutdownSessions(server, _) => drop(changes.ending.lock().insert(server.id)),
            _ => {}
        }
        changes.told.fetch_add(1, Ordering::Release);
        changes.notify.notify_one();
    }));
}
