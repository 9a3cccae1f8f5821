//! The daemon as a process of its host: in the background, and as an ordinary user in a chroot.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lbx_tests::client::Http;
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::origin::Origin;
use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};
use lbx_tests::wait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than a daemon takes to end on a machine that has other things to do.
const END: Duration = Duration::from_secs(30);

fn main() {
    suite::main(vec![
        Case::new("reload_in_a_chroot_as_an_ordinary_user", &[Need::Root], chroot),
        Case::new("background_and_pid_file", &[], background),
        Case::new("who_reads_its_output_may_leave", &[], unread),
    ]);
}

/// A configuration that listens on `{web}` and on what `more` says.
fn config(global: &str, more: &str) -> String {
    format!(
        "global\n    stats socket {{dir}}/sock level admin\n{global}\
         defaults\n    mode http\n    timeout connect 2s\n    timeout client 20s\n    timeout server 20s\n\
         listen web\n    bind 127.0.0.1:{{web}}\n{more}    server s1 {{s1}}\n"
    )
}

fn setup(global: &str, origin: &Origin) -> Result<Setup<'static>> {
    Ok(Setup::new(Program::Lbx, &config(global, ""))?.set("s1", origin.address()).port("web"))
}

/// A daemon that could open no file itself any more takes a changed configuration.
fn chroot() -> Result<()> {
    let global = "    chroot {dir}/root\n    user nobody\n    group nogroup\n    maxconn 100\n";
    let origin = Origin::http("s1")?;
    let setup = setup(global, &origin)?.port_for_later("other");
    fs::create_dir(setup.dir().join("root"))?;
    let daemon = setup.start()?;
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    ensure!(!status.contains("Uid:\t0"), "it runs as root: {status}");
    let root = fs::read_link(format!("/proc/{}/root", daemon.pid()))?;
    ensure!(root == daemon.home().dir().join("root"), "its root is {}", root.display());
    daemon.rewrite(&config(global, "    bind 127.0.0.1:{other}\n"))?;
    ensure!(daemon.cli("reload")?.contains("Success=1"), "{}", daemon.output());
    for port in ["other", "web"] {
        ensure!(Http::connect(daemon.address(port))?.get("/")?.text() == "s1", "port {port}");
    }
    Ok(())
}

/// Neither answers nor messages bring it down when nobody reads them any more.
fn unread() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("unread.cfg");
    let wrong = "frontend web\n    bind 127.0.0.1:80\n    default_backend none\n";
    for (text, status) in [("listen web\n    mode http\n    bind 127.0.0.1:80\n", 0), (wrong, 1)] {
        fs::write(&file, text)?;
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let mut lbx = Command::new(Program::Lbx.path()?);
        lbx.arg("-c").arg("-f").arg(&file).stdout(writer.try_clone()?).stderr(writer);
        let ended = lbx.status()?;
        ensure!(ended.code() == Some(status), "{ended} for {text:?}");
    }
    Ok(())
}

/// The process that was started says by its end that the one in the background is ready.
fn background() -> Result<()> {
    let origin = Origin::http("s1")?;
    let setup = setup("    daemon\n    pidfile {dir}/pid\n", &origin)?;
    let (home, web) = (setup.folders(), setup.address("web"));
    let ended = setup.run_to_end()?;
    ensure!(ended.status.success(), "{}: {}", ended.status, ended.output);
    let file = fs::read_to_string(home.dir().join("pid"))?;
    let pid = Pid::from_raw(file.trim().parse().context("the pid file")?);
    let answer = Http::connect(web).and_then(|mut http| http.get("/"));
    kill(pid, Signal::SIGTERM)?;
    ensure!(answer?.text() == "s1");
    wait::until("the daemon to end", END, || kill(pid, None).is_err())
}
