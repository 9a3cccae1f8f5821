//! Dates in cookies: `maxidle` and `maxlife` of `cookie`.
//!
//! They stand behind the server's value, each behind a bar: when the cookie was seen last, and when it was first. A date
//! is a count of four seconds since 1970 in five characters of base64.

use std::time::Duration;

use lb_conf::model::Cookie;

use crate::logs::wall_clock;

/// Characters of a date.
const DIGITS: usize = 5;

/// A date that far ahead of the clock is none.
const TOLERANCE: u64 = 24 * 60 * 60;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// When a cookie was seen last and first, in seconds since 1970.
pub(super) type Dates = (Option<u64>, Option<u64>);

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    wall_clock().as_secs()
}

/// A cookie's value with its dates.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dated<'a> {
    /// What is before them.
    pub(super) value: &'a [u8],
    last: Option<u64>,
    first: Option<u64>,
}

impl<'a> Dated<'a> {
    /// Reads a value.
    pub(super) fn read(text: &'a [u8]) -> Self {
        let mut parts = text.split(|b| *b == b'|');
        let value = parts.next().unwrap_or_default();
        Self { value, last: parts.next().and_then(decode), first: parts.next().and_then(decode) }
    }

    /// Why it does not count any more: `O` too old, `E` too long unused.
    pub(super) fn fault(&self, cookie: &Cookie, now: u64) -> Option<u8> {
        let over = |date: Option<u64>, limit: Option<Duration>| match (date, limit) {
            (Some(date), Some(limit)) => now.saturating_sub(date) > limit.as_secs() || date > now + TOLERANCE,
            _ => false,
        };
        if over(self.first, cookie.max_life) {
            Some(b'O')
        } else {
            over(self.last, cookie.max_idle).then_some(b'E')
        }
    }

    /// When it was seen last and first.
    pub(super) fn dates(&self) -> Dates {
        (self.last, self.first)
    }
}

/// Whether the dates in a cookie are to be renewed, or the cookie has some that it should not have.
pub(super) fn is_stale(cookie: &Cookie, (last, first): Dates, now: u64) -> bool {
    let by_use = (cookie.max_idle.is_some() || last.is_some()) && last.is_none_or(|last| last < now);
    by_use || cookie.max_life.is_some() != first.is_some()
}

/// A value with the dates that the configuration wants.
pub(super) fn dated(cookie: &Cookie, value: &str, (_, first): Dates, now: u64) -> String {
    let mut out = value.to_owned();
    if cookie.max_idle.is_some() || cookie.max_life.is_some() {
        push(now + 3, &mut out);
    }
    if cookie.max_life.is_some() {
        push(first.unwrap_or(now + 3), &mut out);
    }
    out
}

fn push(date: u64, out: &mut String) {
    out.push('|');
    for digit in (0..DIGITS).rev() {
        let bits = (date >> 2 >> (6 * digit)) & 63;
        out.push(char::from(ALPHABET[usize::try_from(bits).unwrap_or(0)]));
    }
}

fn decode(text: &[u8]) -> Option<u64> {
    let digits = text.get(..DIGITS)?.iter().map(|b| ALPHABET.iter().position(|a| a == b));
    let count = digits.into_iter().try_fold(0, |sum, digit| Some(sum << 6 | digit? as u64))?;
    (count > 0).then_some(count << 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written() {
        let mut cookie = Cookie::passive("c");
        assert_eq!(dated(&cookie, "s1", (None, None), 1_000_000_000), "s1");
        cookie.max_idle = Some(Duration::from_secs(60));
        cookie.max_life = Some(Duration::from_secs(600));
        let text = dated(&cookie, "s1", (None, Some(999_999_600)), 1_000_000_000);
        let read = Dated::read(text.as_bytes());
        assert_eq!(read, Dated { value: b"s1", last: Some(1_000_000_000), first: Some(999_999_600) });
        assert_eq!(read.fault(&cookie, 1_000_000_030), None);
        assert_eq!(read.fault(&cookie, 1_000_000_100), Some(b'E'));
        assert_eq!(read.fault(&cookie, 1_000_000_300), Some(b'O'));
        assert!(is_stale(&cookie, read.dates(), 1_000_000_001));
        assert_eq!(Dated::read(b"s1|??").dates(), (None, None));
    }
}
