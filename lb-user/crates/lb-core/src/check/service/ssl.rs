//! `option ssl-hello-chk`: a ClientHello of SSLv3. Servers of today refuse the version, in the form of TLS.

use super::Answer;
use crate::check::CheckStatus;

/// The version in records and in the greeting.
const SSL_3: [u8; 2] = [3, 0];
const HANDSHAKE: u8 = 0x16;
const ALERT: u8 = 0x15;
const CLIENT_HELLO: u8 = 1;
/// What stands for randomness: no secret depends on it.
const RANDOM: [u8; 32] = *b"a health check agrees on no key.";
/// The suites that SSLv3 had, by number.
const SUITES: std::ops::RangeInclusive<u16> = 1..=0x1b;
/// The header of a record.
const HEADER: usize = 5;

/// The greeting in its record.
pub(super) fn client_hello() -> Vec<u8> {
    let suites: Vec<u8> = SUITES.flat_map(u16::to_be_bytes).collect();
    let mut body = [&SSL_3[..], &RANDOM].concat();
    // No session to resume; the suites; one compression method, which is none.
    body.push(0);
    body.extend(length(suites.len()));
    body.extend(suites);
    body.extend([1, 0]);
    let hello = [&[CLIENT_HELLO, 0], &length(body.len())[..], &body].concat();
    [&[HANDSHAKE], &SSL_3[..], &length(hello.len()), &hello].concat()
}

fn length(length: usize) -> [u8; 2] {
    // The greeting has a hundred bytes.
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// The record of a handshake or of an alert.
pub(super) fn hello(received: &[u8], complete: bool) -> Answer {
    let wrong = |info: &str| Answer::Bad(CheckStatus::L6Response, None, info.to_owned());
    match received.first() {
        _ if received.len() < HEADER && !complete => Answer::More,
        Some(&(HANDSHAKE | ALERT)) if received.len() >= HEADER => {
            Answer::Good(CheckStatus::L6Ok, None, String::new())
        }
        Some(_) => wrong("not an answer of TLS"),
        None => wrong("no answer"),
    }
}
