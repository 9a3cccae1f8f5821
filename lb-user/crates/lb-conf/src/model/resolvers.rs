//! `resolvers` sections, and how the names of servers are looked up.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::Name;
use crate::span::Span;

/// Name servers that the names of servers are looked up with, again and again (configuration.txt, section 5.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolvers {
    /// Its name.
    pub name: Name,
    /// The name servers: all of them are asked, and the first valid answer counts.
    pub servers: Vec<NameServer>,
    /// `accepted_payload_size`: the longest answer over UDP in bytes; 512 by default.
    pub payload: u16,
    /// `resolve_retries`: questions before an attempt is given up; 3 by default.
    pub retries: u32,
    /// `timeout resolve`: between two attempts; 1 s by default.
    pub interval: Duration,
    /// `timeout retry`: the longest that an answer may take; 1 s by default.
    pub timeout: Duration,
    /// `hold`.
    pub hold: Hold,
    /// The place of its name.
    pub span: Span,
}

impl Resolvers {
    /// A section without name servers, with the default times.
    pub fn new(name: impl Into<Name>, span: Span) -> Self {
        Self {
            name: name.into(),
            servers: Vec::new(),
            payload: 512,
            retries: 3,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            hold: Hold::default(),
            span,
        }
    }
}

/// A name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServer {
    /// Its name in statistics.
    pub name: Name,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it is asked over TCP.
    pub tcp: bool,
}

/// `hold`: how long what was found last is good for, by what has gone wrong since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// There is no such name; 30 s by default.
    pub nx: Duration,
    /// The name server refuses to answer; 30 s by default.
    pub refused: Duration,
    /// No answer comes; 30 s by default.
    pub timeout: Duration,
    /// The answer is of no use; 30 s by default.
    pub other: Duration,
    /// An address is in the answers no more; at once by default.
    pub obsolete: Duration,
    /// For lookups of rules; 10 s by default.
    pub valid: Duration,
}

impl Default for Hold {
    fn default() -> Self {
        let long = Duration::from_secs(30);
        Self {
            nx: long,
            refused: long,
            timeout: long,
            other: long,
            obsolete: Duration::ZERO,
            valid: Duration::from_secs(10),
        }
    }
}

/// How the name of a server is looked up while the daemon runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Position in [`super::Config::resolvers`].
    pub resolvers: usize,
    /// `resolve-prefer ipv4`; otherwise IPv6 is preferred.
    pub prefer_v4: bool,
    /// `resolve-opts allow-dup-ip`: servers of one name may have the same address.
    pub allow_duplicates: bool,
    /// `resolve-net`: addresses of these networks are preferred.
    pub networks: Vec<IpNet>,
}

/// `init-addr`: a way to an address when the daemon starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialAddress {
    /// `last`: the one that it had, which a reload keeps anyway.
    Last,
    /// As the system looks names up.
    System,
    /// None: the server is in maintenance until it has one.
    None,
    /// This one.
    Fixed(IpAddr),
}
