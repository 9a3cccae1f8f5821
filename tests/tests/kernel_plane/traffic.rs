//! Connections through the kernel.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use lbx_tests::client;
use lbx_tests::lab::Family;
use lbx_tests::origin::LONGEST;
use lbx_tests::wait;

use crate::fixture::Fixture;

pub(crate) fn ipv4() -> Result<()> {
    spread_evenly(&Fixture::echo(Family::V4)?, "auto")
}

pub(crate) fn ipv6() -> Result<()> {
    spread_evenly(&Fixture::echo(Family::V6)?, "auto")
}

pub(crate) fn generic() -> Result<()> {
    spread_evenly(&Fixture::echo(Family::V4)?, "generic")
}

/// Thirty connections at the same time, ten to each server, data on all of them, and two flows for each.
fn spread_evenly(fixture: &Fixture, mode: &str) -> Result<()> {
    let daemon = fixture.start_in_kernel(fixture.setup("    balance roundrobin\n", "")?.set("mode", mode))?;
    wait::until("the way to every server", wait::SOON, || {
        fixture.reachable(daemon.home()).is_ok_and(|servers| servers == fixture.origins.len())
    })?;
    let before = fixture.flows(daemon.home())?;
    let mut connections = (0..30).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    let mut spread = BTreeMap::new();
    for connection in &mut connections {
        connection.check(&[7; 10_000])?;
        *spread.entry(connection.server.clone()).or_insert(0) += 1;
    }
    ensure!(spread.into_values().eq([10, 10, 10]), "ten connections to each server");
    let flows = fixture.flows(daemon.home())?;
    ensure!(flows >= before + 60, "{before} flows before 30 connections, {flows} with them");
    Ok(())
}

/// Clients at the same time.
const CLIENTS: usize = 200;

/// What each of them downloads.
const SIZE: usize = 5_000_000;
const _: () = assert!(SIZE <= LONGEST);

/// What the daemon may use for each gigabyte that passes it by: relaying that much takes several times this. Some of it
/// is not the daemon's own: whoever runs when a packet arrives is charged for its forwarding.
const CPU_PER_GIGABYTE: Duration = Duration::from_millis(100);

/// The share of the time that it may use for checks, timers and the expiry of flows, which go on however long the
/// downloads take.
const CPU_SHARE: f64 = 0.02;

/// Two hundred concurrent downloads arrive intact while the daemon sleeps.
pub(crate) fn downloads() -> Result<()> {
    let fixture = Fixture::http(Family::V4)?;
    // The downloads may keep every core, and the servers, from answering a check for a while.
    let daemon = fixture.start("    balance roundrobin\n", "check inter 1s fall 30")?;
    let (cpu, start) = (daemon.cpu_time()?, Instant::now());
    let clients: Vec<_> = thread::scope(|scope| {
        let download = || client::download(fixture.lab.from_client(), fixture.service(), SIZE);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(download)).collect();
        clients.into_iter().map(|client| client.join()).collect()
    });
    for client in clients {
        client.map_err(|_| anyhow!("a client panicked"))?.with_context(|| daemon.output())?;
    }
    let (used, time) = (daemon.cpu_time()? - cpu, start.elapsed());
    let gigabytes = f64::from(u32::try_from(CLIENTS * SIZE / 1_000_000)?) / 1000.0;
    println!("{gigabytes} GB in {time:.1?}, of which the daemon computed {used:?}");
    let allowed = CPU_PER_GIGABYTE.mul_f64(gigabytes) + time.mul_f64(CPU_SHARE);
    ensure!(
        used < allowed,
        "the daemon used {used:?} for {gigabytes} GB in {time:?}; {allowed:?} are allowed"
    );
    Ok(())
}
