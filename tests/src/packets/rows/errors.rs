//! Rows about ICMP.

use lb_common::counter::Reason;
use lb_common::tcp::flag::{ACK, SYN};

use super::super::layers::{Segment, icmp_error, quote, tagged};
use super::super::world::{At, Net, SOURCE_PORT};
use super::{Connection, Q, Row, pass, row, send_bytes};

/// ICMP errors about packets of flows.
pub(super) fn rows(net: Net) -> Vec<Row> {
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
