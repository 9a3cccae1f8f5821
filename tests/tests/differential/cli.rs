//! The runtime socket: what commands answer, and what they do to the traffic.

use std::collections::BTreeSet;

use anyhow::Result;
use lbx_tests::oracle::{STATUS, Side};

pub(crate) const CONFIG: &str = "
global
    stats socket {dir}/sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 1s
frontend fe
    bind 127.0.0.1:{web}
    default_backend be
backend be
    balance roundrobin
    server s1 {s1}
    server s2 {s2}
    server s3 {s3} disabled
";

/// Commands, each followed by requests that show what it did: which servers answer, whatever their turn was before.
fn commands(side: &mut Side, lines: &[&str]) -> Result<()> {
    side.without_requests();
    for line in lines {
        side.command(line)?;
        let mut http = side.connect("web")?;
        let servers =
            (0..12).map(|_| Ok(http.get("/")?.origin().to_owned())).collect::<Result<BTreeSet<_>>>()?;
        side.note(format!("answered by {servers:?}"));
    }
    Ok(())
}

pub(crate) fn states(side: &mut Side) -> Result<()> {
    commands(
        side,
        &[
            "show backend",
            "disable server be/s1",
            "enable server be/s3",
            "set server be/s2 state drain",
            "set server be/s1 state ready",
            "set server be/s2 state maint",
            "set server be/s2 state ready",
        ],
    )
}

pub(crate) fn weights(side: &mut Side) -> Result<()> {
    commands(
        side,
        &[
            "get weight be/s1",
            "set weight be/s1 3",
            "set weight be/s1 0",
            "get weight be/s1",
            "set server be/s1 weight 100%",
            "get weight be/s1",
            "set weight be/s1 300",
        ],
    )
}

/// Who is paused or stopped refuses connections.
pub(crate) fn frontends(side: &mut Side) -> Result<()> {
    commands(
        side,
        &["set maxconn frontend fe 100", "disable frontend missing", "shutdown frontend missing"],
    )?;
    for line in [
        "disable frontend fe",
        "disable frontend fe",
        "enable frontend fe",
        "enable frontend fe",
        "disable frontend fe",
        "enable frontend fe",
        "disable frontend fe",
        "shutdown frontend fe",
    ] {
        side.command(line)?;
        note_whether_open(side)?;
    }
    side.command("enable frontend fe")?;
    side.command("disable frontend fe")?;
    side.command("shutdown frontend fe")
}

fn note_whether_open(side: &mut Side) -> Result<()> {
    let state = side.stat("fe/FRONTEND", STATUS)?;
    let answer = side.connect("web").and_then(|mut http| http.get("/"));
    let served = answer.map_or_else(|_| "refused".to_owned(), |answer| answer.line);
    side.note(format!("{state}: {served}"));
    Ok(())
}

/// Where the answer lists what is possible, it lists what this program can do; such commands are not among these.
pub(crate) fn wrong(side: &mut Side) -> Result<()> {
    for line in [
        "set server be/missing state maint",
        "set server missing/s1 state maint",
        "set server",
        "disable server",
        "get weight be",
        "show servers state missing",
        "show servers conn missing",
        "show cli level",
    ] {
        side.command(line)?;
    }
    Ok(())
}
