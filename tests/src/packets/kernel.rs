//! The loaded program, run packet by packet under `BPF_PROG_TEST_RUN`, and its maps.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, anyhow, bail};
use aya::Ebpf;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, ArrayOfMaps, HashMap, MapData, PerCpuArray, PerCpuValues, Queue, RingBuf};
use aya::programs::{TestRun, TestRunOptions};
use lb_common::address::{V4, V6};
use lb_common::counter::{Count, Reason, ServerCounters, ServiceCounters};
use lb_common::event::FlowEvent;
use lb_common::forward::Verdict;
use lb_common::key::{FlowKey, RateKey, ServiceKey};
use lb_common::names;
use lb_common::rates::{HostRates, Rates};
use lb_common::rule::{LIST_BITS, Rule, SourceKey, Tracked};
use lb_common::value::{Flow, Retired, Server, ServerId, ServerLoad, Service, ServiceId, ServiceLoad, Slots};
use lb_xdp::loader::{self, Settings};

use super::world::{self, CAPACITY, LINGER, World, key};

/// Numbers of services and servers that there is room for.
const NUMBERS: u32 = 80;
/// Leave to make an inner map shorter than its template.
const BPF_F_INNER_MAP: u32 = 1 << 12;
/// Room in the maps.
const SETTINGS: Settings = Settings {
    flows: CAPACITY / 2,
    addresses: 64,
    services: NUMBERS,
    servers: NUMBERS,
    sources: world::SOURCES,
    prefixes: 64,
    rules: 256,
    linger: LINGER,
    second: world::SECOND,
};
/// Room for what a program may add to a frame.
const GROWTH: usize = 256;

/// A program and its maps.
pub struct Kernel {
    ebpf: Ebpf,
}

macro_rules! typed {
    ($($name:ident: $kind:ty = $map:expr;)+) => {
        $(fn $name(&mut self) -> Result<$kind> {
            let map = self.ebpf.map_mut($map).ok_or_else(|| anyhow!("no map {}", $map))?;
            map.try_into().context($map)
        })+
    };
}

impl Kernel {
    typed! {
        services: HashMap<&mut MapData, ServiceKey<V4>, Service> = names::SERVICES;
        services6: HashMap<&mut MapData, ServiceKey<V6>, Service> = names::SERVICES6;
        servers: Array<&mut MapData, Server> = names::SERVERS;
        server_loads: Array<&mut MapData, ServerLoad> = names::SERVER_LOAD;
        service_loads: Array<&mut MapData, ServiceLoad> = names::SERVICE_LOAD;
        tables: ArrayOfMaps<&mut MapData, Array<MapData, Slots>> = names::TABLES;
        flow_map: HashMap<&mut MapData, FlowKey<V4>, Flow<V4>> = names::FLOWS;
        flow_map6: HashMap<&mut MapData, FlowKey<V6>, Flow<V6>> = names::FLOWS6;
        rate_map: HashMap<&mut MapData, RateKey<V4>, Rates> = names::RATES;
        rate_map6: HashMap<&mut MapData, RateKey<V6>, Rates> = names::RATES6;
        host_rate_map: HashMap<&mut MapData, RateKey<V4>, HostRates> = names::HOST_RATES;
        host_rate_map6: HashMap<&mut MapData, RateKey<V6>, HostRates> = names::HOST_RATES6;
        rules: Array<&mut MapData, Rule> = names::RULES;
        rule_counter_map: PerCpuArray<&mut MapData, Count> = names::RULE_COUNTERS;
        recent: Array<&mut MapData, u64> = names::RECENT;
        tracked: Array<&mut MapData, Tracked> = names::TRACKED;
        sources: LpmTrie<&mut MapData, SourceKey<V4>, u32> = names::SOURCES;
        sources6: LpmTrie<&mut MapData, SourceKey<V6>, u32> = names::SOURCES6;
        counters: PerCpuArray<&mut MapData, ServiceCounters> = names::COUNTERS;
        server_counter_map: PerCpuArray<&mut MapData, ServerCounters> = names::SERVER_COUNTERS;
        retired: Queue<&mut MapData, Retired<V4>> = names::RETIRED;
        retired6: Queue<&mut MapData, Retired<V6>> = names::RETIRED6;
        events: RingBuf<&mut MapData> = names::EVENTS;
    }

    /// Loads the embedded program with the tables of a world, of which it may run any with the same tables; none if
    /// there is no program.
    pub fn load(world: &World) -> Option<Result<Self>> {
        loader::embedded().map(|object| {
            let mut kernel = Self { ebpf: loader::load(object, None, &SETTINGS)? };
            kernel.set_tables(world)?;
            Ok(kernel)
        })
    }

    /// The kernel waits for all processors whenever one of these is replaced, which is why it is done once.
    fn set_tables(&mut self, world: &World) -> Result<()> {
        for (id, slots) in &world.tables {
            let elements = Slots::table(slots);
            let mut inner = Array::<_, Slots>::create(elements.len() as u32, BPF_F_INNER_MAP)?;
            for (index, element) in elements.iter().enumerate() {
                inner.set(index as u32, element, 0)?;
            }
            self.tables()?.set(u32::from(*id), &inner, 0)?;
        }
        self.set_rules(world)
    }

    fn set_rules(&mut self, world: &World) -> Result<()> {
        for (place, rule) in (0..).zip(&world.rules) {
            self.rules()?.set(place, rule, 0)?;
        }
        for (id, tracked) in &world.tracked {
            self.tracked()?.set(u32::from(*id), tracked, 0)?;
        }
        for (bits, list, ip) in &world.sources {
            let bits = LIST_BITS + bits;
            match ip {
                IpAddr::V4(ip) => {
                    let key = SourceKey { list: *list, address: ip.octets() };
                    self.sources()?.insert(&Key::new(bits, key), 0, 0)?;
                }
                IpAddr::V6(ip) => {
                    let key = SourceKey { list: *list, address: ip.octets() };
                    self.sources6()?.insert(&Key::new(bits, key), 0, 0)?;
                }
            }
        }
        Ok(())
    }

    /// Empties what the kernel writes, and writes what else user space does.
    pub fn begin(&mut self, world: &World) -> Result<()> {
        self.reset()?;
        for (address, protocol, service) in &world.services {
            self.set_service(*address, *protocol, service)?;
        }
        for (source, table, rates) in &world.host_rates {
            match source {
                IpAddr::V4(ip) => {
                    self.host_rate_map()?.insert(world::rate_key(ip.octets(), *table), rates, 0)?
                }
                IpAddr::V6(ip) => {
                    self.host_rate_map6()?.insert(world::rate_key(ip.octets(), *table), rates, 0)?
                }
            }
        }
        world.servers.iter().try_for_each(|(id, server)| self.set_server(*id, server))
    }

    fn set_service(&mut self, address: SocketAddr, protocol: u8, service: &Service) -> Result<()> {
        match address.ip() {
            IpAddr::V4(ip) => {
                self.services()?.insert(key::<V4>(ip.octets(), address, protocol), service, 0)?
            }
            IpAddr::V6(ip) => {
                self.services6()?.insert(key::<V6>(ip.octets(), address, protocol), service, 0)?
            }
        }
        Ok(())
    }

    /// Sets a server's entry.
    pub fn set_server(&mut self, id: ServerId, server: &Server) -> Result<()> {
        Ok(self.servers()?.set(u32::from(id), server, 0)?)
    }

    fn reset(&mut self) -> Result<()> {
        for key in self.flows()?.into_keys() {
            self.flow_map()?.remove(&key)?;
        }
        for key in self.flows6()?.into_keys() {
            self.flow_map6()?.remove(&key)?;
        }
        for key in self.rates()?.into_keys() {
            self.rate_map()?.remove(&key)?;
        }
        for key in self.rates6()?.into_keys() {
            self.rate_map6()?.remove(&key)?;
        }
        for index in 0..SETTINGS.rules {
            let cpus = aya::util::nr_cpus().map_err(|(path, error)| anyhow!("{path}: {error}"))?;
            self.rule_counter_map()?.set(index, PerCpuValues::try_from(vec![Count::default(); cpus])?, 0)?;
        }
        self.take_retired()?;
        self.take_retired6()?;
        let cpus = aya::util::nr_cpus().map_err(|(path, error)| anyhow!("{path}: {error}"))?;
        for index in 0..NUMBERS {
            self.server_loads()?.set(index, ServerLoad::default(), 0)?;
            self.service_loads()?.set(index, ServiceLoad::default(), 0)?;
            let zero = PerCpuValues::try_from(vec![ServiceCounters::default(); cpus])?;
            self.counters()?.set(index, zero, 0)?;
            let zero = PerCpuValues::try_from(vec![ServerCounters::default(); cpus])?;
            self.server_counter_map()?.set(index, zero, 0)?;
        }
        self.take_events().map(drop)
    }

    fn take_retired(&mut self) -> Result<Vec<Retired<V4>>> {
        let mut queue = self.retired()?;
        Ok(std::iter::from_fn(|| queue.pop(0).ok()).collect())
    }

    fn take_retired6(&mut self) -> Result<Vec<Retired<V6>>> {
        let mut queue = self.retired6()?;
        Ok(std::iter::from_fn(|| queue.pop(0).ok()).collect())
    }

    /// Lets the flows that have closed have done so [`LINGER`] earlier.
    pub fn linger(&mut self) -> Result<()> {
        for retired in self.take_retired()? {
            self.retired()?.push(Retired { at: retired.at.wrapping_sub(LINGER), ..retired }, 0)?;
        }
        for retired in self.take_retired6()? {
            self.retired6()?.push(Retired { at: retired.at.wrapping_sub(LINGER), ..retired }, 0)?;
        }
        Ok(())
    }

    /// Runs the program on a frame. Returns the verdict and the frame as it is then.
    pub fn run(&mut self, frame: &[u8]) -> Result<(Verdict, Vec<u8>)> {
        let mut out = vec![0; frame.len() + GROWTH];
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.data_out = Some(&mut out);
        let result = loader::program(&mut self.ebpf, names::PROGRAM)?.test_run(options)?;
        out.truncate(result.data_size_out as usize);
        let verdict = match result.return_value {
            1 => Verdict::Drop,
            2 => Verdict::Pass,
            3 => Verdict::Transmit,
            4 => Verdict::Redirect,
            other => bail!("the program returned {other}"),
        };
        Ok((verdict, out))
    }

    /// All IPv4 flows.
    pub fn flows(&mut self) -> Result<BTreeMap<FlowKey<V4>, Flow<V4>>> {
        Ok(self.flow_map()?.iter().collect::<Result<_, _>>()?)
    }

    /// All IPv6 flows.
    pub fn flows6(&mut self) -> Result<BTreeMap<FlowKey<V6>, Flow<V6>>> {
        Ok(self.flow_map6()?.iter().collect::<Result<_, _>>()?)
    }

    /// Counted IPv4 sources.
    pub fn rates(&mut self) -> Result<BTreeMap<RateKey<V4>, Rates>> {
        Ok(self.rate_map()?.iter().collect::<Result<_, _>>()?)
    }

    /// Counted IPv6 sources.
    pub fn rates6(&mut self) -> Result<BTreeMap<RateKey<V6>, Rates>> {
        Ok(self.rate_map6()?.iter().collect::<Result<_, _>>()?)
    }

    /// A flow's entry is removed, as user space expires them.
    pub fn remove_flow(&mut self, key: &FlowKey<V4>) -> Result<()> {
        Ok(self.flow_map()?.remove(key)?)
    }

    /// How often each service's packets met each reason.
    pub fn reasons(&mut self) -> Result<BTreeMap<(ServiceId, Reason), (u64, u64)>> {
        let mut reasons = BTreeMap::new();
        for id in 0..NUMBERS {
            let values = self.counters()?.get(&id, 0)?;
            for &reason in Reason::ALL {
                let count = values.iter().map(|value| *value.get(reason)).reduce(|a, b| a.plus(b));
                let count = count.unwrap_or_default();
                if count.packets > 0 {
                    reasons.insert((id as ServiceId, reason), (count.packets, count.bytes));
                }
            }
        }
        Ok(reasons)
    }

    /// Forgets SYNs that were turned away.
    pub fn forget(&mut self, fingerprints: impl Iterator<Item = u32>) -> Result<()> {
        let mut recent = self.recent()?;
        let places = recent.len();
        for fingerprint in fingerprints {
            recent.set(fingerprint % places, 0, 0)?;
        }
        Ok(())
    }

    /// How often rules decided, without those that never did.
    pub fn rule_counters(&mut self) -> Result<BTreeMap<u32, Count>> {
        let mut counters = BTreeMap::new();
        for place in 0..SETTINGS.rules {
            let values = self.rule_counter_map()?.get(&place, 0)?;
            let sum = values.iter().fold(Count::default(), |sum, value| sum.plus(*value));
            if sum != Count::default() {
                counters.insert(place, sum);
            }
        }
        Ok(counters)
    }

    /// The servers' counters, without those that are zero.
    pub fn server_counters(&mut self) -> Result<BTreeMap<ServerId, ServerCounters>> {
        let mut counters = BTreeMap::new();
        for id in 0..NUMBERS {
            let values = self.server_counter_map()?.get(&id, 0)?;
            let sum = values.iter().fold(ServerCounters::default(), |sum, value| ServerCounters {
                to_server: sum.to_server.plus(value.to_server),
                to_client: sum.to_client.plus(value.to_client),
            });
            if sum != ServerCounters::default() {
                counters.insert(id as ServerId, sum);
            }
        }
        Ok(counters)
    }

    /// The servers' loads, without those that are zero.
    pub fn server_load(&mut self) -> Result<BTreeMap<ServerId, ServerLoad>> {
        let map = self.server_loads()?;
        let loads = (0..NUMBERS).map(|id| Ok((id as ServerId, map.get(&id, 0)?)));
        loads
            .filter(|load: &Result<_>| load.as_ref().map_or(true, |(_, load)| *load != ServerLoad::default()))
            .collect()
    }

    /// The services' loads, without those that are zero.
    pub fn service_load(&mut self) -> Result<BTreeMap<ServiceId, ServiceLoad>> {
        let map = self.service_loads()?;
        let loads = (0..NUMBERS).map(|id| Ok((id as ServiceId, map.get(&id, 0)?)));
        loads
            .filter(|load: &Result<_>| {
                load.as_ref().map_or(true, |(_, load)| *load != ServiceLoad::default())
            })
            .collect()
    }

    /// The events that have come since the last call.
    pub fn take_events(&mut self) -> Result<Vec<FlowEvent>> {
        let mut ring = self.events()?;
        let mut events = Vec::new();
        while let Some(item) = ring.next() {
            events.push(FlowEvent::from_bytes(&item).context("an event of another shape")?);
        }
        Ok(events)
    }
}
