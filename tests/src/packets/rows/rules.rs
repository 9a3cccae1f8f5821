//! Rows about `tcp-request connection` rules.

use lb_common::counter::Reason;
use lb_common::forward::Verdict;
use lb_common::tcp::flag::{ACK, RST, SYN};

use super::super::layers::{Segment, with_bytes};
use super::super::world::{At, BALANCER, Net, ROUTER, SOURCES};
use super::{Out, Row, Step, opens, pass, row};

fn dropped(frame: &Segment) -> Step {
    drop_for(frame, Reason::Denied)
}

fn drop_for(frame: &Segment, reason: Reason) -> Step {
    let frame = frame.bytes();
    Step::Packet { out: Out::Exactly(frame.clone()), frame, verdict: Verdict::Drop, reason }
}

/// The frame is answered with a reset.
fn rejected(frame: &Segment) -> Step {
    reset_for(frame, Reason::Rejected)
}

fn reset_for(frame: &Segment, reason: Reason) -> Step {
    let reset = Segment::new(frame.dst, frame.src, (BALANCER, ROUTER)).flags(RST | ACK);
    let mut out = Segment { sequence: 0, ..reset }.answers(frame.sequence.wrapping_add(1));
    out.window = 0;
    Step::Packet { frame: frame.bytes(), verdict: Verdict::Transmit, reason, out: Out::Exactly(out.bytes()) }
}

/// What rules decide, in their order.
pub(super) fn rows(net: Net) -> Vec<Row> {
    let syn = |client, at, port| net.to_service(client, at).from_port(port).syn();
    let stranger = |at| Segment::new(net.source(7), net.service(at), (ROUTER, BALANCER)).syn();
    let user_space = |frame: Segment| pass(frame, Reason::UserSpace);
    let mut rows = vec![
        row("a rule lets a client in before others reject its network", [opens(&syn(1, At::Listed, 1), 8)]),
        row("a client of a network is rejected", [rejected(&syn(2, At::Listed, 1))]),
        row("a client that is in no list is welcome", [opens(&stranger(At::Listed), 8)]),
        row("a client is dropped, and its copies too", {
            let copy = drop_for(&syn(3, At::Listed, 1), Reason::Repeated);
            vec![dropped(&syn(3, At::Listed, 1)), copy.clone(), copy]
        }),
        row(
            "a reset that refuses acknowledges what is next, around the end of numbers too",
            [rejected(&Segment { sequence: u32::MAX, ..syn(2, At::Listed, 9) })],
        ),
        row("a SYN with data is rejected without it", [rejected(&syn(2, At::Listed, 1).payload(b"early"))]),
        row("rules are for new connections only", [pass(syn(2, At::Listed, 1).flags(ACK), Reason::NoFlow)]),
        row(
            "each client has one connection",
            [
                opens(&syn(1, At::OneEach, 1), 8),
                dropped(&syn(1, At::OneEach, 2)),
                drop_for(&syn(1, At::OneEach, 2), Reason::Repeated),
                opens(&syn(2, At::OneEach, 1), 8),
            ],
        ),
        row(
            "a connection that has closed makes room for another",
            [
                opens(&syn(1, At::OneEach, 1), 8),
                dropped(&syn(1, At::OneEach, 2)),
                Step::Packet {
                    frame: net.to_service(1, At::OneEach).from_port(1).flags(RST).bytes(),
                    verdict: Verdict::Transmit,
                    reason: Reason::ToServer,
                    out: Out::To(8),
                },
                opens(&syn(1, At::OneEach, 2), 8),
            ],
        ),
        row(
            "the third connection in a window is rejected, and the copy of its SYN is not another one",
            [
                opens(&syn(1, At::Paced, 1), 8),
                opens(&syn(1, At::Paced, 2), 8),
                rejected(&syn(1, At::Paced, 3)),
                reset_for(&syn(1, At::Paced, 3), Reason::Repeated),
                opens(&syn(2, At::Paced, 1), 8),
            ],
        ),
        row(
            "rules alone leave the rest to user space",
            [user_space(syn(1, At::Guarded, 1)), user_space(syn(1, At::Guarded, 2))],
        ),
        row("what user space counted, the kernel drops", [dropped(&syn(2, At::Guarded, 1))]),
        row(
            "from a rule on that the kernel does not know, user space decides",
            [rejected(&syn(1, At::Partial, 1)), user_space(stranger(At::Partial))],
        ),
        row("rules without an end in sight are user space's", [user_space(syn(1, At::Endless, 1))]),
        row(
            "a segment that is no SYN meets no rule",
            [pass(syn(3, At::Listed, 1).flags(SYN | ACK), Reason::NoFlow)],
        ),
        row("a full table of sources leaves new ones to user space", {
            let mut steps: Vec<_> =
                (0..SOURCES as u8).map(|n| opens(&syn(10 + n, At::Paced, 1), 8)).collect();
            steps.push(user_space(syn(100, At::Paced, 1)));
            steps.push(opens(&syn(10, At::Paced, 2), 8));
            steps
        }),
    ];
    let narrow = syn(1, At::Narrow, 1);
    // A table of IPv4 addresses knows nothing of others.
    rows.push(if net.name == "ipv4" {
        row("a table that takes the address counts it", [dropped(&narrow)])
    } else {
        row("a table that does not take the address counts nothing", [opens(&narrow, 8)])
    });
    rows
}

/// IPv6 clients whose addresses stand for IPv4 ones, of which IPv4 lists would have to be asked.
pub(super) fn embedded(net: Net) -> Vec<Row> {
    let from = |octets: [u8; 16]| {
        let source = 8 + 14;
        let frame = with_bytes(net.to_service(1, At::Listed).syn().bytes(), source, &octets);
        vec![pass(frame, Reason::UserSpace)]
    };
    vec![
        row("a 6to4 address is user space's", from([0x20, 2, 10, 0, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
        row("a mapped address is user space's", from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 3, 2])),
    ]
}
