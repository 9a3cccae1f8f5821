//! Direct return: packets go to a server as they are, by its MAC address or inside of other packets, and the server
//! answers the client itself. The balancer sees one direction, and a flow has one entry.

use crate::address::{Family, V4, V6};
use crate::be::Be16;
use crate::counter::Reason;
use crate::csum;
use crate::forward::{self, Decision, Verdict};
use crate::icmp::Icmp;
use crate::key::{self, FlowKey};
use crate::link::{self, Link};
use crate::open;
use crate::packet::{
    Around, ETHER_IPV4, ETHER_SERVICE, ETHER_VLAN, Ethernet, Header, Network, Packet, Tag, Udp,
};
use crate::rules;
use crate::tables::{CommonTables, FamilyTables, FlowHandle, InsertError, Tables};
use crate::tcp::TcpState;
use crate::value::{
    Direction, Draft, FLOW_MODE, FLOW_MODE_SHIFT, Flow, ForwardMode, SERVICE_TAG, Segment, Server, ServerId,
    Service, ServiceId,
};

/// What became of a packet, as a number: in the kernel it comes from a function that can return nothing else.
mod outcome {
    /// It is as it must leave, by the interface whose number the other bits are.
    pub(super) const SENT: u32 = 1 << 31;
    /// It is too big for the way; it is unchanged.
    pub(super) const TOO_BIG: u32 = 1;
    /// It was lost on the way here: that never happens.
    pub(super) const DROPPED: u32 = 2;
    /// Its server is not the one that it was, or the packet is shorter than it says; it is unchanged.
    pub(super) const LOST: u32 = 3;
    /// There is no room in front of it; it is unchanged.
    pub(super) const CROWDED: u32 = 4;
}

/// Generic UDP Encapsulation, variant 0, without optional fields (draft-ietf-intarea-gue, section 3.1).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Gue {
    /// Variant, whether it is a control message, and the length of the optional fields in words: all zero.
    pub head: u8,
    /// IANA's number of what follows.
    pub protocol: u8,
    /// Optional fields that there are.
    pub flags: Be16,
}

/// Twenty octets as words: what checksums sum.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Words([Be16; 10]);

// SAFETY: octets only, so alignment 1, no padding, any bits.
unsafe impl Header for Gue {}
// SAFETY: as above.
unsafe impl Header for Words {}

const _: () = assert!(size_of::<Gue>() == 4 && align_of::<Gue>() == 1);
const _: () = assert!(size_of::<Words>() == 20 && align_of::<Words>() == 1);

/// What GUE puts before a packet.
const GUE: usize = size_of::<Udp>() + size_of::<Gue>();
/// The first of the ports that packets in GUE come from: those that are nobody's (RFC 6335), as many as the flow's hash
/// tells apart for routers that spread flows over several ways.
const GUE_PORTS: u16 = 0xc000;
/// What an error quotes behind the network header: ports, sequence number and checksum.
const QUOTED: usize = size_of::<Words>();

/// Makes the one entry of a flow that begins with the pending packet, and leaves it in the draft. Returns
/// why packets are forwarded that open one.
#[inline(never)]
fn open<A, T>(tables: &T, service: &Service, id: ServerId, length: u32) -> Result<Reason, Reason>
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let server = tables.server(id).ok_or(Reason::NoServer)?;
    let pending = FamilyTables::<A>::pending(tables).ok_or(Reason::NoServer)?;
    let mut draft = tables.draft().ok_or(Reason::TableFull)?;
    let Draft { key, flow } = &mut *draft;
    *key = pending.segment.key;
    open::begin(service, id, server, tables.now(), flow);
    flow.marks |= rules::marks(pending.tracked) | (service.mode as u16) << FLOW_MODE_SHIFT;
    // Nothing will be seen of the server's.
    if key.protocol == key::UDP {
        flow.state = TcpState::Open;
    }
    (flow.src, flow.dst, flow.src_port, flow.dst_port) = (key.src, key.dst, key.src_port, key.dst_port);
    (flow.l3_delta, flow.l4_delta) = (0, 0);
    (flow.hop, flow.vlan) = (server.hop, server.vlan);
    (flow.bytes, flow.packets) = (length as u64, 1);
    flow.direction = Direction::ToServer;
    match tables.insert_flow(key, flow) {
        Ok(()) => Ok(pending.reason),
        Err(InsertError::Exists) => Err(Reason::Twin),
        Err(InsertError::Full) => Err(Reason::TableFull),
    }
}

/// Decides about a packet that [`crate::forward::decide`] left to this, and counts it. In the kernel this is a program of
/// its own, with a stack of its own.
#[inline(always)]
pub fn decide<P: Packet, T: Tables>(packet: &mut P, tables: &T) -> Decision {
    let length = packet.length();
    let decision = match forward::read_link(packet) {
        Ok((link, ETHER_IPV4)) => forward::<V4, P, T>(packet, tables, link),
        Ok((link, _)) => forward::<V6, P, T>(packet, tables, link),
        Err(decision) => decision,
    };
    tables.count(decision.service, decision.reason, length);
    decision
}

#[inline(always)]
fn forward<A, P, T>(packet: &mut P, tables: &T, link: Link) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let segment = match forward::read::<A, P>(packet, link) {
        Ok(segment) => segment,
        Err(Reason::Protocol) => return relay::<A, P, T>(packet, tables, link.network),
        Err(reason) => return Decision::pass(reason, 0),
    };
    if let Some(handle) = tables.flow(&segment.key) {
        let flow = handle.load();
        if flow.is_direct() && !forward::renews::<A, T>(tables, &segment, &handle) {
            return follow(packet, tables, &segment, &handle, &flow);
        }
    }
    start::<A, P, T>(packet, tables, &segment)
}

/// Sends a packet of an open flow on.
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
    handle.count(length, tables.now());
    // An acknowledgement opens it: more than that is not heard.
    let may_change = flow.state as u8 == TcpState::Opening as u8 || flow.state.may_change(segment.flags);
    let closed = may_change && forward::advance(tables, &segment.key, handle, segment.flags);
    tables.count_server(flow.server, Direction::ToServer, length);
    if closed {
        forward::reap::<A, T>(tables);
    }
    if let Some(mut draft) = tables.draft() {
        draft.key = segment.key;
        // Nothing else of it is asked for, and the whole would have to lie on the kernel's stack.
        (draft.flow.server, draft.flow.generation, draft.flow.marks) =
            (flow.server, flow.generation, flow.marks);
    }
    send::<A, P, T>(packet, tables, segment.network as usize, flow.service, Reason::ToServer)
}

/// Opens a flow with the pending packet, which the service's rules let through.
#[inline(always)]
fn start<A, P, T>(packet: &mut P, tables: &T, segment: &Segment<A>) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let Some(service) = tables.service(&segment.key.service()) else {
        return Decision::pass(Reason::NoService, 0);
    };
    let opened = match open::choose::<A, T>(tables, service) {
        Ok(id) => open::<A, T>(tables, service, id, packet.length()),
        Err(reason) => Err(reason),
    };
    let reason = match opened {
        Ok(reason) => reason,
        Err(Reason::Twin) => return Decision::drop(Reason::Twin, service.id),
        Err(reason) => return Decision::pass(reason, service.id),
    };
    let decision = send::<A, P, T>(packet, tables, segment.network as usize, service.id, reason);
    if decision.reason as u8 == reason as u8 {
        open::account::<A, T>(tables);
        open::track::<A, T>(tables, service.id);
    } else {
        give_up::<A, T>(tables);
    }
    decision
}

/// Sends an ICMP error about a packet of a server's on to it; its flow is in the draft.
#[inline(always)]
fn relay<A, P, T>(packet: &mut P, tables: &T, network: usize) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let numbers = FamilyTables::<A>::draft(tables).map(|draft| (draft.flow.service, draft.flow.server));
    let Some((service, server)) = numbers else { return Decision::pass(Reason::Unrelated, 0) };
    tables.count_server(server, Direction::ToServer, packet.length());
    send::<A, P, T>(packet, tables, network, service, Reason::IcmpError)
}

/// Sends a packet on whose flow is in the draft. `reason` is that of packets that go.
#[inline(always)]
fn send<A, P, T>(packet: &mut P, tables: &T, network: usize, service: ServiceId, reason: Reason) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let (ingress, tagged) = (packet.ingress(), network != size_of::<Ethernet>());
    let outcome = FamilyTables::<A>::pass_on(tables, packet, tagged);
    if outcome & outcome::SENT != 0 {
        return Decision::send(reason, service, outcome & !outcome::SENT, ingress);
    }
    match outcome {
        outcome::TOO_BIG if FamilyTables::<A>::complain(tables, packet, tagged) => {
            Decision { verdict: Verdict::Transmit, reason: Reason::TooBig, service, egress: ingress }
        }
        outcome::TOO_BIG => Decision::drop(Reason::TooBig, service),
        outcome::DROPPED => Decision::drop(Reason::Truncated, service),
        outcome::CROWDED => Decision::pass(Reason::NoRoom, service),
        _ => Decision::pass(Reason::NoServer, service),
    }
}

/// Removes the entry in the draft, whose first packet did not go.
#[inline(always)]
fn give_up<A, T>(tables: &T)
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    if let Some(draft) = FamilyTables::<A>::draft(tables) {
        tables.remove_flow(&draft.key);
    }
}

/// Makes the packet of the flow in the draft what leaves for the server: see `outcome`. In the kernel this is a function
/// that is verified on its own ([`FamilyTables::pass_on`]).
#[inline(always)]
pub fn pass_on<A, P, T>(packet: &mut P, tables: &T, tagged: bool) -> u32
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let Some(draft) = FamilyTables::<A>::draft(tables) else { return outcome::LOST };
    let flow = &draft.flow;
    let server = match tables.server(flow.server) {
        Some(server) if server.generation == flow.generation && server.hop.ifindex != 0 => server,
        _ => return outcome::LOST,
    };
    let (network, mode) = (network(tagged), mode(flow));
    if mode == ForwardMode::Dsr as u16 {
        return match link::rewrite(packet, &server.hop, server.vlan, network) {
            Some(_) => outcome::SENT | server.hop.ifindex,
            None => outcome::CROWDED,
        };
    }
    let gue = mode == ForwardMode::Gue as u16;
    let flow = draft.key.src.hash(draft.key.ports());
    let envelope = Envelope { server, network, gue, flow };
    if server.family as u8 == Family::V4 as u8 {
        envelope.send::<A, V4, P>(packet)
    } else {
        envelope.send::<A, V6, P>(packet)
    }
}

/// What goes around a packet.
struct Envelope<'a> {
    server: &'a Server,
    /// Where the packet's network header begins.
    network: usize,
    /// With UDP and GUE.
    gue: bool,
    /// A hash of the flow.
    flow: u32,
}

impl Envelope<'_> {
    /// Puts the packet into one of the family `O`, if it fits the way to the server then.
    #[inline(always)]
    fn send<A, O, P>(&self, packet: &mut P) -> u32
    where
        A: Network,
        O: Network,
        P: Packet,
    {
        let frame = packet.length() as usize;
        let Some(header) = packet.header::<A::Header>(self.network) else { return outcome::LOST };
        let (length, traffic) = (A::length(header), A::traffic(header));
        if self.network + length > frame {
            return outcome::LOST;
        }
        let around = size_of::<O::Header>() + if self.gue { GUE } else { 0 };
        if length + around > longest(self.server) {
            return outcome::TOO_BIG;
        }
        let link = size_of::<Ethernet>() + if self.server.vlan != 0 { size_of::<Tag>() } else { 0 };
        let Some(control) = self.priority(packet) else { return outcome::LOST };
        if !packet.shift(-((link + around - self.network) as i32)) {
            return outcome::CROWDED;
        }
        // The rest cannot fail: there is room for it.
        let payload = (length + around - size_of::<O::Header>()) as u16;
        let written = self.write_link::<O, P>(packet, control).and_then(|()| {
            let protocol = if self.gue { key::UDP } else { A::INSIDE };
            let facts = Around { protocol, traffic, payload, flow: self.flow };
            let (src, dst) = (O::from_wide(&self.server.source), O::from_wide(&self.server.address));
            O::write(packet.header(link)?, &src, &dst, facts);
            if self.gue {
                self.write_gue::<A, P>(packet, link + size_of::<O::Header>(), payload)?;
            }
            // The balancer is a hop on the way of what it puts into another packet (RFC 2003, section 3.1).
            A::take_hop(packet.header(link + around)?);
            Some(())
        });
        if written.is_some() { outcome::SENT | self.server.hop.ifindex } else { outcome::DROPPED }
    }

    /// The priority that the packet's tag has.
    #[inline(always)]
    fn priority<P: Packet>(&self, packet: &mut P) -> Option<u16> {
        if self.network == size_of::<Ethernet>() {
            return Some(0);
        }
        Some(packet.header::<Tag>(size_of::<Ethernet>())?.control.get() & link::PRIORITY)
    }

    #[inline(always)]
    fn write_link<O: Network, P: Packet>(&self, packet: &mut P, control: u16) -> Option<()> {
        let Server { hop, vlan, .. } = self.server;
        let tag = if vlan & SERVICE_TAG != 0 { ETHER_SERVICE } else { ETHER_VLAN };
        let kind = Be16::new(if *vlan != 0 { tag } else { O::ETHER });
        *packet.header::<Ethernet>(0)? = Ethernet { dst: hop.dst_mac, src: hop.src_mac, kind };
        if *vlan != 0 {
            let control = Be16::new(control | vlan & link::NUMBER);
            *packet.header::<Tag>(size_of::<Ethernet>())? = Tag { control, kind: Be16::new(O::ETHER) };
        }
        Some(())
    }

    /// Without a checksum of its own, as tunnels may (RFC 6935): what it carries has one.
    #[inline(always)]
    fn write_gue<A: Network, P: Packet>(&self, packet: &mut P, at: usize, length: u16) -> Option<()> {
        *packet.header::<Udp>(at)? = Udp {
            src: Be16::new(GUE_PORTS | self.flow as u16),
            dst: Be16::new(self.server.tunnel_port),
            length: Be16::new(length),
            checksum: Be16::new(0),
        };
        let gue = Gue { head: 0, protocol: A::INSIDE, flags: Be16::new(0) };
        *packet.header::<Gue>(at + size_of::<Udp>())? = gue;
        Some(())
    }
}

/// Tells the sender of the packet of the flow in the draft how long packets to its server may be. False: it is not told,
/// for too many are already, or the packet is an error itself, of which nobody complains. As an own address it has the
/// service's: routers in front of this host know it. In the kernel a function of its own ([`FamilyTables::complain`]).
#[inline(always)]
pub fn complain<A, P, T>(packet: &mut P, tables: &T, tagged: bool) -> bool
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let Some(draft) = FamilyTables::<A>::draft(tables) else { return false };
    let Some(server) = tables.server(draft.flow.server) else { return false };
    let gue = mode(&draft.flow) == ForwardMode::Gue as u16;
    let outer = if server.family as u8 == Family::V4 as u8 {
        size_of::<<V4 as Network>::Header>()
    } else {
        size_of::<<V6 as Network>::Header>()
    };
    let around = outer + if gue { GUE } else { 0 };
    let network = network(tagged);
    let error = packet.header::<A::Header>(network).and_then(|header| A::fields(header).ok());
    error.is_some_and(|fields| fields.protocol != A::ICMP)
        && tables.may_answer(tables.now())
        && answer::<A, P>(packet, network, &draft.key, longest(server).saturating_sub(around)).is_some()
}

/// The longest IP packet that the way to a server takes.
#[inline(always)]
fn longest(server: &Server) -> usize {
    if server.mtu == 0 { u16::MAX as usize } else { server.mtu as usize }
}

#[inline(always)]
fn mode<A>(flow: &Flow<A>) -> u16 {
    (flow.marks & FLOW_MODE) >> FLOW_MODE_SHIFT
}

/// Where the network header of a packet begins.
#[inline(always)]
fn network(tagged: bool) -> usize {
    size_of::<Ethernet>() + if tagged { size_of::<Tag>() } else { 0 }
}

/// Turns a packet into the error about it.
#[inline(always)]
fn answer<A: Network, P: Packet>(
    packet: &mut P,
    network: usize,
    key: &FlowKey<A>,
    limit: usize,
) -> Option<()> {
    let header = size_of::<A::Header>();
    let kept = (network + header + QUOTED) as u32;
    packet.header::<Words>(network + header)?;
    if !packet.truncate(kept) {
        return None;
    }
    let before = header + size_of::<Icmp>();
    if !packet.shift(-(before as i32)) {
        return None;
    }
    let ethernet = *packet.header::<Ethernet>(before)?;
    let back = Ethernet { dst: ethernet.src, src: ethernet.dst, kind: ethernet.kind };
    *packet.header::<Ethernet>(0)? = back;
    if network != size_of::<Ethernet>() {
        let tag = *packet.header::<Tag>(before + size_of::<Ethernet>())?;
        *packet.header::<Tag>(size_of::<Ethernet>())? = tag;
    }
    let payload = (size_of::<Icmp>() + header + QUOTED) as u16;
    let around = Around { protocol: A::ICMP, traffic: 0, payload, flow: 0 };
    A::write(packet.header(network)?, &key.dst, &key.src, around);
    let (kind, code) = A::TOO_BIG;
    let rest = (limit as u32).to_be_bytes();
    let [a, b, c, d] = rest;
    let mut sum = u16::from_le_bytes([kind, code]) as u32
        + u16::from_le_bytes([a, b]) as u32
        + u16::from_le_bytes([c, d]) as u32;
    if A::PSEUDO {
        sum += key.src.sum()
            + key.dst.sum()
            + Be16::new(payload).raw() as u32
            + Be16::new(A::ICMP as u16).raw() as u32;
    }
    let (quote, step) = (network + before, size_of::<Words>());
    sum += packet.header::<Words>(quote)?.sum() + packet.header::<Words>(quote + step)?.sum();
    // IPv6's header is twice as long as IPv4's, and as what is quoted behind it.
    if header > step {
        sum += packet.header::<Words>(quote + 2 * step)?.sum();
    }
    let checksum = Be16::from_octets((!csum::fold(sum)).to_le_bytes());
    *packet.header::<Icmp>(network + header)? = Icmp { kind, code, checksum, rest };
    Some(())
}

impl Words {
    #[inline(always)]
    fn sum(&self) -> u32 {
        let [a, b, c, d, e, f, g, h, i, j] = self.0;
        let raw = |word: Be16| word.raw() as u32;
        raw(a) + raw(b) + raw(c) + raw(d) + raw(e) + raw(f) + raw(g) + raw(h) + raw(i) + raw(j)
    }
}
