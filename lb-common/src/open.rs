//! Opening flows: choosing a server, claiming a source port, making both entries.

use crate::address::Address;
use crate::be::Be16;
use crate::counter::{Count, Reason};
use crate::csum;
use crate::event::{EventKind, FlowEvent};
use crate::forward::{Decision, Segment, Verdict, rewrite, toward};
use crate::hash;
use crate::key::{FlowKey, RateKey};
use crate::packet::{Ethernet, Network, Packet};
use crate::select::{self, Pool, SelectError};
use crate::tables::{CommonTables, FamilyTables, InsertError};
use crate::tcp::{self, TcpState};
use crate::value::{
    Direction, FLOW_EVENTS, Flow, Hop, SERVICE_EVENTS, SERVICE_TRACK, Server, ServerId, Service, ServiceId,
};

/// Source ports that are tried before a flow falls through. With nine of ten ports taken, 32 random tries all fail
/// once in thirty connections; with four of five, once in a thousand.
const PORT_PROBES: u32 = 32;

/// The seed of the source ports' hash.
const PORT_SEED: u32 = 0x706f_7274;

/// A service's table and servers, as the selection sees them.
struct ServicePool<'a, T, A> {
    tables: &'a T,
    service: ServiceId,
    family: core::marker::PhantomData<A>,
}

impl<T: CommonTables, A: Address> Pool for ServicePool<'_, T, A> {
    #[inline(always)]
    fn slots(&self) -> u32 {
        self.tables.slots(self.service)
    }

    #[inline(always)]
    fn slot(&self, index: u32) -> ServerId {
        self.tables.slot(self.service, index)
    }

    #[inline(always)]
    fn turn(&self) -> u32 {
        self.tables.turn(self.service)
    }

    #[inline(always)]
    fn usable(&self, id: ServerId) -> bool {
        match self.tables.server(id) {
            Some(server) => server.takes::<A>(&self.tables.server_load(id)),
            None => false,
        }
    }
}

/// Decides about a packet of no flow: opens one if it may.
#[inline(always)]
pub(crate) fn open<A, P, T>(packet: &mut P, tables: &T, segment: &Segment<A>, reason: Reason) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let Some(service) = tables.service(&segment.key.service()) else {
        return Decision::pass(Reason::NoService, 0);
    };
    match establish(packet, tables, segment, service) {
        Ok((verdict, server)) => Decision { verdict, reason, service: service.id, server },
        Err(Reason::Twin) => {
            Decision { verdict: Verdict::Drop, reason: Reason::Twin, service: service.id, server: 0 }
        }
        Err(reason) => Decision::pass(reason, service.id),
    }
}

#[inline(always)]
fn establish<A, P, T>(
    packet: &mut P,
    tables: &T,
    segment: &Segment<A>,
    service: &Service,
) -> Result<(Verdict, ServerId), Reason>
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    admit(tables, segment, service)?;
    let pool = ServicePool::<T, A> { tables, service: service.id, family: core::marker::PhantomData };
    let id = select::choose(&pool, service.algorithm, segment.key.src).map_err(|error| match error {
        SelectError::NoTable => Reason::NoTable,
        SelectError::NoServer => Reason::NoServer,
    })?;
    let server = tables.server(id).ok_or(Reason::NoServer)?;
    let back = way_back(packet).ok_or(Reason::Truncated)?;
    let source_port = claim(tables, segment, service, id, server, back)?;
    let flow = towards_server(tables, segment, service, id, server, source_port, packet.length());
    insert(tables, segment, &flow)?;
    // Cannot fail: these headers have been read before.
    rewrite(packet, segment, &flow, &server.hop).ok_or(Reason::Truncated)?;
    account(tables, segment, service, &flow);
    Ok((toward(&server.hop, packet.ingress()), id))
}

/// Whether the service takes a flow that begins with this packet.
#[inline(always)]
fn admit<A: Network, T: CommonTables>(
    tables: &T,
    segment: &Segment<A>,
    service: &Service,
) -> Result<(), Reason> {
    if !tcp::opens(segment.flags) {
        return Err(Reason::NoFlow);
    }
    if !segment.may_go_on() {
        return Err(Reason::HopLimit);
    }
    if service.maxconn != 0 && service.active(&tables.service_load(service.id)) >= service.maxconn {
        return Err(Reason::ServiceFull);
    }
    Ok(())
}

/// Towards the client a flow's packets go where its first packet came from.
#[inline(always)]
fn way_back<P: Packet>(packet: &mut P) -> Option<Hop> {
    let ifindex = packet.ingress();
    let ethernet = packet.header::<Ethernet>(0)?;
    Some(Hop { dst_mac: ethernet.src, src_mac: ethernet.dst, ifindex })
}

/// Claims a source port towards the server by inserting the entry that the server's answers will find: of two flows
/// that want the same port at the same time, one gets it.
#[inline(always)]
fn claim<A, T>(
    tables: &T,
    segment: &Segment<A>,
    service: &Service,
    id: ServerId,
    server: &Server,
    back: Hop,
) -> Result<u16, Reason>
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let mut entry = towards_client(tables, segment, service, id, server, back);
    let mut key = FlowKey {
        src: A::from_wide(&server.address),
        dst: A::from_wide(&server.source),
        dst_port: 0,
        src_port: server.port,
        protocol: segment.key.protocol,
        reserved: [0; 3],
    };
    let client = tuple_sum(&segment.key);
    let mut ports = Ports::new(server, segment.key.src.hash(segment.key.ports()));
    let mut probe = 0;
    while probe < PORT_PROBES {
        key.dst_port = ports.next();
        entry.l4_delta = csum::delta(tuple_sum(&key), client);
        match tables.insert_flow(&key, &entry) {
            Ok(()) => return Ok(key.dst_port),
            Err(InsertError::Exists) => probe += 1,
            Err(InsertError::Full) => return Err(Reason::TableFull),
        }
    }
    Err(Reason::NoPort)
}

/// A walk over a server's source ports from a place and by a stride that a hash decides, so that walks of different
/// clients part again after they have met.
struct Ports {
    low: u16,
    count: u32,
    stride: u32,
    place: u32,
}

impl Ports {
    #[inline(always)]
    fn new(server: &Server, hash: u32) -> Self {
        let count = (server.source_high as u32).saturating_sub(server.source_low as u32) + 1;
        let place = hash::scale(hash, count);
        let stride = 1 + hash::scale(hash::words3(hash, 0, 0, PORT_SEED), count - 1);
        Self { low: server.source_low, count, stride, place }
    }

    #[inline(always)]
    fn next(&mut self) -> u16 {
        let port = self.low.wrapping_add(self.place as u16);
        self.place += self.stride;
        if self.place >= self.count {
            self.place -= self.count;
        }
        port
    }
}

/// The entry for packets from the server.
#[inline(always)]
fn towards_client<A: Network, T: CommonTables>(
    tables: &T,
    segment: &Segment<A>,
    service: &Service,
    id: ServerId,
    server: &Server,
    back: Hop,
) -> Flow<A> {
    let now = tables.now();
    let (src, dst) = (A::from_wide(&server.address), A::from_wide(&server.source));
    Flow {
        src: segment.key.dst,
        dst: segment.key.src,
        dst_port: segment.key.src_port,
        src_port: segment.key.dst_port,
        l3_delta: network_delta((src, dst), (segment.key.src, segment.key.dst)),
        l4_delta: 0,
        hop: back,
        bytes: 0,
        packets: 0,
        last: now,
        opened: now,
        marks: marks(service),
        service: service.id,
        server: id,
        generation: server.generation,
        state: TcpState::Opening,
        direction: Direction::ToClient,
    }
}

/// The entry for packets from the client, of which this one is the first.
#[inline(always)]
fn towards_server<A: Network, T: CommonTables>(
    tables: &T,
    segment: &Segment<A>,
    service: &Service,
    id: ServerId,
    server: &Server,
    source_port: u16,
    length: u32,
) -> Flow<A> {
    let now = tables.now();
    let leaves = FlowKey {
        src: A::from_wide(&server.source),
        dst: A::from_wide(&server.address),
        dst_port: server.port,
        src_port: source_port,
        protocol: segment.key.protocol,
        reserved: [0; 3],
    };
    Flow {
        src: leaves.src,
        dst: leaves.dst,
        dst_port: leaves.dst_port,
        src_port: leaves.src_port,
        l3_delta: network_delta((segment.key.src, segment.key.dst), (leaves.src, leaves.dst)),
        l4_delta: csum::delta(tuple_sum(&segment.key), tuple_sum(&leaves)),
        hop: server.hop,
        bytes: length as u64,
        packets: 1,
        last: now,
        opened: now,
        marks: marks(service),
        service: service.id,
        server: id,
        generation: server.generation,
        state: TcpState::Opening,
        direction: Direction::ToServer,
    }
}

#[inline(always)]
fn marks(service: &Service) -> u32 {
    if service.flags & SERVICE_EVENTS != 0 { FLOW_EVENTS } else { 0 }
}

/// What replacing the addresses and taking a hop adds to the sum of an IPv4 header.
#[inline(always)]
fn network_delta<A: Address>(old: (A, A), new: (A, A)) -> u16 {
    // The time to live is the first octet of its word, which is the lower one of a little-endian word.
    csum::delta(old.0.sum() + old.1.sum() + 1, new.0.sum() + new.1.sum())
}

/// The sum over what a transport checksum covers of a tuple.
#[inline(always)]
fn tuple_sum<A: Address>(key: &FlowKey<A>) -> u32 {
    key.src.sum()
        + key.dst.sum()
        + Be16::new(key.src_port).raw() as u32
        + Be16::new(key.dst_port).raw() as u32
}

/// Inserts the entry towards the server; gives the claimed port back if that fails.
#[inline(always)]
fn insert<A, T>(tables: &T, segment: &Segment<A>, flow: &Flow<A>) -> Result<(), Reason>
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    tables.insert_flow(&segment.key, flow).map_err(|error| {
        tables.remove_flow(&flow.peer(segment.key.protocol));
        match error {
            InsertError::Exists => Reason::Twin,
            InsertError::Full => Reason::TableFull,
        }
    })
}

/// Counts a flow that was opened.
#[inline(always)]
fn account<A, T>(tables: &T, segment: &Segment<A>, service: &Service, flow: &Flow<A>)
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    tables.flow_opened(flow.service, flow.server);
    // The one packet that the flow has had.
    tables.count_server(flow.server, flow.direction, flow.bytes as u32);
    if service.flags & SERVICE_TRACK != 0 {
        let source = RateKey { source: segment.key.src, service: service.id, reserved: 0 };
        tables.track(&source, flow.opened, service.rate_period);
    }
    report(tables, EventKind::Opened, &segment.key, flow, None);
}

/// Reports a flow's event if its service wants to know. `key` and `flow` are one entry of it, `peer` is the other.
#[inline(always)]
pub(crate) fn report<A, T>(
    tables: &T,
    kind: EventKind,
    key: &FlowKey<A>,
    flow: &Flow<A>,
    peer: Option<&Flow<A>>,
) where
    A: Network,
    T: CommonTables,
{
    if flow.marks & FLOW_EVENTS == 0 {
        return;
    }
    let count = |entry: &Flow<A>| Count { packets: entry.packets as u64, bytes: entry.bytes };
    let other = peer.map_or(Count::default(), count);
    // A flow's tuples are the same seen from either entry; only which comes first differs.
    let other_key = flow.peer(key.protocol);
    let (client, server, to_server, to_client) = match flow.direction {
        Direction::ToServer => (*key, other_key, count(flow), other),
        Direction::ToClient => (other_key, *key, other, count(flow)),
    };
    tables.event(&FlowEvent {
        client: client.src.to_wide(),
        service_address: client.dst.to_wide(),
        source: server.dst.to_wide(),
        server_address: server.src.to_wide(),
        to_server,
        to_client,
        client_port: client.src_port,
        service_port: client.dst_port,
        source_port: server.dst_port,
        server_port: server.src_port,
        opened: flow.opened,
        now: tables.now(),
        service: flow.service,
        server: flow.server,
        kind,
        family: A::FAMILY,
        protocol: key.protocol,
        state: flow.state,
    });
}
