//! Patterns out of text: bytes in hexadecimal, addresses in all their forms.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Bytes from an even number of hexadecimal digits.
pub(crate) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err(format!("`{text}` has an odd number of hexadecimal digits"));
    }
    digits
        .chunks(2)
        .map(|pair| match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => Ok(high << 4 | low),
            _ => Err(format!("`{text}` is not hexadecimal")),
        })
        .collect()
}

/// The value of a hexadecimal digit.
pub(crate) fn digit(b: u8) -> Option<u8> {
    (b as char).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// A network of either family, or an address as the network that has only it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    V4(Ipv4Net),
    V4Mask(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Net),
}

/// `a.b.c.d`, `a.b` (the last number fills what is left out), both with `/bits` or `/mask`; IPv6 with
/// `/bits`.
pub(crate) fn network(text: &str) -> Option<Network> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    if address.contains(':') {
        let ip: Ipv6Addr = address.parse().ok()?;
        let bits = mask.map_or(Some(128), |m| m.parse().ok())?;
        return Ipv6Net::new(ip, bits).ok().map(|n| Network::V6(n.trunc()));
    }
    let ip = ipv4(address)?;
    match mask.map(|m| (m.parse::<u8>(), m)) {
        None => Some(Network::V4(Ipv4Net::from(ip))),
        Some((Ok(bits), _)) => Ipv4Net::new(ip, bits).ok().map(|n| Network::V4(n.trunc())),
        Some((Err(_), mask)) => masked(ip, mask.parse().ok()?),
    }
}

/// A dotted mask is a prefix where its ones come first.
fn masked(ip: Ipv4Addr, mask: Ipv4Addr) -> Option<Network> {
    match ipnet::ipv4_mask_to_prefix(mask) {
        Ok(bits) => Ipv4Net::new(ip, bits).ok().map(|n| Network::V4(n.trunc())),
        Err(_) => Some(Network::V4Mask(ip, mask)),
    }
}

/// One to four numbers, of which the last fills all bytes that are left.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|p| *p > 255) {
        return None;
    }
    let free = 32 - 8 * first.len() as u32;
    if u64::from(*last) >= 1 << free {
        return None;
    }
    let high = first.iter().enumerate().fold(0, |ip, (i, p)| ip | p << (24 - 8 * i));
    Some(Ipv4Addr::from(high | last))
}

/// The IPv4 forms of an IPv6 address that IPv4 patterns are compared with.
pub(crate) fn as_ipv4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(a) => Some(a),
        IpAddr::V6(a) => crate::cast::embedded_ipv4(a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_fill_the_end() {
        let net = |t| match network(t).unwrap() {
            Network::V4(n) => n.to_string(),
            Network::V6(n) => n.to_string(),
            Network::V4Mask(a, m) => format!("{a}&{m}"),
        };
        assert_eq!(net("127.1"), "127.0.0.1/32");
        assert_eq!(net("127"), "0.0.0.127/32");
        assert_eq!(net("10.12/8"), "10.0.0.0/8");
        assert_eq!(net("192.168.1"), "192.168.0.1/32");
        assert_eq!(net("127.0.1/255.255.0.0"), "127.0.0.0/16");
        assert_eq!(net("1.2.3.4/255.0.255.0"), "1.2.3.4&255.0.255.0");
        assert_eq!(net("2001:db8::1/32"), "2001:db8::/32");
        for bad in ["127.0.0.1/33", "foo", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "", "::1/129", "1..2"] {
            assert_eq!(network(bad), None, "{bad}");
        }
    }
}
