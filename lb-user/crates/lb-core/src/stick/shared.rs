//! What two planes count of the same keys. Each counts by itself and tells the other; an entry's figures are the sums.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use lb_common::rate::Window;
use parking_lot::Mutex;

use super::key::Key;

/// What one plane counted of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections; wraps, so that the sum can be set to less than what the other plane counted.
    pub connections: u64,
    /// Connections in the current and the last window, by the lower half of ticks.
    pub rate: Window,
    /// Connections that are open; wraps likewise.
    pub open: u32,
}

/// What the other plane counted, as an entry keeps it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Foreign {
    pub(super) counts: Counts,
    /// Its window when an operator set the rate: that much does not count.
    pub(super) ignored: Window,
    /// Connections that it will not see closing.
    pub(super) expired: u32,
}

impl Foreign {
    pub(super) fn open(&self) -> u32 {
        self.counts.open.wrapping_sub(self.expired)
    }
}

/// Keys that a journal holds, at most, should nobody read it for long. What is beyond waits for its next change.
const MOST: usize = 1 << 16;

fn note(keys: &mut HashSet<Key>, key: &Key) {
    if keys.len() < MOST {
        keys.insert(key.clone());
    }
}

/// What of a table the other plane has not been told.
#[derive(Debug, Default)]
pub(super) struct Journal {
    on: AtomicBool,
    changed: Mutex<HashSet<Key>>,
    gone: Mutex<HashSet<Key>>,
}

impl Journal {
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    pub(super) fn turn(&self, on: bool) -> bool {
        if !on {
            self.changed.lock().clear();
            self.gone.lock().clear();
        }
        self.on.swap(on, Relaxed)
    }

    pub(super) fn changed(&self, key: &Key) {
        if self.is_on() {
            note(&mut self.changed.lock(), key);
        }
    }

    pub(super) fn gone(&self, key: &Key) {
        if self.is_on() {
            note(&mut self.gone.lock(), key);
        }
    }

    pub(super) fn take(&self) -> (HashSet<Key>, HashSet<Key>) {
        (std::mem::take(&mut *self.changed.lock()), std::mem::take(&mut *self.gone.lock()))
    }
}
