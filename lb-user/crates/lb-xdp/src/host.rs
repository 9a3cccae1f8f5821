//! What the kernel plane reads of the host at its start.

use std::fs;
use std::ops::RangeInclusive;

use anyhow::Context;
use nix::time::{ClockId, clock_getres};

/// The ports below are for services.
const FIRST_PORT: u16 = 1024;

/// The ports that the host's own connections leave from.
const EPHEMERAL: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// The ports that flows leave from, in this network namespace: none of those that the host's own connections use.
///
/// # Errors
///
/// The kernel's range cannot be read, or leaves none.
pub fn source_ports() -> anyhow::Result<RangeInclusive<u16>> {
    let text = fs::read_to_string(EPHEMERAL).with_context(|| EPHEMERAL.to_owned())?;
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(low)), Some(Ok(high))) => pool(low..=high).with_context(|| {
            format!("{EPHEMERAL} is {low} to {high} and leaves no ports for the kernel plane")
        }),
        _ => anyhow::bail!("{EPHEMERAL} is no range: {}", text.trim()),
    }
}

/// The larger of the ranges below and above the host's own.
fn pool(ephemeral: RangeInclusive<u16>) -> Option<RangeInclusive<u16>> {
    let below = FIRST_PORT..=ephemeral.start().saturating_sub(1);
    let above = ephemeral.end().checked_add(1).map(|first| first..=u16::MAX);
    [Some(below), above]
        .into_iter()
        .flatten()
        .filter(|range| !range.is_empty())
        .max_by_key(ExactSizeIterator::len)
}

/// Jiffies in a second: the coarse clock advances with them.
///
/// # Errors
///
/// The kernel does not say.
pub fn hz() -> anyhow::Result<u32> {
    let tick =
        clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).context("clock_getres(CLOCK_MONOTONIC_COARSE)")?;
    let nanos = tick.tv_nsec();
    u32::try_from(1_000_000_000_i64.checked_div(nanos).unwrap_or(0))
        .ok()
        .filter(|&hz| hz > 0)
        .with_context(|| format!("the kernel's tick is {nanos} ns"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_stays_out_of_the_host_s_own_range() {
        let rows = [
            (32768..=60999, Some(1024..=32767)),
            (1024..=30000, Some(30001..=65535)),
            (2000..=65535, Some(1024..=1999)),
            (1024..=65535, None),
            (1..=65534, Some(65535..=65535)),
        ];
        for (ephemeral, expected) in rows {
            assert_eq!(pool(ephemeral.clone()), expected, "{ephemeral:?}");
        }
    }

    #[test]
    fn this_host_has_both() {
        assert!((100..=10_000).contains(&hz().unwrap()));
        assert!(source_ports().unwrap().len() > 1000);
    }
}
