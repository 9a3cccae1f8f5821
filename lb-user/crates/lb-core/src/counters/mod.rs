//! Counters of frontends, backends and servers.

mod rate;
mod times;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use rate::Rate;
pub use times::{Average, Histogram, Times};

use crate::tick::Tick;

/// A number that only grows, written by all workers.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts so many.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The sum.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Begins again.
    pub fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}

/// A number that goes up and down, with the highest value that it had.
#[derive(Debug, Default)]
pub struct Gauge {
    now: AtomicU64,
    max: AtomicU64,
}

impl Gauge {
    /// One more; returns how many there are now.
    pub fn inc(&self) -> u64 {
        let now = self.now.fetch_add(1, Relaxed) + 1;
        self.max.fetch_max(now, Relaxed);
        now
    }

    /// One less.
    pub fn dec(&self) {
        self.now.fetch_sub(1, Relaxed);
    }

    /// One more unless there are `limit` already; whether there is room.
    pub fn try_inc(&self, limit: u64) -> bool {
        let taken = self.now.fetch_update(Relaxed, Relaxed, |now| (now < limit).then_some(now + 1));
        taken.map(|before| self.max.fetch_max(before + 1, Relaxed)).is_ok()
    }

    /// So many more, or fewer; never fewer than none.
    pub fn shift(&self, by: i64) {
        let shifted = self.now.fetch_update(Relaxed, Relaxed, |now| Some(now.saturating_add_signed(by)));
        let before = shifted.unwrap_or_else(|now| now);
        self.max.fetch_max(before.saturating_add_signed(by), Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// The most that there were.
    pub fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }

    /// Forgets the highest value.
    pub fn reset_max(&self) {
        self.max.store(self.get(), Relaxed);
    }
}

/// Requests and responses by class of status: 1xx to 5xx, and others.
#[derive(Debug, Default)]
pub struct StatusClasses([Counter; 6]);

impl StatusClasses {
    /// Counts a response of this status.
    pub fn count(&self, status: u16) {
        let class = match status / 100 {
            n @ 1..=5 => usize::from(n) - 1,
            _ => 5,
        };
        self.0[class].inc();
    }

    /// Sums for 1xx, 2xx, 3xx, 4xx, 5xx and others.
    pub fn get(&self) -> [u64; 6] {
        std::array::from_fn(|class| self.0[class].get())
    }

    /// Begins again.
    pub fn reset(&self) {
        self.0.iter().for_each(Counter::reset);
    }
}

/// What frontends, backends and servers count alike. The names are those of the columns of `show stat`.
#[derive(Debug, Default)]
pub struct Traffic {
    /// `scur`, `smax`: sessions now.
    pub sessions: Gauge,
    /// `stot`: sessions so far.
    pub session_total: Counter,
    /// `bin`: bytes from the client.
    pub bytes_in: Counter,
    /// `bout`: bytes to the client.
    pub bytes_out: Counter,
    /// `dreq`: requests that rules denied.
    pub denied_requests: Counter,
    /// `dresp`: responses that rules denied.
    pub denied_responses: Counter,
    /// `ereq`: requests that were broken (frontends).
    pub request_errors: Counter,
    /// `econ`: connections to servers that failed.
    pub connect_errors: Counter,
    /// `eresp`: responses that were broken.
    pub response_errors: Counter,
    /// `wretr`: connections tried again.
    pub retries: Counter,
    /// `wredis`: sessions sent to another server.
    pub redispatches: Counter,
    /// `cli_abrt`: transfers that the client broke off.
    pub client_aborts: Counter,
    /// `srv_abrt`: transfers that the server broke off.
    pub server_aborts: Counter,
    /// `hrsp_1xx` to `hrsp_other`.
    pub responses: StatusClasses,
    /// `req_tot`: HTTP requests.
    pub requests: Counter,
    /// `lbtot`: times that a server was chosen by load balancing.
    pub chosen: Counter,
    /// `conn_tot`: connections (frontends).
    pub connections: Counter,
    /// `conn_rate`: the same by the second.
    pub connection_rate: Rate,
    /// `rate`: sessions by the second.
    pub session_rate: Rate,
    /// `req_rate`: HTTP requests by the second.
    pub request_rate: Rate,
    /// `intercepted`: requests answered by a rule or a service of our own.
    pub intercepted: Counter,
    /// `dcon`: connections that `tcp-request connection` rules denied.
    pub denied_connections: Counter,
    /// `dses`: sessions that `tcp-request session` rules denied.
    pub denied_sessions: Counter,
    /// `wrew`: rules that could not change a message.
    pub rewrite_errors: Counter,
    /// `eint`: errors of our own.
    pub internal_errors: Counter,
    /// `comp_in`: bytes that went into compression.
    pub compressed_in: Counter,
    /// `comp_out`: bytes that came out of it.
    pub compressed_out: Counter,
    /// `comp_byp`: bytes that went around it for lack of resources.
    pub compress_bypassed: Counter,
    /// `comp_rsp`: responses that were compressed.
    pub compressed_responses: Counter,
    /// `ssl_sess`: TLS handshakes.
    pub tls_handshakes: Counter,
    /// `ssl_reused_sess`: those that resumed a session.
    pub tls_resumed: Counter,
    /// `ssl_failed_handshake`: those that failed.
    pub tls_failed: Counter,
    /// `qcur`, `qmax`: sessions that wait.
    pub waiting: Gauge,
    /// `qtime` to `ttime`.
    pub times: Times,
    /// `connect`, of servers: connections tried; with `reuse`, those taken from the pool.
    pub connects: Counter,
    /// `reuse`: requests over a connection that was there.
    pub reuses: Counter,
}

impl Traffic {
    /// A connection of a client is accepted.
    pub fn connection_opened(&self, now: Tick) {
        self.connections.inc();
        self.connection_rate.inc(now);
    }

    /// A session begins; [`Traffic::session_ended`] must follow.
    pub fn session_began(&self, now: Tick) {
        self.sessions.inc();
        self.session_counted(now);
    }

    /// A session begins whose place is taken already.
    pub fn session_counted(&self, now: Tick) {
        self.session_total.inc();
        self.session_rate.inc(now);
    }

    /// A session ends.
    pub fn session_ended(&self) {
        self.sessions.dec();
    }

    /// An HTTP request has come.
    pub fn request_came(&self, now: Tick) {
        self.requests.inc();
        self.request_rate.inc(now);
    }

    /// An HTTP response or a TCP session is finished after these times; those that did not come about are None.
    pub fn finished(&self, phases: Phases) {
        let times = &self.times;
        let pairs = [
            (&times.queue, phases.queue),
            (&times.connect, phases.connect),
            (&times.response, phases.response),
        ];
        for (average, phase) in pairs {
            average.add(phase.unwrap_or_default());
        }
        times.total.add(phases.total);
        times.distribution.add(phases.total);
    }

    /// `clear counters`: forgets the highest values.
    pub fn reset_max(&self) {
        self.sessions.reset_max();
        self.waiting.reset_max();
        self.times.reset_max();
        [&self.session_rate, &self.request_rate, &self.connection_rate].into_iter().for_each(Rate::reset_max);
    }

    /// `clear counters all`: begins again with everything that only grows.
    pub fn reset(&self) {
        self.reset_max();
        self.growing().into_iter().for_each(Counter::reset);
        self.responses.reset();
        self.times.distribution.reset();
    }

    fn growing(&self) -> [&Counter; 29] {
        [
            &self.session_total,
            &self.bytes_in,
            &self.bytes_out,
            &self.denied_requests,
            &self.denied_responses,
            &self.request_errors,
            &self.connect_errors,
            &self.response_errors,
            &self.retries,
            &self.redispatches,
            &self.client_aborts,
            &self.server_aborts,
            &self.requests,
            &self.chosen,
            &self.connections,
            &self.connects,
            &self.reuses,
            &self.intercepted,
            &self.denied_connections,
            &self.denied_sessions,
            &self.rewrite_errors,
            &self.internal_errors,
            &self.compressed_in,
            &self.compressed_out,
            &self.compress_bypassed,
            &self.compressed_responses,
            &self.tls_handshakes,
            &self.tls_resumed,
            &self.tls_failed,
        ]
    }
}

/// How long the phases of a session took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Waiting for a server.
    pub queue: Option<Duration>,
    /// Connecting to it.
    pub connect: Option<Duration>,
    /// From the request to the head of the response.
    pub response: Option<Duration>,
    /// Altogether.
    pub total: Duration,
}
