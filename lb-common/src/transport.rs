//! TCP and UDP: ports and checksums.

use crate::be::Be16;
use crate::csum;
use crate::packet::{Tcp, Udp};
use crate::value::Flow;

/// Gives a TCP segment its flow's ports.
#[inline(always)]
pub(crate) fn rewrite_tcp<A>(tcp: &mut Tcp, flow: &Flow<A>) {
    tcp.src = Be16::new(flow.src_port);
    tcp.dst = Be16::new(flow.dst_port);
    tcp.checksum = Be16::from_octets(csum::apply(tcp.checksum.raw(), flow.l4_delta).to_le_bytes());
}

/// Gives a UDP packet its flow's ports. One without a checksum, which IPv4 allows, stays without; a checksum that comes
/// out as 0 is sent as its other form, since 0 says that there is none (RFC 768).
#[inline(always)]
pub(crate) fn rewrite_udp<A>(udp: &mut Udp, flow: &Flow<A>) {
    udp.src = Be16::new(flow.src_port);
    udp.dst = Be16::new(flow.dst_port);
    if udp.checksum.raw() != 0 {
        let checksum = csum::apply(udp.checksum.raw(), flow.l4_delta);
        let checksum = if checksum == 0 { !0 } else { checksum };
        udp.checksum = Be16::from_octets(checksum.to_le_bytes());
    }
}
