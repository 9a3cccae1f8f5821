use std::sync::Arc;
use std::time::Duration;

use lb_common::counter::Reason;
use lb_common::tcp::flag::{RST, SYN};
use lb_conf::model::Config;
use lb_core::change::AdminState;
use lb_core::placement::place;
use lb_core::{Change, Runtime, ServerChange};

use super::*;
use crate::fixture::{config, flow_from, network, send};
use crate::memory::MemoryStore;

const HZ: u32 = 100;

struct Bed {
    runtime: Runtime,
    network: Network,
    control: Control<MemoryStore>,
}

fn two() -> Config {
    config(&["10.0.0.1:80"], &[("a", "10.0.1.1:81"), ("b", "10.0.1.2:82")])
}

impl Bed {
    fn new() -> Self {
        let mut bed = Self {
            runtime: Runtime::new(Arc::new(two()), Tick::ZERO),
            network: network(&["10.0.1.1", "10.0.1.2"]),
            control: Control::adopt(MemoryStore::default(), 10_000..=20_000, HZ).unwrap(),
        };
        bed.replan();
        bed
    }

    fn replan(&mut self) -> usize {
        let snapshot = self.runtime.snapshot();
        let placements = place(&snapshot.config);
        let interfaces = &BTreeSet::from([2]);
        let wanted =
            Wanted { snapshot: &snapshot, placements: &placements, network: &self.network, interfaces };
        self.control.replan(&wanted).unwrap()
    }

    fn send(&self, port: u16, flags: u8) -> Reason {
        send(&self.control.maps.store, port, flags).reason
    }

    /// Opens a flow from this port and gives its server.
    fn open(&self, port: u16) -> ServerId {
        self.send(port, SYN);
        flow_from(&self.control.maps.store, port).unwrap().server
    }

    fn number(&self, name: &str) -> ServerId {
        self.control.servers().find(|(_, server)| &*server.server == name).unwrap().0
    }

    fn down(&self, index: usize) {
        let id = self.runtime.snapshot().backends[0].servers[index].id;
        let change = ServerChange::Admin(AdminState::Maint);
        self.runtime.apply(Change::Server(id, change), Tick::ZERO).unwrap();
    }

    fn wait(&self, span: Duration) {
        let now = &self.control.maps.store.tables.now;
        now.set(now.get() + span.as_secs() as u32 * HZ);
    }

    /// Sessions of the frontend, the backend and the first server: now, and so far.
    fn sessions(&mut self) -> [(u64, u64); 3] {
        let snapshot = self.runtime.snapshot();
        self.control.count(&snapshot, Tick::ZERO).unwrap();
        let backend = &snapshot.backends[0];
        [snapshot.frontends[0].traffic(), backend.traffic(), &backend.servers[0].counters().traffic]
            .map(|traffic| (traffic.sessions.get(), traffic.session_total.get()))
    }
}

#[test]
fn packets_go_where_the_plan_says() {
    let bed = Bed::new();
    assert_eq!(bed.send(99, SYN), Reason::Opened);
    let servers: BTreeSet<_> = (1..=10).map(|port| bed.open(port)).collect();
    assert_eq!(servers, BTreeSet::from([bed.number("a"), bed.number("b")]));
}

#[test]
fn a_server_that_goes_down_gets_no_new_flows() {
    let mut bed = Bed::new();
    bed.down(0);
    assert_eq!(bed.replan(), 2);
    assert!((1..=10).all(|port| bed.open(port) == bed.number("b")));
    bed.down(1);
    bed.replan();
    assert_eq!(bed.send(99, SYN), Reason::NoTable);
}

#[test]
fn a_successor_gives_everybody_the_same_number() {
    let mut bed = Bed::new();
    let numbers = [bed.number("a"), bed.number("b")];
    let open = bed.open(1);
    bed.control = Control::adopt(std::mem::take(&mut bed.control.maps.store), 10_000..=20_000, HZ).unwrap();
    assert_eq!(bed.replan(), 0);
    assert_eq!([bed.number("a"), bed.number("b")], numbers);
    assert_eq!(bed.sessions()[0], (1, 0), "flows that are open count, those of before do not");
    bed.wait(Duration::from_secs(6));
    assert!(bed.control.sweep(Tick::ZERO).unwrap());
    assert_eq!(bed.sessions()[0], (0, 0));
    assert!(numbers.contains(&open));
}

#[test]
fn a_successor_leaves_numbers_without_labels_to_their_flows() {
    let mut bed = Bed::new();
    bed.send(1, SYN);
    bed.control.maps.store = std::mem::take(&mut bed.control.maps.store).without_labels();
    let numbers = [bed.number("a"), bed.number("b")];
    bed.control = Control::adopt(std::mem::take(&mut bed.control.maps.store), 10_000..=20_000, HZ).unwrap();
    bed.replan();
    assert!(!numbers.contains(&bed.number("a")) && !numbers.contains(&bed.number("b")));
    bed.wait(Duration::from_secs(20));
    // The first walk ends the flow, the second one sees that it is gone.
    bed.control.sweep(Tick::ZERO).unwrap();
    bed.control.sweep(Tick::ZERO).unwrap();
    let taken = bed.control.planner().servers.taken();
    assert!(numbers.iter().all(|n| !taken.contains(n)));
}

#[test]
fn a_server_that_left_is_forgotten_when_its_last_flow_is_over() {
    let mut bed = Bed::new();
    let a = bed.number("a");
    let mine = (1..).find(|&port| bed.open(port) == a).unwrap();
    let smaller = config(&["10.0.0.1:80"], &[("b", "10.0.1.2:82")]);
    bed.runtime.reconfigure(Arc::new(smaller), Tick::ZERO);
    bed.replan();
    assert!(bed.control.sweep(Tick::ZERO).unwrap());
    assert_eq!(bed.number("a"), a, "a flow refers to it");
    assert_eq!(bed.send(mine, SYN), Reason::ToServer);
    bed.wait(Duration::from_secs(6));
    bed.control.sweep(Tick::ZERO).unwrap();
    bed.control.sweep(Tick::ZERO).unwrap();
    bed.replan();
    assert!(bed.control.servers().all(|(number, _)| number != a));
    assert!(bed.control.maps.contents().owners.keys().all(|&key| label::number(key) != a || key < 1 << 16));
}

#[test]
fn sessions_are_counted_in_the_statistics() {
    let mut bed = Bed::new();
    bed.sessions();
    let a = bed.number("a");
    let of_a = (1..=10).filter(|&port| bed.open(port) == a).count() as u64;
    assert_eq!(bed.sessions(), [(10, 10), (10, 10), (of_a, of_a)]);
    bed.send(1, RST);
    assert_eq!(bed.sessions()[0], (9, 10));
    bed.wait(Duration::from_secs(11));
    bed.control.sweep(Tick::ZERO).unwrap();
    assert_eq!(bed.sessions(), [(0, 10), (0, 10), (0, of_a)]);
}

#[test]
fn the_packet_path_knows_of_connections_in_user_space() {
    let mut bed = Bed::new();
    let snapshot = bed.runtime.snapshot();
    let server = Arc::clone(&snapshot.backends[0].servers[0]);
    let a = bed.number("a");
    while bed.open(9) != a {
        bed.send(9, RST);
    }
    bed.sessions();
    let leases: Vec<_> = (0..3).map(|_| server.lease_if_free(Tick::ZERO).unwrap()).collect();
    let told = |bed: &mut Bed| {
        bed.control.tell_elsewhere(&snapshot).unwrap();
        bed.control.maps.store.tables.servers[usize::from(a)].elsewhere
    };
    assert_eq!(told(&mut bed), 3, "and not the flow");
    bed.replan();
    assert_eq!(bed.control.maps.store.tables.servers[usize::from(a)].elsewhere, 3, "a plan keeps it");
    drop(leases);
    assert_eq!(told(&mut bed), 0);
}

#[test]
fn a_wrong_count_of_open_flows_is_mended() {
    let mut bed = Bed::new();
    bed.send(1, SYN);
    let mut wrong = Expired::default();
    let a = bed.number("a");
    wrong.add(1, a);
    wrong.add(1, a);
    bed.control.maps.expire(&wrong).unwrap();
    assert!(bed.control.sweep(Tick::ZERO).unwrap());
    assert_eq!(bed.sessions()[0].0, 1);
}

#[test]
fn a_closed_plane_opens_no_flow_and_keeps_those_that_are_open() {
    let mut bed = Bed::new();
    let server = bed.open(1);
    bed.control.close().unwrap();
    assert_eq!(bed.send(2, SYN), Reason::NoService);
    assert_eq!(bed.open(1), server);
}

#[test]
fn a_table_that_fills_up_makes_half_open_flows_short_lived() {
    let mut bed = Bed::new();
    for port in 1..=300 {
        bed.open(port);
    }
    bed.sessions();
    assert!(bed.control.pressure(), "known before a walk");
    bed.control.sweep(Tick::ZERO).unwrap();
    assert!(bed.control.pressure());
    bed.wait(Duration::from_secs(2));
    bed.control.sweep(Tick::ZERO).unwrap();
    bed.control.sweep(Tick::ZERO).unwrap();
    assert!(!bed.control.pressure());
    assert_eq!(bed.control.census().entries, 0);
}
