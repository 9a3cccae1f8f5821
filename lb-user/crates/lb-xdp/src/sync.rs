//! Brings the maps to what a plan wants, in an order in which the packet path never meets half of a change.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use lb_common::value::{Server, ServerId, ServerState, Service, ServiceId};

use crate::store::{Contents, Ids, Store, Tallies, Write};

/// The writes that turn `have` into `want`.
///
/// What refers to something is written after it, and removed before it: labels, servers, tables, services; then
/// services, tables, servers, labels.
pub fn diff(have: &Contents, want: &Contents) -> Vec<Write> {
    let mut writes = Vec::new();
    for (&key, owner) in &want.owners {
        if have.owners.get(&key) != Some(owner) {
            writes.push(Write::Label(crate::label::number(key), owner.clone()));
        }
    }
    let (old, new) = (&have.plan, &want.plan);
    for (&id, server) in &new.servers {
        change_server(id, old.servers.get(&id), server, &mut writes);
    }
    for (id, slots) in changed(&old.tables, &new.tables) {
        writes.push(Write::Table(*id, slots.clone()));
    }
    for (number, list) in changed(&old.lists, &new.lists) {
        writes.push(Write::List(*number, list.clone()));
    }
    for (place, rules) in changed(&old.rules, &new.rules) {
        writes.push(Write::Rules(*place, rules.clone()));
    }
    for (id, tracked) in changed(&old.tracked, &new.tracked) {
        writes.push(Write::Tracked(*id, *tracked));
    }
    for (at, service) in changed(&old.services, &new.services) {
        writes.push(Write::Service(*at, *service));
    }
    writes.extend(gone(&old.services, &new.services).map(|(at, _)| Write::RemoveService(*at)));
    // A service that changes to another program may leave one that the new one overlaps: only what stays free is cleared.
    let free = |place: &u32, count: usize| {
        let end = place.saturating_add(count as u32);
        new.rules
            .iter()
            .all(|(other, rules)| *other >= end || other.saturating_add(rules.len() as u32) <= *place)
    };
    let cleared = gone(&old.rules, &new.rules).map(|(place, rules)| {
        Write::RemoveRules(*place, if free(place, rules.len()) { rules.len() as u32 } else { 0 })
    });
    writes.extend(cleared);
    writes.extend(gone(&old.tracked, &new.tracked).map(|(id, _)| Write::RemoveTracked(*id)));
    writes.extend(gone(&old.lists, &new.lists).map(|(n, list)| Write::RemoveList(*n, list.clone())));
    writes.extend(gone(&old.tables, &new.tables).map(|(id, _)| Write::RemoveTable(*id)));
    writes.extend(gone(&old.servers, &new.servers).map(|(&id, server)| Write::Server(id, vacant(server))));
    for (&key, owner) in gone(&have.owners, &want.owners) {
        writes.push(Write::RemoveLabel(crate::label::number(key), owner.clone()));
    }
    writes
}

fn changed<'a, K: Ord, V: PartialEq>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    new.iter().filter(|(key, value)| old.get(key) != Some(value))
}

fn gone<'a, K: Ord, V>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    old.iter().filter(|(key, _)| !new.contains_key(key))
}

/// An array's element is overwritten while packets read it. Where a mixture of old and new would send a new flow astray,
/// the server takes none in between.
fn change_server(id: ServerId, old: Option<&Server>, new: &Server, writes: &mut Vec<Write>) {
    match old {
        Some(old) if old == new => return,
        Some(old) if old.state == ServerState::Up && !same_path(old, new) => {
            writes.push(Write::Server(id, Server { state: ServerState::Drain, ..*old }));
            writes.push(Write::Server(id, Server { state: ServerState::Drain, ..*new }));
        }
        _ => {}
    }
    if writes.last() != Some(&Write::Server(id, *new)) {
        writes.push(Write::Server(id, *new));
    }
}

fn same_path(a: &Server, b: &Server) -> bool {
    let path =
        |s: &Server| (s.address, s.source, (s.hop, s.vlan), s.port, s.source_low, s.source_high, s.family);
    path(a) == path(b) && a.generation == b.generation
}

/// The entry of a number that stands for nothing: the generation stays for the next owner.
fn vacant(server: &Server) -> Server {
    Server { generation: server.generation, ..Server::default() }
}

/// Flows that user space expired, by what they counted for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// By server.
    pub servers: BTreeMap<ServerId, u32>,
    /// By service.
    pub services: BTreeMap<ServiceId, u32>,
}

impl Expired {
    /// Counts one flow.
    pub fn add(&mut self, service: ServiceId, server: ServerId) {
        *self.services.entry(service).or_default() += 1;
        *self.servers.entry(server).or_default() += 1;
    }
}

/// Connections that are not flows of the number that they are counted for: user space's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// By server.
    pub servers: BTreeMap<ServerId, u32>,
    /// By service.
    pub services: BTreeMap<ServiceId, u32>,
}

/// The maps, and what user space last wrote there.
#[derive(Debug)]
pub struct Maps<S> {
    /// The maps.
    pub store: S,
    have: Contents,
}

impl<S: Store> Maps<S> {
    /// Reads what the maps hold.
    ///
    /// # Errors
    ///
    /// A map cannot be read.
    pub fn open(store: S) -> anyhow::Result<Self> {
        let have = store.read().context("reading the maps")?;
        Ok(Self { store, have })
    }

    /// What user space last wrote.
    pub fn contents(&self) -> &Contents {
        &self.have
    }

    /// Makes the maps hold what is wanted. The counts of expired flows and of connections elsewhere in `want` are
    /// ignored: those of entries that stay are kept, and an entry that is new begins with none. Gives the number of
    /// writes.
    ///
    /// # Errors
    ///
    /// A write failed. What was written before it is sound as it is; the next call goes on from there.
    pub fn apply(&mut self, want: &Contents) -> anyhow::Result<usize> {
        let want = self.with_counts(want.clone())?;
        let writes = diff(&self.have, &want);
        self.write(&writes)?;
        Ok(writes.len())
    }

    /// Tells what user space counted of sources.
    ///
    /// # Errors
    ///
    /// A write failed.
    pub fn tell(&mut self, writes: &[Write]) -> anyhow::Result<()> {
        self.store.write(writes).1
    }

    fn write(&mut self, writes: &[Write]) -> anyhow::Result<()> {
        let (done, result) = self.store.write(writes);
        writes.iter().take(done).for_each(|write| self.have.note(write));
        result
    }

    fn with_counts(&self, mut want: Contents) -> anyhow::Result<Contents> {
        let known: BTreeMap<_, _> = self.have.plan.services.values().map(|s| (s.id, s)).collect();
        let new_servers = want.plan.servers.keys().filter(|id| !self.have.plan.servers.contains_key(id));
        let new_services: BTreeSet<_> =
            want.plan.services.values().map(|s| s.id).filter(|id| !known.contains_key(id)).collect();
        let new = Ids {
            servers: new_servers.copied().collect(),
            services: new_services.into_iter().collect(),
            ..Ids::default()
        };
        let tallies = if new == Ids::default() { Tallies::default() } else { self.store.tallies(&new)? };
        for (id, server) in &mut want.plan.servers {
            let loads = || tallies.servers.get(id).map(|t| t.load.opened.wrapping_sub(t.load.closed));
            let known = self.have.plan.servers.get(id);
            server.expired = known.map(|known| known.expired).or_else(loads).unwrap_or(0);
            server.elsewhere = known.map_or(0, |known| known.elsewhere);
        }
        for service in want.plan.services.values_mut() {
            let tally = || tallies.services.get(&service.id);
            let loads = || tally().map(|t| t.load.opened.wrapping_sub(t.load.closed));
            let known = known.get(&service.id);
            service.expired = known.map(|known| known.expired).or_else(loads).unwrap_or(0);
            service.elsewhere = known.map_or(0, |known| known.elsewhere);
        }
        Ok(want)
    }

    /// Takes note of flows that were expired.
    ///
    /// # Errors
    ///
    /// A write failed.
    pub fn expire(&mut self, expired: &Expired) -> anyhow::Result<()> {
        self.count_anew(
            |id, server| {
                server.expired = server.expired.wrapping_add(expired.servers.get(&id).copied().unwrap_or(0))
            },
            |service| {
                let count = expired.services.get(&service.id).copied().unwrap_or(0);
                service.expired = service.expired.wrapping_add(count);
            },
        )
    }

    /// Tells the packet path how many connections servers and services have besides their flows.
    ///
    /// # Errors
    ///
    /// A write failed.
    pub fn tell_elsewhere(&mut self, elsewhere: &Elsewhere) -> anyhow::Result<()> {
        self.count_anew(
            |id, server| server.elsewhere = elsewhere.servers.get(&id).copied().unwrap_or(0),
            |service| service.elsewhere = elsewhere.services.get(&service.id).copied().unwrap_or(0),
        )
    }

    /// Changes counts of what is there, and writes what is other than before.
    fn count_anew(
        &mut self,
        change_server: impl Fn(ServerId, &mut Server),
        change_service: impl Fn(&mut Service),
    ) -> anyhow::Result<()> {
        let mut writes = Vec::new();
        for (&id, &before) in &self.have.plan.servers {
            let mut server = before;
            change_server(id, &mut server);
            if server != before {
                writes.push(Write::Server(id, server));
            }
        }
        for (&at, &before) in &self.have.plan.services {
            let mut service = before;
            change_service(&mut service);
            if service != before {
                writes.push(Write::Service(at, service));
            }
        }
        if writes.is_empty() { Ok(()) } else { self.write(&writes) }
    }
}

impl Contents {
    /// Takes note of a write.
    pub fn note(&mut self, write: &Write) {
        let plan = &mut self.plan;
        match write {
            Write::Label(number, owner) => drop(self.owners.insert(owner.key(*number), owner.clone())),
            Write::Server(id, server) if server.family == lb_common::address::Family::None => {
                plan.servers.remove(id);
            }
            Write::Server(id, server) => drop(plan.servers.insert(*id, *server)),
            Write::Table(id, slots) => drop(plan.tables.insert(*id, slots.clone())),
            Write::Service(at, service) => drop(plan.services.insert(*at, *service)),
            // What is counted is not kept in step by plans.
            Write::HostRates(..) | Write::ForgetSource(..) | Write::ForgetSources => {}
            Write::List(number, list) => drop(plan.lists.insert(*number, list.clone())),
            Write::Rules(place, rules) => drop(plan.rules.insert(*place, rules.clone())),
            Write::Tracked(id, tracked) => drop(plan.tracked.insert(*id, *tracked)),
            Write::RemoveList(number, _) => drop(plan.lists.remove(number)),
            Write::RemoveRules(place, _) => drop(plan.rules.remove(place)),
            Write::RemoveTracked(id) => drop(plan.tracked.remove(id)),
            Write::RemoveService(at) => drop(plan.services.remove(at)),
            Write::RemoveTable(id) => drop(plan.tables.remove(id)),
            Write::RemoveLabel(number, owner) => drop(self.owners.remove(&owner.key(*number))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use lb_common::address::to_wide;
    use lb_common::key::TCP;
    use lb_common::tables::CommonTables;
    use lb_common::value::Hop;
    use proptest::prelude::*;

    use super::*;
    use crate::label::Owner;
    use crate::memory::MemoryStore;
    use crate::plan::{Plan, ServerName, ServiceAt, ServiceName};

    fn server(last: u8, mac: u8) -> Server {
        let (family, address) = to_wide(IpAddr::from([10, 0, 1, last]));
        let hop = Hop { dst_mac: [mac; 6], src_mac: [1; 6], ifindex: 2 };
        Server { address, family, hop, port: 80, state: ServerState::Up, ..Server::default() }
    }

    fn at(last: u8) -> ServiceAt {
        ServiceAt { address: SocketAddr::from(([10, 0, 0, last], 80)), protocol: TCP }
    }

    fn service(id: ServiceId) -> Service {
        Service { id, ..Service::default() }
    }

    /// Service 1 at 10.0.0.1 over servers 1 and 2.
    fn small() -> Contents {
        let plan = Plan {
            services: [(at(1), service(1))].into(),
            servers: [(1, server(1, 1)), (2, server(2, 1))].into(),
            tables: [(1, vec![1, 2])].into(),
            ..Plan::default()
        };
        Contents { plan, owners: BTreeMap::new() }
    }

    fn maps(contents: &Contents) -> Maps<MemoryStore> {
        let mut maps = Maps::open(MemoryStore::default()).unwrap();
        maps.apply(contents).unwrap();
        maps.store.log.clear();
        maps
    }

    #[test]
    fn what_is_referred_to_is_written_first_and_removed_last() {
        let owner = Owner::Server(ServerName {
            backend: "b".into(),
            server: "s".into(),
            address: SocketAddr::from(([10, 0, 1, 1], 80)),
        });
        let mut want = small();
        want.owners.insert(owner.key(1), owner.clone());
        let writes = diff(&Contents::default(), &want);
        let expected = vec![
            Write::Label(1, owner.clone()),
            Write::Server(1, server(1, 1)),
            Write::Server(2, server(2, 1)),
            Write::Table(1, vec![1, 2]),
            Write::Service(at(1), service(1)),
        ];
        assert_eq!(writes, expected);
        let removals = vec![
            Write::RemoveService(at(1)),
            Write::RemoveTable(1),
            Write::Server(1, Server::default()),
            Write::Server(2, Server::default()),
            Write::RemoveLabel(1, owner),
        ];
        assert_eq!(diff(&want, &Contents::default()), removals);
    }

    #[test]
    fn nothing_is_written_where_nothing_differs() {
        let mut maps = maps(&small());
        assert_eq!(maps.apply(&small()).unwrap(), 0);
        assert!(maps.store.log.is_empty());
    }

    #[test]
    fn a_server_that_goes_down_costs_two_writes() {
        let mut maps = maps(&small());
        let mut want = small();
        want.plan.servers.get_mut(&1).unwrap().state = ServerState::Down;
        want.plan.tables.insert(1, vec![2]);
        maps.apply(&want).unwrap();
        let down = Server { state: ServerState::Down, ..server(1, 1) };
        assert_eq!(maps.store.log, [Write::Server(1, down), Write::Table(1, vec![2])]);
    }

    #[test]
    fn a_server_takes_no_new_flows_while_its_next_hop_changes() {
        let mut maps = maps(&small());
        let mut want = small();
        want.plan.servers.insert(1, server(1, 9));
        maps.apply(&want).unwrap();
        let drained = |mac| Write::Server(1, Server { state: ServerState::Drain, ..server(1, mac) });
        assert_eq!(maps.store.log, [drained(1), drained(9), Write::Server(1, server(1, 9))]);
    }

    #[test]
    fn a_removed_server_leaves_its_generation() {
        let mut have = small();
        have.plan.servers.get_mut(&1).unwrap().generation = 4;
        let mut maps = maps(&have);
        maps.apply(&Contents::default()).unwrap();
        assert_eq!(maps.store.tables.servers[1], Server { generation: 4, ..Server::default() });
        assert_eq!(maps.contents(), &Contents::default());
    }

    #[test]
    fn maps_are_adopted_as_they_are() {
        let first = maps(&small());
        let mut second = Maps::open(first.store).unwrap();
        assert_eq!(second.contents(), &small());
        assert_eq!(second.apply(&small()).unwrap(), 0);
    }

    #[test]
    fn expired_flows_are_kept_through_changes() {
        let mut maps = maps(&small());
        for _ in 0..3 {
            maps.store.tables.flow_opened(1, 1);
        }
        let mut expired = Expired::default();
        expired.add(1, 1);
        expired.add(1, 1);
        maps.expire(&expired).unwrap();
        let load = maps.store.tables.server_load(1);
        assert_eq!(maps.store.tables.servers[1].active(&load), 1);

        let mut want = small();
        want.plan.services.insert(at(2), service(1));
        maps.apply(&want).unwrap();
        let expired: Vec<_> = maps.contents().plan.services.values().map(|s| s.expired).collect();
        assert_eq!(expired, [2, 2]);
        assert_eq!(maps.contents().plan.servers[&1].expired, 2);
    }

    #[test]
    fn a_number_s_new_owner_begins_without_flows() {
        let mut maps = maps(&small());
        maps.store.tables.flow_opened(1, 1);
        maps.apply(&Contents::default()).unwrap();
        maps.apply(&small()).unwrap();
        let load = maps.store.tables.server_load(1);
        assert_eq!(maps.store.tables.servers[1].active(&load), 0);
        let load = maps.store.tables.service_load(1);
        assert_eq!(maps.contents().plan.services[&at(1)].active(&load), 0);
    }

    #[test]
    fn whose_a_number_is_can_be_read_back() {
        let owner = Owner::Service(ServiceName { frontend: "f".into(), port: None });
        let mut want = small();
        want.owners.insert(owner.key(1), owner);
        assert_eq!(maps(&want).store.read().unwrap(), want);
    }

    /// Every service has slots, and every slot a server.
    fn is_whole(store: &MemoryStore) -> bool {
        store.tables.v4.services.values().all(|service| {
            store.tables.tables.get(&service.id).is_some_and(|slots| {
                let known =
                    |&n: &ServerId| store.tables.servers.get(usize::from(n)).is_some_and(|s| s.port != 0);
                slots.iter().all(known)
            })
        })
    }

    prop_compose! {
        fn contents()(
            services in proptest::collection::btree_map(1_u8..5, 1_u16..4, 0..4),
            slots in proptest::collection::vec(proptest::collection::vec(1_u16..6, 1..5), 3),
            macs in proptest::collection::vec(1_u8..3, 6),
        ) -> Contents {
            let mut plan = Plan::default();
            for (last, id) in services {
                plan.services.insert(at(last), service(id));
                let slots = slots[usize::from(id) - 1].clone();
                for &n in &slots {
                    plan.servers.insert(n, server(n as u8, macs[usize::from(n)]));
                }
                plan.tables.insert(id, slots);
            }
            Contents { plan, owners: BTreeMap::new() }
        }
    }

    proptest! {
        #[test]
        fn no_packet_meets_half_of_a_change(steps in proptest::collection::vec(contents(), 1..6)) {
            let mut have = Contents::default();
            let mut store = MemoryStore::default();
            for want in steps {
                for write in diff(&have, &want) {
                    store.write(std::slice::from_ref(&write)).1.unwrap();
                    have.note(&write);
                    prop_assert!(is_whole(&store), "after {write:?}");
                }
                prop_assert_eq!(&have, &want);
                prop_assert_eq!(&store.read().unwrap(), &want);
            }
        }
    }
}
