//! The runtime socket, and taking a changed file.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::Side;
use lbx_tests::suite::Case;
use lbx_tests::wait;
use nix::sys::signal::Signal;

use crate::balancing::ROUND_ROBIN;
use crate::sample::{compared, start, template};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        compared("runtime::states_and_weights", ROUND_ROBIN, states),
        compared("runtime::figures", ROUND_ROBIN, figures),
        compared("runtime::prompt", ROUND_ROBIN, prompt),
        compared("runtime::sessions", ROUND_ROBIN, sessions),
        Case::new("runtime::reload_by_signal_and_by_command", &[], reload),
    ]
}

/// The servers that answer twelve requests.
fn answering(side: &mut Side) -> Result<()> {
    let mut http = side.connect("p80")?;
    let servers = (0..12).map(|_| Ok(http.get("/")?.text())).collect::<Result<BTreeSet<_>>>()?;
    side.note(format!("{servers:?}"));
    Ok(())
}

fn states(side: &mut Side) -> Result<()> {
    side.without_requests();
    side.without_log();
    for line in [
        "set server api_servers/api01 state drain",
        "set server api_servers/api02 state maint",
        "set server api_servers/api01 state ready",
        "enable server api_servers/api02",
        "disable server api_servers/api03",
        "set server api_servers/api03 state ready",
        "get weight api_servers/api03",
        "set weight api_servers/api03 50%",
        "get weight api_servers/api03",
        "set weight api_servers/api03 0",
        "set weight api_servers/api03 2",
        "set server api_servers/missing state ready",
    ] {
        side.command(line)?;
        answering(side)?;
    }
    Ok(())
}

/// The names of all figures, which tools look for.
fn figures(side: &mut Side) -> Result<()> {
    side.without_log();
    let stat = side.daemon.cli("show stat")?;
    // What HAProxy does not have stands behind all that it has.
    let heads = stat.lines().next().context("heads")?;
    side.note(heads.split("ttime_p50,").next().unwrap_or_default());
    for row in stat.lines().skip(1).filter(|row| !row.is_empty()) {
        side.note(row.split(',').take(2).collect::<Vec<_>>().join(","));
    }
    let info = side.daemon.cli("show info")?;
    let names: BTreeSet<&str> =
        info.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    for name in [
        "Name",
        "Version",
        "Release_date",
        "Nbproc",
        "Process_num",
        "Pid",
        "Uptime",
        "Uptime_sec",
        "Maxconn",
        "Ulimit-n",
        "Maxsock",
        "CurrConns",
        "CumConns",
        "CumReq",
        "ConnRate",
        "SessRate",
        "Tasks",
        "Run_queue",
        "Idle_pct",
        "node",
    ] {
        ensure!(names.contains(name), "{name} in {names:?}");
    }
    let state = side.daemon.cli("show servers state")?;
    for line in state.lines().filter(|line| !line.is_empty()) {
        // Names, states and weights; the columns behind have times and addresses.
        let columns = line.split(' ').enumerate().filter(|(at, _)| [1, 3, 5, 6, 7, 8].contains(at));
        side.note(columns.map(|(_, word)| word).collect::<Vec<_>>().join(" "));
    }
    let help = side.daemon.cli("help")?;
    for word in [
        "show info",
        "show stat",
        "show table",
        "show servers state",
        "show sess",
        "set server",
        "set weight",
        "get weight",
        "disable server",
        "enable server",
        "prompt",
        "help",
    ] {
        ensure!(help.contains(word), "{word} in {help}");
    }
    Ok(())
}

/// Several commands on one connection, as an operator types them.
fn prompt(side: &mut Side) -> Result<()> {
    let path = side.daemon.home().dir().join("sock");
    let mut socket = wait::value("the socket", wait::SOON, || UnixStream::connect(&path).ok())?;
    socket.set_read_timeout(Some(wait::SOON))?;
    socket
        .write_all(b"prompt\nget weight api_servers/api01; get weight api_servers/api03\nnonsense\nquit\n")?;
    let mut said = String::new();
    socket.read_to_string(&mut said)?;
    let known = said.split("Unknown command").next().unwrap_or_default();
    side.note(known);
    ensure!(known.contains("1 (initial 1)\n") && known.contains("2 (initial 2)\n"), "{said}");
    Ok(())
}

/// A request that is under way shows with where it comes from and where it goes.
fn sessions(side: &mut Side) -> Result<()> {
    side.without_requests();
    side.without_log();
    let mut http = side.connect("p80")?;
    http.send(b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n")?;
    let client = http.local_address()?;
    let wanted = [format!("src={client}"), "fe=http_in".into(), "be=api_servers".into(), "srv=api03".into()];
    wait::until("the session", wait::SOON, || {
        let said = side.daemon.cli("show sess").unwrap_or_default();
        said.lines().any(|line| wanted.iter().all(|word| line.contains(word)))
    })?;
    side.origins.get("s3").context("s3")?.release();
    ensure!(http.response_to("GET")?.status == 200);
    Ok(())
}

/// A changed file is taken while a request is under way; one that is wrong changes nothing.
fn reload() -> Result<()> {
    let side = start(ROUND_ROBIN, Program::Lbx)?;
    let wrong = format!("{}\nnonsense\n", template(ROUND_ROBIN));
    let fewer: String = template(ROUND_ROBIN)
        .lines()
        .filter(|line| !line.contains("api03"))
        .map(|l| format!("{l}\n"))
        .collect();
    let mut under_way = side.connect("p80")?;
    under_way.send(b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n")?;
    wait::until("the request", wait::SOON, || {
        side.origins.get("s3").is_some_and(|origin| origin.open() == 1)
    })?;
    side.daemon.rewrite(&wrong)?;
    side.daemon.signal(Signal::SIGUSR2)?;
    side.daemon.wait_output("nothing was changed")?;
    let said = side.daemon.cli("reload")?;
    ensure!(said.starts_with("Success=0"), "{said}");
    ensure!(side.daemon.cli("show stat")?.contains("api_servers,api03,"));
    side.daemon.rewrite(&fewer)?;
    side.daemon.signal(Signal::SIGUSR2)?;
    let gone = || side.daemon.cli("show stat").is_ok_and(|stat| !stat.contains("api_servers,api03,"));
    wait::until("the new file", wait::SOON, gone)?;
    side.origins.get("s3").context("s3")?.release();
    ensure!(under_way.response_to("GET")?.text() == "s3");
    ensure!(["s1", "s2"].contains(&&*under_way.get("/")?.text()), "the same connection, the new servers");
    side.daemon.rewrite(&template(ROUND_ROBIN))?;
    let said = side.daemon.cli("reload")?;
    ensure!(said.starts_with("Success=1"), "{said}");
    // A server that is added takes its part.
    let mut http = side.connect("p80")?;
    let turns = (0..8).map(|_| Ok(http.get("/")?.text())).collect::<Result<Vec<_>>>()?;
    ensure!(turns.iter().filter(|server| *server == "s3").count() == 4, "{turns:?}");
    Ok(())
}
