//! Servers and daemons that die under load.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::Daemon;
use lbx_tests::lab::Family;
use lbx_tests::load::{self, Attempt};
use lbx_tests::wait;

use crate::fixture::Fixture;

/// Connections that stay open and carry data all the time.
const TALKERS: usize = 40;

fn under_load(fixture: &Fixture, work: impl FnOnce() -> Result<()>) -> Result<Vec<Attempt>> {
    load::during(|| fixture.connect().and_then(|mut echo| echo.check(b"hello").map(|()| echo.server)), work)
}

/// From the moment at which checks have found a dead server, no new connection is lost.
pub(crate) fn server_killed() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("    balance roundrobin\n", "check")?;
    let (mut killed, mut found) = (None, None);
    let attempts = under_load(&fixture, || {
        thread::sleep(Duration::from_millis(500));
        fixture.origins.get(1).context("three origins")?.die();
        killed = Some(Instant::now());
        daemon.wait_output("s2 is DOWN")?;
        // A command that changes a server is answered when the maps have followed it, and all that was before it.
        daemon.cli("set weight service/s1 1")?;
        found = Some(Instant::now());
        thread::sleep(Duration::from_secs(1));
        Ok(())
    })?;
    let (killed, found) = (killed.context("the server was killed")?, found.context("it was found dead")?);
    let (before, after): (Vec<_>, Vec<_>) = attempts.into_iter().partition(|a| a.start < killed);
    ensure!(before.iter().any(|a| a.server.as_ref().is_ok_and(|s| s == "s2")), "s2 served before");
    let mut later = after.into_iter().filter(|a| a.start > found).peekable();
    ensure!(later.peek().is_some(), "no connection after the server was found dead");
    later.try_for_each(|attempt| {
        ensure!(attempt.server.context("a connection was lost")? != "s2", "a dead server answered");
        Ok(())
    })
}

/// Without a daemon, connections and new clients are served as before, and the next daemon keeps them.
pub(crate) fn daemon_killed() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let balance = "    balance roundrobin\n";
    let daemon = fixture.start(balance, "check")?;
    let home = daemon.home().clone();
    let mut talkers = (0..TALKERS).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    let attempts = under_load(&fixture, || {
        load::talk(&mut talkers, Duration::from_secs(1)).context("with the daemon")?;
        daemon.kill()?;
        load::talk(&mut talkers, Duration::from_secs(2)).context("without a daemon")?;
        let _next = fixture.setup(balance, "check")?.home(&home).start()?;
        load::talk(&mut talkers, Duration::from_secs(2)).context("with the next daemon")?;
        ensure!(fixture.flows(&home)? >= 2 * TALKERS, "the next daemon keeps the flows");
        Ok(())
    })?;
    ensure!(!attempts.is_empty(), "no connection was opened");
    attempts.into_iter().try_for_each(|attempt| attempt.server.map(drop).context("a new connection"))
}

/// A server that was found dead gets no connection from the next daemon either, before that has checked it.
pub(crate) fn dead_server_remembered() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let balance = "    balance roundrobin\n";
    let daemon = fixture.start(balance, "check")?;
    let home = daemon.home().clone();
    fixture.origins.get(1).context("three origins")?.die();
    daemon.wait_output("s2 is DOWN")?;
    let attempts = under_load(&fixture, || {
        daemon.kill()?;
        let _next = fixture.setup(balance, "check")?.home(&home).start()?;
        thread::sleep(Duration::from_secs(1));
        Ok(())
    })?;
    attempts
        .into_iter()
        .try_for_each(|attempt| attempt.server.map(drop).context("it went to the dead server"))
}

/// When the answer to "drain" is there, no connection goes to the server any more, and those that it has are counted: who
/// reads that it has none may stop it.
pub(crate) fn drained_at_once() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("    balance roundrobin\n", "check")?;
    for round in 0..5 {
        let mut open = (0..3).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
        daemon.cli("set server service/s2 state drain")?;
        let connections = sessions(&daemon)?;
        ensure!(connections == "1", "round {round}: {connections} on s2");
        open.extend((0..6).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?);
        let on_it = open.iter().filter(|echo| echo.server == "s2").count();
        ensure!(on_it == 1, "round {round}: {on_it} connections on s2");
        drop(open);
        daemon.cli("set server service/s2 state ready")?;
        let idle = || sessions(&daemon).is_ok_and(|connections| connections == "0");
        wait::until("the connections to be gone", wait::SOON, idle)?;
    }
    Ok(())
}

/// The open connections of `s2` as `show stat` tells them.
fn sessions(daemon: &Daemon) -> Result<String> {
    let stat = daemon.cli("show stat")?;
    let row = stat.lines().find(|line| line.starts_with("service,s2,")).context("a row of s2")?;
    Ok(row.split(',').nth(4).context("a fifth column")?.to_owned())
}
