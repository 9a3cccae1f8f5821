//! Opening flows: choosing a server, claiming a source port, making both entries.

use core::marker::PhantomData;

use crate::address::{Address, Family};
use crate::be::Be16;
use crate::counter::{Count, Reason};
use crate::csum;
use crate::event::{EventKind, FlowEvent};
use crate::forward::rewrite;
use crate::hash;
use crate::key::FlowKey;
use crate::packet::{Ethernet, Network, Packet};
use crate::rules;
use crate::select::{self, Caller, Pool, SelectError};
use crate::tables::{CommonTables, FamilyTables, InsertError};
use crate::tcp::TcpState;
use crate::value::{
    Algorithm, Direction, Draft, FLOW_EVENTS, Flow, ForwardMode, Hop, Jiffies, Pending, SERVICE_EVENTS,
    Segment, Server, ServerId, Service, ServiceId,
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
    family: PhantomData<A>,
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

    #[inline(always)]
    fn pressure(&self, id: ServerId) -> Option<u64> {
        let server = self.tables.server(id)?;
        let load = self.tables.server_load(id);
        if !server.has_room(&load) {
            return None;
        }
        Some(select::pressure(server.connections(&load), server.weight as u32))
    }

    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        self.tables.forget(value)
    }
}

/// What [`select()`] returns for a service without a table: no server's number.
const NO_TABLE: u32 = 1 << 16;

const TURN: u32 = Algorithm::Turn as u32;
const SOURCE_MODULO: u32 = Algorithm::SourceModulo as u32;
const SOURCE_HASH: u32 = Algorithm::SourceHash as u32;
const LEAST: u32 = Algorithm::Least as u32;
const FIRST: u32 = Algorithm::First as u32;

/// The bits of `how` that are the algorithm; the others are the draws.
const ALGORITHM_BITS: u32 = 8;

/// Chooses the server for the flow that the pending packet begins, if the service takes one.
#[inline(always)]
pub(crate) fn choose<A, T>(tables: &T, service: &Service) -> Result<ServerId, Reason>
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    if !FamilyTables::<A>::pending(tables).is_some_and(|pending| pending.segment.may_go_on()) {
        return Err(Reason::HopLimit);
    }
    if service.maxconn != 0 || service.half_open != 0 {
        let load = tables.service_load(service.id);
        if service.is_full(&load) {
            return Err(Reason::ServiceFull);
        }
        if service.half_open != 0 && load.half_open(tables.now(), tables.second()) >= service.half_open {
            return Err(Reason::SynFlood);
        }
    }
    let how = service.algorithm as u32 | service.draws << ALGORITHM_BITS;
    match FamilyTables::<A>::select(tables, service.id, how) {
        NO_TABLE => Err(Reason::NoTable),
        0 => Err(Reason::NoServer),
        server => Ok(server as ServerId),
    }
}

/// Chooses a server of this service for the pending packet, by an algorithm and its draws: its number, 0, or
/// [`NO_TABLE`].
#[inline(always)]
pub fn select<A, T>(tables: &T, service: ServiceId, how: u32) -> u32
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let Some(caller) = caller::<A, T>(tables) else { return 0 };
    let pool = ServicePool::<T, A> { tables, service, family: PhantomData };
    let draws = how >> ALGORITHM_BITS;
    match select::choose(&pool, algorithm(how & ((1 << ALGORITHM_BITS) - 1)), draws, caller) {
        Ok(server) => server as u32,
        Err(SelectError::NoServer) => 0,
        Err(SelectError::NoTable) => NO_TABLE,
    }
}

#[inline(always)]
fn caller<A: Network, T: FamilyTables<A>>(tables: &T) -> Option<Caller<A>> {
    let pending = tables.pending()?;
    let key = &pending.segment.key;
    Some(Caller { address: key.src, port: key.src_port })
}

#[inline(always)]
fn algorithm(number: u32) -> Algorithm {
    match number {
        TURN => Algorithm::Turn,
        SOURCE_MODULO => Algorithm::SourceModulo,
        SOURCE_HASH => Algorithm::SourceHash,
        LEAST => Algorithm::Least,
        FIRST => Algorithm::First,
        _ => Algorithm::Draw,
    }
}

/// Towards the client a flow's packets go where its first packet came from.
#[inline(always)]
fn way_back<P: Packet>(packet: &mut P) -> Option<Hop> {
    let ifindex = packet.ingress();
    let ethernet = packet.header::<Ethernet>(0)?;
    Some(Hop { dst_mac: ethernet.src, src_mac: ethernet.dst, ifindex })
}

/// Claims a source port towards the server by inserting the entry that the server's answers will find: of two flows
/// that want the same port at the same time, one gets it. Leaves the entry in the draft.
#[inline(never)]
pub(crate) fn claim<A, P, T>(
    packet: &mut P,
    tables: &T,
    pending: &Pending<A>,
    service: &Service,
    id: ServerId,
) -> Result<(), Reason>
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let segment = &pending.segment;
    let server = tables.server(id).ok_or(Reason::NoServer)?;
    let mut draft = tables.draft().ok_or(Reason::TableFull)?;
    let Draft { key, flow } = &mut *draft;
    key.src = A::from_wide(&server.address);
    // Answers of a server that sees the client's address come to it, by way of the balancer.
    let transparent = service.mode as u8 == ForwardMode::Transparent as u8;
    key.dst = if transparent { segment.key.src } else { A::from_wide(&server.source) };
    key.src_port = server.port;
    key.protocol = segment.key.protocol;
    begin(service, id, server, tables.now(), flow);
    flow.marks |= rules::marks(pending.tracked);
    turn_to_client(segment, way_back(packet).ok_or(Reason::Truncated)?, flow);
    let (inside, outside) = (address_sum(&key.src, &key.dst), address_sum(&flow.src, &flow.dst));
    flow.l3_delta = network_delta::<A>(inside, outside);
    let outside = outside + port_sum(flow.src_port, flow.dst_port);
    // Of a port that is the only one, each try is the same: that costs where it is taken, and leaves the kernel's verifier
    // one loop to follow.
    let mut ports = if transparent {
        Ports::only(segment.key.src_port)
    } else {
        Ports::new(server, segment.key.src.hash(segment.key.ports()))
    };
    let mut probe = 0;
    while probe < PORT_PROBES {
        key.dst_port = ports.next();
        flow.l4_delta = csum::delta(inside + port_sum(key.src_port, key.dst_port), outside);
        match tables.insert_flow(key, flow) {
            Ok(()) => return Ok(()),
            Err(InsertError::Exists) => probe += 1,
            Err(InsertError::Full) => return Err(Reason::TableFull),
        }
    }
    Err(Reason::NoPort)
}

/// Makes the other entry from the one in the draft and rewrites the packet. Gives the claimed port back if that fails.
#[inline(never)]
pub(crate) fn complete<A, P, T>(
    packet: &mut P,
    tables: &T,
    segment: &Segment<A>,
    server: &Server,
) -> Result<(), Reason>
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let mut draft = tables.draft().ok_or(Reason::TableFull)?;
    let Draft { key, flow } = &mut *draft;
    turn_to_server(segment, server, (key.dst, key.dst_port), packet.length(), flow);
    tables.insert_flow(&segment.key, flow).map_err(|error| {
        tables.remove_flow(key);
        match error {
            InsertError::Exists => Reason::Twin,
            InsertError::Full => Reason::TableFull,
        }
    })?;
    rewrite(packet, segment, flow, &server.hop, server.vlan).ok_or_else(|| {
        tables.remove_flow(key);
        tables.remove_flow(&segment.key);
        Reason::NoRoom
    })
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
    /// There is but one.
    #[inline(always)]
    fn only(port: u16) -> Self {
        Self { low: port, count: 1, stride: 0, place: 0 }
    }

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

/// What both entries have in common.
#[inline(always)]
pub(crate) fn begin<A: Network>(
    service: &Service,
    id: ServerId,
    server: &Server,
    now: Jiffies,
    flow: &mut Flow<A>,
) {
    flow.last = now;
    flow.opened = now;
    flow.marks = marks(service);
    flow.service = service.id;
    flow.server = id;
    flow.generation = server.generation;
    flow.state = TcpState::Opening;
}

/// Makes it the entry for packets from the server, which are still to come. What it does to checksums depends on the port.
#[inline(always)]
fn turn_to_client<A: Network>(segment: &Segment<A>, back: Hop, flow: &mut Flow<A>) {
    flow.src = segment.key.dst;
    flow.dst = segment.key.src;
    flow.dst_port = segment.key.src_port;
    flow.src_port = segment.key.dst_port;
    flow.hop = back;
    flow.vlan = segment.vlan;
    flow.bytes = 0;
    flow.packets = 0;
    flow.direction = Direction::ToClient;
}

/// Makes the entry for packets from the server into the one for packets from the client, of which this is the first.
#[inline(always)]
fn turn_to_server<A: Network>(
    segment: &Segment<A>,
    server: &Server,
    (source, source_port): (A, u16),
    length: u32,
    flow: &mut Flow<A>,
) {
    flow.src = source;
    flow.dst = A::from_wide(&server.address);
    flow.dst_port = server.port;
    flow.src_port = source_port;
    let (outside, inside) =
        (address_sum(&segment.key.src, &segment.key.dst), address_sum(&flow.src, &flow.dst));
    flow.l3_delta = network_delta::<A>(outside, inside);
    let comes = outside + port_sum(segment.key.src_port, segment.key.dst_port);
    flow.l4_delta = csum::delta(comes, inside + port_sum(source_port, server.port));
    flow.hop = server.hop;
    flow.vlan = server.vlan;
    flow.bytes = length as u64;
    flow.packets = 1;
    flow.direction = Direction::ToServer;
}

#[inline(always)]
fn marks(service: &Service) -> u16 {
    if service.flags & SERVICE_EVENTS != 0 { FLOW_EVENTS } else { 0 }
}

/// What replacing addresses that sum to `old` and taking a hop add to the sum of a header; IPv6 has no such sum.
#[inline(always)]
pub(crate) fn network_delta<A: Address>(old: u32, new: u32) -> u16 {
    match A::FAMILY {
        // The time to live is the first octet of its word, which is the lower one of a little-endian word.
        Family::V4 => csum::delta(old + 1, new),
        _ => 0,
    }
}

/// The sum of both addresses.
#[inline(always)]
fn address_sum<A: Address>(src: &A, dst: &A) -> u32 {
    src.sum() + dst.sum()
}

#[inline(always)]
fn port_sum(a: u16, b: u16) -> u32 {
    Be16::new(a).raw() as u32 + Be16::new(b).raw() as u32
}

/// Counts the flow in the draft, which was opened.
#[inline(never)]
pub(crate) fn account<A, T>(tables: &T)
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let (Some(draft), Some(pending)) = (FamilyTables::<A>::draft(tables), FamilyTables::<A>::pending(tables))
    else {
        return;
    };
    let flow = &draft.flow;
    tables.flow_opened(flow.service, flow.server);
    if !pending.segment.is_udp() {
        tables.half_opened(flow.service, flow.opened);
    }
    // The one packet that the flow has had.
    tables.count_server(flow.server, Direction::ToServer, flow.bytes as u32);
    report(tables, EventKind::Opened, Direction::ToServer, &pending.segment.key, flow, Count::default());
}

/// Counts the flow that was opened in the entries that track its client. Not in [`account`]: the stack frames of the two
/// together would be more than kernel 6.1 allows.
#[inline(always)]
pub(crate) fn track<A, T>(tables: &T, service: ServiceId)
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    if FamilyTables::<A>::pending(tables).is_some_and(|pending| pending.tracked != 0) {
        FamilyTables::<A>::count_pending(tables, service, true);
    }
}

/// Reports a flow's event if its service wants to know. `key` and `flow` are one entry of it, `other` is what the other
/// one has counted.
#[inline(always)]
pub(crate) fn report<A, T>(
    tables: &T,
    kind: EventKind,
    direction: Direction,
    key: &FlowKey<A>,
    flow: &Flow<A>,
    other: Count,
) where
    A: Network,
    T: CommonTables,
{
    if flow.marks & FLOW_EVENTS == 0 {
        return;
    }
    tables.event(|event| {
        describe(event, direction, key, flow);
        let this = Count { packets: flow.packets as u64, bytes: flow.bytes };
        (event.to_server, event.to_client) = match direction {
            Direction::ToServer => (this, other),
            Direction::ToClient => (other, this),
        };
        event.opened = flow.opened;
        event.now = tables.now();
        event.service = flow.service;
        event.server = flow.server;
        event.kind = kind;
        event.family = A::FAMILY;
        event.protocol = key.protocol;
        event.state = flow.state;
    });
}

/// Fills in an event's addresses and ports. Packets towards the server come with the client's tuple and leave with the
/// server's; the others the other way round.
#[inline(always)]
fn describe<A: Network>(event: &mut FlowEvent, direction: Direction, key: &FlowKey<A>, flow: &Flow<A>) {
    match direction {
        Direction::ToServer => {
            event.client = key.src.to_wide();
            event.service_address = key.dst.to_wide();
            event.source = flow.src.to_wide();
            event.server_address = flow.dst.to_wide();
            (event.client_port, event.service_port) = (key.src_port, key.dst_port);
            (event.source_port, event.server_port) = (flow.src_port, flow.dst_port);
        }
        Direction::ToClient => {
            event.client = flow.dst.to_wide();
            event.service_address = flow.src.to_wide();
            event.source = key.dst.to_wide();
            event.server_address = key.src.to_wide();
            (event.client_port, event.service_port) = (flow.dst_port, flow.src_port);
            (event.source_port, event.server_port) = (key.dst_port, key.src_port);
        }
    }
}
