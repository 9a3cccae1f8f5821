//! Frames from layers, and edits of frames that no builder would make.

use std::net::{IpAddr, SocketAddr};

use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader, ip_number};
use lb_common::csum;
use lb_common::tcp::flag;

/// A MAC address.
pub type Mac = [u8; 6];

/// A TCP segment in its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it comes from.
    pub src: SocketAddr,
    /// Where it goes.
    pub dst: SocketAddr,
    /// MAC addresses: source, destination.
    pub macs: (Mac, Mac),
    /// TCP flags.
    pub flags: u8,
    /// Time to live or hop limit.
    pub hops: u8,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Receive window.
    pub window: u16,
    /// Data.
    pub payload: Vec<u8>,
}

impl Segment {
    /// A segment with the flag ACK, as most are.
    pub fn new(src: SocketAddr, dst: SocketAddr, macs: (Mac, Mac)) -> Self {
        Self {
            src,
            dst,
            macs,
            flags: flag::ACK,
            hops: 64,
            sequence: 0x1020_3040,
            acknowledgement: 0,
            window: 0x2000,
            payload: Vec::new(),
        }
    }

    /// With these flags.
    pub fn flags(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    /// With the flag SYN alone.
    pub fn syn(self) -> Self {
        self.flags(flag::SYN)
    }

    /// With so many hops left.
    pub fn hops(self, hops: u8) -> Self {
        Self { hops, ..self }
    }

    /// With data.
    pub fn payload(self, payload: &[u8]) -> Self {
        Self { payload: payload.to_vec(), ..self }
    }

    /// With another source port.
    pub fn from_port(mut self, port: u16) -> Self {
        self.src.set_port(port);
        self
    }

    /// With this acknowledgement number.
    pub fn answers(self, acknowledgement: u32) -> Self {
        Self { acknowledgement, ..self }
    }

    /// The frame, with right checksums.
    pub fn bytes(&self) -> Vec<u8> {
        let mut header = TcpHeader::new(self.src.port(), self.dst.port(), self.sequence, self.window);
        header.acknowledgment_number = self.acknowledgement;
        let has = |bit| self.flags & bit != 0;
        (header.fin, header.syn, header.rst, header.ack) =
            (has(flag::FIN), has(flag::SYN), has(flag::RST), has(flag::ACK));
        (header.psh, header.ece, header.cwr) = (has(0x08), has(0x40), has(0x80));
        write(self.network().tcp_header(header), &self.payload)
    }

    /// The same addresses with UDP.
    pub fn udp(&self) -> Vec<u8> {
        let builder = self.network().udp(self.src.port(), self.dst.port());
        let mut bytes = Vec::with_capacity(builder.size(self.payload.len()));
        builder.write(&mut bytes, &self.payload).expect("memory takes every write");
        bytes
    }

    /// The same addresses with a protocol that nobody looks into.
    pub fn protocol(&self, number: u8) -> Vec<u8> {
        let builder = self.network();
        let mut bytes = Vec::new();
        builder.write(&mut bytes, number.into(), &[0; 64]).expect("memory takes every write");
        bytes
    }

    fn network(&self) -> PacketBuilderStep<etherparse::IpHeaders> {
        let ethernet = PacketBuilder::ethernet2(self.macs.0, self.macs.1);
        match (self.src.ip(), self.dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => ethernet.ipv4(src.octets(), dst.octets(), self.hops),
            (IpAddr::V6(src), IpAddr::V6(dst)) => ethernet.ipv6(src.octets(), dst.octets(), self.hops),
            _ => unreachable!("rows do not mix families"),
        }
    }
}

fn write(builder: PacketBuilderStep<TcpHeader>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut bytes, payload).expect("memory takes every write");
    bytes
}

/// An ICMP error of `kind` and `code` that quotes the beginning of a packet.
pub fn icmp_error(addresses: &Segment, (kind, code): (u8, u8), rest: [u8; 4], quote: &[u8]) -> Vec<u8> {
    let mut message = Vec::from([kind, code, 0, 0]);
    message.extend(rest);
    message.extend(quote);
    let (pseudo, number) = match (addresses.src.ip(), addresses.dst.ip()) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let ends = [src.octets(), dst.octets()].concat();
            (
                csum::sum(&ends)
                    + csum::sum(&(message.len() as u32).to_be_bytes())
                    + csum::sum(&[0, number::ICMP6]),
                number::ICMP6,
            )
        }
        _ => (0, number::ICMP),
    };
    let checksum = csum::full(&message, pseudo).to_le_bytes();
    message[2..4].copy_from_slice(&checksum);
    let mut frame = Vec::new();
    addresses.network().write(&mut frame, number.into(), &message).expect("memory takes every write");
    frame
}

/// The packet in a frame, as a router quotes it: `length` bytes of it.
pub fn quote(frame: &[u8], length: usize) -> Vec<u8> {
    frame[NETWORK..].iter().copied().take(length).collect()
}

/// Where the network header begins.
pub const NETWORK: usize = 14;

/// An IPv6 segment with an extension header between the network and the transport header.
pub fn with_extension(mut frame: Vec<u8>, kind: u8) -> Vec<u8> {
    let end_of_header = NETWORK + 40;
    let next = std::mem::replace(&mut frame[NETWORK + 6], kind);
    frame.splice(end_of_header..end_of_header, [next, 0, 1, 4, 0, 0, 0, 0]);
    frame
}

/// An IPv4 segment with four bytes of options; the checksum is of no interest to who refuses options.
pub fn with_options(mut frame: Vec<u8>) -> Vec<u8> {
    frame[NETWORK] = 0x46;
    frame.splice(NETWORK + 20..NETWORK + 20, [1, 1, 1, 0]);
    frame
}

/// A frame with some bytes overwritten.
pub fn with_bytes(mut frame: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

/// A frame that ends early.
pub fn cut(mut frame: Vec<u8>, length: usize) -> Vec<u8> {
    frame.truncate(length);
    frame
}

/// A frame with a tag before the EtherType.
pub fn tagged(mut frame: Vec<u8>, ether_type: u16, tag: u16) -> Vec<u8> {
    let [a, b] = ether_type.to_be_bytes();
    let [c, d] = tag.to_be_bytes();
    frame.splice(12..12, [a, b, c, d]);
    frame
}

/// An ARP request.
pub fn arp(macs: (Mac, Mac)) -> Vec<u8> {
    let mut frame = Vec::from(macs.1);
    frame.extend(macs.0);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend([0; 36]);
    frame
}

/// IANA's numbers of protocols that rows use.
pub mod number {
    use super::ip_number;

    /// ICMP.
    pub const ICMP: u8 = ip_number::ICMP.0;
    /// ICMPv6.
    pub const ICMP6: u8 = ip_number::IPV6_ICMP.0;
    /// SCTP.
    pub const SCTP: u8 = ip_number::SCTP.0;
}
