//! Keys of the maps. Their layout is the kernel's ABI: padding is explicit, sizes are asserted.
//!
//! IPv4 and IPv6 have maps of their own: hashing a key costs by its length, and an IPv4 flow's key of 16 bytes makes
//! its entry two cache lines. Ports are in the host's order, so that `bpftool map dump` prints the numbers one expects.

use crate::address::{Address, V4, V6};

/// IANA's number of TCP, as `protocol` in the keys.
pub const TCP: u8 = 6;
/// IANA's number of UDP, as `protocol` in the keys.
pub const UDP: u8 = 17;

/// Key of `FLOWS` and `FLOWS6`: the tuple that a packet of one direction carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C, align(8))]
pub struct FlowKey<A> {
    /// Source address.
    pub src: A,
    /// Destination address.
    pub dst: A,
    /// Destination port, in the host's order.
    pub dst_port: u16,
    /// Source port, in the host's order.
    pub src_port: u16,
    /// IANA's protocol number.
    pub protocol: u8,
    /// Padding, zero. Two integers, since the kernel's compiler calls a function to clear three bytes.
    pub reserved: u8,
    /// Padding, zero.
    pub padding: u16,
}

const _: () = assert!(size_of::<FlowKey<V4>>() == 16);
const _: () = assert!(size_of::<FlowKey<V6>>() == 40);

/// Key of `SERVICES` and `SERVICES6`: where clients connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C, align(4))]
pub struct ServiceKey<A> {
    /// The address; wildcards are expanded to the host's addresses by user space.
    pub address: A,
    /// The port, in the host's order.
    pub port: u16,
    /// IANA's protocol number.
    pub protocol: u8,
    /// Padding, zero.
    pub reserved: u8,
}

const _: () = assert!(size_of::<ServiceKey<V4>>() == 8);
const _: () = assert!(size_of::<ServiceKey<V6>>() == 20);

/// Key of `RATES`, `HOST_RATES` and their like of IPv6: a source address in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C, align(4))]
pub struct RateKey<A> {
    /// The client's address.
    pub source: A,
    /// The table's number.
    pub table: u16,
    /// Padding, zero.
    pub reserved: u16,
}

const _: () = assert!(size_of::<RateKey<V4>>() == 8);
const _: () = assert!(size_of::<RateKey<V6>>() == 20);

impl<A: Address> FlowKey<A> {
    /// The key of packets from one address and port to another.
    #[inline(always)]
    pub fn new(src: (A, u16), dst: (A, u16), protocol: u8) -> Self {
        Self { src: src.0, dst: dst.0, dst_port: dst.1, src_port: src.1, protocol, reserved: 0, padding: 0 }
    }

    /// The key of the packets that travel the other way with the same tuple.
    #[inline(always)]
    pub fn reversed(&self) -> Self {
        Self::new((self.dst, self.dst_port), (self.src, self.src_port), self.protocol)
    }

    /// The service that the packet is addressed to.
    #[inline(always)]
    pub fn service(&self) -> ServiceKey<A> {
        ServiceKey { address: self.dst, port: self.dst_port, protocol: self.protocol, reserved: 0 }
    }

    /// Both ports in one word, as hashes take them.
    #[inline(always)]
    pub fn ports(&self) -> u32 {
        (self.src_port as u32) << 16 | self.dst_port as u32
    }
}
