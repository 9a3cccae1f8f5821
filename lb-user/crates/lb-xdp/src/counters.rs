//! What the kernel plane has served, told to the counters that both planes share. Pure.

use std::collections::HashMap;
use std::hash::Hash;

use lb_common::counter::{Count, Reason, ServerCounters, ServiceCounters};
use lb_core::Served;

/// Bytes of a frame that are no payload, at least: Ethernet, IPv4 and TCP without options. Statistics count payload.
const HEADERS: u64 = 14 + 20 + 20;

/// Counters of a server or service as they stand in the maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Flows ever opened; wraps.
    pub opened: u32,
    /// Flows that are open.
    pub active: u32,
    /// Frames from clients.
    pub from_clients: Count,
    /// Frames to clients.
    pub to_clients: Count,
    /// Connections that rules turned away.
    pub denied: u64,
}

impl Reading {
    /// Of a server. `load` is what it has opened, `active` what is open.
    pub fn server(opened: u32, active: u32, counters: &ServerCounters) -> Self {
        Self { opened, active, from_clients: counters.to_server, to_clients: counters.to_client, denied: 0 }
    }

    /// Of a service.
    pub fn service(opened: u32, active: u32, counters: &ServiceCounters) -> Self {
        let of = |reasons: &[Reason]| {
            reasons.iter().fold(Count::default(), |sum, reason| sum.plus(*counters.get(*reason)))
        };
        let from_clients = of(&[Reason::ToServer, Reason::Opened, Reason::Reopened]);
        let denied = of(&[Reason::Rejected, Reason::Denied]).packets;
        Self { opened, active, from_clients, to_clients: of(&[Reason::ToClient]), denied }
    }
}

/// By how much a counter of each number has grown.
#[derive(Debug)]
pub struct Growth<K>(HashMap<K, u64>);

impl<K> Default for Growth<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Growth<K> {
    /// What was counted since the last reading; at the first one, all of it.
    pub fn read(&mut self, key: K, now: u64) -> u64 {
        now.wrapping_sub(self.0.insert(key, now).unwrap_or(0))
    }
}

/// The last reading of each number.
#[derive(Debug)]
pub struct Meter<K> {
    last: HashMap<K, Reading>,
}

impl<K> Default for Meter<K> {
    fn default() -> Self {
        Self { last: HashMap::new() }
    }
}

impl<K: Eq + Hash> Meter<K> {
    /// What was served since the last reading. Before the first one, only what is still open counts.
    pub fn read(&mut self, key: K, now: Reading) -> Served {
        // The count of open flows is a difference of counters that are read one after the other: it may be wrong by
        // the flows that came and went in between, even less than none.
        let active = if now.active > u32::MAX / 2 { 0 } else { now.active };
        let now = Reading { active, ..now };
        let before = self.last.insert(key, now).unwrap_or(Reading { active: 0, ..now });
        Served {
            sessions: u64::from(now.opened.wrapping_sub(before.opened)),
            active: i64::from(now.active) - i64::from(before.active),
            bytes_in: payload(before.from_clients, now.from_clients),
            bytes_out: payload(before.to_clients, now.to_clients),
        }
    }

    /// Forgets a number; gives what must be subtracted for what was still open.
    pub fn forget(&mut self, key: &K) -> Served {
        let active = self.last.remove(key).map_or(0, |last| -i64::from(last.active));
        Served { active, ..Served::default() }
    }

    /// Open flows of this number, as of its last reading.
    pub fn active_of(&self, key: &K) -> u32 {
        self.last.get(key).map_or(0, |last| last.active)
    }

    /// Open flows of all together.
    pub fn active(&self) -> u64 {
        self.last.values().map(|reading| u64::from(reading.active)).sum()
    }
}

fn payload(before: Count, now: Count) -> u64 {
    payload_of(Count {
        bytes: now.bytes.wrapping_sub(before.bytes),
        packets: now.packets.wrapping_sub(before.packets),
    })
}

/// The payload of these frames, about.
pub(crate) fn payload_of(count: Count) -> u64 {
    count.bytes.saturating_sub(count.packets.saturating_mul(HEADERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(opened: u32, active: u32, packets: u64) -> Reading {
        let count = Count { packets, bytes: packets * (HEADERS + 100) };
        Reading { opened, active, from_clients: count, to_clients: Count::default(), denied: 0 }
    }

    #[test]
    fn the_first_reading_counts_what_is_open_only() {
        let mut meter = Meter::default();
        let served = meter.read(1, reading(1000, 5, 77));
        assert_eq!(served, Served { active: 5, ..Served::default() });
    }

    #[test]
    fn later_readings_count_what_is_new() {
        let mut meter = Meter::default();
        meter.read(1, reading(u32::MAX, 5, 10));
        let served = meter.read(1, reading(2, 4, 12));
        assert_eq!(served, Served { sessions: 3, active: -1, bytes_in: 200, bytes_out: 0 });
        assert_eq!(meter.read(1, reading(2, 4, 12)), Served::default());
        assert_eq!(meter.read(2, reading(9, 1, 1)).active, 1);
        assert_eq!(meter.active(), 5);
    }

    #[test]
    fn what_is_forgotten_is_open_no_more() {
        let mut meter = Meter::default();
        meter.read(1, reading(1, 3, 0));
        assert_eq!(meter.forget(&1).active, -3);
        assert_eq!(meter.forget(&1), Served::default());
        assert_eq!(meter.active(), 0);
    }

    #[test]
    fn fewer_than_none_are_none() {
        let mut meter = Meter::default();
        meter.read(1, reading(1, 1, 0));
        assert_eq!(meter.read(1, reading(1, u32::MAX, 0)).active, -1);
        assert_eq!(meter.read(1, reading(2, 1, 0)).active, 1);
    }

    #[test]
    fn a_service_counts_the_packets_that_open_flows_too() {
        let mut counters = ServiceCounters::default();
        for reason in Reason::ALL {
            counters.get_mut(*reason).add(100);
        }
        let reading = Reading::service(1, 1, &counters);
        assert_eq!((reading.from_clients.packets, reading.to_clients.packets), (3, 1));
    }
}
