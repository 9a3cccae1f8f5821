//! When a server is checked.

use std::time::Duration;

use lb_conf::model::ServerCheck;

use crate::tick::Tick;

/// How sure the state of a server is, for the choice among `inter`, `fastinter` and `downinter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckPhase {
    /// Up, and the last check passed.
    Up,
    /// On the way up or down.
    Changing,
    /// Down, and the last check failed.
    Down,
}

/// When the first check of the `index`th of `count` checked servers begins: they spread over the shortest of
/// their intervals, `shortest`, so that they do not begin together.
pub fn first_check(start: Tick, shortest: Duration, index: usize, count: usize) -> Tick {
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    start + shortest.saturating_mul(index) / count
}

/// When the next check begins, given when the last one began.
pub fn next_check(began: Tick, check: &ServerCheck, phase: CheckPhase) -> Tick {
    began + interval(check, phase)
}

fn interval(check: &ServerCheck, phase: CheckPhase) -> Duration {
    let other = match phase {
        CheckPhase::Up => None,
        CheckPhase::Changing => check.fastinter,
        CheckPhase::Down => check.downinter,
    };
    other.unwrap_or(check.inter)
}
