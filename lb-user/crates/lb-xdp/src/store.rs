//! The maps as the rest of the kernel plane sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use lb_common::address::{Address, V4, V6};
use lb_common::counter::{Count, ServerCounters, ServiceCounters};
use lb_common::key::FlowKey;
use lb_common::rates::{HostRates, Rates};
use lb_common::rule::{ListNumber, Rule, TableNumber, Tracked};
use lb_common::value::{Flow, Jiffies, Server, ServerId, ServerLoad, Service, ServiceId, ServiceLoad};
use serde::{Deserialize, Serialize};

use crate::flows::{Ended, Policy, Step};
use crate::label::Owner;
use crate::plan::{Plan, ServiceAt};
use crate::rulebook::List;

/// One write to the maps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Write {
    /// Says whose a number is.
    Label(u16, Owner),
    /// Sets a server's entry.
    Server(ServerId, Server),
    /// Replaces a service's slots.
    Table(ServiceId, Vec<ServerId>),
    /// Adds a list of networks.
    List(ListNumber, List),
    /// Sets the steps of rules from a place on.
    Rules(u32, Vec<Rule>),
    /// Sets the tables that a service's rules track in.
    Tracked(ServiceId, Tracked),
    /// Sets a service's entry.
    Service(ServiceAt, Service),
    /// Removes a service's entry.
    RemoveService(ServiceAt),
    /// Says what user space counted of a source.
    HostRates(TableNumber, IpAddr, HostRates),
    /// Forgets what was counted of a source.
    ForgetSource(TableNumber, IpAddr),
    /// Forgets what was counted of all sources.
    ForgetSources,
    /// Takes a service's slots away.
    RemoveTable(ServiceId),
    /// Clears so many steps from a place on.
    RemoveRules(u32, u32),
    /// A service tracks nothing any more.
    RemoveTracked(ServiceId),
    /// Removes a list of networks.
    RemoveList(ListNumber, List),
    /// Says that a number is nobody's any more.
    RemoveLabel(u16, Owner),
}

/// What the maps hold that user space writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Services, servers and tables, with the counts of expired flows.
    pub plan: Plan,
    /// Whose the numbers are.
    pub owners: BTreeMap<u32, Owner>,
}

/// How many numbers there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// The highest number of a service.
    pub last_service: ServiceId,
    /// The highest number of a server.
    pub last_server: ServerId,
    /// Entries of each table of flows.
    pub flows: u32,
    /// Steps of rules.
    pub rules: u32,
}

/// An entry of a table of flows.
pub type Entry<A> = (FlowKey<A>, Flow<A>);

/// The flows of one address family.
pub trait FlowTable<A: Address> {
    /// Some of the entries, beginning where the last call ended. None: the end of the table, and the next call begins
    /// anew. Entries that come or go meanwhile may be seen or missed; one that stays is seen once.
    fn next_flows(&mut self) -> anyhow::Result<Option<Vec<Entry<A>>>>;
    /// Lets the next call of [`FlowTable::next_flows`] begin at the beginning.
    fn rewind(&mut self);
    /// The entry of a key.
    fn flow(&self, key: &FlowKey<A>) -> anyhow::Result<Option<Flow<A>>>;
    /// Deletes entries; those that are gone already do not matter.
    fn delete_flows(&mut self, keys: &[FlowKey<A>]) -> anyhow::Result<()>;
}

/// The tables of flows, at hand.
pub trait FlowTables: FlowTable<V4> + FlowTable<V6> {
    /// The packet path's clock.
    fn now(&self) -> anyhow::Result<Jiffies>;
}

/// Numbers of which something is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Servers.
    pub servers: Vec<ServerId>,
    /// Services. 0 stands for what belongs to none.
    pub services: Vec<ServiceId>,
    /// Places of steps of rules.
    pub rules: Vec<u32>,
}

/// What the kernel has counted for a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerTally {
    /// Its flows.
    pub load: ServerLoad,
    /// Its packets, summed over the processors.
    pub counters: ServerCounters,
}

/// What the kernel has counted for a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTally {
    /// Its flows.
    pub load: ServiceLoad,
    /// Its decisions, summed over the processors.
    pub counters: ServiceCounters,
}

/// What the kernel counted of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The table.
    pub table: TableNumber,
    /// The source.
    pub ip: IpAddr,
    /// All that was counted so far.
    pub rates: Rates,
}

/// What the kernel counted of sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// When it was read.
    pub now: Jiffies,
    /// The sources of which something was counted.
    pub changed: Vec<Source>,
}

/// What the kernel has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallies {
    /// By server.
    pub servers: BTreeMap<ServerId, ServerTally>,
    /// By service.
    pub services: BTreeMap<ServiceId, ServiceTally>,
    /// Connections that steps of rules turned away, by place.
    pub rules: BTreeMap<u32, Count>,
}

/// The maps, wherever they are: each call may be a message to another process, so what is needed of many entries is
/// asked for at once.
pub trait Store {
    /// How much fits.
    fn room(&self) -> Room;
    /// Reads what user space wrote.
    fn read(&self) -> anyhow::Result<Contents>;
    /// Makes changes in their order. Gives how many were made, which is all of them if there is no error.
    fn write(&mut self, writes: &[Write]) -> (usize, anyhow::Result<()>);
    /// What the kernel has counted.
    fn tallies(&self, of: &Ids) -> anyhow::Result<Tallies>;
    /// Goes on with the walk over the flows, for about so many entries, and deletes what is over.
    fn sweep(&mut self, policy: &Policy, budget: usize) -> anyhow::Result<Step>;
    /// What the kernel counted of sources in these tables, as far as it has changed since the last call.
    fn sources(&mut self, tables: &BTreeSet<TableNumber>) -> anyhow::Result<Sources>;
    /// Deletes all flows to these servers that are not closed; a walk that is under way begins anew.
    fn end_flows(&mut self, servers: &BTreeSet<ServerId>) -> anyhow::Result<Vec<Ended>>;
}

/// Makes changes one by one with `write`, for [`Store::write`].
pub fn write_each(
    writes: &[Write],
    mut write: impl FnMut(&Write) -> anyhow::Result<()>,
) -> (usize, anyhow::Result<()>) {
    for (done, change) in writes.iter().enumerate() {
        if let Err(error) = write(change) {
            return (done, Err(error));
        }
    }
    (writes.len(), Ok(()))
}

impl Write {
    /// Whether it may be so long that it goes alone.
    pub fn is_long(&self) -> bool {
        matches!(self, Self::List(..) | Self::RemoveList(..))
    }
}
