//! The proxy of HTTP mode.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, From, Http};
use lbx_tests::daemon::Daemon;
use lbx_tests::origin::{Origin, pattern};

use crate::lbx;

const ONE: &str = "
listen web
    mode http
    bind 127.0.0.1:{web}
    server s1 {s1}
";

fn start() -> Result<(Origin, Daemon)> {
    let origin = Origin::http("s1")?;
    let daemon = lbx(ONE)?.port("web").set("s1", origin.address()).start()?;
    Ok((origin, daemon))
}

/// Many requests, one connection on each side.
pub(crate) fn keep_alive() -> Result<()> {
    let (origin, daemon) = start()?;
    let mut http = Http::connect(daemon.address("web"))?;
    for _ in 0..10 {
        ensure!(http.get("/")?.text() == "s1");
    }
    let used: BTreeSet<u64> = origin.requests().iter().map(|request| request.connection).collect();
    ensure!(used.len() == 1, "connections to the server: {used:?}");
    Ok(())
}

pub(crate) fn bodies() -> Result<()> {
    let (_origin, daemon) = start()?;
    let mut http = Http::connect(daemon.address("web"))?;
    ensure!(http.get("/bytes/3000000")?.body == pattern(3_000_000));
    ensure!(http.get("/chunked/300000")?.body == pattern(300_000));
    ensure!(http.request("POST", "/echo", "", pattern(500_000))?.body == pattern(500_000));
    ensure!(http.request("HEAD", "/bytes/77", "", b"")?.headers.get("content-length") == Some("77"));
    ensure!(http.get("/status/204")?.body.is_empty());
    ensure!(
        http.request("POST", "/echo", "expect: 100-continue\r\n", b"asked first")?.body == b"asked first"
    );
    let chunked = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    http.send(chunked)?;
    ensure!(http.response_to("POST")?.body == b"abcde");
    Ok(())
}

pub(crate) fn no_server() -> Result<()> {
    let (origin, daemon) = start()?;
    origin.die();
    let response = client::get(From::default(), daemon.address("web"), "/")?;
    ensure!(response.status == 503, "{}", response.line);
    Ok(())
}

/// What is about one connection only ends at the proxy (RFC 9110, 7.6.1). Other headers that `connection` names pass, as
/// in HAProxy: a client must not be able to remove what another proxy added.
pub(crate) fn hop_by_hop() -> Result<()> {
    let (origin, daemon) = start()?;
    let headers =
        "connection: x-mine\r\nx-mine: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\n";
    Http::connect(daemon.address("web"))?.request("GET", "/", headers, b"")?;
    let requests = origin.requests();
    let seen = &requests.first().context("one request")?.headers;
    for gone in ["connection", "keep-alive", "proxy-connection"] {
        ensure!(seen.get(gone).is_none(), "{gone} in {seen:?}");
    }
    ensure!(seen.get("x-mine") == Some("1"));
    Ok(())
}

pub(crate) fn nonsense() -> Result<()> {
    let (origin, daemon) = start()?;
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "GET\r\n\r\n",
    ] {
        let mut http = Http::connect(daemon.address("web"))?;
        http.send(request.as_bytes())?;
        ensure!(http.response_to("GET")?.status == 400, "{request:?}");
        ensure!(http.read_to_end()?.is_empty(), "the connection is closed after {request:?}");
    }
    ensure!(origin.requests().is_empty(), "nothing of it reaches a server");
    Ok(())
}
