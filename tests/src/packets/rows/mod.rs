//! The rows: what comes in, in its order, and what must become of it.

use lb_common::counter::Reason;
use lb_common::forward::Verdict;
use lb_common::tcp::flag::{ACK, FIN, RST, SYN};
use lb_common::value::{Server, ServerState};

use super::layers::NETWORK;
use super::layers::{Segment, arp, cut, number, with_bytes, with_extension, with_options};
use super::world::{At, BALANCER, Net, ROUTER, SOURCE_PORT};

mod balance;
mod datagrams;
mod errors;
mod life;
mod modes;
mod rules;
mod tags;

/// A situation.
pub struct Row {
    /// What it shows.
    pub name: &'static str,
    /// What happens.
    pub steps: Vec<Step>,
}

/// Something that happens.
#[derive(Clone)]
pub enum Step {
    /// A packet comes in.
    Packet {
        /// The frame.
        frame: Vec<u8>,
        /// What must become of it.
        verdict: Verdict,
        /// Why.
        reason: Reason,
        /// What the frame must be then.
        out: Out,
    },
    /// User space changes the server of this number.
    Change(u8, fn(&mut Server)),
    /// User space removes the entry towards a server of one flow.
    Expire,
    /// The flows that have closed so far have lingered.
    Linger,
}

/// A frame that leaves.
#[derive(Clone)]
pub enum Out {
    /// These bytes.
    Exactly(Vec<u8>),
    /// Any that goes to the server of this number.
    To(u8),
}

/// EtherType of a VLAN tag.
const Q: u16 = 0x8100;
/// EtherType of a service VLAN tag.
const AD: u16 = 0x88a8;

fn row(name: &'static str, steps: impl Into<Vec<Step>>) -> Row {
    Row { name, steps: steps.into() }
}

/// The host gets the frame as it is.
fn pass(frame: impl Into<Vec<u8>>, reason: Reason) -> Step {
    let frame = frame.into();
    Step::Packet { out: Out::Exactly(frame.clone()), frame, verdict: Verdict::Pass, reason }
}

/// The frame leaves by where it came from, as `out`.
fn send(frame: &Segment, reason: Reason, out: &Segment) -> Step {
    send_bytes(frame.bytes(), reason, out.bytes())
}

fn send_bytes(frame: Vec<u8>, reason: Reason, out: Vec<u8>) -> Step {
    Step::Packet { frame, verdict: Verdict::Transmit, reason, out: Out::Exactly(out) }
}

/// The frame opens a flow to a server.
fn opens(frame: &Segment, server: u8) -> Step {
    Step::Packet {
        frame: frame.bytes(),
        verdict: Verdict::Transmit,
        reason: Reason::Opened,
        out: Out::To(server),
    }
}

impl From<Segment> for Vec<u8> {
    fn from(segment: Segment) -> Self {
        segment.bytes()
    }
}

/// A connection through the service with one server and one source port.
struct Connection(Net);

impl Connection {
    fn to_server(&self, flags: u8, payload: &[u8], reason: Reason) -> Step {
        let come = self.0.to_service(1, At::Single).flags(flags).payload(payload);
        let leave = self.0.to_server(SOURCE_PORT, 1).flags(flags).payload(payload);
        send(&come, reason, &leave)
    }

    fn client(&self, flags: u8, payload: &[u8]) -> Step {
        self.to_server(flags, payload, Reason::ToServer)
    }

    fn server(&self, flags: u8, payload: &[u8]) -> Step {
        let come = self.0.from_server(1, SOURCE_PORT).flags(flags).payload(payload);
        send(&come, Reason::ToClient, &self.0.to_client(At::Single, 1).flags(flags).payload(payload))
    }

    fn syn(&self) -> Step {
        self.to_server(SYN, b"", Reason::Opened)
    }

    fn again(&self) -> Step {
        self.to_server(SYN, b"", Reason::Reopened)
    }

    fn open(&self) -> Vec<Step> {
        vec![self.syn(), self.server(SYN | ACK, b""), self.client(ACK, b"")]
    }

    fn opened(&self, more: impl IntoIterator<Item = Step>) -> Vec<Step> {
        let mut steps = self.open();
        steps.extend(more);
        steps
    }
}

/// The rows that are the same in both families.
pub fn rows(net: Net) -> Vec<Row> {
    let mut rows = opening(net);
    rows.extend(selection(net));
    rows.extend(balance::rows(net));
    rows.extend(life::rows(net));
    rows.extend(rules::rows(net));
    rows.extend(limits(net));
    rows.extend(foreign(net));
    rows.extend(tags::rows(net));
    rows.extend(datagrams::rows(net));
    rows.extend(errors::rows(net));
    rows.extend(modes::rows(net));
    rows
}

fn opening(net: Net) -> Vec<Row> {
    let c = Connection(net);
    let syn = |at| net.to_service(1, at).syn();
    vec![
        row("a SYN to a service opens a flow", [c.syn()]),
        row("a SYN with congestion flags opens a flow", [c.to_server(SYN | 0xc0, b"", Reason::Opened)]),
        row("a SYN with data opens a flow and keeps its data", [c.to_server(SYN, b"early", Reason::Opened)]),
        row("a SYN with an odd number of bytes", [c.to_server(SYN, b"odd", Reason::Opened)]),
        row("a SYN with ACK opens nothing", [pass(syn(At::Single).flags(SYN | ACK), Reason::NoFlow)]),
        row("a SYN with RST opens nothing", [pass(syn(At::Single).flags(SYN | RST), Reason::NoFlow)]),
        row("a SYN with FIN opens nothing", [pass(syn(At::Single).flags(SYN | FIN), Reason::NoFlow)]),
        row("an ACK of no flow", [pass(syn(At::Single).flags(ACK), Reason::NoFlow)]),
        row("a RST of no flow", [pass(syn(At::Single).flags(RST), Reason::NoFlow)]),
        row("a segment without flags", [pass(syn(At::Single).flags(0), Reason::NoFlow)]),
        row(
            "a SYN to a port without a service",
            [pass(Segment { dst: net.client(9), ..syn(At::Single) }, Reason::NoService)],
        ),
        row(
            "a SYN to another address with a service's port",
            [pass(
                Segment {
                    dst: (net.client(9).ip(), net.service(At::Single).port()).into(),
                    ..syn(At::Single)
                },
                Reason::NoService,
            )],
        ),
        row(
            "a SYN with its last hop is the host's",
            [
                pass(syn(At::Single).hops(1), Reason::HopLimit),
                pass(syn(At::Single).hops(0), Reason::HopLimit),
            ],
        ),
        row(
            "two hops are one for the balancer and one to go",
            [send(&syn(At::Single).hops(2), Reason::Opened, &net.to_server(SOURCE_PORT, 1).syn().hops(1))],
        ),
        row(
            "a watched service reports and counts",
            [
                opens(&syn(At::Watched), 8),
                opens(&syn(At::Watched).from_port(1), 8),
                opens(&net.to_service(2, At::Watched).syn(), 8),
            ],
        ),
    ]
}

fn selection(net: Net) -> Vec<Row> {
    let syn = |client, at| net.to_service(client, at).syn();
    let elsewhere = Step::Packet {
        frame: syn(1, At::Elsewhere).bytes(),
        verdict: Verdict::Redirect,
        reason: Reason::Opened,
        out: Out::To(9),
    };
    let limited: fn(&mut Server) = |server| server.maxconn = 1;
    vec![
        row(
            "a client whose server by hash is full waits for it in user space",
            [
                opens(&syn(1, At::Hash), net.hashed),
                Step::Change(net.hashed, limited),
                pass(syn(1, At::Hash).from_port(9), Reason::NoServer),
            ],
        ),
        row(
            "servers take turns",
            [
                opens(&syn(1, At::Turns), 2),
                opens(&syn(2, At::Turns), 3),
                opens(&syn(3, At::Turns), 2),
                opens(&syn(4, At::Turns), 2),
                opens(&syn(5, At::Turns), 3),
            ],
        ),
        row(
            "a source's number decides",
            [
                opens(&syn(2, At::Modulo), modulo(net, 2)),
                opens(&syn(3, At::Modulo), modulo(net, 3)),
                opens(&syn(2, At::Modulo).from_port(7), modulo(net, 2)),
            ],
        ),
        row("a server behind another interface is redirected to", [elsewhere]),
        row("a service without a table", [pass(syn(1, At::NoTable), Reason::NoTable)]),
        row("a service with an empty table", [pass(syn(1, At::EmptyTable), Reason::NoTable)]),
        row("a server that is down", [pass(syn(1, At::Down), Reason::NoServer)]),
        row("a server that drains takes no new flow", [pass(syn(1, At::Drain), Reason::NoServer)]),
        row("a server without a next hop", [pass(syn(1, At::Unresolved), Reason::NoServer)]),
        row("a server of the other family", [pass(syn(1, At::OtherFamily), Reason::NoServer)]),
        row("a server whose number is out of range", [pass(syn(1, At::Stray), Reason::NoServer)]),
        row(
            "the next server of the table where the first is down",
            [opens(&syn(1, At::Probing), 2), opens(&syn(2, At::Probing), 2)],
        ),
        row(
            "a server that comes up is used",
            [
                pass(syn(1, At::Down), Reason::NoServer),
                Step::Change(4, |server| server.state = ServerState::Up),
                opens(&syn(1, At::Down), 4),
            ],
        ),
    ]
}

/// The server that HAProxy's map-based `balance source` chooses of two.
fn modulo(net: Net, client: u8) -> u8 {
    let folded = match net.client(client).ip() {
        std::net::IpAddr::V4(ip) => u32::from(ip),
        std::net::IpAddr::V6(ip) => {
            let bits = u128::from(ip);
            [0, 32, 64, 96].iter().fold(0, |folded, shift| folded ^ (bits >> shift) as u32)
        }
    };
    2 + (folded % 2) as u8
}

fn limits(net: Net) -> Vec<Row> {
    let c = Connection(net);
    let syn = |client, at| net.to_service(client, at).syn();
    let reset = |client, at: At, server| Step::Packet {
        frame: net.to_service(client, at).flags(RST).bytes(),
        verdict: Verdict::Transmit,
        reason: Reason::ToServer,
        out: Out::To(server),
    };
    let mut full: Vec<_> = (0..32).map(|port| opens(&syn(1, At::Hash).from_port(port), net.hashed)).collect();
    full.push(pass(syn(1, At::Hash).from_port(32), Reason::TableFull));
    vec![
        row("a source port that is taken", [c.syn(), pass(syn(2, At::Single), Reason::NoPort)]),
        row("a source port that is free again", c.opened([c.client(RST, b""), c.again()])),
        row(
            "a server's limit",
            [
                opens(&syn(1, At::ServerLimit), 7),
                pass(syn(2, At::ServerLimit), Reason::NoServer),
                reset(1, At::ServerLimit, 7),
                opens(&syn(2, At::ServerLimit), 7),
            ],
        ),
        row(
            "what user space expired counts no more",
            [
                opens(&syn(1, At::ServerLimit), 7),
                Step::Change(7, |server| server.expired += 1),
                opens(&syn(2, At::ServerLimit), 7),
                pass(syn(3, At::ServerLimit), Reason::NoServer),
            ],
        ),
        row(
            "a service's limit",
            [
                opens(&syn(1, At::ServiceLimit), 8),
                pass(syn(2, At::ServiceLimit), Reason::ServiceFull),
                reset(1, At::ServiceLimit, 8),
                opens(&syn(2, At::ServiceLimit), 8),
            ],
        ),
        row(
            "beyond so many half-open flows the host answers, until clients confirm theirs",
            [
                send(&syn(1, At::Flooded), Reason::Opened, &net.to_server(SOURCE_PORT, 1).syn()),
                pass(syn(2, At::Flooded), Reason::SynFlood),
                send(
                    &net.from_server(1, SOURCE_PORT).flags(SYN | ACK),
                    Reason::ToClient,
                    &net.to_client(At::Flooded, 1).flags(SYN | ACK),
                ),
                pass(syn(2, At::Flooded), Reason::SynFlood),
                send(
                    &net.to_service(1, At::Flooded).flags(ACK),
                    Reason::ToServer,
                    &net.to_server(SOURCE_PORT, 1).flags(ACK),
                ),
                // That it gets as far as looking for a port is the point: its server has one.
                pass(syn(2, At::Flooded), Reason::NoPort),
            ],
        ),
        row("a full flow table", full),
    ]
}

fn foreign(net: Net) -> Vec<Row> {
    let segment = net.to_service(1, At::Single).syn();
    let frame = segment.bytes();
    let transport = frame.len() - 20;
    vec![
        row("a UDP packet to a service's port", [pass(segment.udp(), Reason::NoService)]),
        row("ICMP", [pass(segment.protocol(number::ICMP), Reason::Protocol)]),
        row("ICMPv6", [pass(segment.protocol(number::ICMP6), Reason::Protocol)]),
        row("SCTP", [pass(segment.protocol(number::SCTP), Reason::Protocol)]),
        row("ARP", [pass(arp((ROUTER, BALANCER)), Reason::NotIp)]),
        row("an unknown EtherType", [pass(with_bytes(frame.clone(), 12, &[0x88, 0xcc]), Reason::NotIp)]),
        row("an Ethernet header alone", [pass(cut(frame.clone(), 14), Reason::Truncated)]),
        row("a frame that ends in the network header", [pass(cut(frame.clone(), 30), Reason::Truncated)]),
        row(
            "a frame that ends in the transport header",
            [pass(cut(frame.clone(), transport + 19), Reason::Truncated)],
        ),
        row(
            "a frame that ends before the transport header",
            [pass(cut(frame.clone(), transport), Reason::Truncated)],
        ),
        row(
            "a frame of the other IP version",
            [pass(with_bytes(frame.clone(), NETWORK, &[0x25]), Reason::IpOptions)],
        ),
    ]
}

/// The rows of IPv4 alone.
pub fn rows4(net: Net) -> Vec<Row> {
    let frame = net.to_service(1, At::Single).syn().bytes();
    let fragment = |bits: [u8; 2]| with_bytes(frame.clone(), NETWORK + 6, &bits);
    let mut full: Vec<_> =
        (0..32).map(|port| opens(&net.to_service(1, At::Hash).syn().from_port(port), net.hashed)).collect();
    full.push(Step::Expire);
    full.push(pass(net.to_service(1, At::Hash).syn().from_port(99), Reason::TableFull));
    vec![
        row("options", [pass(with_options(frame.clone()), Reason::IpOptions)]),
        row(
            "a header that is too short to be one",
            [pass(with_bytes(frame.clone(), NETWORK, &[0x44]), Reason::IpOptions)],
        ),
        row("a first fragment", [pass(fragment([0x20, 0]), Reason::Fragment)]),
        row("a later fragment", [pass(fragment([0, 1]), Reason::Fragment)]),
        row("a last fragment far away", [pass(fragment([0x1f, 0xff]), Reason::Fragment)]),
        row("a port that is claimed in vain is given back", full),
        row(
            "a datagram without a checksum stays without",
            [send_bytes(
                without_checksum(net.to_service(1, At::Datagrams)),
                Reason::Opened,
                without_checksum(net.to_server(SOURCE_PORT, 1)),
            )],
        ),
    ]
}

fn without_checksum(segment: Segment) -> Vec<u8> {
    with_bytes(segment.udp(), NETWORK + 20 + 6, &[0, 0])
}

/// The rows of IPv6 alone.
pub fn rows6(net: Net) -> Vec<Row> {
    let frame = net.to_service(1, At::Single).syn().bytes();
    let extension = |kind| with_extension(frame.clone(), kind);
    let mut rows = rules::embedded(net);
    rows.extend([
        row("hop-by-hop options", [pass(extension(0), Reason::Protocol)]),
        row("a routing header", [pass(extension(43), Reason::Protocol)]),
        row("a fragment header", [pass(extension(44), Reason::Fragment)]),
        row("destination options", [pass(extension(60), Reason::Protocol)]),
    ]);
    rows
}
