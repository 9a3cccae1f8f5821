//! The maps in the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, ArrayOfMaps, HashMap, Map, MapData, MapError, MapInfo, PerCpuArray, RingBuf};
use aya::programs::Xdp;
use aya::{Ebpf, Pod};
use lb_common::address::{Address, Family, V4, V6};
use lb_common::counter::{Count, Reason, ServerCounters, ServiceCounters};
use lb_common::key::{FlowKey, ServiceKey};
use lb_common::label::Label;
use lb_common::names;
use lb_common::rule::{LIST_BITS, ListNumber, Rule, SourceKey, TableNumber, Tracked};
use lb_common::value::{Flow, Jiffies, Server, ServerId, ServerLoad, Service, ServiceId, ServiceLoad, Slots};

use crate::bpf_sources::SourceMaps;
use crate::flows::{self, Ended, Policy, Step, Sweeper};
use crate::label::{self, Owner};
use crate::pins::Pins;
use crate::plan::{Plan, ServiceAt};
use crate::rulebook::{List, Prefix};
use crate::store::{
    Contents, Entry, FlowTable, FlowTables, Ids, Room, ServerTally, ServiceTally, Sources, Store, Tallies,
    Write, write_each,
};
use crate::sys::{self, Place};

/// `enum bpf_map` flags (linux/bpf.h): an inner map may be shorter than its template.
const BPF_F_INNER_MAP: u32 = 1 << 12;
/// Entries that are read with one system call: 64 ki flows are 5 MiB for a moment.
const BATCH: usize = 1 << 16;

type Hash<K, V> = HashMap<MapData, K, V>;

/// The flows of one family, and where a walk over them is.
struct Flows<A: Address>
where
    FlowKey<A>: Pod,
    Flow<A>: Pod,
{
    map: Hash<FlowKey<A>, Flow<A>>,
    /// The same map, for what aya has no functions for.
    fd: OwnedFd,
    place: Place,
    /// Entries that it takes.
    room: u32,
}

/// The maps in the kernel.
pub struct BpfStore {
    services4: Hash<ServiceKey<V4>, Service>,
    services6: Hash<ServiceKey<V6>, Service>,
    tables: ArrayOfMaps<MapData, Array<MapData, Slots>>,
    servers: Array<MapData, Server>,
    server_load: Array<MapData, ServerLoad>,
    service_load: Array<MapData, ServiceLoad>,
    server_counters: PerCpuArray<MapData, ServerCounters>,
    counters: PerCpuArray<MapData, ServiceCounters>,
    labels: Hash<u32, Label>,
    rules: Array<MapData, Rule>,
    rule_counters: PerCpuArray<MapData, Count>,
    tracked: Array<MapData, Tracked>,
    sources4: LpmTrie<MapData, SourceKey<V4>, u32>,
    sources6: LpmTrie<MapData, SourceKey<V6>, u32>,
    sources: SourceMaps,
    flows4: Flows<V4>,
    flows6: Flows<V6>,
    clock: Array<MapData, u64>,
    tables_fd: OwnedFd,
    servers_fd: OwnedFd,
    clock_program: OwnedFd,
    object: Option<Ebpf>,
    sweeper: Sweeper,
}

impl BpfStore {
    /// The maps that are pinned in this folder, of an object whose programs are loaded.
    ///
    /// # Errors
    ///
    /// A map is not there, or is not what it should be.
    pub fn new(object: Ebpf, pins: &Pins) -> anyhow::Result<Self> {
        Ok(Self { object: Some(object), ..Self::existing(pins)? })
    }

    /// The maps that are pinned in this folder, to look at.
    ///
    /// # Errors
    ///
    /// A map is not there, or is not what it should be.
    pub fn existing(pins: &Pins) -> anyhow::Result<Self> {
        let fd = |name| sys::open_pinned(&pins.map(name));
        Ok(Self {
            services4: pinned(pins, names::SERVICES)?,
            services6: pinned(pins, names::SERVICES6)?,
            tables: pinned(pins, names::TABLES)?,
            servers: pinned(pins, names::SERVERS)?,
            server_load: pinned(pins, names::SERVER_LOAD)?,
            service_load: pinned(pins, names::SERVICE_LOAD)?,
            server_counters: pinned(pins, names::SERVER_COUNTERS)?,
            counters: pinned(pins, names::COUNTERS)?,
            flows4: flow_map(pins, names::FLOWS)?,
            flows6: flow_map(pins, names::FLOWS6)?,
            tables_fd: fd(names::TABLES)?,
            servers_fd: fd(names::SERVERS)?,
            clock: pinned(pins, names::CLOCK)?,
            clock_program: fd(names::CLOCK_PROGRAM)?,
            labels: pinned(pins, names::LABELS)?,
            sources: SourceMaps::new(pins)?,
            rules: pinned(pins, names::RULES)?,
            rule_counters: pinned(pins, names::RULE_COUNTERS)?,
            tracked: pinned(pins, names::TRACKED)?,
            sources4: pinned(pins, names::SOURCES)?,
            sources6: pinned(pins, names::SOURCES6)?,
            object: None,
            sweeper: Sweeper::default(),
        })
    }

    /// The ring buffer of events. It can be had once.
    ///
    /// # Errors
    ///
    /// The object lacks it, or it was had before.
    pub fn take_events(&mut self) -> anyhow::Result<RingBuf<MapData>> {
        let map = self.object.as_mut().and_then(|object| object.take_map(names::EVENTS));
        let map = map.ok_or_else(|| anyhow!("the BPF object has no map {}", names::EVENTS))?;
        Ok(RingBuf::try_from(map)?)
    }

    /// The forwarding program.
    ///
    /// # Errors
    ///
    /// The object lacks it, or it is not loaded.
    pub fn program(&self) -> anyhow::Result<BorrowedFd<'_>> {
        let object = self.object.as_ref().context("no program is loaded")?;
        Ok(xdp(object, names::PROGRAM)?.fd()?.as_fd())
    }

    fn write_table(&mut self, id: ServiceId, slots: &[ServerId]) -> anyhow::Result<()> {
        let elements = Slots::table(slots);
        let mut table = Array::<MapData, Slots>::create(elements.len() as u32, BPF_F_INNER_MAP)?;
        for (index, element) in (0..).zip(elements) {
            table.set(index, element, 0)?;
        }
        // From here on packets see the new table, and all of it.
        Ok(self.tables.set(u32::from(id), &table, 0)?)
    }

    fn read_table(&self, id: ServiceId) -> anyhow::Result<Option<Vec<ServerId>>> {
        let Some(table) = found(self.tables.get(&u32::from(id), 0))? else { return Ok(None) };
        let count = table.get(&0, 0)?.header();
        let slot = |slot: u32| anyhow::Ok(table.get(&Slots::element(slot), 0)?.server(slot));
        (0..count).map(slot).collect::<anyhow::Result<_>>().map(Some)
    }

    fn services(&self) -> anyhow::Result<BTreeMap<ServiceAt, Service>> {
        let mut services = BTreeMap::new();
        for entry in self.services4.iter() {
            let (key, service) = entry?;
            services.insert(service_at(&key, IpAddr::from(key.address)), service);
        }
        for entry in self.services6.iter() {
            let (key, service) = entry?;
            services.insert(service_at(&key, IpAddr::from(key.address)), service);
        }
        Ok(services)
    }
}

impl Store for BpfStore {
    fn room(&self) -> Room {
        Room {
            last_service: last(self.counters.len()),
            last_server: last(self.servers.len()),
            flows: self.flows4.room,
            rules: self.rules.len(),
        }
    }

    fn read(&self) -> anyhow::Result<Contents> {
        let services = self.services()?;
        let mut servers = BTreeMap::new();
        let mut place = Place::new(BATCH);
        while let Some(batch) = sys::lookup_batch::<u32, Server>(self.servers_fd.as_fd(), &mut place)? {
            let used = batch.into_iter().filter(|(_, server)| server.family != Family::None);
            servers.extend(used.filter_map(|(id, server)| Some((ServerId::try_from(id).ok()?, server))));
        }
        let mut owners = BTreeMap::new();
        for entry in self.labels.iter() {
            let (key, label) = entry?;
            label::owner(&label).map(|owner| owners.insert(key, owner));
        }
        let mut tables = BTreeMap::new();
        for id in 0..=self.room().last_service {
            if let Some(slots) = self.read_table(id)? {
                tables.insert(id, slots);
            }
        }
        let mut rules = BTreeMap::new();
        let mut tracked = BTreeMap::new();
        for service in services.values().filter(|service| service.rules != 0) {
            rules.insert(service.rules, self.read_rules(service.rules, service.rule_count)?);
            tracked.insert(service.id, self.tracked.get(&u32::from(service.id), 0)?);
        }
        let lists = self.read_lists()?;
        Ok(Contents { plan: Plan { services, servers, tables, rules, tracked, lists }, owners })
    }

    fn write(&mut self, writes: &[Write]) -> (usize, anyhow::Result<()>) {
        write_each(writes, |write| self.write_one(write))
    }

    fn tallies(&self, of: &Ids) -> anyhow::Result<Tallies> {
        let mut tallies = Tallies::default();
        for &id in &of.servers {
            let load = self.server_load.get(&u32::from(id), 0)?;
            tallies.servers.insert(id, ServerTally { load, counters: self.server_counters(id)? });
        }
        for &id in &of.services {
            let load = self.service_load.get(&u32::from(id), 0)?;
            tallies.services.insert(id, ServiceTally { load, counters: self.service_counters(id)? });
        }
        for &place in &of.rules {
            let values = self.rule_counters.get(&place, 0)?;
            tallies.rules.insert(place, values.iter().fold(Count::default(), |sum, one| sum.plus(*one)));
        }
        Ok(tallies)
    }

    fn sweep(&mut self, policy: &Policy, budget: usize) -> anyhow::Result<Step> {
        let mut sweeper = std::mem::take(&mut self.sweeper);
        let step = sweeper.step(self, policy, budget);
        self.sweeper = sweeper;
        step
    }

    fn sources(&mut self, tables: &BTreeSet<TableNumber>) -> anyhow::Result<Sources> {
        let now = self.now()?;
        Ok(Sources { now, changed: self.sources.read(tables, now)? })
    }

    fn end_flows(&mut self, servers: &BTreeSet<ServerId>) -> anyhow::Result<Vec<Ended>> {
        // The walk that is under way would miss what it has not seen yet.
        self.sweeper = Sweeper::default();
        flows::end(self, servers)
    }
}

impl FlowTables for BpfStore {
    fn now(&self) -> anyhow::Result<Jiffies> {
        sys::run(self.clock_program.as_fd())?;
        Ok(self.clock.get(&0, 0)? as Jiffies)
    }
}

impl BpfStore {
    fn write_one(&mut self, write: &Write) -> anyhow::Result<()> {
        match write {
            Write::Label(number, owner) => self.write_label(*number, owner),
            Write::RemoveLabel(number, owner) => removed(self.labels.remove(&owner.key(*number))),
            Write::Server(id, server) => Ok(self.servers.set(u32::from(*id), server, 0)?),
            Write::Table(id, slots) => self.write_table(*id, slots),
            Write::RemoveTable(id) => Ok(sys::delete(self.tables_fd.as_fd(), &u32::from(*id))?),
            Write::List(number, list) => list.iter().try_for_each(|prefix| self.add_prefix(*number, *prefix)),
            Write::RemoveList(number, list) => {
                list.iter().try_for_each(|prefix| self.remove_prefix(*number, *prefix))
            }
            Write::Rules(place, rules) => self.write_rules(*place, rules),
            Write::RemoveRules(place, count) => {
                self.write_rules(*place, &vec![Rule::default(); *count as usize])
            }
            Write::HostRates(table, ip, rates) => self.sources.set(*table, *ip, rates),
            Write::ForgetSource(table, ip) => self.sources.forget(*table, *ip),
            Write::ForgetSources => self.sources.clear(),
            Write::Tracked(id, tracked) => Ok(self.tracked.set(u32::from(*id), tracked, 0)?),
            Write::RemoveTracked(id) => Ok(self.tracked.set(u32::from(*id), Tracked::default(), 0)?),
            Write::Service(at, service) => match at.address.ip() {
                IpAddr::V4(ip) => self.services4.insert(service_key(ip.octets(), at), service, 0),
                IpAddr::V6(ip) => self.services6.insert(service_key(ip.octets(), at), service, 0),
            }
            .map_err(anyhow::Error::from),
            Write::RemoveService(at) => removed(match at.address.ip() {
                IpAddr::V4(ip) => self.services4.remove(&service_key(ip.octets(), at)),
                IpAddr::V6(ip) => self.services6.remove(&service_key(ip.octets(), at)),
            }),
        }
        .with_context(|| {
            if write.is_long() { "writing a list".to_owned() } else { format!("writing {write:?}") }
        })
    }

    fn write_rules(&mut self, place: u32, rules: &[Rule]) -> anyhow::Result<()> {
        for (place, rule) in (place..).zip(rules) {
            self.rules.set(place, rule, 0)?;
        }
        Ok(())
    }

    fn read_rules(&self, place: u32, count: u32) -> anyhow::Result<Vec<Rule>> {
        let places = place..place.saturating_add(count).min(self.rules.len());
        places.map(|place| Ok(self.rules.get(&place, 0)?)).collect()
    }

    fn add_prefix(&mut self, list: ListNumber, (ip, bits): Prefix) -> anyhow::Result<()> {
        let bits = LIST_BITS + u32::from(bits);
        match ip {
            IpAddr::V4(ip) => self.sources4.insert(&source_key(bits, list, ip.octets()), 0, 0),
            IpAddr::V6(ip) => self.sources6.insert(&source_key(bits, list, ip.octets()), 0, 0),
        }
        .map_err(anyhow::Error::from)
    }

    fn remove_prefix(&mut self, list: ListNumber, (ip, bits): Prefix) -> anyhow::Result<()> {
        let bits = LIST_BITS + u32::from(bits);
        removed(match ip {
            IpAddr::V4(ip) => self.sources4.remove(&source_key(bits, list, ip.octets())),
            IpAddr::V6(ip) => self.sources6.remove(&source_key(bits, list, ip.octets())),
        })
    }

    fn read_lists(&self) -> anyhow::Result<BTreeMap<ListNumber, List>> {
        let mut lists = BTreeMap::<ListNumber, Vec<Prefix>>::new();
        for key in self.sources4.keys() {
            let (key, data) = key.map(|key| (key.prefix_len(), key.data()))?;
            lists.entry(data.list).or_default().push((IpAddr::from(data.address), prefix_bits(key)));
        }
        for key in self.sources6.keys() {
            let (key, data) = key.map(|key| (key.prefix_len(), key.data()))?;
            lists.entry(data.list).or_default().push((IpAddr::from(data.address), prefix_bits(key)));
        }
        lists.values_mut().for_each(|list| list.sort_unstable());
        Ok(lists.into_iter().map(|(number, list)| (number, Arc::new(list))).collect())
    }

    fn server_counters(&self, id: ServerId) -> anyhow::Result<ServerCounters> {
        let values = self.server_counters.get(&u32::from(id), 0)?;
        Ok(values.iter().fold(ServerCounters::default(), |sum, one| ServerCounters {
            to_server: sum.to_server.plus(one.to_server),
            to_client: sum.to_client.plus(one.to_client),
        }))
    }

    fn service_counters(&self, id: ServiceId) -> anyhow::Result<ServiceCounters> {
        let values = self.counters.get(&u32::from(id), 0)?;
        let mut sum = ServiceCounters::default();
        for (one, &reason) in
            values.iter().flat_map(|one| Reason::ALL.iter().map(move |reason| (one, reason)))
        {
            *sum.get_mut(reason) = sum.get(reason).plus(*one.get(reason));
        }
        Ok(sum)
    }
}

pub(crate) fn pinned<T: TryFrom<Map, Error = MapError>>(pins: &Pins, name: &str) -> anyhow::Result<T> {
    let map = MapData::from_pin(pins.map(name)).and_then(Map::from_map_data);
    map.and_then(T::try_from).with_context(|| format!("map {name}"))
}

fn xdp<'a>(object: &'a Ebpf, name: &str) -> anyhow::Result<&'a Xdp> {
    let program = object.program(name).ok_or_else(|| anyhow!("the BPF object has no program {name}"))?;
    program.try_into().with_context(|| format!("program {name}"))
}

fn flow_map<A: Address>(pins: &Pins, name: &str) -> anyhow::Result<Flows<A>>
where
    FlowKey<A>: Pod,
    Flow<A>: Pod,
{
    let path = pins.map(name);
    let room = MapInfo::from_pin(&path)?.max_entries();
    Ok(Flows { map: pinned(pins, name)?, fd: sys::open_pinned(&path)?, place: Place::new(BATCH), room })
}

fn service_key<A>(address: A, at: &ServiceAt) -> ServiceKey<A> {
    ServiceKey { address, port: at.address.port(), protocol: at.protocol, reserved: 0 }
}

fn service_at<A>(key: &ServiceKey<A>, ip: IpAddr) -> ServiceAt {
    ServiceAt { address: SocketAddr::new(ip, key.port), protocol: key.protocol }
}

fn source_key<A>(bits: u32, list: ListNumber, address: A) -> Key<SourceKey<A>>
where
    SourceKey<A>: Pod,
{
    // Behind its length a key is octets in the order in which they are compared; the order of a number does not matter.
    Key::new(bits, SourceKey { list, address })
}

/// The length of a prefix without its list's number.
fn prefix_bits(bits: u32) -> u8 {
    u8::try_from(bits.saturating_sub(LIST_BITS)).unwrap_or(0)
}

/// The highest number that an array of so many elements has room for.
fn last(elements: u32) -> u16 {
    u16::try_from(elements.saturating_sub(1)).unwrap_or(u16::MAX)
}

/// What a lookup gave, if there was anything.
fn found<T>(result: Result<T, MapError>) -> anyhow::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if is_missing(&e) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// What was to be removed is gone, be it that it was not there.
pub(crate) fn removed(result: Result<(), MapError>) -> anyhow::Result<()> {
    found(result).map(|_| ())
}

fn is_missing(error: &MapError) -> bool {
    match error {
        MapError::KeyNotFound | MapError::ElementNotFound => true,
        MapError::SyscallError(e) => e.io_error.raw_os_error() == Some(libc::ENOENT),
        _ => false,
    }
}

impl BpfStore {
    fn write_label(&mut self, number: u16, owner: &Owner) -> anyhow::Result<()> {
        let label = label::of(owner).context("a name is too long")?;
        Ok(self.labels.insert(owner.key(number), label, 0)?)
    }
}

macro_rules! flow_table {
    ($address:ty, $field:ident) => {
        impl FlowTable<$address> for BpfStore {
            fn next_flows(&mut self) -> anyhow::Result<Option<Vec<Entry<$address>>>> {
                let Flows { fd, place, .. } = &mut self.$field;
                Ok(sys::lookup_batch(fd.as_fd(), place)?)
            }

            fn rewind(&mut self) {
                self.$field.place.rewind();
            }

            fn flow(&self, key: &FlowKey<$address>) -> anyhow::Result<Option<Flow<$address>>> {
                found(self.$field.map.get(key, 0))
            }

            fn delete_flows(&mut self, keys: &[FlowKey<$address>]) -> anyhow::Result<()> {
                sys::delete_batch(self.$field.fd.as_fd(), keys)?;
                Ok(())
            }
        }
    };
}

flow_table!(V4, flows4);
flow_table!(V6, flows6);
