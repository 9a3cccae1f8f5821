//! What these tests have in common: the network, three echo servers, a daemon in front of them.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use lbx_tests::client::Echo;
use lbx_tests::daemon::{self, Daemon, Home, Program, Setup};
use lbx_tests::lab::{Family, Lab};
use lbx_tests::origin::Origin;
use lbx_tests::{maps, wait};

/// Attached on both sides: packets of either direction arrive on one of them.
const GLOBAL: &str = "
global
    stats socket {dir}/sock level admin
    xdp-interface front {mode}
    xdp-interface back {mode}
    xdp-pin-path {pins}
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout check 1s
    default-server inter 200ms fall 5 rise 2
";

/// Port of the service in every test.
const PORT: u16 = 80;

/// A network with servers and a daemon between them.
pub(crate) struct Fixture {
    pub(crate) lab: Lab,
    pub(crate) family: Family,
    pub(crate) origins: Vec<Origin>,
}

impl Fixture {
    /// Three echo servers, `s1` to `s3`.
    pub(crate) fn echo(family: Family) -> Result<Self> {
        let lab = Lab::new()?;
        let origins = (1..=3).map(|i| lab.tcp(family, i)).collect::<Result<_>>()?;
        Ok(Self { lab, family, origins })
    }

    /// Three web servers, `s1` to `s3`.
    pub(crate) fn http(family: Family) -> Result<Self> {
        let lab = Lab::new()?;
        let origins = (1..=3).map(|i| lab.http(family, i)).collect::<Result<_>>()?;
        Ok(Self { lab, family, origins })
    }

    /// Where clients connect to.
    pub(crate) fn service(&self) -> SocketAddr {
        SocketAddr::new(self.family.service(), PORT)
    }

    /// A configuration whose one `listen` section has the lines `extra` and all servers, each with `server_words`.
    pub(crate) fn config(&self, extra: &str, server_words: &str) -> String {
        let bind = match self.family {
            Family::V4 => self.service().to_string(),
            Family::V6 => format!("[{}]:{PORT}", self.family.service()),
        };
        let mut config = format!("{GLOBAL}\nlisten service\n    bind {bind}\n{extra}\n");
        for origin in &self.origins {
            config.push_str(&format!("    server {} {} {server_words}\n", origin.name(), origin.address()));
        }
        config
    }

    /// A daemon with that configuration.
    pub(crate) fn setup(&self, extra: &str, server_words: &str) -> Result<Setup<'_>> {
        self.setup_with(&self.config(extra, server_words))
    }

    /// A daemon with this configuration.
    pub(crate) fn setup_with(&self, config: &str) -> Result<Setup<'_>> {
        let setup = Setup::new(Program::Lbx, config)?.set("mode", "auto");
        Ok(setup.netns(&self.lab.balancer).ready_on(self.service()))
    }

    /// Starts a daemon and waits until the kernel serves.
    pub(crate) fn start(&self, extra: &str, server_words: &str) -> Result<Daemon> {
        self.start_in_kernel(self.setup(extra, server_words)?)
    }

    /// Starts a daemon and waits until the kernel serves: the first connections may fall through, because the next
    /// hops are not known yet.
    pub(crate) fn start_in_kernel(&self, setup: Setup<'_>) -> Result<Daemon> {
        // Addresses are bound before the verifier looks at the programs, which takes a while on a busy machine.
        let daemon = setup.start()?;
        let served = wait::until("a flow in the kernel", daemon::START, || {
            self.probe().is_ok() && self.flows(daemon.home()).is_ok_and(|flows| flows > 0)
        });
        served.with_context(|| daemon.output())?;
        Ok(daemon)
    }

    /// Opens a connection from the client's first address to an echo server.
    pub(crate) fn connect(&self) -> Result<Echo> {
        Echo::connect(self.lab.from_client(), self.service())
    }

    /// Servers whose next hop the kernel plane knows.
    pub(crate) fn reachable(&self, home: &Home) -> Result<usize> {
        let known = |entry: &serde_json::Value| {
            entry["value"]["hop"]["ifindex"].as_u64().is_some_and(|index| index > 0)
        };
        Ok(maps::dump(home.pins(), "SERVERS")?.iter().filter(|entry| known(entry)).count())
    }

    fn probe(&self) -> Result<()> {
        lbx_tests::client::connect(self.lab.from_client(), self.service()).map(drop)
    }

    /// Entries in the map of flows, two for each connection.
    pub(crate) fn flows(&self, home: &Home) -> Result<usize> {
        let map = match self.family {
            Family::V4 => "FLOWS",
            Family::V6 => "FLOWS6",
        };
        maps::count(home.pins(), map)
    }
}
