//! Values of the maps. Their layout is the kernel's ABI: padding is explicit, sizes are asserted.
//!
//! A map has one writer: what user space writes (`Service`, `Server`, table slots) and what the kernel writes (`Flow`,
//! the loads, rates and counters) are never in one value.

use crate::address::{Address, Family, V4, V6, Wide};
use crate::counter::Reason;
use crate::key::FlowKey;
use crate::tcp::TcpState;

/// The number of a service: index into `TABLES`, `SERVICE_LOAD` and `COUNTERS`. 0 is no service.
pub type ServiceId = u16;
/// The number of a server: index into `SERVERS`, `SERVER_LOAD` and `SERVER_COUNTERS`. 0 is no server.
pub type ServerId = u16;
/// The kernel's clock on the packet path, in ticks of its `HZ`; wraps, so only differences mean something.
pub type Jiffies = u32;

/// Where a frame is sent next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Hop {
    /// Destination MAC address.
    pub dst_mac: [u8; 6],
    /// Source MAC address: the egress interface's.
    pub src_mac: [u8; 6],
    /// Egress interface. 0: the next hop is not resolved.
    pub ifindex: u32,
}

const _: () = assert!(size_of::<Hop>() == 16);

/// How a service's table is indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Algorithm {
    /// By a counter: each slot in turn (`roundrobin`).
    #[default]
    Turn = 0,
    /// By the client's address modulo the table's length (`source` with `hash-type map-based`, as HAProxy does it).
    SourceModulo = 1,
    /// By a hash of the client's address (`source` with `hash-type consistent`).
    SourceHash = 2,
    /// The server with the fewest connections for its weight (`leastconn`). Each is in one slot.
    Least = 3,
    /// The first server that is not full (`first`). Each is in one slot.
    First = 4,
    /// The best of some drawn by lot (`random`).
    Draw = 5,
}

/// How packets of a service reach its servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum ForwardMode {
    /// Both addresses and ports are rewritten.
    #[default]
    Nat = 0,
    /// The destination is rewritten; the client's address stays. Servers answer through the balancer.
    Transparent = 1,
    /// Only the MAC address is: servers have the service's address themselves, and answer clients directly.
    Dsr = 2,
    /// The packet goes as it is in a packet to the server (RFC 2003, RFC 2473), which answers the client directly.
    Ipip = 3,
    /// The same with UDP and the header of Generic UDP Encapsulation (draft-ietf-intarea-gue) between the two.
    Gue = 4,
}

impl ForwardMode {
    /// Whether servers answer clients directly, so that the balancer sees packets of one direction only.
    #[inline(always)]
    pub const fn is_direct(self) -> bool {
        self as u8 >= Self::Dsr as u8
    }

    /// Whether packets are put into others: then servers may be of the other address family.
    #[inline(always)]
    pub const fn is_tunnel(self) -> bool {
        self as u8 >= Self::Ipip as u8
    }
}

/// `Flow::marks`: the first of three bits with the [`ForwardMode`] of flows whose servers answer directly; 0 for others,
/// which packets of a flow need not tell apart.
pub const FLOW_MODE_SHIFT: u16 = 5;
/// `Flow::marks`: the bits of [`FLOW_MODE_SHIFT`].
pub const FLOW_MODE: u16 = 0b111 << FLOW_MODE_SHIFT;

/// `Service::flags`: there are rules only, and what they let through is served in user space.
pub const SERVICE_GUARD: u32 = 1 << 0;
/// `Service::flags`: report opened and closed flows in `EVENTS`.
pub const SERVICE_EVENTS: u32 = 1 << 1;

/// Value of `SERVICES` and `SERVICES6`, written by user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Service {
    /// Its number, not 0.
    pub id: ServiceId,
    /// How its table is indexed.
    pub algorithm: Algorithm,
    /// How packets reach its servers.
    pub mode: ForwardMode,
    /// `SERVICE_*` bits.
    pub flags: u32,
    /// Concurrent flows that it may have; 0: no limit. Beyond it new ones fall through.
    pub maxconn: u32,
    /// Flows that user space expired without the kernel having counted them as closed; wraps. See [`ServiceLoad`].
    pub expired: u32,
    /// The place of the first step of its rules in `RULES`; 0: it has none.
    pub rules: u32,
    /// Steps of its rules.
    pub rule_count: u32,
    /// Sessions of the same frontend that are not its flows: user space's, told some times a second.
    pub elsewhere: u32,
    /// Slots that [`Algorithm::Draw`] compares.
    pub draws: u32,
    /// TCP flows that may be half open of those that were opened in a second; 0: no limit. Beyond it SYNs fall through.
    pub half_open: u32,
}

const _: () = assert!(size_of::<Service>() == 36);

impl Service {
    /// Flows that are open now.
    #[inline(always)]
    pub fn active(&self, load: &ServiceLoad) -> u32 {
        load.opened.wrapping_sub(load.closed).wrapping_sub(self.expired)
    }

    /// Whether it has as many connections in both planes as it may.
    #[inline(always)]
    pub fn is_full(&self, load: &ServiceLoad) -> bool {
        self.maxconn != 0 && together(self.active(load), self.elsewhere) >= self.maxconn
    }
}

/// Connections of both planes. The count of open flows is a difference of counters that change one after the other: for
/// a moment it may be less than none.
#[inline(always)]
fn together(active: u32, elsewhere: u32) -> u32 {
    let active = if active > u32::MAX / 2 { 0 } else { active };
    active.saturating_add(elsewhere)
}

/// Whether a server takes flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum ServerState {
    /// The entry is unused, or the server is down or in maintenance.
    #[default]
    Down = 0,
    /// It takes new flows.
    Up = 1,
    /// Its flows go on, new ones go elsewhere.
    Drain = 2,
}

/// Value of `SERVERS`, written by user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Server {
    /// Its address; of IPv4 in the first four octets.
    pub address: Wide,
    /// The address that the balancer sends from.
    pub source: Wide,
    /// The next hop towards it, kept current from the kernel's routes and neighbours.
    pub hop: Hop,
    /// Its port, in the host's order.
    pub port: u16,
    /// The first of the ports that the balancer may send from.
    pub source_low: u16,
    /// The last of them, inclusive.
    pub source_high: u16,
    /// Changed whenever the number is given to another server: flows of the former one keep their own next hop.
    pub generation: u16,
    /// Concurrent flows that it may have; 0: no limit.
    pub maxconn: u32,
    /// Flows that user space expired without the kernel having counted them as closed; wraps. See [`ServerLoad`].
    pub expired: u32,
    /// The 802.1Q tag that frames to it leave with: its number, with [`SERVICE_TAG`] where it is one of 802.1ad. 0: none.
    pub vlan: u16,
    /// Its weight in sixteenths, less while it starts slowly; tables that hold servers by their weights already respect
    /// it.
    pub weight: u16,
    /// The family of its addresses.
    pub family: Family,
    /// Whether it takes flows.
    pub state: ServerState,
    /// The longest IP packet that the way to it takes, in bytes; 0: any.
    pub mtu: u16,
    /// The UDP port that it takes packets of [`ForwardMode::Gue`] on, in the host's order.
    pub tunnel_port: u16,
    /// How packets reach it.
    pub mode: ForwardMode,
    /// Padding, zero.
    pub reserved: u8,
    /// Its connections that are not flows of this number: user space's, told some times a second.
    pub elsewhere: u32,
}

const _: () = assert!(size_of::<Server>() == 80);

/// `Server::vlan` and `Flow::vlan`: the tag is a service tag (802.1ad).
pub const SERVICE_TAG: u16 = 1 << 15;

impl Server {
    /// Flows that are open now.
    #[inline(always)]
    pub fn active(&self, load: &ServerLoad) -> u32 {
        load.opened.wrapping_sub(load.closed).wrapping_sub(self.expired)
    }

    /// Its connections in both planes.
    #[inline(always)]
    pub fn connections(&self, load: &ServerLoad) -> u32 {
        together(self.active(load), self.elsewhere)
    }

    /// Whether it can take another connection now, in whichever plane.
    #[inline(always)]
    pub fn has_room(&self, load: &ServerLoad) -> bool {
        self.state as u8 == ServerState::Up as u8
            && (self.maxconn == 0 || self.connections(load) < self.maxconn)
    }

    /// Whether it can take another flow of the family `A` now.
    #[inline(always)]
    pub fn takes<A: Address>(&self, load: &ServerLoad) -> bool {
        self.has_room(load)
            && (self.mode.is_tunnel() || self.family as u8 == A::FAMILY as u8)
            && self.hop.ifindex != 0
    }
}

/// Value of `SERVER_LOAD`, written by the kernel: flows ever opened and closed; their difference, less what user
/// space expired, is how many are open. Each counter has one writer, so none loses an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct ServerLoad {
    /// Flows opened; wraps.
    pub opened: u32,
    /// Flows that the kernel saw closing; wraps.
    pub closed: u32,
}

const _: () = assert!(size_of::<ServerLoad>() == 8);

/// Value of `SERVICE_LOAD`, written by the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct ServiceLoad {
    /// Flows opened; wraps.
    pub opened: u32,
    /// Flows that the kernel saw closing; wraps.
    pub closed: u32,
    /// The next turn of [`Algorithm::Turn`]; wraps.
    pub turn: u32,
    /// TCP flows opened since `since`, less those of them that came further; wraps.
    pub half_open: u32,
    /// When the current second began, by the first flow in it.
    pub since: Jiffies,
    /// Padding, zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<ServiceLoad>() == 24);

impl ServiceLoad {
    /// Whether the second that `since` begins is over.
    #[inline(always)]
    pub fn is_past(&self, now: Jiffies, second: Jiffies) -> bool {
        now.wrapping_sub(self.since) >= second
    }

    /// Flows of this second that are half open.
    #[inline(always)]
    pub fn half_open(&self, now: Jiffies, second: Jiffies) -> u32 {
        // Two CPUs that begin a second together may count one twice, or take one off too many.
        if self.is_past(now, second) || self.half_open > u32::MAX / 2 { 0 } else { self.half_open }
    }

    /// Whether a flow that was opened at `opened` counts in this second.
    #[inline(always)]
    pub fn counts(&self, opened: Jiffies) -> bool {
        opened.wrapping_sub(self.since) <= u32::MAX / 2
    }
}

/// Which way packets of a flow's entry travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// From the client to the server.
    #[default]
    ToServer = 0,
    /// From the server to the client.
    ToClient = 1,
}

/// `Flow::marks`: the kernel has counted the flow as closed. Kept on the entry towards the server.
pub const FLOW_CLOSED: u16 = 1 << 0;
/// `Flow::marks`: report its closing in `EVENTS`.
pub const FLOW_EVENTS: u16 = 1 << 1;

/// `Flow::marks`: the first of three bits that say which counters of its service track the flow's client. Kept on the
/// entry towards the server.
pub const FLOW_TRACKED_SHIFT: u16 = 2;
/// `Flow::marks`: the bits of [`FLOW_TRACKED_SHIFT`].
pub const FLOW_TRACKED: u16 = 0b111 << FLOW_TRACKED_SHIFT;

/// Value of `FLOWS` and `FLOWS6`: what becomes of packets that carry the entry's key. Written by the kernel.
///
/// An IPv4 entry is 64 bytes, so that with its key and the kernel's header it fills two cache lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Flow<A> {
    /// The source address that the packet leaves with.
    pub src: A,
    /// The destination address that it leaves with.
    pub dst: A,
    /// The destination port that it leaves with, in the host's order.
    pub dst_port: u16,
    /// The source port that it leaves with, in the host's order.
    pub src_port: u16,
    /// What the rewrite adds to the IPv4 header's checksum (see [`crate::csum`]); 0 for IPv6.
    pub l3_delta: u16,
    /// What the rewrite adds to the transport's checksum.
    pub l4_delta: u16,
    /// Where it goes next. Towards a server the one in `SERVERS` has precedence while the generations agree.
    pub hop: Hop,
    /// Bytes of this direction's frames.
    pub bytes: u64,
    /// Frames of this direction; wraps.
    pub packets: u32,
    /// When the last frame of this direction came.
    pub last: Jiffies,
    /// When the flow was opened.
    pub opened: Jiffies,
    /// The tag that its frames leave with, as in [`Server::vlan`].
    pub vlan: u16,
    /// `FLOW_*` bits.
    pub marks: u16,
    /// The service's number.
    pub service: ServiceId,
    /// The server's number.
    pub server: ServerId,
    /// The server's [`Server::generation`] when the flow was opened.
    pub generation: u16,
    /// The connection's state; the same on both entries.
    pub state: TcpState,
    /// Which way this entry's packets travel.
    pub direction: Direction,
}

// Together they are a word, which the kernel changes atomically.
const _: () = assert!(core::mem::offset_of!(Flow<V4>, vlan) % 4 == 0);
const _: () = assert!(core::mem::offset_of!(Flow<V4>, marks) == core::mem::offset_of!(Flow<V4>, vlan) + 2);
const _: () = assert!(core::mem::offset_of!(Flow<V6>, vlan) % 4 == 0);

impl<A> Flow<A> {
    /// Whether the server answers the client directly: then this is the flow's only entry.
    #[inline(always)]
    pub fn is_direct(&self) -> bool {
        self.marks & FLOW_MODE != 0
    }
}

impl<A: Address> Default for Flow<A> {
    #[inline(always)]
    fn default() -> Self {
        Self {
            src: A::ZERO,
            dst: A::ZERO,
            dst_port: 0,
            src_port: 0,
            l3_delta: 0,
            l4_delta: 0,
            hop: Hop::default(),
            bytes: 0,
            packets: 0,
            last: 0,
            opened: 0,
            vlan: 0,
            marks: 0,
            service: 0,
            server: 0,
            generation: 0,
            state: TcpState::Opening,
            direction: Direction::ToServer,
        }
    }
}

const _: () = assert!(size_of::<Flow<V4>>() == 64);
const _: () = assert!(size_of::<Flow<V6>>() == 88);

/// An entry that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Draft<A> {
    /// Its key.
    pub key: FlowKey<A>,
    /// The entry.
    pub flow: Flow<A>,
}

impl<A: Address> Default for Draft<A> {
    fn default() -> Self {
        let key = FlowKey::new((A::ZERO, 0), (A::ZERO, 0), 0);
        Self { key, flow: Flow::default() }
    }
}

/// Element of `RETIRED` and `RETIRED6`: a flow that has closed. Written and read by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Retired<A> {
    /// The entry towards the server.
    pub key: FlowKey<A>,
    /// When the flow closed.
    pub at: Jiffies,
    /// Padding, zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Retired<V4>>() == 24);
const _: () = assert!(size_of::<Retired<V6>>() == 48);

/// What the decision needs of a packet, once its headers have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Segment<A> {
    /// The packet's tuple.
    pub key: FlowKey<A>,
    /// The tag that it came with, as in [`Flow::vlan`].
    pub vlan: u16,
    /// TCP flags; of UDP none.
    pub flags: u8,
    /// Hops that it may still take, this one included.
    pub hops: u8,
    /// Where its network header begins.
    pub network: u8,
    /// Padding, zero.
    pub reserved: u8,
    /// Padding, zero.
    pub padding: u16,
}

/// A packet that is about to open a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Pending<A> {
    /// The packet.
    pub segment: Segment<A>,
    /// Why it is forwarded, if it is.
    pub reason: Reason,
    /// The counters that track it: a bit for each.
    pub tracked: u8,
    /// Padding, zero.
    pub padding: u16,
    /// The place of the rule that decided about it.
    pub rule: u32,
}

const _: () = assert!(size_of::<Pending<V4>>() == 32);
const _: () = assert!(size_of::<Pending<V6>>() == 56);

impl<A: Address> Default for Pending<A> {
    fn default() -> Self {
        let Draft { key, .. } = Draft::default();
        let segment = Segment { key, vlan: 0, flags: 0, hops: 0, network: 0, reserved: 0, padding: 0 };
        Self { segment, reason: Reason::Opened, tracked: 0, padding: 0, rule: 0 }
    }
}

/// The largest number of slots of a selection table: the largest prime below 2^16.
pub const TABLE_SLOTS: u32 = 65_521;

/// Servers in one element of a selection table: arrays round their elements up to eight bytes.
pub const SLOTS_PER_ELEMENT: u32 = 4;

/// Element of a selection table, an inner map of `TABLES`. The first element holds the number of slots in its first
/// place; the slots follow from the second element on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Slots {
    /// Server numbers; 0: none.
    pub servers: [ServerId; SLOTS_PER_ELEMENT as usize],
}

const _: () = assert!(size_of::<Slots>() == 8);

/// Elements of the largest selection table.
pub const TABLE_ELEMENTS: u32 = 1 + TABLE_SLOTS.div_ceil(SLOTS_PER_ELEMENT);

impl Slots {
    /// The element that holds a slot.
    #[inline(always)]
    pub const fn element(slot: u32) -> u32 {
        1 + slot / SLOTS_PER_ELEMENT
    }

    /// The server of a slot that this element holds.
    #[inline(always)]
    pub const fn server(&self, slot: u32) -> ServerId {
        self.servers[(slot % SLOTS_PER_ELEMENT) as usize]
    }

    /// The number of slots, of a table's first element.
    #[inline(always)]
    pub const fn header(&self) -> u32 {
        self.servers[0] as u32
    }

    /// The elements of the table with these slots; slots beyond [`TABLE_SLOTS`] are left out.
    #[cfg(feature = "user")]
    pub fn table(slots: &[ServerId]) -> std::vec::Vec<Self> {
        let slots = &slots[..slots.len().min(TABLE_SLOTS as usize)];
        let header = Self { servers: [slots.len() as ServerId, 0, 0, 0] };
        let element = |chunk: &[ServerId]| {
            let mut element = Self::default();
            element.servers.iter_mut().zip(chunk).for_each(|(place, &server)| *place = server);
            element
        };
        core::iter::once(header).chain(slots.chunks(SLOTS_PER_ELEMENT as usize).map(element)).collect()
    }
}

#[cfg(feature = "aya")]
mod pod {
    use super::*;
    use crate::counter::{Count, ServerCounters, ServiceCounters};
    use crate::key::{RateKey, ServiceKey};
    use crate::rates::{HostRates, Rates};
    use crate::rule::{Rule, SourceKey, Tracked};

    macro_rules! pod {
        ($($name:ty),+ $(,)?) => { $(
            // SAFETY: the struct is `repr(C)`, `Copy`, without implicit padding and without pointers. Its enums are
            // written by this program's own kernel and user halves only.
            unsafe impl aya::Pod for $name {}
        )+ };
    }

    pod!(
        FlowKey<V4>,
        FlowKey<V6>,
        ServiceKey<V4>,
        ServiceKey<V6>,
        RateKey<V4>,
        RateKey<V6>,
        Flow<V4>,
        Flow<V6>,
        Retired<V4>,
        Retired<V6>,
        Service,
        Server,
        ServerLoad,
        ServiceLoad,
        Rates,
        HostRates,
        Rule,
        Tracked,
        SourceKey<V4>,
        SourceKey<V6>,
        Slots,
        crate::trace::Filter,
        Count,
        ServiceCounters,
        ServerCounters,
    );
}
