//! Tests of what is planned.

use lb_conf::model::{self, Algorithm as Balance, BackendId, FrontendId, HashType, Mode, Proxy, ProxyId};
use lb_core::change::{AdminState, WeightChange};
use lb_core::placement::place;
use lb_core::server::WEIGHT_MAX;
use lb_core::{Change, FrontendChange, Runtime, ServerChange, Tick};

use super::*;
use crate::fixture::{ROOM, config, network, server};
use crate::neigh::Event;
use crate::store::Room;

const PORTS: RangeInclusive<u16> = 10_000..=20_000;

struct Bed {
    runtime: Runtime,
    network: Network,
    planner: Planner,
    interfaces: BTreeSet<IfIndex>,
}

impl Bed {
    fn new(config: Config, resolved: &[&str]) -> Self {
        let runtime = Runtime::new(Arc::new(config), Tick::ZERO);
        let (network, planner) = (network(resolved), Planner::new(&ROOM, 100));
        Self { runtime, network, planner, interfaces: BTreeSet::from([2]) }
    }

    fn plan(&mut self) -> Planned {
        let snapshot = self.runtime.snapshot();
        let placements = place(&snapshot.config);
        let (network, ports, interfaces) = (&self.network, &PORTS, &self.interfaces);
        let (snapshot, placements) = (&*snapshot, &*placements);
        self.planner.plan(&Inputs { snapshot, placements, network, ports, interfaces })
    }

    fn change(&self, server: usize, change: ServerChange) {
        let id = self.runtime.snapshot().backends[0].servers[server].id;
        self.runtime.apply(Change::Server(id, change), Tick::ZERO).unwrap();
    }

    fn number(&self, server: &str, address: &str) -> ServerId {
        let address = address.parse().unwrap();
        self.planner
            .servers
            .get(&ServerName { backend: "back".into(), server: server.into(), address })
            .unwrap()
    }
}

fn two() -> Bed {
    let config = config(&["10.0.0.1:80"], &[("a", "10.0.1.1:81"), ("b", "10.0.1.2:82")]);
    Bed::new(config, &["10.0.1.1", "10.0.1.2"])
}

fn addresses_of(plan: &Plan) -> Vec<String> {
    plan.services.keys().map(|at| at.address.to_string()).collect()
}

#[test]
fn a_frontend_becomes_a_service_with_its_servers() {
    let mut bed = two();
    let planned = bed.plan();
    let plan = &planned.plan;
    assert_eq!(addresses_of(plan), ["10.0.0.1:80"]);
    let service = plan.services.values().next().unwrap();
    assert_eq!(service.algorithm, Algorithm::Turn);
    let a = bed.number("a", "10.0.1.1:81");
    let b = bed.number("b", "10.0.1.2:82");
    let slots: BTreeSet<_> = plan.tables[&service.id].iter().copied().collect();
    assert_eq!(slots, BTreeSet::from([a, b]));
    let entry = &plan.servers[&a];
    assert_eq!((entry.port, entry.source_low, entry.source_high), (81, 10_000, 20_000));
    assert_eq!(entry.hop, Hop { dst_mac: [7; 6], src_mac: [2; 6], ifindex: 2 });
    assert_eq!(to_wide("10.0.0.1".parse().unwrap()).1, entry.source);
    assert_eq!(entry.state, ServerState::Up);
    assert!(planned.unreachable.is_empty() && planned.shortages.is_empty());
}

#[test]
fn a_plan_is_the_same_as_long_as_nothing_changes() {
    let mut bed = two();
    assert_eq!(bed.plan().plan, bed.plan().plan);
}

#[test]
fn servers_out_of_service_have_no_slots() {
    let orders = [
        (ServerChange::Admin(AdminState::Maint), ServerState::Down),
        (ServerChange::Admin(AdminState::Drain), ServerState::Drain),
        (ServerChange::Weight(WeightChange::Absolute(0)), ServerState::Drain),
    ];
    for (order, state) in orders {
        let mut bed = two();
        bed.change(0, order);
        let plan = bed.plan().plan;
        let a = bed.number("a", "10.0.1.1:81");
        assert_eq!(plan.servers[&a].state, state);
        assert!(plan.tables.values().all(|slots| !slots.contains(&a) && !slots.is_empty()));
    }
}

#[test]
fn weights_shape_the_slots() {
    let mut bed = two();
    bed.change(0, ServerChange::Weight(WeightChange::Absolute(3)));
    let plan = bed.plan().plan;
    let a = bed.number("a", "10.0.1.1:81");
    let slots = plan.tables.values().next().unwrap();
    let of_a = slots.iter().filter(|&&n| n == a).count();
    assert_eq!(of_a * 4, slots.len() * 3);
    assert!(WEIGHT_MAX >= 3 && plan.servers[&a].weight == 3 * 16);
}

#[test]
fn a_server_that_is_not_resolved_keeps_its_slots_without_a_next_hop() {
    let config = config(&["10.0.0.1:80"], &[("a", "10.0.1.1:81"), ("b", "127.0.0.1:82")]);
    let mut bed = Bed::new(config, &["10.0.1.1", "127.0.0.1"]);
    bed.network.set_route("127.0.0.1".parse().unwrap(), Err(Unresolved::OnThisHost));
    let planned = bed.plan();
    let b = bed.number("b", "127.0.0.1:82");
    assert_eq!(planned.plan.servers[&b].hop.ifindex, 0);
    assert!(planned.plan.tables.values().all(|slots| slots.contains(&b)));
    let reasons: Vec<_> = planned.unreachable.into_values().collect();
    assert_eq!(reasons, [Unresolved::OnThisHost]);
}

#[test]
fn a_server_behind_an_interface_without_the_program_is_left_to_user_space() {
    let mut bed = two();
    bed.interfaces.clear();
    let planned = bed.plan();
    assert!(planned.plan.servers.values().all(|server| server.hop.ifindex == 0));
    let reasons: BTreeSet<_> = planned.unreachable.values().map(ToString::to_string).collect();
    assert_eq!(reasons.len(), 1);
    assert!(reasons.iter().all(|r| r == "it is reached over eth0, where the XDP program is not attached"));
}

#[test]
fn a_wildcard_stands_for_the_host_s_addresses() {
    let rows = [
        ("0.0.0.0:80", None, vec!["10.0.0.1:80", "10.0.0.5:80"]),
        ("[::]:80", None, vec!["10.0.0.1:80", "10.0.0.5:80", "[fd00::1]:80"]),
        ("[::]:80", Some(true), vec!["[fd00::1]:80"]),
    ];
    for (bind, v6_only, expected) in rows {
        let mut config = config(&[bind], &[("a", "10.0.1.1:81"), ("b", "[fd00::2]:81")]);
        Arc::get_mut(&mut config.frontends[0]).unwrap().binds[0].socket.v6_only = v6_only;
        let mut bed = Bed::new(config, &["10.0.1.1", "fd00::2"]);
        assert_eq!(addresses_of(&bed.plan().plan), expected, "{bind}");
    }
}

#[test]
fn a_wildcard_follows_the_host_s_addresses() {
    let config = config(&["0.0.0.0:80"], &[("a", "10.0.1.1:81")]);
    let mut bed = Bed::new(config, &["10.0.1.1"]);
    let before = bed.plan().plan;
    bed.network.apply(Event::AddressGone(2, "10.0.0.5".parse().unwrap()));
    bed.network.apply(Event::Address(2, "10.0.0.9".parse().unwrap()));
    let after = bed.plan().plan;
    assert_eq!(addresses_of(&after), ["10.0.0.1:80", "10.0.0.9:80"]);
    assert_eq!(after.tables, before.tables);
}

#[test]
fn an_address_of_another_frontend_is_not_taken_by_a_wildcard() {
    let mut config = config(&["0.0.0.0:80", "10.0.0.1:81"], &[("a", "10.0.1.1:81")]);
    let mut http = model::Frontend::new(Proxy::new(ProxyId(2), "web", Mode::Http), FrontendId(1));
    http.binds = vec![Bind::new(BindAddress::Inet("10.0.0.5:80".parse().unwrap()))];
    config.frontends.push(Arc::new(http));
    let mut bed = Bed::new(config, &["10.0.1.1"]);
    assert_eq!(addresses_of(&bed.plan().plan), ["10.0.0.1:80", "10.0.0.1:81"]);
}

#[test]
fn ports_that_follow_the_client_s_make_a_service_each() {
    let config = config(&["10.0.0.1:80", "10.0.0.1:90"], &[("a", "10.0.1.1")]);
    let mut bed = Bed::new(config, &["10.0.1.1"]);
    let plan = bed.plan().plan;
    let ids: BTreeSet<_> = plan.services.values().map(|s| s.id).collect();
    assert_eq!(ids.len(), 2);
    let ports: BTreeSet<_> = plan.servers.values().map(|s| s.port).collect();
    assert_eq!(ports, BTreeSet::from([1080, 1090]));
    for (at, service) in &plan.services {
        let server = plan.tables[&service.id][0];
        assert_eq!(plan.servers[&server].port, at.address.port() + 1000);
    }
}

#[test]
fn source_hashing_is_told_apart_by_its_table() {
    let rows = [(HashKind::MapBased, Algorithm::SourceModulo), (HashKind::Consistent, Algorithm::SourceHash)];
    for (kind, expected) in rows {
        let mut config = config(&["10.0.0.1:80"], &[("a", "10.0.1.1:81")]);
        let backend = Arc::get_mut(&mut config.backends[0]).unwrap();
        backend.algorithm = Balance::Source;
        backend.hash_type = HashType { kind, ..HashType::default() };
        let plan = Bed::new(config, &["10.0.1.1"]).plan().plan;
        assert!(plan.services.values().all(|s| s.algorithm == expected));
    }
}

#[test]
fn a_server_that_leaves_keeps_its_number_until_it_is_released() {
    let mut bed = two();
    bed.plan();
    let a = bed.number("a", "10.0.1.1:81");
    let smaller = config(&["10.0.0.1:80"], &[("b", "10.0.1.2:82")]);
    bed.runtime.reconfigure(Arc::new(smaller), Tick::ZERO);
    let planned = bed.plan();
    assert_eq!(planned.retired_servers, BTreeSet::from([a]));
    assert_eq!(planned.plan.servers[&a].state, ServerState::Drain);
    assert_eq!(planned.plan.servers[&a].hop.ifindex, 2);
    assert!(planned.plan.tables.values().all(|slots| !slots.contains(&a)));
    bed.planner.release_server(a);
    let planned = bed.plan();
    assert!(!planned.plan.servers.contains_key(&a) && planned.retired_servers.is_empty());
    assert_eq!(bed.planner.generations[&a], 1);
}

#[test]
fn a_server_at_a_new_address_gets_another_number() {
    let mut bed = two();
    bed.plan();
    let a = bed.number("a", "10.0.1.1:81");
    bed.change(0, ServerChange::Address { ip: None, port: Some(99) });
    let planned = bed.plan();
    assert_ne!(bed.number("a", "10.0.1.1:99"), a);
    assert_eq!(planned.retired_servers, BTreeSet::from([a]));
}

#[test]
fn a_paused_frontend_has_no_service() {
    let mut bed = two();
    bed.plan();
    bed.runtime.apply(Change::Frontend(FrontendId(0), FrontendChange::Disable), Tick::ZERO).unwrap();
    let planned = bed.plan();
    assert!(planned.plan.services.is_empty() && planned.plan.tables.is_empty());
    assert_eq!(planned.retired_services.len(), 1);
}

#[test]
fn what_does_not_fit_is_named() {
    let names: Vec<_> = (0..20).map(|n| (format!("s{n}"), format!("10.0.1.{n}:80"))).collect();
    let servers: Vec<_> = names.iter().map(|(n, a)| (n.as_str(), a.as_str())).collect();
    let mut bed = Bed::new(config(&["10.0.0.1:80"], &servers), &[]);
    let planned = bed.plan();
    assert_eq!(planned.plan.servers.len(), 15);
    assert_eq!(planned.shortages.len(), 5);
    let slots = planned.plan.tables.values().next().unwrap();
    assert_eq!(slots.iter().filter(|&&n| n == 0).count(), 5);
    bed.planner = Planner::new(&Room { last_service: 0, ..ROOM }, 100);
    let planned = bed.plan();
    assert_eq!(planned.shortages, BTreeSet::from([Shortage::Services("front".into())]));
    assert!(planned.plan.services.is_empty());
}

#[test]
fn only_servers_of_the_kernel_s_frontends_are_watched() {
    let mut config = config(&["10.0.0.1:80"], &[("a", "10.0.1.1:81")]);
    let mut other = model::Backend::new(Proxy::new(ProxyId(5), "other", Mode::Tcp), BackendId(1));
    other.servers = vec![server("x", "10.0.9.9:80")];
    config.backends.push(Arc::new(other));
    let runtime = Runtime::new(Arc::new(config), Tick::ZERO);
    let snapshot = runtime.snapshot();
    let watched = addresses(&snapshot, &place(&snapshot.config));
    assert_eq!(watched, BTreeSet::from(["10.0.1.1".parse().unwrap()]));
}
