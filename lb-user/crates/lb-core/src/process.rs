//! What is limited, counted and measured for the process as a whole.

use lb_conf::model::{Config, Global};
use parking_lot::{Mutex, RwLock};

use crate::counters::{Counter, Gauge, Rate};
use crate::runtime::Snapshot;
use crate::tick::Tick;

/// Limits of the process. None: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Connections of clients: `maxconn` of `global`, or what the limit of open files permits.
    pub maxconn: Option<u32>,
    /// Connections that are accepted in a second.
    pub connection_rate: Option<u32>,
    /// Sessions that begin in a second.
    pub session_rate: Option<u32>,
    /// Connections over TLS with clients.
    pub tls_connections: Option<u32>,
    /// TLS handshakes with clients in a second.
    pub tls_rate: Option<u32>,
    /// Bytes that go into compression in a second.
    pub compression_rate: Option<u32>,
}

impl Limits {
    /// Those of a configuration.
    pub fn of(global: &Global) -> Self {
        let limits = &global.tuning.limits;
        Self {
            maxconn: global.connection_limit(),
            connection_rate: limits.connection_rate,
            session_rate: limits.session_rate,
            tls_connections: limits.tls_connections,
            tls_rate: limits.tls_rate,
            compression_rate: limits.compression_rate,
        }
    }
}

/// A limit that an operator sets; 0: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitChange {
    /// `set maxconn global`; 0: what the configuration says. Beyond that it is refused.
    Maxconn(u32),
    /// `set rate-limit connections global`.
    ConnectionRate(u32),
    /// `set rate-limit sessions global`.
    SessionRate(u32),
    /// `set rate-limit ssl-sessions global`.
    TlsRate(u32),
    /// `set rate-limit http-compression global`, in bytes.
    CompressionRate(u32),
}

/// The process: its limits, written by [`crate::Runtime`] alone, and what its threads count.
#[derive(Debug, Default)]
pub struct ProcessState {
    limits: RwLock<Limits>,
    /// Connections of clients.
    pub connections: Gauge,
    /// Connections over TLS with clients.
    pub tls_clients: Gauge,
    /// Connections of clients in a second.
    pub connection_rate: Rate,
    /// TLS handshakes with clients in a second.
    pub tls_rate: Rate,
    /// Bytes in a second that go into compression.
    pub compressed_in: Rate,
    /// Bytes in a second that come out of it.
    pub compressed_out: Rate,
    /// Bytes of relays that never came to user space.
    pub spliced: Counter,
    sampled: Mutex<Sampled>,
}

/// What is measured once a second, since counting it at once would cost each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Bytes to clients.
    pub bytes_out: Measure,
    /// Full TLS handshakes with clients.
    pub client_keys: Measure,
    /// Resumed ones.
    pub client_resumed: Measure,
    /// Full TLS handshakes with servers.
    pub server_keys: Measure,
}

/// How fast a sum grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    total: u64,
    /// In the last second.
    pub rate: u64,
    /// The most in a second.
    pub max: u64,
}

impl Measure {
    fn follow(&mut self, total: u64, millis: u64) {
        // With a reload proxies may leave, and what they counted.
        let grown = total.saturating_sub(self.total);
        self.rate = grown.saturating_mul(1000).checked_div(millis).unwrap_or(0);
        self.max = self.max.max(self.rate);
        self.total = total;
    }
}

#[derive(Debug, Default)]
struct Sampled {
    at: Option<Tick>,
    measures: Measures,
}

impl ProcessState {
    pub(crate) fn new(config: &Config) -> Self {
        Self { limits: RwLock::new(Limits::of(&config.global)), ..Self::default() }
    }

    /// The limits as they are now.
    pub fn limits(&self) -> Limits {
        *self.limits.read()
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        *self.limits.write() = limits;
    }

    /// Makes a change; whether it changed anything. None: it is beyond what the configuration allows.
    pub(crate) fn limit(&self, change: LimitChange, configured: &Limits) -> Option<bool> {
        let mut limits = self.limits.write();
        let before = *limits;
        let some = |limit: u32| Some(limit).filter(|limit| *limit > 0);
        match change {
            LimitChange::Maxconn(0) => limits.maxconn = configured.maxconn,
            LimitChange::Maxconn(limit) if configured.maxconn.is_some_and(|most| limit > most) => {
                return None;
            }
            LimitChange::Maxconn(limit) => limits.maxconn = Some(limit),
            LimitChange::ConnectionRate(limit) => limits.connection_rate = some(limit),
            LimitChange::SessionRate(limit) => limits.session_rate = some(limit),
            LimitChange::TlsRate(limit) => limits.tls_rate = some(limit),
            LimitChange::CompressionRate(limit) => limits.compression_rate = some(limit),
        }
        Some(*limits != before)
    }

    /// Measures what has grown since the last time; to be called once a second.
    pub fn sample(&self, snapshot: &Snapshot, now: Tick) {
        let mut sampled = self.sampled.lock();
        let millis = sampled.at.map_or(0, |at| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX));
        let fronts = || snapshot.frontends.iter().map(|frontend| frontend.traffic());
        let servers = || snapshot.servers().map(|server| &server.counters().traffic);
        let resumed: u64 = fronts().map(|traffic| traffic.tls_resumed.get()).sum();
        let shaken: u64 = fronts().map(|traffic| traffic.tls_handshakes.get()).sum();
        let bytes = fronts().map(|traffic| traffic.bytes_out.get()).sum();
        let keys =
            servers().map(|traffic| traffic.tls_handshakes.get().saturating_sub(traffic.tls_resumed.get()));
        let measures = &mut sampled.measures;
        measures.bytes_out.follow(bytes, millis);
        measures.client_keys.follow(shaken.saturating_sub(resumed), millis);
        measures.client_resumed.follow(resumed, millis);
        measures.server_keys.follow(keys.sum(), millis);
        sampled.at = Some(now);
    }

    /// What was measured last.
    pub fn measures(&self) -> Measures {
        self.sampled.lock().measures
    }

    /// `clear counters`: forgets the highest values.
    pub fn reset_max(&self) {
        self.connections.reset_max();
        for rate in [&self.connection_rate, &self.tls_rate, &self.compressed_in, &self.compressed_out] {
            rate.reset_max();
        }
        let mut sampled = self.sampled.lock();
        let measures = &mut sampled.measures;
        for measure in [&mut measures.client_keys, &mut measures.server_keys, &mut measures.bytes_out] {
            measure.max = measure.rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, backend, server};

    #[test]
    fn limits_follow_the_operator_within_those_of_the_configuration() {
        let configured = Limits { maxconn: Some(100), ..Limits::default() };
        let process = ProcessState::default();
        process.set_limits(configured);
        let rows = [
            (LimitChange::Maxconn(101), None),
            (LimitChange::Maxconn(50), Some(true)),
            (LimitChange::Maxconn(50), Some(false)),
            (LimitChange::Maxconn(0), Some(true)),
            (LimitChange::SessionRate(9), Some(true)),
        ];
        for (change, expected) in rows {
            assert_eq!(process.limit(change, &configured), expected, "{change:?}");
        }
        assert_eq!(process.limits(), Limits { session_rate: Some(9), ..configured });
    }

    #[test]
    fn growth_is_measured_by_the_second() {
        let mut fixture = Fixture::new(backend("b", vec![server("s1", 1001)]));
        let snapshot = fixture.runtime.snapshot();
        fixture.runtime.process().sample(&snapshot, fixture.now);
        let traffic = snapshot.frontends[0].traffic();
        traffic.bytes_out.add(5000);
        traffic.tls_handshakes.add(10);
        traffic.tls_resumed.add(4);
        fixture.pass(2);
        fixture.runtime.process().sample(&snapshot, fixture.now);
        let measures = fixture.runtime.process().measures();
        assert_eq!(
            (measures.bytes_out.rate, measures.client_keys.rate, measures.client_resumed.rate),
            (2500, 3, 2)
        );
        fixture.pass(1);
        fixture.runtime.process().sample(&snapshot, fixture.now);
        let bytes = fixture.runtime.process().measures().bytes_out;
        assert_eq!((bytes.rate, bytes.max), (0, 2500));
    }
}
