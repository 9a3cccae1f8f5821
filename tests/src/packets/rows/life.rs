//! Rows about connections from their opening to their end.

use lb_common::counter::Reason;
use lb_common::forward::Verdict;
use lb_common::tcp::flag::{ACK, FIN, RST, SYN};
use lb_common::value::{Server, ServerState};

use super::super::layers::Segment;
use super::super::world::{At, BALANCER, Net, SOURCE_PORT};
use super::{Connection, Out, Row, Step, opens, pass, row, send};

pub(super) fn rows(net: Net) -> Vec<Row> {
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
                pass(net.from_server(1, SOURCE_PORT), Reason::NoFlow),
                pass(net.from_server(1, SOURCE_PORT).syn(), Reason::NoService),
            ],
        ),
        row(
            "another server's packet to a flow's source port",
            c.opened([pass(net.from_server(2, SOURCE_PORT), Reason::NoFlow)]),
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
