//! Signals: how the daemon reloads and how it ends.

use anyhow::{Result, ensure};
use lbx_tests::client::{self, Echo, From, Http};
use lbx_tests::daemon::Daemon;
use lbx_tests::origin::Origin;
use lbx_tests::wait;
use nix::sys::signal::Signal;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;

use crate::{DEFAULTS, lbx};

const ONE: &str = "
listen relay
    mode tcp
    bind 127.0.0.1:{relay}
    server s1 {s1}
";

/// The same address, another server.
const OTHER: &str = "
listen relay
    mode tcp
    bind 127.0.0.1:{relay}
    server s2 {s2}
";

/// Two echo servers, and a daemon that uses the first.
fn start() -> Result<(Origin, Origin, Daemon)> {
    let (s1, s2) = (Origin::tcp("s1")?, Origin::tcp("s2")?);
    let setup = lbx(ONE)?.port("relay").port("web").set("s1", s1.address()).set("s2", s2.address());
    let mut daemon = setup.spawn()?;
    daemon.wait_port("relay")?;
    Ok((s1, s2, daemon))
}

fn connect(daemon: &Daemon) -> Result<Echo> {
    Echo::connect(From::default(), daemon.address("relay"))
}

fn reload(daemon: &Daemon, sections: &str, says: &str) -> Result<()> {
    daemon.rewrite(&format!("{DEFAULTS}{sections}"))?;
    daemon.signal(Signal::SIGUSR2)?;
    daemon.wait_output(says)
}

/// Connections stay where they are, new ones follow the new configuration.
pub(crate) fn reload_keeps_connections() -> Result<()> {
    let (_s1, _s2, daemon) = start()?;
    let mut before = connect(&daemon)?;
    reload(&daemon, OTHER, "the new configuration is in place")?;
    ensure!(connect(&daemon)?.server == "s2");
    before.check(b"still there")?;
    ensure!(before.server == "s1");
    Ok(())
}

/// A reload may bring listeners and take them away.
pub(crate) fn reload_changes_listeners() -> Result<()> {
    let (_s1, _s2, mut daemon) = start()?;
    let web = Origin::http("web")?;
    let section =
        format!("listen web\n    mode http\n    bind 127.0.0.1:{{web}}\n    server w {}\n", web.address());
    reload(&daemon, &section, "the new configuration is in place")?;
    daemon.wait_port("web")?;
    ensure!(client::get(From::default(), daemon.address("web"), "/")?.origin() == "web");
    wait::until("the old address to be closed", wait::SOON, || connect(&daemon).is_err())
}

/// A configuration that is wrong or cannot be served changes nothing, and says where it is wrong.
pub(crate) fn reload_fails_safely() -> Result<()> {
    let (s1, _s2, daemon) = start()?;
    let mut before = connect(&daemon)?;
    reload(&daemon, &format!("{OTHER}    nonsense\n"), "nonsense")?;
    daemon.wait_output("nothing was changed")?;
    // The address of an origin is taken.
    let taken = format!("{OTHER}    bind {}\n", s1.address());
    reload(&daemon, &taken, "in use")?;
    before.check(b"still there")?;
    ensure!(connect(&daemon)?.server == "s1");
    Ok(())
}

/// SIGUSR1: what is open goes on to its end, nothing new is accepted, and then the process ends.
pub(crate) fn soft_stop() -> Result<()> {
    let (_s1, _s2, mut daemon) = start()?;
    let mut open = connect(&daemon)?;
    daemon.signal(Signal::SIGUSR1)?;
    wait::until("the address to be closed", wait::SOON, || connect(&daemon).is_err())?;
    open.check(b"still there")?;
    drop(open);
    ensure!(daemon.wait_end(wait::SOON)?.success());
    Ok(())
}

/// SIGTTOU and SIGTTIN: what is open goes on, nothing new is accepted, also after a reload, and then it is again.
pub(crate) fn pause() -> Result<()> {
    let (_s1, _s2, mut daemon) = start()?;
    let mut open = connect(&daemon)?;
    open.check(b"there")?;
    daemon.signal(Signal::SIGTTOU)?;
    daemon.wait_output("Paused frontend relay")?;
    let refused = || {
        let connected = std::net::TcpStream::connect(daemon.address("relay"));
        connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    wait::until("connections to be refused", wait::SOON, refused)?;
    open.check(b"still there")?;
    daemon.signal(Signal::SIGUSR2)?;
    daemon.wait_output("the new configuration is in place")?;
    ensure!(refused());
    open.check(b"still there")?;
    daemon.signal(Signal::SIGTTIN)?;
    // Twice as many as there are workers, and of those each gets some.
    wait::until("connections to be taken", wait::SOON, || connect(&daemon).is_ok())?;
    for _ in 0..16 {
        connect(&daemon)?.check(b"served again")?;
    }
    daemon.signal(Signal::SIGTTOU)?;
    wait::until("connections to be refused", wait::SOON, refused)?;
    daemon.signal(Signal::SIGTTIN)?;
    wait::until("connections to be taken", wait::SOON, || connect(&daemon).is_ok())?;
    connect(&daemon)?.check(b"and again")?;
    daemon.signal(Signal::SIGTERM)?;
    ensure!(daemon.wait_end(wait::SOON)?.signal() == Some(Signal::SIGTERM as i32));
    Ok(())
}

/// SIGUSR1 with HTTP: a request that is being served is served, and its connection is closed behind it.
pub(crate) fn soft_stop_http() -> Result<()> {
    let origin = Origin::http("s1")?;
    let config = "listen web\n    mode http\n    bind 127.0.0.1:{web}\n    server s1 {s1}\n";
    let mut daemon = lbx(config)?.port("web").set("s1", origin.address()).start()?;
    let mut http = Http::connect(daemon.address("web"))?;
    http.send(b"GET /delay/1000 HTTP/1.1\r\nhost: a\r\n\r\n")?;
    wait::until("the request to arrive", wait::SOON, || origin.open() == 1)?;
    daemon.signal(Signal::SIGUSR1)?;
    ensure!(http.response_to("GET")?.text() == "s1");
    ensure!(http.read_to_end()?.is_empty());
    ensure!(daemon.wait_end(wait::SOON)?.success());
    Ok(())
}

/// SIGTERM: at once, by the signal's own death.
pub(crate) fn hard_stop() -> Result<()> {
    let (_s1, _s2, mut daemon) = start()?;
    let mut open = connect(&daemon)?;
    daemon.signal(Signal::SIGTERM)?;
    let status = daemon.wait_end(wait::SOON)?;
    ensure!(status.signal() == Some(libc::SIGTERM), "{status}");
    ensure!(open.check(b"no more").is_err());
    Ok(())
}
