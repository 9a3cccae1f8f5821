//! ICMP errors about packets of open flows: who sent the packet that an error is about learns of it in its own terms.
//! Path MTU discovery, and prompt errors, depend on it.

use crate::be::Be16;
use crate::counter::Reason;
use crate::csum;
use crate::forward::{DIRECT, Decision, next_hop};
use crate::key::{self, FlowKey};
use crate::link::{self, Link};
use crate::open::network_delta;
use crate::packet::{Header, Network, NetworkFields, Packet, Tcp, Udp};
use crate::tables::{CommonTables, FamilyTables, FlowHandle};
use crate::value::{Draft, Flow};

/// An error message, before the packet that it quotes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Icmp {
    pub(crate) kind: u8,
    pub(crate) code: u8,
    pub(crate) checksum: Be16,
    pub(crate) rest: [u8; 4],
}

/// What every quoted transport header begins with.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Ports {
    src: Be16,
    dst: Be16,
}

// SAFETY: octets only, so alignment 1, no padding, any bits.
unsafe impl Header for Icmp {}
// SAFETY: as above.
unsafe impl Header for Ports {}

const _: () = assert!(size_of::<Icmp>() == 8 && align_of::<Icmp>() == 1);
const _: () = assert!(size_of::<Ports>() == 4 && align_of::<Ports>() == 1);

/// Where the parts of an error are.
struct Places {
    message: usize,
    quote: usize,
    transport: usize,
}

impl Places {
    #[inline(always)]
    fn new<A: Network>(network: usize) -> Self {
        let message = network + size_of::<A::Header>();
        let quote = message + size_of::<Icmp>();
        Self { message, quote, transport: quote + size_of::<A::Header>() }
    }
}

/// The words of a message that change, summed before and after.
#[derive(Clone, Copy, Default)]
struct Change {
    old: u32,
    new: u32,
}

impl Change {
    #[inline(always)]
    fn add(&mut self, old: u32, new: u32) {
        self.old += old;
        self.new += new;
    }
}

/// Decides about a packet that is neither TCP nor UDP: forwards an error about a packet of a flow.
/// Not inlined: in the kernel it needs a stack frame of its own.
#[inline(never)]
pub(crate) fn relay<A, P, T>(packet: &mut P, tables: &T, link: &Link) -> Decision
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    // Key and entry are kept where entries are made, for the kernel's stack would not hold them.
    let Some(mut draft) = tables.draft() else {
        return Decision::pass(Reason::Unrelated, 0);
    };
    let Draft { key, flow } = &mut *draft;
    if let Err(reason) = quoted::<A, P>(packet, link.network, key) {
        return Decision::pass(reason, 0);
    }
    let Some(handle) = tables.flow(key) else {
        return Decision::pass(Reason::Unrelated, 0);
    };
    *flow = handle.load();
    let (length, ingress) = (packet.length(), packet.ingress());
    if flow.is_direct() {
        return DIRECT;
    }
    let (hop, vlan) = next_hop(tables, flow);
    let Some(network) = link::rewrite(packet, &hop, vlan, link.network) else {
        return Decision::pass(Reason::NoRoom, flow.service);
    };
    if rewrite(packet, network, key.protocol, flow).is_none() {
        return Decision::drop(Reason::Truncated, flow.service);
    }
    tables.count_server(flow.server, flow.direction, length);
    Decision::send(Reason::IcmpError, flow.service, hop.ifindex, ingress)
}

/// Sets `key` to the tuple of packets that answer the one that an error quotes, or says why the packet is no such error.
#[inline(always)]
fn quoted<A: Network, P: Packet>(packet: &mut P, network: usize, key: &mut FlowKey<A>) -> Result<(), Reason> {
    let places = Places::new::<A>(network);
    let outer = fields::<A, P>(packet, network)?;
    let message = packet.header::<Icmp>(places.message).ok_or(Reason::Truncated)?;
    if outer.protocol != A::ICMP || !A::is_error(message.kind) {
        return Err(Reason::Protocol);
    }
    if outer.hops <= 1 {
        return Err(Reason::HopLimit);
    }
    let inner = fields::<A, P>(packet, places.quote)?;
    let ports = packet.header::<Ports>(places.transport).ok_or(Reason::Truncated)?;
    if !matches!(inner.protocol, key::TCP | key::UDP) || inner.src != outer.dst {
        return Err(Reason::Unrelated);
    }
    key.src = inner.dst;
    key.dst = inner.src;
    key.dst_port = ports.src.get();
    key.src_port = ports.dst.get();
    key.protocol = inner.protocol;
    Ok(())
}

#[inline(always)]
fn fields<A: Network, P: Packet>(packet: &mut P, at: usize) -> Result<NetworkFields<A>, Reason> {
    A::fields(packet.header(at).ok_or(Reason::Truncated)?)
}

/// Translates the error and its quote. The quoted packet left with the flow's tuple reversed, and so is what it is
/// translated to: where it came from is where answers go.
#[inline(always)]
fn rewrite<A: Network, P: Packet>(
    packet: &mut P,
    network: usize,
    protocol: u8,
    flow: &Flow<A>,
) -> Option<()> {
    let places = Places::new::<A>(network);
    let mut change = Change::default();
    let addresses =
        A::quote(packet.header(places.quote)?, flow.dst, flow.src, &mut change.old, &mut change.new);
    let ports = packet.header::<Ports>(places.transport)?;
    let mut tuple = Change { old: addresses.0, new: addresses.1 };
    let old = ports.src.raw() as u32 + ports.dst.raw() as u32;
    (ports.src, ports.dst) = (Be16::new(flow.dst_port), Be16::new(flow.src_port));
    let new = ports.src.raw() as u32 + ports.dst.raw() as u32;
    tuple.add(old, new);
    change.add(old, new);
    checksum::<A, P>(packet, network, &places, protocol, tuple, &mut change);
    let outer = packet.header::<A::Header>(network)?;
    let (old, new) = (A::sum_of(outer), flow.src.sum() + flow.dst.sum());
    A::rewrite(outer, flow.src, flow.dst, network_delta::<A>(old, new));
    if A::PSEUDO {
        change.add(old, new);
    }
    let message = packet.header::<Icmp>(places.message)?;
    let delta = csum::delta(change.old, change.new);
    message.checksum = Be16::from_octets(csum::apply(message.checksum.raw(), delta).to_le_bytes());
    Some(())
}

/// Corrects the quoted transport header's checksum, where the quote is long enough to have it: eight bytes of TCP have
/// none.
#[inline(always)]
fn checksum<A: Network, P: Packet>(
    packet: &mut P,
    network: usize,
    places: &Places,
    protocol: u8,
    tuple: Change,
    change: &mut Change,
) {
    let Some(length) = packet.header::<A::Header>(network).map(|header| A::length(header)) else { return };
    let field = if protocol == key::UDP {
        packet.header::<Udp>(places.transport).map(|udp| &mut udp.checksum)
    } else if length >= 2 * size_of::<A::Header>() + size_of::<Icmp>() + size_of::<Tcp>() {
        packet.header::<Tcp>(places.transport).map(|tcp| &mut tcp.checksum)
    } else {
        None
    };
    let Some(field) = field else { return };
    // A UDP packet may have none.
    if protocol == key::UDP && field.raw() == 0 {
        return;
    }
    let old = field.raw();
    *field = Be16::from_octets(csum::apply(old, csum::delta(tuple.old, tuple.new)).to_le_bytes());
    change.add(old as u32, field.raw() as u32);
}
