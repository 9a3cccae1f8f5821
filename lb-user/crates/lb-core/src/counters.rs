//! Counters of frontends, backends and servers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
    /// `connect`, of servers: connections tried; with `reuse`, those taken from the pool.
    pub connects: Counter,
    /// `reuse`: requests over a connection that was there.
    pub reuses: Counter,
}
