//! Places for connections: beyond `maxconn` of the process or of a frontend, accepting stops until one is freed.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lb_core::counters::{Gauge, Rate};
use lb_core::frontend::{Frontend, FrontendState};
use lb_core::{ProcessState, Runtime, Tick};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::session::Front;

/// How long who is held back by a rate waits before it looks again.
const RATE_PAUSE: Duration = Duration::from_millis(5);

/// The process-wide limits, and where those who wait for any limit are woken.
#[derive(Debug)]
pub(crate) struct Places {
    runtime: Arc<Runtime>,
    changed: Notify,
}

/// A place within all limits, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    frontend: Arc<Frontend>,
    of_address: Arc<Gauge>,
    tls: bool,
}

/// Why a connection has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// Too many are there; who leaves tells.
    Number,
    /// Too many came lately; time will tell.
    Rate,
}

impl Places {
    /// Places within the limits of the process.
    pub(crate) fn new(runtime: Arc<Runtime>) -> Arc<Self> {
        Arc::new(Self { runtime, changed: Notify::new() })
    }

    fn process(&self) -> &ProcessState {
        self.runtime.process()
    }

    /// Wakes who waits: a limit or a frontend's state changed.
    pub(crate) fn look_again(&self) {
        self.changed.notify_waiters();
    }

    /// Connections of all frontends.
    pub(crate) fn current(&self) -> u64 {
        self.process().connections.get()
    }

    /// Waits until an address may accept. What it serves may be replaced in the meantime.
    pub(crate) async fn room(&self, front: impl Fn() -> Rc<Front>, now: impl Fn() -> Tick) {
        self.wait(|| self.look(&front(), now())).await;
    }

    /// Waits for a place and takes it. Workers that accept at the same moment may all have seen room for one: the
    /// later ones wait here, as if they were still in the listen queue.
    pub(crate) async fn enter(self: &Arc<Self>, front: &Front, now: impl Fn() -> Tick) -> Place {
        self.wait(|| self.try_enter(front, now())).await
    }

    async fn wait<T>(&self, mut ready: impl FnMut() -> Result<T, Full>) -> T {
        loop {
            // Registered before looking: a change in between is not missed.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            match ready() {
                Ok(value) => return value,
                Err(Full::Number) => changed.await,
                // Whether it is a change or the time that ends the pause, the next look tells.
                Err(Full::Rate) => drop(timeout(RATE_PAUSE, changed).await),
            }
        }
    }

    fn look(&self, front: &Front, now: Tick) -> Result<(), Full> {
        let process = self.process();
        let limits = process.limits();
        let traffic = front.frontend.traffic();
        let tls = front.acceptor.is_some();
        let within = |count: u64, limit: Option<u32>| limit.is_none_or(|limit| count < u64::from(limit));
        let below = |rate: &Rate, limit: Option<u32>| limit.is_none_or(|limit| rate.get(now) < limit);
        let number = front.frontend.state() == FrontendState::Open
            && within(process.connections.get(), limits.maxconn)
            && within(traffic.sessions.get(), front.frontend.maxconn())
            && within(front.of_address.get(), front.maxconn)
            && (!tls || within(process.tls_clients.get(), limits.tls_connections));
        let rate = below(&process.connection_rate, limits.connection_rate)
            && below(&process.connection_rate, limits.session_rate)
            && below(&traffic.session_rate, front.frontend.config.rate_limit)
            && (!tls || below(&process.tls_rate, limits.tls_rate));
        match (number, rate) {
            (false, _) => Err(Full::Number),
            (true, false) => Err(Full::Rate),
            (true, true) => Ok(()),
        }
    }

    fn try_enter(self: &Arc<Self>, front: &Front, now: Tick) -> Result<Place, Full> {
        self.look(front, now)?;
        let process = self.process();
        let limits = process.limits();
        let (frontend, tls) = (&front.frontend, front.acceptor.is_some());
        let gauges = [
            (&process.connections, limits.maxconn),
            (&frontend.traffic().sessions, frontend.maxconn()),
            (&front.of_address, front.maxconn),
            (&process.tls_clients, limits.tls_connections),
        ];
        let gauges = gauges.get(..if tls { 4 } else { 3 }).unwrap_or_default();
        if let ControlFlow::Break(taken) = take_all(gauges) {
            for (gauge, _) in gauges.iter().take(taken) {
                gauge.dec();
            }
            return Err(Full::Number);
        }
        process.connection_rate.inc(now);
        if tls {
            process.tls_rate.inc(now);
        }
        frontend.traffic().connection_opened(now);
        frontend.traffic().session_counted(now);
        let (frontend, of_address) = (Arc::clone(frontend), Arc::clone(&front.of_address));
        Ok(Place { places: Arc::clone(self), frontend, of_address, tls })
    }
}

/// Counts one more in each, or says how many had room before one that had none.
fn take_all(gauges: &[(&Gauge, Option<u32>)]) -> ControlFlow<usize> {
    for (taken, (gauge, limit)) in gauges.iter().enumerate() {
        if !gauge.try_inc(limit.map_or(u64::MAX, u64::from)) {
            return ControlFlow::Break(taken);
        }
    }
    ControlFlow::Continue(())
}

impl Drop for Place {
    fn drop(&mut self) {
        self.frontend.traffic().sessions.dec();
        self.of_address.dec();
        let process = self.places.process();
        process.connections.dec();
        if self.tls {
            process.tls_clients.dec();
        }
        self.places.look_again();
    }
}
