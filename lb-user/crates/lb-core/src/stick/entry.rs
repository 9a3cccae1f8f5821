//! Entries of stick tables.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lb_common::rate::Window;
use parking_lot::Mutex;

use super::columns::{Layout, Slot};
use super::key::Key;
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
}

#[derive(Clone, Copy, Debug)]
enum Cell {
    Count(u64),
    Rate(Window),
}

impl Entry {
    pub(super) fn new(id: u64, key: Key, layout: &Layout, now: Tick) -> Self {
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

    /// Sessions that track it.
    pub fn trackers(&self) -> u32 {
        self.trackers.load(Relaxed)
    }

    /// It is used now.
    pub fn touch(&self, now: Tick) {
        self.used.fetch_max(now.millis(), Relaxed);
    }

    /// A number, or what a rate is now.
    pub fn get(&self, slot: Slot, now: Tick) -> u64 {
        match (self.cells.lock().get(slot.index), slot.period) {
            (Some(Cell::Count(count)), _) => *count,
            (Some(Cell::Rate(window)), Some(period)) => u64::from(window.rate(low(now), millis(period))),
            _ => 0,
        }
    }

    /// Adds to a number, or so many events to a rate; returns what it is then.
    pub fn add(&self, slot: Slot, more: u64, now: Tick) -> u64 {
        match (self.cells.lock().get_mut(slot.index), slot.period) {
            (Some(Cell::Count(count)), _) => {
                *count = count.saturating_add(more);
                *count
            }
            (Some(Cell::Rate(window)), Some(period)) => {
                window.add(low(now), millis(period), u32::try_from(more).unwrap_or(u32::MAX));
                u64::from(window.rate(low(now), millis(period)))
            }
            _ => 0,
        }
    }

    /// Takes one from a number that is not 0.
    pub fn decrement(&self, slot: Slot) {
        if let Some(Cell::Count(count)) = self.cells.lock().get_mut(slot.index) {
            *count = count.saturating_sub(1);
        }
    }

    /// Sets a number, or what a rate is from now on; returns what it was.
    pub fn set(&self, slot: Slot, value: u64, now: Tick) -> u64 {
        let before = self.get(slot, now);
        match self.cells.lock().get_mut(slot.index) {
            Some(Cell::Count(count)) => *count = value,
            Some(Cell::Rate(window)) => {
                let current = u32::try_from(value).unwrap_or(u32::MAX);
                *window = Window { start: low(now), current, previous: 0 };
            }
            None => {}
        }
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
