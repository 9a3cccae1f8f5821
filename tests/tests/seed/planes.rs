//! The article's algorithms in TCP mode, where the kernel forwards what it can.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, Echo};
use lbx_tests::daemon::{self, Daemon, Program, Setup};
use lbx_tests::lab::{Family, Lab, SOURCES};
use lbx_tests::origin::Origin;
use lbx_tests::privilege::KERNEL;
use lbx_tests::suite::Case;
use lbx_tests::{maps, wait};
use regex::{Captures, Regex};

use crate::balancing::{LEAST, ROUND_ROBIN, SOURCE};
use crate::sample::files;

pub(crate) fn cases() -> Vec<Case> {
    let test = |name: &'static str, body: fn() -> Result<()>| Case::new(name, KERNEL, body);
    vec![
        test("planes::round_robin_by_weights_in_the_kernel", round_robin),
        test("planes::source_removal_moves_only_its_clients_in_the_kernel", source),
        test("planes::backup_when_no_other_is_left_in_the_kernel", backup),
        test("planes::fewest_connections_in_the_kernel", fewest),
    ]
}

/// A file of the article between a client and three echo servers of a network of its own.
struct Site {
    lab: Lab,
    origins: Vec<Origin>,
    daemon: Daemon,
    service: SocketAddr,
}

impl Site {
    fn start(file: &str, port: u16) -> Result<Self> {
        let lab = Lab::new()?;
        let origins = (1..=3).map(|number| lab.tcp(Family::V4, number)).collect::<Result<Vec<_>>>()?;
        let service = SocketAddr::new(Family::V4.service(), port);
        let setup = files(Setup::new(Program::Lbx, &in_lab(file)?)?)?;
        let daemon = setup.netns(&lab.balancer).ready_on(service).start()?;
        Ok(Self { lab, origins, daemon, service })
    }

    /// The same, once the kernel serves.
    fn start_in_kernel(file: &str, port: u16) -> Result<Self> {
        let site = Self::start(file, port)?;
        let served = wait::until("a flow in the kernel", daemon::START, || {
            client::connect(site.lab.from_client(), site.service).is_ok() && site.flows() > 0
        });
        served.with_context(|| site.daemon.output())?;
        Ok(site)
    }

    fn flows(&self) -> usize {
        maps::count(self.daemon.home().pins(), "FLOWS").unwrap_or(0)
    }

    /// The server of the next connection.
    fn next(&self) -> Result<String> {
        Ok(Echo::connect(self.lab.from_client(), self.service)?.server)
    }

    /// Which server each of the client's addresses is led to.
    fn servers_of_sources(&self) -> Result<BTreeMap<u8, String>> {
        let server = |number| {
            let from = self.lab.from_client().source(Family::V4.source(number));
            Ok((number, Echo::connect(from, self.service)?.server))
        };
        (0..SOURCES).map(server).collect()
    }

    /// Waits until connections reach exactly these servers.
    fn settles(&self, servers: &[&str]) -> Result<()> {
        wait::until(&format!("only {servers:?}"), wait::SOON * 3, || {
            let mut seen: Vec<String> = (0..6).map(|_| self.next().unwrap_or_default()).collect();
            seen.sort();
            seen.dedup();
            seen == servers
        })
    }
}

/// A file with the addresses of the network, in TCP mode, with the kernel plane on both its sides.
fn in_lab(file: &str) -> Result<String> {
    let mut servers = 0;
    let named = |found: &Captures<'_>| {
        servers += 1;
        format!("{}{}:80", &found[1], Family::V4.server(servers))
    };
    let file = file
        .replace("mode        http", "mode        tcp")
        .replace("option      httplog", "option      tcplog");
    let file = Regex::new(r"(server +\w+ )10\.\d+\.\d+\.\d+:\d+")?.replace_all(&file, named).into_owned();
    let file = file.replace("10.10.10.1:", &format!("{}:", Family::V4.service()));
    let file = file.replace("/var/run/haproxy/admin.sock", "{dir}/sock");
    Ok(format!("global\n    xdp-interface front\n    xdp-interface back\n    xdp-pin-path {{pins}}\n{file}"))
}

/// The same turns as in user space: 03, 01, 03, 02, from wherever the first connections left off.
fn round_robin() -> Result<()> {
    let site = Site::start_in_kernel(ROUND_ROBIN, 80)?;
    let before = site.flows();
    let turns = (0..12).map(|_| site.next()).collect::<Result<Vec<_>>>()?;
    ensure!(site.flows() > before, "none of them is in the kernel");
    let order = ["s3", "s1", "s3", "s2"];
    let from = |start: usize| order.iter().cycle().skip(start).take(turns.len()).eq(turns.iter());
    ensure!((0..order.len()).any(from), "{turns:?}");
    Ok(())
}

fn source() -> Result<()> {
    let site = Site::start_in_kernel(SOURCE, 80)?;
    let before = site.servers_of_sources()?;
    ensure!(["s1", "s2", "s3"].iter().all(|s| before.values().any(|server| server == s)), "{before:?}");
    site.daemon.cli("disable server session_servers/sess02")?;
    // The maps follow a moment later.
    let gone =
        || site.servers_of_sources().is_ok_and(|servers| !servers.values().any(|server| server == "s2"));
    wait::until("s2 to get nobody", wait::SOON, gone)?;
    for (client, server) in site.servers_of_sources()? {
        let was = before.get(&client).context("the client")?;
        ensure!(was == "s2" || *was == server, "{client} was on {was} and is on {server}");
    }
    site.daemon.cli("enable server session_servers/sess02")?;
    wait::until("all to be where they were", wait::SOON, || {
        site.servers_of_sources().is_ok_and(|servers| servers == before)
    })
}

fn backup() -> Result<()> {
    let site = Site::start_in_kernel(LEAST, 5432)?;
    site.settles(&["s1", "s2"])?;
    for server in site.origins.iter().take(2) {
        server.die();
    }
    site.settles(&["s3"])?;
    site.origins.first().context("s1")?.revive(Some(&site.lab.servers))?;
    site.settles(&["s1"])?;
    ensure!(site.flows() > 0, "nothing is in the kernel");
    Ok(())
}

/// Connections that stay open are shared evenly, and one that is closed makes room where it was.
fn fewest() -> Result<()> {
    let site = Site::start_in_kernel(LEAST, 5432)?;
    let connect = || Echo::connect(site.lab.from_client(), site.service);
    let of_s1 = |open: &[Echo]| open.iter().filter(|echo| echo.server == "s1").count();
    let mut open = Vec::new();
    // Those that were tried before may still be closing.
    wait::until("four connections to be shared evenly", wait::SOON, || {
        open = (0..4).filter_map(|_| connect().ok()).collect();
        open.len() == 4 && of_s1(&open) == 2
    })?;
    open.retain(|echo| echo.server != "s1");
    wait::until("the next two to go where two have closed", wait::SOON, || {
        let mut next: Vec<_> = (0..2).filter_map(|_| connect().ok()).collect();
        let there = of_s1(&next) == 2;
        if there {
            open.append(&mut next);
        }
        there
    })?;
    ensure!(open.iter_mut().all(|echo| echo.check(b"hello").is_ok()));
    ensure!(site.flows() >= 2 * open.len(), "not all of them are in the kernel");
    Ok(())
}
