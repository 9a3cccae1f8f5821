//! The end of flows: user space walks the tables of flows, a bounded part at a time, and deletes what is over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use lb_common::address::{Address, V4, V6, from_wide};
use lb_common::counter::Count;
use lb_common::key::FlowKey;
use lb_common::packet::Network;
use lb_common::tcp::TcpState;
use lb_common::value::{
    Direction, FLOW_CLOSED, FLOW_EVENTS, FLOW_TRACKED, FLOW_TRACKED_SHIFT, Flow, Jiffies, ServerId, ServiceId,
};
use lb_conf::model::{Backend, Frontend};
use serde::{Deserialize, Serialize};

use crate::store::{Entry, FlowTable, FlowTables};
use crate::sync::Expired;

/// How long the ends of a flow may be silent, by how far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes {
    /// Until it is open.
    pub opening: Duration,
    /// While it is open.
    pub open: Duration,
    /// When one end is done sending.
    pub closing: Duration,
}

/// How long a closed flow stays for stragglers: longer than packets wander about, shorter than it takes to run out of
/// source ports.
const CLOSED: Duration = Duration::from_secs(10);
/// The lifetime of flows that are not open yet where no `timeout connect` says otherwise.
const OPENING: Duration = Duration::from_secs(5);
/// The same while the table fills up: long enough for a client on the other side of the world.
const OPENING_UNDER_PRESSURE: Duration = Duration::from_secs(1);
/// The longest that a flow of direct return may be silent once its client is done. That the server is done as well is not
/// seen; while it still sends, the client's acknowledgements are.
const HALF_SEEN: Duration = Duration::from_secs(30);
/// The lifetime of open flows that no timeout bounds. Ends that vanished without a word would fill the table otherwise;
/// the host's own connection tracking allows as long.
const OPEN: Duration = Duration::from_secs(5 * 24 * 3600);

impl Lifetimes {
    /// Those that the timeouts of a frontend and its backend make: silence counts in both directions together, as
    /// traffic one way keeps the other way alive.
    pub fn new(frontend: &Frontend, backend: &Backend) -> Self {
        let least = |a: Option<Duration>, b: Option<Duration>| a.into_iter().chain(b).min();
        let idle = least(frontend.timeout_client, backend.timeout_server);
        let open = backend.timeout_tunnel.or(idle).unwrap_or(OPEN);
        let fin = least(frontend.timeout_client_fin, backend.timeout_server_fin);
        Self {
            opening: backend.timeout_connect.unwrap_or(OPENING),
            open: open.min(OPEN),
            closing: fin.unwrap_or(open).min(OPEN),
        }
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { opening: OPENING, open: OPEN, closing: OPEN }
    }
}

/// When flows are over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// By service; others have the default.
    pub lifetimes: BTreeMap<ServiceId, Lifetimes>,
    /// Jiffies in a second.
    pub hz: u32,
    /// The tables fill up: flows that are not open must go sooner.
    pub pressure: bool,
}

impl Policy {
    fn lifetime<A>(&self, flow: &Flow<A>) -> Duration {
        let times = self.lifetimes.get(&flow.service).copied().unwrap_or_default();
        match flow.state {
            TcpState::Opening | TcpState::Answered if self.pressure => {
                times.opening.min(OPENING_UNDER_PRESSURE)
            }
            TcpState::Opening | TcpState::Answered => times.opening,
            TcpState::Open => times.open,
            TcpState::ClientDone if flow.is_direct() => times.closing.min(HALF_SEEN),
            TcpState::ClientDone | TcpState::ServerDone => times.closing,
            TcpState::Closed => CLOSED,
        }
    }

    /// Whether an entry has been silent for too long.
    fn is_over<A>(&self, flow: &Flow<A>, now: Jiffies) -> bool {
        let millis = self.lifetime(flow).as_millis();
        let jiffies = millis.saturating_mul(u128::from(self.hz)) / 1000;
        // A packet may have come after `now` was read: then the difference is negative.
        let silent = now.wrapping_sub(flow.last);
        silent < u32::MAX / 2 && u128::from(silent) > jiffies
    }
}

/// What a walk over all flows has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Entries that stay.
    pub entries: u32,
    /// Flows that are not closed, by server.
    pub open_by_server: BTreeMap<ServerId, u32>,
    /// The same by service.
    pub open_by_service: BTreeMap<ServiceId, u32>,
    /// Servers that some entry refers to.
    pub servers: BTreeSet<ServerId>,
    /// Services that some entry refers to.
    pub services: BTreeSet<ServiceId>,
}

impl Census {
    fn count<A>(&mut self, flow: &Flow<A>) {
        self.entries += 1;
        self.servers.insert(flow.server);
        self.services.insert(flow.service);
        if flow.direction == Direction::ToServer && flow.marks & FLOW_CLOSED == 0 {
            *self.open_by_server.entry(flow.server).or_default() += 1;
            *self.open_by_service.entry(flow.service).or_default() += 1;
        }
    }
}

/// A walk over the tables of flows, one part after the other, over and over.
#[derive(Debug, Default)]
pub struct Sweeper {
    census: Census,
    v4_ended: bool,
}

/// What a step of a walk did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Step {
    /// The flows that it ended.
    pub ended: Vec<Ended>,
    /// What the walk saw, at its end.
    pub census: Option<Census>,
}

impl Sweeper {
    /// Looks at the next batches, until they make up so many entries, and deletes what is over. At the end of the tables
    /// it gives what the walk saw.
    ///
    /// # Errors
    ///
    /// A map cannot be read or written.
    pub fn step(
        &mut self,
        tables: &mut impl FlowTables,
        policy: &Policy,
        budget: usize,
    ) -> anyhow::Result<Step> {
        let now = tables.now()?;
        let mut step = Step::default();
        let mut ended = false;
        let mut seen = 0;
        while seen < budget && !ended {
            let sweep = Sweep { policy, now, census: &mut self.census, ended: &mut step.ended };
            let entries = match self.v4_ended {
                false => sweep.batch::<V4>(tables)?,
                true => sweep.batch::<V6>(tables)?,
            };
            seen += entries.unwrap_or(0);
            if entries.is_none() {
                ended = self.v4_ended;
                self.v4_ended = !self.v4_ended;
            }
        }
        step.census = ended.then(|| std::mem::take(&mut self.census));
        Ok(step)
    }
}

struct Sweep<'a> {
    policy: &'a Policy,
    now: Jiffies,
    census: &'a mut Census,
    ended: &'a mut Vec<Ended>,
}

impl Sweep<'_> {
    /// Takes one batch and gives its length; None at the end of the table.
    fn batch<A: Address + Network>(mut self, table: &mut impl FlowTable<A>) -> anyhow::Result<Option<usize>> {
        let Some(entries) = table.next_flows()? else { return Ok(None) };
        let mut over = Vec::new();
        for entry in &entries {
            if !self.judge(table, entry, &mut over)? {
                self.census.count(&entry.1);
            }
        }
        table.delete_flows(&over)?;
        Ok(Some(entries.len()))
    }

    /// Whether an entry goes; its key, and that of its peer, are added to `over` then.
    ///
    /// The entry towards the server decides for both: each knows of the packets of its own direction only.
    fn judge<A: Address + Network>(
        &mut self,
        table: &impl FlowTable<A>,
        (key, flow): &Entry<A>,
        over: &mut Vec<FlowKey<A>>,
    ) -> anyhow::Result<bool> {
        if !self.policy.is_over(flow, self.now) {
            return Ok(false);
        }
        let peer_key = flow.peer(key.protocol);
        let peer = table.flow(&peer_key)?;
        match (flow.direction, &peer) {
            (Direction::ToClient, Some(_)) => return Ok(false),
            (Direction::ToServer, Some(peer)) if !self.policy.is_over(peer, self.now) => return Ok(false),
            (Direction::ToServer, _) => over.push(peer_key),
            (Direction::ToClient, None) => {}
        }
        over.push(*key);
        self.ended.extend(Ended::new(key, flow, peer.as_ref(), self.now));
        Ok(true)
    }
}

/// A flow that user space ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The client.
    pub client: SocketAddr,
    /// Where it connected to.
    pub service: SocketAddr,
    /// Where the balancer sends to the server from.
    pub source: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// The numbers of service and server.
    pub numbers: (ServiceId, ServerId),
    /// Frames towards the server.
    pub to_server: Count,
    /// Frames towards the client.
    pub to_client: Count,
    /// How long it lasted.
    pub age: Jiffies,
    /// How far the connection had come.
    pub state: TcpState,
    /// Its end is to be reported.
    pub reported: bool,
    /// The counters of its service that track its client: a bit for each.
    pub tracked: u8,
}

impl Ended {
    /// From the entry towards the server and the one towards the client. None: the other way round, or closed before.
    fn new<A: Address>(
        key: &FlowKey<A>,
        flow: &Flow<A>,
        peer: Option<&Flow<A>>,
        now: Jiffies,
    ) -> Option<Self> {
        if flow.direction != Direction::ToServer || flow.marks & FLOW_CLOSED != 0 {
            return None;
        }
        let at = |address: A, port| Some(SocketAddr::new(from_wide(A::FAMILY, &address.to_wide())?, port));
        let count = |flow: &Flow<A>| Count { packets: u64::from(flow.packets), bytes: flow.bytes };
        Some(Self {
            client: at(key.src, key.src_port)?,
            service: at(key.dst, key.dst_port)?,
            source: at(flow.src, flow.src_port)?,
            server: at(flow.dst, flow.dst_port)?,
            numbers: (flow.service, flow.server),
            to_server: count(flow),
            to_client: peer.map(count).unwrap_or_default(),
            age: now.wrapping_sub(flow.opened),
            state: flow.state,
            reported: flow.marks & FLOW_EVENTS != 0,
            tracked: ((flow.marks & FLOW_TRACKED) >> FLOW_TRACKED_SHIFT) as u8,
        })
    }
}

/// Deletes all flows to these servers that are not closed.
///
/// # Errors
///
/// A map cannot be read or written.
pub fn end(tables: &mut impl FlowTables, servers: &BTreeSet<ServerId>) -> anyhow::Result<Vec<Ended>> {
    let now = tables.now()?;
    let mut ended = Vec::new();
    end_in::<V4>(tables, servers, now, &mut ended)?;
    end_in::<V6>(tables, servers, now, &mut ended)?;
    Ok(ended)
}

fn end_in<A: Address + Network>(
    table: &mut impl FlowTable<A>,
    servers: &BTreeSet<ServerId>,
    now: Jiffies,
    ended: &mut Vec<Ended>,
) -> anyhow::Result<()> {
    table.rewind();
    while let Some(entries) = table.next_flows()? {
        let mut keys = Vec::new();
        for (key, flow) in entries.iter().filter(|(_, flow)| servers.contains(&flow.server)) {
            let peer_key = flow.peer(key.protocol);
            let peer = table.flow(&peer_key)?;
            if let Some(end) = Ended::new(key, flow, peer.as_ref(), now) {
                keys.extend([*key, peer_key]);
                ended.push(end);
            }
        }
        table.delete_flows(&keys)?;
    }
    Ok(())
}

/// What these flows counted for.
pub fn counted(ended: &[Ended]) -> Expired {
    let mut expired = Expired::default();
    ended.iter().for_each(|end| expired.add(end.numbers.0, end.numbers.1));
    expired
}

/// What must be counted as expired so that the number of open flows is what a walk has seen.
///
/// The kernel may close a flow in the moment in which user space expires it, and both count it. Numbers are compared
/// for what was quiet during the walk, with the counts of opened and closed flows before and after it.
pub fn correction(opened: (u32, u32), closed: (u32, u32), expired: u32, seen: u32) -> u32 {
    let active = opened.1.wrapping_sub(closed.1).wrapping_sub(expired);
    let quiet = opened.0 == opened.1 && closed.0 == closed.1;
    let impossible = active > u32::MAX / 2;
    if quiet || impossible { active.wrapping_sub(seen) } else { 0 }
}

#[cfg(test)]
mod tests {
    use lb_common::key::TCP;
    use lb_common::tables::FamilyTables;
    use lb_common::value::{Hop, Server, Service};
    use lb_conf::model::{BackendId, FrontendId, Mode, Proxy, ProxyId};

    use super::*;
    use crate::memory::MemoryStore;
    use crate::plan::{Plan, ServiceAt};
    use crate::store::Contents;
    use crate::sync::Maps;

    const HZ: u32 = 100;

    fn policy() -> Policy {
        let times = Lifetimes {
            opening: Duration::from_secs(3),
            open: Duration::from_secs(60),
            closing: Duration::from_secs(20),
        };
        Policy { lifetimes: [(1, times)].into(), hz: HZ, pressure: false }
    }

    fn key(port: u16) -> FlowKey<V4> {
        FlowKey::new(([10, 0, 0, 9], port), ([10, 0, 0, 1], 80), TCP)
    }

    fn entry(port: u16, state: TcpState, last: Jiffies) -> Flow<V4> {
        Flow {
            src: [10, 0, 0, 1],
            dst: [10, 0, 1, 1],
            dst_port: 80,
            src_port: 20_000 + port,
            l3_delta: 0,
            l4_delta: 0,
            hop: Hop::default(),
            bytes: 0,
            packets: 1,
            last,
            opened: 0,
            vlan: 0,
            marks: 0,
            service: 1,
            server: 1,
            generation: 0,
            state,
            direction: Direction::ToServer,
        }
    }

    /// Both entries of a flow of the client's port, whose ends were last heard of at these times.
    fn add(maps: &Maps<MemoryStore>, port: u16, state: TcpState, client: Jiffies, server: Jiffies) {
        let there = entry(port, state, client);
        let back = Flow {
            src: [10, 0, 0, 1],
            dst: [10, 0, 0, 9],
            dst_port: port,
            src_port: 80,
            last: server,
            direction: Direction::ToClient,
            ..there
        };
        let tables = &maps.store.tables;
        tables.insert_flow(&key(port), &there).unwrap();
        tables.insert_flow(&there.peer(TCP), &back).unwrap();
    }

    fn maps(now: Jiffies) -> Maps<MemoryStore> {
        let mut maps = Maps::open(MemoryStore::default()).unwrap();
        let server = Server { family: lb_common::address::Family::V4, ..Server::default() };
        let at = ServiceAt { address: "10.0.0.1:80".parse().unwrap(), protocol: TCP };
        let plan = Plan {
            services: [(at, Service { id: 1, ..Service::default() })].into(),
            servers: [(1, server)].into(),
            tables: [(1, vec![1])].into(),
            ..Plan::default()
        };
        maps.apply(&Contents { plan, ..Contents::default() }).unwrap();
        maps.store.tables.now.set(now);
        maps
    }

    fn sweep(maps: &mut Maps<MemoryStore>, policy: &Policy) -> Census {
        let step = Sweeper::default().step(&mut maps.store, policy, 1000).unwrap();
        maps.expire(&counted(&step.ended)).unwrap();
        step.census.unwrap()
    }

    fn left(maps: &Maps<MemoryStore>) -> usize {
        maps.store.tables.v4.flows.borrow().len()
    }

    fn expired(maps: &Maps<MemoryStore>) -> u32 {
        maps.contents().plan.servers[&1].expired
    }

    #[test]
    fn each_state_has_its_lifetime() {
        let rows = [
            (TcpState::Opening, 3),
            (TcpState::Answered, 3),
            (TcpState::Open, 60),
            (TcpState::ClientDone, 20),
            (TcpState::ServerDone, 20),
            (TcpState::Closed, 10),
        ];
        for (state, seconds) in rows {
            for (silent, stays) in [(seconds * HZ, 2), (seconds * HZ + 1, 0)] {
                let mut maps = maps(100_000);
                add(&maps, 1, state, 100_000 - silent, 100_000 - silent);
                sweep(&mut maps, &policy());
                assert_eq!(left(&maps), stays, "{state:?} after {silent}");
            }
        }
    }

    #[test]
    fn traffic_in_either_direction_keeps_a_flow() {
        for (client, server) in [(0, 99_000), (99_000, 0)] {
            let mut maps = maps(100_000);
            add(&maps, 1, TcpState::Open, client, server);
            assert_eq!(sweep(&mut maps, &policy()).entries, 2);
            assert_eq!((left(&maps), expired(&maps)), (2, 0));
        }
    }

    #[test]
    fn half_open_flows_go_first_when_the_tables_fill_up() {
        let mut maps = maps(100_000);
        add(&maps, 1, TcpState::Opening, 100_000 - 2 * HZ, 100_000 - 2 * HZ);
        add(&maps, 2, TcpState::Open, 100_000 - 2 * HZ, 100_000 - 2 * HZ);
        sweep(&mut maps, &policy());
        assert_eq!(left(&maps), 4);
        sweep(&mut maps, &Policy { pressure: true, ..policy() });
        assert_eq!(left(&maps), 2);
    }

    #[test]
    fn flows_that_the_kernel_counted_as_closed_are_not_counted_again() {
        let mut maps = maps(100_000);
        add(&maps, 1, TcpState::Closed, 0, 0);
        let flow = FamilyTables::<V4>::flow(&maps.store.tables, &key(1)).unwrap();
        flow.set(Flow { marks: FLOW_CLOSED, ..flow.get() });
        add(&maps, 2, TcpState::Opening, 0, 0);
        sweep(&mut maps, &policy());
        assert_eq!((left(&maps), expired(&maps)), (0, 1));
        assert_eq!(maps.contents().plan.services.values().next().unwrap().expired, 1);
    }

    #[test]
    fn an_entry_without_its_peer_goes_when_its_time_is_over() {
        let mut maps = maps(100_000);
        add(&maps, 1, TcpState::Open, 0, 0);
        maps.store.tables.remove_flow(&key(1));
        sweep(&mut maps, &policy());
        assert_eq!((left(&maps), expired(&maps)), (0, 0));
    }

    #[test]
    fn a_packet_later_than_the_clock_is_no_silence() {
        let mut maps = maps(100_000);
        add(&maps, 1, TcpState::Open, 100_005, 100_005);
        sweep(&mut maps, &policy());
        assert_eq!(left(&maps), 2);
    }

    #[test]
    fn the_clock_may_wrap() {
        let mut maps = maps(2 * HZ);
        add(&maps, 1, TcpState::Opening, 0_u32.wrapping_sub(2 * HZ), 0);
        add(&maps, 2, TcpState::Open, 0_u32.wrapping_sub(2 * HZ), 0);
        sweep(&mut maps, &policy());
        assert_eq!(left(&maps), 4);
        maps.store.tables.now.set(5 * HZ);
        sweep(&mut maps, &policy());
        assert_eq!(left(&maps), 2);
    }

    #[test]
    fn the_census_counts_what_stays() {
        let mut maps = maps(100);
        add(&maps, 1, TcpState::Open, 100, 100);
        add(&maps, 2, TcpState::Opening, 100, 100);
        let census = sweep(&mut maps, &policy());
        assert_eq!(census.entries, 4);
        assert_eq!((census.open_by_server[&1], census.open_by_service[&1]), (2, 2));
        assert_eq!((census.servers, census.services), ([1].into(), [1].into()));
    }

    #[test]
    fn the_flows_of_a_server_are_ended_from_the_beginning_of_the_tables() {
        let mut maps = maps(100);
        add(&maps, 1, TcpState::Open, 100, 100);
        let mut sweeper = Sweeper::default();
        assert!(sweeper.step(&mut maps.store, &policy(), 1).unwrap().census.is_none(), "a walk is half done");
        assert_eq!(end(&mut maps.store, &[2].into()).unwrap(), []);
        let ended = end(&mut maps.store, &[1].into()).unwrap();
        let at = |text: &str| text.parse().unwrap();
        let expected = Ended {
            client: at("10.0.0.9:1"),
            service: at("10.0.0.1:80"),
            source: at("10.0.0.1:20001"),
            server: at("10.0.1.1:80"),
            numbers: (1, 1),
            to_server: Count { packets: 1, bytes: 0 },
            to_client: Count { packets: 1, bytes: 0 },
            age: 100,
            state: TcpState::Open,
            reported: false,
            tracked: 0,
        };
        assert_eq!(ended, [expected]);
        assert_eq!((left(&maps), counted(&ended).servers), (0, [(1, 1)].into()));
    }

    #[test]
    fn a_walk_goes_on_where_it_stopped() {
        let mut maps = maps(100);
        add(&maps, 1, TcpState::Open, 100, 100);
        let mut sweeper = Sweeper::default();
        // The entries of IPv4; the rest; again.
        let ends: Vec<_> =
            (0..4).map(|_| sweeper.step(&mut maps.store, &policy(), 1).unwrap().census.is_some()).collect();
        assert_eq!(ends, [false, true, false, true]);
    }

    #[test]
    fn counts_are_corrected_only_when_they_are_sure_to_be_wrong() {
        // Quiet and right; quiet and one too many; busy; fewer than none.
        assert_eq!(correction((9, 9), (4, 4), 2, 3), 0);
        assert_eq!(correction((9, 9), (4, 4), 1, 3), 1);
        assert_eq!(correction((8, 9), (4, 4), 1, 3), 0);
        assert_eq!(correction((8, 9), (8, 9), 1, 0), u32::MAX);
    }

    #[test]
    fn lifetimes_follow_the_timeouts() {
        let secs = |n| Some(Duration::from_secs(n));
        let proxy = || Proxy::new(ProxyId(0), "p", Mode::Tcp);
        let mut frontend = Frontend::new(proxy(), FrontendId(0));
        let mut backend = Backend::new(proxy(), BackendId(0));
        assert_eq!(Lifetimes::new(&frontend, &backend), Lifetimes::default());
        frontend.timeout_client = secs(30);
        backend.timeout_server = secs(20);
        backend.timeout_connect = secs(4);
        let times = Lifetimes::new(&frontend, &backend);
        assert_eq!([times.opening, times.open, times.closing].map(|t| t.as_secs()), [4, 20, 20]);
        backend.timeout_tunnel = secs(3600);
        frontend.timeout_client_fin = secs(5);
        let times = Lifetimes::new(&frontend, &backend);
        assert_eq!([times.opening, times.open, times.closing].map(|t| t.as_secs()), [4, 3600, 5]);
        backend.timeout_tunnel = secs(u64::MAX / 2);
        assert_eq!(Lifetimes::new(&frontend, &backend).open, OPEN);
    }
}
