//! How values are written into logs and HTTP messages. What is encoded and how was taken from what haproxy
//! 2.6 prints.

use super::Flags;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A text of a log line as it is, up to the first NUL.
pub(super) fn text(bytes: &[u8], flags: Flags, out: &mut Vec<u8>) {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    quoted(&bytes[..end], flags, out, |b, out| plain(b, flags, out));
}

/// A text that came from a client or a server: what is not printable in the map becomes `#` and two digits.
pub(super) fn untrusted(bytes: &[u8], map: Map, flags: Flags, out: &mut Vec<u8>) {
    quoted(bytes, flags, out, |b, out| match map.has(b) && !flags.raw {
        true => hexed(b'#', b, out),
        false => plain(b, flags, out),
    });
}

/// A text of an HTTP message: control characters become `%` and two digits.
pub(super) fn http(bytes: &[u8], flags: Flags, out: &mut Vec<u8>) {
    let quote = flags.quote;
    if quote {
        out.push(b'"');
    }
    for b in bytes {
        match b {
            b'\t' => out.push(b'\t'),
            0..=0x1f | 0x7f => hexed(b'%', *b, out),
            _ => plain(*b, flags, out),
        }
    }
    if quote {
        out.push(b'"');
    }
}

/// Characters that are encoded with `#`.
#[derive(Clone, Copy)]
pub(super) enum Map {
    /// In header values.
    Header,
    /// In the request line.
    Url,
}

impl Map {
    fn has(self, b: u8) -> bool {
        match self {
            Self::Header => matches!(b, 0..=0x1f | 0x7f.. | b'"' | b'#' | b'{' | b'|' | b'}'),
            Self::Url => matches!(b, 0..=0x20 | 0x7f.. | b'"' | b'#'),
        }
    }
}

fn quoted(bytes: &[u8], flags: Flags, out: &mut Vec<u8>, mut write: impl FnMut(u8, &mut Vec<u8>)) {
    if flags.quote {
        out.push(b'"');
    } else if bytes.is_empty() && flags.mandatory {
        out.push(b'-');
    }
    for b in bytes {
        write(*b, out);
    }
    if flags.quote {
        out.push(b'"');
    }
}

fn plain(b: u8, flags: Flags, out: &mut Vec<u8>) {
    if flags.escape && matches!(b, b'"' | b'\\' | b']') {
        out.push(b'\\');
    }
    out.push(b);
}

fn hexed(mark: u8, b: u8, out: &mut Vec<u8>) {
    out.extend([mark, HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
}
