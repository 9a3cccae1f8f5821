//! Frames: how the decision reads and writes them, and the headers that it knows.
//!
//! Headers consist of octet arrays only, so that they may lie at any address and hold any bits.

use crate::address::{Address, V4, V6};
use crate::be::{Be16, Be32};
use crate::counter::Reason;
use crate::csum;

/// A header that may be laid over the bytes of a frame.
///
/// # Safety
///
/// The type has alignment 1, no padding, and is valid for any bits.
pub unsafe trait Header: Copy {}

/// A frame that was received.
pub trait Packet {
    /// Its length in bytes.
    fn length(&self) -> u32;

    /// The interface that it came in by.
    fn ingress(&self) -> u32;

    /// What the kernel knows it by: an XDP program's context. Null elsewhere.
    fn context(&self) -> *mut core::ffi::c_void;

    /// The header at `offset`; none if the frame ends before the header does.
    fn header<H: Header>(&mut self, offset: usize) -> Option<&mut H>;

    /// Moves the frame's beginning: forwards by so many bytes, which it loses, or backwards, for bytes that it gains and
    /// that hold anything. False if there is no room. Other headers are elsewhere then.
    fn shift(&mut self, bytes: i32) -> bool;

    /// Takes what is behind `length` bytes off the frame, which has more. False if that cannot be done. Other headers are
    /// elsewhere then.
    fn truncate(&mut self, length: u32) -> bool;

    /// Does something to the frame that takes a function call, and not much else afterwards. In the kernel that is done
    /// to a copy of the pointers, so that they can stay in registers wherever there is no call.
    #[inline(always)]
    fn aside<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R
    where
        Self: Sized,
    {
        work(self)
    }
}

/// A frame in memory.
#[cfg(any(feature = "user", test))]
#[derive(Debug)]
pub struct Frame<'a> {
    bytes: &'a mut std::vec::Vec<u8>,
    ingress: u32,
}

#[cfg(any(feature = "user", test))]
impl<'a> Frame<'a> {
    /// The frame in `bytes`, received by the interface `ingress`.
    pub fn new(bytes: &'a mut std::vec::Vec<u8>, ingress: u32) -> Self {
        Self { bytes, ingress }
    }
}

#[cfg(any(feature = "user", test))]
impl Packet for Frame<'_> {
    fn length(&self) -> u32 {
        // No frame is longer than 4 GiB.
        self.bytes.len() as u32
    }

    fn ingress(&self) -> u32 {
        self.ingress
    }

    fn context(&self) -> *mut core::ffi::c_void {
        core::ptr::null_mut()
    }

    fn header<H: Header>(&mut self, offset: usize) -> Option<&mut H> {
        let end = offset.checked_add(size_of::<H>())?;
        let bytes = self.bytes.get_mut(offset..end)?;
        // SAFETY: the slice is as long as the header, which has alignment 1 and is valid for any bits.
        Some(unsafe { &mut *bytes.as_mut_ptr().cast() })
    }

    fn truncate(&mut self, length: u32) -> bool {
        self.bytes.truncate(length as usize);
        true
    }

    fn shift(&mut self, bytes: i32) -> bool {
        let count = bytes.unsigned_abs() as usize;
        if bytes < 0 {
            self.bytes.splice(..0, core::iter::repeat_n(0, count));
        } else if count <= self.bytes.len() {
            self.bytes.drain(..count);
        }
        bytes < 0 || count <= self.bytes.len()
    }
}

/// EtherType of IPv4.
pub const ETHER_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const ETHER_IPV6: u16 = 0x86dd;
/// EtherType of a VLAN tag (802.1Q).
pub const ETHER_VLAN: u16 = 0x8100;
/// EtherType of a service VLAN tag (802.1ad).
pub const ETHER_SERVICE: u16 = 0x88a8;

/// Ethernet II.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Ethernet {
    /// Destination MAC address.
    pub dst: [u8; 6],
    /// Source MAC address.
    pub src: [u8; 6],
    /// What follows.
    pub kind: Be16,
}

/// A VLAN tag, after an Ethernet header whose `kind` announces it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Tag {
    /// Priority in the upper four bits, number in the others.
    pub control: Be16,
    /// What follows.
    pub kind: Be16,
}

/// IPv4 without options.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Ipv4 {
    /// Version and header length in words.
    pub version: u8,
    /// Differentiated services and congestion notification.
    pub traffic: u8,
    /// Length with this header.
    pub length: Be16,
    /// Identification of fragments.
    pub id: Be16,
    /// Flags and fragment offset.
    pub fragment: Be16,
    /// Time to live and protocol share a 16-bit word of the checksum.
    pub ttl: u8,
    /// What follows.
    pub protocol: u8,
    /// Header checksum.
    pub checksum: Be16,
    /// Source.
    pub src: V4,
    /// Destination.
    pub dst: V4,
}

/// IPv6.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Ipv6 {
    /// Version, traffic class and flow label.
    pub version: Be32,
    /// Length after this header.
    pub length: Be16,
    /// What follows.
    pub next: u8,
    /// Hops that it may still take.
    pub hop_limit: u8,
    /// Source.
    pub src: V6,
    /// Destination.
    pub dst: V6,
}

/// UDP.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Udp {
    /// Source port.
    pub src: Be16,
    /// Destination port.
    pub dst: Be16,
    /// Length with this header.
    pub length: Be16,
    /// Checksum; 0: none.
    pub checksum: Be16,
}

/// TCP without options.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Tcp {
    /// Source port.
    pub src: Be16,
    /// Destination port.
    pub dst: Be16,
    /// Sequence number.
    pub sequence: Be32,
    /// Acknowledgement number.
    pub acknowledgement: Be32,
    /// Header length in words, upper half.
    pub offset: u8,
    /// [`crate::tcp::flag`].
    pub flags: u8,
    /// Receive window.
    pub window: Be16,
    /// Checksum.
    pub checksum: Be16,
    /// Urgent pointer.
    pub urgent: Be16,
}

// SAFETY: octets only, so alignment 1, no padding, any bits.
unsafe impl Header for Ethernet {}
// SAFETY: as above.
unsafe impl Header for Ipv4 {}
// SAFETY: as above.
unsafe impl Header for Ipv6 {}
// SAFETY: as above.
unsafe impl Header for Tcp {}
// SAFETY: as above.
unsafe impl Header for Udp {}
// SAFETY: as above.
unsafe impl Header for Tag {}

const _: () = assert!(size_of::<Ethernet>() == 14 && align_of::<Ethernet>() == 1);
const _: () = assert!(size_of::<Ipv4>() == 20 && align_of::<Ipv4>() == 1);
const _: () = assert!(size_of::<Ipv6>() == 40 && align_of::<Ipv6>() == 1);
const _: () = assert!(size_of::<Udp>() == 8 && align_of::<Udp>() == 1);
const _: () = assert!(size_of::<Tag>() == 4 && align_of::<Tag>() == 1);
const _: () = assert!(size_of::<Tcp>() == 20 && align_of::<Tcp>() == 1);

/// What the decision needs of a network header.
#[derive(Clone, Copy, Debug)]
pub struct NetworkFields<A> {
    /// Source address.
    pub src: A,
    /// Destination address.
    pub dst: A,
    /// Transport protocol.
    pub protocol: u8,
    /// Hops that the packet may still take, this one included.
    pub hops: u8,
}

/// An address family with its header.
pub trait Network: Address {
    /// Its header.
    type Header: Header;
    /// IANA's number of its control protocol.
    const ICMP: u8;
    /// Whether that protocol's checksum covers the addresses.
    const PSEUDO: bool;
    /// Kind and code of its message that says that a packet is too big.
    const TOO_BIG: (u8, u8);
    /// Its EtherType.
    const ETHER: u16;
    /// IANA's number of a packet of this family inside of another packet.
    const INSIDE: u8;

    /// The fields of a header, or why such a packet is not forwarded.
    fn fields(header: &Self::Header) -> Result<NetworkFields<Self>, Reason>;

    /// Replaces the addresses, and takes one hop. `delta` is what both do to the header's checksum.
    fn rewrite(header: &mut Self::Header, src: Self, dst: Self, delta: u16);

    /// Whether a control message of this kind is an error that quotes a packet.
    fn is_error(kind: u8) -> bool;

    /// The packet's length as its header has it, with the header.
    fn length(header: &Self::Header) -> usize;

    /// The octet of traffic class: what routers on the way may do to the packet, and have done.
    fn traffic(header: &Self::Header) -> u8;

    /// Sets the two bits that say that a router on the way was congested.
    fn mark_congested(header: &mut Self::Header);

    /// Writes the header of a packet that goes around another one. `flow` tells flows apart where headers do.
    fn write(header: &mut Self::Header, src: &Self, dst: &Self, around: Around);

    /// Takes one hop.
    fn take_hop(header: &mut Self::Header);

    /// Both addresses' sum.
    fn sum_of(header: &Self::Header) -> u32;

    /// Makes it the header of an answer with so many bytes behind it, and returns both addresses' sum.
    fn turn_back(header: &mut Self::Header, payload: u16) -> u32;

    /// Replaces the addresses of a quoted header, which takes no hop. Adds the sums of all that changes in it to `old` and
    /// `new`, and returns those of the addresses.
    fn quote(header: &mut Self::Header, src: Self, dst: Self, old: &mut u32, new: &mut u32) -> (u32, u32);
}

/// What the header of a packet says of what it goes around.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// The protocol.
    pub protocol: u8,
    /// The octet of traffic class.
    pub traffic: u8,
    /// Bytes behind the header.
    pub payload: u16,
    /// A hash of the flow.
    pub flow: u32,
}

/// More fragments, or an offset that is not zero.
const FRAGMENT: u16 = 0x3fff;

/// Hops that answers may take: what hosts begin with.
const ANSWER_HOPS: u8 = 64;
/// IPv4's flag that forbids fragments.
const DONT_FRAGMENT: u16 = 0x4000;

impl Network for V4 {
    type Header = Ipv4;
    const ICMP: u8 = 1;
    const PSEUDO: bool = false;
    const TOO_BIG: (u8, u8) = (3, 4);
    const ETHER: u16 = ETHER_IPV4;
    const INSIDE: u8 = 4;

    #[inline(always)]
    fn turn_back(header: &mut Ipv4, payload: u16) -> u32 {
        let (src, dst) = (header.dst, header.src);
        Self::write(header, &src, &dst, Around { protocol: header.protocol, traffic: 0, payload, flow: 0 });
        src.sum() + dst.sum()
    }

    #[inline(always)]
    fn traffic(header: &Ipv4) -> u8 {
        header.traffic
    }

    #[inline(always)]
    fn mark_congested(header: &mut Ipv4) {
        let word = |traffic: u8| u16::from_le_bytes([header.version, traffic]) as u32;
        let delta = csum::delta(word(header.traffic), word(header.traffic | 0b11));
        header.traffic |= 0b11;
        header.checksum = Be16::from_octets(csum::apply(header.checksum.raw(), delta).to_le_bytes());
    }

    #[inline(always)]
    fn write(header: &mut Ipv4, src: &Self, dst: &Self, around: Around) {
        let Around { protocol, traffic, payload, flow: _ } = around;
        let version = 0x45;
        let length = Be16::new((size_of::<Ipv4>() as u16).wrapping_add(payload));
        let fragment = Be16::new(DONT_FRAGMENT);
        // In the order of the header; words are little-endian, as for all checksums here.
        let sum = u16::from_le_bytes([version, traffic]) as u32
            + length.raw() as u32
            + fragment.raw() as u32
            + u16::from_le_bytes([ANSWER_HOPS, protocol]) as u32
            + src.sum()
            + dst.sum();
        let checksum = Be16::from_octets((!csum::fold(sum)).to_le_bytes());
        let (id, ttl) = (Be16::new(0), ANSWER_HOPS);
        *header =
            Ipv4 { version, traffic, length, id, fragment, ttl, protocol, checksum, src: *src, dst: *dst };
    }

    #[inline(always)]
    fn take_hop(header: &mut Ipv4) {
        header.ttl = header.ttl.wrapping_sub(1);
        let checksum = csum::apply(header.checksum.raw(), csum::delta(1, 0));
        header.checksum = Be16::from_octets(checksum.to_le_bytes());
    }

    #[inline(always)]
    fn is_error(kind: u8) -> bool {
        // Destination unreachable, time exceeded, parameter problem.
        matches!(kind, 3 | 11 | 12)
    }

    #[inline(always)]
    fn length(header: &Ipv4) -> usize {
        header.length.get() as usize
    }

    #[inline(always)]
    fn sum_of(header: &Ipv4) -> u32 {
        header.src.sum() + header.dst.sum()
    }

    #[inline(always)]
    fn quote(header: &mut Ipv4, src: Self, dst: Self, old: &mut u32, new: &mut u32) -> (u32, u32) {
        let (before, after) = (Self::sum_of(header), src.sum() + dst.sum());
        *old += before + header.checksum.raw() as u32;
        (header.src, header.dst) = (src, dst);
        let checksum = csum::apply(header.checksum.raw(), csum::delta(before, after));
        header.checksum = Be16::from_octets(checksum.to_le_bytes());
        *new += after + checksum as u32;
        (before, after)
    }

    #[inline(always)]
    fn fields(header: &Ipv4) -> Result<NetworkFields<Self>, Reason> {
        if header.version != 0x45 {
            return Err(Reason::IpOptions);
        }
        if header.fragment.get() & FRAGMENT != 0 {
            return Err(Reason::Fragment);
        }
        Ok(NetworkFields { src: header.src, dst: header.dst, protocol: header.protocol, hops: header.ttl })
    }

    #[inline(always)]
    fn rewrite(header: &mut Ipv4, src: Self, dst: Self, delta: u16) {
        header.src = src;
        header.dst = dst;
        header.ttl = header.ttl.wrapping_sub(1);
        header.checksum = Be16::from_octets(csum::apply(header.checksum.raw(), delta).to_le_bytes());
    }
}

impl Network for V6 {
    type Header = Ipv6;
    const ICMP: u8 = 58;
    const PSEUDO: bool = true;
    const TOO_BIG: (u8, u8) = (2, 0);
    const ETHER: u16 = ETHER_IPV6;
    const INSIDE: u8 = 41;

    #[inline(always)]
    fn traffic(header: &Ipv6) -> u8 {
        (header.version.get() >> 20) as u8
    }

    #[inline(always)]
    fn mark_congested(header: &mut Ipv6) {
        header.version = Be32::new(header.version.get() | 0b11 << 20);
    }

    #[inline(always)]
    fn write(header: &mut Ipv6, src: &Self, dst: &Self, around: Around) {
        let Around { protocol, traffic, payload, flow } = around;
        // Field by field: the whole would be made on the kernel's short stack first.
        header.version = Be32::new(6 << 28 | (traffic as u32) << 20 | flow >> 12);
        header.length = Be16::new(payload);
        header.next = protocol;
        header.hop_limit = ANSWER_HOPS;
        header.src = *src;
        header.dst = *dst;
    }

    #[inline(always)]
    fn take_hop(header: &mut Ipv6) {
        header.hop_limit = header.hop_limit.wrapping_sub(1);
    }

    #[inline(always)]
    fn turn_back(header: &mut Ipv6, payload: u16) -> u32 {
        let (src, dst) = (header.dst, header.src);
        (header.src, header.dst) = (src, dst);
        header.hop_limit = ANSWER_HOPS;
        header.length = Be16::new(payload);
        src.sum() + dst.sum()
    }

    #[inline(always)]
    fn is_error(kind: u8) -> bool {
        // Destination unreachable, packet too big, time exceeded, parameter problem.
        matches!(kind, 1..=4)
    }

    #[inline(always)]
    fn length(header: &Ipv6) -> usize {
        size_of::<Ipv6>() + header.length.get() as usize
    }

    #[inline(always)]
    fn sum_of(header: &Ipv6) -> u32 {
        header.src.sum() + header.dst.sum()
    }

    #[inline(always)]
    fn quote(header: &mut Ipv6, src: Self, dst: Self, old: &mut u32, new: &mut u32) -> (u32, u32) {
        let (before, after) = (Self::sum_of(header), src.sum() + dst.sum());
        (header.src, header.dst) = (src, dst);
        *old += before;
        *new += after;
        (before, after)
    }

    #[inline(always)]
    fn fields(header: &Ipv6) -> Result<NetworkFields<Self>, Reason> {
        if header.version.octets()[0] >> 4 != 6 {
            return Err(Reason::IpOptions);
        }
        if header.next == 44 {
            return Err(Reason::Fragment);
        }
        Ok(NetworkFields { src: header.src, dst: header.dst, protocol: header.next, hops: header.hop_limit })
    }

    #[inline(always)]
    fn rewrite(header: &mut Ipv6, src: Self, dst: Self, _delta: u16) {
        header.src = src;
        header.dst = dst;
        header.hop_limit = header.hop_limit.wrapping_sub(1);
    }
}
