//! What a plane outside this process has served, added to the counters that the user plane writes too.

use std::net::SocketAddr;
use std::time::Duration;

use lb_conf::model::Name;

use crate::counters::Traffic;
use crate::server::ServerCounters;
use crate::tick::Tick;

/// What was served since it was last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Sessions that began.
    pub sessions: u64,
    /// Sessions that began less those that ended.
    pub active: i64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
}

/// A session of another plane that has ended, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowEnd {
    /// The frontend.
    pub frontend: Name,
    /// The backend.
    pub backend: Name,
    /// The server.
    pub server: Name,
    /// The client.
    pub client: SocketAddr,
    /// Where it connected to.
    pub service: SocketAddr,
    /// Where the server was connected to from.
    pub source: SocketAddr,
    /// Where the server listens.
    pub server_address: SocketAddr,
    /// How long it lasted.
    pub age: Duration,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// What ended it and in which state, by the letters of HAProxy's logs (configuration.txt, section 8.5).
    pub termination: [u8; 2],
}

impl Served {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            active: self.active + other.active,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
        }
    }
}

impl Traffic {
    /// Adds what another plane served.
    pub fn add(&self, served: &Served, now: Tick) {
        self.session_total.add(served.sessions);
        self.chosen.add(served.sessions);
        self.session_rate.add(now, u32::try_from(served.sessions).unwrap_or(u32::MAX));
        self.sessions.shift(served.active);
        self.bytes_in.add(served.bytes_in);
        self.bytes_out.add(served.bytes_out);
    }
}

impl ServerCounters {
    /// Adds what another plane served from this server.
    pub fn add(&self, served: &Served, now: Tick) {
        self.traffic.add(served, now);
        self.traffic.connects.add(served.sessions);
        if served.sessions > 0 {
            self.served_at(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_bytes_are_added() {
        let counters = ServerCounters::default();
        let began = Served { sessions: 3, active: 2, bytes_in: 10, bytes_out: 20 };
        counters.add(&began, Tick::from_millis(5));
        counters.add(&Served { active: -1, ..Served::default() }, Tick::from_millis(9));
        let traffic = &counters.traffic;
        assert_eq!((traffic.session_total.get(), traffic.sessions.get(), traffic.sessions.max()), (3, 1, 2));
        assert_eq!((traffic.bytes_in.get(), traffic.bytes_out.get(), traffic.chosen.get()), (10, 20, 3));
        assert_eq!(counters.last_session(), Some(Tick::from_millis(5)));
    }

    #[test]
    fn fewer_than_none_are_none() {
        let traffic = Traffic::default();
        traffic.add(&Served { active: -1, ..Served::default() }, Tick::ZERO);
        assert_eq!(traffic.sessions.get(), 0);
    }

    #[test]
    fn what_was_served_adds_up() {
        let one = Served { sessions: 1, active: -1, bytes_in: 2, bytes_out: 3 };
        assert_eq!(one.plus(one), Served { sessions: 2, active: -2, bytes_in: 4, bytes_out: 6 });
    }
}
