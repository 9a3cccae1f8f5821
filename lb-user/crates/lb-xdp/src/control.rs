//! The kernel plane's state: what is planned, what the maps hold, which flows there are. Its only I/O is the store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use lb_common::event::FlowEvent;
use lb_common::value::{Algorithm, ServerId, ServiceId};
use lb_conf::model::Name;
use lb_core::placement::Placement;
use lb_core::{FlowEnd, Served, Snapshot, Tick};

use crate::counters::{Growth, Meter, Reading};
use crate::flows::{self, Census, Lifetimes, Policy, correction};
use crate::label::{self, Owner};
use crate::neigh::{IfIndex, Network};
use crate::plan::{Inputs, Planned, Planner, ServerName};
use crate::record::Recorder;
use crate::rulebook;
use crate::sharing::Sharing;
use crate::store::{Contents, Ids, ServerTally, ServiceTally, Store, Tallies, Write};
use crate::sync::{Elsewhere, Expired, Maps};

/// Entries of the tables of flows that one step of a walk looks at, about: what keeps a step short.
const STEP: usize = 1 << 17;
/// The share of a table of flows in use, in percent, beyond which flows that are not open must go sooner.
const PRESSURE: u64 = 50;

/// What is to be served: a configuration with its servers' states, and what the kernel takes of it.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The configuration and the servers' states.
    pub snapshot: &'a Snapshot,
    /// What the kernel takes of it.
    pub placements: &'a [Placement],
    /// The host's network.
    pub network: &'a Network,
    /// The interfaces that the program is on.
    pub interfaces: &'a BTreeSet<IfIndex>,
}

/// What a walk over the flows began with.
#[derive(Debug, Default)]
struct Walk {
    retired_servers: BTreeSet<ServerId>,
    retired_services: BTreeSet<ServiceId>,
    before: Tallies,
}

/// The kernel plane's state.
pub struct Control<S> {
    maps: Maps<S>,
    planner: Planner,
    planned: Planned,
    ports: RangeInclusive<u16>,
    policy: Policy,
    walk: Option<Walk>,
    census: Census,
    tallies: Tallies,
    released: bool,
    records: Vec<FlowEnd>,
    server_meter: Meter<ServerId>,
    service_meter: Meter<ServiceId>,
    denied_meter: Growth<ServiceId>,
    sharing: Sharing,
}

impl<S: Store> Control<S> {
    /// Takes the maps over as they are. `ports` are those that flows leave from, `hz` the jiffies in a second.
    ///
    /// # Errors
    ///
    /// The maps cannot be read.
    pub fn adopt(store: S, ports: RangeInclusive<u16>, hz: u32) -> anyhow::Result<Self> {
        let room = store.room();
        let maps = Maps::open(store)?;
        let mut planner = Planner::new(&room, hz);
        adopt_numbers(&mut planner, maps.contents());
        let mut control = Self {
            maps,
            planner,
            planned: Planned::default(),
            ports,
            policy: Policy { hz, ..Policy::default() },
            walk: None,
            census: Census::default(),
            tallies: Tallies::default(),
            released: false,
            records: Vec::new(),
            server_meter: Meter::default(),
            service_meter: Meter::default(),
            denied_meter: Growth::default(),
            sharing: Sharing::default(),
        };
        // Tables have other numbers now, and are empty.
        control.maps.tell(&[Write::ForgetSources])?;
        // What was counted before this daemon was told to another one.
        let tallies = control.read_tallies()?;
        for (id, tally) in &tallies.services {
            control.denied_meter.read(*id, Reading::service(0, 0, &tally.counters).denied);
        }
        Ok(control)
    }

    /// The maps.
    pub fn maps(&self) -> &Maps<S> {
        &self.maps
    }

    /// The last plan.
    pub fn planned(&self) -> &Planned {
        &self.planned
    }

    /// Who has which number.
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// What the last complete walk over the flows saw.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// Plans anew and brings the maps to it. Gives the number of writes.
    ///
    /// # Errors
    ///
    /// A map cannot be written.
    pub fn replan(&mut self, wanted: &Wanted<'_>) -> anyhow::Result<usize> {
        let Wanted { snapshot, placements, network, interfaces } = *wanted;
        let inputs = Inputs { snapshot, placements, network, ports: &self.ports, interfaces };
        self.planned = self.planner.plan(&inputs);
        self.released = false;
        self.policy.lifetimes = lifetimes(&self.planner, snapshot);
        let contents = Contents { plan: self.planned.plan.clone(), owners: owners(&self.planner) };
        self.maps.apply(&contents)
    }

    /// Takes all services away: no flow is opened any more, and those that are open go on.
    ///
    /// # Errors
    ///
    /// A map cannot be written.
    pub fn close(&mut self) -> anyhow::Result<()> {
        let mut contents = self.maps.contents().clone();
        contents.plan.services.clear();
        self.maps.apply(&contents).map(|_| ())
    }

    /// Goes on with the walk over the flows, or begins one. True at its end.
    ///
    /// # Errors
    ///
    /// A map cannot be read or written.
    pub fn sweep(&mut self, now: Tick) -> anyhow::Result<bool> {
        if self.walk.is_none() {
            self.walk = Some(self.begin_walk()?);
        }
        let step = self.maps.store.sweep(&self.policy, STEP)?;
        self.maps.expire(&flows::counted(&step.ended))?;
        self.sharing.expired(&self.maps.contents().plan, &step.ended, now);
        self.keep_records(|recorder| step.ended.iter().filter_map(|end| recorder.expired(end)).collect());
        let Some(census) = step.census else { return Ok(false) };
        let walk = self.walk.take().unwrap_or_default();
        self.release(&walk, &census);
        self.correct(&walk, &census)?;
        let room = u64::from(self.maps.store.room().flows);
        self.policy.pressure = u64::from(census.entries) * 100 > room * PRESSURE;
        self.census = census;
        Ok(true)
    }

    /// Begins to count together with the stick tables that the plan's rules look at.
    pub fn follow_tables(&mut self, snapshot: &Snapshot, now: Tick) {
        self.sharing.follow(&self.planned.plan, &self.planner.rulebook, snapshot, now);
    }

    /// Puts what the kernel counted of sources into the stick tables.
    ///
    /// # Errors
    ///
    /// A map cannot be read.
    pub fn read_sources(&mut self, now: Tick) -> anyhow::Result<()> {
        let tables = self.sharing.numbers();
        if !tables.is_empty() {
            let sources = self.maps.store.sources(&tables)?;
            self.sharing.take(&sources, self.policy.hz, now);
        }
        Ok(())
    }

    /// Tells the kernel what user space counted of sources.
    ///
    /// # Errors
    ///
    /// A map cannot be written.
    pub fn tell_sources(&mut self, now: Tick) -> anyhow::Result<()> {
        let changes = self.sharing.changes(now);
        if changes.is_empty() { Ok(()) } else { self.maps.tell(&changes) }
    }

    /// Whether flows must go sooner than usual, and walks follow each other without a pause.
    pub fn pressure(&self) -> bool {
        self.policy.pressure
    }

    /// Ends all flows to these servers of the configuration.
    ///
    /// # Errors
    ///
    /// A map cannot be read or written.
    pub fn end_flows(&mut self, ended: &BTreeSet<(Name, Name)>, now: Tick) -> anyhow::Result<()> {
        let named = |name: &ServerName| ended.contains(&(name.backend.clone(), name.server.clone()));
        let servers = self.planner.servers.iter();
        let servers: BTreeSet<_> = servers.filter(|(_, name)| named(name)).map(|(id, _)| id).collect();
        if servers.is_empty() {
            return Ok(());
        }
        self.walk = None;
        let ended = self.maps.store.end_flows(&servers)?;
        self.maps.expire(&flows::counted(&ended))?;
        self.sharing.expired(&self.maps.contents().plan, &ended, now);
        self.keep_records(|recorder| ended.iter().filter_map(|end| recorder.killed(end)).collect());
        Ok(())
    }

    /// Takes note of what the packet path reports.
    pub fn note(&mut self, event: &FlowEvent) {
        self.keep_records(|recorder| recorder.closed(event).into_iter().collect());
    }

    /// The records of flows that have ended since the last call.
    pub fn take_records(&mut self) -> Vec<FlowEnd> {
        std::mem::take(&mut self.records)
    }

    fn keep_records(&mut self, make: impl FnOnce(Recorder<'_>) -> Vec<FlowEnd>) {
        let records = make(Recorder { planner: &self.planner, hz: self.policy.hz });
        self.records.extend(records);
    }

    /// Whether numbers have become free since the last plan, so that a new one is due.
    pub fn plan_is_due(&self) -> bool {
        self.released
    }

    fn begin_walk(&self) -> anyhow::Result<Walk> {
        Ok(Walk {
            retired_servers: self.planned.retired_servers.clone(),
            retired_services: self.planned.retired_services.clone(),
            before: self.read_tallies()?,
        })
    }

    /// Gives back the numbers that were retired during all of the walk and that no flow refers to.
    fn release(&mut self, walk: &Walk, census: &Census) {
        let retired = walk.retired_servers.intersection(&self.planned.retired_servers);
        for &id in retired.filter(|id| !census.servers.contains(id)) {
            self.released = true;
            self.planner.release_server(id);
            self.server_meter.forget(&id);
        }
        let retired = walk.retired_services.intersection(&self.planned.retired_services);
        for &id in retired.filter(|id| !census.services.contains(id)) {
            self.released = true;
            self.planner.services.release(id);
            self.service_meter.forget(&id);
        }
    }

    /// Mends counts of open flows that disagree with what the walk saw.
    fn correct(&mut self, walk: &Walk, census: &Census) -> anyhow::Result<()> {
        let mut missing = Expired::default();
        let after = self.read_tallies()?;
        let plan = &self.maps.contents().plan;
        for (&id, server) in &plan.servers {
            let pair = (walk.before.servers.get(&id), after.servers.get(&id));
            let (Some(before), Some(after)) = (pair.0.map(|t| t.load), pair.1.map(|t| t.load)) else {
                continue;
            };
            let seen = census.open_by_server.get(&id).copied().unwrap_or(0);
            let (opened, closed) = ((before.opened, after.opened), (before.closed, after.closed));
            let by = correction(opened, closed, server.expired, seen);
            missing.servers.insert(id, by);
        }
        for service in plan.services.values() {
            let pair = (walk.before.services.get(&service.id), after.services.get(&service.id));
            let (Some(before), Some(after)) = (pair.0.map(|t| t.load), pair.1.map(|t| t.load)) else {
                continue;
            };
            let seen = census.open_by_service.get(&service.id).copied().unwrap_or(0);
            let (opened, closed) = ((before.opened, after.opened), (before.closed, after.closed));
            let by = correction(opened, closed, service.expired, seen);
            missing.services.insert(service.id, by);
        }
        missing.servers.retain(|_, by| *by != 0);
        missing.services.retain(|_, by| *by != 0);
        self.maps.expire(&missing)
    }

    /// Adds what was served since the last time to the counters of frontends, backends and servers.
    ///
    /// # Errors
    ///
    /// A map cannot be read.
    pub fn count(&mut self, snapshot: &Snapshot, now: Tick) -> anyhow::Result<()> {
        self.tallies = self.read_tallies()?;
        self.count_servers(snapshot, now);
        self.count_services(snapshot, now);
        self.policy.pressure =
            self.open_flows() * 2 * 100 > u64::from(self.maps.store.room().flows) * PRESSURE;
        Ok(())
    }

    /// Whether anything depends on how many connections both planes have together.
    pub fn compares(&self) -> bool {
        let plan = &self.maps.contents().plan;
        let compared = [Algorithm::Least, Algorithm::First, Algorithm::Draw];
        plan.services.values().any(|service| service.maxconn != 0 || compared.contains(&service.algorithm))
            || plan.servers.values().any(|server| server.maxconn != 0)
    }

    /// Tells the packet path how many connections user space serves, as of now.
    ///
    /// # Errors
    ///
    /// A map cannot be written.
    pub fn tell_elsewhere(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        // What the kernel had at the last count is in the counters that both planes share.
        let rest =
            |sessions: u64, flows: u32| u32::try_from(sessions).unwrap_or(u32::MAX).saturating_sub(flows);
        let plan = &self.maps.contents().plan;
        let server = |&id: &ServerId| {
            let name = self.planner.servers.key(id)?;
            let server = snapshot.backend_named(&name.backend)?.server(&name.server)?;
            Some((id, rest(server.active(), self.server_meter.active_of(&id))))
        };
        let service = |id: ServiceId| {
            let frontend = snapshot.frontend_named(&self.planner.services.key(id)?.frontend)?;
            Some((id, rest(frontend.traffic().sessions.get(), self.service_meter.active_of(&id))))
        };
        let limited = plan.services.values().filter(|service| service.maxconn != 0);
        let elsewhere = Elsewhere {
            servers: plan.servers.keys().filter_map(server).collect(),
            services: limited.filter_map(|limited| service(limited.id)).collect(),
        };
        self.maps.tell_elsewhere(&elsewhere)
    }

    /// Flows that are open, as of the last count.
    pub fn open_flows(&self) -> u64 {
        self.server_meter.active()
    }

    fn count_servers(&mut self, snapshot: &Snapshot, now: Tick) {
        for (&id, server) in &self.maps.contents().plan.servers {
            let Some(ServerTally { load, counters }) = self.tallies.servers.get(&id) else { continue };
            let reading = Reading::server(load.opened, server.active(load), counters);
            let served = self.server_meter.read(id, reading);
            let Some(name) = self.planner.servers.key(id).filter(|_| served != Served::default()) else {
                continue;
            };
            let Some(backend) = snapshot.backend_named(&name.backend) else { continue };
            backend.traffic().add(&served, now);
            if let Some(server) = backend.server(&name.server) {
                server.counters().add(&served, now);
            }
        }
    }

    fn count_services(&mut self, snapshot: &Snapshot, now: Tick) {
        let services: BTreeMap<_, _> =
            self.maps.contents().plan.services.values().map(|service| (service.id, service)).collect();
        for (id, service) in services {
            let Some(ServiceTally { load, counters }) = self.tallies.services.get(&id) else { continue };
            let reading = Reading::service(load.opened, service.active(load), counters);
            let served = self.service_meter.read(id, reading);
            let denied = self.denied_meter.read(id, reading.denied);
            let quiet = served == Served::default() && denied == 0;
            let Some(name) = self.planner.services.key(id).filter(|_| !quiet) else { continue };
            if let Some(frontend) = snapshot.frontend_named(&name.frontend) {
                frontend.traffic().add(&served, now);
                frontend.traffic().connections.add(served.sessions + denied);
                frontend.traffic().denied_connections.add(denied);
            }
        }
    }

    /// What the kernel had counted at the last count.
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// What the kernel has counted for everything in the maps, and for what belongs to no service.
    fn read_tallies(&self) -> anyhow::Result<Tallies> {
        let plan = &self.maps.contents().plan;
        let services: BTreeSet<_> = plan.services.values().map(|s| s.id).chain([0]).collect();
        let ids = Ids {
            servers: plan.servers.keys().copied().collect(),
            services: services.into_iter().collect(),
            rules: rulebook::deciding(&plan.rules).keys().copied().collect(),
        };
        self.maps.store.tallies(&ids)
    }

    /// The servers that the kernel plane knows of, by number.
    pub fn servers(&self) -> impl Iterator<Item = (ServerId, &ServerName)> {
        self.maps.contents().plan.servers.keys().filter_map(|&id| Some((id, self.planner.servers.key(id)?)))
    }
}

/// Gives everybody the number that the labels say, and keeps from use what is there without a label.
fn adopt_numbers(planner: &mut Planner, contents: &Contents) {
    for (&key, owner) in &contents.owners {
        let number = label::number(key);
        let _known = match owner {
            Owner::Service(name) => planner.services.adopt(name.clone(), number),
            Owner::Server(name) => planner.servers.adopt(name.clone(), number),
        };
    }
    for (&id, server) in &contents.plan.servers {
        planner.servers.reserve(id);
        planner.generations.insert(id, server.generation);
    }
    planner.rulebook.adopt(&contents.plan.rules, &contents.plan.lists);
    let services = contents.plan.services.values().map(|s| s.id);
    services.chain(contents.plan.tables.keys().copied()).for_each(|id| planner.services.reserve(id));
}

/// The labels of all that have a number. A name that is too long for one has none: should the daemon be killed, its
/// flows go on, and its successor gives it another number.
fn owners(planner: &Planner) -> BTreeMap<u32, Owner> {
    let services = planner.services.iter().map(|(n, name)| (n, Owner::Service(name.clone())));
    let servers = planner.servers.iter().map(|(n, name)| (n, Owner::Server(name.clone())));
    let labelled = services.chain(servers).filter(|(_, owner)| label::of(owner).is_some());
    labelled.map(|(number, owner)| (owner.key(number), owner)).collect()
}

fn lifetimes(planner: &Planner, snapshot: &Snapshot) -> BTreeMap<ServiceId, Lifetimes> {
    let of = |id, frontend: &str| {
        let frontend = &snapshot.frontend_named(frontend)?.config;
        let backend = snapshot.backend(frontend.default_backend?)?;
        Some((id, Lifetimes::new(frontend, &backend.config)))
    };
    planner.services.iter().filter_map(|(id, name)| of(id, &name.frontend)).collect()
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
