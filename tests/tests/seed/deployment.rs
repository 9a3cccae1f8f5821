//! "How should I handle zero-downtime deployments": drain, wait for the last connection, restart, ready, one server after
//! the other, under load, without one client that notices. The commands are the article's.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{Echo, From, Http};
use lbx_tests::daemon::{self, Daemon, Program, Setup};
use lbx_tests::lab::{Family, Lab};
use lbx_tests::netns::Netns;
use lbx_tests::origin::Origin;
use lbx_tests::privilege::{KERNEL, Need};
use lbx_tests::suite::Case;
use lbx_tests::{client, load, maps, wait};

/// How long it may take until the last connection of a server ends.
const DRAINED: Duration = Duration::from_secs(20);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("deployment::rolling_over_http", &[], || over_http(Program::Lbx)),
        Case::new("deployment::rolling_over_http_with_haproxy", &[Need::Program("haproxy")], || {
            over_http(Program::Haproxy)
        }),
        Case::new("deployment::rolling_in_the_kernel", KERNEL, in_kernel),
    ]
}

const HTTP: &str = "
global
    stats socket {dir}/sock mode 660 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend web
    bind 127.0.0.1:{web}
    default_backend backend
backend backend
    balance roundrobin
    option httpchk GET /health
    timeout check 5s
    default-server check inter 100ms rise 2 fall 2
    server s1 {s1}
    server s2 {s2}
    server s3 {s3}
";

fn over_http(program: Program) -> Result<()> {
    let origins = (1..=3).map(|i| Origin::http(&format!("s{i}"))).collect::<Result<Vec<_>>>()?;
    let setup = Setup::new(program, HTTP)?.port("web");
    let setup = origins.iter().fold(setup, |setup, origin| setup.set(origin.name(), origin.address()));
    let daemon = setup.start()?;
    let web = daemon.address("web");
    all_up(&daemon, &origins)?;
    let attempts = load::during(|| several_requests(web), || roll(&daemon, &origins, None))?;
    check(attempts)
}

/// Some requests over one connection, one of which takes its time.
fn several_requests(web: SocketAddr) -> Result<String> {
    let mut http = Http::connect(web)?;
    let mut server = String::new();
    for path in ["/", "/bytes/20000", "/delay/20", "/chunked/5000"] {
        let response = http.get(path)?;
        ensure!(response.status == 200, "{path}: {}", response.line);
        server = response.origin().to_owned();
    }
    Ok(server)
}

/// Takes one server after the other out, restarts it and takes it back.
fn roll(daemon: &Daemon, origins: &[Origin], netns: Option<&Netns>) -> Result<()> {
    for origin in origins {
        let name = origin.name();
        daemon.cli(&format!("set server backend/{name} state drain"))?;
        let idle = || column(daemon, name, "scur").is_ok_and(|scur| scur == "0");
        wait::until(&format!("the last connection of {name}"), DRAINED, idle)
            .with_context(|| daemon.output())?;
        origin.die();
        // A deployment that is seen by the checks.
        let down = || column(daemon, name, "check_status").is_ok_and(|status| status == "L4CON");
        wait::until(&format!("{name} to be gone"), wait::SOON, down)?;
        origin.revive(netns)?;
        daemon.cli(&format!("set server backend/{name} state ready"))?;
        let up = || column(daemon, name, "status").is_ok_and(|status| status == "UP");
        wait::until(&format!("{name} to be back"), wait::SOON, up)?;
    }
    Ok(())
}

fn all_up(daemon: &Daemon, origins: &[Origin]) -> Result<()> {
    let up = |origin: &Origin| column(daemon, origin.name(), "check_status").is_ok_and(|s| s.ends_with("OK"));
    wait::until("all servers to be checked", wait::SOON, || origins.iter().all(up))
}

/// A column of `show stat`.
fn column(daemon: &Daemon, server: &str, name: &str) -> Result<String> {
    let text = daemon.cli("show stat")?;
    let mut lines = text.lines();
    let at = lines.next().and_then(|heads| heads.split(',').position(|head| head == name));
    let row = lines.find(|line| line.starts_with(&format!("backend,{server},"))).context("no row")?;
    Ok(row.split(',').nth(at.context("no column")?).unwrap_or_default().to_owned())
}

fn check(attempts: Vec<load::Attempt>) -> Result<()> {
    let count = attempts.len();
    let mut servers: Vec<String> =
        attempts.into_iter().map(|attempt| attempt.server).collect::<Result<_>>()?;
    servers.sort();
    servers.dedup();
    ensure!(servers == ["s1", "s2", "s3"], "{count} attempts reached {servers:?}");
    Ok(())
}

const TCP: &str = "
global
    stats socket {dir}/sock mode 660 level admin
    xdp-interface front
    xdp-interface back
    xdp-pin-path {pins}
defaults
    mode tcp
    timeout connect 2s
    timeout client 10s
    timeout server 10s
listen backend
    bind 10.1.0.1:80
    balance roundrobin
    timeout check 5s
    default-server check inter 100ms rise 2 fall 2
    server s1 {s1}
    server s2 {s2}
    server s3 {s3}
";

fn in_kernel() -> Result<()> {
    let lab = Lab::new()?;
    let origins = (1..=3).map(|i| lab.tcp(Family::V4, i)).collect::<Result<Vec<_>>>()?;
    let service = SocketAddr::new(Family::V4.service(), 80);
    let setup = Setup::new(Program::Lbx, TCP)?.netns(&lab.balancer).ready_on(service);
    let setup = origins.iter().fold(setup, |setup, origin| setup.set(origin.name(), origin.address()));
    let daemon = setup.start()?;
    all_up(&daemon, &origins)?;
    wait::until("a flow in the kernel", daemon::START, || {
        let from = lab.from_client();
        client::connect(from, service).is_ok()
            && maps::count(daemon.home().pins(), "FLOWS").is_ok_and(|n| n > 0)
    })?;
    let open = || {
        let mut echo = Echo::connect(From::netns(&lab.client), service)?;
        echo.check(&[7; 3000])?;
        Ok(echo.server)
    };
    let attempts = load::during(open, || roll(&daemon, &origins, Some(&lab.servers)))?;
    check(attempts)
}
