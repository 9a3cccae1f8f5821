//! Health checks move traffic.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use lbx_tests::client::{self, Echo, From};
use lbx_tests::origin::Origin;
use lbx_tests::wait;

use crate::lbx;

/// The server that takes the next connection.
fn tcp_server(address: SocketAddr) -> Option<String> {
    Echo::connect(From::default(), address).ok().map(|echo| echo.server)
}

/// The server that answers the next request.
fn http_server(address: SocketAddr) -> Option<String> {
    let response = client::get(From::default(), address, "/").ok()?;
    (response.status == 200).then(|| response.origin().to_owned())
}

/// Waits until eight connections in a row reach exactly `servers`.
fn settles(what: &str, servers: &[&str], next: impl Fn() -> Option<String>) -> Result<()> {
    wait::until(what, wait::SOON, || {
        let mut seen: Vec<String> = (0..8).map(|_| next().unwrap_or_default()).collect();
        seen.sort();
        seen.dedup();
        seen == servers
    })
}

const TCP: &str = "
listen relay
    mode tcp
    bind 127.0.0.1:{relay}
    balance roundrobin
    default-server check inter 100ms fall 2 rise 3
    server s1 {s1}
    server s2 {s2}
";

/// A server that dies loses its traffic and gets it back when it lives again.
pub(crate) fn tcp() -> Result<()> {
    let (s1, s2) = (Origin::tcp("s1")?, Origin::tcp("s2")?);
    let daemon = lbx(TCP)?.port("relay").set("s1", s1.address()).set("s2", s2.address()).start()?;
    let next = || tcp_server(daemon.address("relay"));
    settles("both servers", &["s1", "s2"], next)?;
    s1.die();
    settles("only s2", &["s2"], next)?;
    s1.revive(None)?;
    settles("both servers again", &["s1", "s2"], next)
}

const HTTP: &str = "
listen web
    mode http
    bind 127.0.0.1:{web}
    balance roundrobin
    option httpchk GET /health
    default-server check inter 100ms fall 2 rise 2
    server s1 {s1}
    server s2 {s2}
";

/// A server that answers with an error loses its traffic, though it accepts connections.
pub(crate) fn http() -> Result<()> {
    let (s1, s2) = (Origin::http("s1")?, Origin::http("s2")?);
    let daemon = lbx(HTTP)?.port("web").set("s1", s1.address()).set("s2", s2.address()).start()?;
    let next = || http_server(daemon.address("web"));
    settles("both servers", &["s1", "s2"], next)?;
    s2.set_healthy(false);
    settles("only s1", &["s1"], next)?;
    s2.set_healthy(true);
    settles("both servers again", &["s1", "s2"], next)?;
    s1.set_healthy(false);
    s2.set_healthy(false);
    wait::until("no server", wait::SOON, || next().is_none())?;
    let refused = client::get(From::default(), daemon.address("web"), "/")?;
    ensure!(refused.status == 503, "{}", refused.line);
    Ok(())
}
