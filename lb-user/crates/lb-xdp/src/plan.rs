//! What user space wants in the maps, as plain data.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use lb_common::address::to_wide;
use lb_common::key::TCP;
use lb_common::rule::{ListNumber, Rule, Tracked};
use lb_common::value::{
    Algorithm, ForwardMode, Hop, SERVICE_EVENTS, SERVICE_GUARD, Server, ServerId, ServerState, Service,
    ServiceId, TABLE_SLOTS,
};
use lb_conf::model::{Bind, BindAddress, Config, Forward, HashKind, Name, PortSpec, ServerAddress, Source};
use lb_core::admission;
use lb_core::frontend::FrontendState;
use lb_core::placement::Placement;
use lb_core::{Backend, Frontend, Slots, Snapshot};
use serde::{Deserialize, Serialize};

use crate::loader::Settings;
use crate::neigh::{IfIndex, Network, NextHop, Unresolved};
use crate::numbers::Numbers;
use crate::rulebook::{List, Rulebook};
use crate::store::Room;

/// Where clients connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceAt {
    /// Address and port.
    pub address: SocketAddr,
    /// IANA's protocol number.
    pub protocol: u8,
}

/// What has a service's number: a frontend, or one port of it if its servers' ports depend on that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceName {
    /// The frontend.
    pub frontend: Name,
    /// The port that clients connect to.
    pub port: Option<u16>,
}

/// What has a server's number. The address is part of it: flows of the same name at another address go on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerName {
    /// The backend.
    pub backend: Name,
    /// The server.
    pub server: Name,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The contents of the maps that user space writes. The counts of flows that expired, and of connections that user space
/// serves, are left out (0).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// By address.
    pub services: BTreeMap<ServiceAt, Service>,
    /// By number.
    pub servers: BTreeMap<ServerId, Server>,
    /// The slots of each service, by its number.
    pub tables: BTreeMap<ServiceId, Vec<ServerId>>,
    /// The steps of rules, by the place of the first.
    pub rules: BTreeMap<u32, Vec<Rule>>,
    /// The tables that services' rules track in.
    pub tracked: BTreeMap<ServiceId, Tracked>,
    /// The lists that rules look addresses up in.
    pub lists: BTreeMap<ListNumber, List>,
}

/// What a plan follows from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The configuration and the servers' states.
    pub snapshot: &'a Snapshot,
    /// What the kernel takes of it.
    pub placements: &'a [Placement],
    /// The host's network.
    pub network: &'a Network,
    /// The ports that flows leave from.
    pub ports: &'a RangeInclusive<u16>,
    /// The interfaces that the program is on.
    pub interfaces: &'a BTreeSet<IfIndex>,
}

impl Inputs<'_> {
    /// How to send to a server so that its answers pass the program.
    fn hop(&self, server: IpAddr, forward: Forward) -> Result<NextHop, Unresolved> {
        let hop = self.network.hop(server)?;
        if forward == Forward::Dsr && !hop.on_link {
            return Err(Unresolved::NotOnLink);
        }
        if self.interfaces.contains(&hop.ifindex) {
            return Ok(hop);
        }
        // The program sees a VLAN's frames on the interface below, with their tags.
        let below = self.network.hop_below(&hop);
        if let Some(below) = below.filter(|below| self.interfaces.contains(&below.ifindex)) {
            return Ok(below);
        }
        let name = self.network.link(hop.ifindex).map(|link| link.name.clone());
        Err(Unresolved::NotAttached(name.unwrap_or_else(|| hop.ifindex.to_string())))
    }
}

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Shortage {
    /// More services than numbers.
    #[error("frontend '{0}' is served in user space: the kernel plane has no more room for services")]
    Services(Name),
    /// More steps of rules, or tables, or networks.
    #[error(
        "frontend '{0}': its rules are carried out in user space: the kernel plane has no more room for them"
    )]
    Rules(Name),
    /// More servers than numbers.
    #[error("server '{0}/{1}' is served in user space: the kernel plane has no more room for servers")]
    Servers(Name, Name),
}

/// A plan and what there is to say about it.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// The maps' contents.
    pub plan: Plan,
    /// What was left out.
    pub shortages: BTreeSet<Shortage>,
    /// Servers that the kernel plane cannot reach now.
    pub unreachable: BTreeMap<ServerName, Unresolved>,
    /// Servers' numbers that are given out but stand for nothing in the configuration.
    pub retired_servers: BTreeSet<ServerId>,
    /// The same of services.
    pub retired_services: BTreeSet<ServiceId>,
}

/// Makes plans and remembers who has which number.
#[derive(Clone, Debug)]
pub struct Planner {
    /// The services' numbers.
    pub services: Numbers<ServiceName>,
    /// The servers' numbers.
    pub servers: Numbers<ServerName>,
    /// How often each server's number was given to another one.
    pub generations: BTreeMap<ServerId, u16>,
    /// Who has which place and number in the maps of rules.
    pub rulebook: Rulebook,
    /// How each server was reached last.
    pub forwards: BTreeMap<ServerId, Forward>,
}

/// The addresses of all servers that the kernel plane may send to.
pub fn addresses(snapshot: &Snapshot, placements: &[Placement]) -> BTreeSet<IpAddr> {
    let frontends = placements.iter().filter(|p| p.in_kernel());
    let backends = frontends.filter_map(|p| backend_of(snapshot, snapshot.frontend(p.frontend)?));
    let servers = backends.flat_map(|backend| &backend.servers);
    servers.filter_map(|server| inet(&server.address()).map(|(ip, _)| ip)).collect()
}

impl Planner {
    /// With no numbers given out, and room for so many. `hz` jiffies are a second.
    pub fn new(room: &Room, hz: u32) -> Self {
        let Room { last_service, last_server, rules, .. } = *room;
        Self {
            services: Numbers::new(last_service),
            servers: Numbers::new(last_server),
            generations: BTreeMap::new(),
            rulebook: Rulebook::new(rules, hz),
            forwards: BTreeMap::new(),
        }
    }

    /// Makes a plan.
    pub fn plan(&mut self, inputs: &Inputs<'_>) -> Planned {
        let mut planned = Planned::default();
        let exact = exact_binds(&inputs.snapshot.config);
        self.rulebook.begin();
        for placement in inputs.placements.iter().filter(|p| p.in_kernel() || p.guarded) {
            let frontend = inputs.snapshot.frontend(placement.frontend);
            let Some(frontend) = frontend.filter(|f| f.state() == FrontendState::Open) else { continue };
            for (index, bind) in frontend.config.binds.iter().enumerate() {
                if placement.takes(index) {
                    self.add_bind(inputs, frontend, bind, &exact, &mut planned);
                } else {
                    self.add_guard(inputs, frontend, bind, &exact, &mut planned);
                }
            }
        }
        planned.plan.lists = self.rulebook.end();
        self.keep_retired(inputs, &mut planned);
        planned
    }

    fn add_bind(
        &mut self,
        inputs: &Inputs<'_>,
        frontend: &Frontend,
        bind: &Bind,
        exact: &HashSet<SocketAddr>,
        planned: &mut Planned,
    ) {
        let (BindAddress::Inet(address), Some(backend)) =
            (&bind.address, backend_of(inputs.snapshot, frontend))
        else {
            return;
        };
        let port = has_offset(backend).then(|| address.port());
        let name = ServiceName { frontend: frontend.config.proxy.name.clone(), port };
        let Some(id) = self.services.number(&name) else {
            planned.shortages.insert(Shortage::Services(name.frontend));
            return;
        };
        let numbers = self.add_servers(inputs, backend, address.port(), planned);
        let Some(choice) = choice(backend, &numbers) else { return };
        let service = service(id, &choice, mode(backend.config.forward), frontend);
        let service = Service { half_open: half_open(inputs), ..service };
        let service = match self.rules(inputs, frontend, true, id, planned) {
            Rules::None => service,
            Rules::At(rules, rule_count) => Service { rules, rule_count, ..service },
            // All of them: they have a say before anything is forwarded.
            Rules::InUserSpace => Service { flags: service.flags | SERVICE_GUARD, ..service },
        };
        planned.plan.tables.insert(id, choice.slots);
        add_service(inputs, *address, bind, exact, service, planned);
    }

    /// Adds the rules of a frontend whose connections end in user space.
    fn add_guard(
        &mut self,
        inputs: &Inputs<'_>,
        frontend: &Frontend,
        bind: &Bind,
        exact: &HashSet<SocketAddr>,
        planned: &mut Planned,
    ) {
        // Services of the kernel plane are the same on all interfaces.
        let (BindAddress::Inet(address), None) = (&bind.address, &bind.socket.interface) else { return };
        let name = ServiceName { frontend: frontend.config.proxy.name.clone(), port: None };
        let Some(id) = self.services.number(&name) else {
            planned.shortages.insert(Shortage::Services(name.frontend));
            return;
        };
        if let Rules::At(rules, rule_count) = self.rules(inputs, frontend, false, id, planned) {
            let service = Service { id, flags: SERVICE_GUARD, rules, rule_count, ..Service::default() };
            add_service(inputs, *address, bind, exact, service, planned);
        }
    }

    /// Puts a frontend's rules into the plan, where there are any.
    fn rules(
        &mut self,
        inputs: &Inputs<'_>,
        frontend: &Frontend,
        forwards: bool,
        id: ServiceId,
        planned: &mut Planned,
    ) -> Rules {
        let config = &inputs.snapshot.config;
        if frontend.config.proxy.rules.tcp_connection.is_empty() {
            return Rules::None;
        }
        let Some(admission) = admission::compile(config, &frontend.config, forwards) else {
            return Rules::InUserSpace;
        };
        let Some(chapter) = self.rulebook.write(&admission, config) else {
            planned.shortages.insert(Shortage::Rules(frontend.config.proxy.name.clone()));
            return Rules::InUserSpace;
        };
        let place = Rules::At(chapter.place, chapter.rules.len() as u32);
        planned.plan.tracked.insert(id, chapter.tracked);
        planned.plan.rules.insert(chapter.place, chapter.rules);
        place
    }

    /// Adds a backend's servers as clients of this port reach them, and gives their numbers.
    fn add_servers(
        &mut self,
        inputs: &Inputs<'_>,
        backend: &Backend,
        port: u16,
        planned: &mut Planned,
    ) -> HashMap<lb_core::ServerId, ServerId> {
        let mut numbers = HashMap::new();
        for server in &backend.servers {
            let Some(name) = server_name(backend, server, port) else { continue };
            let Some(number) = self.servers.number(&name) else {
                planned.shortages.insert(Shortage::Servers(name.backend, name.server));
                continue;
            };
            let forward = backend.config.forward;
            let hop = inputs.hop(name.address.ip(), forward);
            let entry = self.entry(number, &name, forward, hop.as_ref().ok(), inputs.ports);
            let (state, weight) = state(server);
            let entry = Server { state, weight, maxconn: server.least_limit().unwrap_or(0), ..entry };
            let entry = from_source(entry, server.config.source.as_deref());
            planned.plan.servers.insert(number, entry);
            self.forwards.insert(number, forward);
            if let Err(reason) = hop {
                planned.unreachable.insert(name, reason);
            }
            numbers.insert(server.id, number);
        }
        numbers
    }

    /// What follows from a server's address alone.
    fn entry(
        &self,
        number: ServerId,
        name: &ServerName,
        forward: Forward,
        hop: Option<&NextHop>,
        ports: &RangeInclusive<u16>,
    ) -> Server {
        let (family, address) = to_wide(name.address.ip());
        Server {
            address,
            source: hop.map(|hop| to_wide(hop.source).1).unwrap_or_default(),
            hop: hop.map(hop_entry).unwrap_or_default(),
            port: name.address.port(),
            source_low: *ports.start(),
            source_high: *ports.end(),
            generation: self.generations.get(&number).copied().unwrap_or(0),
            family,
            vlan: hop.map(|hop| hop.vlan).unwrap_or_default(),
            mtu: hop.map(|hop| u16::try_from(hop.mtu).unwrap_or(u16::MAX)).unwrap_or_default(),
            tunnel_port: if let Forward::Gue(port) = forward { port } else { 0 },
            mode: mode(forward),
            ..Server::default()
        }
    }

    /// Servers that left the configuration stay in the maps, without new flows, until their numbers are released.
    fn keep_retired(&self, inputs: &Inputs<'_>, planned: &mut Planned) {
        for number in self.servers.taken() {
            if planned.plan.servers.contains_key(&number) {
                continue;
            }
            planned.retired_servers.insert(number);
            if let Some(name) = self.servers.key(number) {
                // What its flows have in their own entries is enough but for the port of a tunnel.
                let forward = self.forwards.get(&number).copied().unwrap_or_default();
                let hop = inputs.hop(name.address.ip(), forward).ok();
                let entry = Server {
                    state: ServerState::Drain,
                    ..self.entry(number, name, forward, hop.as_ref(), inputs.ports)
                };
                planned.plan.servers.insert(number, entry);
            }
        }
        let services = self.services.taken();
        let plan = &planned.plan;
        let planned_ones: BTreeSet<_> =
            plan.services.values().map(|service| service.id).chain(plan.tables.keys().copied()).collect();
        planned.retired_services = services.into_iter().filter(|n| !planned_ones.contains(n)).collect();
    }

    /// Gives a server's number back. Its next owner is told apart from it by the generation.
    pub fn release_server(&mut self, number: ServerId) {
        self.servers.release(number);
        self.forwards.remove(&number);
        let generation = self.generations.entry(number).or_default();
        *generation = generation.wrapping_add(1);
    }
}

/// Where a frontend's rules are.
enum Rules {
    /// There are none.
    None,
    /// At this place of the map, so many steps.
    At(u32, u32),
    /// In user space, from the first one on.
    InUserSpace,
}

/// Adds a service at all addresses of a bind.
fn add_service(
    inputs: &Inputs<'_>,
    address: SocketAddr,
    bind: &Bind,
    exact: &HashSet<SocketAddr>,
    service: Service,
    planned: &mut Planned,
) {
    for at in expand(address, bind.socket.v6_only != Some(true), inputs.network) {
        if at == address || !exact.contains(&at) {
            planned.plan.services.insert(ServiceAt { address: at, protocol: TCP }, service);
        }
    }
}

/// A service's way of choosing a server.
struct Choice {
    algorithm: Algorithm,
    draws: u32,
    slots: Vec<ServerId>,
}

/// A backend's slots, with the servers' numbers in them.
fn choice(backend: &Backend, numbers: &HashMap<lb_core::ServerId, ServerId>) -> Option<Choice> {
    let selection = backend.selection();
    let (algorithm, slots, draws) = match selection.slots()? {
        Slots::Turn(slots) => (Algorithm::Turn, slots, 0),
        Slots::Source(slots) => match backend.config.hash_type.kind {
            HashKind::MapBased => (Algorithm::SourceModulo, slots, 0),
            HashKind::Consistent => (Algorithm::SourceHash, slots, 0),
        },
        Slots::Least(slots) => (Algorithm::Least, slots, 0),
        Slots::First(slots) => (Algorithm::First, slots, 0),
        Slots::Draw(slots, draws) => (Algorithm::Draw, slots, draws),
    };
    // A server without a number has slots too: its clients fall through to it.
    let number = |&slot: &u16| {
        let candidate = selection.candidates().get(usize::from(slot));
        candidate.and_then(|c| numbers.get(&c.server.id)).copied().unwrap_or(0)
    };
    Some(Choice { algorithm, draws, slots: slots.iter().take(TABLE_SLOTS as usize).map(number).collect() })
}

/// Flows of a service that may be half open of those opened in a second.
fn half_open(inputs: &Inputs<'_>) -> u32 {
    let config = &inputs.snapshot.config;
    config.global.xdp_syn_rate.unwrap_or_else(|| Settings::of(config).half_open())
}

fn service(id: ServiceId, choice: &Choice, mode: ForwardMode, frontend: &Frontend) -> Service {
    let logged = !frontend.config.proxy.logs.is_empty();
    Service {
        id,
        algorithm: choice.algorithm,
        draws: choice.draws,
        mode,
        flags: if logged { SERVICE_EVENTS } else { 0 },
        maxconn: frontend.maxconn().unwrap_or(0),
        ..Service::default()
    }
}

/// A server whose flows leave from where its configuration says.
fn from_source(mut entry: Server, source: Option<&Source>) -> Server {
    let Some(source) = source else { return entry };
    let address = source.address.filter(|ip| !ip.is_unspecified()).map(to_wide);
    if let Some((_, address)) = address.filter(|(family, _)| *family == entry.family) {
        entry.source = address;
    }
    if let Some((low, high)) = source.flows {
        (entry.source_low, entry.source_high) = (low, high);
    }
    entry
}

/// Whether a server takes new flows, and its weight in sixteenths.
fn state(server: &lb_core::Server) -> (ServerState, u16) {
    let state = server.state();
    let kernel = match (state.usable(), state.persistent()) {
        (true, _) => ServerState::Up,
        (false, true) => ServerState::Drain,
        (false, false) => ServerState::Down,
    };
    (kernel, u16::try_from(state.effective_weight()).unwrap_or(u16::MAX))
}

fn mode(forward: Forward) -> ForwardMode {
    match forward {
        Forward::Nat => ForwardMode::Nat,
        Forward::Transparent => ForwardMode::Transparent,
        Forward::Dsr => ForwardMode::Dsr,
        Forward::Ipip => ForwardMode::Ipip,
        Forward::Gue(_) => ForwardMode::Gue,
    }
}

fn hop_entry(hop: &NextHop) -> Hop {
    Hop { dst_mac: hop.neighbour_mac.0, src_mac: hop.source_mac.0, ifindex: hop.ifindex }
}

fn server_name(backend: &Backend, server: &lb_core::Server, port: u16) -> Option<ServerName> {
    let (ip, spec) = inet(&server.address())?;
    let address = SocketAddr::new(ip, server_port(spec, port)?);
    Some(ServerName {
        backend: backend.config.proxy.name.clone(),
        server: server.config.name.clone(),
        address,
    })
}

fn backend_of<'a>(snapshot: &'a Snapshot, frontend: &Frontend) -> Option<&'a Arc<Backend>> {
    snapshot.backend(frontend.config.default_backend?)
}

fn inet(address: &ServerAddress) -> Option<(IpAddr, PortSpec)> {
    match address {
        ServerAddress::Inet(ip, port) => Some((*ip, *port)),
        ServerAddress::Unix(_) => None,
    }
}

/// The port of a server for clients that connected to `port`. None: there is no such port.
fn server_port(spec: PortSpec, port: u16) -> Option<u16> {
    match spec {
        PortSpec::Fixed(fixed) => Some(fixed),
        PortSpec::Offset(offset) => {
            u16::try_from(i32::from(port).checked_add(offset)?).ok().filter(|&p| p > 0)
        }
    }
}

fn has_offset(backend: &Backend) -> bool {
    let spec = |server: &Arc<lb_core::Server>| inet(&server.address()).map(|(_, spec)| spec);
    backend.servers.iter().any(|server| matches!(spec(server), Some(PortSpec::Offset(_))))
}

/// Addresses that a bind line or a stats socket names: a wildcard of another one does not stand for them.
fn exact_binds(config: &Config) -> HashSet<SocketAddr> {
    let binds = config.frontends.iter().flat_map(|f| f.binds.iter().map(|b| &b.address));
    let sockets = config.global.stats_sockets.iter().map(|s| &s.address);
    binds
        .chain(sockets)
        .filter_map(|address| match address {
            BindAddress::Inet(address) if !address.ip().is_unspecified() => Some(*address),
            _ => None,
        })
        .collect()
}

/// The addresses that a bind stands for: itself, or all that the host has.
fn expand(bind: SocketAddr, both_families: bool, network: &Network) -> BTreeSet<SocketAddr> {
    let wanted = |ip: &IpAddr| match bind.ip() {
        IpAddr::V4(_) => ip.is_ipv4(),
        IpAddr::V6(_) => ip.is_ipv6() || both_families,
    };
    if !bind.ip().is_unspecified() {
        return BTreeSet::from([bind]);
    }
    let local = network.local_addresses().map(|(_, ip)| ip).filter(|ip| wanted(ip) && reaches_xdp(*ip));
    local.map(|ip| SocketAddr::new(ip, bind.port())).collect()
}

/// Packets to loopback addresses pass no interface with XDP, and link-local ones mean another host on each link.
fn reaches_xdp(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
