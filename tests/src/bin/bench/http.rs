//! HTTP mode: what a request costs in CPU time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::{Daemon, Program, Setup};
use lbx_tests::report::{Report, median};

/// Connections that the load generator keeps open.
const CONNECTIONS: &str = "64";

/// The contestants; the first is what the others are compared with.
const CONTESTANTS: &[(&str, Program, &str)] = &[
    ("haproxy", Program::Haproxy, HAPROXY),
    ("nginx", Program::Nginx, NGINX),
    ("lbx", Program::Lbx, HAPROXY),
];

/// What is asked for: a name, and the load generator's arguments.
const SCENARIOS: &[(&str, &str, &[&str])] = &[
    ("100 B, keep-alive", "/100", &[]),
    ("10 kB, keep-alive", "/10000", &[]),
    ("1 MB, keep-alive", "/1000000", &[]),
    ("100 B, one request each", "/100", &["-H", "Connection: close"]),
];

/// The same for haproxy and lbx. Two threads, as many as the others have processes.
const HAPROXY: &str = "
global
    nbthread 2
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen web
    bind 127.0.0.1:{web}
    server origin {origin}
";

const NGINX: &str = "
daemon off;
worker_processes 2;
pid {dir}/pid;
events { worker_connections 4000; }
http {
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    upstream origin { server {origin}; keepalive 64; }
    server {
        listen 127.0.0.1:{web};
        keepalive_requests 1000000;
        location / {
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
        }
    }
}
";

/// Serves bodies of the sizes in [`SCENARIOS`].
const ORIGIN: &str = "
daemon off;
worker_processes 1;
pid {dir}/pid;
events { worker_connections 4000; }
http {
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    server {
        listen 127.0.0.1:{web};
        root {dir};
    }
}
";

/// One turn of one contestant.
struct Turn {
    /// Microseconds of CPU time for each request.
    cpu: f64,
    /// Requests in a second.
    rate: f64,
}

/// Measures every scenario with every contestant.
pub(crate) fn run(rounds: u32, turn: Duration) -> Result<Report> {
    let origin = origin()?;
    let contestants = CONTESTANTS
        .iter()
        .map(|(name, program, config)| Ok((*name, contestant(*program, config, origin.address("web"))?)))
        .collect::<Result<Vec<_>>>()?;
    let mut report = Report::new("http", &["cpu us/request", "x haproxy", "requests/s"]);
    for (scenario, path, arguments) in SCENARIOS {
        let mut turns: BTreeMap<&str, Vec<Turn>> = BTreeMap::new();
        for _ in 0..rounds {
            for (name, daemon) in &contestants {
                turns.entry(name).or_default().push(measure(daemon, path, arguments, turn)?);
            }
        }
        add_rows(&mut report, scenario, &turns);
    }
    Ok(report)
}

fn add_rows(report: &mut Report, scenario: &str, turns: &BTreeMap<&str, Vec<Turn>>) {
    let cpu = |name: &str| median(turns.get(name)?.iter().map(|turn| turn.cpu).collect());
    let rate = |name: &str| median(turns.get(name)?.iter().map(|turn| turn.rate).collect());
    let base = CONTESTANTS.first().and_then(|(name, ..)| cpu(name));
    for (name, ..) in CONTESTANTS {
        let ratio = cpu(name).zip(base).map(|(own, base)| own / base);
        report.row(format!("{scenario}: {name}"), &[cpu(name), ratio, rate(name)]);
    }
}

fn origin() -> Result<Daemon> {
    let setup = Setup::new(Program::Nginx, ORIGIN)?.port("web");
    for (_, path, _) in SCENARIOS {
        let name = path.trim_start_matches('/');
        std::fs::write(setup.dir().join(name), vec![b'x'; name.parse()?])?;
    }
    // nginx started by root serves as nobody, who must be able to read the files.
    std::fs::set_permissions(setup.dir(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    setup.start().context("the origin")
}

fn contestant(program: Program, config: &str, origin: SocketAddr) -> Result<Daemon> {
    Setup::new(program, config)?
        .port("web")
        .set("origin", origin)
        .start()
        .with_context(|| format!("{program:?}"))
}

fn measure(daemon: &Daemon, path: &str, arguments: &[&str], turn: Duration) -> Result<Turn> {
    let url = format!("http://{}{path}", daemon.address("web"));
    let before = daemon.tree_cpu_time()?;
    let requests = load(&url, arguments, turn)?;
    let used = daemon.tree_cpu_time()?.saturating_sub(before);
    Ok(Turn { cpu: used.as_secs_f64() * 1e6 / requests, rate: requests / turn.as_secs_f64() })
}

/// Runs the load generator, and returns the number of requests that were answered.
fn load(url: &str, arguments: &[&str], turn: Duration) -> Result<f64> {
    let seconds = format!("-d{}", turn.as_secs());
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c", CONNECTIONS, &seconds]).args(arguments).arg(url);
    let output = wrk.output().context("starting wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk {url}: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "wrk {url}: {text}");
    let requests =
        text.lines().find_map(|line| line.trim().split_once(" requests in ")).map(|(n, _)| n.parse());
    requests.context("wrk counted nothing")?.context("wrk's count of requests")
}
