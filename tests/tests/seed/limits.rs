//! "Connection Limits".

use std::io::ErrorKind;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lbx_tests::client::{self, From};
use lbx_tests::oracle::{self, Side};
use lbx_tests::suite::Case;
use lbx_tests::wait;

use crate::sample::{HAPROXY, compared, start};

const LIMITS: &str = include_str!("../../../config/seed/connection_limits.cfg");

pub(crate) fn cases() -> Vec<Case> {
    vec![
        compared("limits::a_full_server_lets_others_wait_in_vain", LIMITS, full),
        compared("limits::who_waits_is_served_in_turn", LIMITS, in_turn),
        Case::new("limits::who_waits_for_a_server_that_fails_gets_another", HAPROXY, || {
            let file = LIMITS.replace(
                "    timeout queue 10s\n",
                "    timeout queue 10s\n    option redispatch\n    cookie S insert\n",
            );
            let file = file.replace("10.10.10.11:8080 check", "10.10.10.11:8080 check cookie web01");
            let file = file.replace("10.10.10.12:8080 check", "10.10.10.12:8080 check cookie web02");
            oracle::compare_sides(|program| start(&file, program), redistributed)
        }),
        compared("limits::a_full_frontend_accepts_later", LIMITS, frontend),
        Case::new("limits::a_full_process_accepts_later", HAPROXY, || {
            let file = LIMITS.replace("maxconn     50000", "maxconn     2");
            oracle::compare_sides(|program| start(&file, program), third_waits)
        }),
    ]
}

/// Columns of `show stat`.
const QUEUED: usize = 2;
const SESSIONS: usize = 4;
const LIMIT: usize = 6;

fn send(side: &Side, path: &str) -> Result<TcpStream> {
    let mut stream = client::connect(From::default(), side.daemon.address("p80"))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
    Ok(stream)
}

fn answer(mut stream: TcpStream) -> Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn only_the_first_server(side: &Side) -> Result<()> {
    for server in ["web02", "web03"] {
        side.daemon.cli(&format!("disable server web_servers/{server}"))?;
    }
    Ok(())
}

fn wait_for(side: &Side, server: &str, column: usize, value: &str) -> Result<()> {
    let what = format!("{value} in column {column} of {server}");
    let is = || side.stat(server, column).is_ok_and(|found| found == value);
    wait::until(&what, Duration::from_secs(30), is)
}

/// Five hundred requests are with the server. One more waits for ten seconds and gets a 503.
fn full(side: &mut Side) -> Result<()> {
    only_the_first_server(side)?;
    ensure!(side.stat("web_servers/web01", LIMIT)? == "500");
    // They are with the server until the test is over.
    let open = (0..500).map(|_| send(side, "/held")).collect::<Result<Vec<_>>>()?;
    wait_for(side, "web_servers/web01", SESSIONS, "500")?;
    let late = send(side, "/late")?;
    wait_for(side, "web_servers/BACKEND", QUEUED, "1")?;
    let said = answer(late)?;
    ensure!(said.starts_with("HTTP/1.1 503 "), "{said}");
    ensure!(side.origins.values().map(|origin| origin.open()).sum::<usize>() <= 501);
    side.only_log("/late");
    let line = side.log.wait_for("/late")?;
    ensure!(line.contains(" web_servers/<NOSRV> ") && line.contains(" sQ-- "), "{line}");
    drop(open);
    Ok(())
}

/// With one place on the server, whoever comes next waits until it is free, and the log says behind how many.
fn in_turn(side: &mut Side) -> Result<()> {
    only_the_first_server(side)?;
    side.command("set maxconn server web_servers/web01 1")?;
    let mut waiting = vec![send(side, "/held")?];
    for queued in 0..4 {
        wait_for(side, "web_servers/BACKEND", QUEUED, &queued.to_string())?;
        wait_for(side, "web_servers/web01", SESSIONS, "1")?;
        waiting.push(send(side, &format!("/next/{queued}"))?);
    }
    wait_for(side, "web_servers/BACKEND", QUEUED, "4")?;
    side.origins.get("s1").context("s1")?.release();
    for stream in waiting {
        let said = answer(stream)?;
        ensure!(said.starts_with("HTTP/1.1 200 "), "{said}");
    }
    let order: Vec<String> = side
        .origins
        .get("s1")
        .context("s1")?
        .requests()
        .iter()
        .map(|request| request.target().to_owned())
        .collect();
    ensure!(order == ["/held", "/next/0", "/next/1", "/next/2", "/next/3"], "{order:?}");
    side.only_log("GET /");
    Ok(())
}

/// A client that is bound to a server waits for it, and gets another one when it goes down. Who is on it already stays.
fn redistributed(side: &mut Side) -> Result<()> {
    side.command("set maxconn server web_servers/web01 1")?;
    let address = side.daemon.address("p80");
    let bound = |path: &str| -> Result<TcpStream> {
        let mut stream = client::connect(From::default(), address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\ncookie: S=web01\r\nconnection: close\r\n\r\n")?;
        Ok(stream)
    };
    let first = bound("/held")?;
    wait_for(side, "web_servers/web01", SESSIONS, "1")?;
    let second = bound("/waits")?;
    wait_for(side, "web_servers/web01", QUEUED, "1")?;
    side.command("set server web_servers/web01 health down")?;
    let said = answer(second)?;
    ensure!(said.starts_with("HTTP/1.1 200 ") && said.contains("x-origin: s2"), "{said}");
    ensure!(said.contains("set-cookie: S=web02; path=/"), "{said}");
    // The third server has no value for the cookie.
    let said = answer(bound("/without")?)?;
    let field = said.lines().find(|line| line.starts_with("set-cookie:")).unwrap_or_default();
    ensure!(said.contains("x-origin: s3") && field.starts_with("set-cookie: S=; Expires="), "{said}");
    side.note(field);
    side.origins.get("s1").context("s1")?.release();
    let said = answer(first)?;
    ensure!(said.starts_with("HTTP/1.1 200 ") && said.contains("x-origin: s1"), "{said}");
    side.only_log("GET /");
    Ok(())
}

/// Whether nobody answers yet. Whoever is not accepted is not answered, however long one waits.
fn unanswered(stream: &mut TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(400)))?;
    match stream.read(&mut [0; 1]) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
        other => bail!("it was answered or closed: {other:?}"),
    }
}

/// Two clients hold their connections; a third one is accepted when one of them goes.
fn third_waits(side: &mut Side) -> Result<()> {
    let mut first = side.connect("p80")?;
    let mut second = side.connect("p80")?;
    ensure!(first.get("/")?.status == 200 && second.get("/")?.status == 200);
    let mut third = send(side, "/third")?;
    unanswered(&mut third)?;
    drop(first);
    let said = answer(third)?;
    ensure!(said.starts_with("HTTP/1.1 200 "), "{said}");
    ensure!(second.get("/")?.status == 200);
    Ok(())
}

fn frontend(side: &mut Side) -> Result<()> {
    ensure!(side.stat("http_in/FRONTEND", LIMIT)? == "20000");
    side.command("set maxconn frontend http_in 2")?;
    third_waits(side)
}
