//! The maps as the rest of the kernel plane sees them.

use std::collections::BTreeMap;

use lb_common::address::{Address, V4, V6};
use lb_common::counter::{ServerCounters, ServiceCounters};
use lb_common::key::FlowKey;
use lb_common::value::{Flow, Jiffies, Server, ServerId, ServerLoad, Service, ServiceId, ServiceLoad};

use crate::label::Owner;
use crate::plan::{Plan, ServiceAt};

/// One write to the maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Says whose a number is.
    Label(u16, Owner),
    /// Sets a server's entry.
    Server(ServerId, Server),
    /// Replaces a service's slots.
    Table(ServiceId, Vec<ServerId>),
    /// Sets a service's entry.
    Service(ServiceAt, Service),
    /// Removes a service's entry.
    RemoveService(ServiceAt),
    /// Takes a service's slots away.
    RemoveTable(ServiceId),
    /// Says that a number is nobody's any more.
    RemoveLabel(u16, Owner),
}

/// What the maps hold that user space writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Services, servers and tables, with the counts of expired flows.
    pub plan: Plan,
    /// Whose the numbers are.
    pub owners: BTreeMap<u32, Owner>,
}

/// How many numbers there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The highest number of a service.
    pub last_service: ServiceId,
    /// The highest number of a server.
    pub last_server: ServerId,
    /// Entries of each table of flows.
    pub flows: u32,
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

/// The maps.
pub trait Store: FlowTable<V4> + FlowTable<V6> {
    /// How much fits.
    fn room(&self) -> Room;
    /// Reads what user space wrote.
    fn read(&self) -> anyhow::Result<Contents>;
    /// Makes one change.
    fn write(&mut self, write: &Write) -> anyhow::Result<()>;
    /// The packet path's clock.
    fn now(&self) -> anyhow::Result<Jiffies>;
    /// A server's flow counts.
    fn server_load(&self, id: ServerId) -> anyhow::Result<ServerLoad>;
    /// A service's flow counts.
    fn service_load(&self, id: ServiceId) -> anyhow::Result<ServiceLoad>;
    /// A server's packets, summed over the processors.
    fn server_counters(&self, id: ServerId) -> anyhow::Result<ServerCounters>;
    /// A service's decisions, summed over the processors; of 0 those that belong to no service.
    fn service_counters(&self, id: ServiceId) -> anyhow::Result<ServiceCounters>;
}
