//! Headers of the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt).

mod write;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) use self::write::{Told, ToldTls, write};

/// The longest header of version 1.
const TEXT_BYTES: usize = 107;

/// The longest header of version 2 that is taken: it has room for all the fields that are defined.
pub(crate) const MOST_BYTES: usize = 4096;

/// What begins a header of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The fixed part of a header of version 2.
const FIXED_BYTES: usize = 16;

/// The kinds of fields of version 2 that are looked at.
const AUTHORITY: u8 = 0x02;
const UNIQUE_ID: u8 = 0x05;

/// What a header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Who opened the connection to whoever sent the header, and where it went. None: the sender speaks for itself, or
    /// does not know.
    pub(crate) addresses: Option<(SocketAddr, SocketAddr)>,
    /// The name that was asked for.
    pub(crate) authority: Option<Vec<u8>>,
    /// The id that the sender gave the connection.
    pub(crate) unique_id: Option<Vec<u8>>,
}

/// What bytes are as the beginning of a header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// More are needed.
    Incomplete,
    /// A header of so many bytes.
    Header(usize, Received),
    /// They begin none.
    Wrong,
}

/// Reads a header at the beginning of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    if begins(bytes, SIGNATURE) {
        binary(bytes)
    } else if begins(bytes, b"PROXY ") {
        text(bytes)
    } else {
        Parsed::Wrong
    }
}

/// Whether one of the two is the beginning of the other.
fn begins(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(a, b)| a == b)
}

fn text(bytes: &[u8]) -> Parsed {
    let line = &bytes[..bytes.len().min(TEXT_BYTES)];
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        return if line.len() == TEXT_BYTES { Parsed::Wrong } else { Parsed::Incomplete };
    };
    let words = std::str::from_utf8(&line[..end]).ok().map(|line| line.split(' ').collect::<Vec<_>>());
    let addresses = match words.as_deref() {
        Some(["PROXY", "UNKNOWN", ..]) => Some(None),
        Some(["PROXY", family, from, to, from_port, to_port]) => {
            let address = |ip: &str, port: &str| {
                let ip: IpAddr = ip.parse().ok().filter(|ip: &IpAddr| ip.is_ipv4() == (*family == "TCP4"))?;
                Some(SocketAddr::new(ip, port.parse().ok()?))
            };
            let known = matches!(*family, "TCP4" | "TCP6");
            address(from, from_port).zip(address(to, to_port)).filter(|_| known).map(Some)
        }
        _ => None,
    };
    match addresses {
        Some(addresses) => Parsed::Header(end + 2, Received { addresses, ..Received::default() }),
        None => Parsed::Wrong,
    }
}

fn binary(bytes: &[u8]) -> Parsed {
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED_BYTES) else { return Parsed::Incomplete };
    let (command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if command >> 4 != 2 || command & 0xf > 1 || FIXED_BYTES + length > MOST_BYTES {
        return Parsed::Wrong;
    }
    let Some(body) = rest.get(..length) else { return Parsed::Incomplete };
    let (addresses, fields) = match family {
        0x11 => (addresses::<4>(body), 12),
        0x21 => (addresses::<16>(body), 36),
        0x31 => (None, 216),
        _ => (None, 0),
    };
    // One without its addresses is cut short.
    if matches!(family, 0x11 | 0x21) && addresses.is_none() {
        return Parsed::Wrong;
    }
    let mut received =
        Received { addresses: addresses.filter(|_| command & 0xf == 1), ..Received::default() };
    take_fields(body.get(fields..).unwrap_or_default(), &mut received);
    Parsed::Header(FIXED_BYTES + length, received)
}

/// Two addresses of `N` bytes, and their ports.
fn addresses<const N: usize>(body: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let ip = |at: usize| -> Option<IpAddr> {
        let bytes = body.get(at..at + N)?;
        let v4 = || <[u8; 4]>::try_from(bytes).ok().map(|b| IpAddr::V4(Ipv4Addr::from(b)));
        v4().or_else(|| <[u8; 16]>::try_from(bytes).ok().map(|b| IpAddr::V6(Ipv6Addr::from(b))))
    };
    let port = |at: usize| Some(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?]));
    Some((SocketAddr::new(ip(0)?, port(2 * N)?), SocketAddr::new(ip(N)?, port(2 * N + 2)?)))
}

fn take_fields(mut fields: &[u8], received: &mut Received) {
    while let [kind, high, low, rest @ ..] = fields {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, behind)) = rest.split_at_checked(length) else { return };
        match *kind {
            AUTHORITY => received.authority = Some(value.to_vec()),
            UNIQUE_ID => received.unique_id = Some(value.to_vec()),
            _ => {}
        }
        fields = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bytes: &[u8]) -> (usize, Received) {
        match parse(bytes) {
            Parsed::Header(length, received) => (length, received),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_headers_are_read() {
        let (length, received) = header(b"PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\nGET /");
        assert_eq!(length, 34);
        assert_eq!(received.addresses, Some(("1.2.3.4:10".parse().unwrap(), "5.6.7.8:20".parse().unwrap())));
        let (_, received) = header(b"PROXY TCP6 ::1 ::2 1 2\r\n");
        assert_eq!(received.addresses, Some(("[::1]:1".parse().unwrap(), "[::2]:2".parse().unwrap())));
        assert_eq!(header(b"PROXY UNKNOWN whatever\r\n").1, Received::default());
        for part in ["P", "PROXY ", "PROXY TCP4 1.2.3.4"] {
            assert_eq!(parse(part.as_bytes()), Parsed::Incomplete, "{part}");
        }
        let long = format!("PROXY UNKNOWN {}", "x".repeat(100));
        for wrong in ["GET / HTTP/1.1\r\n", "PROXY TCP4 ::1 ::2 1 2\r\n", "PROXY UDP4 a b c d\r\n", &long] {
            assert_eq!(parse(wrong.as_bytes()), Parsed::Wrong, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let (from, to): (SocketAddr, SocketAddr) =
            ("1.2.3.4:10".parse().unwrap(), "5.6.7.8:20".parse().unwrap());
        let told = Told { addresses: Some((from, to)), ..Told::default() };
        assert_eq!(header(&write::text(&told)).1.addresses, Some((from, to)));
        for (from, to) in [("1.2.3.4:10", "5.6.7.8:20"), ("[::1]:10", "[::2]:20"), ("1.2.3.4:1", "[::2]:2")] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let told = Told {
                addresses: Some((from, to)),
                authority: Some(b"a.example"),
                unique_id: Some(b"id"),
                checksum: true,
                ..Told::default()
            };
            let bytes = write::binary(&told);
            let (length, received) = header(&bytes);
            assert_eq!(length, bytes.len());
            let seen = received.addresses.unwrap();
            assert_eq!((seen.0.ip().to_canonical(), seen.1.ip().to_canonical()), (from.ip(), to.ip()));
            assert_eq!(received.authority.as_deref(), Some(&b"a.example"[..]));
            assert_eq!(received.unique_id.as_deref(), Some(&b"id"[..]));
            for part in 0..bytes.len() {
                assert_eq!(parse(&bytes[..part]), Parsed::Incomplete, "{part} bytes");
            }
        }
    }
}
