//! `option smtpchk`: replies of mail servers (RFC 5321, section 4.2).

use super::{Answer, shown};
use crate::check::CheckStatus;

/// The first reply, by which one knows a mail server.
pub(super) fn greeting(received: &[u8], complete: bool) -> Answer {
    reply(received, complete)
}

/// A reply of one line or more: `250-first`, `250 last`.
pub(super) fn reply(received: &[u8], complete: bool) -> Answer {
    let whole =
        received.split_inclusive(|byte| *byte == b'\n').filter(|line| complete || line.ends_with(b"\n"));
    let mut first = None;
    for line in whole {
        let Some((code, text)) = code_of(line) else { return Answer::nonsense(&shown(line)) };
        let (code, words) = *first.get_or_insert((code, text));
        if !text.starts_with(b"-") {
            return judged(code, &shown(words.strip_prefix(b"-").unwrap_or(words)));
        }
    }
    Answer::short(complete, "the reply is not complete")
}

fn code_of(line: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, text) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit)
        || !matches!(text.first(), None | Some(b' ' | b'-' | b'\r' | b'\n'))
    {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Some((code, text))
}

fn judged(code: u16, text: &str) -> Answer {
    match code {
        200..300 => Answer::good(code, text),
        _ => Answer::Bad(CheckStatus::L7Status, Some(code), text.to_owned()),
    }
}
