//! Rows about VLAN tags.

use lb_common::counter::Reason;
use lb_common::tcp::flag::{ACK, SYN};
use lb_common::value::{SERVICE_TAG, Server};

use super::super::layers::{Segment, arp, cut, tagged};
use super::super::world::{At, BALANCER, Net, ROUTER, SOURCE_PORT};
use super::{AD, Connection, Q, Row, Step, pass, row, send_bytes};

pub(super) fn rows(net: Net) -> Vec<Row> {
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
