//! `tcp-request connection` rules, which the kernel carries out before there is a connection.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, Echo};
use lbx_tests::daemon::{self, Daemon, Program, Setup};
use lbx_tests::lab::{Family, SOURCES};
use lbx_tests::{maps, wait};

use crate::fixture::Fixture;

/// Connections of one source in half a minute.
const RATE: usize = 3;
/// The sources that are limited.
const LIMITED: [u8; 2] = [3, 4];
/// Prefixes in the file of the tests about lists.
const PREFIXES: u32 = 200_000;

/// How often decisions had a reason, over all services.
fn counted(daemon: &Daemon, reason: &str) -> Result<u64> {
    let counters = maps::dump(daemon.home().pins(), "COUNTERS")?;
    let values = counters.iter().flat_map(|entry| entry["values"].as_array().cloned().unwrap_or_default());
    Ok(values.filter_map(|one| one["value"][reason]["packets"].as_u64()).sum())
}

/// A column of the frontend `service` in `show stat`.
fn stat(daemon: &Daemon, column: &str) -> Result<u64> {
    let text = daemon.cli("show stat")?;
    let mut lines = text.lines();
    let names = lines.next().context("no heading")?;
    let at = names.split(',').position(|name| name == column).context("no such column")?;
    let row = lines.find(|line| line.starts_with("service,FRONTEND,")).context("no row of the frontend")?;
    Ok(row.split(',').nth(at).unwrap_or_default().parse().unwrap_or(0))
}

fn limit(family: Family) -> String {
    let [a, b] = LIMITED.map(|number| family.source(number));
    let kind = if family == Family::V4 { "ip" } else { "ipv6" };
    format!(
        "    stick-table type {kind} size 1k expire 1m store conn_rate(30s),conn_cnt,conn_cur
    tcp-request connection accept unless {{ src {a} {b} }}
    tcp-request connection track-sc0 src
    tcp-request connection reject if {{ sc0_conn_rate gt {RATE} }}\n"
    )
}

/// Connections of some sources, one after the other, and of one that is welcome: which of them were served.
fn attempts(fixture: &Fixture) -> Vec<bool> {
    let mut served = Vec::new();
    let welcome = || fixture.lab.from_client().source(fixture.family.client());
    for source in LIMITED {
        let from = || fixture.lab.from_client().source(fixture.family.source(source));
        served.extend((0..RATE + 2).map(|_| Echo::connect(from(), fixture.service()).is_ok()));
    }
    served.extend((0..RATE + 2).map(|_| Echo::connect(welcome(), fixture.service()).is_ok()));
    served
}

fn rate(family: Family) -> Result<()> {
    let fixture = Fixture::echo(family)?;
    let rules = limit(family);
    let haproxy = {
        let config = fixture.config(&rules, "");
        let plain: String =
            config.lines().filter(|l| !l.contains("xdp-")).map(|l| format!("{l}\n")).collect();
        let setup = Setup::new(Program::Haproxy, &plain)?.netns(&fixture.lab.balancer);
        let _haproxy = setup.ready_on(fixture.service()).start()?;
        attempts(&fixture)
    };
    let daemon = fixture.start(&rules, "")?;
    ensure!(attempts(&fixture) == haproxy, "HAProxy serves {haproxy:?}");
    let beyond = 2 * 2;
    ensure!(counted(&daemon, "rejected")? == beyond, "{} were rejected", counted(&daemon, "rejected")?);
    ensure!(counted(&daemon, "user_space")? == 0, "user space was asked");
    wait::until("the frontend's counters", wait::SOON, || stat(&daemon, "dcon").is_ok_and(|n| n == beyond))?;
    table(&fixture, &daemon)
}

/// The table shows what the kernel counted, and the kernel follows what is done to the table.
fn table(fixture: &Fixture, daemon: &Daemon) -> Result<()> {
    let key = fixture.family.source(3);
    let counted = format!("conn_cnt={} conn_rate(30000)={}", RATE + 2, RATE + 2);
    let shown = || daemon.cli(&format!("show table service key {key}"));
    wait::until("the table's entry", wait::SOON, || shown().is_ok_and(|text| text.contains(&counted)))
        .with_context(|| shown().unwrap_or_default())?;
    let connect = || Echo::connect(fixture.lab.from_client().source(key), fixture.service());
    ensure!(connect().is_err(), "the rate is exceeded still");
    // An operator sets what the figure shows, which is that of a second ago.
    let rate = format!("conn_rate(30000)={}", RATE + 3);
    wait::until("the attempt to be counted", wait::SOON, || shown().is_ok_and(|text| text.contains(&rate)))?;
    daemon.cli(&format!("set table service key {key} data.conn_rate 1"))?;
    let host = if fixture.family == Family::V4 { "HOST_RATES" } else { "HOST_RATES6" };
    wait::until("the kernel to be told", wait::SOON, || {
        maps::dump(daemon.home().pins(), host)
            .is_ok_and(|rates| rates.iter().any(|entry| entry["value"]["connection_rate"]["current"] == 1))
    })?;
    connect()?;
    wait::until("connections to close", wait::SOON, || {
        shown().is_ok_and(|text| text.contains("conn_cur=0"))
    })?;
    let map = if fixture.family == Family::V4 { "RATES" } else { "RATES6" };
    let entries = || maps::count(daemon.home().pins(), map);
    let before = entries()?;
    daemon.cli(&format!("clear table service key {key}"))?;
    wait::until("the entry to be gone", wait::SOON, || entries().is_ok_and(|now| now + 1 == before))
}

/// In HTTP mode user space counts, and from then on the kernel rejects.
pub(crate) fn rate_of_http() -> Result<()> {
    let fixture = Fixture::http(Family::V4)?;
    let rules = format!("    mode http\n{}", limit(Family::V4));
    let daemon = fixture.setup(&rules, "")?.start()?;
    let from = || fixture.lab.from_client().source(fixture.family.source(3));
    for _ in 0..RATE {
        ensure!(client::get(from(), fixture.service(), "/")?.status == 200, "within the rate");
    }
    ensure!(client::get(from(), fixture.service(), "/").is_err(), "beyond the rate");
    wait::until("the kernel to reject", daemon::START, || {
        client::connect(from(), fixture.service()).is_err()
            && counted(&daemon, "rejected").is_ok_and(|n| n > 0)
    })
    .with_context(|| daemon.output())?;
    let welcome = fixture.lab.from_client().source(fixture.family.client());
    ensure!(client::get(welcome, fixture.service(), "/")?.status == 200, "who is welcome");
    Ok(())
}

/// The connection beyond the rate is rejected in XDP, as HAProxy rejects it; who is welcome is not counted.
pub(crate) fn rate4() -> Result<()> {
    rate(Family::V4)
}

/// The same over IPv6.
pub(crate) fn rate6() -> Result<()> {
    rate(Family::V6)
}

/// As many networks as [`PREFIXES`] beside those of the lab, and one source of it.
fn list(source: IpAddr) -> String {
    let mut text = String::from("# sources that are not wanted\n");
    for n in 0..PREFIXES {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}/27", Ipv4Addr::from(0x2000_0000 + n * 64));
    }
    let _ = writeln!(text, "{source}\n2001:db8::/32");
    text
}

fn listed(family: Family, mode: &str) -> Result<()> {
    let fixture = if mode == "http" { Fixture::http(family)? } else { Fixture::echo(family)? };
    let unwanted = family.source(7);
    let extra = format!("    mode {mode}\n    tcp-request connection reject if {{ src -f {{dir}}/list }}\n");
    let setup = fixture.setup(&extra, "")?;
    fs::write(setup.dir().join("list"), list(unwanted))?;
    let daemon = setup.start()?;
    let from = |source| fixture.lab.from_client().source(source);
    wait::until("the list to be in the kernel", daemon::START, || {
        client::connect(from(unwanted), fixture.service()).is_err()
            && counted(&daemon, "rejected").is_ok_and(|n| n > 0)
    })
    .with_context(|| {
        format!("{} rejected\n{}", counted(&daemon, "rejected").unwrap_or(0), daemon.output())
    })?;
    let connections = stat(&daemon, "conn_tot")?;
    for _ in 0..20 {
        ensure!(
            client::connect(from(unwanted), fixture.service()).is_err(),
            "a source that is listed got in"
        );
    }
    for number in (0..SOURCES).filter(|&number| number != 7).take(5) {
        let from = from(family.source(number));
        if mode == "http" {
            ensure!(
                client::get(from, fixture.service(), "/")?.status == 200,
                "source {number} is not served"
            );
        } else {
            Echo::connect(from, fixture.service())?;
        }
    }
    wait::until("the frontend's counters", wait::SOON, || stat(&daemon, "dcon").is_ok_and(|n| n >= 20))?;
    wait::until("connections to be counted", wait::SOON, || {
        stat(&daemon, "conn_tot").is_ok_and(|n| n >= connections + 25)
    })
}

/// Sources of a file of two hundred thousand networks get no connection; TCP mode.
pub(crate) fn listed_tcp() -> Result<()> {
    listed(Family::V4, "tcp")
}

/// The same in HTTP mode, whose other connections user space serves.
pub(crate) fn listed_http() -> Result<()> {
    listed(Family::V4, "http")
}

/// The same over IPv6.
pub(crate) fn listed_http6() -> Result<()> {
    listed(Family::V6, "http")
}
