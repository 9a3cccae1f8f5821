//! The network of the demonstration: a client, a balancer, and three servers on a switch.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use lbx_tests::client::From;
use lbx_tests::netns::{Netns, veth};
use lbx_tests::origin::Origin;
use lbx_tests::xdp_pass::XdpPass;

/// Source addresses of the client, 10.1.0.100 and on.
pub(crate) const SOURCES: u8 = 30;

/// One machine with a database and a web server.
pub(crate) struct Machine {
    netns: Netns,
    /// Port 5432.
    pub(crate) database: Origin,
    /// Port 8080.
    pub(crate) web: Origin,
}

impl Machine {
    /// Kills both servers.
    pub(crate) fn kill(&self) {
        self.database.die();
        self.web.die();
    }

    /// Starts both again.
    pub(crate) fn revive(&self) -> Result<()> {
        self.database.revive(Some(&self.netns))?;
        self.web.revive(Some(&self.netns))
    }
}

/// Everything that the demonstration sends packets through.
pub(crate) struct Network {
    pub(crate) client: Netns,
    pub(crate) balancer: Netns,
    pub(crate) machines: Vec<Machine>,
    _switch: Netns,
    _passes: Vec<XdpPass>,
}

impl Network {
    pub(crate) fn new() -> Result<Self> {
        let (client, balancer, switch) =
            (Netns::new("client")?, Netns::new("balancer")?, Netns::new("switch")?);
        veth(&client, "eth0", &balancer, "front")?;
        client.address("eth0", "10.1.0.2/24")?;
        (0..SOURCES).try_for_each(|i| client.address("eth0", &format!("10.1.0.{}/24", 100 + i)))?;
        client.checksum_in_software("eth0")?;
        balancer.address("front", "10.1.0.1/24")?;

        switch.ip("link add bridge type bridge")?;
        switch.ip("link set bridge up")?;
        veth(&balancer, "back", &switch, "port0")?;
        balancer.address("back", "10.2.0.1/24")?;
        switch.ip("link set port0 master bridge")?;
        let machines = (1..=3).map(|i| machine(&switch, i)).collect::<Result<_>>()?;
        // veth delivers what an XDP program sends only to a device that has one itself.
        let passes = vec![client.xdp_pass("eth0")?, switch.xdp_pass("port0")?];
        Ok(Self { client, balancer, machines, _switch: switch, _passes: passes })
    }

    /// From one of the client's addresses.
    pub(crate) fn from(&self, source: u8) -> From<'_> {
        From::netns(&self.client).source(IpAddr::from([10, 1, 0, 100 + source]))
    }
}

fn machine(switch: &Netns, number: u8) -> Result<Machine> {
    let netns = Netns::new("server")?;
    let port = format!("port{number}");
    veth(&netns, "eth0", switch, &port)?;
    switch.ip(&format!("link set {port} master bridge"))?;
    netns.checksum_in_software("eth0")?;
    let address = [10, 2, 0, 10 + number];
    netns.address("eth0", &format!("{}/24", IpAddr::from(address)))?;
    let database = Origin::tcp_on(&format!("db{number}"), &netns, SocketAddr::from((address, 5432)))?;
    let web = Origin::http_on(&format!("web{number}"), &netns, SocketAddr::from((address, 8080)))?;
    Ok(Machine { netns, database, web })
}
