//! Ethernet and VLAN tags: how a frame leaves.

use crate::be::Be16;
use crate::packet::{ETHER_SERVICE, ETHER_VLAN, Ethernet, Packet, Tag};
use crate::value::{Hop, SERVICE_TAG};

/// A tag's number, without priority.
pub(crate) const NUMBER: u16 = 0x0fff;
/// A tag's priority.
pub(crate) const PRIORITY: u16 = 0xf000;
/// A tag's length.
const TAG: i32 = size_of::<Tag>() as i32;

/// What was read before the network header.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// Where the network header begins.
    pub(crate) network: usize,
    /// The tag, as in [`crate::value::Server::vlan`].
    pub(crate) vlan: u16,
}

/// A tag as [`crate::value::Server::vlan`] has it. Number 0, which marks a priority and no VLAN, is no tag.
#[inline(always)]
pub(crate) fn number(kind: u16, tag: &Tag) -> u16 {
    let number = tag.control.get() & NUMBER;
    if kind == ETHER_SERVICE && number != 0 { number | SERVICE_TAG } else { number }
}

/// Gives the frame its next hop and its tag, where it needs one, and takes the tag that it came with where it does not.
/// Returns where the network header begins then; none if there is no room for a tag, and then nothing was changed.
#[inline(always)]
pub(crate) fn rewrite<P: Packet>(packet: &mut P, hop: &Hop, vlan: u16, network: usize) -> Option<usize> {
    let untagged = size_of::<Ethernet>();
    let mut control = vlan & NUMBER;
    let mut network = network;
    if (network == untagged) != (vlan == 0) {
        // The EtherType before the network header stays where it is.
        if !packet.shift(if vlan == 0 { TAG } else { -TAG }) {
            return None;
        }
        network = if vlan == 0 { untagged } else { untagged + size_of::<Tag>() };
    } else if vlan != 0 {
        // The priority is kept.
        control |= packet.header::<Tag>(untagged)?.control.get() & PRIORITY;
    }
    let ethernet = packet.header::<Ethernet>(0)?;
    ethernet.dst = hop.dst_mac;
    ethernet.src = hop.src_mac;
    if vlan != 0 {
        ethernet.kind = Be16::new(if vlan & SERVICE_TAG != 0 { ETHER_SERVICE } else { ETHER_VLAN });
        packet.header::<Tag>(untagged)?.control = Be16::new(control);
    }
    Some(network)
}
