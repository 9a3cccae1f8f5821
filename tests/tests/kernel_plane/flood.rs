//! A flood of SYNs from addresses that nobody has.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::Echo;
use lbx_tests::daemon::{Daemon, Program, Setup};
use lbx_tests::lab::Family;
use lbx_tests::packets::layers::{Mac, Segment};
use lbx_tests::wire::Wire;
use lbx_tests::{maps, wait};

use crate::fixture::Fixture;

/// SYNs.
const FLOOD: u32 = 1_000_000;
/// Frames that are sent at once.
const BATCH: u32 = 64;
/// Half-open flows that the kernel opens in a second.
const RATE: usize = 500;
/// Memory that the daemon may take more in it, in KiB: a table's growth here and there, and no entry for each SYN.
const GROWTH: u64 = 64 << 10;

/// Sends SYNs from random addresses of 198.18.0.0/15, the network for benchmarks (RFC 2544).
fn flood(wire: &Wire, macs: (Mac, Mac), service: SocketAddr) -> Result<()> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut frame = || {
        // xorshift64 (Marsaglia 2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let address = Ipv4Addr::from(0xc612_0000 | (random as u32 & 0x1_ffff));
        Segment::new(SocketAddr::from((address, (random >> 32) as u16 | 1)), service, macs).syn().bytes()
    };
    for _ in 0..FLOOD / BATCH {
        let frames: Vec<_> = (0..BATCH).map(|_| frame()).collect();
        wire.send_all(&frames)?;
    }
    Ok(())
}

/// Packets that the service's counters have for a reason.
fn counted(daemon: &Daemon, reason: &str) -> Result<u64> {
    let counters = maps::dump(daemon.home().pins(), "COUNTERS")?;
    let values = counters.iter().flat_map(|entry| entry["values"].as_array().cloned().unwrap_or_default());
    Ok(values.filter_map(|one| one["value"][reason]["packets"].as_u64()).sum())
}

fn resident(daemon: &Daemon) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Connections that are open answer all the time, new ones are served, and neither the daemon nor the table of flows
/// grows with the SYNs.
pub(crate) fn million() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let config = format!("global\n    xdp-syn-rate {RATE}\n{}", fixture.config("", ""));
    let setup = Setup::new(Program::Lbx, &config)?.set("mode", "auto");
    let daemon = fixture.start_in_kernel(setup.netns(&fixture.lab.balancer).ready_on(fixture.service()))?;
    // Without a way back the host would not even answer.
    fixture.lab.balancer.ip(&format!("route add 198.18.0.0/15 via {}", Family::V4.client()))?;
    let mut open = (0..20).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    let before = resident(&daemon)?;
    let wire = Wire::open(&fixture.lab.client, "eth0")?;
    let macs = (fixture.lab.client.mac("eth0")?, fixture.lab.balancer.mac("front")?);
    let over = AtomicBool::new(false);
    let served = thread::scope(|scope| -> Result<usize> {
        let flood = scope.spawn(|| {
            let result = flood(&wire, macs, fixture.service());
            over.store(true, Ordering::Release);
            result
        });
        let mut served = 0;
        let mut work = || -> Result<()> {
            while !over.load(Ordering::Acquire) {
                open.iter_mut().try_for_each(|echo| echo.check(b"hello")).context("an open connection")?;
                fixture.connect().and_then(|mut echo| echo.check(b"hello")).context("a new connection")?;
                served += 1;
            }
            Ok(())
        };
        let worked = work();
        flood.join().map_err(|_| anyhow::anyhow!("the flood panicked"))??;
        worked.map(|()| served)
    })?;
    ensure!(served > 0, "no new connection in the flood");
    let (opened, left) = (counted(&daemon, "opened")?, counted(&daemon, "syn_flood")?);
    ensure!(left > opened, "{left} SYNs were left to the host, {opened} opened flows");
    let grown = resident(&daemon)?.saturating_sub(before);
    ensure!(grown < GROWTH, "the daemon took {grown} KiB more");
    open.iter_mut().try_for_each(|echo| echo.check(b"afterwards"))?;
    // Half-open flows go as `timeout connect` says, and the kernel serves as before.
    wait::until("half-open flows to be gone", wait::SOON * 3, || {
        fixture.flows(daemon.home()).is_ok_and(|flows| flows < 2 * (open.len() + RATE))
    })?;
    let before = counted(&daemon, "opened")?;
    wait::until("new connections in the kernel", wait::SOON, || {
        let echo: Result<Echo> = fixture.connect();
        echo.is_ok() && counted(&daemon, "opened").is_ok_and(|now| now > before)
    })
}
