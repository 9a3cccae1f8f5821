//! Interfaces that come, go and change, and ways to servers that do.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::Echo;
use lbx_tests::daemon::Home;
use lbx_tests::lab::Family;
use lbx_tests::netns::veth;
use lbx_tests::origin::Origin;
use lbx_tests::{maps, wait};

use crate::fixture::Fixture;

/// The server entry of this address in the maps, with its number.
fn server(home: &Home, address: [u8; 4]) -> Result<(u64, serde_json::Value)> {
    let wide = |entry: &serde_json::Value| -> Option<Vec<u64>> {
        entry["value"]["address"].as_array()?.iter().take(4).map(serde_json::Value::as_u64).collect()
    };
    let wanted: Vec<u64> = address.iter().map(|&octet| octet.into()).collect();
    let servers = maps::dump(home.pins(), "SERVERS")?;
    let found = servers.into_iter().find(|entry| wide(entry).as_ref() == Some(&wanted));
    let mut entry = found.context("no such server")?;
    Ok((entry["key"].as_u64().context("its number")?, entry["value"].take()))
}

/// Where frames to the server of this number go next. One entry is looked up, for a dump of all takes its time.
fn next_hop(home: &Home, number: u64) -> Result<String> {
    let path = home.pins().join("SERVERS").display().to_string();
    let key = u32::try_from(number)?.to_le_bytes().map(|byte| byte.to_string());
    let words = ["--json", "map", "lookup", "pinned", &path, "key", &key[0], &key[1], &key[2], &key[3]];
    let entry: serde_json::Value = serde_json::from_str(&maps::bpftool(&words)?)?;
    Ok(entry["formatted"]["value"]["hop"]["dst_mac"].to_string())
}

/// A server behind a VLAN device, over the interface below it: frames to it are tagged, and those from it are read.
pub(crate) fn vlan() -> Result<()> {
    let mut fixture = Fixture::echo(Family::V4)?;
    for (netns, device, address) in
        [(&fixture.lab.servers, "eth0", "10.7.0.11/24"), (&fixture.lab.balancer, "back", "10.7.0.1/24")]
    {
        netns.exec(&format!("ethtool -K {device} txvlan off rxvlan off"))?;
        netns.ip(&format!("link add link {device} name {device}.7 type vlan id 7"))?;
        netns.address(&format!("{device}.7"), address)?;
        netns.ip(&format!("link set {device}.7 up"))?;
    }
    let tagged = Origin::tcp_on("tagged", &fixture.lab.servers, ([10, 7, 0, 11], 80).into())?;
    fixture.origins = vec![tagged];
    let daemon = fixture.start("", "check")?;
    let (_, entry) = server(daemon.home(), [10, 7, 0, 11])?;
    ensure!(entry["vlan"] == 7, "{entry}");
    let mut echo = fixture.connect()?;
    ensure!(echo.server == "tagged", "{}", echo.server);
    echo.check(&vec![7; 20_000])?;
    ensure!(fixture.flows(daemon.home())? >= 2, "the kernel serves");
    Ok(())
}

/// An interface that is unplugged and comes back is served again, with nobody's help.
pub(crate) fn replugged() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("", "")?;
    let lab = &fixture.lab;
    lab.balancer.ip("link del front")?;
    daemon.wait_output("front: there is no such interface")?;
    veth(&lab.client, "eth0", &lab.balancer, "front")?;
    lab.client.address("eth0", "10.1.0.2/24")?;
    lab.balancer.address("front", "10.1.0.1/24")?;
    lab.client.checksum_in_software("eth0")?;
    let _pass = lab.client.xdp_pass("eth0")?;
    wait::until("the program on it again", wait::SOON, || {
        lab.balancer.ip("link show front").is_ok_and(|link| link.contains("xdp"))
    })?;
    let before = fixture.flows(daemon.home())?;
    wait::until("a flow over it", wait::SOON, || {
        let echo = fixture.connect();
        echo.is_ok_and(|mut echo| echo.check(b"hello").is_ok())
            && fixture.flows(daemon.home()).is_ok_and(|flows| flows > before)
    })
}

/// Connections survive a change of the MTU, and what is sent fits it.
pub(crate) fn mtu() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("", "")?;
    let mut open = fixture.connect()?;
    for (netns, device) in
        [(&fixture.lab.balancer, "back"), (&fixture.lab.servers, "eth0"), (&fixture.lab.client, "eth0")]
    {
        netns.ip(&format!("link set {device} mtu 1300"))?;
    }
    open.check(&vec![3; 50_000])?;
    fixture.connect()?.check(&vec![4; 50_000])?;
    ensure!(fixture.flows(daemon.home())? >= 4, "the kernel serves");
    Ok(())
}

/// Another hardware address of a server, and another way to it, get into the maps. How soon, it prints.
pub(crate) fn ways() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("", "")?;
    let (home, balancer) = (daemon.home(), &fixture.lab.balancer);
    let (number, _) = server(home, [10, 2, 0, 11])?;
    let follows = |what: &str, wanted: &str| {
        let began = Instant::now();
        wait::until(what, wait::SOON, || next_hop(home, number).is_ok_and(|mac| mac == wanted))?;
        println!("{what}: {:?}", began.elapsed());
        anyhow::Ok(())
    };
    balancer.ip("neigh replace 10.2.0.11 lladdr 02:00:00:00:00:77 dev back nud permanent")?;
    follows("the neighbour's new address", "[2,0,0,0,0,119]")?;
    balancer.ip("neigh replace 10.2.0.200 lladdr 02:00:00:00:00:88 dev back nud permanent")?;
    balancer.ip("route add 10.2.0.11/32 via 10.2.0.200")?;
    follows("the way over a gateway", "[2,0,0,0,0,136]")?;
    balancer.ip("route del 10.2.0.11/32")?;
    follows("the direct way", "[2,0,0,0,0,119]")
}

/// Over a bond: frames come in by one of its members and leave by the bond.
pub(crate) fn bond() -> Result<()> {
    let mut fixture = Fixture::echo(Family::V4)?;
    let lab = &fixture.lab;
    veth(&lab.servers, "eth1", &lab.balancer, "member")?;
    let pass = lab.servers.xdp_pass("eth1")?;
    lab.servers.checksum_in_software("eth1")?;
    lab.servers.address("eth1", "10.8.0.11/24")?;
    lab.balancer.ip("link add bonded type bond mode active-backup miimon 100")?;
    lab.balancer.ip("link set member down")?;
    lab.balancer.ip("link set member master bonded")?;
    lab.balancer.ip("link set bonded up")?;
    lab.balancer.address("bonded", "10.8.0.1/24")?;
    let behind = Origin::tcp_on("bonded", &lab.servers, ([10, 8, 0, 11], 80).into())?;
    fixture.origins = vec![behind];
    let config =
        fixture.config("", "check").replace("xdp-interface back {mode}", "xdp-interface bonded {mode}");
    let setup = fixture.setup_with(&config)?;
    let daemon = fixture.start_in_kernel(setup)?;
    let mut echo: Echo = fixture.connect()?;
    echo.check(&vec![9; 20_000])?;
    ensure!(fixture.flows(daemon.home())? >= 2, "{}", daemon.output());
    drop(pass);
    Ok(())
}

/// Somebody else's program on the hook is left alone, and it is said whose; what is served there, user space serves.
pub(crate) fn taken() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let _theirs = fixture.lab.balancer.xdp_pass("back")?;
    let daemon = fixture.setup("", "")?.start()?;
    daemon.wait_output("back: its XDP hook is taken by program")?;
    daemon.wait_output("bpftool net detach xdp dev back")?;
    fixture.connect()?.check(b"hello")
}
