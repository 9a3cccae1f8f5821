//! Entries of stick tables.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lb_common::rate::Window;
use lb_common::rule::Column;
use parking_lot::Mutex;

use super::columns::{Layout, Slot};
use super::key::Key;
use super::shared::{Counts, Foreign, Journal};
use crate::tick::Tick;

/// What a table remembers of a key.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// Its number in the table, never used again.
    pub id: u64,
    // When it was last used.
    used: AtomicU64,
    // By which time its shard has it in order; changed under the shard's lock only.
    pub(super) filed: AtomicU64,
    // Sessions that track it: it stays as long as there is one.
    trackers: AtomicU32,
    cells: Mutex<Box<[Cell]>>,
    // Locked after the cells where both are.
    foreign: Mutex<Foreign>,
    journal: Arc<Journal>,
}

#[derive(Clone, Copy, Debug)]
enum Cell {
    Count(u64),
    Rate(Window),
}

impl Entry {
    pub(super) fn new(id: u64, key: Key, layout: &Layout, journal: &Arc<Journal>, now: Tick) -> Self {
        let cell =
            |period: Option<Duration>| period.map_or(Cell::Count(0), |_| Cell::Rate(Window::default()));
        let cells = layout.cells.iter().map(|column| cell(column.period)).collect();
        Self {
            key,
            id,
            used: AtomicU64::new(now.millis()),
            filed: AtomicU64::new(now.millis()),
            trackers: AtomicU32::new(0),
            cells: Mutex::new(cells),
            foreign: Mutex::default(),
            journal: Arc::clone(journal),
        }
    }

    // Where its shard has it in order.
    pub(super) fn place(&self) -> (Tick, u64) {
        (Tick::from_millis(self.filed.load(Relaxed)), self.id)
    }

    /// When it was last used.
    pub fn used(&self) -> Tick {
        Tick::from_millis(self.used.load(Relaxed))
    }

    /// Sessions that track it, in both planes.
    pub fn trackers(&self) -> u32 {
        let elsewhere = self.foreign.lock().open();
        self.trackers.load(Relaxed).saturating_add(if elsewhere > i32::MAX as u32 { 0 } else { elsewhere })
    }

    /// What this plane counted, and of the other's window what does not count.
    pub fn own(&self, slots: &[Option<Slot>; 3]) -> (Counts, Window) {
        let foreign = *self.foreign.lock();
        let mut own = Counts { open: 0_u32.wrapping_sub(foreign.expired), ..Counts::default() };
        let cells = self.cells.lock();
        for slot in slots.iter().flatten() {
            match (slot.shared, cells.get(slot.index)) {
                (Some(Column::Connections), Some(Cell::Count(count))) => own.connections = *count,
                // The lower half: it wraps.
                (Some(Column::Open), Some(Cell::Count(count))) => {
                    own.open = own.open.wrapping_add(*count as u32)
                }
                (Some(Column::Rate), Some(Cell::Rate(window))) => own.rate = *window,
                _ => {}
            }
        }
        (own, foreign.ignored)
    }

    /// Takes note of what the other plane counted so far.
    pub(super) fn set_foreign(&self, counts: Counts) {
        self.foreign.lock().counts = counts;
    }

    /// The other plane will not see a connection closing that it counts as open.
    pub fn expired_elsewhere(&self) {
        let mut foreign = self.foreign.lock();
        foreign.expired = foreign.expired.wrapping_add(1);
        drop(foreign);
        self.journal.changed(&self.key);
    }

    /// It is used now.
    pub fn touch(&self, now: Tick) {
        self.used.fetch_max(now.millis(), Relaxed);
    }

    /// A number, or what a rate is now.
    pub fn get(&self, slot: Slot, now: Tick) -> u64 {
        let own = match (self.cells.lock().get(slot.index), slot.period) {
            (Some(Cell::Count(count)), _) => *count,
            (Some(Cell::Rate(window)), Some(period)) => u64::from(window.rate(low(now), millis(period))),
            _ => 0,
        };
        self.sum(slot, own, now)
    }

    // With what the other plane counted.
    fn sum(&self, slot: Slot, own: u64, now: Tick) -> u64 {
        let Some(column) = slot.shared else { return own };
        let foreign = *self.foreign.lock();
        match column {
            Column::Connections => own.wrapping_add(foreign.counts.connections),
            Column::Open => {
                let open = (own as u32).wrapping_add(foreign.open());
                if open > i32::MAX as u32 { 0 } else { u64::from(open) }
            }
            Column::Rate => {
                let period = slot.period.map_or(1, millis);
                let rate = foreign.counts.rate.without(&foreign.ignored, period).rate(low(now), period);
                own + u64::from(rate)
            }
        }
    }

    /// Adds to a number, or so many events to a rate; returns what it is then.
    pub fn add(&self, slot: Slot, more: u64, now: Tick) -> u64 {
        let own = match (self.cells.lock().get_mut(slot.index), slot.period) {
            (Some(Cell::Count(count)), _) => {
                *count =
                    if slot.shared.is_some() { count.wrapping_add(more) } else { count.saturating_add(more) };
                *count
            }
            (Some(Cell::Rate(window)), Some(period)) => {
                window.add(low(now), millis(period), u32::try_from(more).unwrap_or(u32::MAX));
                u64::from(window.rate(low(now), millis(period)))
            }
            _ => 0,
        };
        self.changed(slot);
        self.sum(slot, own, now)
    }

    fn changed(&self, slot: Slot) {
        if slot.shared.is_some() {
            self.journal.changed(&self.key);
        }
    }

    /// Takes one from a number that is not 0.
    pub fn decrement(&self, slot: Slot) {
        if self.get(slot, Tick::ZERO) == 0 {
            return;
        }
        if let Some(Cell::Count(count)) = self.cells.lock().get_mut(slot.index) {
            *count = count.wrapping_sub(1);
        }
        self.changed(slot);
    }

    /// Sets a number, or what a rate is from now on; returns what it was.
    pub fn set(&self, slot: Slot, value: u64, now: Tick) -> u64 {
        let before = self.get(slot, now);
        let foreign = *self.foreign.lock();
        let elsewhere = match slot.shared {
            Some(Column::Connections) => foreign.counts.connections,
            Some(Column::Open) => u64::from(foreign.open()),
            _ => 0,
        };
        match self.cells.lock().get_mut(slot.index) {
            Some(Cell::Count(count)) => *count = value.wrapping_sub(elsewhere),
            Some(Cell::Rate(window)) => {
                let current = u32::try_from(value).unwrap_or(u32::MAX);
                *window = Window { start: low(now), current, previous: 0 };
            }
            None => {}
        }
        if slot.shared == Some(Column::Rate) {
            self.foreign.lock().ignored = foreign.counts.rate;
        }
        self.changed(slot);
        before
    }
}

// Windows compare times modulo 2^32.
fn low(now: Tick) -> u32 {
    (now.millis() & u64::from(u32::MAX)) as u32
}

fn millis(period: Duration) -> u32 {
    u32::try_from(period.as_millis()).unwrap_or(u32::MAX)
}

/// An entry that a session tracks: it stays in its table until this is dropped.
#[derive(Debug)]
pub struct Tracker(Arc<Entry>);

impl Tracker {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        entry.trackers.fetch_add(1, Relaxed);
        Self(entry)
    }

    /// The entry.
    pub fn entry(&self) -> &Arc<Entry> {
        &self.0
    }
}

impl Deref for Tracker {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.0
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.0.trackers.fetch_sub(1, Relaxed);
    }
}
