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

/// When the next check begins, given when the last one began. With `spread-checks`, the interval is longer or shorter by
/// up to so many percent: where in between, `random` says.
pub fn next_check(began: Tick, check: &ServerCheck, phase: CheckPhase, spread: u32, random: u64) -> Tick {
    let interval = interval(check, phase);
    let room = interval * spread.min(100) / 100;
    // Of nanoseconds, a day has fewer than 2^47.
    let span = u64::try_from(room.as_nanos()).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(1);
    began + interval.saturating_sub(room) + Duration::from_nanos(random % span)
}

fn interval(check: &ServerCheck, phase: CheckPhase) -> Duration {
    let other = match phase {
        CheckPhase::Up => None,
        CheckPhase::Changing => check.fastinter,
        CheckPhase::Down => check.downinter,
    };
    other.unwrap_or(check.inter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_spread_around_their_interval() {
        let check = ServerCheck::new(None);
        let next = |spread, random| {
            let due = next_check(Tick::from_millis(1000), &check, CheckPhase::Up, spread, random);
            due.since(Tick::from_millis(1000)).as_millis()
        };
        assert_eq!(next(0, u64::MAX), 2000);
        assert_eq!(next(50, 0), 1000);
        assert_eq!(next(50, 2_000_000_000), 3000);
        for random in (0..100).map(|n| u64::MAX / 100 * n) {
            assert!((1800..=2200).contains(&next(10, random)), "{random}");
        }
    }
}
