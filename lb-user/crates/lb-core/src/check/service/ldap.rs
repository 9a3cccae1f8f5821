//! `option ldap-check`: an anonymous simple bind (RFC 4511).

use super::Answer;

/// BindRequest of message 1: version 3, no name, no password.
pub(super) const BIND: &[u8] =
    &[0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00];

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const ENUMERATED: u8 = 0x0a;
/// BindResponse: application tag 1, constructed.
const BIND_RESPONSE: u8 = 0x61;

/// The shortest answer to a bind: a result without a name and a text. Less is waited for.
const SHORTEST: usize = 14;

/// Why there is no result.
enum Trouble {
    /// It may still come.
    Short,
    /// It is something else.
    Wrong,
}

pub(super) fn bind_response(received: &[u8], complete: bool) -> Answer {
    let result = if received.len() < SHORTEST { Err(Trouble::Short) } else { result_code(received) };
    match result {
        Ok(0) => Answer::good(0, ""),
        Ok(code) => Answer::no(u16::from(code), format!("LDAP result {code} (RFC 4511, 4.1.9)")),
        Err(Trouble::Short) => Answer::short(complete, "not an answer of LDAPv3"),
        Err(Trouble::Wrong) => Answer::nonsense("not an answer of LDAPv3"),
    }
}

/// LDAPMessage { messageID 1, BindResponse { resultCode, … } }
fn result_code(message: &[u8]) -> Result<u8, Trouble> {
    let message = enter(message, SEQUENCE)?;
    let response = past(message, &[INTEGER, 1, 1])?;
    let response = enter(response, BIND_RESPONSE)?;
    past(response, &[ENUMERATED, 1])?.first().copied().ok_or(Trouble::Short)
}

/// What stands in an element of this tag, as far as it is there: the code comes first.
fn enter(bytes: &[u8], tag: u8) -> Result<&[u8], Trouble> {
    let (&length, rest) = past(bytes, &[tag])?.split_first().ok_or(Trouble::Short)?;
    // Bit 8: the other bits say how many bytes the length has.
    let further = if length & 0x80 == 0 { 0 } else { usize::from(length & 0x7f) };
    rest.get(further..).ok_or(Trouble::Short)
}

fn past<'a>(bytes: &'a [u8], begin: &[u8]) -> Result<&'a [u8], Trouble> {
    match bytes.strip_prefix(begin) {
        Some(rest) => Ok(rest),
        None if begin.starts_with(bytes) => Err(Trouble::Short),
        None => Err(Trouble::Wrong),
    }
}
