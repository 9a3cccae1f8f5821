//! The daemon's own commands, on the pinned maps.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lbx_tests::client::{Echo, From};
use lbx_tests::daemon::{Daemon, Home, Program};
use lbx_tests::lab::Family;
use lbx_tests::{maps, wait};
use serde_json::Value;

use crate::fixture::Fixture;

const BY_SOURCE: &str = "    balance source\n    hash-type consistent\n";

/// `lbx` with these words, in the balancer's namespace, on the pins of `home`.
fn lbx(fixture: &Fixture, home: &Home, words: &str) -> Result<Command> {
    let mut command = fixture.lab.balancer.command(&Program::Lbx.path()?.display().to_string());
    command.args(words.split_whitespace()).arg("--pins").arg(home.pins());
    Ok(command)
}

fn run(fixture: &Fixture, home: &Home, words: &str) -> Result<Output> {
    lbx(fixture, home, words)?.output().with_context(|| words.to_owned())
}

/// What it prints, if it succeeds.
fn text(fixture: &Fixture, home: &Home, words: &str) -> Result<String> {
    let output = run(fixture, home, words)?;
    if !output.status.success() {
        bail!("lbx {words}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The JSON that it prints, one value a line.
fn json(fixture: &Fixture, home: &Home, words: &str) -> Result<Vec<Value>> {
    let text = text(fixture, home, &format!("{words} --json"))?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// Interfaces, services with reasons, and servers.
pub(crate) fn status() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("", "")?;
    let mut open = fixture.connect()?;
    open.check(b"hello")?;
    let status = json(&fixture, daemon.home(), "xdp status")?.pop().context("no status")?;
    let names: Vec<_> =
        status["interfaces"].as_array().into_iter().flatten().map(|i| i["name"].clone()).collect();
    ensure!(names == ["back", "front"] && status["daemon"] == true, "{status}");
    let service = &status["services"][0];
    ensure!(service["frontend"] == "service" && service["addresses"][0] == "10.1.0.1:80", "{service}");
    let reasons = service["reasons"].as_array().context("no reasons")?;
    let opened = reasons.iter().find(|count| count["reason"] == "opened").context("none was opened")?;
    ensure!(opened["packets"].as_u64() > Some(0), "{opened}");
    let servers = status["servers"].as_array().context("no servers")?;
    ensure!(servers.len() == 3 && servers.iter().all(|s| s["next_hop"].is_string()), "{status}");
    let table = text(&fixture, daemon.home(), "xdp status")?;
    for part in ["FRONTEND", "service/s1", "Forwarded: it opened a flow", "a daemon follows it up"] {
        ensure!(table.contains(part), "{part} in\n{table}");
    }
    Ok(())
}

/// `show sess` lists connections in the kernel beside those in user space, and `show stat` counts them.
pub(crate) fn sessions() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("", "")?;
    let mut open = fixture.connect()?;
    open.check(b"hello")?;
    let local = open.local_address()?;
    let sessions = daemon.cli("show sess")?;
    let line = sessions.lines().find(|line| line.contains(&format!("src={local} ")));
    let line = line.with_context(|| sessions.clone())?;
    ensure!(line.contains(&format!("fe=service be=service srv={} ", open.server)), "{line}");
    wait::until("the session to be counted", wait::SOON, || {
        daemon.cli("show stat").is_ok_and(|stat| {
            let frontend = stat.lines().find(|line| line.starts_with("service,FRONTEND,"));
            frontend.and_then(|line| line.split(',').nth(4)) == Some("1")
        })
    })?;
    drop(open);
    wait::until("the session to be gone", wait::SOON, || {
        daemon.cli("show sess").is_ok_and(|sessions| !sessions.contains(&local.to_string()))
    })
}

/// The connections of a client, and how many there are of each kind.
pub(crate) fn flows() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let fixture = Fixture::echo(family)?;
        let daemon = fixture.start("", "")?;
        let from = From::netns(&fixture.lab.client).source(family.source(3));
        let mut open = Echo::connect(from, fixture.service())?;
        open.check(b"hello")?;
        let found = json(&fixture, daemon.home(), &format!("xdp flows --client {}", family.source(3)))?;
        let [flow] = &found[..] else { bail!("{found:?}") };
        ensure!(flow["client"] == open.local_address()?.to_string() && flow["state"] == "open", "{flow}");
        ensure!(flow["server"] == open.server && flow["frontend"] == "service", "{flow}");
        ensure!(flow["age"].as_f64().is_some_and(|age| (0.0..60.0).contains(&age)), "{flow}");
        let others = json(&fixture, daemon.home(), "xdp flows --backend other")?;
        ensure!(others.is_empty(), "{others:?}");
        let counted =
            json(&fixture, daemon.home(), "xdp flows --count --state open")?.pop().context("no counts")?;
        ensure!(counted[0]["flows"] == 1 && counted[0]["server"] == open.server, "{counted}");
        let table = text(&fixture, daemon.home(), "xdp flows --limit 1")?;
        ensure!(table.lines().count() == 2 && table.starts_with("PROTO"), "{table}");
    }
    Ok(())
}

/// What is explained is what happens, and both planes say the same.
pub(crate) fn explain() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start(BY_SOURCE, "")?;
    let socket = daemon.home().dir().join("sock").display().to_string();
    for number in 0..5 {
        let client = Family::V4.source(number);
        let words = format!("explain {client} {} --socket {socket}", fixture.service());
        // The way to this client's server may become known a moment after the way to the first one.
        let both = wait::value("the kernel to forward", wait::SOON, || {
            let both = json(&fixture, daemon.home(), &words).ok()?.pop()?;
            (both["kernel"]["verdict"] == "forward").then_some(both)
        })?;
        let kernel = &both["kernel"];
        ensure!(kernel["reason"] == "opened", "{both}");
        let echo = Echo::connect(fixture.lab.from_client().source(client), fixture.service())?;
        ensure!(kernel["target"]["server"] == echo.server, "{both}, and it was {}", echo.server);
        let user = both["user"].to_string();
        ensure!(user.contains(&format!("server service/{},", echo.server)), "{user}");
        let open = echo.local_address()?;
        let again = json(&fixture, daemon.home(), &format!("explain {open} {}", fixture.service()))?;
        ensure!(again[0]["kernel"]["open"]["server"] == echo.server, "{again:?}");
    }
    let nobody = text(&fixture, daemon.home(), "explain 10.1.0.2 10.1.0.1:99")?;
    ensure!(nobody.contains("pass (no_service"), "{nobody}");
    let mixed = run(&fixture, daemon.home(), "explain 10.1.0.2 [::1]:80")?;
    ensure!(!mixed.status.success(), "families that don't fit");
    Ok(())
}

/// Decisions as they are made, of the kind that was asked for, and nothing once nobody asks.
pub(crate) fn trace() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("", "")?;
    let client = Family::V4.source(7);
    let words =
        format!("trace --frontend service --address {client} --reason opened --reason to_client -n 2 --json");
    let mut child = lbx(&fixture, daemon.home(), &words)?.stdout(Stdio::piped()).spawn()?;
    let asked = || filter(daemon.home()).is_ok_and(|until| until > 0);
    wait::until("the filter", wait::SOON, asked)?;
    fixture.connect()?.check(b"of another client")?;
    let echo = Echo::connect(fixture.lab.from_client().source(client), fixture.service())?;
    let ended =
        wait::until("the trace to end", wait::SOON, || child.try_wait().is_ok_and(|ended| ended.is_some()));
    let _ = child.kill();
    let output = String::from_utf8(child.wait_with_output()?.stdout)?;
    ended.with_context(|| output.clone())?;
    let lines: Vec<Value> = output.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let [opened, answered] = &lines[..] else { bail!("{output}") };
    let local = echo.local_address()?.to_string();
    for line in &lines {
        ensure!(line["client"] == local && line["service_address"] == "10.1.0.1:80", "{line}");
        ensure!(line["server"][1] == echo.server && line["verdict"] == "forward", "{line}");
    }
    ensure!(opened["reason"] == "opened" && opened["flags"] == "S", "{opened}");
    ensure!(answered["reason"] == "to_client" && answered["direction"] == "to-client", "{answered}");
    ensure!(filter(daemon.home())? == 0, "the packet path is left alone again");
    Ok(())
}

/// Until when decisions are reported.
fn filter(home: &Home) -> Result<u64> {
    let filter = maps::dump(home.pins(), "TRACE")?.pop().context("no filter")?;
    filter["value"]["until"].as_u64().with_context(|| filter.to_string())
}

/// By hand, where there is no daemon; and not where there is one.
pub(crate) fn by_hand() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon = fixture.start("", "")?;
    let home = daemon.home().clone();
    let refused = run(&fixture, &home, "xdp detach front")?;
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("a daemon follows this kernel plane up"));
    let mut open = fixture.connect()?;
    daemon.kill()?;
    let attached =
        |device| fixture.lab.balancer.ip(&format!("link show {device}")).is_ok_and(|l| l.contains("xdp"));
    wait::until("the steward to end", wait::SOON, || {
        run(&fixture, &home, "xdp detach front back").is_ok_and(|output| output.status.success())
    })?;
    ensure!(!attached("front") && !attached("back"), "it is detached");
    let done = text(&fixture, &home, "xdp attach front back")?;
    ensure!(done.contains("front: attached, native") && attached("front") && attached("back"), "{done}");
    open.check(b"goes on")?;
    let stranger = run(&fixture, &home, "xdp attach nowhere")?;
    ensure!(String::from_utf8_lossy(&stranger.stderr).contains("there is no such interface"));
    Ok(())
}

/// What is wrong is found, and it is said how to mend it.
pub(crate) fn doctor() -> Result<()> {
    let mut fixture = Fixture::echo(Family::V4)?;
    let well = fixture.start("", "")?;
    let findings = json(&fixture, well.home(), "doctor")?.pop().context("no findings")?;
    let of = |findings: &Value, what: &str, part: &str| {
        let all = findings.as_array().into_iter().flatten();
        all.filter(|f| f["what"] == what)
            .find(|f| f["text"].as_str().is_some_and(|t| t.contains(part)))
            .cloned()
    };
    ensure!(findings.as_array().into_iter().flatten().all(|f| f["health"] != "bad"), "{findings}");
    ensure!(of(&findings, "front", "the program is in the driver").is_some(), "{findings}");
    let veth = of(&findings, "front", "a veth").context("no word of the veth")?;
    ensure!(veth["mend"].as_str().is_some_and(|mend| mend.contains("ethtool -K PEER gro on tx off")));
    drop(well);
    // A server that nobody answers for, and an interface that is not there.
    fixture.origins.truncate(1);
    let ill = fixture.start("    server gone 10.2.0.99:80\n", "")?;
    fixture.lab.balancer.sysctl("net.ipv4.conf.front.rp_filter", "1")?;
    let output = run(&fixture, ill.home(), "doctor nowhere --json")?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    let findings: Value = serde_json::from_slice(&output.stdout)?;
    for (what, part, mend) in [
        ("nowhere", "no such interface", "xdp-interface"),
        ("service/gone", "next hop is not known", "ip neigh"),
        ("front", "rp_filter is strict", "rp_filter=2"),
    ] {
        let found = of(&findings, what, part).with_context(|| format!("{part} in {findings}"))?;
        ensure!(found["mend"].as_str().is_some_and(|text| text.contains(mend)), "{found}");
    }
    Ok(())
}

/// Without a kernel plane, commands say so.
pub(crate) fn without() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let home = Home::new()?;
    for words in ["xdp status", "xdp flows", "xdp detach", "trace", "explain 10.0.0.1 10.0.0.2:80"] {
        let output = run(&fixture, &home, words)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && said.contains("there is no kernel plane"), "{words}: {said}");
    }
    Ok(())
}

/// A tracer that is killed leaves nothing behind for long.
pub(crate) fn trace_killed() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let daemon: Daemon = fixture.start("", "")?;
    let mut child = lbx(&fixture, daemon.home(), "trace")?.stdout(Stdio::null()).spawn()?;
    wait::until("the filter", wait::SOON, || filter(daemon.home()).is_ok_and(|until| until > 0))?;
    child.kill()?;
    child.wait()?;
    // Longer than the lease.
    std::thread::sleep(Duration::from_secs(6));
    let now = || -> Result<u64> {
        // Any command that asks for the time lets the clock's program run.
        text(&fixture, daemon.home(), "xdp flows --limit 1")?;
        let clock = maps::dump(daemon.home().pins(), "CLOCK")?.pop().context("no clock")?;
        Ok(clock["value"].as_u64().with_context(|| clock.to_string())? & u64::from(u32::MAX))
    };
    let until = filter(daemon.home())?;
    ensure!(now()?.wrapping_sub(until) & u64::from(u32::MAX) < 1 << 31, "the lease is over");
    Ok(())
}

/// Each map as bpftool shows it: by the names of its fields.
pub(crate) fn dumps() -> Result<()> {
    const TUPLE: &[&str] = &["src", "dst", "dst_port", "src_port", "protocol"];
    const FLOW: &[&str] = &["src", "dst", "hop", "bytes", "packets", "last", "state", "service", "server"];
    const ADDRESS: &[&str] = &["address", "port", "protocol"];
    const SERVICE: &[&str] = &["id", "algorithm", "mode", "flags", "maxconn"];
    const SERVER: &[&str] = &["address", "source", "hop", "port", "maxconn", "vlan", "weight", "state"];
    const RATES: &[&str] = &["connections", "connection_rate"];
    /// The fields of a map's keys and of its values.
    type Fields = (&'static str, &'static [&'static str], &'static [&'static str]);
    const MAPS: &[Fields] = &[
        ("SERVICES", ADDRESS, SERVICE),
        ("SERVICES6", ADDRESS, SERVICE),
        ("SERVERS", &[], SERVER),
        ("SERVER_LOAD", &[], &["opened", "closed"]),
        ("SERVICE_LOAD", &[], &["opened", "closed", "turn"]),
        ("FLOWS", TUPLE, FLOW),
        ("FLOWS6", TUPLE, FLOW),
        ("RULES", &[], &["op", "table", "yes", "no"]),
        ("RULE_COUNTERS", &[], &["packets", "bytes"]),
        ("TRACKED", &[], &["periods", "tables"]),
        ("SOURCES", &["prefix_len", "data"], &[]),
        ("SOURCES6", &["prefix_len", "data"], &[]),
        ("RATES", &["source"], RATES),
        ("RATES6", &["source"], RATES),
        ("HOST_RATES", &["source"], RATES),
        ("HOST_RATES6", &["source"], RATES),
        ("COUNTERS", &[], &["to_server", "no_server", "table_full"]),
        ("SERVER_COUNTERS", &[], &["to_server", "to_client"]),
        ("LABELS", &[], &["proxy", "server", "address", "port"]),
        ("TRACE", &[], &["until", "service", "port", "reasons"]),
    ];
    /// Numbers, and what the kernel keeps no types of: queues, ring buffers, programs, and tables of tables.
    const PLAIN: &[&str] = &["TABLES", "STAGES", "CLOCK", "EVENTS", "TRACES", "RETIRED", "RETIRED6"];
    for name in lb_common::names::PINNED {
        ensure!(
            PLAIN.contains(name) || MAPS.iter().any(|(known, ..)| known == name),
            "{name} is not looked at"
        );
    }
    for family in [Family::V4, Family::V6] {
        let fixture = Fixture::echo(family)?;
        let daemon = fixture.start("", "")?;
        let mut open = fixture.connect()?;
        open.check(b"hello")?;
        for map in MAPS {
            dump(daemon.home(), *map).with_context(|| map.0)?;
        }
    }
    Ok(())
}

/// The names of fields in what bpftool prints of a map: of its first entry or, where there is none, of its types.
fn dump(home: &Home, (name, keys, values): (&str, &[&str], &[&str])) -> Result<()> {
    let entries = maps::dump(home.pins(), name)?;
    let Some(entry) = entries.first() else {
        let path = home.pins().join(name).display().to_string();
        let types = maps::bpftool(&["btf", "dump", "map", "pinned", &path, "kv"])?;
        let missing = keys.iter().chain(values).find(|field| !types.contains(&format!("'{field}'")));
        ensure!(missing.is_none(), "{missing:?} in {types}");
        return Ok(());
    };
    let one = entry["values"].get(0).unwrap_or(entry);
    for (part, wanted) in [(&entry["key"], keys), (&one["value"], values)] {
        let missing = wanted.iter().find(|field| part.get(**field).is_none());
        ensure!(missing.is_none(), "{missing:?} in {entry}");
    }
    Ok(())
}
