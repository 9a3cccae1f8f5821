//! The services and servers that packet tests run against: one service for each situation, the same in both families.

use std::net::{IpAddr, SocketAddr};

use lb_common::address::{Address, V4, V6, to_wide};
use lb_common::key::{RateKey, ServiceKey, TCP, UDP};
use lb_common::memory::MemoryTables;
use lb_common::rates::HostRates;
use lb_common::rule::{ListNumber, Rule, SourceKey, TableNumber, Tracked};
use lb_common::value::{
    Algorithm, ForwardMode, Hop, SERVICE_EVENTS, SERVICE_GUARD, Server, ServerId, ServerState, Service,
    ServiceId,
};

use super::layers::{Mac, Segment};
use super::programs;

/// The interface that test packets come in by: the loopback device, which every kernel's test run takes.
pub const INGRESS: u32 = 1;
/// Another one.
pub const ELSEWHERE: u32 = 7;
/// Entries of the flow tables.
pub const CAPACITY: u32 = 64;
/// Entries of the tables of sources.
pub const SOURCES: u32 = 8;
/// A second, in jiffies: as long, for the same reason.
pub const SECOND: u32 = 1 << 30;
/// How long closed flows stay, in jiffies: longer than any test runs, so that only a step lets it pass.
pub const LINGER: u32 = 1 << 30;
/// Numbers of the IPv6 services and servers begin after those of IPv4.
const V6_NUMBERS: u16 = 40;

/// Who sends to the balancer.
pub const ROUTER: Mac = [2, 0, 0, 0, 0, 1];
/// The balancer.
pub const BALANCER: Mac = [2, 0, 0, 0, 0, 2];
/// The port that rows' clients send from.
pub const CLIENT_PORT: u16 = 5555;
/// The first source port towards servers.
pub const SOURCE_PORT: u16 = 61_000;
/// The port that servers take GUE on.
pub const TUNNEL_PORT: u16 = 6080;
/// The port that servers listen on.
pub const SERVER_PORT: u16 = 8080;

/// A situation: the port of its service is 80 and its number, the number also names the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum At {
    /// One server with one source port.
    Single = 1,
    /// Two servers in turn: 2, 3, 2.
    Turns,
    /// No table.
    NoTable,
    /// An empty table.
    EmptyTable,
    /// A server that is down.
    Down,
    /// A server that is draining.
    Drain,
    /// A server whose next hop is not known.
    Unresolved,
    /// A server that takes one connection.
    ServerLimit,
    /// A service that takes one.
    ServiceLimit,
    /// Two servers by hash of the source.
    Hash,
    /// Two servers by the source's number.
    Modulo,
    /// A server behind another interface.
    Elsewhere,
    /// The first server is down, the second is not.
    Probing,
    /// A server of the other family.
    OtherFamily,
    /// Sources are counted and events reported.
    Watched,
    /// A table whose only server's number is out of range.
    Stray,
    /// UDP, to the server with one source port.
    Datagrams,
    /// UDP, the first server is down, the second is not.
    DatagramProbing,
    /// Rules: client 1 is welcome, client 3 is dropped, all others of its network are rejected.
    Listed,
    /// Rules: of each client one connection, and others are dropped without a word; up to two servers.
    OneEach,
    /// Rules: two connections of each client in a window, and others are rejected.
    Paced,
    /// Rules only: clients that have had fifty connections are dropped.
    Guarded,
    /// Rules: the network is rejected, and about all others user space decides.
    Partial,
    /// Rules that go on for longer than the kernel follows them.
    Endless,
    /// Rules: a table of IPv4 addresses alone.
    Narrow,
    /// Two servers, 11 and 12, of which the second has twice the weight, by their connections.
    Least,
    /// The same, one after the other.
    First,
    /// The same, the better of two drawn.
    Lot,
    /// One flow may be half open; the server with one source port.
    Flooded,
    /// The server, 13, sees the client's address.
    Transparent,
    /// The server, 14, is sent to by its MAC address alone.
    Dsr,
    /// The same of UDP.
    DsrDatagrams,
    /// The server, 15, gets packets in packets.
    Ipip,
    /// The same with a server, 16, of the other family.
    IpipOther,
    /// The server, 17, gets packets in GUE.
    Gue,
    /// The same of UDP with a server, 18, of the other family.
    GueOther,
    /// The server, 19, is sent to over a way that takes packets of 120 bytes, and a VLAN.
    Tight,
}

impl At {
    /// Whether the service is one of UDP.
    pub fn is_datagram(self) -> bool {
        matches!(self, Self::Datagrams | Self::DatagramProbing | Self::DsrDatagrams | Self::GueOther)
    }

    /// The service's protocol.
    fn protocol(self) -> u8 {
        if self.is_datagram() { UDP } else { TCP }
    }
}

/// A family's addresses.
#[derive(Clone, Copy, Debug)]
pub struct Net {
    /// Its name, in names of tests.
    pub name: &'static str,
    /// The server that client 1 of the service [`At::Hash`] is led to, whatever its ports.
    pub hashed: u8,
    numbers: u16,
    prefix: fn(u16) -> IpAddr,
}

/// IPv4.
pub const NET4: Net =
    Net { name: "ipv4", hashed: 2, numbers: 0, prefix: |n| IpAddr::from([10, 0, (n >> 8) as u8, n as u8]) };
/// IPv6.
pub const NET6: Net = Net {
    name: "ipv6",
    hashed: 3,
    numbers: V6_NUMBERS,
    prefix: |n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0xfeed, 0xbeef, 0xa000, n]),
};

impl Net {
    /// Kind and code of the errors: packet too big, destination unreachable, time exceeded.
    pub fn errors(&self) -> ((u8, u8), (u8, u8), (u8, u8)) {
        if self.numbers == 0 { ((3, 4), (3, 1), (11, 0)) } else { ((2, 0), (1, 3), (3, 0)) }
    }

    /// Kind and code of an echo request.
    pub fn echo(&self) -> (u8, u8) {
        if self.numbers == 0 { (8, 0) } else { (128, 0) }
    }

    /// A packet, without Ethernet, made into a fragment.
    pub fn fragment(&self, packet: &[u8]) -> Vec<u8> {
        let mut packet = packet.to_vec();
        if self.numbers == 0 {
            packet[6] = 0x20;
        } else {
            packet[6] = 44;
        }
        packet
    }

    /// A client's address with its port.
    pub fn client(&self, number: u8) -> SocketAddr {
        SocketAddr::new((self.prefix)(0x0300 + u16::from(number)), CLIENT_PORT)
    }

    /// A service's address.
    pub fn service(&self, at: At) -> SocketAddr {
        SocketAddr::new((self.prefix)(0x0250), 80 + at as u16)
    }

    /// A server's address.
    pub fn server(&self, number: u8) -> SocketAddr {
        SocketAddr::new((self.prefix)(u16::from(number)), SERVER_PORT)
    }

    /// Where the balancer sends to servers from.
    pub fn source(&self, port: u16) -> SocketAddr {
        SocketAddr::new((self.prefix)(0x00fe), port)
    }

    /// A service's number.
    pub fn service_id(&self, at: At) -> ServiceId {
        self.numbers + at as u16
    }

    /// A server's number.
    pub fn server_id(&self, number: u8) -> ServerId {
        self.numbers + u16::from(number)
    }

    /// A segment from a client to a service, as the balancer receives it.
    pub fn to_service(&self, client: u8, at: At) -> Segment {
        Segment::new(self.client(client), self.service(at), (ROUTER, BALANCER))
    }

    /// A segment to a server, as the balancer sends it on.
    pub fn to_server(&self, port: u16, server: u8) -> Segment {
        Segment::new(self.source(port), self.server(server), (BALANCER, mac(server))).hops(63)
    }

    /// A segment from a server, as the balancer receives it.
    pub fn from_server(&self, server: u8, port: u16) -> Segment {
        Segment::new(self.server(server), self.source(port), (mac(server), BALANCER))
    }

    /// A segment to a client, as the balancer sends it on.
    pub fn to_client(&self, at: At, client: u8) -> Segment {
        Segment::new(self.service(at), self.client(client), (BALANCER, ROUTER)).hops(63)
    }
}

/// A server's MAC address.
pub fn mac(server: u8) -> Mac {
    [2, 0, 0, 0, 1, server]
}

/// What user space writes into the maps.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Services by address and protocol.
    pub services: Vec<(SocketAddr, u8, Service)>,
    /// Slots by service.
    pub tables: Vec<(ServiceId, Vec<ServerId>)>,
    /// Servers by number.
    pub servers: Vec<(ServerId, Server)>,
    /// Steps of rules by place.
    pub rules: Vec<Rule>,
    /// The tables that services track clients in.
    pub tracked: Vec<(ServiceId, Tracked)>,
    /// Prefixes: length, list, address.
    pub sources: Vec<(u32, ListNumber, IpAddr)>,
    /// What user space counted.
    pub host_rates: Vec<(IpAddr, TableNumber, HostRates)>,
}

impl World {
    /// The world of the packet tests.
    pub fn new() -> Self {
        // Place 0 is no program's.
        let mut world = Self { rules: vec![Rule::default()], ..Self::default() };
        world.add(NET4, NET6);
        world.add(NET6, NET4);
        world
    }

    fn add(&mut self, net: Net, other: Net) {
        let up = |number| server(net, number, 1000);
        let mut add_server = |number, server| self.servers.push((net.server_id(number), server));
        add_server(1, server(net, 1, 1));
        add_server(2, up(2));
        add_server(3, up(3));
        add_server(4, Server { state: ServerState::Down, ..up(4) });
        add_server(5, Server { state: ServerState::Drain, ..up(5) });
        add_server(6, Server { hop: Hop::default(), ..up(6) });
        add_server(7, Server { maxconn: 1, ..up(7) });
        add_server(8, up(8));
        add_server(9, Server { hop: Hop { ifindex: ELSEWHERE, ..up(9).hop }, ..up(9) });
        add_server(10, server(other, 10, 1000));
        add_server(11, up(11));
        add_server(12, Server { weight: 32, ..up(12) });
        for (number, mode) in [
            (13, ForwardMode::Transparent),
            (14, ForwardMode::Dsr),
            (15, ForwardMode::Ipip),
            (17, ForwardMode::Gue),
        ] {
            add_server(number, Server { mode, tunnel_port: TUNNEL_PORT, ..up(number) });
        }
        add_server(16, Server { mode: ForwardMode::Ipip, ..server(other, 16, 1000) });
        let gue = server(other, 18, 1000);
        add_server(18, Server { mode: ForwardMode::Gue, tunnel_port: TUNNEL_PORT, ..gue });
        add_server(19, Server { mode: ForwardMode::Ipip, mtu: 120, vlan: 7, ..up(19) });
        use At::*;
        let turn = Service::default();
        for (at, mode, number) in [
            (Transparent, ForwardMode::Transparent, 13),
            (Dsr, ForwardMode::Dsr, 14),
            (DsrDatagrams, ForwardMode::Dsr, 14),
            (Ipip, ForwardMode::Ipip, 15),
            (IpipOther, ForwardMode::Ipip, 16),
            (Gue, ForwardMode::Gue, 17),
            (GueOther, ForwardMode::Gue, 18),
            (Tight, ForwardMode::Ipip, 19),
        ] {
            self.service(net, at, Service { mode, ..turn }, &[number]);
        }
        self.service(net, Single, turn, &[1]);
        self.service(net, Turns, turn, &[2, 3, 2]);
        self.services.push((net.service(NoTable), TCP, Service { id: net.service_id(NoTable), ..turn }));
        self.service(net, EmptyTable, turn, &[]);
        self.service(net, Down, turn, &[4]);
        self.service(net, Drain, turn, &[5]);
        self.service(net, Unresolved, turn, &[6]);
        self.service(net, ServerLimit, turn, &[7]);
        self.service(net, ServiceLimit, Service { maxconn: 1, ..turn }, &[8]);
        let slots: Vec<u8> = (0..251).map(|slot| 2 + (slot % 2)).collect();
        self.service(net, Hash, Service { algorithm: Algorithm::SourceHash, ..turn }, &slots);
        self.service(net, Modulo, Service { algorithm: Algorithm::SourceModulo, ..turn }, &[2, 3]);
        self.service(net, Elsewhere, turn, &[9]);
        self.service(net, Probing, turn, &[4, 2]);
        self.service(net, OtherFamily, turn, &[10]);
        self.service(net, Watched, Service { flags: SERVICE_EVENTS, ..turn }, &[8]);
        for (at, algorithm) in [(Least, Algorithm::Least), (First, Algorithm::First), (Lot, Algorithm::Draw)]
        {
            self.service(net, at, Service { algorithm, draws: 2, ..turn }, &[11, 12]);
        }
        self.service(net, Flooded, Service { half_open: 1, ..turn }, &[1]);
        self.add_rules(net);
        self.service(net, Datagrams, turn, &[1]);
        self.service(net, DatagramProbing, turn, &[4, 2]);
        self.service(net, Stray, turn, &[]);
        self.tables.retain(|(id, _)| *id != net.service_id(Stray));
        self.tables.push((net.service_id(Stray), vec![u16::MAX]));
    }

    fn add_rules(&mut self, net: Net) {
        let (host, network) = if net.numbers == 0 { (32, 24) } else { (128, 120) };
        self.sources.push((host, programs::WELCOME, net.client(1).ip()));
        self.sources.push((network, programs::NETWORK, net.client(0).ip()));
        self.sources.push((host, programs::DROPPED, net.client(3).ip()));
        let many = HostRates { connections: 50, ..HostRates::default() };
        self.host_rates.push((net.client(2).ip(), programs::GUARDED_TABLE, many));
        for (at, program) in programs::all() {
            let flags = if at == At::Guarded { SERVICE_GUARD } else { 0 };
            let rules = self.rules.len() as u32;
            let service = Service { flags, rules, rule_count: program.len() as u32, ..Service::default() };
            let tracked = programs::tracked(at);
            self.service(net, at, service, &[8]);
            self.rules.extend(program);
            self.tracked.push((net.service_id(at), tracked));
        }
    }

    fn service(&mut self, net: Net, at: At, service: Service, slots: &[u8]) {
        let id = net.service_id(at);
        self.services.push((net.service(at), at.protocol(), Service { id, ..service }));
        self.tables.push((id, slots.iter().map(|&number| net.server_id(number)).collect()));
    }

    /// The same in memory.
    pub fn memory(&self) -> MemoryTables {
        let mut memory = MemoryTables { linger: LINGER, second: SECOND, ..MemoryTables::default() };
        (memory.v4.capacity, memory.v6.capacity) = (CAPACITY as usize, CAPACITY as usize);
        for &(address, protocol, service) in &self.services {
            match address.ip() {
                IpAddr::V4(ip) => {
                    memory.v4.services.insert(key::<V4>(ip.octets(), address, protocol), service)
                }
                IpAddr::V6(ip) => {
                    memory.v6.services.insert(key::<V6>(ip.octets(), address, protocol), service)
                }
            };
        }
        memory.tables = self.tables.iter().cloned().collect();
        memory.rules = self.rules.clone();
        memory.tracked = self.tracked.iter().copied().collect();
        memory.answers.set(u32::MAX);
        (memory.v4.rates_capacity, memory.v6.rates_capacity) = (SOURCES as usize, SOURCES as usize);
        for &(bits, list, ip) in &self.sources {
            match ip {
                IpAddr::V4(ip) => memory.v4.sources.insert((bits, prefix(list, ip.octets(), bits))),
                IpAddr::V6(ip) => memory.v6.sources.insert((bits, prefix(list, ip.octets(), bits))),
            };
        }
        for &(ip, table, rates) in &self.host_rates {
            match ip {
                IpAddr::V4(ip) => memory.v4.host_rates.insert(rate_key(ip.octets(), table), rates),
                IpAddr::V6(ip) => memory.v6.host_rates.insert(rate_key(ip.octets(), table), rates),
            };
        }
        let last = self.servers.iter().map(|(id, _)| *id).max().unwrap_or(0);
        memory.servers = vec![Server::default(); usize::from(last) + 1];
        for &(id, server) in &self.servers {
            memory.servers[usize::from(id)] = server;
        }
        memory
    }
}

/// A server that is up, with so many source ports.
fn server(net: Net, number: u8, ports: u16) -> Server {
    let (family, address) = to_wide(net.server(number).ip());
    let (_, source) = to_wide(net.source(0).ip());
    Server {
        address,
        source,
        hop: Hop { dst_mac: mac(number), src_mac: BALANCER, ifindex: INGRESS },
        port: SERVER_PORT,
        source_low: SOURCE_PORT,
        source_high: SOURCE_PORT + ports - 1,
        generation: 3,
        weight: 16,
        family,
        state: ServerState::Up,
        ..Server::default()
    }
}

/// The key of a source in a table.
pub fn rate_key<A: Address>(source: A, table: TableNumber) -> RateKey<A> {
    RateKey { source, table, reserved: 0 }
}

/// A prefix of a list, which is a whole address or has zeros in its last octet.
fn prefix<A: Address>(list: ListNumber, address: A, bits: u32) -> SourceKey<A> {
    assert!(bits == 8 * size_of::<A>() as u32 || address.to_wide().ends_with(&[0]) || size_of::<A>() == 4);
    SourceKey { list, address }
}

/// The key of a service.
pub fn key<A: Address>(address: A, at: SocketAddr, protocol: u8) -> ServiceKey<A> {
    ServiceKey { address, port: at.port(), protocol, reserved: 0 }
}
