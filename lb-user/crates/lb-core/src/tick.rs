//! The monotonic time that callers pass in.

use std::ops::Add;
use std::time::Duration;

/// Milliseconds of a monotonic clock since an instant that the daemon chose, at its start or before.
///
/// Sixty-four bits do not wrap within the life of any machine, so ticks are compared as plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The instant from which ticks count.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds after [`Tick::ZERO`].
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since [`Tick::ZERO`].
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since [`Tick::ZERO`].
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// The time from `earlier` to this; zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Tick {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}
