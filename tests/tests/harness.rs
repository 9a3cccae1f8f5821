//! Tests of the harness itself, with haproxy in the daemon's place where there is one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, ensure};
use lbx_tests::client::{self, Echo, From, Http};
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::lab::{Family, Lab};
use lbx_tests::netns::{Netns, veth};
use lbx_tests::oracle::{self, Scenario, Side};
use lbx_tests::origin::{Origin, pattern};
use lbx_tests::privilege::{NETNS, Need};
use lbx_tests::suite::{self, Case};
use lbx_tests::wire::Wire;

const HAPROXY: &[Need] = &[Need::Program("haproxy")];

const LAB: &[Need] = &[Need::Namespaces, Need::Bpf, Need::Program("ethtool"), Need::Program("haproxy")];

fn main() {
    suite::main(vec![
        Case::new("netns::is_apart", NETNS, netns_is_apart),
        Case::new("netns::veth_connects", NETNS, veth_connects),
        Case::new("lab::carries_downloads", LAB, lab_carries_downloads),
        Case::new("wire::carries_frames", LAB, wire_carries_frames),
        Case::new("origin::answers_what_the_path_says", &[], origin_answers),
        Case::new("origin::dies_and_lives_again", &[], origin_dies),
        Case::new("daemon::starts_and_stops", HAPROXY, daemon_starts),
        Case::new("daemon::reports_a_wrong_configuration", HAPROXY, daemon_refuses),
        Case::new("oracle::agrees_with_itself", HAPROXY, oracle_agrees),
        Case::new("oracle::shows_a_difference", HAPROXY, oracle_differs),
    ]);
}

fn netns_is_apart() -> Result<()> {
    let netns = Netns::new("apart")?;
    ensure!(netns.ip("-o link")?.lines().count() == 1, "only loopback");
    let inside = netns.run(|| fs::read_link("/proc/thread-self/ns/net"))??;
    ensure!(fs::read_link("/proc/thread-self/ns/net")? != inside, "this thread is outside");
    Ok(())
}

fn veth_connects() -> Result<()> {
    let (a, b) = (Netns::new("a")?, Netns::new("b")?);
    veth(&a, "a0", &b, "b0")?;
    a.address("a0", "10.0.0.1/24")?;
    b.address("b0", "10.0.0.2/24")?;
    let server = Origin::tcp_on("server", &b, SocketAddr::from(([10, 0, 0, 2], 80)))?;
    let mut echo = Echo::connect(From::netns(&a), server.address())?;
    ensure!(echo.server == "server");
    ensure!(echo.local_address()?.ip() == Ipv4Addr::new(10, 0, 0, 1));
    echo.check(b"hello")
}

fn lab_carries_downloads() -> Result<()> {
    let lab = Lab::new()?;
    for (family, bind) in [(Family::V4, "10.1.0.1:80"), (Family::V6, "fd00:1::1:80")] {
        let origin = lab.http(family, 1)?;
        let setup = Setup::new(Program::Haproxy, RELAY)?.set("bind", bind).set("server", origin.address());
        let service = SocketAddr::new(family.service(), 80);
        let _daemon = setup.netns(&lab.balancer).ready_on(service).start()?;
        let source = lab.from_client().source(family.source(7));
        ensure!(client::download(source, service, 10 << 20)? == "s1");
    }
    Ok(())
}

const RELAY: &str = "
defaults
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen web
    bind {bind}
    server s1 {server}
";

fn wire_carries_frames() -> Result<()> {
    let lab = Lab::new()?;
    let (from, to) = (Wire::open(&lab.client, "eth0")?, Wire::open(&lab.balancer, "front")?);
    // A protocol number for experiments (IEEE 802), which nobody answers.
    let frame = |last: u8| [&[0xff; 6][..], &[2; 6], &[0x88, 0xb5], &[last; 50]].concat();
    from.send(&frame(1))?;
    to.expect(&frame(1))?;
    to.silent("a frame that nobody sent", Duration::from_millis(100), |got| got == frame(2))
}

fn origin_answers() -> Result<()> {
    let origin = Origin::http("s1")?;
    let mut http = Http::connect(origin.address())?;
    ensure!(http.get("/")?.text() == "s1");
    for path in ["/bytes/100000", "/chunked/100000"] {
        ensure!(http.get(path)?.body == pattern(100_000), "{path}");
    }
    ensure!(http.get("/status/404")?.status == 404);
    ensure!(http.get("/status/204")?.body.is_empty());
    ensure!(http.request("HEAD", "/bytes/5", "", b"")?.headers.get("Content-Length") == Some("5"));
    ensure!(http.request("POST", "/echo", "", b"body")?.body == b"body");
    origin.set_healthy(false);
    ensure!(http.get("/health")?.status == 503);
    ensure!(origin.connections() == 1 && origin.requests().len() == 7);
    ensure!(http.get("/close")?.origin() == "s1" && http.read_to_end()?.is_empty());
    Ok(())
}

fn origin_dies() -> Result<()> {
    let origin = Origin::tcp("s1")?;
    let mut open = Echo::connect(From::default(), origin.address())?;
    origin.refuse();
    ensure!(client::connect(From::default(), origin.address()).is_err());
    open.check(b"still there")?;
    origin.die();
    ensure!(open.check(b"no more").is_err());
    origin.revive(None)?;
    Echo::connect(From::default(), origin.address())?.check(b"again")
}

const CONFIG: &str = "
global
    stats socket {dir}/sock level admin
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen web
    bind 127.0.0.1:{web}
    server s1 {s1}
";

fn daemon_starts() -> Result<()> {
    let origin = Origin::http("s1")?;
    let setup = Setup::new(Program::Haproxy, CONFIG)?.port("web").set("s1", origin.address());
    let mut daemon = setup.start()?;
    ensure!(client::get(From::default(), daemon.address("web"), "/")?.origin() == "s1");
    ensure!(daemon.cli("show stat")?.contains("web,s1,"));
    ensure!(daemon.cpu_time()?.as_secs() < 5);
    daemon.signal(nix::sys::signal::Signal::SIGTERM)?;
    daemon.wait_end(lbx_tests::wait::SOON)?;
    Ok(())
}

fn daemon_refuses() -> Result<()> {
    let ended = Setup::new(Program::Haproxy, "global\n  nonsense\n")?.argument("-c").run_to_end()?;
    ensure!(ended.status.code() == Some(1) && ended.output.contains("nonsense"), "{ended:?}");
    Ok(())
}

const LOGGED: &str = "
global
    log {log} local0
defaults
    log global
    mode http
    option httplog
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen web
    bind 127.0.0.1:{web}
    server s1 {s1}
    server s2 {s2}
";

fn browse(side: &mut Side) -> Result<()> {
    for path in ["/", "/bytes/1000", "/status/404"] {
        side.exchange("web", &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"))?;
    }
    Ok(())
}

fn oracle_agrees() -> Result<()> {
    let scenario = Scenario { config: LOGGED, traffic: browse };
    oracle::compare_programs(&scenario, Program::Haproxy, Program::Haproxy)?;
    let transcript = oracle::run(&scenario, Program::Haproxy)?;
    for part in
        ["< HTTP/1.1 404 Origin", "s2 GET /bytes/1000 HTTP/1.1", "log 134 {client} [DATE] web web/s1 T/"]
    {
        ensure!(transcript.iter().any(|line| line.starts_with(part)), "{part} in {transcript:#?}");
    }
    Ok(())
}

fn oracle_differs() -> Result<()> {
    // Which server answers depends on how many requests came before: the side that sends one more sees another server.
    static EXTRA: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let traffic = |side: &mut Side| {
        if EXTRA.fetch_xor(true, std::sync::atomic::Ordering::Relaxed) {
            side.connect("web")?.get("/")?;
        }
        browse(side)
    };
    let scenario = Scenario { config: LOGGED, traffic };
    let error = oracle::compare_programs(&scenario, Program::Haproxy, Program::Haproxy);
    let text = error.err().map(|e| e.to_string()).unwrap_or_default();
    ensure!(
        ["\n- < x-origin: s1\n", "\n+ < x-origin: s2\n"].iter().all(|part| text.contains(part)),
        "{text}"
    );
    Ok(())
}
