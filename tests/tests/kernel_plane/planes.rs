//! Which plane serves what.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use lbx_tests::client::{self, Echo};
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::lab::{Family, SOURCES};
use lbx_tests::{maps, wait};

use crate::fixture::Fixture;

/// `no option xdp` keeps a proxy in user space.
pub(crate) fn excluded() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.setup("    no option xdp\n", "")?.start()?;
    for _ in 0..6 {
        fixture.connect()?.check(b"hello")?;
    }
    ensure!(fixture.flows(daemon.home()).unwrap_or(0) == 0, "flows of a service that is not in the kernel");
    Ok(())
}

/// With no server to send to, the host completes the handshake and the daemon closes, as in HAProxy. When a server
/// comes back, so does the kernel.
pub(crate) fn fall_through() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("", "check")?;
    fixture.origins.iter().for_each(|origin| origin.die());
    let closed = |connection: Result<Echo>| connection.is_err();
    wait::until("all servers to be down", wait::SOON, || daemon.output().matches("is DOWN").count() >= 3)?;
    // It is said a moment before the maps follow.
    wait::until("the host to accept", wait::SOON, || {
        client::connect(fixture.lab.from_client(), fixture.service()).is_ok()
    })?;
    ensure!(closed(fixture.connect()), "there is no server to answer");
    for origin in &fixture.origins {
        origin.revive(Some(&fixture.lab.servers))?;
    }
    wait::until("the servers to be back", wait::SOON, || fixture.connect().is_ok())
}

/// The same source addresses lead to the same servers, whichever plane chooses.
pub(crate) fn same_server() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let balance = "    balance source\n    hash-type consistent\n";
    let kernel = fixture.setup(balance, "")?;
    let kernel = servers_of_sources(&fixture, fixture.start_in_kernel(kernel)?)?;
    let user: Setup<'_> = fixture.setup(&format!("{balance}    no option xdp\n"), "")?;
    let user = servers_of_sources(&fixture, user.start()?)?;
    ensure!(kernel == user, "kernel: {kernel:?}\nuser: {user:?}");
    let servers: std::collections::BTreeSet<_> = kernel.values().collect();
    ensure!(servers.len() == 3, "fifty sources use all servers: {servers:?}");
    Ok(())
}

fn servers_of_sources(fixture: &Fixture, _daemon: lbx_tests::daemon::Daemon) -> Result<BTreeMap<u8, String>> {
    (0..SOURCES)
        .map(|i| {
            let from = fixture.lab.from_client().source(fixture.family.source(i));
            Ok((i, Echo::connect(from, fixture.service())?.server))
        })
        .collect()
}

/// What finds no room in the table is served in user space, and counted as such. What the table takes of memory is what
/// `-c` says.
pub(crate) fn table_full() -> Result<()> {
    const ROOM: usize = 8;
    let fixture = Fixture::echo(Family::V4)?;
    let config = format!("global\n    xdp-flows {ROOM}\n{}", fixture.config("", ""));
    let setup = Setup::new(Program::Lbx, &config)?.set("mode", "auto");
    let setup = setup.netns(&fixture.lab.balancer).ready_on(fixture.service());
    let daemon = fixture.start_in_kernel(setup)?;
    let mut open = (0..2 * ROOM).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    open.iter_mut().try_for_each(|echo| echo.check(b"hello"))?;
    let flows = fixture.flows(daemon.home())?;
    ensure!((ROOM..=2 * ROOM).contains(&flows), "{flows} entries");
    let counters = maps::dump(daemon.home().pins(), "COUNTERS")?;
    let full = counters.iter().flat_map(|entry| entry["values"].as_array().cloned().unwrap_or_default());
    let full: u64 = full.filter_map(|one| one["value"]["table_full"]["packets"].as_u64()).sum();
    ensure!(full > 0, "falling through is not counted");
    Ok(())
}

/// Two daemons must not write the same maps: the second one serves in user space, and the first one's stay as they are.
pub(crate) fn pins_have_one_owner() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let first = fixture.start("", "")?;
    let second = fixture.setup("", "")?.home(first.home()).start()?;
    second.wait_output("another daemon uses the pins in")?;
    drop(second);
    let open = (0..5).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    let flows = fixture.flows(first.home())?;
    ensure!(flows >= 2 * open.len(), "the kernel opens no flow any more\n{}", first.output());
    Ok(())
}
