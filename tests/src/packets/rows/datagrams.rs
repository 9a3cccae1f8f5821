//! Rows about UDP.

use lb_common::counter::Reason;
use lb_common::forward::Verdict;
use lb_common::tcp::flag::{ACK, SYN};
use lb_common::value::{Server, ServerState};

use super::super::layers::{cut, tagged};
use super::super::world::{At, Net, SOURCE_PORT};
use super::{Connection, Out, Q, Row, Step, pass, row, send_bytes};

/// UDP packets to and from the server with one source port.
pub(super) fn rows(net: Net) -> Vec<Row> {
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
