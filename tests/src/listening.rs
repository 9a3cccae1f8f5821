//! Whether a process listens, found out without a connection that it would see.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// State `TCP_LISTEN` in `/proc/net/tcp` (include/net/tcp_states.h).
const LISTEN: &str = "0A";

/// Whether a TCP socket listens on `address`, or on all addresses with its port, in the namespace of process `pid`.
pub fn is_listening(pid: u32, address: SocketAddr) -> bool {
    ["tcp", "tcp6"].iter().any(|table| {
        fs::read_to_string(format!("/proc/{pid}/net/{table}"))
            .is_ok_and(|text| text.lines().skip(1).filter_map(listener).any(|l| covers(l, address)))
    })
}

/// The local address of a row, if the socket listens.
fn listener(row: &str) -> Option<SocketAddr> {
    let mut fields = row.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    (state == LISTEN).then_some(())?;
    Some(SocketAddr::new(parse_address(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// An address as the kernel prints it: words of 32 bits in the machine's byte order, in hexadecimal.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let words: Option<Vec<u32>> = (0..hex.len() / 8)
        .map(|i| u32::from_str_radix(hex.get(i * 8..i * 8 + 8)?, 16).ok().map(u32::to_be))
        .collect();
    match words?.as_slice() {
        [v4] => Some(Ipv4Addr::from(*v4).into()),
        [a, b, c, d] => {
            let bits = [a, b, c, d].iter().fold(0u128, |bits, word| bits << 32 | u128::from(**word));
            Some(Ipv6Addr::from(bits).into())
        }
        _ => None,
    }
}

fn covers(listener: SocketAddr, wanted: SocketAddr) -> bool {
    listener.port() == wanted.port() && (listener.ip() == wanted.ip() || listener.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_listener_is_seen_until_it_is_gone() {
        for bind in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(bind).unwrap();
            let address = listener.local_addr().unwrap();
            assert!(is_listening(std::process::id(), address), "{address}");
            drop(listener);
            assert!(!is_listening(std::process::id(), address), "{address}");
        }
    }
}
