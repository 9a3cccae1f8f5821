//! What the XDP program costs for a packet, under `BPF_PROG_TEST_RUN`: no device, no other work, one packet after the
//! other on one CPU.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use aya::Ebpf;
use aya::maps::{Array, HashMap, MapData};
use aya::programs::{TestRun, TestRunOptions};
use lb_common::address::to_wide;
use lb_common::bench::{FRAME_WORDS, Template};
use lb_common::counter::{Reason, ServiceCounters};
use lb_common::key::TCP;
use lb_common::names;
use lb_common::rule::{Column, Op, Rule, Tracked};
use lb_common::tcp::flag;
use lb_common::value::{Hop, SERVICE_EVENTS, Server, ServerState, Service, Slots};
use lb_xdp::loader::{self, Settings};
use lbx_tests::packets::layers::Segment;
use lbx_tests::packets::world::{self, BALANCER, ROUTER};
use lbx_tests::report::{Report, median};

/// Where `cargo xtask build-ebpf` leaves the programs.
const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bpf/bench.bpf.o");
/// Servers that the flows are spread over; each has 60,000 source ports.
const SERVERS: u16 = 128;
/// Packets of one measurement.
const REPEAT: u32 = 1 << 20;
/// Leaps over the clients.
const LEAP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Room for events that nobody reads: more are lost, which costs less, so flows that report are counted in thousands.
const WATCHED_FLOWS: u32 = 1 << 12;

/// The two families' addresses and programs.
#[derive(Clone, Copy)]
struct Net {
    name: &'static str,
    service: &'static str,
    client: &'static str,
    servers: fn(u16) -> IpAddr,
    restore: &'static str,
    decide: &'static str,
}

const NETS: [Net; 2] = [
    Net {
        name: "IPv4",
        service: "192.0.2.80",
        client: "0.0.0.0",
        servers: |n| IpAddr::from([10, 0, (n >> 8) as u8, n as u8]),
        restore: "bench_restore4",
        decide: "bench_decide4",
    },
    Net {
        name: "IPv6",
        service: "2001:db8::80",
        client: "2001:db8:1::",
        servers: |n| IpAddr::from([0x2001, 0xdb8, 2, 0, 0, 0, 0, n]),
        restore: "bench_restore6",
        decide: "bench_decide6",
    },
];

/// Services by their port.
const PLAIN: u16 = 80;
const WATCHED: u16 = 81;
const NOBODY: u16 = 82;

/// A figure above the empty program, in nanoseconds.
struct Above {
    measured: f64,
    restore: f64,
}

/// Measures everything, so many times.
pub(crate) fn run(rounds: u32) -> Result<Report> {
    let mut report = Report::new("packets: ns of a packet", &["total", "restoring", "above empty"]);
    let rounds = rounds.max(1);
    report.row("empty program", &[median(repeat(rounds, empty)?), None, Some(0.0)]);
    for (name, flows) in LOOKUPS {
        let all = repeat(rounds, || lookup(NETS[0], *flows))?;
        add(&mut report, format!("{}: {name}", NETS[0].name), &all);
    }
    for net in NETS {
        for (name, what) in MEASUREMENTS {
            let all = repeat(rounds, || what(net))?;
            add(&mut report, format!("{}: {name}", net.name), &all);
        }
    }
    Ok(report)
}

fn add(report: &mut Report, name: String, all: &[Above]) {
    let figure = |of: fn(&Above) -> f64| median(all.iter().map(of).collect());
    let (total, restore) = (figure(|a| a.measured), figure(|a| a.restore));
    report.row(name, &[total, restore, figure(|a| a.measured - a.restore)]);
}

/// What of the decision's cost is the table's, which depends on who else uses the processor's caches.
const LOOKUPS: &[(&str, u32)] =
    &[("lookup alone among 1", 1), ("lookup alone among 64 k", 1 << 16), ("lookup alone among 1 M", 1 << 20)];

type Measurement = (&'static str, fn(Net) -> Result<Above>);

const MEASUREMENTS: &[Measurement] = &[
    ("open flow among 1", |net| open_flow(net, 1)),
    ("open flow among 64 k", |net| open_flow(net, 1 << 16)),
    ("open flow among 1 M", |net| open_flow(net, 1 << 20)),
    ("SYN that opens a flow", |net| syn(net, PLAIN, 1 << 16)),
    ("the same, counted and reported", |net| syn(net, WATCHED, WATCHED_FLOWS)),
    ("no flow", |net| no_flow(net, flag::ACK, NOBODY, Reason::NoFlow)),
    ("SYN to no service", |net| no_flow(net, flag::SYN, NOBODY, Reason::NoService)),
];

fn repeat<T>(rounds: u32, mut measure: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
    (0..rounds).map(|_| measure()).collect()
}

fn empty() -> Result<f64> {
    Bench::new(1)?.time("bench_empty", REPEAT)
}

/// The lookup of one of `flows` flows, without the rest of the decision.
fn lookup(net: Net, flows: u32) -> Result<Above> {
    let mut bench = Bench::with_flows(net, flows)?;
    let measured = bench.time("bench_lookup4", REPEAT)?;
    Ok(Above { measured, restore: bench.time(net.restore, REPEAT)? })
}

/// A packet of one of `flows` flows, from client to server.
fn open_flow(net: Net, flows: u32) -> Result<Above> {
    let mut bench = Bench::with_flows(net, flows)?;
    let above = bench.above(net, REPEAT)?;
    bench.expect(PLAIN, Reason::ToServer, REPEAT)?;
    Ok(above)
}

/// A SYN that opens one of `flows` flows, into an empty table.
fn syn(net: Net, port: u16, flows: u32) -> Result<Above> {
    let mut bench = Bench::new(flows)?;
    bench.serve(net)?;
    bench.packets(net, flag::SYN, port, flows, 1)?;
    let above = bench.above(net, flows)?;
    bench.expect(port, Reason::Opened, flows)?;
    Ok(above)
}

/// A packet that is passed.
fn no_flow(net: Net, flags: u8, port: u16, reason: Reason) -> Result<Above> {
    let mut bench = Bench::new(1)?;
    bench.serve(net)?;
    bench.packets(net, flags, port, 1, LEAP)?;
    let above = bench.above(net, REPEAT)?;
    bench.expect(0, reason, REPEAT)?;
    Ok(above)
}

/// The loaded programs.
struct Bench {
    ebpf: Ebpf,
    frame: Vec<u8>,
}

impl Bench {
    fn new(flows: u32) -> Result<Self> {
        let object = fs::read(Path::new(OBJECT)).context(OBJECT)?;
        // As many entries as a table for so many flows would have; a hash table's buckets are as many.
        let settings =
            Settings { flows: flows.max(1 << 10), servers: 256, services: 128, ..Settings::default() };
        Ok(Self { ebpf: loader::load(&object, None, &settings)?, frame: vec![0; 128] })
    }

    /// With so many open flows, and packets that belong to them.
    fn with_flows(net: Net, flows: u32) -> Result<Self> {
        let mut bench = Self::new(flows)?;
        bench.serve(net)?;
        bench.packets(net, flag::SYN, PLAIN, flows, 1)?;
        bench.time(net.decide, flows)?;
        bench.packets(net, flag::ACK, PLAIN, flows, LEAP)?;
        Ok(bench)
    }

    fn map(&mut self, name: &str) -> Result<&mut aya::maps::Map> {
        self.ebpf.map_mut(name).ok_or_else(|| anyhow!("no map {name}"))
    }

    /// Rules that count each client's connections and reject those of a rate that no client has. Gives their place.
    fn track(&mut self, service: u16) -> Result<u32> {
        let (table, period, wide) = (1, 2500, 1);
        let counted = Rule { table, period, wide, yes: 1, no: 2, ..Rule::default() };
        let program = [
            Rule { op: Op::Track, ..counted },
            Rule { op: Op::Value, column: Column::Rate, low: u32::MAX, high: u32::MAX, ..counted },
            Rule { op: Op::Reject, ..Rule::default() },
            Rule { op: Op::Accept, ..Rule::default() },
        ];
        let mut rules = Array::<&mut MapData, Rule>::try_from(self.map(names::RULES)?)?;
        for (place, rule) in (1..).zip(program) {
            rules.set(place, rule, 0)?;
        }
        let mut tracked = Array::<&mut MapData, Tracked>::try_from(self.map(names::TRACKED)?)?;
        let own = Tracked { periods: [period, 0, 0, 0], tables: [table, 0, 0, 0] };
        tracked.set(u32::from(service), own, 0)?;
        Ok(1)
    }

    /// Services at two ports, one of which counts and reports, over all servers in turn.
    fn serve(&mut self, net: Net) -> Result<()> {
        let plain = Service { id: PLAIN, ..Service::default() };
        let rules = self.track(WATCHED)?;
        let watched = Service { id: WATCHED, flags: SERVICE_EVENTS, rules, rule_count: 4, ..plain };
        let slots: Vec<_> = (1..=SERVERS).collect();
        for service in [plain, watched] {
            let address = SocketAddr::new(net.service.parse()?, service.id);
            match address.ip() {
                IpAddr::V4(ip) => {
                    let mut map = HashMap::<&mut MapData, _, _>::try_from(self.map(names::SERVICES)?)?;
                    map.insert(world::key(ip.octets(), address, TCP), service, 0)?;
                }
                IpAddr::V6(ip) => {
                    let mut map = HashMap::<&mut MapData, _, _>::try_from(self.map(names::SERVICES6)?)?;
                    map.insert(world::key(ip.octets(), address, TCP), service, 0)?;
                }
            }
            self.set_table(service.id, &slots)?;
        }
        for id in slots {
            let mut servers = Array::<&mut MapData, Server>::try_from(self.map(names::SERVERS)?)?;
            servers.set(u32::from(id), server(net, id), 0)?;
        }
        Ok(())
    }

    fn set_table(&mut self, id: u16, slots: &[u16]) -> Result<()> {
        let elements = Slots::table(slots);
        let mut inner = Array::<MapData, Slots>::create(elements.len() as u32, 1 << 12)?;
        for (index, element) in elements.iter().enumerate() {
            inner.set(index as u32, element, 0)?;
        }
        let mut tables = aya::maps::ArrayOfMaps::<&mut MapData, Array<MapData, Slots>>::try_from(
            self.map(names::TABLES)?,
        )?;
        Ok(tables.set(u32::from(id), &inner, 0)?)
    }

    /// Sets the packets that are to come: from `clients` clients, a power of two.
    fn packets(&mut self, net: Net, flags: u8, port: u16, clients: u32, stride: u64) -> Result<()> {
        let client = SocketAddr::new(net.client.parse()?, 1);
        let service = SocketAddr::new(net.service.parse()?, port);
        self.frame = Segment::new(client, service, (ROUTER, BALANCER)).flags(flags).payload(&[0; 64]).bytes();
        let mut template = Template { next: 0, stride, mask: u64::from(clients) - 1, ..Template::default() };
        for (word, bytes) in template.frame.iter_mut().zip(self.frame.chunks_exact(8)).take(FRAME_WORDS) {
            *word = u64::from_ne_bytes(bytes.try_into()?);
        }
        let mut map = Array::<&mut MapData, Template>::try_from(self.map("TEMPLATE")?)?;
        Ok(map.set(0, template, 0)?)
    }

    /// The mean nanoseconds of a run.
    fn time(&mut self, program: &str, repeat: u32) -> Result<f64> {
        let mut options = TestRunOptions::new();
        options.data_in = Some(&self.frame);
        options.repeat = repeat;
        let result = loader::program(&mut self.ebpf, program)?.test_run(options)?;
        Ok(result.duration.as_nanos() as f64)
    }

    fn above(&mut self, net: Net, repeat: u32) -> Result<Above> {
        let measured = self.time(net.decide, repeat)?;
        let restore = self.time(net.restore, REPEAT)?;
        Ok(Above { measured, restore })
    }

    /// Makes sure that what was measured is what was meant.
    fn expect(&mut self, service: u16, reason: Reason, times: u32) -> Result<()> {
        let map = self.map(names::COUNTERS)?;
        let counters = aya::maps::PerCpuArray::<&mut MapData, ServiceCounters>::try_from(map)?;
        let values = counters.get(&u32::from(service), 0)?;
        let count: u64 = values.iter().map(|value| value.get(reason).packets).sum();
        ensure!(count == u64::from(times), "{count} packets of {times} were {}", reason.name());
        Ok(())
    }
}

fn server(net: Net, id: u16) -> Server {
    let (family, address) = to_wide((net.servers)(id));
    let (_, source) = to_wide((net.servers)(0xfff0));
    Server {
        address,
        source,
        hop: Hop { dst_mac: ROUTER, src_mac: BALANCER, ifindex: world::INGRESS },
        port: world::SERVER_PORT,
        source_low: 5000,
        source_high: u16::MAX,
        generation: 1,
        weight: 1,
        family,
        state: ServerState::Up,
        ..Server::default()
    }
}
