//! How connections to servers are opened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Name;

/// `send-proxy` and its siblings: servers are told of the client by the PROXY protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendProxy {
    /// The fields of a header of version 2. None: the header is one of version 1.
    pub binary: Option<ProxyFields>,
}

/// `proxy-v2-options` and what the names of `send-proxy-v2-ssl` and `send-proxy-v2-ssl-cn` add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyFields {
    /// `ssl`: whether the client uses TLS.
    pub ssl: bool,
    /// `cert-cn`: the common name of its certificate.
    pub common_name: bool,
    /// `ssl-cipher`: the cipher suite.
    pub cipher: bool,
    /// `authority`: the name that it asked for.
    pub authority: bool,
    /// `crc32c`: a checksum.
    pub crc32c: bool,
    /// `unique-id`: the id of the request.
    pub unique_id: bool,
}

/// Idle connections to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerPool {
    /// `pool-max-conn`: so many at most. None: any number.
    pub max_idle: Option<u32>,
    /// `pool-purge-delay`: how long they are kept; 5 s by default.
    pub keep: Duration,
    /// `max-reuse`: how often one is used again. None: any number of times.
    pub max_reuse: Option<u32>,
}

impl Default for ServerPool {
    fn default() -> Self {
        Self { max_idle: None, keep: Duration::from_secs(5), max_reuse: None }
    }
}

/// `source`: where connections to servers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address. Unspecified: the kernel chooses it.
    pub address: Option<IpAddr>,
    /// The port, or the range of ports. None: the kernel chooses it.
    pub ports: Option<(u16, u16)>,
    /// `usesrc`: the address that servers see. It takes CAP_NET_ADMIN and routes that lead answers back.
    pub seen: Option<SourceSeen>,
    /// `interface`.
    pub interface: Option<String>,
    /// The upper half of the ports, where the kernel plane may serve the backend: its flows leave from there, and user
    /// space's connections from the rest, for neither sees what the other uses.
    pub flows: Option<(u16, u16)>,
}

impl Source {
    /// The ports that connections in user space leave from.
    pub fn user_ports(&self) -> Option<(u16, u16)> {
        let (low, high) = self.ports?;
        Some((low, self.flows.map_or(high, |(first, _)| first - 1)))
    }

    /// Whether it is an address, and ports perhaps, and nothing else.
    pub fn is_plain(&self) -> bool {
        self.seen.is_none() && self.interface.is_none()
    }

    /// Gives the kernel plane its share of the ports.
    pub fn share(&mut self) {
        let plain = self.is_plain();
        self.flows = self.ports.filter(|(low, high)| plain && low < high).map(|(low, high)| {
            let half = (high - low).div_ceil(2);
            (low + half, high)
        });
    }
}

/// `usesrc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSeen {
    /// `client`: the client's address and port.
    Client,
    /// `clientip`: the client's address.
    ClientIp,
    /// This address.
    Address(SocketAddr),
    /// `hdr_ip(NAME,OCCURRENCE)`: the address in a header of the request.
    Header(Name, i32),
}
