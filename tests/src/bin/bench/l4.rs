//! TCP mode: what connections and bytes cost in CPU time.
//!
//! What the kernel does is charged to no process, so the busy time of the whole machine counts: less what the same
//! traffic costs when the balancer only routes it. Every contestant has a network of its own, without segmentation
//! offload, as on a wire: all of them see frames of 1500 bytes.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lbx_tests::client::{Echo, connect, read_some};
use lbx_tests::cpu;
use lbx_tests::daemon::{Daemon, Program, Setup};
use lbx_tests::lab::{Family, Lab, SOURCES};
use lbx_tests::origin::{LONGEST, Origin};
use lbx_tests::report::{Report, median};

/// Clients at the same time.
const CLIENTS: usize = 4;

/// What the configurations have in common, from the timeouts of their defaults on.
macro_rules! proxies {
    () => {
        "    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen bytes
    bind 10.1.0.1:80
    server s1 10.2.0.11:80
listen connections
    bind 10.1.0.1:81
    server s1 10.2.0.12:80
"
    };
}

const HAPROXY: &str = concat!("\ndefaults\n    mode tcp\n", proxies!());

const USER: &str = concat!("\ndefaults\n    mode tcp\n    no option xdp\n", proxies!());

const KERNEL: &str = concat!(
    "\nglobal\n    xdp-interface front\n    xdp-interface back\n    xdp-pin-path {pins}\ndefaults\n    mode tcp\n",
    proxies!()
);

const NGINX: &str = "
daemon off;
worker_processes 2;
pid {dir}/pid;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events { worker_connections 4000; }
stream {
    server { listen 10.1.0.1:80; proxy_pass 10.2.0.11:80; }
    server { listen 10.1.0.1:81; proxy_pass 10.2.0.12:80; }
}
";

/// The contestants; the first is what the others are compared with.
const CONTESTANTS: &[(&str, Program, &str)] = &[
    ("haproxy", Program::Haproxy, HAPROXY),
    ("nginx", Program::Nginx, NGINX),
    ("lbx, user space", Program::Lbx, USER),
    ("lbx, kernel", Program::Lbx, KERNEL),
];

/// A network with servers for both scenarios, and perhaps a balancer.
struct Contestant {
    name: &'static str,
    lab: Lab,
    bytes: SocketAddr,
    connections: SocketAddr,
    _origins: Vec<Origin>,
    _daemon: Option<Daemon>,
}

/// What is counted in one turn, in thousands of connections or in gigabytes.
type Scenario = fn(&Contestant, Duration) -> Result<f64>;

const SCENARIOS: &[(&str, Scenario)] = &[("gigabyte", gigabytes), ("1000 connections", thousand_connections)];

/// Measures both scenarios with every contestant.
pub(crate) fn run(rounds: u32, turn: Duration) -> Result<Report> {
    let mut contestants = vec![routed()?];
    for (name, program, config) in CONTESTANTS {
        contestants.push(balanced(name, *program, config)?);
    }
    let mut report = Report::new("l4", &["cpu ms, all", "cpu ms, balancer", "x haproxy", "units/s"]);
    for (unit, scenario) in SCENARIOS {
        let mut turns: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        for _ in 0..rounds {
            for contestant in &contestants {
                let figures = measure(contestant, *scenario, turn)?;
                turns.entry(contestant.name).or_default().push(figures);
            }
        }
        add_rows(&mut report, unit, &contestants, &turns);
    }
    Ok(report)
}

fn add_rows(
    report: &mut Report,
    unit: &str,
    contestants: &[Contestant],
    turns: &BTreeMap<&str, Vec<(f64, f64)>>,
) {
    let middle =
        |name: &str, figure: fn(&(f64, f64)) -> f64| median(turns.get(name)?.iter().map(figure).collect());
    let cpu = |name: &str| middle(name, |(cpu, _)| *cpu);
    let own = |name: &str| Some(cpu(name)? - cpu(ROUTED)?);
    for Contestant { name, .. } in contestants {
        let ratio = own(name).zip(own("haproxy")).map(|(own, haproxy)| own / haproxy);
        let rate = middle(name, |(_, rate)| *rate);
        report.row(format!("per {unit}: {name}"), &[cpu(name), own(name), ratio, rate]);
    }
}

/// The name of the row without a balancer.
const ROUTED: &str = "only routed";

/// Clients that talk to the servers themselves, through the balancer's machine.
fn routed() -> Result<Contestant> {
    let lab = Lab::new()?;
    lab.balancer.sysctl("net.ipv4.ip_forward", "1")?;
    lab.client.ip("route add 10.2.0.0/24 via 10.1.0.1")?;
    lab.servers.ip("route add 10.1.0.0/24 via 10.2.0.1")?;
    let origins = origins(&lab)?;
    let [bytes, connections] = [1, 2].map(|i| SocketAddr::new(Family::V4.server(i), 80));
    Ok(Contestant { name: ROUTED, lab, bytes, connections, _origins: origins, _daemon: None })
}

fn balanced(name: &'static str, program: Program, config: &str) -> Result<Contestant> {
    let lab = Lab::new()?;
    let origins = origins(&lab)?;
    let [bytes, connections] = [80, 81].map(|port| SocketAddr::new(Family::V4.service(), port));
    let setup = Setup::new(program, config)?.netns(&lab.balancer).ready_on(bytes).ready_on(connections);
    let daemon = setup.start().with_context(|| name.to_owned())?;
    let contestant = Contestant { name, lab, bytes, connections, _origins: origins, _daemon: Some(daemon) };
    // The first connections find out who the neighbours are.
    thousand_connections(&contestant, Duration::from_millis(500)).with_context(|| name.to_owned())?;
    Ok(contestant)
}

fn origins(lab: &Lab) -> Result<Vec<Origin>> {
    Ok(vec![lab.http(Family::V4, 1)?, lab.tcp(Family::V4, 2)?])
}

/// Milliseconds of CPU time for each unit, and units in a second.
fn measure(contestant: &Contestant, scenario: Scenario, turn: Duration) -> Result<(f64, f64)> {
    let (before, start) = (cpu::machine()?, Instant::now());
    let units = scenario(contestant, turn).with_context(|| contestant.name.to_owned())?;
    let (used, time) = (cpu::machine()?.saturating_sub(before), start.elapsed());
    Ok((used.as_secs_f64() * 1e3 / units, units / time.as_secs_f64()))
}

/// Calls `work` in all clients' threads until the turn is over; each call says how much it has done.
fn in_all_clients(turn: Duration, work: impl Fn(usize) -> Result<u64> + Sync) -> Result<u64> {
    let (start, done) = (Instant::now(), AtomicU64::new(0));
    let client = |number: usize| -> Result<()> {
        while start.elapsed() < turn {
            done.fetch_add(work(number)?, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|i| scope.spawn(move || client(i))).collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?)
    })?;
    Ok(done.into_inner())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn gigabytes(contestant: &Contestant, turn: Duration) -> Result<f64> {
    let bytes = in_all_clients(turn, |_| {
        let mut stream = connect(contestant.lab.from_client(), contestant.bytes)?;
        stream.write_all(format!("GET /bytes/{LONGEST} HTTP/1.1\r\nconnection: close\r\n\r\n").as_bytes())?;
        let (mut buffer, mut total) = (vec![0; 256 * 1024], 0);
        loop {
            match read_some(&mut stream, &mut buffer)? {
                0 => return Ok(total),
                n => total += n as u64,
            }
        }
    })?;
    Ok(bytes as f64 / 1e9)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn thousand_connections(contestant: &Contestant, turn: Duration) -> Result<f64> {
    let connections = in_all_clients(turn, |number| {
        // Several addresses, so that ports in TIME-WAIT do not run out.
        let source = Family::V4.source(u8::try_from(number)? % SOURCES);
        Echo::connect(contestant.lab.from_client().source(source), contestant.connections)?.check(b"x")?;
        Ok(1)
    })?;
    Ok(connections as f64 / 1e3)
}
