//! The rows: what comes in, in its order, and what must become of it.

use lb_common::counter::Reason;
use lb_common::forward::Verdict;
use lb_common::tcp::flag::{ACK, FIN, RST, SYN};
use lb_common::value::{SERVICE_TAG, Server, ServerState};

use super::layers::NETWORK;
use super::layers::{
    Segment, arp, cut, icmp_error, number, quote, tagged, with_bytes, with_extension, with_options,
};
use super::world::{At, BALANCER, Net, ROUTER, SOURCE_PORT};

/// A situation.
pub struct Row {
    /// What it shows.
    pub name: &'static str,
    /// What happens.
    pub steps: Vec<Step>,
}

/// Something that happens.
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
pub enum Out {
    /// These bytes.
    Exactly(Vec<u8>),
    /// Any that goes to the server of this number.
    To(u8),
}

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
    rows.extend(life(net));
    rows.extend(limits(net));
    rows.extend(foreign(net));
    rows.extend(tags(net));
    rows.extend(datagrams(net));
    rows.extend(errors(net));
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
    vec![
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

fn life(net: Net) -> Vec<Row> {
    let c = Connection(net);
    let down: fn(&mut Server) = |server| server.state = ServerState::Down;
    let data = [0x5a; 1400];
    vec![
        row("a connection opens", c.open()),
        row(
            "data goes both ways",
            c.opened([c.client(ACK, b"GET /"), c.server(ACK, &data), c.server(ACK, b"x")]),
        ),
        row(
            "the client closes",
            c.opened([
                c.client(FIN | ACK, b""),
                c.server(ACK, b""),
                c.server(FIN | ACK, b""),
                c.client(ACK, b""),
            ]),
        ),
        row(
            "the server closes",
            c.opened([c.server(FIN | ACK, b"bye"), c.client(FIN | ACK, b""), c.server(ACK, b"")]),
        ),
        row(
            "data after a half close",
            c.opened([c.client(FIN | ACK, b""), c.server(ACK, &data), c.client(ACK, b"")]),
        ),
        row("the client resets", c.opened([c.client(RST, b"")])),
        row("the server resets", c.opened([c.server(RST | ACK, b"")])),
        row("the server refuses", [c.syn(), c.server(RST | ACK, b"")]),
        row(
            "packets after a reset still go",
            c.opened([c.client(RST, b""), c.server(ACK, b"late"), c.server(RST, b"")]),
        ),
        row(
            "a flow is closed only once",
            c.opened([c.client(RST, b""), c.client(RST, b""), c.server(RST, b"")]),
        ),
        row("a flow that closes removes one that has lingered", {
            let other = net.to_service(1, At::Hash);
            let closes = Step::Packet {
                frame: other.clone().flags(RST).bytes(),
                verdict: Verdict::Transmit,
                reason: Reason::ToServer,
                out: Out::To(net.hashed),
            };
            let late = pass(net.to_service(1, At::Single).flags(ACK), Reason::NoFlow);
            let taken = pass(net.to_service(3, At::Single).syn(), Reason::NoPort);
            let free = opens(&net.to_service(3, At::Single).syn(), 1);
            let hashed = net.to_service(1, At::Hash).syn();
            let opening = Step::Packet {
                frame: hashed.bytes(),
                verdict: Verdict::Transmit,
                reason: Reason::Opened,
                out: Out::To(net.hashed),
            };
            c.opened([c.client(RST, b""), opening, taken, Step::Linger, closes, late, free])
        }),
        row("a SYN that is sent again", [c.syn(), c.client(SYN, b""), c.client(SYN, b"")]),
        row("a SYN within a connection is the server's to judge", c.opened([c.client(SYN, b"")])),
        row(
            "a new SYN on a closed tuple",
            c.opened([c.client(RST, b""), c.again(), c.server(SYN | ACK, b"")]),
        ),
        row(
            "a new SYN after both ends have closed",
            c.opened([c.client(FIN | ACK, b""), c.server(FIN | ACK, b""), c.again()]),
        ),
        row(
            "a SYN sent again after its server has gone down",
            [
                c.syn(),
                Step::Change(1, down),
                pass(net.to_service(1, At::Single).syn(), Reason::NoServer),
                pass(net.to_service(1, At::Single), Reason::NoFlow),
            ],
        ),
        row(
            "a SYN sent again goes to another server",
            [
                opens(&net.to_service(1, At::Probing).syn(), 2),
                Step::Change(2, down),
                Step::Change(4, |server| server.state = ServerState::Up),
                Step::Packet {
                    frame: net.to_service(1, At::Probing).syn().bytes(),
                    verdict: Verdict::Transmit,
                    reason: Reason::Reopened,
                    out: Out::To(4),
                },
            ],
        ),
        row(
            "an open connection outlives its server's state",
            c.opened([Step::Change(1, down), c.client(ACK, b"still there?"), c.server(ACK, b"yes")]),
        ),
        row(
            "a drained server keeps its half-open connection",
            [
                c.syn(),
                Step::Change(1, |server| server.state = ServerState::Drain),
                c.client(SYN, b""),
                c.server(SYN | ACK, b""),
            ],
        ),
        row(
            "a server's new MAC address",
            c.opened([
                Step::Change(1, |server| server.hop.dst_mac = [2, 9, 9, 9, 9, 9]),
                moved(net, [2, 9, 9, 9, 9, 9]),
                c.server(ACK, b""),
            ]),
        ),
        row(
            "a server that is not resolved any more",
            c.opened([Step::Change(1, |server| server.hop.ifindex = 0), c.client(ACK, b"")]),
        ),
        row(
            "a server's number that is another's now",
            c.opened([
                Step::Change(1, |server| {
                    server.generation += 1;
                    server.hop.dst_mac = [2, 9, 9, 9, 9, 9];
                }),
                c.client(ACK, b""),
            ]),
        ),
        row(
            "a packet of a flow with its last hop",
            c.opened([
                pass(net.to_service(1, At::Single).hops(1), Reason::HopLimit),
                pass(net.from_server(1, SOURCE_PORT).hops(1), Reason::HopLimit),
            ]),
        ),
        row(
            "a server's packet to a source port without a flow",
            [
                pass(net.from_server(1, SOURCE_PORT), Reason::NoService),
                pass(net.from_server(1, SOURCE_PORT).syn(), Reason::NoService),
            ],
        ),
        row(
            "another server's packet to a flow's source port",
            c.opened([pass(net.from_server(2, SOURCE_PORT), Reason::NoService)]),
        ),
        row(
            "a watched connection's end is reported",
            [
                opens(&net.to_service(1, At::Watched).syn(), 8),
                Step::Packet {
                    frame: net.to_service(1, At::Watched).flags(RST).bytes(),
                    verdict: Verdict::Transmit,
                    reason: Reason::ToServer,
                    out: Out::To(8),
                },
            ],
        ),
    ]
}

/// A client's packet to the server at another MAC address.
fn moved(net: Net, mac: [u8; 6]) -> Step {
    let out = Segment { macs: (BALANCER, mac), ..net.to_server(SOURCE_PORT, 1) };
    send(&net.to_service(1, At::Single), Reason::ToServer, &out)
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

const Q: u16 = 0x8100;
const AD: u16 = 0x88a8;

fn tags(net: Net) -> Vec<Row> {
    let c = Connection(net);
    let to_service = |flags| net.to_service(1, At::Single).flags(flags).bytes();
    let to_server = |flags| net.to_server(SOURCE_PORT, 1).flags(flags).bytes();
    let from_server = |flags| net.from_server(1, SOURCE_PORT).flags(flags).bytes();
    let to_client = |flags| net.to_client(At::Single, 1).flags(flags).bytes();
    let opens = |kind, tag| send_bytes(tagged(to_service(SYN), kind, tag), Reason::Opened, to_server(SYN));
    let answer = |kind, tag| {
        send_bytes(from_server(SYN | ACK), Reason::ToClient, tagged(to_client(SYN | ACK), kind, tag))
    };
    let server_tag: fn(&mut Server) = |server| server.vlan = 20;
    let server_service_tag: fn(&mut Server) = |server| server.vlan = 20 | SERVICE_TAG;
    vec![
        row(
            "a client's tag is taken off, and put on answers",
            [
                opens(Q, 5),
                answer(Q, 5),
                send_bytes(tagged(to_service(ACK), Q, 5), Reason::ToServer, to_server(ACK)),
            ],
        ),
        row("the highest tag", [opens(Q, 4095), answer(Q, 4095)]),
        row("a priority is not part of a tag's number", [opens(Q, 0xa005), answer(Q, 5)]),
        row(
            "a priority alone is no tag",
            [opens(Q, 0xe000), send_bytes(from_server(SYN | ACK), Reason::ToClient, to_client(SYN | ACK))],
        ),
        row("a client's service tag", [opens(AD, 7), answer(AD, 7)]),
        row(
            "a server's tag",
            [
                Step::Change(1, server_tag),
                send_bytes(to_service(SYN), Reason::Opened, tagged(to_server(SYN), Q, 20)),
                send_bytes(tagged(from_server(SYN | ACK), Q, 20), Reason::ToClient, to_client(SYN | ACK)),
                send_bytes(to_service(ACK), Reason::ToServer, tagged(to_server(ACK), Q, 20)),
            ],
        ),
        row(
            "a server's service tag",
            [
                Step::Change(1, server_service_tag),
                send_bytes(to_service(SYN), Reason::Opened, tagged(to_server(SYN), AD, 20)),
                send_bytes(tagged(from_server(SYN | ACK), AD, 20), Reason::ToClient, to_client(SYN | ACK)),
            ],
        ),
        row(
            "one tag for another, with its priority",
            [
                Step::Change(1, server_tag),
                send_bytes(
                    tagged(to_service(SYN), Q, 0x6005),
                    Reason::Opened,
                    tagged(to_server(SYN), Q, 0x6014),
                ),
                send_bytes(
                    tagged(from_server(SYN | ACK), Q, 0x2014),
                    Reason::ToClient,
                    tagged(to_client(SYN | ACK), Q, 0x2005),
                ),
            ],
        ),
        row(
            "one kind of tag for the other",
            [
                Step::Change(1, server_service_tag),
                send_bytes(tagged(to_service(SYN), Q, 5), Reason::Opened, tagged(to_server(SYN), AD, 20)),
                send_bytes(tagged(from_server(ACK), AD, 20), Reason::ToClient, tagged(to_client(ACK), Q, 5)),
            ],
        ),
        row(
            "a server that moves to another VLAN",
            c.opened([
                Step::Change(1, server_tag),
                send_bytes(to_service(ACK), Reason::ToServer, tagged(to_server(ACK), Q, 20)),
            ]),
        ),
        row(
            "two tags",
            [
                pass(tagged(tagged(to_service(SYN), Q, 5), AD, 6), Reason::Tags),
                pass(tagged(tagged(to_service(SYN), Q, 5), Q, 6), Reason::Tags),
            ],
        ),
        row(
            "a tagged frame to no service",
            [pass(
                tagged(Segment { dst: net.client(9), ..net.to_service(1, At::Single).syn() }.bytes(), Q, 5),
                Reason::NoService,
            )],
        ),
        row("a tagged frame of no flow", [pass(tagged(to_service(ACK), Q, 5), Reason::NoFlow)]),
        row("tagged ARP", [pass(tagged(arp((ROUTER, BALANCER)), Q, 5), Reason::NotIp)]),
        row(
            "a tag without anything after it",
            [pass(cut(tagged(to_service(SYN), Q, 5), 18), Reason::Truncated)],
        ),
        row("half a tag", [pass(cut(tagged(to_service(SYN), Q, 5), 16), Reason::Truncated)]),
    ]
}

/// UDP packets to and from the server with one source port.
fn datagrams(net: Net) -> Vec<Row> {
    let to_service = |payload: &[u8]| net.to_service(1, At::Datagrams).payload(payload);
    let to_server = |payload: &[u8]| net.to_server(SOURCE_PORT, 1).payload(payload);
    let from_server = |payload: &[u8]| net.from_server(1, SOURCE_PORT).payload(payload);
    let to_client = |payload: &[u8]| net.to_client(At::Datagrams, 1).payload(payload);
    let asks =
        |payload: &[u8], reason| send_bytes(to_service(payload).udp(), reason, to_server(payload).udp());
    let answers =
        |payload: &[u8]| send_bytes(from_server(payload).udp(), Reason::ToClient, to_client(payload).udp());
    let probing = |reason, server| Step::Packet {
        frame: net.to_service(1, At::DatagramProbing).udp(),
        verdict: Verdict::Transmit,
        reason,
        out: Out::To(server),
    };
    let down: fn(&mut Server) = |server| server.state = ServerState::Down;
    let checksum = |frame: &[u8]| [frame[frame.len() - 4], frame[frame.len() - 3]];
    let zero =
        (0..=u16::MAX).map(u16::to_be_bytes).find(|payload| checksum(&to_server(payload).udp()) == [0xff; 2]);
    vec![
        row("a datagram to a service opens a flow", [asks(b"who?", Reason::Opened)]),
        row(
            "datagrams go both ways",
            [
                asks(b"who?", Reason::Opened),
                answers(b"me"),
                asks(b"odd", Reason::ToServer),
                answers(b""),
                asks(b"", Reason::ToServer),
            ],
        ),
        row("a checksum that would be zero", [asks(&zero.unwrap_or_default(), Reason::Opened)]),
        row(
            "a tagged datagram",
            [send_bytes(tagged(to_service(b"x").udp(), Q, 5), Reason::Opened, to_server(b"x").udp())],
        ),
        row("a SYN to a datagram service", [pass(net.to_service(1, At::Datagrams).syn(), Reason::NoService)]),
        row("a datagram with its last hop", [pass(to_service(b"x").hops(1).udp(), Reason::HopLimit)]),
        row(
            "a datagram that ends in its header",
            [pass(
                {
                    let frame = to_service(b"").udp();
                    cut(frame.clone(), frame.len() - 1)
                },
                Reason::Truncated,
            )],
        ),
        row(
            "TCP and UDP share a source port",
            [
                asks(b"x", Reason::Opened),
                Connection(net).syn(),
                answers(b"y"),
                Connection(net).server(SYN | ACK, b""),
            ],
        ),
        row(
            "a datagram whose server has gone goes to another",
            [
                probing(Reason::Opened, 2),
                Step::Change(2, down),
                Step::Change(4, |server| server.state = ServerState::Up),
                probing(Reason::Reopened, 4),
                probing(Reason::ToServer, 4),
            ],
        ),
        row(
            "a datagram whose servers have all gone",
            [
                asks(b"x", Reason::Opened),
                answers(b"y"),
                Step::Change(1, down),
                pass(to_service(b"x").udp(), Reason::NoServer),
            ],
        ),
    ]
}

/// ICMP errors about packets of flows.
fn errors(net: Net) -> Vec<Row> {
    let c = Connection(net);
    // What the balancer sent to the server, and what the client had sent for it; then the other way.
    let (inner, outer) = (net.to_server(SOURCE_PORT, 1), net.to_service(1, At::Single));
    let (back_inner, back_outer) = (net.to_client(At::Single, 1), net.from_server(1, SOURCE_PORT));
    let network = if net.name == "ipv4" { 20 } else { 40 };
    // From a router on the way to the server; it leaves as the service's own.
    let from_router = |hops| Segment { src: net.client(200), hops, ..net.from_server(1, SOURCE_PORT) };
    let to_client = |hops| Segment { hops, ..net.to_client(At::Single, 1) };
    let from_far = Segment { src: net.client(201), ..net.to_service(1, At::Single) };
    let to_server = net.to_server(SOURCE_PORT, 1);
    let error = |addresses: &Segment, kind, quoted: &Segment, length| {
        icmp_error(addresses, kind, [0, 0, 5, 0x78], &quote(&quoted.bytes(), length))
    };
    let relayed = |kind, flags, payload: &'static [u8], length| {
        let as_sent = inner.clone().flags(flags).payload(payload);
        let as_come = outer.clone().flags(flags).payload(payload).hops(63);
        send_bytes(
            error(&from_router(64), kind, &as_sent, length),
            Reason::IcmpError,
            error(&to_client(63), kind, &as_come, length),
        )
    };
    let data = b"a segment that did not fit";
    let (too_big, unreachable, exceeded) = net.errors();
    let whole = network + 20 + data.len();
    let udp_inner = net.to_server(SOURCE_PORT, 1).payload(data);
    let udp_outer = net.to_service(1, At::Datagrams).hops(63).payload(data);
    vec![
        row("a packet was too big", c.opened([relayed(too_big, ACK, data, whole)])),
        row("the server is unreachable", [c.syn(), relayed(unreachable, SYN, b"", network + 20)]),
        row("a packet's time was exceeded", c.opened([relayed(exceeded, ACK, data, whole)])),
        row("a quote of eight bytes", c.opened([relayed(unreachable, ACK, data, network + 8)])),
        row(
            "a quote that ends before the checksum",
            c.opened([relayed(unreachable, ACK, data, network + 16)]),
        ),
        row("a quote of an odd length", c.opened([relayed(too_big, ACK, data, network + 27)])),
        row(
            "an error about an answer",
            c.opened([send_bytes(
                error(&from_far, too_big, &back_inner.clone().payload(data), whole),
                Reason::IcmpError,
                error(&to_server, too_big, &back_outer.clone().hops(63).payload(data), whole),
            )]),
        ),
        row(
            "an error about a datagram",
            [
                send_bytes(
                    net.to_service(1, At::Datagrams).udp(),
                    Reason::Opened,
                    net.to_server(SOURCE_PORT, 1).udp(),
                ),
                send_bytes(
                    icmp_error(
                        &from_router(64),
                        unreachable,
                        [0; 4],
                        &quote(&udp_inner.udp(), network + 8 + data.len()),
                    ),
                    Reason::IcmpError,
                    icmp_error(
                        &Segment { hops: 63, ..net.to_client(At::Datagrams, 1) },
                        unreachable,
                        [0; 4],
                        &quote(&udp_outer.udp(), network + 8 + data.len()),
                    ),
                ),
            ],
        ),
        row(
            "an error behind a tag",
            c.opened([send_bytes(
                tagged(error(&from_router(64), too_big, &inner, network + 20), Q, 20),
                Reason::IcmpError,
                error(&to_client(63), too_big, &outer.clone().hops(63), network + 20),
            )]),
        ),
        row(
            "an error about no flow",
            [pass(error(&from_router(64), too_big, &inner, network + 20), Reason::Unrelated)],
        ),
        row(
            "an error for somebody else",
            c.opened([pass(
                error(&Segment { dst: net.client(9), ..from_router(64) }, too_big, &inner, network + 20),
                Reason::Unrelated,
            )]),
        ),
        row(
            "an error with its last hop",
            c.opened([pass(error(&from_router(1), too_big, &inner, network + 20), Reason::HopLimit)]),
        ),
        row(
            "an error that quotes too little",
            c.opened([pass(error(&from_router(64), too_big, &inner, network + 3), Reason::Truncated)]),
        ),
        row(
            "an error that quotes a fragment",
            c.opened([pass(
                icmp_error(
                    &from_router(64),
                    too_big,
                    [0; 4],
                    &net.fragment(&quote(&inner.bytes(), network + 20)),
                ),
                Reason::Fragment,
            )]),
        ),
        row(
            "an echo request",
            [pass(
                icmp_error(&net.to_service(1, At::Single), net.echo(), [0; 4], &[0; 64]),
                Reason::Protocol,
            )],
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
    vec![
        row("hop-by-hop options", [pass(extension(0), Reason::Protocol)]),
        row("a routing header", [pass(extension(43), Reason::Protocol)]),
        row("a fragment header", [pass(extension(44), Reason::Fragment)]),
        row("destination options", [pass(extension(60), Reason::Protocol)]),
    ]
}
