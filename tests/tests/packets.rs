//! Packets through the forwarding decision: on the host, and in the loaded program, which must agree.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use lb_common::counter::Reason;
use lb_common::forward::Verdict;
use lbx_tests::packets::Kernel;
use lbx_tests::packets::layers::{icmp_error, quote, tagged};
use lbx_tests::packets::rig::Rig;
use lbx_tests::packets::rows::{self, Out, Row, Step};
use lbx_tests::packets::world::{self, At, NET4, NET6, Net, World};
use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

/// What the loaded program needs.
const KERNEL: &[Need] = &[Need::Bpf, Need::BpfObject];

/// Sequences of random frames that are tried.
const SEQUENCES: u32 = 1000;

fn main() {
    let mut cases = Vec::new();
    for (net, own) in [(NET4, rows::rows4(NET4)), (NET6, rows::rows6(NET6))] {
        for row in rows::rows(net).into_iter().chain(own) {
            add(&mut cases, net, row);
        }
    }
    cases.push(Case::new("random frames, host", &[], || random(None)));
    cases.push(Case::new("random frames, kernel", KERNEL, || in_kernel(|kernel| random(Some(kernel)))));
    suite::main(cases);
}

/// Each row runs on the host alone, which needs nothing, and in the kernel beside the host.
fn add(cases: &mut Vec<Case>, net: Net, row: Row) {
    let row = Arc::new(row);
    let host = row.clone();
    let name = |side: &str| format!("{}: {}, {side}", net.name, row.name);
    cases.push(Case::new(name("host"), &[], move || check(net, &host, None)));
    let both = row.clone();
    cases
        .push(Case::new(name("kernel"), KERNEL, move || in_kernel(|kernel| check(net, &both, Some(kernel)))));
}

/// The program is loaded once: its verification takes a while.
static LOADED: Mutex<Option<Kernel>> = Mutex::new(None);

/// Runs a test that needs the program, one at a time. Whatever one leaves behind, the next begins with a reset.
fn in_kernel(test: impl FnOnce(&mut Kernel) -> Result<()>) -> Result<()> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let kernel = match &mut *loaded {
        Some(kernel) => kernel,
        none => none.insert(Kernel::load(&World::new()).context("no BPF object")??),
    };
    test(kernel)
}

fn check(net: Net, row: &Row, kernel: Option<&mut Kernel>) -> Result<()> {
    let mut rig = Rig::new(&World::new(), kernel)?;
    for (index, step) in row.steps.iter().enumerate() {
        take(net, &mut rig, step).with_context(|| format!("step {}", index + 1))?;
    }
    rig.compare()
}

fn take(net: Net, rig: &mut Rig<'_>, step: &Step) -> Result<()> {
    match step {
        Step::Change(server, change) => rig.change_server(net.server_id(*server), *change),
        Step::Linger => rig.linger(),
        Step::Expire => rig.remove_one_flow(),
        Step::Packet { frame, verdict, reason, out } => {
            let (decision, bytes) = rig.run(frame)?;
            let wanted = (*verdict, *reason);
            ensure!((decision.verdict, decision.reason) == wanted, "{decision:?} instead of {wanted:?}");
            compare_frame(out, &bytes)
        }
    }
}

fn compare_frame(out: &Out, bytes: &[u8]) -> Result<()> {
    match out {
        Out::Exactly(wanted) => ensure!(bytes == wanted, "left as\n{bytes:02x?}\ninstead of\n{wanted:02x?}"),
        Out::To(server) => {
            ensure!(bytes[..6] == world::mac(*server), "went to {:02x?}", &bytes[..6]);
        }
    }
    Ok(())
}

/// Frames that are near enough to real ones to come far.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just(NET4), Just(NET6)];
    let tag = prop_oneof![4 => Just(0), 1 => any::<u16>()];
    let real = (kind, 0_u8..4, any::<u16>(), any::<bool>(), flags(), 0_u8..4, payload(), tag);
    let real = real.prop_map(|(net, client, at, answer, flags, hops, payload, tag)| {
        let at = SITUATIONS[usize::from(at) % SITUATIONS.len()];
        let segment =
            if answer { net.from_server(1 + client, world::SOURCE_PORT) } else { net.to_service(client, at) };
        let hops = if hops == 0 { client } else { 64 };
        let segment = segment.flags(flags).hops(hops).payload(&payload);
        let frame = match (hops, at.is_datagram()) {
            // An error about what has gone to a server: of any kind, and quoting more or less of it.
            (2, _) if answer => {
                let quoted = net.to_server(world::SOURCE_PORT, 1 + client).payload(&payload);
                let quoted = if flags & 1 == 0 { quoted.bytes() } else { quoted.udp() };
                icmp_error(&segment, (flags, 0), [0; 4], &quote(&quoted, 20 + payload.len()))
            }
            (_, true) => segment.udp(),
            _ => segment.bytes(),
        };
        match tag {
            0 => frame,
            tag => tagged(frame, if tag & 1 == 0 { 0x8100 } else { 0x88a8 }, tag),
        }
    });
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let cut = prop_oneof![9 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (real, edits, cut).prop_map(|(mut frame, edits, cut)| {
        for (at, value) in edits {
            // Headers are where it hurts.
            let length = frame.len().min(74);
            frame[at.index(length)] = value;
        }
        frame.truncate(cut.map_or(frame.len(), |at| 14 + at.index(frame.len() - 14)));
        frame
    })
}

const SITUATIONS: &[At] = &[
    At::Single,
    At::Turns,
    At::NoTable,
    At::EmptyTable,
    At::Down,
    At::Drain,
    At::Unresolved,
    At::ServerLimit,
    At::ServiceLimit,
    At::Hash,
    At::Modulo,
    At::Elsewhere,
    At::Probing,
    At::OtherFamily,
    At::Watched,
    At::Stray,
    At::Datagrams,
    At::DatagramProbing,
    At::OneEach,
    At::Guarded,
    At::Endless,
    At::Least,
    At::First,
    At::Lot,
    At::Flooded,
    At::Transparent,
    At::Dsr,
    At::DsrDatagrams,
    At::Ipip,
    At::IpipOther,
    At::Gue,
    At::GueOther,
    At::Tight,
];

fn flags() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0x02_u8), 2 => Just(0x12), 4 => Just(0x10), 2 => Just(0x11), 1 => Just(0x04), 1 => 1_u8..12, 1 => any::<u8>()]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..64)
}

/// Whatever comes in: host and kernel agree, what is passed is unchanged, and nothing is forwarded that neither belongs
/// to a flow nor opens one.
fn random(kernel: Option<&mut Kernel>) -> Result<()> {
    let kernel = std::cell::RefCell::new(kernel);
    let mut runner =
        TestRunner::new(Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() });
    let sequences = proptest::collection::vec(frame(), 1..12);
    let outcome = runner.run(&sequences, |frames| {
        let mut kernel = kernel.borrow_mut();
        sequence(&frames, kernel.as_deref_mut()).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    match outcome {
        Err(TestError::Fail(reason, frames)) => anyhow::bail!("{reason}\nfor {frames:02x?}"),
        other => other.map_err(|error| anyhow::anyhow!("{error}")),
    }
}

fn sequence(frames: &[Vec<u8>], kernel: Option<&mut Kernel>) -> Result<()> {
    let mut rig = Rig::new(&World::new(), kernel)?;
    for frame in frames {
        let flows =
            |rig: &Rig<'_>| rig.memory().v4.flows.borrow().len() + rig.memory().v6.flows.borrow().len();
        let before = flows(&rig);
        let (decision, bytes) = rig.run(frame)?;
        match decision.reason {
            Reason::Opened => {
                let entries = if is_direct(&rig, decision.service) { 1 } else { 2 };
                ensure!(flows(&rig) == before + entries, "opened with other than {entries} entries");
            }
            Reason::Reopened => ensure!(flows(&rig) == before, "reopened with more or fewer entries"),
            Reason::TooBig => ensure!(decision.verdict != Verdict::Pass, "too big, and passed"),
            Reason::ToServer | Reason::ToClient | Reason::IcmpError => {
                ensure!(before > 0, "followed no flow")
            }
            // The answer to the client is written over what it sent.
            Reason::Rejected => ensure!(decision.verdict == Verdict::Transmit, "not answered: {decision:?}"),
            Reason::Repeated if decision.verdict == Verdict::Transmit => {}
            Reason::Denied | Reason::Repeated => {
                ensure!(decision.verdict == Verdict::Drop && bytes == *frame, "touched for {decision:?}")
            }
            _ => ensure!(decision.verdict == Verdict::Pass && bytes == *frame, "touched for {decision:?}"),
        }
    }
    rig.compare()
}

fn is_direct(rig: &Rig<'_>, id: lb_common::value::ServiceId) -> bool {
    let memory = rig.memory();
    let mut services = memory.v4.services.values().chain(memory.v6.services.values());
    services.any(|service| service.id == id && service.mode.is_direct())
}
