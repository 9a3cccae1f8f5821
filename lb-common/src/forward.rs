//! The forwarding decision: one function for the kernel and for tests on the host.
//!
//! A packet is forwarded if it belongs to a flow, or if it opens one and a server can take it now. Everything else is
//! passed to the host unchanged. Whatever `decide` does to the packet and to the tables it does after the last check.

use crate::address::{Address, V4, V6};
use crate::counter::{Count, Reason};
use crate::event::EventKind;
use crate::icmp;
use crate::key::{self, FlowKey};
use crate::link::{self, Link};
use crate::open;
use crate::packet::{
    ETHER_IPV4, ETHER_IPV6, ETHER_SERVICE, ETHER_VLAN, Ethernet, Network, Packet, Tag, Tcp, Udp,
};
use crate::rule::Op;
use crate::rules;
use crate::tables::{CommonTables, FamilyTables, FlowHandle, Tables};
use crate::tcp::{self, TcpState};
use crate::transport;
use crate::value::{
    Direction, FLOW_TRACKED, Flow, Hop, Pending, Retired, SERVICE_GUARD, Segment, ServerId, ServerState,
    Service, ServiceId,
};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// The host's stack gets it, unchanged.
    Pass = 0,
    /// It leaves by the interface that it came in by.
    Transmit = 1,
    /// It leaves by another interface.
    Redirect = 2,
    /// It ends here.
    Drop = 3,
}

/// A verdict with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the packet.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The service that it was for; 0: none.
    pub service: ServiceId,
    /// The interface that it leaves by; 0: none. A field of its own and not a part of the verdict, so that it always has
    /// a value: the kernel refuses programs that as much as move a register without one.
    pub egress: u32,
}

impl Decision {
    /// A packet that is the host's.
    #[inline(always)]
    pub fn pass(reason: Reason, service: ServiceId) -> Self {
        Self { verdict: Verdict::Pass, reason, service, egress: 0 }
    }

    #[inline(always)]
    pub(crate) fn drop(reason: Reason, service: ServiceId) -> Self {
        Self { verdict: Verdict::Drop, reason, service, egress: 0 }
    }

    /// Whether it is [`DIRECT`].
    #[inline(always)]
    fn is_direct(&self) -> bool {
        self.egress == DIRECT.egress
    }

    /// A packet that came in by `ingress` and leaves by `egress`.
    #[inline(always)]
    pub(crate) fn send(reason: Reason, service: ServiceId, egress: u32, ingress: u32) -> Self {
        let verdict = if egress == ingress { Verdict::Transmit } else { Verdict::Redirect };
        Self { verdict, reason, service, egress }
    }
}

/// The packet is for a server that answers its client directly: the rest is [`crate::direct::decide`]'s, which the kernel's stack
/// would not hold below this. No interface has this number.
pub(crate) const DIRECT: Decision =
    Decision { verdict: Verdict::Pass, reason: Reason::NoServer, service: 0, egress: u32::MAX };

// Functions that are called return it in one register.
const _: () = assert!(size_of::<Decision>() == 8);

impl<A: Address> Segment<A> {
    /// Whether it may take another hop. The balancer counts as a hop like any router: should a server's address lead
    /// back to it, packets die out rather than circle at the line's rate. A client that is so far away that its SYN
    /// arrives with its last hop is served in user space, where the connection ends here and begins anew.
    #[inline(always)]
    pub(crate) fn may_go_on(&self) -> bool {
        self.hops > 1
    }

    /// Whether it asks for a new flow: a bare SYN, or any UDP packet.
    #[inline(always)]
    pub(crate) fn opens(&self) -> bool {
        self.is_udp() || tcp::opens(self.flags)
    }

    #[inline(always)]
    pub(crate) fn is_udp(&self) -> bool {
        self.key.protocol == key::UDP
    }
}

/// Decides about a packet: forwards it (rewritten in place) or leaves it as it is, counts it, and keeps its flow.
#[inline(always)]
pub fn decide<P: Packet, T: Tables>(packet: &mut P, tables: &T) -> Decision {
    let length = packet.length();
    let decision = route(packet, tables);
    if decision.is_direct() {
        return tables.direct(packet);
    }
    tables.count(decision.service, decision.reason, length);
    decision
}

#[inline(always)]
fn route<P: Packet, T: Tables>(packet: &mut P, tables: &T) -> Decision {
    match read_link(packet) {
        Ok((link, ETHER_IPV4)) => forward::<V4, P, T>(packet, tables, link),
        Ok((link, _)) => forward::<V6, P, T>(packet, tables, link),
        Err(decision) => decision,
    }
}

/// Reads what is before the network header, and whether that is IPv4's or IPv6's.
#[inline(always)]
pub(crate) fn read_link<P: Packet>(packet: &mut P) -> Result<(Link, u16), Decision> {
    let Some(ethernet) = packet.header::<Ethernet>(0) else {
        return Err(Decision::pass(Reason::Truncated, 0));
    };
    let mut link = Link { network: size_of::<Ethernet>(), vlan: 0 };
    let mut kind = ethernet.kind.get();
    if kind == ETHER_VLAN || kind == ETHER_SERVICE {
        let Some(tag) = packet.header::<Tag>(link.network) else {
            return Err(Decision::pass(Reason::Truncated, 0));
        };
        link = Link { network: size_of::<Ethernet>() + size_of::<Tag>(), vlan: link::number(kind, tag) };
        kind = tag.kind.get();
    }
    match kind {
        ETHER_IPV4 | ETHER_IPV6 => Ok((link, kind)),
        ETHER_VLAN | ETHER_SERVICE => Err(Decision::pass(Reason::Tags, 0)),
        _ => Err(Decision::pass(Reason::NotIp, 0)),
    }
}

#[inline(always)]
fn forward<A, P, T>(packet: &mut P, tables: &T, link: Link) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let segment = match read::<A, P>(packet, link) {
        Ok(segment) => segment,
        Err(Reason::Protocol) => return packet.aside(|packet| icmp::relay::<A, P, T>(packet, tables, &link)),
        Err(reason) => return Decision::pass(reason, 0),
    };
    let mut reason = Reason::Opened;
    if let Some(handle) = tables.flow(&segment.key) {
        if handle.is_direct() {
            if !renews(tables, &segment, &handle) {
                return DIRECT;
            }
        } else {
            let flow = handle.load();
            if !begins_anew(tables, &segment, &flow) {
                return follow(packet, tables, &segment, &handle, &flow);
            }
        }
        discard(tables, &segment.key, &handle);
        reason = Reason::Reopened;
    }
    start(packet, tables, &segment, reason)
}

/// Opens a flow if the packet asks for one, out of the way of packets that do not.
#[inline(always)]
fn start<A, P, T>(packet: &mut P, tables: &T, segment: &Segment<A>, reason: Reason) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    // Whatever the address: most of what the host's own connections receive ends here, without another lookup.
    if !segment.opens() {
        return Decision::pass(Reason::NoFlow, 0);
    }
    let Some(service) = tables.service(&segment.key.service()) else {
        return Decision::pass(Reason::NoService, 0);
    };
    // What is known of the packet goes through memory that is looked up anew: the kernel's verifier follows every
    // combination of the values that it knows through all that comes, and so it knows none.
    if let Some(mut pending) = tables.pending() {
        pending.segment = *segment;
        pending.reason = reason;
        pending.tracked = 0;
    }
    let ingress = packet.ingress();
    if service.rules != 0 {
        let verdict = rules::verdict::<A, T>(tables, segment, service);
        if verdict == Op::Reject as u32 || verdict == Op::SilentDrop as u32 {
            let reject = verdict == Op::Reject as u32;
            let how = packet.aside(|packet| rules::deny::<A, P, T>(packet, tables, reject));
            return rules::denied::<A, T>(tables, how, service.id, ingress);
        }
        if verdict != Op::Accept as u32 {
            return Decision::pass(Reason::UserSpace, service.id);
        }
    }
    if service.flags & SERVICE_GUARD != 0 {
        return Decision::pass(Reason::UserSpace, service.id);
    }
    if service.mode.is_direct() {
        return DIRECT;
    }
    let id = match open::choose::<A, T>(tables, service) {
        Ok(id) => id,
        Err(reason) => return Decision::pass(reason, service.id),
    };
    let Some(pending) = tables.pending() else {
        return Decision::pass(Reason::NoServer, service.id);
    };
    let reason = pending.reason;
    let opened = open_to_server::<A, P, T>(packet, tables, &pending, service, id);
    drop(pending);
    match opened {
        Ok(egress) => {
            open::account::<A, T>(tables);
            open::track::<A, T>(tables, service.id);
            Decision::send(reason, service.id, egress, ingress)
        }
        Err(Reason::Twin) => Decision::drop(Reason::Twin, service.id),
        Err(reason) => Decision::pass(reason, service.id),
    }
}

/// Opens a flow, step by step: in the kernel each is a function with a stack frame of its own, since one for all would be
/// too large. Returns the interface that the packet, rewritten, leaves by.
#[inline(always)]
fn open_to_server<A, P, T>(
    packet: &mut P,
    tables: &T,
    pending: &Pending<A>,
    service: &Service,
    id: ServerId,
) -> Result<u32, Reason>
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    packet.aside(|packet| open::claim(packet, tables, pending, service, id))?;
    let server = tables.server(id).ok_or(Reason::NoServer)?;
    packet.aside(|packet| open::complete(packet, tables, &pending.segment, server))?;
    Ok(server.hop.ifindex)
}

/// Reads the headers.
#[inline(always)]
pub(crate) fn read<A: Network, P: Packet>(packet: &mut P, link: Link) -> Result<Segment<A>, Reason> {
    let Link { network, vlan } = link;
    let header = packet.header::<A::Header>(network).ok_or(Reason::Truncated)?;
    let fields = A::fields(header)?;
    let transport = network + size_of::<A::Header>();
    let (src_port, dst_port, flags) = match fields.protocol {
        key::TCP => {
            let tcp = packet.header::<Tcp>(transport).ok_or(Reason::Truncated)?;
            (tcp.src, tcp.dst, tcp.flags)
        }
        key::UDP => {
            let udp = packet.header::<Udp>(transport).ok_or(Reason::Truncated)?;
            (udp.src, udp.dst, 0)
        }
        _ => return Err(Reason::Protocol),
    };
    let key = FlowKey::new((fields.src, src_port.get()), (fields.dst, dst_port.get()), fields.protocol);
    Ok(Segment { key, vlan, flags, hops: fields.hops, network: network as u8, reserved: 0, padding: 0 })
}

/// Whether a packet of a flow opens another one in its place: a client's SYN after the former connection of this tuple
/// has closed, or was never answered and its server has gone since; of UDP, any packet whose server has gone.
#[inline(always)]
pub(crate) fn begins_anew<A: Network, T: CommonTables>(
    tables: &T,
    segment: &Segment<A>,
    flow: &Flow<A>,
) -> bool {
    segment.opens()
        && flow.direction as u8 == Direction::ToServer as u8
        && match flow.state {
            TcpState::Closed => true,
            TcpState::Opening => !lives(tables, flow),
            _ => segment.is_udp() && !lives(tables, flow),
        }
}

/// The same of a flow of direct return, of which all that will be heard is that the client is done. Not inlined: for the
/// other flows' sake, whose packets it is not asked of.
#[inline(never)]
pub(crate) fn renews<A, T>(tables: &T, segment: &Segment<A>, handle: &T::Flow) -> bool
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let flow = handle.load();
    begins_anew(tables, segment, &flow) || (segment.opens() && flow.state as u8 == TcpState::ClientDone as u8)
}

/// Whether the flow's server is still there and not down.
#[inline(always)]
fn lives<A: Network, T: CommonTables>(tables: &T, flow: &Flow<A>) -> bool {
    tables.server(flow.server).is_some_and(|server| {
        server.generation == flow.generation && server.state as u8 != ServerState::Down as u8
    })
}

/// Forwards a packet of an open flow.
#[inline(always)]
fn follow<A, P, T>(
    packet: &mut P,
    tables: &T,
    segment: &Segment<A>,
    handle: &T::Flow,
    flow: &Flow<A>,
) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    if !segment.may_go_on() {
        return Decision::pass(Reason::HopLimit, flow.service);
    }
    let length = packet.length();
    let ingress = packet.ingress();
    let (hop, vlan) = next_hop(tables, flow);
    tables.count_server(flow.server, flow.direction, length);
    handle.count(length, tables.now());
    let closed = may_change(segment, flow) && advance(tables, &segment.key, handle, segment.flags);
    // Last, for it moves the frame. It cannot fail for a header, since all have been read; a tag may find no room.
    if rewrite(packet, segment, flow, &hop, vlan).is_none() {
        return Decision::pass(Reason::NoRoom, flow.service);
    }
    let reason = match flow.direction {
        Direction::ToServer => Reason::ToServer,
        Direction::ToClient => Reason::ToClient,
    };
    let decision = Decision::send(reason, flow.service, hop.ifindex, ingress);
    // At the end, when little is left that the verifier must follow through it.
    if closed {
        reap::<A, T>(tables);
    }
    decision
}

/// Whether the packet can change its flow's state: what is asked first, for most cannot.
#[inline(always)]
fn may_change<A: Network>(segment: &Segment<A>, flow: &Flow<A>) -> bool {
    if segment.is_udp() {
        flow.state as u8 == TcpState::Opening as u8 && flow.direction as u8 == Direction::ToClient as u8
    } else {
        flow.state.may_change(segment.flags)
    }
}

/// Towards a server, the next hop and the tag that user space keeps current, as long as the number still means this
/// server.
#[inline(always)]
pub(crate) fn next_hop<A: Network, T: CommonTables>(tables: &T, flow: &Flow<A>) -> (Hop, u16) {
    match tables.server(flow.server) {
        Some(server)
            if flow.direction as u8 == Direction::ToServer as u8
                && server.generation == flow.generation
                && server.hop.ifindex != 0 =>
        {
            (server.hop, server.vlan)
        }
        _ => (flow.hop, flow.vlan),
    }
}

/// Rewrites a packet as its flow says. None: nothing was changed.
#[inline(always)]
pub(crate) fn rewrite<A: Network, P: Packet>(
    packet: &mut P,
    segment: &Segment<A>,
    flow: &Flow<A>,
    hop: &Hop,
    vlan: u16,
) -> Option<()> {
    let network = link::rewrite(packet, hop, vlan, segment.network as usize)?;
    let transport = network + size_of::<A::Header>();
    if segment.is_udp() {
        transport::rewrite_udp(packet.header(transport)?, flow);
    } else {
        transport::rewrite_tcp(packet.header(transport)?, flow);
    }
    A::rewrite(packet.header(network)?, flow.src, flow.dst, flow.l3_delta);
    Some(())
}

impl<A: Network> Flow<A> {
    /// The key of the entry for the opposite direction.
    #[inline(always)]
    pub fn peer(&self, protocol: u8) -> FlowKey<A> {
        FlowKey::new((self.dst, self.dst_port), (self.src, self.src_port), protocol)
    }
}

/// Follows the connection's state on both entries of its flow; whether it has closed with that. Not inlined: in the
/// kernel it needs a stack frame of its own, and few packets come here.
#[inline(never)]
pub(crate) fn advance<A, T>(tables: &T, key: &FlowKey<A>, handle: &T::Flow, flags: u8) -> bool
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let flow = handle.load();
    let state = if key.protocol == key::UDP {
        flow.state.after_datagram(flow.direction)
    } else if flow.is_direct() {
        flow.state.after_client_alone(flags)
    } else {
        flow.state.after(flow.direction, flags)
    };
    if state as u8 == flow.state as u8 {
        return false;
    }
    if flow.state.is_half_open() && !state.is_half_open() && key.protocol != key::UDP {
        tables.half_open_ended(flow.service, flow.opened);
    }
    handle.set_state(state);
    let other = flow.peer(key.protocol);
    if let Some(entry) = tables.flow(&other) {
        entry.set_state(state);
    }
    let closed = state as u8 == TcpState::Closed as u8 && close(tables, key, &flow, &other);
    if closed {
        let key = if flow.direction as u8 == Direction::ToServer as u8 { *key } else { other };
        // Where the queue is full, user space expires the flow.
        tables.retire(&Retired { key, at: tables.now(), reserved: 0 });
    }
    closed
}

/// Closed flows that are removed for each one that closes, at most. With one they would stay as many as they are; with
/// two they become fewer.
const REAPED: u32 = 2;

/// Counts and reports a flow as closed; false if that was done before. `key` and `flow` are one of its entries, `other`
/// is the other's key.
#[inline(always)]
fn close<A, T>(tables: &T, key: &FlowKey<A>, flow: &Flow<A>, other: &FlowKey<A>) -> bool
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    // The entry towards the server says whether it has been done. It is looked up even where it has been before: the
    // verifier does not follow which of two pointers was chosen.
    let towards_server = match flow.direction {
        Direction::ToServer => key,
        Direction::ToClient => other,
    };
    if tables.flow(towards_server).is_some_and(|entry| !entry.mark_closed()) {
        return false;
    }
    tables.flow_closed(flow.service, flow.server);
    if flow.marks & FLOW_TRACKED != 0 {
        rules::uncount(tables, &rules::client(flow, key.src), flow);
    }
    let counted = tables.flow(other).map_or(Count::default(), |entry| entry.counted());
    open::report(tables, EventKind::Closed, flow.direction, key, flow, counted);
    true
}

/// Removes flows that have been closed for [`CommonTables::linger`]. Each flow that closes does that work for others, so
/// that the table holds what lives even if no user space is there to expire the rest.
#[inline(never)]
pub(crate) fn reap<A, T>(tables: &T)
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let mut left = REAPED;
    while left > 0 {
        left -= 1;
        let due = |retired: &Retired<A>| tables.now().wrapping_sub(retired.at) >= tables.linger();
        if !tables.oldest_retired().is_some_and(|oldest| due(&oldest)) {
            return;
        }
        // Of two CPUs that saw the same one due, one gets the next, which goes a moment early.
        let Some(Retired { key, .. }) = tables.forget_retired() else { return };
        let Some(flow) = tables.flow(&key).map(|entry| entry.load()) else { continue };
        // The tuple may have been opened anew since.
        if flow.state as u8 == TcpState::Closed as u8 {
            tables.remove_flow(&flow.peer(key.protocol));
            tables.remove_flow(&key);
        }
    }
}

/// Removes a flow whose tuple a new connection takes over. Not inlined, like [`advance`].
#[inline(never)]
fn discard<A, T>(tables: &T, key: &FlowKey<A>, handle: &T::Flow)
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let flow = handle.load();
    let other = flow.peer(key.protocol);
    close(tables, key, &flow, &other);
    tables.remove_flow(&other);
    tables.remove_flow(key);
}
