//! Servers at run time.

mod admin;
mod announce;
mod change;
mod lease;
mod probe;
mod saved;
mod state;
mod status;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use lb_conf::model::{self, ServerAddress, ServerRef};
use parking_lot::Mutex;

pub use admin::Admin;
pub(crate) use announce::{Announcement, Cause};
pub use lease::ServerLease;
pub use probe::{Edge, Probe};
pub use saved::{SavedServer, SavedState, SavedStatesError, saved_servers};
pub use state::{Aims, FULL_THROTTLE, Operational, State, WEIGHT_MAX};
pub use status::Status;

use crate::backend;
use crate::counters::{Counter, Gauge, Traffic};
use crate::tick::Tick;

/// A server for the life of the process: stays across reloads, is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u32);

/// A server of one configuration, with the state that outlives it.
#[derive(Debug)]
pub struct Server {
    /// The same across reloads as long as a server of this name is in the backend.
    pub id: ServerId,
    /// Where it is in this configuration.
    pub at: ServerRef,
    /// As configured.
    pub config: Arc<model::Server>,
    pub(crate) live: Arc<Live>,
}

/// What outlives a reload.
#[derive(Debug)]
pub(crate) struct Live {
    // Written by Runtime alone; readers take copies.
    pub(crate) state: Mutex<State>,
    // Copies for the hot path.
    pub(crate) address: ArcSwap<ServerAddress>,
    pub(crate) maxconn: AtomicU32,
    pub(crate) persistent: AtomicBool,
    // Sixteenths of `maxconn` that a starting server takes.
    throttle: AtomicU32,
    // Whether load balancing chooses among it and others.
    selected: AtomicBool,
    home: Arc<backend::Live>,
    pub(crate) counters: ServerCounters,
}

/// What is counted for a server.
#[derive(Debug, Default)]
pub struct ServerCounters {
    /// What is counted for all kinds of proxies.
    pub traffic: Traffic,
    /// `chkfail`: checks that failed while the server was up.
    pub check_failures: Counter,
    /// `chkdown`: times that it went from up to down.
    pub downs: Counter,
    /// `srv_icur`: idle connections to it in the pools.
    pub idle: Gauge,
    /// When it was last chosen, in milliseconds, plus one; 0: never.
    last_session: AtomicU64,
}

impl ServerCounters {
    /// When it was last chosen.
    pub fn last_session(&self) -> Option<Tick> {
        self.last_session.load(Relaxed).checked_sub(1).map(Tick::from_millis)
    }

    pub(crate) fn chosen(&self, now: Tick) {
        self.began(now);
        self.traffic.chosen.inc();
    }

    /// Counts a session.
    pub(crate) fn began(&self, now: Tick) {
        self.traffic.session_counted(now);
        self.served_at(now);
    }

    pub(crate) fn served_at(&self, now: Tick) {
        self.last_session.store(now.millis().saturating_add(1), Relaxed);
    }
}

impl Server {
    pub(crate) fn new(
        id: ServerId,
        at: ServerRef,
        config: Arc<model::Server>,
        home: &Arc<backend::Live>,
        now: Tick,
    ) -> Self {
        let state = State::new(&config, now);
        let live = Live {
            persistent: AtomicBool::new(state.persistent()),
            throttle: AtomicU32::new(state.throttle),
            selected: AtomicBool::new(false),
            home: Arc::clone(home),
            state: Mutex::new(state),
            address: ArcSwap::from_pointee(config.address.clone()),
            maxconn: AtomicU32::new(config.maxconn.unwrap_or(0)),
            counters: ServerCounters::default(),
        };
        Self { id, at, config, live: Arc::new(live) }
    }

    /// The same server under another configuration. A limit or address that was set at run time stays unless the
    /// configured one is another now.
    pub(crate) fn carry_over(&self, at: ServerRef, config: Arc<model::Server>, now: Tick) -> Self {
        // What a name server said of the same name is newer than what the system said of it.
        let looked_up = config.lookup.is_some() && config.hostname == self.config.hostname;
        if config.address != self.config.address && !looked_up {
            self.live.address.store(Arc::new(config.address.clone()));
        }
        if config.maxconn != self.config.maxconn {
            self.live.maxconn.store(config.maxconn.unwrap_or(0), Relaxed);
        }
        let mut state = self.live.state.lock();
        state.reconfigure(&self.config, &config, now);
        self.publish(&state);
        drop(state);
        Self { id: self.id, at, config, live: Arc::clone(&self.live) }
    }

    /// A copy of its state.
    pub fn state(&self) -> State {
        self.live.state.lock().clone()
    }

    /// Its status.
    pub fn status(&self) -> Status {
        Status::of(&self.live.state.lock())
    }

    /// Where it listens, as it is now.
    pub fn address(&self) -> Arc<ServerAddress> {
        self.live.address.load_full()
    }

    /// `maxconn` as it is now; None: no limit.
    pub fn maxconn(&self) -> Option<u32> {
        Some(self.live.maxconn.load(Relaxed)).filter(|&limit| limit > 0)
    }

    /// Whether persistence may send it sessions: it is neither down nor in maintenance.
    pub fn persistent(&self) -> bool {
        self.live.persistent.load(Relaxed)
    }

    /// Its counters.
    pub fn counters(&self) -> &ServerCounters {
        &self.live.counters
    }

    /// Sessions that it serves now.
    pub fn active(&self) -> u64 {
        self.live.counters.traffic.sessions.get()
    }

    /// What load balancing compares: sessions here.
    pub(crate) fn load(&self) -> u64 {
        self.active()
    }

    /// The backend that it belongs to, as far as it outlives a reload.
    pub(crate) fn home(&self) -> &Arc<backend::Live> {
        &self.live.home
    }

    /// The sessions that it takes now: `maxconn`, less while it starts slowly, and with `minconn` less while the
    /// backend is not full.
    pub fn limit(&self) -> u64 {
        let Some(most) = self.maxconn().map(u64::from) else { return u64::MAX };
        let load = self.config.minconn.map(|least| self.limit_by_load(u64::from(least), most));
        let throttle = u64::from(self.live.throttle.load(Relaxed));
        (load.unwrap_or(most) * throttle / u64::from(FULL_THROTTLE)).max(1)
    }

    /// The sessions that it takes now however few the backend has: what a plane may give it that knows its own only.
    /// None: no limit.
    pub fn least_limit(&self) -> Option<u32> {
        let most = self.maxconn()?;
        let throttled = u64::from(self.config.minconn.map_or(most, |least| least.min(most)))
            * u64::from(self.live.throttle.load(Relaxed))
            / u64::from(FULL_THROTTLE);
        Some(u32::try_from(throttled).unwrap_or(most).max(1))
    }

    fn limit_by_load(&self, least: u64, most: u64) -> u64 {
        let (sessions, full) =
            (self.home().traffic.sessions.get(), self.home().fullconn.load(Relaxed).max(1));
        if sessions >= full { most } else { (sessions * most / full).max(least) }
    }

    /// Whether it has a place free.
    pub fn has_room(&self) -> bool {
        self.active() < self.limit()
    }

    // Whether load balancing chooses among it and others, so that it serves the backend's line.
    pub(crate) fn selected(&self) -> bool {
        self.live.selected.load(Relaxed)
    }

    pub(crate) fn select(&self, selected: bool) {
        self.live.selected.store(selected, Relaxed);
    }

    /// Takes a place on it, whatever its state; None: it is full.
    pub fn lease_if_free(self: &Arc<Self>, now: Tick) -> Option<ServerLease> {
        ServerLease::take(self, now)
    }

    // After a change of the state: the copies for the hot path.
    pub(crate) fn publish(&self, state: &State) {
        self.live.persistent.store(state.persistent(), Relaxed);
        self.live.throttle.store(state.throttle, Relaxed);
    }
}
