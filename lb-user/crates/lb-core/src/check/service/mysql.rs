//! `option mysql-check`: the beginning of MySQL's client/server protocol.

use lb_conf::model::MysqlUser;

use super::{Answer, shown};

/// Capabilities: PROTOCOL_41 and SECURE_CONNECTION, so that the password has a length, which is 0.
const POST_41: u32 = 0x0000_8200;
/// Capabilities of the short form: SECURE_CONNECTION.
const PRE_41: u16 = 0x8000;
/// The largest packet that is taken, in the long form: 16 MiB and its header's bit.
const MAX_PACKET: u32 = 0x0100_8000;
/// Character set 33: UTF-8.
const UTF_8: u8 = 33;
/// Bytes that the long form keeps for later.
const RESERVED: usize = 23;
/// COM_QUIT in a packet of its own.
const QUIT: &[u8] = &[1, 0, 0, 0, 1];
/// The first byte of an error packet.
const ERROR: u8 = 0xff;
/// Versions of the protocol, which is the first byte of a greeting.
const VERSIONS: [u8; 2] = [9, 10];

/// The answer to the server's greeting, which goes out before it, and COM_QUIT.
pub(super) fn login(user: &MysqlUser) -> Vec<u8> {
    let mut body = if user.pre_41 {
        [&PRE_41.to_le_bytes()[..], &[0, 0, 1]].concat()
    } else {
        [&POST_41.to_le_bytes()[..], &MAX_PACKET.to_le_bytes(), &[UTF_8], &[0; RESERVED]].concat()
    };
    body.extend_from_slice(user.name.as_bytes());
    // The end of the name, and a password without bytes.
    body.extend_from_slice(&[0, 0]);
    // The loader bounds names, so that two of the three bytes are 0.
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    [&[length, 0, 0, 1], &body[..], QUIT].concat()
}

/// The server's greeting, or its refusal.
pub(super) fn greeting(received: &[u8], complete: bool) -> Answer {
    let Some((packet, _)) = packet(received) else { return short(complete) };
    match packet.split_first() {
        Some((&ERROR, rest)) => error(rest),
        Some((version, rest)) if VERSIONS.contains(version) => {
            Answer::good(0, shown(rest.split(|byte| *byte == 0).next().unwrap_or_default()))
        }
        _ => Answer::nonsense("not a greeting of MySQL"),
    }
}

/// What the server says to the login, behind its greeting. Anything but an error will do.
pub(super) fn logged_in(received: &[u8], complete: bool) -> Answer {
    let reply = packet(received).and_then(|(_, rest)| packet(rest));
    match reply.and_then(|(packet, _)| packet.split_first()) {
        None => short(complete),
        Some((&ERROR, rest)) => error(rest),
        Some(_) => Answer::good(0, ""),
    }
}

fn short(complete: bool) -> Answer {
    Answer::short(complete, "the packet is not complete")
}

/// The first packet, and what follows it. A length of three bytes and a number stand before it.
fn packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[a, b, c, _number], rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, 0])).ok()?;
    rest.split_at_checked(length)
}

fn error(rest: &[u8]) -> Answer {
    match rest.split_first_chunk::<2>() {
        Some((code, text)) => Answer::no(u16::from_le_bytes(*code), shown(text)),
        None => Answer::nonsense("an error without a number"),
    }
}
