//! Keys of stick tables.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lb_conf::model::KeyType;

/// A key in the form in which a table of its type keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<[u8]>);

/// Something that is no key of a table's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It cannot be turned into one.
    #[error("Invalid key")]
    Invalid,
    /// Binary keys cannot be written down.
    #[error("Inserting keys into tables of type other than ip, ipv6, string and integer is not supported")]
    Binary,
}

impl Key {
    /// An address. Tables of IPv6 addresses keep IPv4 ones mapped; those of IPv4 addresses have no place for others.
    pub fn ip(kind: KeyType, ip: IpAddr) -> Option<Self> {
        match (kind, ip.to_canonical()) {
            (KeyType::Ipv4, IpAddr::V4(ip)) => Some(Self(ip.octets().into())),
            (KeyType::Ipv6, IpAddr::V4(ip)) => Some(Self(ip.to_ipv6_mapped().octets().into())),
            (KeyType::Ipv6, IpAddr::V6(ip)) => Some(Self(ip.octets().into())),
            _ => None,
        }
    }

    /// A number.
    pub fn integer(number: u32) -> Self {
        Self(number.to_be_bytes().into())
    }

    /// Text or bytes: cut where they are too long, and filled up where a table of binary keys wants more.
    pub fn bytes(kind: KeyType, bytes: &[u8]) -> Option<Self> {
        match kind {
            KeyType::String(most) => {
                let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
                Some(Self(bytes.get(..end.min(most as usize))?.into()))
            }
            KeyType::Binary(length) => {
                let mut key = bytes.get(..length as usize).unwrap_or(bytes).to_vec();
                key.resize(length as usize, 0);
                Some(Self(key.into()))
            }
            KeyType::Ipv4 | KeyType::Ipv6 | KeyType::Integer => None,
        }
    }

    /// What an operator writes.
    ///
    /// # Errors
    ///
    /// It is no key of this type.
    pub fn parse(kind: KeyType, text: &str) -> Result<Self, BadKey> {
        match kind {
            KeyType::Ipv4 => text.parse::<Ipv4Addr>().ok().and_then(|ip| Self::ip(kind, ip.into())),
            KeyType::Ipv6 => text.parse::<Ipv6Addr>().ok().and_then(|ip| Self::ip(kind, ip.into())),
            KeyType::Integer => text.parse().ok().map(Self::integer),
            KeyType::String(_) => Self::bytes(kind, text.as_bytes()),
            KeyType::Binary(_) => return Err(BadKey::Binary),
        }
        .ok_or(BadKey::Invalid)
    }

    /// The address that it is, if the table's keys are addresses.
    pub fn to_ip(&self, kind: KeyType) -> Option<IpAddr> {
        match kind {
            KeyType::Ipv4 => <[u8; 4]>::try_from(&*self.0).ok().map(IpAddr::from),
            KeyType::Ipv6 => <[u8; 16]>::try_from(&*self.0).ok().map(|ip| IpAddr::from(ip).to_canonical()),
            _ => None,
        }
    }

    /// The key as bytes, big-endian where it is a number.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as `show table` prints it.
    pub fn show(&self, kind: KeyType) -> String {
        match (kind, &*self.0) {
            (KeyType::Ipv4, &[a, b, c, d]) => Ipv4Addr::new(a, b, c, d).to_string(),
            (KeyType::Ipv6, bytes) => match <[u8; 16]>::try_from(bytes) {
                Ok(octets) => Ipv6Addr::from(octets).to_string(),
                Err(_) => hex(bytes),
            },
            (KeyType::Integer, &[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]).to_string(),
            (KeyType::String(_), bytes) => escaped(bytes),
            (_, bytes) => hex(bytes),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

// What would end the field or the line is written with a backslash.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b' ' | b'\\' | b'=' => text.extend(['\\', char::from(byte)]),
            b'!'..=b'~' => text.push(char::from(byte)),
            // Writing to a String does not fail.
            _ => drop(write!(text, "\\x{byte:02x}")),
        }
    }
    text
}
