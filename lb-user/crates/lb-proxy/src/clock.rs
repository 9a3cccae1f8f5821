//! The one clock of the daemon.

use std::time::Instant;

use lb_core::Tick;

/// Turns instants into the ticks that the state and the checks count in.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
}

impl Clock {
    /// A clock whose ticks count from now.
    pub fn start() -> Self {
        Self { zero: Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Tick {
        self.at(Instant::now())
    }

    /// The tick of an instant; the clock's start for one before it.
    pub fn at(&self, instant: Instant) -> Tick {
        let millis = instant.saturating_duration_since(self.zero).as_millis();
        Tick::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}
