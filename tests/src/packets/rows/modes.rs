//! Other ways to servers than by rewriting both addresses.

use std::net::{IpAddr, SocketAddr};

use lb_common::address::Address;
use lb_common::counter::Reason;
use lb_common::csum;
use lb_common::forward::Verdict;
use lb_common::tcp::flag::{ACK, FIN, RST, SYN};

use super::super::layers::{NETWORK, Segment, icmp_error, quote, tagged, with_bytes};
use super::super::world::{At, BALANCER, NET4, NET6, Net, ROUTER, TUNNEL_PORT, mac};
use super::{Out, Q, Row, Step, pass, row, send, send_bytes};

/// What goes around a packet for a server of `outer`'s family, behind the link's header: with GUE or without.
fn around(outer: Net, server: u8, client: (SocketAddr, SocketAddr), inner: &[u8], gue: bool) -> Vec<u8> {
    let inside = if inner[0] >> 4 == 4 { 4 } else { 41 };
    let traffic = if inside == 4 { inner[1] } else { inner[0] << 4 | inner[1] >> 4 };
    let hash = hash(client);
    let mut payload = Vec::new();
    if gue {
        payload.extend((0xc000 | hash as u16).to_be_bytes());
        payload.extend(TUNNEL_PORT.to_be_bytes());
        payload.extend((12 + inner.len() as u16).to_be_bytes());
        // No checksum; then variant 0, what is inside, no flags.
        payload.extend([0, 0, 0, inside, 0, 0]);
    }
    payload.extend(inner);
    let protocol = if gue { 17 } else { inside };
    let length = payload.len() as u16;
    let mut packet = match (outer.source(0).ip(), outer.server(server).ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let [a, b] = (20 + length).to_be_bytes();
            let mut header = vec![0x45, traffic, a, b, 0, 0, 0x40, 0, 64, protocol, 0, 0];
            header.extend(src.octets().into_iter().chain(dst.octets()));
            let sum = csum::full(&header, 0).to_le_bytes();
            header[10..12].copy_from_slice(&sum);
            header
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let first = 6 << 28 | u32::from(traffic) << 20 | hash >> 12;
            let mut header = Vec::from(first.to_be_bytes());
            header.extend(length.to_be_bytes());
            header.extend([protocol, 64]);
            header.extend(src.octets().into_iter().chain(dst.octets()));
            header
        }
        _ => unreachable!("a family's addresses are of one family"),
    };
    packet.extend(payload);
    packet
}

/// The hash of a flow, which routers tell flows apart by.
fn hash((client, service): (SocketAddr, SocketAddr)) -> u32 {
    let ports = u32::from(client.port()) << 16 | u32::from(service.port());
    match client.ip() {
        IpAddr::V4(ip) => ip.octets().hash(ports),
        IpAddr::V6(ip) => ip.octets().hash(ports),
    }
}

/// A frame to a server, in a packet of `outer`'s family.
fn wrapped(outer: Net, server: u8, from: &Segment, frame: &[u8], gue: bool) -> Vec<u8> {
    let mut bytes = Vec::from(mac(server));
    bytes.extend(BALANCER);
    bytes.extend(if outer.name == NET4.name { [0x08, 0x00] } else { [0x86, 0xdd] });
    bytes.extend(around(outer, server, (from.src, from.dst), &frame[NETWORK..], gue));
    bytes
}

fn other(net: Net) -> Net {
    if net.name == NET4.name { NET6 } else { NET4 }
}

/// A connection whose packets go on in packets.
struct Tunnel {
    net: Net,
    outer: Net,
    at: At,
    server: u8,
    gue: bool,
}

impl Tunnel {
    fn segment(&self, flags: u8, payload: &[u8]) -> Segment {
        self.net.to_service(1, self.at).flags(flags).payload(payload)
    }

    fn wrapped(&self, come: &Segment) -> Vec<u8> {
        let inner = come.clone().hops(come.hops - 1);
        let inner = if self.at.is_datagram() { inner.udp() } else { inner.bytes() };
        wrapped(self.outer, self.server, come, &inner, self.gue)
    }

    fn step(&self, flags: u8, payload: &[u8], reason: Reason) -> Step {
        let come = self.segment(flags, payload);
        let out = self.wrapped(&come);
        send_bytes(if self.at.is_datagram() { come.udp() } else { come.bytes() }, reason, out)
    }

    fn syn(&self) -> Step {
        self.step(SYN, b"", Reason::Opened)
    }

    fn client(&self, flags: u8, payload: &[u8]) -> Step {
        self.step(flags, payload, Reason::ToServer)
    }
}

pub(super) fn rows(net: Net) -> Vec<Row> {
    let mut rows = transparent(net);
    rows.extend(dsr(net));
    rows.extend(tunnels(net));
    rows.extend(too_big(net));
    rows
}

fn transparent(net: Net) -> Vec<Row> {
    let at = At::Transparent;
    let come = |flags| net.to_service(1, at).flags(flags);
    let to_server = |flags| {
        let dst = net.server(13);
        Segment { dst, macs: (BALANCER, mac(13)), ..come(flags).hops(63) }
    };
    let answer = |flags| Segment::new(net.server(13), net.client(1), (mac(13), BALANCER)).flags(flags);
    let opened = [
        send(&come(SYN), Reason::Opened, &to_server(SYN)),
        send(&answer(SYN | ACK), Reason::ToClient, &net.to_client(at, 1).flags(SYN | ACK)),
        send(&come(ACK), Reason::ToServer, &to_server(ACK)),
    ];
    let mut reset = Vec::from(opened.clone());
    reset.extend([
        send(&come(RST), Reason::ToServer, &to_server(RST)),
        send(&come(SYN), Reason::Reopened, &to_server(SYN)),
    ]);
    vec![row("transparent: the client's address stays", opened), row("transparent: a port anew", reset)]
}

fn dsr(net: Net) -> Vec<Row> {
    let at = At::Dsr;
    let come = |flags| net.to_service(1, at).flags(flags);
    let leave = |flags| Segment { macs: (BALANCER, mac(14)), ..come(flags) };
    let step = |flags, reason| send(&come(flags), reason, &leave(flags));
    let opened = [step(SYN, Reason::Opened), step(ACK, Reason::ToServer)];
    let with = |more: &[Step]| opened.iter().chain(more).cloned().collect::<Vec<_>>();
    let datagram = net.to_service(1, At::DsrDatagrams);
    let datagram_out = Segment { macs: (BALANCER, mac(14)), ..datagram.clone() };
    let quoted = Segment::new(net.service(at), net.client(1), (mac(14), BALANCER)).bytes();
    let (_, unreachable, _) = net.errors();
    let about = |macs| Segment { macs, ..Segment::new(net.client(9), net.service(at), macs) };
    let error = |macs| icmp_error(&about(macs), unreachable, [0; 4], &quote(&quoted, 60));
    vec![
        row("dsr: nothing but the MAC addresses changes", opened.clone()),
        row("dsr: a client that is done may begin anew", {
            with(&[
                step(FIN | ACK, Reason::ToServer),
                step(ACK, Reason::ToServer),
                step(SYN, Reason::Reopened),
            ])
        }),
        row("dsr: a SYN again, the connection open", with(&[step(SYN, Reason::ToServer)])),
        row("dsr: a reset, and anew", with(&[step(RST, Reason::ToServer), step(SYN, Reason::Reopened)])),
        row(
            "dsr: a server that has gone",
            with(&[Step::Change(14, |server| server.generation += 1), pass(come(ACK), Reason::NoServer)]),
        ),
        row(
            "dsr: a datagram",
            [
                send_bytes(datagram.udp(), Reason::Opened, datagram_out.udp()),
                send_bytes(datagram.udp(), Reason::ToServer, datagram_out.udp()),
            ],
        ),
        row("dsr: a tag is taken off", {
            let frame = tagged(come(SYN).bytes(), Q, 9);
            [send_bytes(frame, Reason::Opened, leave(SYN).bytes())]
        }),
        row(
            "dsr: an error about what the server sent goes to it",
            with(&[send_bytes(error((ROUTER, BALANCER)), Reason::IcmpError, error((BALANCER, mac(14))))]),
        ),
        row("dsr: what the server sends is not looked at", {
            let from = Segment::new(net.service(at), net.client(1), (mac(14), BALANCER));
            with(&[pass(from, Reason::NoFlow)])
        }),
    ]
}

fn tunnels(net: Net) -> Vec<Row> {
    let ipip = Tunnel { net, outer: net, at: At::Ipip, server: 15, gue: false };
    let foreign = Tunnel { net, outer: other(net), at: At::IpipOther, server: 16, gue: false };
    let gue = Tunnel { net, outer: net, at: At::Gue, server: 17, gue: true };
    let datagrams = Tunnel { net, outer: other(net), at: At::GueOther, server: 18, gue: true };
    let life = |tunnel: &Tunnel| {
        vec![
            tunnel.syn(),
            tunnel.client(ACK, b""),
            tunnel.client(ACK, b"an odd one"),
            tunnel.client(ACK, b"odd"),
            tunnel.client(FIN | ACK, b""),
            tunnel.step(SYN, b"", Reason::Reopened),
            tunnel.client(RST, b""),
            tunnel.step(SYN, b"", Reason::Reopened),
        ]
    };
    let classed = |segment: &Segment| {
        let mut frame = segment.bytes();
        if net.name == NET4.name {
            frame[NETWORK + 1] = 0xb9;
            let sum = csum::full(&with_bytes(frame[NETWORK..NETWORK + 20].to_vec(), 10, &[0, 0]), 0);
            frame[NETWORK + 10..NETWORK + 12].copy_from_slice(&sum.to_le_bytes());
        } else {
            frame[NETWORK] = 0x6b;
            frame[NETWORK + 1] = 0x90;
        }
        frame
    };
    let syn = ipip.segment(SYN, b"");
    let class = wrapped(net, 15, &syn, &classed(&syn.clone().hops(63)), false);
    let short = ipip.segment(SYN, b"twenty bytes of data");
    let long = with_length(net, short.bytes(), 21);
    let padded = |frame: Vec<u8>| [frame, vec![0; 9]].concat();
    let ipip_syn = ipip.segment(SYN, b"");
    vec![
        row("ipip: a connection", life(&ipip)),
        row("ipip: a server of the other family", life(&foreign)),
        row("gue: a connection", life(&gue)),
        row(
            "gue: datagrams to a server of the other family",
            [datagrams.step(0, b"what", Reason::Opened), datagrams.client(0, b"more")],
        ),
        row("ipip: the traffic class goes along", [send_bytes(classed(&syn), Reason::Opened, class)]),
        row("ipip: a frame that is shorter than its packet says", [pass(long, Reason::NoServer)]),
        row("ipip: what fills a frame up is no part of the packet", {
            [send_bytes(padded(ipip_syn.bytes()), Reason::Opened, padded(ipip.wrapped(&ipip_syn)))]
        }),
        row("ipip: a tag is taken off", {
            let out = ipip.wrapped(&ipip_syn);
            [send_bytes(tagged(ipip_syn.bytes(), Q, 0x6009), Reason::Opened, out)]
        }),
    ]
}

/// A frame whose packet says that it is longer by so many bytes.
fn with_length(net: Net, mut frame: Vec<u8>, more: u8) -> Vec<u8> {
    let at = if net.name == NET4.name { NETWORK + 3 } else { NETWORK + 5 };
    frame[at] += more;
    frame
}

/// The server's way takes packets of 120 bytes, and leaves by a VLAN.
fn too_big(net: Net) -> Vec<Row> {
    let header = if net.name == NET4.name { 20 } else { 40 };
    let limit = 120 - header;
    let tight = Tunnel { net, outer: net, at: At::Tight, server: 19, gue: false };
    let tag = |frame| tagged(frame, Q, 7);
    let fits = tight.segment(ACK, &vec![7; limit - header - 20]);
    let beyond = tight.segment(ACK, &vec![7; limit - header - 20 + 1]);
    let syn = tight.segment(SYN, b"");
    let opened = send_bytes(syn.bytes(), Reason::Opened, tag(tight.wrapped(&syn)));
    let (big, _, _) = net.errors();
    let rest = (limit as u32).to_be_bytes();
    let answer = |frame: &[u8]| {
        let about = Segment::new(net.service(At::Tight), net.client(1), (BALANCER, ROUTER));
        icmp_error(&about, big, rest, &quote(frame, header + 20))
    };
    let told = |frame: Vec<u8>, out: Vec<u8>| Step::Packet {
        frame,
        verdict: Verdict::Transmit,
        reason: Reason::TooBig,
        out: Out::Exactly(out),
    };
    let priority = |frame| tagged(frame, Q, 0xa009);
    vec![
        row(
            "ipip: the longest packet that fits",
            [opened.clone(), send_bytes(fits.bytes(), Reason::ToServer, tag(tight.wrapped(&fits)))],
        ),
        row(
            "ipip: the sender of a longer one is told",
            [opened.clone(), told(beyond.bytes(), answer(&beyond.bytes()))],
        ),
        row(
            "ipip: the same behind a tag",
            [opened, told(priority(beyond.bytes()), priority(answer(&beyond.bytes())))],
        ),
        row("ipip: the priority of a tag goes along", {
            let out = tagged(tight.wrapped(&syn), Q, 0xa007);
            [send_bytes(priority(syn.bytes()), Reason::Opened, out)]
        }),
    ]
}
