//! Tables: look-up, insertion, expiry.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use lb_common::rate::Window;
use lb_conf::model;
use parking_lot::Mutex;

use super::columns::{self, Cell, Layout, Metric, Slot};
use super::entry::{Entry, Tracker};
use super::key::Key;
use super::shared::{Counts, Journal};
use crate::tick::Tick;

/// Tables of fewer entries have one shard, so that the oldest entry of all makes room for a new one; in larger ones
/// it is the oldest of a shard.
const SMALL: u32 = 4096;

/// Shards of larger tables: more than workers, so that two hardly ever want the same.
const SHARDS: usize = 64;

/// Entries that an insertion looks at for expired ones: more than one, so that they do not gather.
const SWEEP: usize = 2;

/// A stick table of one configuration, with the entries that outlive it.
#[derive(Debug)]
pub struct StickTable {
    /// As configured.
    pub config: Arc<model::StickTable>,
    live: Arc<Live>,
}

#[derive(Debug)]
struct Live {
    layout: Layout,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    used: AtomicUsize,
    next_id: AtomicU64,
    journal: Arc<Journal>,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Key, Arc<Entry>>,
    // By when they were used, as far as is known: an entry that was used since is put where it belongs when it comes
    // to the front.
    order: BTreeMap<(Tick, u64), Arc<Entry>>,
}

impl Shard {
    // The entry that was not used for longest, of those that no session tracks. Those that are tracked count as used.
    fn oldest_untracked(&mut self, now: Tick) -> Option<Arc<Entry>> {
        loop {
            let (&place, entry) = self.order.first_key_value()?;
            let entry = Arc::clone(entry);
            let tracked = entry.trackers() > 0;
            let used = if tracked { entry.used().max(now) } else { entry.used() };
            if used <= place.0 {
                return (!tracked).then_some(entry);
            }
            self.order.remove(&place);
            entry.filed.store(used.millis(), Relaxed);
            self.order.insert(entry.place(), entry);
        }
    }
}

/// How many entries a table has, and how many it could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// There are.
    pub used: u64,
    /// There could be.
    pub size: u64,
}

impl StickTable {
    /// An empty table.
    pub fn new(config: Arc<model::StickTable>) -> Self {
        let shards = if config.size < SMALL { 1 } else { SHARDS };
        let live = Live {
            layout: Layout::new(&config.columns),
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            used: AtomicUsize::new(0),
            next_id: AtomicU64::new(1),
            journal: Arc::default(),
        };
        Self { config, live: Arc::new(live) }
    }

    /// The same table under another configuration, with its entries if they are of the same kind.
    pub(crate) fn carry_over(&self, config: Arc<model::StickTable>) -> Self {
        let fits = config.key == self.config.key && Layout::new(&config.columns) == self.live.layout;
        if fits { Self { config, live: Arc::clone(&self.live) } } else { Self::new(config) }
    }

    /// Where entries keep a metric; None: this table does not store it.
    pub fn slot(&self, metric: Metric) -> Option<Slot> {
        self.live.layout.slot(metric)
    }

    /// The same by the column's name.
    pub(crate) fn slot_named(&self, name: &str) -> Option<Slot> {
        self.live.layout.slot_named(name)
    }

    /// Whether any table could have a column of this name.
    pub(crate) fn knows(name: &str) -> bool {
        columns::is_known(name)
    }

    /// The columns' names, in the order in which they are shown, with their slots.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, Slot)> {
        let slot = |(index, cell): (usize, &Cell)| cell.slot(index);
        self.live.layout.cells.iter().enumerate().map(move |(index, cell)| (&*cell.name, slot((index, cell))))
    }

    /// How full it is.
    pub fn used(&self) -> Used {
        Used { used: self.live.used.load(Relaxed) as u64, size: u64::from(self.config.size) }
    }

    fn shard(&self, key: &Key) -> usize {
        // The remainder is less than the number of shards, which is a usize.
        (self.live.hasher.hash_one(key) % self.live.shards.len() as u64) as usize
    }

    fn expired(&self, entry: &Entry, now: Tick) -> bool {
        self.config.expire.is_some_and(|expire| entry.trackers() == 0 && entry.used() + expire <= now)
    }

    /// How long an entry stays if it is not used; zero: until its place is needed.
    pub fn remaining(&self, entry: &Entry, now: Tick) -> Duration {
        self.config.expire.map_or(Duration::ZERO, |expire| (entry.used() + expire).since(now))
    }

    /// The entry of a key, if there is one. Looking does not use it.
    pub fn look_up(&self, key: &Key, now: Tick) -> Option<Arc<Entry>> {
        let shard = self.live.shards.get(self.shard(key))?.lock();
        shard.entries.get(key).filter(|entry| !self.expired(entry, now)).cloned()
    }

    /// The entry of a key, made if there is none, and used now. None: the table is full and may drop nothing.
    pub fn enter(&self, key: &Key, now: Tick) -> Option<Arc<Entry>> {
        self.enter_with(key, now, Arc::clone)
    }

    /// The same, to be kept as long as a session tracks it.
    pub fn track(&self, key: &Key, now: Tick) -> Option<Tracker> {
        self.enter_with(key, now, |entry| Tracker::new(Arc::clone(entry)))
    }

    // `take` sees the entry while its shard is locked, so that it is not dropped in between.
    fn enter_with<T>(&self, key: &Key, now: Tick, take: impl Fn(&Arc<Entry>) -> T) -> Option<T> {
        let index = self.shard(key);
        let mut shard = self.live.shards.get(index)?.lock();
        self.sweep(&mut shard, now, SWEEP);
        if let Some(entry) = shard.entries.get(key).filter(|entry| !self.expired(entry, now)) {
            entry.touch(now);
            return Some(take(entry));
        }
        if let Some(entry) = shard.entries.get(key).cloned() {
            self.remove(&mut shard, &entry);
        }
        if self.live.used.fetch_add(1, Relaxed) < self.config.size as usize {
            return Some(take(&self.insert(&mut shard, key, now)));
        }
        // Full: the oldest has to go, of this shard or, if there is none, of another one.
        if self.make_room(&mut shard, now) {
            return Some(take(&self.insert(&mut shard, key, now)));
        }
        drop(shard);
        if self.make_room_elsewhere(index, now) {
            let mut shard = self.live.shards.get(index)?.lock();
            return Some(take(&self.insert(&mut shard, key, now)));
        }
        self.live.used.fetch_sub(1, Relaxed);
        None
    }

    fn insert(&self, shard: &mut Shard, key: &Key, now: Tick) -> Arc<Entry> {
        let id = self.live.next_id.fetch_add(1, Relaxed);
        let entry = Arc::new(Entry::new(id, key.clone(), &self.live.layout, &self.live.journal, now));
        // Another worker may have made it while the shard was not locked.
        if let Some(twin) = shard.entries.get(key) {
            self.live.used.fetch_sub(1, Relaxed);
            return Arc::clone(twin);
        }
        shard.order.insert(entry.place(), Arc::clone(&entry));
        shard.entries.insert(key.clone(), Arc::clone(&entry));
        entry
    }

    fn make_room(&self, shard: &mut Shard, now: Tick) -> bool {
        let oldest = if self.config.no_purge { None } else { shard.oldest_untracked(now) };
        oldest.map(|oldest| self.remove(shard, &oldest)).is_some()
    }

    fn make_room_elsewhere(&self, index: usize, now: Tick) -> bool {
        let others = self.live.shards.iter().cycle().skip(index + 1).take(self.live.shards.len());
        others.into_iter().any(|shard| self.make_room(&mut shard.lock(), now))
    }

    fn remove(&self, shard: &mut Shard, entry: &Arc<Entry>) {
        shard.entries.remove(&entry.key);
        shard.order.remove(&entry.place());
        self.live.used.fetch_sub(1, Relaxed);
        self.live.journal.gone(&entry.key);
    }

    /// Whether another plane counts by the same keys. Once it does, it is to be told of all entries.
    pub fn share(&self, on: bool, now: Tick) {
        if !self.live.journal.turn(on) && on {
            self.entries(now).iter().for_each(|entry| self.live.journal.changed(&entry.key));
        }
    }

    /// The keys whose entries have changed since the last call, and those whose entries are gone.
    pub fn changes(&self) -> (HashSet<Key>, HashSet<Key>) {
        self.live.journal.take()
    }

    /// What this plane counted of a key, and of the other's window what does not count. None: there is no entry.
    pub fn own(&self, key: &Key, now: Tick) -> Option<(Counts, Window)> {
        let slots = [Metric::ConnCnt, Metric::ConnRate, Metric::ConnCur].map(|metric| self.slot(metric));
        Some(self.look_up(key, now)?.own(&slots))
    }

    /// Takes note of what the other plane counted of a key so far, and when it last did. False: that is too long ago, or
    /// there is no room.
    pub fn merge(&self, key: &Key, counts: Counts, used: Tick, now: Tick) -> bool {
        let alive = self.config.expire.is_none_or(|expire| counts.open > 0 || used + expire > now);
        let entry = if alive { self.enter(key, used) } else { None };
        entry.map(|entry| entry.set_foreign(counts)).is_some()
    }

    // Drops expired entries from the front of the order, at most so many.
    fn sweep(&self, shard: &mut Shard, now: Tick, most: usize) {
        if self.config.expire.is_none() {
            return;
        }
        for _ in 0..most {
            match shard.oldest_untracked(now) {
                Some(oldest) if self.expired(&oldest, now) => self.remove(shard, &oldest),
                _ => return,
            }
        }
    }

    /// Drops all entries that have expired: to be called now and then.
    pub fn expire(&self, now: Tick) {
        for shard in &self.live.shards {
            self.sweep(&mut shard.lock(), now, usize::MAX);
        }
    }

    /// Drops the entry of a key unless a session tracks it; whether there is none now.
    pub fn clear_key(&self, key: &Key) -> bool {
        let Some(shard) = self.live.shards.get(self.shard(key)) else { return true };
        let mut shard = shard.lock();
        let Some(entry) = shard.entries.get(key).cloned() else { return true };
        let free = entry.trackers() == 0;
        if free {
            self.remove(&mut shard, &entry);
        }
        free
    }

    /// Drops all entries that are as `which` says, save those that a session tracks.
    pub fn clear(&self, which: impl Fn(&Entry) -> bool) {
        for shard in &self.live.shards {
            let mut shard = shard.lock();
            let gone: Vec<_> =
                shard.entries.values().filter(|e| e.trackers() == 0 && which(e)).cloned().collect();
            for entry in gone {
                self.remove(&mut shard, &entry);
            }
        }
    }

    /// All entries, in no order.
    pub fn entries(&self, now: Tick) -> Vec<Arc<Entry>> {
        let mut entries = Vec::new();
        for shard in &self.live.shards {
            entries.extend(shard.lock().entries.values().filter(|entry| !self.expired(entry, now)).cloned());
        }
        entries
    }
}
