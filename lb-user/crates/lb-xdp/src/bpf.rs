//! The maps in the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, anyhow};
use aya::maps::{Array, ArrayOfMaps, HashMap, Map, MapData, MapError, MapInfo, PerCpuArray, RingBuf};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, Pod};
use lb_common::address::{Address, Family, V4, V6};
use lb_common::counter::{Reason, ServerCounters, ServiceCounters};
use lb_common::key::{FlowKey, ServiceKey};
use lb_common::names;
use lb_common::value::{Flow, Jiffies, Server, ServerId, ServerLoad, Service, ServiceId, ServiceLoad, Slots};

use crate::flows::{self, Ended, Policy, Step, Sweeper};
use crate::label::{Label, Owner};
use crate::pins::Pins;
use crate::plan::{Plan, ServiceAt};
use crate::store::{
    Contents, Entry, FlowTable, FlowTables, Ids, Room, ServerTally, ServiceTally, Store, Tallies, Write,
    write_each,
};
use crate::sys::{self, Place};

/// Where the labels are pinned. No program refers to them.
pub(crate) const LABELS: &str = "LABELS";
/// `enum bpf_map` flags (linux/bpf.h): no memory for entries that are not there.
const BPF_F_NO_PREALLOC: u32 = 1;
/// The same: an inner map may be shorter than its template.
const BPF_F_INNER_MAP: u32 = 1 << 12;
/// Labels that there is room for: one for each number of a service and of a server.
const LABEL_ROOM: u32 = 1 << 17;
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
    flows4: Flows<V4>,
    flows6: Flows<V6>,
    clock: Array<MapData, u64>,
    tables_fd: OwnedFd,
    servers_fd: OwnedFd,
    object: Ebpf,
    sweeper: Sweeper,
}

impl BpfStore {
    /// The maps of an object whose maps are pinned in this folder and whose programs are loaded.
    ///
    /// # Errors
    ///
    /// The object lacks a map, or one is not what it should be.
    pub fn new(mut object: Ebpf, pins: &Pins) -> anyhow::Result<Self> {
        let o = &mut object;
        let fd = |name| sys::open_pinned(&pins.map(name));
        Ok(Self {
            services4: take(o, names::SERVICES)?,
            services6: take(o, names::SERVICES6)?,
            tables: take(o, names::TABLES)?,
            servers: take(o, names::SERVERS)?,
            server_load: take(o, names::SERVER_LOAD)?,
            service_load: take(o, names::SERVICE_LOAD)?,
            server_counters: take(o, names::SERVER_COUNTERS)?,
            counters: take(o, names::COUNTERS)?,
            flows4: flow_map(o, pins, names::FLOWS)?,
            flows6: flow_map(o, pins, names::FLOWS6)?,
            tables_fd: fd(names::TABLES)?,
            servers_fd: fd(names::SERVERS)?,
            clock: take(o, names::CLOCK)?,
            labels: labels(pins)?,
            object,
            sweeper: Sweeper::default(),
        })
    }

    /// The ring buffer of events. It can be had once.
    ///
    /// # Errors
    ///
    /// The object lacks it, or it was had before.
    pub fn take_events(&mut self) -> anyhow::Result<RingBuf<MapData>> {
        take(&mut self.object, names::EVENTS)
    }

    /// The forwarding program.
    ///
    /// # Errors
    ///
    /// The object lacks it, or it is not loaded.
    pub fn program(&self) -> anyhow::Result<BorrowedFd<'_>> {
        Ok(xdp(&self.object, names::PROGRAM)?.fd()?.as_fd())
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
            label.owner().map(|owner| owners.insert(key, owner));
        }
        let mut tables = BTreeMap::new();
        for id in 0..=self.room().last_service {
            if let Some(slots) = self.read_table(id)? {
                tables.insert(id, slots);
            }
        }
        Ok(Contents { plan: Plan { services, servers, tables }, owners })
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
        Ok(tallies)
    }

    fn sweep(&mut self, policy: &Policy, budget: usize) -> anyhow::Result<Step> {
        let mut sweeper = std::mem::take(&mut self.sweeper);
        let step = sweeper.step(self, policy, budget);
        self.sweeper = sweeper;
        step
    }

    fn end_flows(&mut self, servers: &BTreeSet<ServerId>) -> anyhow::Result<Vec<Ended>> {
        // The walk that is under way would miss what it has not seen yet.
        self.sweeper = Sweeper::default();
        flows::end(self, servers)
    }
}

impl FlowTables for BpfStore {
    fn now(&self) -> anyhow::Result<Jiffies> {
        // The least that counts as a frame.
        let frame = [0; 14];
        let program = xdp(&self.object, names::CLOCK_PROGRAM)?;
        program.test_run(TestRunOptions { data_in: Some(&frame), ..TestRunOptions::new() })?;
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
        .with_context(|| format!("writing {write:?}"))
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

fn take<T: TryFrom<Map, Error = MapError>>(object: &mut Ebpf, name: &str) -> anyhow::Result<T> {
    let map = object.take_map(name).ok_or_else(|| anyhow!("the BPF object has no map {name}"))?;
    T::try_from(map).with_context(|| format!("map {name}"))
}

fn xdp<'a>(object: &'a Ebpf, name: &str) -> anyhow::Result<&'a Xdp> {
    let program = object.program(name).ok_or_else(|| anyhow!("the BPF object has no program {name}"))?;
    program.try_into().with_context(|| format!("program {name}"))
}

fn flow_map<A: Address>(object: &mut Ebpf, pins: &Pins, name: &str) -> anyhow::Result<Flows<A>>
where
    FlowKey<A>: Pod,
    Flow<A>: Pod,
{
    let path = pins.map(name);
    let room = MapInfo::from_pin(&path)?.max_entries();
    Ok(Flows { map: take(object, name)?, fd: sys::open_pinned(&path)?, place: Place::new(BATCH), room })
}

/// The pinned map of labels, or a new one.
fn labels(pins: &Pins) -> anyhow::Result<Hash<u32, Label>> {
    let path = pins.map(LABELS);
    if !path.exists() {
        Hash::<u32, Label>::create(LABEL_ROOM, BPF_F_NO_PREALLOC)?.pin(&path)?;
    }
    let map = Map::from_map_data(MapData::from_pin(&path)?)?;
    Hash::try_from(map).with_context(|| path.display().to_string())
}

fn service_key<A>(address: A, at: &ServiceAt) -> ServiceKey<A> {
    ServiceKey { address, port: at.address.port(), protocol: at.protocol, reserved: 0 }
}

fn service_at<A>(key: &ServiceKey<A>, ip: IpAddr) -> ServiceAt {
    ServiceAt { address: SocketAddr::new(ip, key.port), protocol: key.protocol }
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
fn removed(result: Result<(), MapError>) -> anyhow::Result<()> {
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
        let label = Label::new(owner).context("a name is too long")?;
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
