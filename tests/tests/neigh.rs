//! Next hops from a real kernel, in network namespaces of the test's own.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use lb_xdp::neigh::{Network, NextHop, Unresolved, Watch};
use lbx_tests::netns::{Netns, veth};
use lbx_tests::privilege::NETNS;
use lbx_tests::suite::{self, Case};
use lbx_tests::wait::SOON;

fn main() {
    suite::main(vec![
        Case::new("neigh::on_the_link", NETNS, on_the_link),
        Case::new("neigh::behind_a_gateway", NETNS, behind_a_gateway),
        Case::new("neigh::unreachable", NETNS, unreachable),
        Case::new("neigh::changes_are_told", NETNS, changes),
        Case::new("neigh::unsure", NETNS, unsure),
    ]);
}

const SERVER_MAC: &str = "02:00:00:00:00:02";

type Hop = Result<NextHop, Unresolved>;

fn ip(text: &str) -> Result<IpAddr> {
    text.parse().with_context(|| text.to_owned())
}

async fn watch(servers: &[&str]) -> Result<Watch> {
    let mut watch = Watch::new().await?;
    watch.set_watched(&servers.iter().map(|s| ip(s)).collect::<Result<BTreeSet<_>>>()?).await;
    Ok(watch)
}

/// Takes changes until the network is as wanted.
async fn until_network(watch: &mut Watch, wanted: impl Fn(&Network) -> bool) -> Result<()> {
    let end = Instant::now() + SOON;
    while !wanted(watch.network()) {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, watch.next()).await {
            Ok(notice) => watch.absorb(notice?).await?,
            Err(_) => bail!("not within {SOON:?}: {:?}", watch.network()),
        };
    }
    Ok(())
}

/// Takes changes until the server's next hop is as wanted.
async fn until(watch: &mut Watch, server: &str, wanted: impl Fn(&Hop) -> bool) -> Result<()> {
    let server = ip(server)?;
    until_network(watch, |n| wanted(&n.hop(server))).await.with_context(|| server.to_string())
}

async fn resolved(watch: &mut Watch, server: &str) -> Result<NextHop> {
    until(watch, server, Result::is_ok).await?;
    Ok(watch.network().hop(ip(server)?)?)
}

/// A balancer and a server that are joined.
fn pair() -> Result<(Netns, Netns)> {
    let (balancer, server) = (Netns::new("balancer")?, Netns::new("server")?);
    for ns in [&balancer, &server] {
        // Until its link-local address has passed the detection of duplicates, an interface solicits nobody.
        ns.sysctl("net.ipv6.conf.default.accept_dad", "0")?;
    }
    veth(&balancer, "eth0", &server, "eth0")?;
    server.ip("link set eth0 address 02:00:00:00:00:02")?;
    for (ns, host) in [(&balancer, 1), (&server, 2)] {
        ns.address("eth0", &format!("10.0.0.{host}/24"))?;
        ns.address("eth0", &format!("fd00::{host}/64"))?;
    }
    Ok((balancer, server))
}

/// Runs an asynchronous function in a namespace.
fn block_on(ns: &Netns, f: impl AsyncFnOnce() -> Result<()> + Send) -> Result<()> {
    ns.run(|| tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(f()))?
}

fn on_the_link() -> Result<()> {
    let (balancer, _server) = pair()?;
    block_on(&balancer, async || {
        let mut watch = watch(&["10.0.0.2", "fd00::2"]).await?;
        for (server, source) in [("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")] {
            let hop = resolved(&mut watch, server).await?;
            ensure!(hop.neighbour_mac.to_string() == SERVER_MAC);
            ensure!(hop.source == ip(source)? && hop.mtu == 1500);
        }
        Ok(())
    })
}

fn behind_a_gateway() -> Result<()> {
    let (balancer, _server) = pair()?;
    balancer.ip("route add 192.0.2.0/24 via 10.0.0.2")?;
    balancer.ip("route add 198.51.100.0/24 via inet6 fd00::2")?;
    block_on(&balancer, async || {
        let mut watch = watch(&["192.0.2.7", "198.51.100.7"]).await?;
        for server in ["192.0.2.7", "198.51.100.7"] {
            let hop = resolved(&mut watch, server).await?;
            ensure!(hop.neighbour_mac.to_string() == SERVER_MAC, "{server}");
        }
        Ok(())
    })
}

fn unreachable() -> Result<()> {
    let (balancer, _server) = pair()?;
    balancer.ip("route add blackhole 203.0.113.0/24")?;
    let rows = [
        ("127.0.0.1", Unresolved::OnThisHost),
        ("10.0.0.1", Unresolved::OnThisHost),
        ("198.18.0.1", Unresolved::NoRoute),
        ("203.0.113.1", Unresolved::NoRoute),
        ("10.0.0.9", Unresolved::NoNeighbour { neighbour: ip("10.0.0.9")?, link: "eth0".into() }),
        ("224.0.0.1", Unresolved::NoRoute),
    ];
    block_on(&balancer, async || {
        let watch = watch(&rows.each_ref().map(|row| row.0)).await?;
        for (server, reason) in rows {
            ensure!(watch.network().hop(ip(server)?) == Err(reason), "{server}");
        }
        Ok(())
    })
}

fn changes() -> Result<()> {
    let (balancer, server) = pair()?;
    block_on(&balancer, async || {
        let mut watch = watch(&["10.0.0.2", "192.0.2.7"]).await?;
        resolved(&mut watch, "10.0.0.2").await?;

        balancer.ip("route add 192.0.2.0/24 via 10.0.0.2")?;
        resolved(&mut watch, "192.0.2.7").await?;
        balancer.ip("route del 192.0.2.0/24")?;
        until(&mut watch, "192.0.2.7", |h| *h == Err(Unresolved::NoRoute)).await?;

        balancer.ip("neighbour replace 10.0.0.2 lladdr 02:00:00:00:00:09 dev eth0")?;
        let moved = |h: &Hop| matches!(h, Ok(h) if h.neighbour_mac.0[5] == 9);
        until(&mut watch, "10.0.0.2", moved).await?;

        balancer.address("eth0", "10.0.0.5/24")?;
        let added = ip("10.0.0.5")?;
        until_network(&mut watch, |n| n.local_addresses().any(|(_, a)| a == added)).await?;

        server.ip("link set eth0 down")?;
        until(&mut watch, "10.0.0.2", |h| matches!(h, Err(Unresolved::LinkDown(_)))).await?;
        balancer.ip("link del eth0")?;
        until(&mut watch, "10.0.0.2", |h| *h == Err(Unresolved::NoRoute)).await
    })
}

/// A neighbour's entry that no packet of the host's own uses would stay stale for ever.
fn unsure() -> Result<()> {
    let (balancer, _server) = pair()?;
    balancer.sysctl("net.ipv4.neigh.eth0.delay_first_probe_time", "0")?;
    balancer.ip("neighbour replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud stale")?;
    block_on(&balancer, async || {
        let mut watch = watch(&["10.0.0.2"]).await?;
        watch.confirm_neighbours().await;
        until_network(&mut watch, |n| n.to_confirm().is_empty()).await
    })
}
