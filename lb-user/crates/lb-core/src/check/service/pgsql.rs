//! `option pgsql-check`: the beginning of PostgreSQL's frontend/backend protocol.

use super::{Answer, shown};
use crate::check::CheckStatus;

/// Protocol 3.0.
const VERSION: u32 = 3 << 16;

/// Type, length and the number of a kind of authentication.
const SHORTEST: usize = 9;

/// Kinds of authentication that a server may ask for: none, Kerberos, passwords of every form, SCM, GSSAPI, SSPI, SASL.
const KINDS: [u32; 9] = [0, 2, 3, 4, 5, 6, 7, 9, 10];

/// StartupMessage for this user, whose name is that of the database too.
pub(super) fn startup(user: &str) -> Vec<u8> {
    let body = [&VERSION.to_be_bytes()[..], b"user\0", user.as_bytes(), &[0, 0]].concat();
    // The loader bounds names.
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body].concat()
}

/// A request for authentication, or an error.
pub(super) fn authentication(received: &[u8], complete: bool) -> Answer {
    match received.first() {
        Some(b'E') => error(received, complete),
        Some(b'R') if received.len() < SHORTEST => Answer::short(complete, "the answer is not complete"),
        Some(b'R') if kind(received).is_some_and(|kind| KINDS.contains(&kind)) => Answer::good(0, ""),
        Some(_) => Answer::no(0, "not an answer of PostgreSQL"),
        None => Answer::short(complete, "no answer"),
    }
}

fn kind(message: &[u8]) -> Option<u32> {
    message.get(5..9)?.try_into().ok().map(u32::from_be_bytes)
}

/// Fields, each a letter and a text; `M` is the message.
fn error(message: &[u8], complete: bool) -> Answer {
    let length = message.get(1..5).and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)));
    let whole = length.is_some_and(|length| message.len() > length as usize);
    if !whole && !complete {
        return Answer::More;
    }
    let fields = message.get(5..).unwrap_or_default().split(|byte| *byte == 0);
    let text = fields.filter_map(|field| field.strip_prefix(b"M")).next().unwrap_or_default();
    Answer::Bad(CheckStatus::L7Response, None, shown(text))
}
