//! The kernel plane driven as a library: clients reach servers through the XDP NAT, with nothing of the user plane.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use lb_conf::model::Config;
use lb_core::change::AdminState;
use lb_core::{Change, Runtime, ServerChange, Tick};
use lb_xdp::object::Inheritance;
use lb_xdp::status::ServerStatus;
use lb_xdp::{Clock, Plane, Status, Steward, prepare};
use lbx_tests::client::{self, Echo};
use lbx_tests::lab::{Family, Lab};
use lbx_tests::maps;
use lbx_tests::privilege::KERNEL;
use lbx_tests::suite::{self, Case};
use lbx_tests::wait::{SOON, until};

fn main() {
    suite::main(vec![
        Case::new("plane::both_families", KERNEL, both_families),
        Case::new("plane::generic_mode", KERNEL, generic),
        Case::new("plane::server_out_of_service", KERNEL, out_of_service),
        Case::new("plane::reload", KERNEL, reload),
        Case::new("plane::killed_and_adopted", KERNEL, adopted),
        Case::new("plane::orderly_stop", KERNEL, orderly_stop),
        Case::new("plane::soft_stop", KERNEL, soft_stop),
        Case::new("plane::prepared_but_not_started", KERNEL, not_started),
        Case::new("plane::wildcard_and_new_address", KERNEL, wildcard),
        Case::new("plane::interface_comes_later", KERNEL, hot_plug),
        Case::new("plane::interfaces_are_levelled", KERNEL, levelled),
        Case::new("plane::server_behind_another_interface", KERNEL, elsewhere),
        Case::new("plane::sessions_are_shut_down", KERNEL, shutdown),
        Case::new("plane::statistics", KERNEL, statistics),
        Case::new("plane::flows_expire", KERNEL, expiry),
        Case::new("plane::memory_is_as_announced", KERNEL, memory),
    ]);
}

static BEDS: AtomicU32 = AtomicU32::new(0);

/// A lab with the kernel plane in the middle.
struct Bed {
    lab: Lab,
    pins: String,
    runtime: Arc<Runtime>,
    plane: Option<Plane>,
}

impl Bed {
    /// With this text between the global section and the end.
    fn new(lab: Lab, global: &str, proxies: &str) -> Result<Self> {
        let number = BEDS.fetch_add(1, Ordering::Relaxed);
        let pins = format!("/sys/fs/bpf/lbx-plane-{}-{number}", std::process::id());
        let config = config(&pins, global, proxies)?;
        let runtime = Arc::new(Runtime::new(config, Tick::ZERO));
        let mut bed = Self { lab, pins, runtime, plane: None };
        bed.start()?;
        Ok(bed)
    }

    fn start(&mut self) -> Result<Inheritance> {
        let began = Instant::now();
        let elapsed = move || Tick::from_millis(began.elapsed().as_millis() as u64);
        let clock: Clock = Arc::new(elapsed);
        let runtime = Arc::clone(&self.runtime);
        let steward = steward(&self.lab, &self.pins)?;
        let prepared = prepare(&runtime.snapshot().config, &steward)?;
        let inheritance = prepared.inheritance().clone();
        self.plane = Some(prepared.commit(runtime, clock)?);
        Ok(inheritance)
    }

    fn reload(&self, global: &str, proxies: &str) -> Result<()> {
        self.runtime.reconfigure(config(&self.pins, global, proxies)?, Tick::ZERO);
        Ok(())
    }

    fn plane(&self) -> Result<&Plane> {
        self.plane.as_ref().context("no plane")
    }

    fn status(&self) -> Result<Status> {
        Ok(self.plane()?.status())
    }

    fn connect(&self, family: Family) -> Result<Echo> {
        Echo::connect(self.lab.from_client(), (family.service(), 80).into())
    }

    /// Waits until the next hops of all servers are known.
    fn resolved(&self) -> Result<()> {
        until("next hops", SOON, || {
            self.status()
                .is_ok_and(|s| !s.servers.is_empty() && s.servers.iter().all(|s| s.unreachable.is_none()))
        })
    }

    fn order(&self, server: &str, state: AdminState) -> Result<()> {
        let snapshot = self.runtime.snapshot();
        let backend = snapshot.backends.first().context("no backend")?;
        let id = backend.server(server).context("no server")?.id;
        self.runtime.apply(Change::Server(id, ServerChange::Admin(state)), Tick::ZERO)?;
        Ok(())
    }
}

/// A steward in the balancer's namespace, on a thread of its own that ends with it.
fn steward(lab: &Lab, pins: &str) -> Result<Steward> {
    let (steward, line) = lb_xdp::steward::pair(pins.as_ref())?;
    lab.balancer.run(|| std::thread::Builder::new().spawn(|| line.serve()))??;
    Ok(steward)
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Some(plane) = self.plane.take() {
            plane.stop();
        } else if let Ok(pins) = lb_xdp::pins::Pins::open(self.pins.as_ref()) {
            let _ = pins.remove();
        }
    }
}

fn config(pins: &str, global: &str, proxies: &str) -> Result<Arc<Config>> {
    let text = format!("global\n  xdp-pin-path {pins}\n  {global}\n{proxies}");
    let outcome = lb_conf::load_text("test.cfg", &text);
    let problems: Vec<_> = outcome.diagnostics.iter().map(|d| format!("{d:?}")).collect();
    outcome.config.map(Arc::new).ok_or_else(|| anyhow!("{text}\n{}", problems.join("\n")))
}

const BOTH: &str = "xdp-interface front\n  xdp-interface back";

const TIMEOUTS: &str = "timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n";

fn one(servers: &[u8]) -> String {
    listen("10.1.0.1:80", Family::V4, servers)
}

fn listen(bind: &str, family: Family, servers: &[u8]) -> String {
    let mut text = format!("listen tcp\n  mode tcp\n  bind {bind}\n  {TIMEOUTS}  balance roundrobin\n");
    for number in servers {
        let at = SocketAddr::new(family.server(*number), 80);
        text.push_str(&format!("  server s{number} {at}\n"));
    }
    text
}

fn both_families() -> Result<()> {
    let lab = Lab::new()?;
    let origins = [lab.tcp(Family::V4, 1)?, lab.tcp(Family::V4, 2)?, lab.tcp(Family::V6, 3)?];
    let v6 = listen("[fd00:1::1]:80", Family::V6, &[3]).replace("listen tcp", "listen tcp6");
    let bed = Bed::new(lab, BOTH, &(one(&[1, 2]) + &v6))?;
    bed.resolved()?;
    let mut seen: Vec<_> = (0..4).map(|_| Ok(bed.connect(Family::V4)?.server)).collect::<Result<_>>()?;
    seen.sort();
    ensure!(seen == ["s1", "s1", "s2", "s2"], "{seen:?}");
    let mut echo = bed.connect(Family::V6)?;
    ensure!(echo.server == "s3");
    echo.check(&vec![7; 100_000])?;
    ensure!(bed.status()?.interfaces.iter().all(|i| i.hook.as_deref() == Some("native")));
    drop(origins);
    Ok(())
}

fn generic() -> Result<()> {
    let lab = Lab::new()?;
    let _origin = lab.tcp(Family::V4, 1)?;
    let bed = Bed::new(lab, "xdp-interface front generic\n  xdp-interface back generic", &one(&[1]))?;
    bed.resolved()?;
    bed.connect(Family::V4)?.check(&vec![7; 100_000])?;
    ensure!(bed.status()?.interfaces.iter().all(|i| i.hook.as_deref() == Some("generic")));
    Ok(())
}

fn out_of_service() -> Result<()> {
    let lab = Lab::new()?;
    let _origins = [lab.tcp(Family::V4, 1)?, lab.tcp(Family::V4, 2)?];
    let bed = Bed::new(lab, BOTH, &one(&[1, 2]))?;
    bed.resolved()?;
    let mut open: Vec<_> = (0..4).map(|_| bed.connect(Family::V4)).collect::<Result<_>>()?;
    bed.order("s1", AdminState::Maint)?;
    until("s1 to be out", SOON, || bed.connect(Family::V4).is_ok_and(|e| e.server == "s2"))?;
    for _ in 0..4 {
        ensure!(bed.connect(Family::V4)?.server == "s2");
    }
    open.iter_mut().try_for_each(|echo| echo.check(b"still there"))?;
    bed.order("s1", AdminState::Ready)?;
    until("s1 to be back", SOON, || bed.connect(Family::V4).is_ok_and(|e| e.server == "s1"))
}

fn reload() -> Result<()> {
    let lab = Lab::new()?;
    let _origins = [lab.tcp(Family::V4, 1)?, lab.tcp(Family::V4, 2)?];
    let bed = Bed::new(lab, BOTH, &one(&[1]))?;
    bed.resolved()?;
    let mut open = bed.connect(Family::V4)?;
    bed.reload(BOTH, &one(&[2]))?;
    until("s2 to serve", SOON, || bed.connect(Family::V4).is_ok_and(|e| e.server == "s2"))?;
    open.check(b"the server that left goes on with what it has")?;
    let retired = |s: &ServerStatus| s.server == "s1" && s.state == "drain" && s.active == 1;
    until("s1 to keep its flow", SOON, || bed.status().is_ok_and(|s| s.servers.iter().any(retired)))?;
    drop(open);
    until("s1 to be forgotten", 3 * SOON, || {
        bed.status().is_ok_and(|s| s.servers.iter().all(|s| s.server != "s1"))
    })?;
    // An interface that is not wanted any more is left alone.
    bed.reload("xdp-interface front", &one(&[2]))?;
    until("one interface", SOON, || bed.status().is_ok_and(|s| s.interfaces.len() == 1))?;
    ensure!(!bed.lab.balancer.ip("link show back")?.contains("xdp"));
    Ok(())
}

fn adopted() -> Result<()> {
    let lab = Lab::new()?;
    let _origins = [lab.tcp(Family::V4, 1)?, lab.tcp(Family::V4, 2)?];
    let mut bed = Bed::new(lab, BOTH, &one(&[1, 2]))?;
    bed.resolved()?;
    let mut open = bed.connect(Family::V4)?;
    let before = bed.status()?;
    // As good as a kill: nobody tidies up.
    drop(bed.plane.take());
    open.check(b"while there is no daemon")?;
    bed.connect(Family::V4)?.check(b"new ones too")?;
    bed.runtime = Arc::new(Runtime::new(config(&bed.pins, BOTH, &one(&[1, 2]))?, Tick::ZERO));
    ensure!(bed.start()? == Inheritance::Adopted);
    open.check(b"through the new program")?;
    let after = bed.status()?;
    let numbers = |s: &Status| s.servers.iter().map(|s| (s.server.clone(), s.number)).collect::<Vec<_>>();
    ensure!(numbers(&before) == numbers(&after) && after.adopted);
    let active: u32 = after.servers.iter().map(|s| s.active).sum();
    ensure!(active >= 1, "the open flow is known: {after:?}");
    // Maps of another ABI are of no use.
    drop(bed.plane.take());
    lb_xdp::pins::Pins::open(bed.pins.as_ref())?.set_abi("of another time")?;
    let replaced = Inheritance::Replaced { abi: Some("of another time".into()) };
    ensure!(bed.start()? == replaced);
    bed.resolved()?;
    bed.connect(Family::V4)?.check(b"anew")
}

fn orderly_stop() -> Result<()> {
    let lab = Lab::new()?;
    let _origin = lab.tcp(Family::V4, 1)?;
    let mut bed = Bed::new(lab, BOTH, &one(&[1]))?;
    bed.resolved()?;
    bed.connect(Family::V4)?;
    bed.plane.take().context("no plane")?.stop();
    ensure!(!std::path::Path::new(&bed.pins).exists(), "no pins are left");
    ensure!(!bed.lab.balancer.ip("link show front")?.contains("xdp"), "no program is left");
    ensure!(bed.connect(Family::V4).is_err(), "nobody serves");
    Ok(())
}

fn soft_stop() -> Result<()> {
    let lab = Lab::new()?;
    let _origin = lab.tcp(Family::V4, 1)?;
    let bed = Bed::new(lab, BOTH, &one(&[1]))?;
    bed.resolved()?;
    let mut open = bed.connect(Family::V4)?;
    bed.plane()?.close();
    until("no new flow", SOON, || bed.connect(Family::V4).is_err())?;
    open.check(b"an open flow goes on")
}

fn not_started() -> Result<()> {
    let lab = Lab::new()?;
    let pins = format!("/sys/fs/bpf/lbx-plane-{}-idle", std::process::id());
    let config = config(&pins, BOTH, &one(&[1]))?;
    drop(prepare(&config, &steward(&lab, &pins)?)?);
    ensure!(!std::path::Path::new(&pins).exists());
    ensure!(!lab.balancer.ip("link show front")?.contains("xdp"));
    Ok(())
}

fn wildcard() -> Result<()> {
    let lab = Lab::new()?;
    let _origin = lab.tcp(Family::V4, 1)?;
    let bed = Bed::new(lab, BOTH, &listen("0.0.0.0:80", Family::V4, &[1]))?;
    bed.resolved()?;
    bed.connect(Family::V4)?.check(b"at the first address")?;
    bed.lab.balancer.address("front", "10.1.0.77/24")?;
    let at = SocketAddr::from(([10, 1, 0, 77], 80));
    until("the new address", Duration::from_secs(1), || {
        bed.status().is_ok_and(|s| s.services.iter().any(|s| s.addresses.contains(&at)))
    })?;
    Echo::connect(bed.lab.from_client(), at)?.check(b"at the new one")
}

fn hot_plug() -> Result<()> {
    let lab = Lab::new()?;
    let bed = Bed::new(lab, "xdp-interface front\n  xdp-interface later", &one(&[1]))?;
    let later = |s: &Status| s.interfaces.iter().find(|i| i.name == "later").cloned();
    let missing = later(&bed.status()?).context("not listed")?;
    ensure!(missing.hook.is_none() && missing.reason.is_some_and(|r| r.contains("no such interface")));
    bed.lab.balancer.ip("link add later type veth peer name other")?;
    bed.lab.balancer.ip("link set later up")?;
    until("the program on it", SOON, || {
        bed.status().is_ok_and(|s| later(&s).is_some_and(|i| i.hook.as_deref() == Some("native")))
    })
}

/// Frames cannot pass from the driver of one interface to the stack of another.
fn levelled() -> Result<()> {
    let lab = Lab::new()?;
    let _origin = lab.tcp(Family::V4, 1)?;
    let bed = Bed::new(lab, "xdp-interface front\n  xdp-interface back generic", &one(&[1]))?;
    bed.resolved()?;
    ensure!(bed.status()?.interfaces.iter().all(|i| i.hook.as_deref() == Some("generic")));
    bed.connect(Family::V4)?.check(b"through the stack")?;
    bed.reload("xdp-interface front native\n  xdp-interface back generic", &one(&[1]))?;
    until("the server to be left to user space", SOON, || {
        bed.status().is_ok_and(|s| s.servers.iter().all(|s| s.unreachable.is_some()))
    })?;
    ensure!(bed.status()?.troubles.iter().any(|t| t.contains("make all of them generic")));
    bed.reload(BOTH, &one(&[1]))?;
    bed.resolved()?;
    bed.connect(Family::V4)?.check(b"again")
}

fn elsewhere() -> Result<()> {
    let lab = Lab::new()?;
    let bed = Bed::new(lab, "xdp-interface front", &one(&[1]))?;
    let reason = "it is reached over back, where the XDP program is not attached";
    until("the reason", SOON, || {
        bed.status().is_ok_and(|s| s.servers.iter().any(|s| s.unreachable.as_deref() == Some(reason)))
    })
}

/// Both ends of an idle connection learn that it is over.
fn shutdown() -> Result<()> {
    let lab = Lab::new()?;
    let server = lab.servers.run(|| TcpListener::bind(SocketAddr::new(Family::V4.server(1), 80)))??;
    let server6 = lab.servers.run(|| TcpListener::bind(SocketAddr::new(Family::V6.server(1), 80)))??;
    let marked =
        |text: String| text.replace(":80\n  server", ":80 on-marked-down shutdown-sessions\n  server");
    let v4 = marked(one(&[1]) + "  server unused 10.2.0.99:80\n");
    let v6 = listen("[fd00:1::1]:80", Family::V6, &[1]).replace("listen tcp", "listen tcp6");
    let bed = Bed::new(lab, BOTH, &(v4 + &v6))?;
    let reachable =
        |s: &Status, name: &str| s.servers.iter().all(|s| s.server != name || s.unreachable.is_none());
    until("next hops", SOON, || bed.status().is_ok_and(|s| !s.servers.is_empty() && reachable(&s, "s1")))?;
    let mut ends = Vec::new();
    for (family, server) in [(Family::V4, server), (Family::V6, server6)] {
        let client = client::connect(bed.lab.from_client(), (family.service(), 80).into())?;
        ends.extend([client, server.accept()?.0]);
    }
    bed.order("s1", AdminState::Maint)?;
    let snapshot = bed.runtime.snapshot();
    let id = snapshot.backend_named("tcp6").and_then(|b| b.server("s1")).context("no server")?.id;
    bed.runtime.apply(Change::Server(id, ServerChange::ShutdownSessions), Tick::ZERO)?;
    for mut end in ends {
        end.set_read_timeout(Some(SOON))?;
        let error = end.read(&mut [0]).err().context("no reset")?;
        ensure!(error.kind() == std::io::ErrorKind::ConnectionReset, "{error}");
    }
    until("no flow", SOON, || bed.status().is_ok_and(|s| s.open_flows == 0))
}

fn statistics() -> Result<()> {
    let lab = Lab::new()?;
    let _origin = lab.tcp(Family::V4, 1)?;
    let bed = Bed::new(lab, BOTH, &one(&[1]))?;
    bed.resolved()?;
    let mut open: Vec<_> = (0..3).map(|_| bed.connect(Family::V4)).collect::<Result<_>>()?;
    open[0].check(&vec![1; 50_000])?;
    let snapshot = bed.runtime.snapshot();
    let frontend = snapshot.frontends.first().context("no frontend")?.traffic();
    let server = &snapshot.backends.first().context("no backend")?.servers[0].counters().traffic;
    for traffic in [frontend, server] {
        until("three sessions", SOON, || traffic.sessions.get() == 3 && traffic.session_total.get() == 3)?;
        until("bytes", SOON, || traffic.bytes_in.get() > 49_000 && traffic.bytes_out.get() > 49_000)?;
        ensure!(traffic.bytes_in.get() < 60_000, "headers do not count: {}", traffic.bytes_in.get());
    }
    drop(open);
    until("no session", SOON, || frontend.sessions.get() == 0 && server.sessions.get() == 0)?;
    ensure!(server.session_total.get() == 3);
    Ok(())
}

/// What `-c` says of the maps' memory is what the kernel accounts for.
fn memory() -> Result<()> {
    let bed = Bed::new(Lab::new()?, &format!("xdp-flows 30000\n  {BOTH}"), &one(&[1]))?;
    let settings = lb_xdp::loader::Settings::of(&bed.runtime.snapshot().config);
    let processors = std::thread::available_parallelism()?.get() as u64;
    let mut accounted = 0;
    for name in lb_common::names::PINNED {
        let shown = maps::bpftool(&["--json", "map", "show", "pinned", &format!("{}/{name}", bed.pins)])?;
        let shown: serde_json::Value = serde_json::from_str(&shown)?;
        accounted += shown["bytes_memlock"].as_u64().with_context(|| shown.to_string())?;
    }
    let announced = settings.memory(processors);
    ensure!((accounted * 9 / 10..accounted * 11 / 10).contains(&announced), "{announced} for {accounted}");
    Ok(())
}

fn expiry() -> Result<()> {
    let lab = Lab::new()?;
    let _origin = lab.tcp(Family::V4, 1)?;
    let short = one(&[1]).replace("timeout client 30s", "timeout client 2s");
    let bed = Bed::new(lab, BOTH, &short)?;
    bed.resolved()?;
    let mut open = bed.connect(Family::V4)?;
    until("the flow to be seen", SOON, || bed.status().is_ok_and(|s| s.open_flows == 1))?;
    until("the flow to be gone", SOON, || {
        bed.status().is_ok_and(|s| s.open_flows == 0 && s.flow_entries == 0)
    })?;
    ensure!(open.check(b"x").is_err(), "the balancer knows nothing of it any more");
    let active: u32 = bed.status()?.servers.iter().map(|s| s.active).sum();
    ensure!(active == 0);
    Ok(())
}
