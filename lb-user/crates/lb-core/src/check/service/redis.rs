//! `option redis-check`: PING (the Redis serialization protocol).

use super::{Answer, shown};

/// An array of one bulk string.
pub(super) const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

pub(super) fn pong(received: &[u8], complete: bool) -> Answer {
    match received.iter().position(|byte| *byte == b'\n') {
        _ if received.starts_with(b"+PONG\r\n") => Answer::good(0, ""),
        Some(end) => Answer::no(0, shown(received.get(..end).unwrap_or_default())),
        None if complete => Answer::no(0, "no answer"),
        None => Answer::More,
    }
}
