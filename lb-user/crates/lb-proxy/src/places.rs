//! Places for connections: beyond `maxconn` of the process or of a frontend, accepting stops until one is freed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lb_core::Tick;
use lb_core::counters::Gauge;
use lb_core::frontend::{Frontend, FrontendState};
use tokio::sync::Notify;

/// The process-wide limit, and where those who wait for any limit are woken.
#[derive(Debug)]
pub(crate) struct Places {
    /// `maxconn` of `global`; 0: none.
    limit: AtomicU32,
    current: Gauge,
    changed: Notify,
}

/// A place within both limits, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    frontend: Arc<Frontend>,
}

impl Places {
    /// No connection yet.
    pub(crate) fn new(limit: Option<u32>) -> Arc<Self> {
        let limit = AtomicU32::new(limit.unwrap_or(0));
        Arc::new(Self { limit, current: Gauge::default(), changed: Notify::new() })
    }

    /// Takes the limit of another configuration; who is inside stays.
    pub(crate) fn set_limit(&self, limit: Option<u32>) {
        self.limit.store(limit.unwrap_or(0), Ordering::Relaxed);
        self.look_again();
    }

    /// Wakes who waits: a limit or a frontend's state changed.
    pub(crate) fn look_again(&self) {
        self.changed.notify_waiters();
    }

    /// Connections of all frontends.
    pub(crate) fn current(&self) -> u64 {
        self.current.get()
    }

    /// Waits until `frontend` may accept.
    pub(crate) async fn room(&self, frontend: &Frontend) {
        self.wait(|| self.has_room(frontend).then_some(())).await;
    }

    /// Waits for a place and takes it. Workers that accept at the same moment may all have seen room for one: the
    /// later ones wait here, as if they were still in the listen queue.
    pub(crate) async fn enter(self: &Arc<Self>, frontend: &Arc<Frontend>, now: impl Fn() -> Tick) -> Place {
        self.wait(|| self.try_enter(frontend, now())).await
    }

    async fn wait<T>(&self, mut ready: impl FnMut() -> Option<T>) -> T {
        loop {
            // Registered before looking: a change in between is not missed.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(value) = ready() {
                return value;
            }
            changed.await;
        }
    }

    fn has_room(&self, frontend: &Frontend) -> bool {
        frontend.state() == FrontendState::Open
            && self.current.get() < self.limit()
            && frontend.traffic().sessions.get() < limit_of(frontend)
    }

    fn try_enter(self: &Arc<Self>, frontend: &Arc<Frontend>, now: Tick) -> Option<Place> {
        if !self.current.try_inc(self.limit()) {
            return None;
        }
        if !frontend.traffic().sessions.try_inc(limit_of(frontend)) {
            self.current.dec();
            return None;
        }
        frontend.traffic().connection_opened(now);
        frontend.traffic().session_counted(now);
        Some(Place { places: Arc::clone(self), frontend: Arc::clone(frontend) })
    }

    fn limit(&self) -> u64 {
        match self.limit.load(Ordering::Relaxed) {
            0 => u64::MAX,
            limit => u64::from(limit),
        }
    }
}

fn limit_of(frontend: &Frontend) -> u64 {
    frontend.maxconn().map_or(u64::MAX, u64::from)
}

impl Drop for Place {
    fn drop(&mut self) {
        self.frontend.traffic().sessions.dec();
        self.places.current.dec();
        self.places.look_again();
    }
}
