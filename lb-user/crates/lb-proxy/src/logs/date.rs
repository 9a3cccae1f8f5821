//! Wall-clock time, as the machine's time zone has it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970.
pub(crate) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A second of local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalTime {
    /// The year, such as 2026.
    pub(crate) year: i32,
    /// From 1.
    pub(crate) month: u8,
    /// From 1.
    pub(crate) day: u8,
    /// From 0 to 23.
    pub(crate) hour: u8,
    /// From 0 to 59.
    pub(crate) minute: u8,
    /// From 0 to 60.
    pub(crate) second: u8,
    /// Seconds east of Greenwich.
    pub(crate) offset: i32,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl LocalTime {
    /// The local time of a second since 1970.
    pub(crate) fn of(seconds: u64) -> Self {
        let seconds = libc::time_t::try_from(seconds).unwrap_or(libc::time_t::MAX);
        // SAFETY: a tm is made of numbers and of a pointer that may be null.
        let mut tm: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are valid for the call; a second too far off leaves the zeros.
        unsafe { libc::localtime_r(&raw const seconds, &raw mut tm) };
        let small = |n: i32| u8::try_from(n).unwrap_or(0);
        Self {
            year: tm.tm_year.saturating_add(1900),
            month: small(tm.tm_mon) + 1,
            day: small(tm.tm_mday).max(1),
            hour: small(tm.tm_hour),
            minute: small(tm.tm_min),
            second: small(tm.tm_sec),
            offset: i32::try_from(tm.tm_gmtoff).unwrap_or(0),
        }
    }

    /// The English name of the month, in three letters.
    pub(crate) fn month_name(&self) -> &'static str {
        MONTHS[usize::from(self.month - 1) % MONTHS.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_is_the_offset_away_from_utc() {
        let time = LocalTime::of(1_000_000_000);
        // 2001-09-09T01:46:40Z
        let seconds = i32::from(time.hour) * 3600 + i32::from(time.minute) * 60 + i32::from(time.second);
        assert_eq!((seconds - time.offset).rem_euclid(86_400), 3600 + 46 * 60 + 40);
        assert_eq!((time.year, time.month_name()), (2001, "Sep"));
    }
}
