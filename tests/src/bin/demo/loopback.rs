//! User space alone, on loopback: what can be shown without privileges.

use anyhow::{Result, ensure};
use lbx_tests::client::From;
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::origin::Origin;
use lbx_tests::wait;

use crate::tell::{self, step};

const CONFIG: &str = include_str!("../../../../config/demo.cfg");

/// The sections of the configuration with the ports that they bind.
const SECTIONS: &[(&str, &str)] =
    &[("database", "10.1.0.1:5432"), ("relayed", "10.1.0.1:5433"), ("web", "10.1.0.1:8080")];

/// Shows everything; an error if something did not happen.
pub(crate) fn run() -> Result<()> {
    let databases = (1..=3).map(|i| Origin::tcp(&format!("db{i}"))).collect::<Result<Vec<_>>>()?;
    let webs = (1..=3).map(|i| Origin::http(&format!("web{i}"))).collect::<Result<Vec<_>>>()?;

    step("The daemon: lbx -f config/demo.cfg, with addresses of loopback");
    let daemon = setup(&databases, &webs)?.start()?;
    tell::quote(&daemon.output());

    for section in ["database", "relayed"] {
        step(&format!("TCP to the section `{section}`"));
        // All of loopback is ours to send from.
        let sources = (1..=30).map(|i| From::default().source([127, 0, 0, i].into()));
        let connections = tell::connect_all(sources, daemon.address(section))?;
        let spread = tell::spread(connections.iter().map(|echo| echo.server.clone()));
        tell::show("connections", &spread);
        ensure!(spread.len() == 3, "not every database was used");
    }

    step("HTTP to the section `web`");
    tell::browse(From::default(), daemon.address("web"))?;

    step("web2 dies");
    webs.iter().filter(|web| web.name() == "web2").for_each(Origin::die);
    wait::until("the checks to find out", wait::SOON, || {
        tell::browse_without(From::default(), daemon.address("web"), "web2").is_ok()
    })
}

/// The configuration with the addresses of these servers and of free ports.
fn setup(databases: &[Origin], webs: &[Origin]) -> Result<Setup<'static>> {
    let mut config = CONFIG.replace("/sys/fs/bpf/lbx-demo", "{pins}");
    for (section, address) in SECTIONS {
        config = config.replace(address, &format!("127.0.0.1:{{{section}}}"));
    }
    for (servers, port) in [(databases, 5432), (webs, 8080)] {
        for (server, number) in servers.iter().zip(11..) {
            config = config.replace(&format!("10.2.0.{number}:{port}"), &server.address().to_string());
        }
    }
    let setup = Setup::new(Program::Lbx, &config)?;
    Ok(SECTIONS.iter().fold(setup, |setup, (section, _)| setup.port(section)))
}
