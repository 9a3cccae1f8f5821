//! Events per second.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use lb_common::rate::Window;

use crate::tick::Tick;

/// Events within the last second, by two windows that begin with whole seconds, and the most within one of them.
///
/// Writers race only where a second begins; what they lose then is an event or two of the second before.
#[derive(Debug, Default)]
pub struct Rate {
    // The second in the upper half, its events in the lower.
    current: AtomicU64,
    // Likewise for the last second that had events before it.
    previous: AtomicU64,
    max: AtomicU32,
}

/// A second in milliseconds.
const PERIOD: u32 = 1000;

impl Rate {
    /// Counts an event.
    pub fn inc(&self, now: Tick) {
        self.add(now, 1);
    }

    /// Counts so many events.
    pub fn add(&self, now: Tick, events: u32) {
        let second = low(now.secs());
        let before = self.current.fetch_update(Relaxed, Relaxed, |window| {
            let (begun, count) = split(window);
            Some(join(second, if begun == second { count.saturating_add(events) } else { events }))
        });
        // The update never gives up, so that both arms hold what was there before.
        let (Ok(before) | Err(before)) = before;
        let (begun, count) = split(before);
        if begun != second {
            self.previous.store(before, Relaxed);
        }
        let count = if begun == second { count.saturating_add(events) } else { events };
        self.max.fetch_max(count, Relaxed);
    }

    /// Events within the last second.
    pub fn get(&self, now: Tick) -> u32 {
        let ((begun, count), (before, previous)) =
            (split(self.current.load(Relaxed)), split(self.previous.load(Relaxed)));
        let previous = if before.wrapping_add(1) == begun { previous } else { 0 };
        let window = Window { start: begun.wrapping_mul(PERIOD), current: count, previous };
        window.rate(low(now.millis()), PERIOD)
    }

    /// The most events within a whole second.
    pub fn max(&self) -> u32 {
        self.max.load(Relaxed)
    }

    /// Forgets the most.
    pub fn reset_max(&self) {
        self.max.store(0, Relaxed);
    }
}

fn join(second: u32, count: u32) -> u64 {
    u64::from(second) << 32 | u64::from(count)
}

fn split(window: u64) -> (u32, u32) {
    (low(window >> 32), low(window))
}

// The lower half; windows compare times modulo 2^32.
fn low(number: u64) -> u32 {
    (number & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_the_last_second() {
        let rate = Rate::default();
        let at = |millis: u64| Tick::from_millis(10_000_000_000 + millis);
        (0..1000).for_each(|millis| rate.inc(at(millis)));
        assert_eq!((rate.get(at(999)), rate.max()), (1000, 1000));
        assert_eq!(rate.get(at(1250)), 750);
        rate.add(at(1500), 50);
        assert_eq!((rate.get(at(1500)), rate.max()), (550, 1000));
        assert_eq!(rate.get(at(2000)), 50);
        assert_eq!(rate.get(at(5000)), 0);
        rate.inc(at(9000));
        assert_eq!(rate.get(at(9000)), 1);
        rate.reset_max();
        assert_eq!(rate.max(), 0);
    }
}
