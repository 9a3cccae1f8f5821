//! Rows about services that compare their servers.

use lb_common::address::Address;
use lb_common::counter::Reason;
use lb_common::forward::Verdict;
use lb_common::select;
use lb_common::tcp::flag::RST;
use lb_common::value::{Hop, Server, ServerState};

use super::super::layers::Segment;
use super::super::world::{At, Net};
use super::{Out, Row, Step, opens, pass, row};

/// A client's first port; each connection comes from the next one.
const PORT: u16 = 1000;

/// Connections of one client, each of which leads to the server of this number; 0: to user space.
fn lead(net: Net, at: At, first: u16, servers: &[u8]) -> Vec<Step> {
    let syn = |port| net.to_service(1, at).syn().from_port(PORT + port);
    let step = |(port, &server): (u16, &u8)| match server {
        0 => pass(syn(port), Reason::NoServer),
        server => opens(&syn(port), server),
    };
    (first..).zip(servers).map(step).collect()
}

/// The client resets a connection.
fn ends(net: Net, at: At, port: u16, server: u8) -> Step {
    let segment: Segment = net.to_service(1, at).flags(RST).from_port(PORT + port);
    Step::Packet {
        frame: segment.bytes(),
        verdict: Verdict::Transmit,
        reason: Reason::ToServer,
        out: Out::To(server),
    }
}

/// Servers 11 and 12, of which the second has twice the weight.
pub(super) fn rows(net: Net) -> Vec<Row> {
    let mut rows = least(net);
    rows.extend(first(net));
    rows.push(row("random: the best of two drawn", drawn(net)));
    rows.push(row("random: whose drawn servers are full is served in user space", drawn_full(net)));
    rows
}

fn least(net: Net) -> Vec<Row> {
    let at = At::Least;
    let lead = |first, servers: &[u8]| lead(net, at, first, servers);
    let change = |server, change: fn(&mut Server)| vec![Step::Change(server, change)];
    vec![
        row("leastconn: connections follow the weights", lead(0, &[11, 12, 12, 12, 11, 12, 12])),
        row(
            "leastconn: a connection that closes makes room",
            [lead(0, &[11, 12, 12]), vec![ends(net, at, 0, 11)], lead(3, &[11, 12])].concat(),
        ),
        row(
            "leastconn: what user space serves counts",
            [change(12, |server| server.elsewhere = 9), lead(0, &[11, 11, 11, 11, 11, 12])].concat(),
        ),
        row(
            "leastconn: a full server is passed over, and with all of them full user space queues",
            [
                change(11, |server| server.maxconn = 1),
                change(12, |server| server.maxconn = 2),
                lead(0, &[11, 12, 12, 0]),
                vec![ends(net, at, 0, 11)],
                lead(4, &[11, 0]),
            ]
            .concat(),
        ),
        row(
            "leastconn: user space's connections fill a server, too",
            [
                change(11, |server| (server.maxconn, server.elsewhere) = (3, 2)),
                change(12, |server| (server.maxconn, server.elsewhere) = (3, 3)),
                lead(0, &[11, 0]),
            ]
            .concat(),
        ),
        row(
            "leastconn: servers that are down or drain get nothing",
            [
                change(11, |server| server.state = ServerState::Drain),
                lead(0, &[12, 12]),
                change(12, |server| server.state = ServerState::Down),
                lead(2, &[0]),
                change(11, |server| server.state = ServerState::Up),
                lead(3, &[11]),
            ]
            .concat(),
        ),
        row(
            "leastconn: the best server out of reach is reached from user space",
            [
                change(11, |server| server.hop = Hop::default()),
                lead(0, &[0, 12]),
                change(11, |server| server.elsewhere = 1),
                lead(2, &[12]),
            ]
            .concat(),
        ),
    ]
}

fn first(net: Net) -> Vec<Row> {
    let at = At::First;
    let lead = |first, servers: &[u8]| lead(net, at, first, servers);
    let limited: fn(&mut Server) = |server| server.maxconn = 2;
    vec![
        row("first: the first server gets all", lead(0, &[11, 11, 11])),
        row(
            "first: one server after the other is filled",
            [
                vec![Step::Change(11, limited), Step::Change(12, limited)],
                lead(0, &[11, 11, 12, 12, 0]),
                vec![ends(net, at, 0, 11)],
                lead(5, &[11, 0]),
            ]
            .concat(),
        ),
        row(
            "first: a server that is down is passed over",
            [vec![Step::Change(11, |server| server.state = ServerState::Down)], lead(0, &[12])].concat(),
        ),
        row(
            "first: a server out of reach is reached from user space",
            [vec![Step::Change(11, |server| server.hop = Hop::default())], lead(0, &[0])].concat(),
        ),
    ]
}

/// Whether both draws of a client's port meet the first of two servers.
fn meets_first_alone(net: Net, port: u16) -> bool {
    let lot = match net.client(1).ip() {
        std::net::IpAddr::V4(ip) => lot(ip.octets(), port),
        std::net::IpAddr::V6(ip) => lot(ip.octets(), port),
    };
    (0..2).all(|number| select::draw(lot, number, 2) == 0)
}

fn lot<A: Address>(client: A, port: u16) -> u32 {
    select::lot(client, PORT + port)
}

fn drawn(net: Net) -> Vec<Step> {
    let mut steps = vec![Step::Change(11, |server| server.elsewhere = 100)];
    let servers: Vec<_> = (0..24).map(|port| if meets_first_alone(net, port) { 11 } else { 12 }).collect();
    steps.extend(lead(net, At::Lot, 0, &servers));
    steps
}

fn drawn_full(net: Net) -> Vec<Step> {
    let mut steps = vec![Step::Change(11, |server| (server.maxconn, server.elsewhere) = (1, 1))];
    let servers: Vec<_> = (0..24).map(|port| if meets_first_alone(net, port) { 0 } else { 12 }).collect();
    steps.extend(lead(net, At::Lot, 0, &servers));
    steps
}
