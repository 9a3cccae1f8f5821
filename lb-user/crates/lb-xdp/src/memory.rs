//! The maps in memory, for tests: what is planned and synced here can be tried with packets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use lb_common::address::{V4, V6};
use lb_common::key::{FlowKey, RateKey, ServiceKey};
use lb_common::memory::MemoryTables;
use lb_common::rates::Rates;
use lb_common::rule::{ListNumber, Rule, TableNumber};
use lb_common::tables::{CommonTables, FamilyTables};
use lb_common::value::{Flow, Jiffies, ServerId, ServiceId};

use crate::flows::{self, Ended, Policy, Step, Sweeper};
use crate::label::Owner;
use crate::plan::{Plan, ServiceAt};
use crate::rulebook::List;
use crate::store::{
    Contents, Entry, FlowTable, FlowTables, Ids, Room, ServerTally, ServiceTally, Source, Sources, Store,
    Tallies, Write, write_each,
};

/// The maps in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    /// As the packet path sees them.
    pub(crate) tables: MemoryTables,
    /// The writes that were made, in their order.
    pub(crate) log: Vec<Write>,
    owners: BTreeMap<u32, Owner>,
    rules: BTreeMap<u32, Vec<Rule>>,
    lists: BTreeMap<ListNumber, List>,
    walked4: bool,
    walked6: bool,
    sweeper: Sweeper,
}

fn key<A>(address: A, at: &ServiceAt) -> ServiceKey<A> {
    ServiceKey { address, port: at.address.port(), protocol: at.protocol, reserved: 0 }
}

fn rate_key<A>(source: A, table: TableNumber) -> RateKey<A> {
    RateKey { source, table, reserved: 0 }
}

fn at<A>(key: &ServiceKey<A>, ip: IpAddr) -> ServiceAt {
    ServiceAt { address: SocketAddr::new(ip, key.port), protocol: key.protocol }
}

impl MemoryStore {
    /// The same maps as a daemon leaves them that wrote no labels.
    pub(crate) fn without_labels(mut self) -> Self {
        self.owners.clear();
        self
    }

    fn set_server(&mut self, id: ServerId, server: lb_common::value::Server) {
        let servers = &mut self.tables.servers;
        let least = usize::from(id) + 1;
        if servers.len() < least {
            servers.resize(least, Default::default());
        }
        servers[usize::from(id)] = server;
    }
}

macro_rules! flow_table {
    ($address:ty, $field:ident, $walked:ident) => {
        impl FlowTable<$address> for MemoryStore {
            fn next_flows(&mut self) -> anyhow::Result<Option<Vec<Entry<$address>>>> {
                self.$walked = !self.$walked;
                let flows = self.tables.$field.flows.borrow();
                Ok(self.$walked.then(|| flows.iter().map(|(key, flow)| (*key, flow.get())).collect()))
            }

            fn rewind(&mut self) {
                self.$walked = false;
            }

            fn flow(&self, key: &FlowKey<$address>) -> anyhow::Result<Option<Flow<$address>>> {
                Ok(self.tables.flow(key).map(|flow| flow.get()))
            }

            fn delete_flows(&mut self, keys: &[FlowKey<$address>]) -> anyhow::Result<()> {
                for key in keys {
                    self.tables.remove_flow(key);
                }
                Ok(())
            }
        }
    };
}

flow_table!(V4, v4, walked4);
flow_table!(V6, v6, walked6);

impl Store for MemoryStore {
    fn room(&self) -> Room {
        crate::fixture::ROOM
    }

    fn read(&self) -> anyhow::Result<Contents> {
        let v4 = self.tables.v4.services.iter().map(|(k, s)| (at(k, IpAddr::from(k.address)), *s));
        let v6 = self.tables.v6.services.iter().map(|(k, s)| (at(k, IpAddr::from(k.address)), *s));
        let servers = self.tables.servers.iter().zip(0..).filter(|(s, _)| s.family as u8 != 0);
        let plan = Plan {
            services: v4.chain(v6).collect(),
            servers: servers.map(|(server, id)| (id, *server)).collect(),
            tables: self.tables.tables.iter().map(|(id, slots)| (*id, slots.clone())).collect(),
            rules: self.rules.clone(),
            tracked: self.tables.tracked.iter().map(|(id, tracked)| (*id, *tracked)).collect(),
            lists: self.lists.clone(),
        };
        Ok(Contents { plan, owners: self.owners.clone() })
    }

    fn write(&mut self, writes: &[Write]) -> (usize, anyhow::Result<()>) {
        write_each(writes, |write| self.write_one(write))
    }

    fn tallies(&self, of: &Ids) -> anyhow::Result<Tallies> {
        let server = |&id: &ServerId| {
            let load = CommonTables::server_load(&self.tables, id);
            let counters = self.tables.server_counters.borrow().get(&id).copied().unwrap_or_default();
            (id, ServerTally { load, counters })
        };
        let service = |&id: &ServiceId| {
            let load = CommonTables::service_load(&self.tables, id);
            let counters = self.tables.counters.borrow().get(&id).copied().unwrap_or_default();
            (id, ServiceTally { load, counters })
        };
        let rule = |place: &u32| self.tables.rule_counters.borrow().get(place).copied().unwrap_or_default();
        Ok(Tallies {
            servers: of.servers.iter().map(server).collect(),
            services: of.services.iter().map(service).collect(),
            rules: of.rules.iter().map(|place| (*place, rule(place))).collect(),
        })
    }

    fn sweep(&mut self, policy: &Policy, budget: usize) -> anyhow::Result<Step> {
        let mut sweeper = std::mem::take(&mut self.sweeper);
        let step = sweeper.step(self, policy, budget);
        self.sweeper = sweeper;
        step
    }

    fn sources(&mut self, tables: &BTreeSet<TableNumber>) -> anyhow::Result<Sources> {
        let rates = self.tables.v4.rates.borrow();
        let own = rates.iter().filter(|(key, _)| tables.contains(&key.table));
        let source = |(key, rates): (&RateKey<V4>, &Rates)| Source {
            table: key.table,
            ip: IpAddr::from(key.source),
            rates: *rates,
        };
        Ok(Sources { now: self.tables.now.get(), changed: own.map(source).collect() })
    }

    fn end_flows(&mut self, servers: &BTreeSet<ServerId>) -> anyhow::Result<Vec<Ended>> {
        self.sweeper = Sweeper::default();
        flows::end(self, servers)
    }
}

impl FlowTables for MemoryStore {
    fn now(&self) -> anyhow::Result<Jiffies> {
        Ok(self.tables.now.get())
    }
}

impl MemoryStore {
    fn write_one(&mut self, write: &Write) -> anyhow::Result<()> {
        self.log.push(write.clone());
        let (v4, v6) = (&mut self.tables.v4.services, &mut self.tables.v6.services);
        match write {
            Write::Label(number, owner) => drop(self.owners.insert(owner.key(*number), owner.clone())),
            Write::RemoveLabel(number, owner) => drop(self.owners.remove(&owner.key(*number))),
            Write::Server(id, server) => self.set_server(*id, *server),
            Write::Table(id, slots) => drop(self.tables.tables.insert(*id, slots.clone())),
            Write::RemoveTable(id) => drop(self.tables.tables.remove(id)),
            Write::HostRates(table, IpAddr::V4(ip), rates) => {
                self.tables.v4.host_rates.insert(rate_key(ip.octets(), *table), *rates);
            }
            Write::HostRates(table, IpAddr::V6(ip), rates) => {
                self.tables.v6.host_rates.insert(rate_key(ip.octets(), *table), *rates);
            }
            Write::ForgetSource(table, IpAddr::V4(ip)) => {
                self.tables.v4.host_rates.remove(&rate_key(ip.octets(), *table));
                self.tables.v4.rates.borrow_mut().remove(&rate_key(ip.octets(), *table));
            }
            Write::ForgetSource(table, IpAddr::V6(ip)) => {
                self.tables.v6.host_rates.remove(&rate_key(ip.octets(), *table));
                self.tables.v6.rates.borrow_mut().remove(&rate_key(ip.octets(), *table));
            }
            Write::ForgetSources => {
                self.tables.v4.rates.borrow_mut().clear();
                self.tables.v6.rates.borrow_mut().clear();
            }
            Write::List(number, list) => drop(self.lists.insert(*number, list.clone())),
            Write::RemoveList(number, _) => drop(self.lists.remove(number)),
            Write::Rules(place, rules) => {
                self.rules.insert(*place, rules.clone());
                let end = *place as usize + rules.len();
                let steps = &mut self.tables.rules;
                steps.resize(steps.len().max(end), Rule::default());
                steps[*place as usize..end].copy_from_slice(rules);
            }
            Write::RemoveRules(place, _) => drop(self.rules.remove(place)),
            Write::Tracked(id, tracked) => drop(self.tables.tracked.insert(*id, *tracked)),
            Write::RemoveTracked(id) => drop(self.tables.tracked.remove(id)),
            Write::Service(at, service) => match at.address.ip() {
                IpAddr::V4(ip) => drop(v4.insert(key(ip.octets(), at), *service)),
                IpAddr::V6(ip) => drop(v6.insert(key(ip.octets(), at), *service)),
            },
            Write::RemoveService(at) => match at.address.ip() {
                IpAddr::V4(ip) => drop(v4.remove(&key(ip.octets(), at))),
                IpAddr::V6(ip) => drop(v6.remove(&key(ip.octets(), at))),
            },
        }
        Ok(())
    }
}
