//! What subscribers learn of changes.

use std::fmt;
use std::sync::Arc;

use lb_conf::model::{LogLevel, Name};

use crate::backend::Backend;
use crate::change::FrontendChange;
use crate::dataplane::FlowEnd;
use crate::frontend::Frontend;
use crate::runtime::Snapshot;
use crate::server::{Server, Status};

/// Something changed. Events arrive in the order of the changes, after they took effect.
#[derive(Clone, Debug)]
pub enum Event {
    /// A server's status became another one.
    Server(ServerEvent),
    /// Weight, connection limit or address of a server changed: what is computed from them is out of date.
    Settings(Arc<Backend>, Arc<Server>),
    /// The sessions of a server are to end.
    ShutdownSessions(Arc<Server>, EndedBy),
    /// A frontend was enabled, disabled, shut down or limited.
    Frontend(Arc<Frontend>, FrontendChange),
    /// A limit of the process changed.
    Limit,
    /// Another configuration took over.
    Reconfigured(Arc<Snapshot>),
    /// A line for the log targets of a proxy.
    Log(LogEvent),
    /// A session of the kernel plane has ended.
    Flow(Arc<FlowEnd>),
}

/// Who or what ends sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// An operator.
    Operator,
    /// Their server, which went down: `on-marked-down shutdown-sessions`.
    ServerDown,
    /// A server that came up, so that no backup is needed: `on-marked-up shutdown-backup-sessions`.
    ServerUp,
}

/// A server's status became another one.
#[derive(Clone, Debug)]
pub struct ServerEvent {
    /// Its backend.
    pub backend: Arc<Backend>,
    /// The server, whose state is the new one.
    pub server: Arc<Server>,
    /// The status before.
    pub before: Status,
    /// The status now.
    pub after: Status,
}

/// A line for the log targets of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// The proxy's name.
    pub proxy: Name,
    /// How grave it is.
    pub level: LogLevel,
    /// The text, without a line end.
    pub text: String,
}

/// A subscriber: called by the thread that made the change, which holds the writer's lock. It must return soon and
/// must call neither `apply` nor `reconfigure`: it hands over to a task of its own.
pub type Subscriber = Box<dyn Fn(&Event) + Send + Sync>;

/// Those who want to know.
#[derive(Default)]
pub(crate) struct Subscribers(parking_lot::RwLock<Vec<Subscriber>>);

impl Subscribers {
    pub(crate) fn add(&self, subscriber: Subscriber) {
        self.0.write().push(subscriber);
    }

    pub(crate) fn tell(&self, event: &Event) {
        for subscriber in self.0.read().iter() {
            subscriber(event);
        }
    }
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} subscribers", self.0.read().len())
    }
}
