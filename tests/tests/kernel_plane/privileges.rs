//! A daemon that gives its privileges up, and the process that keeps them for the kernel plane.

use std::fs;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::Echo;
use lbx_tests::daemon::{Daemon, Home, Program, Setup};
use lbx_tests::lab::Family;
use lbx_tests::{load, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixture::Fixture;

/// What a daemon of a distribution has in its global section.
const GLOBAL: &str = "
global
    chroot {dir}/root
    pidfile {dir}/pid
    maxconn 500
    user nobody
    group nogroup
    daemon
";

fn config(fixture: &Fixture, extra: &str) -> String {
    format!("{GLOBAL}{}", fixture.config(&format!("    balance roundrobin\n{extra}"), "check"))
}

fn setup<'a>(fixture: &'a Fixture, home: Option<&Home>) -> Result<Setup<'a>> {
    let setup = Setup::new(Program::Lbx, &config(fixture, ""))?.set("mode", "auto");
    let setup = setup.netns(&fixture.lab.balancer).ready_on(fixture.service());
    let setup = match home {
        Some(home) => setup.home(home),
        None => setup,
    };
    fs::create_dir_all(setup.dir().join("root"))?;
    Ok(setup)
}

fn start(fixture: &Fixture, home: Option<&Home>) -> Result<Daemon> {
    // In the foreground, so that it is the process that was started.
    fixture.start_in_kernel(setup(fixture, home)?.argument("-db"))
}

/// Whether nothing of the kernel plane is left.
fn is_gone(fixture: &Fixture, home: &Home) -> bool {
    let attached =
        |device| fixture.lab.balancer.ip(&format!("link show {device}")).unwrap_or_default().contains("xdp");
    !home.pins().exists() && !attached("front") && !attached("back")
}

/// Forwarded in the kernel, through a reload, a kill, a restart and a stop.
pub(crate) fn chroot() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = start(&fixture, None)?;
    let home = daemon.home().clone();
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    ensure!(!status.contains("Uid:\t0"), "it runs as root: {status}");
    daemon.rewrite(&config(&fixture, "    bind 10.1.0.1:81\n"))?;
    daemon.signal(Signal::SIGUSR2)?;
    daemon.wait_output("the new configuration is in place")?;
    let other = ([10, 1, 0, 1], 81).into();
    wait::until("flows through the new listener", wait::SOON, || {
        let before = fixture.flows(&home).unwrap_or_default();
        let connection = Echo::connect(fixture.lab.from_client(), other);
        connection.is_ok() && fixture.flows(&home).is_ok_and(|after| after > before)
    })?;
    let mut talkers = (0..10).map(|_| fixture.connect()).collect::<Result<Vec<_>>>()?;
    daemon.kill()?;
    load::talk(&mut talkers, std::time::Duration::from_secs(1)).context("without a daemon")?;
    fixture.connect().context("a new connection without a daemon")?.check(b"hello")?;
    let mut next = start(&fixture, Some(&home))?;
    // Flows are there without it: this is what says that it serves.
    next.wait_output("took over the link to front")?;
    load::talk(&mut talkers, std::time::Duration::from_secs(1)).context("with the next daemon")?;
    ensure!(fixture.flows(&home)? >= 2 * talkers.len(), "the next daemon keeps the flows");
    next.signal(Signal::SIGTERM)?;
    next.wait_end(wait::SOON)?;
    ensure!(is_gone(&fixture, &home), "{}", next.output());
    Ok(())
}

/// The process that was started ends, and nobody holds its terminal.
pub(crate) fn background() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let setup = setup(&fixture, None)?;
    let home = setup.folders();
    let ended = setup.run_to_end()?;
    ensure!(ended.status.success(), "{}: {}", ended.status, ended.output);
    let pid: i32 = fs::read_to_string(home.dir().join("pid"))?.trim().parse().context("the pid file")?;
    let served = wait::until("a flow in the kernel", wait::SOON, || {
        fixture.connect().is_ok() && fixture.flows(&home).is_ok_and(|flows| flows > 0)
    });
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    served?;
    wait::until("the kernel plane to be gone", wait::SOON, || is_gone(&fixture, &home))
}

/// Without its steward the daemon can change nothing any more, and says so. What is pinned goes on.
pub(crate) fn steward_killed() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("    balance roundrobin\n", "check")?;
    let mut open = fixture.connect()?;
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.pid()))?;
    let steward: i32 = children.trim().parse().with_context(|| format!("one child: {children:?}"))?;
    kill(Pid::from_raw(steward), Signal::SIGTERM)?;
    open.check(b"it ends with the daemon only")?;
    kill(Pid::from_raw(steward), Signal::SIGKILL)?;
    daemon.wait_output("the kernel plane's process has ended by SIGKILL")?;
    open.check(b"still forwarded")?;
    let before = fixture.flows(daemon.home())?;
    fixture.connect()?.check(b"new ones too")?;
    ensure!(fixture.flows(daemon.home())? > before, "the kernel opens flows");
    Ok(())
}
