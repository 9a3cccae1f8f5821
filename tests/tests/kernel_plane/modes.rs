//! Servers that clients are forwarded to by other ways than by rewriting both addresses.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, ensure};
use lbx_tests::client;
use lbx_tests::daemon::{Daemon, Program};
use lbx_tests::lab::{Family, Lab};
use lbx_tests::maps;
use lbx_tests::netns::veth;
use lbx_tests::origin::Origin;

use crate::fixture::Fixture;

/// What a client downloads, and what it sends and gets back: many packets of full length both ways.
const BULK: usize = 300_000;

/// A network with one server, `s1`, that listens on all its addresses.
fn one_server(
    family: Family,
    start: fn(&str, &lbx_tests::netns::Netns, SocketAddr) -> Result<Origin>,
) -> Result<Fixture> {
    let mut fixture = Fixture { lab: Lab::new()?, family, origins: vec![] };
    let any: IpAddr = match family {
        Family::V4 => [0, 0, 0, 0].into(),
        Family::V6 => [0_u16; 8].into(),
    };
    fixture.origins.push(start("s1", &fixture.lab.servers, SocketAddr::new(any, 80))?);
    Ok(fixture)
}

/// A daemon that forwards to it, over `server`'s address.
fn start(fixture: &mut Fixture, forward: &str, server: IpAddr) -> Result<Daemon> {
    let origins = std::mem::take(&mut fixture.origins);
    let mut config = fixture.config(&format!("    xdp-forward {forward}\n"), "");
    fixture.origins = origins;
    config.push_str(&format!("    server s1 {}\n", SocketAddr::new(server, 80)));
    fixture.start_in_kernel(fixture.setup_with(&config)?)
}

/// Entries of flows that the server's answers are found by: there are none of direct return.
fn entries(fixture: &Fixture, daemon: &Daemon) -> Result<(usize, usize)> {
    let map = if fixture.family == Family::V4 { "FLOWS" } else { "FLOWS6" };
    let flows = maps::dump(daemon.home().pins(), map)?;
    let back = flows
        .iter()
        .filter(|flow| flow["value"]["direction"] == "ToClient" || flow["value"]["direction"] == 1);
    Ok((flows.len(), back.count()))
}

/// Servers see clients' addresses, and answer by way of the balancer.
fn transparent(family: Family) -> Result<()> {
    let mut fixture = one_server(family, Origin::http_on)?;
    let (version, gateway) = (if family == Family::V4 { "-4" } else { "-6" }, family.behind(1));
    fixture.lab.servers.ip(&format!("{version} route add default via {gateway}"))?;
    let daemon = start(&mut fixture, "transparent", family.server(1))?;
    let from = || fixture.lab.from_client().source(family.source(3));
    let response = client::get(from(), fixture.service(), "/peer")?;
    ensure!(response.origin() == "s1", "{}", response.text());
    let requests = fixture.origins[0].requests();
    let peer = requests.iter().find(|request| request.target() == "/peer").context("it was not asked")?.peer;
    ensure!(peer.ip().to_canonical() == family.source(3), "{peer}");
    client::download(from(), fixture.service(), BULK)?;
    let (all, back) = entries(&fixture, &daemon)?;
    ensure!(back > 0 && all == 2 * back, "{all} entries, {back} of them for answers");
    Ok(())
}

pub(crate) fn transparent4() -> Result<()> {
    transparent(Family::V4)
}

pub(crate) fn transparent6() -> Result<()> {
    transparent(Family::V6)
}

/// The server has the service's address itself, and a way of its own to the client.
fn answer_directly(lab: &Lab, family: Family) -> Result<()> {
    veth(&lab.servers, "side", &lab.client, "side")?;
    lab.client.sysctl("net.ipv4.conf.all.rp_filter", "0")?;
    lab.client.sysctl("net.ipv4.conf.side.rp_filter", "0")?;
    // Packets leave by lo's address and come in by eth0.
    for device in ["all", "eth0"] {
        lab.servers.sysctl(&format!("net.ipv4.conf.{device}.rp_filter"), "0")?;
    }
    let bits = if family == Family::V4 { 32 } else { 128 };
    lab.servers.address("lo", &format!("{}/{bits}", family.service()))?;
    let (net, side) = match family {
        Family::V4 => ("10.1.0.0/24", ["10.3.0.1/24", "10.3.0.2/24"]),
        Family::V6 => ("fd00:1::/64", ["fd00:3::1/64", "fd00:3::2/64"]),
    };
    lab.servers.address("side", side[0])?;
    lab.client.address("side", side[1])?;
    let gateway = side[1].split('/').next().unwrap_or_default();
    lab.servers.ip(&format!("route add {net} via {gateway} dev side"))?;
    Ok(())
}

/// Connections whose answers do not pass the balancer, with much sent either way.
fn direct(fixture: &mut Fixture, forward: &str, server: IpAddr) -> Result<()> {
    let daemon = start(fixture, forward, server)?;
    let mut echo = fixture.connect()?;
    ensure!(echo.server == "s1", "{}", echo.server);
    echo.check(&vec![5; BULK])?;
    let (all, back) = entries(fixture, &daemon)?;
    ensure!(all > 0 && back == 0, "{all} entries, {back} of them for answers");
    Ok(())
}

fn dsr(family: Family) -> Result<()> {
    let mut fixture = one_server(family, Origin::tcp_on)?;
    answer_directly(&fixture.lab, family)?;
    direct(&mut fixture, "dsr", family.server(1))
}

pub(crate) fn dsr4() -> Result<()> {
    dsr(Family::V4)
}

pub(crate) fn dsr6() -> Result<()> {
    dsr(Family::V6)
}

/// `lbx decap` in the servers' namespace, with these words.
fn decap(fixture: &Fixture, words: &str) -> Result<std::process::Output> {
    let mut command = fixture.lab.servers.command(&Program::Lbx.path()?.display().to_string());
    command.arg("decap").args(words.split_whitespace()).output().context("lbx decap")
}

/// Packets in packets, which the server's own program takes out; `outer` is the family of what is around them.
fn tunnel(family: Family, forward: &str, outer: Family) -> Result<()> {
    let mut fixture = one_server(family, Origin::tcp_on)?;
    answer_directly(&fixture.lab, family)?;
    fixture.lab.release_servers_hook();
    let pins = tempfile::Builder::new().prefix("lbx-decap-").tempdir_in("/sys/fs/bpf")?;
    let pins = pins.path().join("pins").display().to_string();
    let (vip, stranger) = (family.service(), family.in_front(77));
    let refused = decap(&fixture, &format!("--interface eth0 --address {stranger} --pins {pins}"))?;
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success() && text.contains("is no address of this host"), "{text}");
    let attached = decap(&fixture, &format!("--interface eth0 --address {vip} --pins {pins} --port 7000"))?;
    ensure!(attached.status.success(), "{}", String::from_utf8_lossy(&attached.stderr));
    let served = direct(&mut fixture, forward, outer.server(1));
    let detached = decap(&fixture, &format!("--interface eth0 --detach --pins {pins}"))?;
    served?;
    ensure!(detached.status.success(), "{}", String::from_utf8_lossy(&detached.stderr));
    ensure!(!std::path::Path::new(&pins).exists(), "its pins are left");
    let again = decap(&fixture, &format!("--interface eth0 --detach --pins {pins}"))?;
    ensure!(!again.status.success(), "what is not there was taken off");
    Ok(())
}

pub(crate) fn ipip4() -> Result<()> {
    tunnel(Family::V4, "ipip", Family::V4)
}

pub(crate) fn ipip6() -> Result<()> {
    tunnel(Family::V6, "ipip", Family::V6)
}

pub(crate) fn ipip_mixed() -> Result<()> {
    tunnel(Family::V4, "ipip", Family::V6)
}

pub(crate) fn gue4() -> Result<()> {
    tunnel(Family::V4, "gue port 7000", Family::V4)
}

pub(crate) fn gue6() -> Result<()> {
    tunnel(Family::V6, "gue port 7000", Family::V6)
}
