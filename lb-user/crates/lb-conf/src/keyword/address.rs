//! Addresses of `bind`, `server`, `log` and the like.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::args::invalid;
use crate::diag::{Code, Diagnostic};
use crate::lex::Word;
use crate::model::BindAddress;
use crate::span::Span;

/// An address as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: HostPart,
    pub(crate) ports: Ports,
}

/// What stands before the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPart {
    /// Nothing, or `*`.
    Any,
    Ip(IpAddr),
    Name(String),
    Unix(PathBuf),
    /// `fd@N`, or a name that stands for one.
    Fd(i32),
}

/// What stands behind the last colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    None,
    /// The first and the last one.
    Range(u16, u16),
    /// `+N` or `-N`.
    Offset(i32),
}

/// Prefixes that choose an address family or a kind of socket.
const PREFIXES: &[(&str, Prefix)] = &[
    ("ipv4@", Prefix::V4),
    ("ipv6@", Prefix::V6),
    ("tcp@", Prefix::Inet),
    ("tcp4@", Prefix::V4),
    ("tcp6@", Prefix::V6),
    ("udp@", Prefix::Inet),
    ("udp4@", Prefix::V4),
    ("udp6@", Prefix::V6),
    ("unix@", Prefix::Unix),
    ("fd@", Prefix::Fd),
    ("abns@", Prefix::Unsupported("sockets in the abstract namespace are")),
    ("abnsz@", Prefix::Unsupported("sockets in the abstract namespace are")),
    ("sockpair@", Prefix::Unsupported("socket pairs are")),
    ("quic4@", Prefix::Unsupported("QUIC is")),
    ("quic6@", Prefix::Unsupported("QUIC is")),
    ("rhttp@", Prefix::Unsupported("reverse HTTP is")),
    ("mptcp4@", Prefix::Unsupported("Multipath TCP is")),
    ("mptcp6@", Prefix::Unsupported("Multipath TCP is")),
    ("ring@", Prefix::Unsupported("log buffers are")),
    ("backend@", Prefix::Unsupported("logging to a backend is")),
];

#[derive(Clone, Copy)]
enum Prefix {
    Inet,
    V4,
    V6,
    Unix,
    Fd,
    /// What it would be, and the verb that goes with it.
    Unsupported(&'static str),
}

impl Address {
    /// Reads an address from a part of a word.
    pub(crate) fn parse(text: &str, span: Span) -> Result<Self, Diagnostic> {
        let word = Word::plain(text, span);
        let (prefix, rest) = PREFIXES
            .iter()
            .find_map(|(name, prefix)| text.strip_prefix(name).map(|rest| (*prefix, rest)))
            .unwrap_or((Prefix::Inet, text));
        match prefix {
            Prefix::Unsupported(what) => {
                let error = Diagnostic::alert(Code::NotServed, format!("{what} not supported yet by lbx"));
                Err(error.at(span))
            }
            Prefix::Unix => Ok(Self { host: HostPart::Unix(rest.into()), ports: Ports::None }),
            Prefix::Inet if rest.starts_with('/') => {
                Ok(Self { host: HostPart::Unix(rest.into()), ports: Ports::None })
            }
            Prefix::Fd => match rest.parse() {
                Ok(fd) if fd >= 0 => Ok(Self { host: HostPart::Fd(fd), ports: Ports::None }),
                _ => Err(invalid(&word, format!("'{rest}' is not a file descriptor"))),
            },
            Prefix::Inet | Prefix::V4 | Prefix::V6 => Self::inet(&word, rest, prefix),
        }
    }

    fn inet(word: &Word, text: &str, prefix: Prefix) -> Result<Self, Diagnostic> {
        let (host, port) = match text.rfind(':') {
            Some(_) if text.ends_with(']') => (text, None),
            Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
            None => (text, None),
        };
        let ports = match port {
            None | Some("") => Ports::None,
            Some(port) => ports(port).ok_or_else(|| {
                invalid(word, format!("'{port}' is not a port")).label("expected a number from 1 to 65535")
            })?,
        };
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let host = match (bare, prefix) {
            ("" | "*", Prefix::V6) => HostPart::Ip(Ipv6Addr::UNSPECIFIED.into()),
            ("" | "*", Prefix::V4) => HostPart::Ip(Ipv4Addr::UNSPECIFIED.into()),
            ("" | "*", _) => HostPart::Any,
            _ => match bare.parse::<IpAddr>() {
                Ok(ip) => HostPart::Ip(ip),
                Err(_) if bare.contains(':') => {
                    return Err(invalid(word, format!("'{bare}' is not an address")));
                }
                Err(_) => HostPart::Name(bare.to_owned()),
            },
        };
        let family = match (&host, prefix) {
            (HostPart::Ip(IpAddr::V6(_)), Prefix::V4) => Some("IPv4"),
            (HostPart::Ip(IpAddr::V4(_)), Prefix::V6) => Some("IPv6"),
            _ => None,
        };
        match family {
            Some(family) => Err(invalid(word, format!("'{bare}' is not an {family} address"))),
            None => Ok(Self { host, ports }),
        }
    }
}

fn ports(text: &str) -> Option<Ports> {
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<u16>().ok()).flatten();
    if let Some(up) = text.strip_prefix('+') {
        return number(up).map(|n| Ports::Offset(i32::from(n)));
    }
    if let Some(down) = text.strip_prefix('-') {
        return number(down).map(|n| Ports::Offset(-i32::from(n)));
    }
    match text.split_once('-') {
        Some((first, last)) => Some(Ports::Range(number(first)?, number(last)?)).filter(|p| match p {
            Ports::Range(first, last) => first <= last,
            _ => false,
        }),
        None => number(text).map(|n| Ports::Range(n, n)),
    }
}

/// The address of a listener, as `bind` reads it.
pub(crate) fn show(address: &BindAddress) -> String {
    match address {
        BindAddress::Inet(address) => address.to_string(),
        BindAddress::Unix(path) => format!("unix@{}", path.display()),
        BindAddress::Inherited(fd) => format!("fd@{fd}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, String> {
        Address::parse(text, Span::default()).map_err(|e| e.message)
    }

    #[test]
    fn addresses_in_all_forms() {
        let v4 = |s: &str| HostPart::Ip(IpAddr::V4(s.parse().unwrap()));
        let v6 = |s: &str| HostPart::Ip(IpAddr::V6(s.parse().unwrap()));
        let one = |p| Ports::Range(p, p);
        let rows = [
            (":80", HostPart::Any, one(80)),
            ("*:80", HostPart::Any, one(80)),
            ("10.0.0.1:80", v4("10.0.0.1"), one(80)),
            ("10.0.0.1", v4("10.0.0.1"), Ports::None),
            ("10.0.0.1:", v4("10.0.0.1"), Ports::None),
            (":::443", v6("::"), one(443)),
            ("[::]:443", v6("::"), one(443)),
            ("[2001:db8::1]", v6("2001:db8::1"), Ports::None),
            ("2001:db8::1:80", v6("2001:db8::1"), one(80)),
            ("ipv6@:80", v6("::"), one(80)),
            ("ipv4@*:80", v4("0.0.0.0"), one(80)),
            ("10.0.0.1:8000-8010", v4("10.0.0.1"), Ports::Range(8000, 8010)),
            ("10.0.0.1:+1000", v4("10.0.0.1"), Ports::Offset(1000)),
            ("10.0.0.1:-5", v4("10.0.0.1"), Ports::Offset(-5)),
            ("app.example:80", HostPart::Name("app.example".into()), one(80)),
            ("unix@/run/x", HostPart::Unix("/run/x".into()), Ports::None),
            ("/run/x", HostPart::Unix("/run/x".into()), Ports::None),
            ("fd@3", HostPart::Fd(3), Ports::None),
        ];
        for (text, host, ports) in rows {
            assert_eq!(parse(text), Ok(Address { host, ports }), "{text}");
        }
    }

    #[test]
    fn wrong_addresses_are_refused() {
        for text in
            [":70000", ":a", ":9-8", ":1-", "ipv4@::1:80", "ipv6@1.2.3.4:80", "fd@x", "1:::1:80", "abns@x"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
