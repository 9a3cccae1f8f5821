//! "Load Balancing Algorithms".

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, Echo, From};
use lbx_tests::oracle::Side;
use lbx_tests::suite::Case;

use crate::sample::compared;

pub(crate) const ROUND_ROBIN: &str = include_str!("../../../config/seed/round_robin.cfg");
pub(crate) const LEAST: &str = include_str!("../../../config/seed/least_connections.cfg");
pub(crate) const SOURCE: &str = include_str!("../../../config/seed/source_hash.cfg");

pub(crate) fn cases() -> Vec<Case> {
    vec![
        compared("balancing::round_robin_by_weights", ROUND_ROBIN, round_robin),
        compared("balancing::fewest_connections", LEAST, fewest),
        compared("balancing::backup_when_no_other_is_left", LEAST, backup),
        compared("balancing::source_removal_moves_only_its_clients", SOURCE, source),
    ]
}

/// With weights 1, 1 and 2 the order is 03, 01, 03, 02, again and again.
fn round_robin(side: &mut Side) -> Result<()> {
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let servers = (0..8).map(|_| Ok(side.exchange("p80", request)?.text())).collect::<Result<Vec<_>>>()?;
    ensure!(servers == ["s3", "s1", "s3", "s2", "s3", "s1", "s3", "s2"], "{servers:?}");
    Ok(())
}

fn echo(side: &Side) -> Result<Echo> {
    Echo::connect(From::default(), side.daemon.address("p5432"))
}

/// Who has fewer open connections gets the next one.
fn fewest(side: &mut Side) -> Result<()> {
    let mut open = (0..6).map(|_| echo(side)).collect::<Result<Vec<_>>>()?;
    side.note(format!("{:?}", open.iter().map(|echo| echo.server.clone()).collect::<Vec<_>>()));
    ensure!(open.iter().filter(|echo| echo.server == "t1").count() == 3);
    open.retain(|echo| echo.server == "t1");
    let gone = || side.stat("db_proxy/db02", CURRENT_SESSIONS).is_ok_and(|sessions| sessions == "0");
    lbx_tests::wait::until("the others to be gone", lbx_tests::wait::SOON, gone)?;
    for _ in 0..3 {
        let next = echo(side)?;
        ensure!(next.server == "t2", "{}", next.server);
        open.push(next);
    }
    ensure!(open.iter_mut().all(|echo| echo.check(b"still there").is_ok()));
    side.without_log();
    Ok(())
}

/// Column of `show stat`.
const CURRENT_SESSIONS: usize = 4;

/// The standby gets nothing until both others are down, and nothing again when one of them is back.
fn backup(side: &mut Side) -> Result<()> {
    let servers = |side: &Side| -> Result<Vec<String>> { (0..4).map(|_| Ok(echo(side)?.server)).collect() };
    let origin =
        |side: &Side, name: &str| side.origins.get(name).map(|origin| origin.refuse()).context("an origin");
    let all = servers(side)?;
    ensure!(!all.contains(&"t3".to_owned()), "{all:?}");
    origin(side, "t1")?;
    side.wait_status("db_proxy/db01", "DOWN")?;
    ensure!(servers(side)?.iter().all(|server| server == "t2"));
    origin(side, "t2")?;
    side.wait_status("db_proxy/db02", "DOWN")?;
    ensure!(servers(side)?.iter().all(|server| server == "t3"));
    side.origins.get("t1").context("t1")?.revive(None)?;
    side.wait_status("db_proxy/db01", "UP")?;
    ensure!(servers(side)?.iter().all(|server| server == "t1"));
    side.only_log("Server ");
    Ok(())
}

/// Clients of loopback, and where each is led.
fn clients(side: &Side) -> Result<BTreeMap<IpAddr, String>> {
    let sources = (1..=120).map(|i| IpAddr::from(Ipv4Addr::new(127, 0, 1, i)));
    sources
        .map(|ip| {
            let from = From::default().source(ip);
            Ok((ip, client::get(from, side.daemon.address("p80"), "/")?.origin().to_owned()))
        })
        .collect()
}

/// A client gets the same server as long as it is there. Without one server only its clients move, and they come back
/// with it.
fn source(side: &mut Side) -> Result<()> {
    side.without_requests();
    side.without_log();
    let before = clients(side)?;
    ensure!(["s1", "s2", "s3"].iter().all(|s| before.values().any(|server| server == s)), "{before:?}");
    ensure!(clients(side)? == before, "the same client, another server");
    side.command("disable server session_servers/sess02")?;
    let without = clients(side)?;
    for (client, server) in &before {
        let now = without.get(client).context("the client")?;
        ensure!(if server == "s2" { now != "s2" } else { now == server }, "{client}: {server}, {now}");
    }
    side.command("enable server session_servers/sess02")?;
    ensure!(clients(side)? == before, "not as before");
    side.note(format!("{before:?} {without:?}"));
    Ok(())
}
