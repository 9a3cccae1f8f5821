//! What operators do to the daemon and see of it: the statistics page, the runtime socket, queues.

use std::thread;

use anyhow::{Result, ensure};
use lbx_tests::client::Http;
use lbx_tests::daemon::Daemon;
use lbx_tests::origin::Origin;
use lbx_tests::wait;

use crate::lbx;

/// `admin:p@ss!` in base64.
const PASSWORD: &str = "authorization: Basic YWRtaW46cEBzcyE=\r\n";

const PAGE: &str = "
listen web
    mode http
    bind 127.0.0.1:{web}
    server s1 {s1}
listen stats
    mode http
    bind 127.0.0.1:{stats}
    stats enable
    stats uri /haproxy?stats
    stats realm HAProxy\\ Statistics
    stats auth admin:p@ss!
    stats refresh 5s
    stats show-node
    stats show-legends
    stats hide-version
";

pub(crate) fn statistics_page() -> Result<()> {
    let origin = Origin::http("s1")?;
    let daemon = lbx(PAGE)?.port("web").port("stats").set("s1", origin.address()).start()?;
    ensure!(Http::connect(daemon.address("web"))?.get("/")?.text() == "s1");
    let mut http = Http::connect(daemon.address("stats"))?;
    let refused = http.get("/haproxy?stats")?;
    ensure!(refused.status == 401, "{}", refused.line);
    let realm = refused.headers.get("www-authenticate");
    ensure!(realm == Some("Basic realm=\"HAProxy Statistics\""), "{realm:?}");
    let page = http.request("GET", "/haproxy?stats", PASSWORD, b"")?;
    ensure!(page.headers.get("refresh") == Some("5"), "{:?}", page.headers.get("refresh"));
    ensure!(page.text().contains("Statistics Report for lbx on "), "{}", page.text());
    let csv = http.request("GET", "/haproxy?stats;csv", PASSWORD, b"")?.text();
    let server = csv.lines().find(|line| line.starts_with("web,s1,")).unwrap_or_default();
    ensure!(server.starts_with("web,s1,0,0,0,1,,1,"), "{csv}");
    let other = http.request("GET", "/other", PASSWORD, b"")?;
    ensure!(other.status == 503, "{}", other.line);
    Ok(())
}

const QUEUE: &str = "
listen web
    mode http
    timeout queue 5s
    bind 127.0.0.1:{web}
    server s1 {s1} maxconn 1
";

fn column(daemon: &Daemon, server: &str, at: usize) -> Result<String> {
    let text = daemon.cli("show stat")?;
    let line = text.lines().find(|line| line.starts_with(server)).unwrap_or_default();
    Ok(line.split(',').nth(at).unwrap_or_default().to_owned())
}

/// Who comes when the server is full waits, shows in the statistics, and is served in turn.
pub(crate) fn queue() -> Result<()> {
    let origin = Origin::http("s1")?;
    let daemon = lbx(QUEUE)?.port("web").set("s1", origin.address()).start()?;
    let web = daemon.address("web");
    let clients: Vec<_> =
        (0..5).map(|_| thread::spawn(move || Http::connect(web)?.get("/delay/500"))).collect();
    wait::until("somebody who waits", wait::SOON, || {
        column(&daemon, "web,BACKEND,", 2).is_ok_and(|count| count != "0")
    })?;
    for client in clients {
        let response = client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        ensure!(response.status == 200, "{}", response.line);
    }
    ensure!(column(&daemon, "web,s1,", 5)? == "1", "more sessions than maxconn");
    ensure!(column(&daemon, "web,BACKEND,", 2)? == "0", "somebody waits still");
    Ok(())
}

/// `shutdown sessions server` ends what is under way, and says so to the client.
pub(crate) fn shutdown_sessions() -> Result<()> {
    let origin = Origin::http("s1")?;
    let daemon = lbx(QUEUE)?.port("web").set("s1", origin.address()).start()?;
    let web = daemon.address("web");
    let client = thread::spawn(move || Http::connect(web)?.get("/delay/20000"));
    wait::until("a session", wait::SOON, || column(&daemon, "web,s1,", 4).is_ok_and(|count| count != "0"))?;
    daemon.cli("shutdown sessions server web/s1")?;
    let outcome = client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?;
    ensure!(outcome.is_err() || outcome.is_ok_and(|response| response.status >= 500), "it was answered");
    Ok(())
}
