//! Decisions as they are made, for an operator who asks for them: `lbx trace`.
//!
//! Whether somebody asks is the one thing that the packet path looks at. The rest happens after the decision, in a function
//! of its own.

use crate::address::{Family, V4, V6, Wide};
use crate::counter::Reason;
use crate::forward::{self, Decision, Verdict};
use crate::link::{self, Link};
use crate::packet::{ETHER_IPV4, ETHER_IPV6, ETHER_SERVICE, ETHER_VLAN, Ethernet, Network, Packet, Tag};
use crate::tables::{CommonTables, FamilyTables, FlowHandle, Tables};
use crate::value::{Direction, Jiffies, ServerId, ServiceId};

/// Value of `TRACE`: which decisions are reported. Written by user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Filter {
    /// Reports end then, should nobody be there to end them; 0: nothing is reported.
    pub until: Jiffies,
    /// Only what belongs to this service; 0: all.
    pub service: ServiceId,
    /// Only what comes from or goes to this port, in the host's order; 0: all.
    pub port: u16,
    /// Only packets from or to this address; see `family`.
    pub address: Wide,
    /// Only these reasons, by the bits of their numbers; 0: all.
    pub reasons: u64,
    /// The family of `address`; none: all addresses.
    pub family: Family,
    /// Padding, zero.
    pub reserved: [u8; 7],
}

const _: () = assert!(size_of::<Filter>() == 40);

/// Element of the ring buffer `TRACES`: a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Traced {
    /// The client, or who else sent what belongs to no flow.
    pub client: Wide,
    /// Where the client connects to.
    pub service_address: Wide,
    /// The client's port, in the host's order.
    pub client_port: u16,
    /// The service's port, in the host's order.
    pub service_port: u16,
    /// The interface that the packet came in by.
    pub ingress: u32,
    /// The interface that it leaves by; 0: none.
    pub egress: u32,
    /// Its length, with the Ethernet header.
    pub length: u32,
    /// When.
    pub now: Jiffies,
    /// The service's number; 0: none.
    pub service: ServiceId,
    /// The server's number; 0: none.
    pub server: ServerId,
    /// The family of the addresses; none: it is no IP, or could not be read.
    pub family: Family,
    /// IANA's protocol number.
    pub protocol: u8,
    /// TCP flags.
    pub flags: u8,
    /// The number of the [`Verdict`].
    pub verdict: u8,
    /// The number of the [`Reason`].
    pub reason: u8,
    /// Which way it travels.
    pub direction: Direction,
    /// Padding, zero.
    pub reserved: u16,
}

const _: () = assert!(size_of::<Traced>() == 64);

impl Traced {
    /// One of which nothing is known yet.
    pub const BLANK: Self = Self {
        client: [0; 16],
        service_address: [0; 16],
        client_port: 0,
        service_port: 0,
        ingress: 0,
        egress: 0,
        length: 0,
        now: 0,
        service: 0,
        server: 0,
        family: Family::None,
        protocol: 0,
        flags: 0,
        verdict: 0,
        reason: 0,
        direction: Direction::ToServer,
        reserved: 0,
    };

    /// Reads one from the bytes of the ring buffer; none if they are of another size or hold what cannot be.
    #[cfg(feature = "user")]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let known = |at: usize, values: &[u8]| bytes.get(at).is_some_and(|byte| values.contains(byte));
        if bytes.len() != size_of::<Self>()
            || !known(core::mem::offset_of!(Self, family), &[0, 4, 6])
            || !known(core::mem::offset_of!(Self, direction), &[0, 1])
        {
            return None;
        }
        // SAFETY: the length is right, every enum holds one of its values, and all else may hold any bits.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }

    /// Why the packet was treated as it was.
    pub fn reason(&self) -> Option<Reason> {
        Reason::ALL.get(self.reason as usize).copied()
    }
}

/// Describes a decision about a packet, which is as the decision left it, in `traced`, which is blank. False: the filter does not want it.
#[inline(always)]
pub fn describe<P: Packet, T: Tables>(
    packet: &mut P,
    tables: &T,
    decision: &Decision,
    filter: &Filter,
    traced: &mut Traced,
) -> bool {
    let now = tables.now();
    let over = filter.until.wrapping_sub(now) > u32::MAX / 2;
    let other = filter.service != 0 && filter.service != decision.service;
    if over || other || (filter.reasons != 0 && filter.reasons & (1 << (decision.reason as u64 & 63)) == 0) {
        return false;
    }
    (traced.ingress, traced.egress) = (packet.ingress(), decision.egress);
    (traced.length, traced.now) = (packet.length(), now);
    traced.service = decision.service;
    (traced.verdict, traced.reason) = (decision.verdict as u8, decision.reason as u8);
    read_tuple(packet, tables, decision, traced);
    wanted(filter, traced)
}

#[inline(always)]
fn wanted(filter: &Filter, traced: &Traced) -> bool {
    let port = filter.port == 0 || filter.port == traced.client_port || filter.port == traced.service_port;
    let address = filter.family as u8 == Family::None as u8
        || (filter.family as u8 == traced.family as u8
            && (same(&filter.address, &traced.client) || same(&filter.address, &traced.service_address)));
    port && address
}

/// As numbers: for arrays the kernel's compiler calls a function.
#[inline(always)]
fn same(a: &Wide, b: &Wide) -> bool {
    u128::from_ne_bytes(*a) == u128::from_ne_bytes(*b)
}

/// Whose packet it is, where it can be told.
#[inline(always)]
fn read_tuple<P: Packet, T: Tables>(packet: &mut P, tables: &T, decision: &Decision, traced: &mut Traced) {
    let Some(ethernet) = packet.header::<Ethernet>(0) else { return };
    let mut at = Link { network: size_of::<Ethernet>(), vlan: 0 };
    let mut kind = ethernet.kind.get();
    if kind == ETHER_VLAN || kind == ETHER_SERVICE {
        let Some(tag) = packet.header::<Tag>(at.network) else { return };
        at = Link { network: size_of::<Ethernet>() + size_of::<Tag>(), vlan: link::number(kind, tag) };
        kind = tag.kind.get();
    }
    match kind {
        ETHER_IPV4 => read_in::<V4, P, T>(packet, tables, decision, at, traced),
        ETHER_IPV6 => read_in::<V6, P, T>(packet, tables, decision, at, traced),
        _ => {}
    }
}

/// A packet that was forwarded carries the tuple of the other side; the entry for the way back knows the client's.
#[inline(always)]
fn read_in<A, P, T>(packet: &mut P, tables: &T, decision: &Decision, at: Link, traced: &mut Traced)
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let Ok(segment) = forward::read::<A, P>(packet, at) else { return };
    traced.family = A::FAMILY;
    traced.protocol = segment.key.protocol;
    traced.flags = segment.flags;
    let passed = decision.verdict as u8 == Verdict::Pass as u8;
    let mut key = segment.key;
    if !passed {
        key = key.reversed();
    }
    match tables.flow(&key) {
        Some(entry) if !passed => {
            let flow = entry.load();
            traced.server = flow.server;
            // The entry found is the one for the opposite direction.
            match flow.direction {
                Direction::ToServer => {
                    traced.direction = Direction::ToClient;
                    ends(traced, (&key.src, key.src_port), (&key.dst, key.dst_port));
                }
                Direction::ToClient => {
                    ends(traced, (&flow.dst, flow.dst_port), (&flow.src, flow.src_port));
                }
            }
        }
        None if !passed => ends(traced, (&key.dst, key.dst_port), (&key.src, key.src_port)),
        _ => ends(traced, (&key.src, key.src_port), (&key.dst, key.dst_port)),
    }
}

#[inline(always)]
fn ends<A: Network>(traced: &mut Traced, client: (&A, u16), service: (&A, u16)) {
    traced.client = client.0.to_wide();
    traced.service_address = service.0.to_wide();
    (traced.client_port, traced.service_port) = (client.1, service.1);
}
