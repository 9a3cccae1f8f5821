//! HTTP mode: what a request costs in CPU time, and an idle client in memory.

mod config;

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::{Daemon, Program, Setup};
use lbx_tests::pki::{Kind, Pki};
use lbx_tests::report::{Report, median};
use lbx_tests::{client, tool, wait};

/// Connections that the load generator keeps open, and the streams on each of them with HTTP/2.
const CONNECTIONS: &str = "64";
const STREAMS: &str = "8";

/// Clients that are connected and ask for nothing.
const IDLE: usize = 2000;

/// The contestants; the first is what the others are compared with.
const CONTESTANTS: &[(&str, Program, &str)] = &[
    ("haproxy", Program::Haproxy, config::HAPROXY),
    ("nginx", Program::Nginx, config::NGINX),
    ("lbx", Program::Lbx, config::HAPROXY),
];

/// One kind of work.
struct Scenario {
    name: &'static str,
    /// The name of the port that is asked.
    port: &'static str,
    path: &'static str,
    generator: Generator,
}

/// What asks.
enum Generator {
    /// wrk, with these arguments.
    Wrk(&'static [&'static str]),
    /// wrk with the script that posts.
    WrkPost,
    /// h2load, for HTTP/2.
    H2load,
}

const fn plain(name: &'static str, path: &'static str) -> Scenario {
    Scenario { name, port: "web", path, generator: Generator::Wrk(&[]) }
}

const fn tls(name: &'static str, path: &'static str) -> Scenario {
    Scenario { port: "tls", ..plain(name, path) }
}

/// A connection for each request.
const CLOSE: Generator = Generator::Wrk(&["-H", "Connection: close"]);

/// Where the origin has a file of each size.
const SIZES: &[&str] = &["100", "16384", "1048576"];

const SCENARIOS: &[Scenario] = &[
    plain("small answers", "/100"),
    plain("16 KB answers", "/16384"),
    plain("1 MB answers", "/1048576"),
    Scenario { generator: Generator::WrkPost, ..plain("16 KB posts", "/post") },
    Scenario { generator: CLOSE, ..plain("a connection each", "/100") },
    Scenario { generator: CLOSE, port: "reuse", ..plain("the same, http-reuse always", "/100") },
    tls("TLS 1.3, small", "/100"),
    tls("TLS 1.3, 16 KB", "/16384"),
    tls("TLS 1.3, 1 MB", "/1048576"),
    Scenario { generator: Generator::H2load, ..tls("HTTP/2 over TLS", "/100") },
    Scenario { generator: CLOSE, ..tls("TLS 1.3 handshakes", "/100") },
];

/// One turn of one contestant.
struct Turn {
    /// Microseconds of CPU time for each request.
    cpu: f64,
    /// Requests in a second.
    rate: f64,
}

/// Measures every scenario with every contestant.
pub(crate) fn run(rounds: u32, turn: Duration, only: Option<&str>) -> Result<Report> {
    let origin = origin()?;
    let log = sink()?;
    let contestants = CONTESTANTS
        .iter()
        .map(|(name, program, config)| Ok((*name, contestant(*program, config, origin.address("web"), log)?)))
        .collect::<Result<Vec<_>>>()?;
    let post = origin.home().dir().join(SCRIPT).display().to_string();
    let mut report = Report::new("http", &["cpu us/request", "x haproxy", "requests/s"]);
    // First, while nobody has memory left from work.
    if only.is_none_or(|only| MEMORY.contains(only)) {
        let mut bytes = BTreeMap::new();
        for (name, daemon) in &contestants {
            bytes.insert(*name, idle(daemon)?);
        }
        add_rows(&mut report, MEMORY, |name| bytes.get(name).copied(), |_| None);
    }
    for scenario in SCENARIOS.iter().filter(|scenario| only.is_none_or(|only| scenario.name.contains(only))) {
        let mut turns: BTreeMap<&str, Vec<Turn>> = BTreeMap::new();
        for _ in 0..rounds {
            for (name, daemon) in &contestants {
                turns.entry(name).or_default().push(measure(daemon, scenario, &post, turn)?);
            }
        }
        let cpu = |name: &str| median(turns.get(name)?.iter().map(|turn| turn.cpu).collect());
        let rate = |name: &str| median(turns.get(name)?.iter().map(|turn| turn.rate).collect());
        add_rows(&mut report, scenario.name, cpu, rate);
    }
    Ok(report)
}

/// The row that is not about time.
const MEMORY: &str = "idle connection (bytes)";

/// A row for each contestant, the figure as it is and in terms of the first one's.
fn add_rows(
    report: &mut Report,
    what: &str,
    figure: impl Fn(&str) -> Option<f64>,
    rate: impl Fn(&str) -> Option<f64>,
) {
    let base = CONTESTANTS.first().and_then(|(name, ..)| figure(name));
    for (name, ..) in CONTESTANTS {
        let ratio = figure(name).zip(base).map(|(own, base)| own / base);
        report.row(format!("{what}: {name}"), &[figure(name), ratio, rate(name)]);
    }
}

/// Takes log lines and forgets them; it ends with the process.
fn sink() -> Result<SocketAddr> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    std::thread::spawn(move || {
        let mut line = [0; 2048];
        while socket.recv(&mut line).is_ok() {}
    });
    Ok(address)
}

/// wrk's script, in the origin's folder.
const SCRIPT: &str = "post.lua";

fn origin() -> Result<Daemon> {
    let setup = Setup::new(Program::Nginx, config::ORIGIN)?.port("web");
    for size in SIZES {
        std::fs::write(setup.dir().join(size), vec![b'x'; size.parse()?])?;
    }
    std::fs::write(setup.dir().join(SCRIPT), config::POST)?;
    // nginx started by root serves as nobody, who must be able to read the files.
    std::fs::set_permissions(setup.dir(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    setup.start().context("the origin")
}

fn contestant(program: Program, config: &str, origin: SocketAddr, log: SocketAddr) -> Result<Daemon> {
    let setup = Setup::new(program, config)?.port("web").port("tls").port("reuse");
    Pki::new(setup.dir())?.issue("site.pem", &["bench.test"], Kind::Ec)?;
    let setup = setup.set("origin", origin).set("log", log.port());
    setup.start().with_context(|| format!("{program:?}"))
}

fn measure(daemon: &Daemon, scenario: &Scenario, post: &str, turn: Duration) -> Result<Turn> {
    let scheme = if scenario.port == "tls" { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", daemon.address(scenario.port), scenario.path);
    let before = daemon.tree_cpu_time()?;
    let requests = match scenario.generator {
        Generator::Wrk(arguments) => wrk(&url, arguments, turn)?,
        Generator::WrkPost => wrk(&url, &["-s", post], turn)?,
        Generator::H2load => h2load(&url, turn)?,
    };
    let used = daemon.tree_cpu_time()?.saturating_sub(before);
    Ok(Turn { cpu: used.as_secs_f64() * 1e6 / requests, rate: requests / turn.as_secs_f64() })
}

/// Runs wrk, and returns the number of requests that were answered.
fn wrk(url: &str, arguments: &[&str], turn: Duration) -> Result<f64> {
    let seconds = format!("-d{}", turn.as_secs());
    let text = tool::run(
        Command::new("wrk").args(["-t1", "-c", CONNECTIONS, &seconds]).args(arguments).arg(url),
        turn * 2 + wait::SOON,
    )?;
    ensure!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "wrk {url}: {text}");
    let requests =
        text.lines().find_map(|line| line.trim().split_once(" requests in ")).map(|(n, _)| n.parse());
    requests.context("wrk counted nothing")?.context("wrk's count of requests")
}

/// Runs h2load, and returns the number of requests that were answered.
fn h2load(url: &str, turn: Duration) -> Result<f64> {
    let seconds = turn.as_secs().to_string();
    let text = tool::run(
        Command::new("h2load").args(["-t1", "-c", CONNECTIONS, "-m", STREAMS, "-D", &seconds, url]),
        turn * 2 + wait::SOON,
    )?;
    let counts = text.lines().find_map(|line| line.strip_prefix("requests: ")).context("no counts")?;
    let count = |word: &str| -> Result<f64> {
        let part = counts.split(", ").find_map(|part| part.strip_suffix(word));
        Ok(part.with_context(|| format!("{word}: {counts}"))?.trim().parse()?)
    };
    ensure!(count("failed")? == 0.0 && count("errored")? == 0.0, "h2load {url}: {text}");
    count("succeeded")
}

/// What a client costs that has been served and stays connected, in bytes.
fn idle(daemon: &Daemon) -> Result<f64> {
    let before = daemon.tree_resident()?;
    let mut clients = Vec::new();
    for _ in 0..IDLE {
        let mut client = client::Http::connect(daemon.address("web"))?;
        ensure!(client.get("/100")?.status == 200);
        clients.push(client);
    }
    let grown = daemon.tree_resident()?.saturating_sub(before);
    Ok(u32::try_from(grown).map(f64::from)? / f64::from(u32::try_from(IDLE)?))
}
