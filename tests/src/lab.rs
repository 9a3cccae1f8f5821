//! A network with a balancer in the middle: `client eth0 -- front balancer back -- eth0 servers`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Result;

use crate::client::From;
use crate::netns::{Netns, veth};
use crate::origin::Origin;
use crate::xdp_pass::XdpPass;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// 10.1.0.0/24 in front, 10.2.0.0/24 behind.
    V4,
    /// fd00:1::/64 in front, fd00:2::/64 behind.
    V6,
}

/// Source addresses that the client has, besides its first.
pub const SOURCES: u8 = 50;

/// The first of the further source addresses, as the last part of the address.
const FIRST_SOURCE: u8 = 100;

/// The three namespaces and what joins them.
#[derive(Debug)]
pub struct Lab {
    /// Where the traffic comes from.
    pub client: Netns,
    /// Where the daemon runs.
    pub balancer: Netns,
    /// Where the origins run.
    pub servers: Netns,
    _client_pass: XdpPass,
    servers_pass: Option<XdpPass>,
}

impl Lab {
    /// A network in which both ends compute checksums and take frames that an XDP program sends.
    pub fn new() -> Result<Self> {
        let (client, balancer, servers) =
            (Netns::new("client")?, Netns::new("balancer")?, Netns::new("servers")?);
        veth(&client, "eth0", &balancer, "front")?;
        veth(&servers, "eth0", &balancer, "back")?;
        for family in [Family::V4, Family::V6] {
            client.address("eth0", &family.with_prefix(family.client()))?;
            balancer.address("front", &family.with_prefix(family.service()))?;
            balancer.address("back", &family.with_prefix(family.behind(1)))?;
            (0..SOURCES).try_for_each(|i| client.address("eth0", &family.with_prefix(family.source(i))))?;
            (1..=9).try_for_each(|i| servers.address("eth0", &family.with_prefix(family.server(i))))?;
        }
        let (client_pass, servers_pass) = (client.xdp_pass("eth0")?, Some(servers.xdp_pass("eth0")?));
        client.checksum_in_software("eth0")?;
        servers.checksum_in_software("eth0")?;
        Ok(Self { client, balancer, servers, _client_pass: client_pass, servers_pass })
    }

    /// Makes way for another XDP program on the servers' device.
    pub fn release_servers_hook(&mut self) {
        self.servers_pass = None;
    }

    /// An HTTP origin called `s{number}`, on port 80 of that server's address.
    pub fn http(&self, family: Family, number: u8) -> Result<Origin> {
        Origin::http_on(&format!("s{number}"), &self.servers, SocketAddr::new(family.server(number), 80))
    }

    /// A TCP origin called `s{number}`, on port 80 of that server's address.
    pub fn tcp(&self, family: Family, number: u8) -> Result<Origin> {
        Origin::tcp_on(&format!("s{number}"), &self.servers, SocketAddr::new(family.server(number), 80))
    }

    /// From the client's namespace.
    pub fn from_client(&self) -> From<'_> {
        From::netns(&self.client)
    }
}

impl Family {
    /// The client's first address.
    pub fn client(self) -> IpAddr {
        self.in_front(2)
    }

    /// One of [`SOURCES`] further addresses of the client.
    pub fn source(self, number: u8) -> IpAddr {
        self.in_front(FIRST_SOURCE.saturating_add(number))
    }

    /// The balancer's address that clients connect to.
    pub fn service(self) -> IpAddr {
        self.in_front(1)
    }

    /// The address of server 1 to 9.
    pub fn server(self, number: u8) -> IpAddr {
        self.behind(10 + number)
    }

    /// An address of the network between balancer and servers; 1 is the balancer's.
    pub fn behind(self, last: u8) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::new(10, 2, 0, last).into(),
            Family::V6 => Ipv6Addr::new(0xfd00, 2, 0, 0, 0, 0, 0, last.into()).into(),
        }
    }

    /// An address of the network between client and balancer; 1 is the balancer's.
    pub fn in_front(self, last: u8) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::new(10, 1, 0, last).into(),
            Family::V6 => Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, last.into()).into(),
        }
    }

    fn with_prefix(self, address: IpAddr) -> String {
        match self {
            Family::V4 => format!("{address}/24"),
            Family::V6 => format!("{address}/64"),
        }
    }
}
