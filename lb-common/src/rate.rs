//! Sliding-window rates with HAProxy's arithmetic: the current window's count, plus the last one's share of what the
//! current window has not yet covered. Shared by the kernel plane and stick tables.

/// A counter over two windows. Ticks are of any unit (jiffies in the kernel, milliseconds in user space), as long as
/// one counter always gets the same; they may wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Window {
    /// When the current window began.
    pub start: u32,
    /// Events in the current window.
    pub current: u32,
    /// Events in the window before it.
    pub previous: u32,
}

const _: () = assert!(size_of::<Window>() == 12);

impl Window {
    /// Counts `events` at `now`, for windows of `period` ticks (not 0; 0 counts as 1).
    #[inline(always)]
    pub fn add(&mut self, now: u32, period: u32, events: u32) {
        *self = self.rotated(now, period);
        self.current = self.current.wrapping_add(events);
    }

    /// Events within the last `period` ticks, estimated: those of the current window, and of the last one the share
    /// that still lies within the period. A single event reads as 1 for a whole window rather than flapping to 0.
    #[inline(always)]
    pub fn rate(&self, now: u32, period: u32) -> u32 {
        let (current, previous, remaining) = self.parts(now, period.max(1));
        if previous <= 1 && current == 0 {
            return previous;
        }
        let share = previous as u64 * remaining as u64 / period.max(1) as u64;
        // The share is at most `previous`, so it fits.
        current.saturating_add(share as u32)
    }

    /// The windows without what `other`, which was once a copy of them, had counted by then.
    #[inline(always)]
    pub fn without(&self, other: &Self, period: u32) -> Self {
        if self.start == other.start {
            let current = self.current.saturating_sub(other.current);
            let previous = self.previous.saturating_sub(other.previous);
            Self { start: self.start, current, previous }
        } else if self.start == other.start.wrapping_add(period.max(1)) {
            Self { previous: self.previous.saturating_sub(other.current), ..*self }
        } else {
            *self
        }
    }

    /// Events of the current and of the last window, and the ticks that the last one still counts for.
    #[inline(always)]
    fn parts(&self, now: u32, period: u32) -> (u32, u32, u32) {
        let age = now.wrapping_sub(self.start);
        let twice = period.saturating_mul(2);
        if age < period {
            (self.current, self.previous, period - age)
        } else if age <= twice {
            (0, self.current, twice - age)
        } else {
            (0, 0, 0)
        }
    }

    /// The windows as they stand at `now`: windows follow each other without a gap while there are events, and start
    /// afresh after two periods of silence, or with the first event of all.
    #[inline(always)]
    fn rotated(&self, now: u32, period: u32) -> Self {
        let period = period.max(1);
        let age = now.wrapping_sub(self.start);
        if self.current | self.previous == 0 {
            Self { start: now, current: 0, previous: 0 }
        } else if age < period {
            *self
        } else if age < period.saturating_mul(2) {
            Self { start: self.start.wrapping_add(period), current: 0, previous: self.current }
        } else {
            Self { start: now, current: 0, previous: 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_steady_stream_reads_as_its_rate() {
        let mut window = Window::default();
        for tick in (0..10_000).step_by(10) {
            window.add(tick, 1000, 1);
        }
        // One event in ten ticks: 100 in a period.
        for now in [9_991, 9_995, 10_000] {
            assert!((98..=102).contains(&window.rate(now, 1000)), "{}", window.rate(now, 1000));
        }
    }

    /// What HAProxy tells at these times; its clock never is as near to its beginning as ours.
    #[test]
    fn the_first_window_begins_with_the_first_event() {
        let mut window = Window::default();
        window.add(7_000, 10_000, 60);
        window.add(13_000, 10_000, 60);
        assert_eq!(window.rate(13_000, 10_000), 120);
        assert_eq!(window.rate(16_999, 10_000), 120);
        assert_eq!(window.rate(22_000, 10_000), 60);
    }

    #[test]
    fn a_burst_fades_over_the_next_window_and_is_gone_after_it() {
        let mut window = Window { start: 5_000, ..Window::default() };
        window.add(5_000, 1000, 100);
        assert_eq!(window.rate(5_999, 1000), 100);
        assert_eq!(window.rate(6_000, 1000), 100);
        assert_eq!(window.rate(6_250, 1000), 75);
        assert_eq!(window.rate(6_999, 1000), 0);
        assert_eq!(window.rate(7_000, 1000), 0);
    }

    #[test]
    fn what_was_counted_before_can_be_left_out() {
        let mut window = Window { start: 5_000, current: 7, previous: 3 };
        let before = window;
        assert_eq!(window.without(&before, 1000).rate(5_500, 1000), 0);
        window.add(5_500, 1000, 2);
        assert_eq!(window.without(&before, 1000).rate(5_500, 1000), 2);
        window.add(6_100, 1000, 1);
        assert_eq!(window.without(&before, 1000), Window { start: 6_000, current: 1, previous: 2 });
        window.add(9_000, 1000, 1);
        assert_eq!(window.without(&before, 1000), window);
    }

    #[test]
    fn the_clock_may_wrap() {
        let mut window = Window { start: u32::MAX - 10, ..Window::default() };
        window.add(u32::MAX - 5, 100, 7);
        window.add(20, 100, 1);
        assert_eq!(window.rate(20, 100), 8);
    }

    proptest! {
        #[test]
        fn the_estimate_lies_between_the_windows(events in proptest::collection::vec((0_u32..400, 1_u32..5), 1..50),
                                                 period in 1_u32..1000) {
            let mut window = Window::default();
            let mut now = 0;
            let mut total = 0;
            for (step, count) in events {
                now += step;
                total += count;
                window.add(now, period, count);
                let rate = window.rate(now, period);
                prop_assert!(rate >= window.current && rate <= total);
                prop_assert!(rate <= window.current + window.previous);
            }
        }
    }
}
