//! The algorithms that compare servers, in the kernel.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::Echo;
use lbx_tests::daemon::Daemon;
use lbx_tests::lab::Family;
use lbx_tests::{maps, wait};

use crate::fixture::Fixture;

/// A server that is full: `timeout queue` is short, so that who waits in vain is not waited for.
const LIMITED: &str = "    timeout queue 300ms\n";

/// How many of these connections each server has.
fn shares(open: &[Echo]) -> BTreeMap<&str, usize> {
    let mut shares = BTreeMap::new();
    open.iter().for_each(|echo| *shares.entry(echo.server.as_str()).or_default() += 1);
    shares
}

/// Opens so many connections until they are shared out as wanted: connections that were closed just before may still
/// count at first.
fn shared_as(fixture: &Fixture, wanted: &[(&str, usize)]) -> Result<Vec<Echo>> {
    let wanted: BTreeMap<_, _> = wanted.iter().copied().collect();
    let count: usize = wanted.values().sum();
    let mut last = String::new();
    let open = wait::value("connections to be shared out", wait::SOON * 3, || {
        let open: Vec<_> = (0..count).map_while(|_| fixture.connect().ok()).collect();
        last = format!("{:?}", shares(&open));
        (shares(&open) == wanted).then_some(open)
    });
    open.with_context(|| format!("{last} instead of {wanted:?}"))
}

/// All of them answer, and are in the kernel.
fn are_whole(fixture: &Fixture, daemon: &Daemon, open: &mut [Echo]) -> Result<()> {
    open.iter_mut().try_for_each(|echo| echo.check(b"hello"))?;
    ensure!(fixture.flows(daemon.home())? >= 2 * open.len(), "not all of them are in the kernel");
    Ok(())
}

/// Servers get connections by their weights, and who has fewest gets the next one.
pub(crate) fn least(family: Family) -> Result<()> {
    let fixture = Fixture::echo(family)?;
    let daemon = fixture.start("    balance leastconn\n", "weight 10")?;
    let mut open = shared_as(&fixture, &[("s1", 3), ("s2", 3), ("s3", 3)])?;
    are_whole(&fixture, &daemon, &mut open)?;
    daemon.cli("set weight service/s3 50%")?;
    drop(open);
    // Between servers whose weights are 2, 2 and 1.
    let mut open = shared_as(&fixture, &[("s1", 6), ("s2", 6), ("s3", 3)])?;
    open.retain(|echo| echo.server != "s2");
    wait::until("new connections to go where others have closed", wait::SOON, || {
        let next: Vec<_> = (0..3).map_while(|_| fixture.connect().ok()).collect();
        shares(&next).get("s2") == Some(&3)
    })?;
    are_whole(&fixture, &daemon, &mut open)
}

/// One server after the other is filled; with all of them full, clients wait in user space.
pub(crate) fn first() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start(&format!("    balance first\n{LIMITED}"), "maxconn 2")?;
    let mut open = shared_as(&fixture, &[("s1", 2), ("s2", 2), ("s3", 1)])?;
    are_whole(&fixture, &daemon, &mut open)?;
    open.push(fixture.connect()?);
    // User space knows a moment later that the servers are full.
    wait::until("a seventh connection to wait in vain", wait::SOON, || fixture.connect().is_err())?;
    let gone = open.iter().position(|echo| echo.server == "s2").context("one on s2")?;
    open.remove(gone);
    let next = wait::value("the place that became free", wait::SOON * 2, || fixture.connect().ok())?;
    ensure!(next.server == "s2", "{} instead of s2", next.server);
    open.push(next);
    open.iter_mut().try_for_each(|echo| echo.check(b"hello"))
}

/// Everybody gets some, and of a full server's connections nobody is lost.
pub(crate) fn random() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("    balance random\n", "")?;
    let mut open = (0..60).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    // The better of two draws is never far from even.
    let shares = shares(&open);
    ensure!(
        ["s1", "s2", "s3"].iter().all(|s| shares.get(s).is_some_and(|n| (15..=25).contains(n))),
        "{shares:?}"
    );
    are_whole(&fixture, &daemon, &mut open)
}

/// A client whose server by `balance source` is full waits for that one.
pub(crate) fn source_full() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let _daemon = fixture.start(&format!("    balance source\n{LIMITED}"), "maxconn 1")?;
    let first = wait::value("a connection", wait::SOON, || fixture.connect().ok())?;
    let home = first.server.clone();
    let mut stranger = None;
    wait::until("a second connection to wait in vain", wait::SOON, || match fixture.connect() {
        Ok(echo) => {
            stranger = Some(echo.server).filter(|server| *server != home);
            stranger.is_some()
        }
        Err(_) => true,
    })?;
    ensure!(stranger.is_none(), "{stranger:?} serves a client of {home}");
    drop(first);
    let next = wait::value("the place that became free", wait::SOON, || fixture.connect().ok())?;
    ensure!(next.server == home, "{} instead of {home}", next.server);
    Ok(())
}

/// Backup servers serve when no other is left, by each algorithm.
pub(crate) fn backups() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let config = |balance: &str| {
        let config = fixture.config(&format!("    balance {balance}\n"), "check");
        let backup = fixture.origins.get(2).map(|origin| format!("{} check", origin.address()));
        backup.map(|line| config.replace(&line, &format!("{line} backup"))).unwrap_or(config)
    };
    for balance in ["leastconn", "first", "random(3)"] {
        let daemon = fixture.start_in_kernel(fixture.setup_with(&config(balance))?)?;
        let only = |wanted: &[&str]| {
            wait::until(&format!("{balance}: only {wanted:?}"), wait::SOON * 3, || {
                let seen: Vec<_> = (0..4).filter_map(|_| fixture.connect().ok()).collect();
                seen.len() == 4 && seen.iter().all(|echo| wanted.contains(&echo.server.as_str()))
            })
        };
        only(&["s1", "s2"])?;
        daemon.cli("disable server service/s1")?;
        only(&["s2"])?;
        daemon.cli("disable server service/s2")?;
        only(&["s3"])?;
        ensure!(fixture.flows(daemon.home())? > 0, "{balance}: nothing is in the kernel");
    }
    Ok(())
}

/// The weight of a server that starts slowly grows in the kernel's map, too.
pub(crate) fn slow_start() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("    balance leastconn\n", "check weight 100 slowstart 20s")?;
    // In sixteenths; servers without an address are none.
    let weights = || -> Result<Vec<u64>> {
        let servers = maps::dump(daemon.home().pins(), "SERVERS")?;
        let weights = servers.iter().map(|server| server["value"]["weight"].as_u64().unwrap_or(0));
        Ok(weights.filter(|weight| *weight > 0).collect())
    };
    const FULL: u64 = 100 * 16;
    wait::until("all weights in full", wait::SOON, || weights().is_ok_and(|all| all == [FULL; 3]))?;
    fixture.origins.first().context("s1")?.die();
    wait::until("s1 to be down", wait::SOON * 3, || daemon.output().contains("Server service/s1 is DOWN"))?;
    fixture.origins.first().context("s1")?.revive(Some(&fixture.lab.servers))?;
    let starting = || weights().ok()?.into_iter().find(|weight| *weight < FULL);
    wait::value("a weight that is not full", wait::SOON * 3, || {
        daemon.output().contains("Server service/s1 is UP").then(starting).flatten()
    })?;
    // Within the twenty seconds and a machine's delays.
    wait::until("all weights in full again", wait::SOON * 6, || weights().is_ok_and(|all| all == [FULL; 3]))
}

/// Flows leave from the address and the upper half of the ports of `source`.
pub(crate) fn source_pool() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let address = Family::V4.behind(7);
    fixture.lab.balancer.address("back", &format!("{address}/24"))?;
    let daemon = fixture.start("", &format!("source {address}:20000-23999"))?;
    let mut open = (0..30).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    are_whole(&fixture, &daemon, &mut open)?;
    // Of the two entries of a flow, the one towards the server has the port that it leaves with; of the other that is the
    // service's.
    let flows = maps::dump(daemon.home().pins(), "FLOWS")?;
    let ports: Vec<_> = flows.iter().filter_map(|flow| flow["value"]["src_port"].as_u64()).collect();
    let own = ports.iter().filter(|port| (22_000..24_000).contains(*port)).count();
    ensure!(own >= open.len(), "{own} of {} leave from the pool", ports.len());
    ensure!(!ports.iter().any(|port| (20_000..22_000).contains(port)), "user space's ports: {ports:?}");
    Ok(())
}
