//! Answers that are made of the packets that they answer.

use crate::be::{Be16, Be32};
use crate::csum;
use crate::hash;
use crate::key;
use crate::packet::{Ethernet, Network, Packet, Tcp};
use crate::tcp::flag;
use crate::value::Segment;

/// The seed of the fingerprints of SYNs.
const PRINT_SEED: u32 = 0x7072_696e;

/// What tells a SYN from others, and a copy of it not: a client that hears nothing sends the same one again.
#[inline(always)]
pub(crate) fn fingerprint<A: Network, P: Packet>(packet: &mut P, segment: &Segment<A>) -> Option<u32> {
    let tcp = packet.header::<Tcp>(transport::<A>(segment))?;
    let client = segment.key.src.hash(segment.key.ports());
    Some(hash::words3(client, tcp.sequence.get(), segment.key.dst.hash(0), PRINT_SEED))
}

#[inline(always)]
fn transport<A: Network>(segment: &Segment<A>) -> usize {
    segment.network as usize + size_of::<A::Header>()
}

/// Turns a SYN into the reset that refuses it, on the way back to where it came from. None: it is not whole.
#[inline(always)]
pub(crate) fn reset<A: Network, P: Packet>(packet: &mut P, segment: &Segment<A>) -> Option<()> {
    let length = size_of::<Tcp>() as u16;
    let end = transport::<A>(segment) + size_of::<Tcp>();
    if packet.length() > end as u32 && !packet.truncate(end as u32) {
        return None;
    }
    let ethernet = packet.header::<Ethernet>(0)?;
    (ethernet.src, ethernet.dst) = (ethernet.dst, ethernet.src);
    let addresses = A::turn_back(packet.header(segment.network as usize)?, length);
    let tcp = packet.header::<Tcp>(transport::<A>(segment))?;
    let acknowledgement = Be32::new(tcp.sequence.get().wrapping_add(1));
    let mut answer = Tcp {
        src: tcp.dst,
        dst: tcp.src,
        sequence: Be32::new(0),
        acknowledgement,
        offset: (length as u8 / 4) << 4,
        flags: flag::RST | flag::ACK,
        window: Be16::new(0),
        checksum: Be16::new(0),
        urgent: Be16::new(0),
    };
    let pseudo = addresses + Be16::new(key::TCP as u16).raw() as u32 + Be16::new(length).raw() as u32;
    let [a, b, c, d] = acknowledgement.octets();
    let sum = pseudo
        + answer.src.raw() as u32
        + answer.dst.raw() as u32
        + u16::from_le_bytes([a, b]) as u32
        + u16::from_le_bytes([c, d]) as u32
        + u16::from_le_bytes([answer.offset, answer.flags]) as u32;
    answer.checksum = Be16::from_octets((!csum::fold(sum)).to_le_bytes());
    *tcp = answer;
    Some(())
}
