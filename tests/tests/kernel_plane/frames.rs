//! What is none of the balancer's business passes through as it is.

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use etherparse::{
    EtherType, IpFragOffset, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, TcpHeader, UdpHeader,
};
use lbx_tests::lab::Family;
use lbx_tests::wire::Wire;

use crate::fixture::Fixture;

/// A frame that neither belongs to a flow nor opens one reaches the host unchanged.
pub(crate) fn untouched() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let fixture = Fixture::echo(family)?;
        let _daemon = fixture.start("", "")?;
        // An open connection, so that there are flows to be confused with.
        let mut open = fixture.connect()?;
        let (from, to) =
            (Wire::open(&fixture.lab.client, "eth0")?, Wire::open(&fixture.lab.balancer, "front")?);
        let frames =
            Frames { family, mac: fixture.lab.balancer.mac("front")?, port: open.local_address()?.port() };
        for (description, frame) in frames.all()? {
            from.send(&frame)?;
            if let Err(error) = to.expect(&frame) {
                bail!("{description}, {family:?}: {error}");
            }
        }
        open.check(b"still open")?;
    }
    Ok(())
}

/// Makes frames to the balancer.
struct Frames {
    family: Family,
    mac: [u8; 6],
    /// The client's port of an open connection.
    port: u16,
}

/// A port of the client that has no connection.
const OTHER_PORT: u16 = 9;

impl Frames {
    /// Frames with their descriptions.
    fn all(&self) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let syn = tcp(OTHER_PORT, 80, |tcp| tcp.syn = true)?;
        let mut frames = vec![
            (
                "a SYN to a port without a service",
                self.ip(IpNumber::TCP, &tcp(OTHER_PORT, 81, |tcp| tcp.syn = true)?)?,
            ),
            ("an ACK of no flow", self.ip(IpNumber::TCP, &tcp(OTHER_PORT, 80, |tcp| tcp.ack = true)?)?),
            ("a RST of no flow", self.ip(IpNumber::TCP, &tcp(OTHER_PORT, 80, |tcp| tcp.rst = true)?)?),
            (
                "a SYN and ACK to a service",
                self.ip(IpNumber::TCP, &tcp(OTHER_PORT, 80, |t| (t.syn, t.ack) = (true, true))?)?,
            ),
            ("a datagram with the ports of a flow", self.ip(IpNumber::UDP, &udp(self.port, 80)?)?),
            ("a protocol without ports", self.ip(IpNumber(253), &[0; 40])?),
            ("a header cut short", self.ip(IpNumber::TCP, syn.get(..12).context("a short SYN")?)?),
            ("no IP at all", self.ethernet(EtherType(0x88b5), &[7; 50])),
        ];
        if self.family == Family::V4 {
            frames.push(("a fragment", self.v4(IpNumber::TCP, &syn, |ip| ip.more_fragments = true)?));
            let options = [1; 4].into();
            frames.push(("IP options", self.v4(IpNumber::TCP, &syn, |ip| ip.options = options)?));
            let late = IpFragOffset::try_new(100)?;
            frames.push(("a later fragment", self.v4(IpNumber::TCP, &syn, |ip| ip.fragment_offset = late)?));
        }
        Ok(frames)
    }

    fn ip(&self, protocol: IpNumber, payload: &[u8]) -> Result<Vec<u8>> {
        match self.family {
            Family::V4 => self.v4(protocol, payload, |_| ()),
            Family::V6 => self.v6(protocol, payload),
        }
    }

    fn v4(&self, protocol: IpNumber, payload: &[u8], edit: impl FnOnce(&mut Ipv4Header)) -> Result<Vec<u8>> {
        let (IpAddr::V4(from), IpAddr::V4(to)) = (self.family.client(), self.family.service()) else {
            bail!("not IPv4");
        };
        let mut header =
            Ipv4Header::new(u16::try_from(payload.len())?, 64, protocol, from.octets(), to.octets())?;
        edit(&mut header);
        header.set_payload_len(payload.len())?;
        header.header_checksum = header.calc_header_checksum();
        Ok(self.ethernet(EtherType::IPV4, &[&header.to_bytes(), payload].concat()))
    }

    fn v6(&self, protocol: IpNumber, payload: &[u8]) -> Result<Vec<u8>> {
        let (IpAddr::V6(from), IpAddr::V6(to)) = (self.family.client(), self.family.service()) else {
            bail!("not IPv6");
        };
        let header = Ipv6Header {
            traffic_class: 0,
            flow_label: Ipv6FlowLabel::ZERO,
            payload_length: u16::try_from(payload.len())?,
            next_header: protocol,
            hop_limit: 64,
            source: from.octets(),
            destination: to.octets(),
        };
        Ok(self.ethernet(EtherType::IPV6, &[&header.to_bytes(), payload].concat()))
    }

    fn ethernet(&self, kind: EtherType, payload: &[u8]) -> Vec<u8> {
        [&self.mac[..], &[2; 6], &kind.0.to_be_bytes(), payload].concat()
    }
}

/// A TCP header without data. Its checksum is nobody's concern before the host.
fn tcp(from: u16, to: u16, edit: impl FnOnce(&mut TcpHeader)) -> Result<Vec<u8>> {
    let mut header = TcpHeader::new(from, to, 1, 1000);
    edit(&mut header);
    Ok(header.to_bytes().to_vec())
}

fn udp(from: u16, to: u16) -> Result<Vec<u8>> {
    let header = UdpHeader { source_port: from, destination_port: to, length: 12, checksum: 0 };
    Ok([&header.to_bytes()[..], &[5; 4]].concat())
}
