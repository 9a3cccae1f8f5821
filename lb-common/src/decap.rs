//! The servers' side of tunnels: takes off what the balancer put around packets, so that a server needs no tunnel device.

use core::mem::offset_of;

#[cfg(feature = "user")]
use crate::address::Family;
use crate::address::{V4, V6, Wide};
use crate::be::Be16;
use crate::direct::Gue;
use crate::forward;
use crate::key;
use crate::link::Link;
use crate::packet::{ETHER_IPV4, Ethernet, Network, Packet, Tag, Udp};

/// Key of `DECAP`: an address of a service that this host serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Service {
    /// The address; of IPv4 in the first four octets.
    pub address: Wide,
    /// Its family's number, as in [`Family`].
    pub family: u32,
}

const _: () = assert!(size_of::<Service>() == 20 && offset_of!(Service, family) == 16);

/// Which packets are unwrapped.
pub trait Doors {
    /// Counts a packet for this address; false if it is none of this host's services'.
    fn enter(&self, service: &Service, bytes: u32) -> bool;
    /// The UDP port that packets in GUE come to.
    fn port(&self) -> u16;
}

/// Takes the outer headers off a packet for a service of this host. Everything else stays as it is. False: the packet was
/// lost halfway, which never happens.
#[inline(always)]
pub fn unwrap<P: Packet, D: Doors>(packet: &mut P, doors: &D) -> bool {
    match forward::read_link(packet) {
        Ok((link, ETHER_IPV4)) => from::<V4, P, D>(packet, doors, link),
        Ok((link, _)) => from::<V6, P, D>(packet, doors, link),
        Err(_) => true,
    }
}

/// Where a packet in a packet begins, and of which family it is.
struct Inner {
    at: usize,
    protocol: u8,
    traffic: u8,
}

/// Out of a packet of the family `O`.
#[inline(always)]
fn from<O: Network, P: Packet, D: Doors>(packet: &mut P, doors: &D, link: Link) -> bool {
    let Some(inner) = find::<O, P, D>(packet, doors, link.network) else { return true };
    if inner.protocol == V4::INSIDE {
        take::<V4, P, D>(packet, doors, link, &inner)
    } else if inner.protocol == V6::INSIDE {
        take::<V6, P, D>(packet, doors, link, &inner)
    } else {
        true
    }
}

#[inline(always)]
fn find<O: Network, P: Packet, D: Doors>(packet: &mut P, doors: &D, network: usize) -> Option<Inner> {
    let header = packet.header::<O::Header>(network)?;
    let traffic = O::traffic(header);
    let fields = O::fields(header).ok()?;
    let at = network + size_of::<O::Header>();
    if fields.protocol != key::UDP {
        return Some(Inner { at, protocol: fields.protocol, traffic });
    }
    if packet.header::<Udp>(at)?.dst.get() != doors.port() {
        return None;
    }
    let gue = packet.header::<Gue>(at + size_of::<Udp>())?;
    // Another variant, a control message, or optional fields.
    if gue.head != 0 || gue.flags.get() != 0 {
        return None;
    }
    Some(Inner { at: at + size_of::<Udp>() + size_of::<Gue>(), protocol: gue.protocol, traffic })
}

/// The two bits of congestion notification.
const ECN: u8 = 0b11;

/// A packet of the family `A`, if it is for a service.
#[inline(always)]
fn take<A: Network, P: Packet, D: Doors>(packet: &mut P, doors: &D, link: Link, inner: &Inner) -> bool {
    let length = packet.length();
    let Some(header) = packet.header::<A::Header>(inner.at) else { return true };
    let Ok(fields) = A::fields(header) else { return true };
    let service = Service { address: fields.dst.to_wide(), family: A::FAMILY as u32 };
    if !doors.enter(&service, length) {
        return true;
    }
    // What a congested router marked on the way belongs to the connection (RFC 6040, section 4.2).
    if inner.traffic & ECN == ECN && A::traffic(header) & ECN != 0 {
        A::mark_congested(header);
    }
    let outer = inner.at - link.network;
    let Some(ethernet) = packet.header::<Ethernet>(0).map(|ethernet| *ethernet) else { return true };
    if link.network == size_of::<Ethernet>() {
        packet.shift(outer as i32) && replace(packet, 0, Ethernet { kind: Be16::new(A::ETHER), ..ethernet })
    } else {
        let Some(tag) = packet.header::<Tag>(size_of::<Ethernet>()).map(|tag| *tag) else { return true };
        let tag = Tag { kind: Be16::new(A::ETHER), ..tag };
        packet.shift(outer as i32)
            && replace(packet, 0, ethernet)
            && replace(packet, size_of::<Ethernet>(), tag)
    }
}

#[inline(always)]
fn replace<P: Packet, H: crate::packet::Header>(packet: &mut P, at: usize, header: H) -> bool {
    match packet.header::<H>(at) {
        Some(place) => {
            *place = header;
            true
        }
        None => false,
    }
}

impl Service {
    /// The service at an address.
    #[cfg(feature = "user")]
    pub fn of(address: core::net::IpAddr) -> Self {
        let (family, address) = crate::address::to_wide(address);
        Self { address, family: family as u32 }
    }

    /// Its address; none if the family is unknown.
    #[cfg(feature = "user")]
    pub fn address(&self) -> Option<core::net::IpAddr> {
        let family = [Family::V4, Family::V6].into_iter().find(|family| *family as u32 == self.family)?;
        crate::address::from_wide(family, &self.address)
    }
}

#[cfg(feature = "aya")]
// SAFETY: the struct is `repr(C)`, `Copy`, without padding and pointers.
unsafe impl aya::Pod for Service {}
