//! Backends at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use lb_conf::model::{self, Algorithm, HashKind};
use parking_lot::Mutex;

use crate::balance::{Pick, PickInput, Selection};
use crate::counters::Traffic;
use crate::queue::{self, Call, Line, Priority, Queue, QueueFull, Ticket};
use crate::server::Server;
use crate::tick::Tick;

/// A backend of one configuration, with the state that outlives it.
#[derive(Debug)]
pub struct Backend {
    /// As configured.
    pub config: Arc<model::Backend>,
    /// Its servers, in the order of the configuration.
    pub servers: Vec<Arc<Server>>,
    selection: ArcSwap<Selection>,
    live: Arc<Live>,
}

/// What outlives a reload, shared with the servers.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) traffic: Traffic,
    pub(crate) queue: Queue,
    pub(crate) fullconn: AtomicU64,
    standing: Mutex<Standing>,
}

impl Live {
    pub(crate) fn new(now: Tick) -> Self {
        let standing = Standing { up: true, changed: now, down_before: Duration::ZERO, downs: 0 };
        Self {
            traffic: Traffic::default(),
            queue: Queue::default(),
            fullconn: AtomicU64::new(1),
            standing: Mutex::new(standing),
        }
    }
}

/// Whether a backend has servers, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether load balancing has a server to choose.
    pub up: bool,
    /// When that last changed.
    pub changed: Tick,
    /// How long it was down before that.
    pub down_before: Duration,
    /// How often it went down.
    pub downs: u64,
}

impl Standing {
    /// How long it was down altogether.
    pub fn downtime(&self, now: Tick) -> Duration {
        self.down_before + if self.up { Duration::ZERO } else { now.since(self.changed) }
    }

    fn turn(&mut self, up: bool, now: Tick) {
        if self.up == up {
            return;
        }
        self.down_before = self.downtime(now);
        self.changed = now;
        self.up = up;
        self.downs += u64::from(!up);
    }
}

impl Backend {
    /// A backend that goes on with `live`; `fullconn` is what the configuration of the frontends makes of it.
    pub(crate) fn new(
        config: Arc<model::Backend>,
        servers: Vec<Arc<Server>>,
        fullconn: u64,
        live: Arc<Live>,
        now: Tick,
    ) -> Self {
        live.fullconn.store(fullconn, Relaxed);
        let selection = ArcSwap::from_pointee(Selection::new(&config, &servers));
        let backend = Self { config, servers, selection, live };
        backend.settle(now);
        backend
    }

    /// What outlives a reload.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    // After a new selection: the servers learn whether they are in it.
    fn settle(&self, now: Tick) {
        let selection = self.selection.load();
        for server in &self.servers {
            server.select(selection.candidates().iter().any(|candidate| candidate.server.id == server.id));
        }
        self.take_stand(now);
    }

    // A backend without servers is none that lost them.
    fn take_stand(&self, now: Tick) {
        let up = self.usable() > 0 || self.servers.is_empty();
        self.live.standing.lock().turn(up, now);
    }

    /// Whether it has servers, and since when.
    pub fn standing(&self) -> Standing {
        *self.live.standing.lock()
    }

    /// The sessions at which servers with `minconn` reach their `maxconn`.
    pub fn fullconn(&self) -> u64 {
        self.live.fullconn.load(Relaxed)
    }

    /// The weight of the servers that load balancing chooses among, in sixteenths.
    pub fn weight(&self) -> u32 {
        self.selection.load().candidates().iter().map(|candidate| candidate.weight).sum()
    }

    /// The same without slow start.
    pub fn full_weight(&self) -> u32 {
        self.selection.load().candidates().iter().map(|candidate| candidate.full_weight).sum()
    }

    /// The server of this name.
    pub fn server(&self, name: &str) -> Option<&Arc<Server>> {
        self.servers.iter().find(|server| &*server.config.name == name)
    }

    /// Its counters.
    pub fn traffic(&self) -> &Traffic {
        &self.live.traffic
    }

    /// The servers among which load balancing chooses now: what both planes build on.
    pub fn selection(&self) -> Arc<Selection> {
        self.selection.load_full()
    }

    /// `nbsrv`: how many servers load balancing chooses among.
    pub fn usable(&self) -> usize {
        self.selection.load().candidates().len()
    }

    /// Whether weights may not change at run time: the table of a map-based hash would move all clients.
    pub fn fixed_weights(&self) -> bool {
        match self.config.algorithm {
            Algorithm::StaticRr => true,
            Algorithm::Source | Algorithm::Key(_) => self.config.hash_type.kind == HashKind::MapBased,
            Algorithm::RoundRobin | Algorithm::LeastConn | Algorithm::First | Algorithm::Random(_) => false,
        }
    }

    /// How many active and how many backup servers are fit for load balancing.
    pub fn usable_by_kind(&self) -> (usize, usize) {
        let usable = |backup| {
            let of_kind = self.servers.iter().filter(|server| server.config.backup == backup);
            of_kind.filter(|server| server.state().usable()).count()
        };
        (usable(false), usable(true))
    }

    /// Chooses a server and takes a place on it. Takes no lock.
    pub fn pick(&self, input: &PickInput<'_>) -> Pick {
        self.selection.load().pick(input)
    }

    /// Queues up for a server, with a priority of which the lower goes first, after [`Backend::pick`] found none with a
    /// place free. `call` may be called before this returns.
    ///
    /// # Errors
    ///
    /// The server's line is as long as its `maxqueue` allows.
    pub fn wait(&self, line: Line, priority: Priority, call: Call) -> Result<Ticket, QueueFull> {
        let only = match &line {
            Line::Backend => None,
            Line::Server(server) => Some(Arc::clone(server)),
        };
        let ticket = queue::join(&self.live, line, priority, call)?;
        // A place may have been given back in the meantime.
        match only {
            Some(server) => queue::fill(&server),
            None => self.fill(),
        }
        Ok(ticket)
    }

    /// Lets those choose again who wait for servers that are no more in `next`, which goes on with this backend.
    pub(crate) fn dismiss(&self, next: &Self) {
        for server in self.servers.iter().filter(|server| next.server(&server.config.name).is_none()) {
            server.select(false);
            self.live.queue.disperse(&self.live, server);
        }
    }

    /// Gives free places to those who wait.
    pub(crate) fn fill(&self) {
        if !self.live.queue.is_empty() {
            self.servers.iter().for_each(queue::fill);
        }
    }

    /// After a change of a server: builds the selection anew.
    pub(crate) fn refresh(&self, now: Tick) {
        self.selection.store(Arc::new(Selection::new(&self.config, &self.servers)));
        self.settle(now);
    }
}
