use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{self, Column, KeyType};
use proptest::prelude::*;

use super::*;
use crate::fixture::table;
use crate::tick::Tick;

const MINUTE: Duration = Duration::from_secs(60);

fn spec(key: KeyType, size: u32, expire: Option<Duration>, columns: &[Column]) -> Arc<model::StickTable> {
    table("t", key, size, expire, columns)
}

fn integers(size: u32, expire: Option<Duration>) -> StickTable {
    StickTable::new(spec(KeyType::Integer, size, expire, &[Column::Gpc0]))
}

fn at(millis: u64) -> Tick {
    Tick::from_millis(5_000_000_000 + millis)
}

#[test]
fn keys_are_what_their_type_makes_of_them() {
    let rows = [
        (KeyType::Ipv4, "192.0.2.1", Ok("192.0.2.1")),
        (KeyType::Ipv4, "::1", Err(BadKey::Invalid)),
        (KeyType::Ipv6, "2001:db8::1", Ok("2001:db8::1")),
        (KeyType::Ipv6, "1.2.3.4", Err(BadKey::Invalid)),
        (KeyType::Integer, "4294967295", Ok("4294967295")),
        (KeyType::Integer, "4294967296", Err(BadKey::Invalid)),
        (KeyType::String(4), "abcdef", Ok("abcd")),
        (KeyType::String(9), "a b=\\", Ok("a\\ b\\=\\\\")),
        (KeyType::String(9), "é", Ok("\\xc3\\xa9")),
        (KeyType::Binary(4), "abcd", Err(BadKey::Binary)),
    ];
    for (kind, text, shown) in rows {
        assert_eq!(Key::parse(kind, text).map(|key| key.show(kind)), shown.map(str::to_owned), "{text}");
    }
    let kind = KeyType::Binary(3);
    assert_eq!(Key::bytes(kind, b"a").unwrap().show(kind), "610000");
    assert_eq!(Key::bytes(kind, b"abcd").unwrap().show(kind), "616263");
    assert_eq!(Key::bytes(KeyType::String(9), b"a\0b").unwrap().as_bytes(), b"a");
    let mapped = "::ffff:192.0.2.1".parse().unwrap();
    assert_eq!(Key::ip(KeyType::Ipv4, mapped).unwrap().show(KeyType::Ipv4), "192.0.2.1");
    assert_eq!(Key::ip(KeyType::Ipv6, [1, 2, 3, 4].into()).unwrap().show(KeyType::Ipv6), "::ffff:1.2.3.4");
    assert_eq!(Key::ip(KeyType::Ipv4, "::1".parse().unwrap()), None);
}

#[test]
fn columns_count_and_fade() {
    let columns =
        [Column::HttpReqRate(Duration::from_secs(10)), Column::HttpReqCnt, Column::Gpc(3), Column::ConnCur];
    let table = StickTable::new(spec(KeyType::Integer, 10, None, &columns));
    let entry = table.enter(&Key::integer(1), at(0)).unwrap();
    let slot = |metric| table.slot(metric).unwrap();
    for n in 1..=101 {
        assert_eq!(entry.add(slot(Metric::HttpReqRate), 1, at(n)), n);
        assert_eq!(entry.add(slot(Metric::HttpReqCnt), 1, at(n)), n);
    }
    assert_eq!(entry.get(slot(Metric::HttpReqRate), at(25_000)), 0);
    assert_eq!(entry.get(slot(Metric::HttpReqCnt), at(25_000)), 101);
    assert_eq!(entry.set(slot(Metric::Gpc(2)), 7, at(0)), 0);
    assert_eq!(entry.set(slot(Metric::Gpc(2)), 0, at(0)), 7);
    entry.add(slot(Metric::ConnCur), 1, at(0));
    entry.decrement(slot(Metric::ConnCur));
    entry.decrement(slot(Metric::ConnCur));
    assert_eq!(entry.get(slot(Metric::ConnCur), at(0)), 0);
    assert_eq!(table.slot(Metric::Gpc(3)), None);
    assert_eq!(table.slot(Metric::ServerId), None);
}

#[test]
fn the_oldest_makes_room() {
    let table = integers(2, None);
    for (n, now) in [(5, 1), (6, 2), (7, 3)] {
        table.enter(&Key::integer(n), at(now)).unwrap();
    }
    let keys = |table: &StickTable| {
        let mut keys: Vec<_> = table.entries(at(9)).iter().map(|e| e.key.show(KeyType::Integer)).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&table), ["6", "7"]);
    // Use keeps an entry young, a look does not.
    table.look_up(&Key::integer(7), at(4)).unwrap();
    table.enter(&Key::integer(6), at(5)).unwrap();
    table.enter(&Key::integer(8), at(6)).unwrap();
    assert_eq!(keys(&table), ["6", "8"]);
    assert_eq!(table.used(), Used { used: 2, size: 2 });
}

#[test]
fn what_is_tracked_stays() {
    let table = integers(2, Some(MINUTE));
    let tracker = table.track(&Key::integer(1), at(0)).unwrap();
    let other = table.track(&Key::integer(2), at(0)).unwrap();
    assert!(table.enter(&Key::integer(3), at(120_000)).is_none());
    assert!(table.look_up(&Key::integer(1), at(120_000)).is_some());
    assert!(!table.clear_key(&Key::integer(1)));
    drop(other);
    assert!(table.enter(&Key::integer(3), at(120_001)).is_some());
    assert!(table.look_up(&Key::integer(2), at(120_001)).is_none());
    assert_eq!(tracker.trackers(), 1);
    table.clear(|_| true);
    assert_eq!(table.used().used, 1);
    drop(tracker);
    assert!(table.clear_key(&Key::integer(1)));
    assert_eq!(table.used().used, 0);
}

#[test]
fn a_full_table_without_purging_refuses() {
    let config =
        model::StickTable { no_purge: true, ..(*spec(KeyType::Integer, 1, Some(MINUTE), &[])).clone() };
    let table = StickTable::new(Arc::new(config));
    assert!(table.enter(&Key::integer(1), at(0)).is_some());
    assert!(table.enter(&Key::integer(2), at(1)).is_none());
    assert!(table.enter(&Key::integer(2), at(60_001)).is_some());
}

#[test]
fn entries_expire_after_their_last_use() {
    let table = integers(100, Some(MINUTE));
    let entry = table.enter(&Key::integer(1), at(0)).unwrap();
    table.enter(&Key::integer(2), at(0)).unwrap();
    entry.touch(at(30_000));
    assert_eq!(table.remaining(&entry, at(31_000)), Duration::from_secs(59));
    assert!(table.look_up(&Key::integer(2), at(59_999)).is_some());
    assert!(table.look_up(&Key::integer(2), at(60_000)).is_none());
    table.expire(at(60_000));
    assert_eq!(table.used().used, 1);
    table.expire(at(90_000));
    assert_eq!(table.used().used, 0);
}

#[test]
fn a_large_table_keeps_to_its_size() {
    let table = integers(5000, None);
    for n in 0..20_000 {
        assert!(table.enter(&Key::integer(n), at(u64::from(n))).is_some());
        assert!(table.used().used <= 5000);
    }
    assert_eq!(table.entries(at(20_000)).len(), 5000);
    // Those that were dropped are old ones.
    assert!((19_000..20_000).all(|n| table.look_up(&Key::integer(n), at(20_000)).is_some()));
}

#[test]
fn workers_share_a_table() {
    let table = integers(5000, None);
    let gpc0 = table.slot(Metric::Gpc(0)).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..4_u64 {
            let table = &table;
            scope.spawn(move || {
                for n in 0..10_000_u32 {
                    let key = Key::integer(n % 8000);
                    let tracker = table.track(&key, at(u64::from(n))).unwrap();
                    tracker.add(gpc0, worker, at(0));
                }
            });
        }
    });
    assert_eq!(table.used().used, table.entries(at(0)).len() as u64);
    assert!(table.used().used <= 5000);
    assert!(table.entries(at(0)).iter().all(|entry| entry.trackers() == 0));
}

#[test]
fn a_reload_keeps_entries_of_the_same_kind() {
    let table = integers(100, None);
    table.enter(&Key::integer(1), at(0)).unwrap();
    let larger = table.carry_over(spec(KeyType::Integer, 200, Some(MINUTE), &[Column::Gpc0]));
    assert_eq!(larger.used(), Used { used: 1, size: 200 });
    let other = table.carry_over(spec(KeyType::Integer, 100, None, &[Column::Gpc1]));
    assert_eq!(other.used().used, 0);
}

// A table as one would write it without a care for speed.
struct Model {
    size: usize,
    expire: u64,
    entries: BTreeMap<u32, (u64, u64)>,
    arrivals: u64,
}

impl Model {
    fn alive(&self, used: u64, now: u64) -> bool {
        used + self.expire > now
    }

    fn enter(&mut self, key: u32, now: u64) {
        self.entries.retain(|_, (used, _)| *used + self.expire > now);
        self.arrivals += 1;
        if let Some((used, _)) = self.entries.get_mut(&key) {
            *used = now;
            return;
        }
        if self.entries.len() == self.size {
            let oldest = self.entries.iter().min_by_key(|(_, order)| **order).map(|(key, _)| *key);
            oldest.map(|key| self.entries.remove(&key));
        }
        self.entries.insert(key, (now, self.arrivals));
    }

    fn has(&self, key: u32, now: u64) -> bool {
        self.entries.get(&key).is_some_and(|(used, _)| self.alive(*used, now))
    }
}

proptest! {
    #[test]
    fn a_table_does_what_the_model_does(size in 1_usize..6, expire in 1_u64..50,
                                        steps in proptest::collection::vec((0_u32..10, 1_u64..20), 1..200)) {
        let table = integers(u32::try_from(size).unwrap(), Some(Duration::from_millis(expire)));
        let mut model = Model { size, expire, entries: BTreeMap::new(), arrivals: 0 };
        let mut now = 0;
        for (key, step) in steps {
            now += step;
            prop_assert!(table.enter(&Key::integer(key), at(now)).is_some());
            model.enter(key, now);
            table.expire(at(now));
            prop_assert_eq!(table.used().used as usize, model.entries.len());
            for key in 0..10 {
                prop_assert_eq!(table.look_up(&Key::integer(key), at(now)).is_some(), model.has(key, now), "{}", key);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_key_and_can_be_shown(bytes: Vec<u8>, length in 1_u32..40) {
        for kind in [KeyType::String(length), KeyType::Binary(length)] {
            let key = Key::bytes(kind, &bytes).unwrap();
            prop_assert!(key.as_bytes().len() <= length as usize);
            prop_assert!(key.show(kind).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}

#[test]
fn two_planes_count_together() {
    let columns = [Column::ConnCnt, Column::ConnCur, Column::ConnRate(MINUTE)];
    let table = StickTable::new(spec(KeyType::Ipv4, 10, Some(MINUTE), &columns));
    let key = Key::ip(KeyType::Ipv4, [10, 0, 0, 1].into()).unwrap();
    let slot = |metric| table.slot(metric).unwrap();
    let figures = |now: Tick| {
        let entry = table.look_up(&key, now).unwrap();
        [Metric::ConnCnt, Metric::ConnCur, Metric::ConnRate].map(|metric| entry.get(slot(metric), now))
    };
    table.share(true, at(0));
    let start = (at(0).millis() & u64::from(u32::MAX)) as u32;
    let window = |current| lb_common::rate::Window { start, current, previous: 0 };
    assert!(table.merge(&key, Counts { connections: 5, rate: window(5), open: 2 }, at(0), at(1)));
    assert_eq!(figures(at(1)), [5, 2, 5]);
    assert!(!table.clear_key(&key), "the other plane uses it");
    let entry = table.enter(&key, at(2)).unwrap();
    for metric in [Metric::ConnCnt, Metric::ConnCur, Metric::ConnRate] {
        entry.add(slot(metric), 1, at(2));
    }
    assert_eq!(figures(at(2)), [6, 3, 6]);
    assert_eq!(table.changes().0.len(), 1);
    // An operator sets less than the other plane counted, which goes on counting.
    for metric in [Metric::ConnCnt, Metric::ConnCur, Metric::ConnRate] {
        entry.set(slot(metric), 1, at(3));
    }
    assert_eq!(figures(at(3)), [1, 1, 1]);
    assert!(table.merge(&key, Counts { connections: 7, rate: window(7), open: 2 }, at(4), at(4)));
    assert_eq!(figures(at(4)), [3, 1, 3]);
    let (own, ignored) = table.own(&key, at(4)).unwrap();
    assert_eq!((own.connections, ignored), (1_u64.wrapping_sub(5), window(5)));
    // A flow that only user space knows to be over.
    entry.expired_elsewhere();
    entry.expired_elsewhere();
    assert!(table.merge(&key, Counts { connections: 7, rate: window(7), open: 2 }, at(5), at(5)));
    assert!(table.clear_key(&key));
    assert_eq!(table.changes().1.len(), 1);
    let late = Counts { connections: 1, ..Counts::default() };
    assert!(!table.merge(&key, late, at(0), at(0) + MINUTE), "what has expired is made anew");
}
