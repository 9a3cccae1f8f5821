//! Reloads: what the kernel does with flows that are open.

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::Daemon;
use lbx_tests::lab::Family;
use lbx_tests::wait;
use nix::sys::signal::Signal;

use crate::fixture::Fixture;

const BALANCE: &str = "    balance roundrobin\n";

fn reload(daemon: &Daemon, config: &str) -> Result<()> {
    daemon.rewrite(config)?;
    daemon.signal(Signal::SIGUSR2)?;
    daemon.wait_output("the new configuration is in place")
}

/// A server that leaves the configuration gets nothing new; its connections go on.
pub(crate) fn server_removed() -> Result<()> {
    let mut fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start(BALANCE, "")?;
    let mut open = (0..6).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    let gone = fixture.origins.remove(0);
    reload(&daemon, &fixture.config(BALANCE, ""))?;
    for connection in &mut open {
        connection.check(b"still there").with_context(|| connection.server.clone())?;
    }
    ensure!(open.iter().any(|connection| connection.server == gone.name()), "one of six went there");
    for _ in 0..12 {
        ensure!(fixture.connect()?.server != gone.name(), "a new connection to a server that is gone");
    }
    let flows = fixture.flows(daemon.home())?;
    ensure!(flows >= 2 * (6 + 12), "the kernel serves: {flows} entries");
    Ok(())
}

/// `no option xdp` moves a proxy to user space; connections that the kernel has go on there.
pub(crate) fn moved_to_user_space() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start(BALANCE, "")?;
    let mut open = fixture.connect()?;
    reload(&daemon, &fixture.config(&format!("{BALANCE}    no option xdp\n"), ""))?;
    // The maps follow on a thread of their own.
    wait::until("a connection through user space", wait::SOON, || {
        let before = fixture.flows(daemon.home()).unwrap_or_default();
        let connection = fixture.connect();
        connection.is_ok() && fixture.flows(daemon.home()).is_ok_and(|after| after <= before)
    })?;
    open.check(b"still there")
}

/// A new listener is served by the kernel like the first.
pub(crate) fn listener_added() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start(BALANCE, "")?;
    reload(&daemon, &fixture.config(&format!("{BALANCE}    bind 10.1.0.1:81\n"), ""))?;
    let other = ([10, 1, 0, 1], 81).into();
    wait::until("flows through the new listener", wait::SOON, || {
        let before = fixture.flows(daemon.home()).unwrap_or_default();
        let connection = lbx_tests::client::Echo::connect(fixture.lab.from_client(), other);
        connection.is_ok() && fixture.flows(daemon.home()).is_ok_and(|after| after > before)
    })
}
