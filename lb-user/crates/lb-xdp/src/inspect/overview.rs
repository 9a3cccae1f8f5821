//! What there is: interfaces, services, servers, and why packets were treated as they were.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;

use lb_common::address::from_wide;
use lb_common::counter::{Reason, ServiceCounters};
use lb_common::rule::{Op, Rule};
use lb_common::value::{Algorithm, Server, ServerId, ServerState, Service, ServiceId};

use serde::Serialize;

use super::Inspector;
use crate::neigh::Mac;
use crate::rulebook;
use crate::store::{Ids, Store as _, Tallies};
use crate::sys;

/// The kernel plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// The folder of pins.
    pub pins: String,
    /// A daemon follows it up. Without one, everything stays as it is.
    pub daemon: bool,
    /// Where the program is.
    pub interfaces: Vec<InterfaceInfo>,
    /// What clients can connect to.
    pub services: Vec<ServiceInfo>,
    /// Where flows go.
    pub servers: Vec<ServerInfo>,
    /// Flows that each address family has room for.
    pub flow_room: u32,
    /// Rules that turn connections away.
    pub rules: Vec<RuleInfo>,
    /// Decisions about packets that belong to no service.
    pub elsewhere: Vec<ReasonCount>,
}

/// A `tcp-request connection` rule that turns connections away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleInfo {
    /// Its frontend.
    pub frontend: String,
    /// Its line in the configuration.
    pub line: u16,
    /// `reject` or `silent-drop`.
    pub action: &'static str,
    /// Connections that it turned away.
    pub connections: u64,
}

/// An interface with the program on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceInfo {
    /// Its name when the program was attached.
    pub name: String,
    /// Its index; None: it is gone.
    pub index: Option<u32>,
    /// The program's id.
    pub program: u32,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceInfo {
    /// Its number in the maps.
    pub number: ServiceId,
    /// The frontend.
    pub frontend: String,
    /// Where clients connect to.
    pub addresses: Vec<SocketAddr>,
    /// How a server is chosen.
    pub algorithm: &'static str,
    /// Open flows.
    pub active: u32,
    /// Flows ever opened.
    pub opened: u32,
    /// Flows that it may have; 0: no limit.
    pub maxconn: u32,
    /// Why its packets were treated as they were.
    pub reasons: Vec<ReasonCount>,
}

/// How often something was decided for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// The reason's name.
    pub reason: &'static str,
    /// What becomes of the packet, and why.
    pub text: &'static str,
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerInfo {
    /// Its number in the maps.
    pub number: ServerId,
    /// The backend.
    pub backend: String,
    /// Its name.
    pub server: String,
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// `up`, `drain`, `down`.
    pub state: &'static str,
    /// Its weight.
    pub weight: u16,
    /// Flows that it may have; 0: no limit.
    pub maxconn: u32,
    /// Open flows.
    pub active: u32,
    /// Flows ever opened.
    pub opened: u32,
    /// The index of the interface that it is reached by; None: its next hop is not known, and the host serves.
    pub interface: Option<u32>,
    /// The next hop's hardware address.
    pub next_hop: Option<String>,
    /// Packets and bytes towards it.
    pub to_server: (u64, u64),
    /// Packets and bytes from it.
    pub to_client: (u64, u64),
}

/// Those that happened.
fn reasons(counters: &ServiceCounters) -> Vec<ReasonCount> {
    let count = |&reason: &Reason| {
        let count = counters.get(reason);
        ReasonCount { reason: reason.name(), text: reason.text(), packets: count.packets, bytes: count.bytes }
    };
    Reason::ALL.iter().map(count).filter(|count| count.packets > 0).collect()
}

/// What an algorithm does, in the words of the configuration.
pub(super) fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Turn => "roundrobin",
        Algorithm::SourceModulo => "source",
        Algorithm::SourceHash => "source, consistent",
        Algorithm::Least => "leastconn",
        Algorithm::First => "first",
        Algorithm::Draw => "random",
    }
}

/// A server's state in a word.
pub(super) fn state(state: ServerState) -> &'static str {
    match state {
        ServerState::Up => "up",
        ServerState::Drain => "drain",
        ServerState::Down => "down",
    }
}

impl Inspector {
    /// All of it.
    ///
    /// # Errors
    ///
    /// A map or a link cannot be read.
    pub fn overview(&self) -> anyhow::Result<Overview> {
        let plan = &self.contents.plan;
        let mut services: Vec<_> = plan.services.values().map(|s| s.id).collect();
        services.push(0);
        let rules = rulebook::deciding(&plan.rules);
        let ids = Ids {
            servers: plan.servers.keys().copied().collect(),
            services,
            rules: rules.keys().copied().collect(),
        };
        let tallies = self.store.tallies(&ids)?;
        Ok(Overview {
            pins: self.pins.folder().display().to_string(),
            daemon: self.pins.is_owned(),
            interfaces: self.interfaces()?,
            services: self.services(&tallies),
            servers: plan.servers.iter().map(|(&id, server)| self.server(id, server, &tallies)).collect(),
            flow_room: self.store.room().flows / 2,
            rules: self.rules(&rules, &tallies),
            elsewhere: tallies.services.get(&0).map(|tally| reasons(&tally.counters)).unwrap_or_default(),
        })
    }

    fn rules(&self, rules: &BTreeMap<u32, Rule>, tallies: &Tallies) -> Vec<RuleInfo> {
        let plan = &self.contents.plan;
        let whose = |place: u32| {
            let own =
                |service: &&Service| (service.rules..service.rules + service.rule_count).contains(&place);
            let service = plan.services.values().find(own)?;
            Some(self.names().frontend(service.id))
        };
        let info = |(place, rule): (&u32, &Rule)| {
            let connections = tallies.rules.get(place).map_or(0, |count| count.packets);
            let action = if rule.op == Op::Reject { "reject" } else { "silent-drop" };
            Some(RuleInfo { frontend: whose(*place)?, line: rule.line, action, connections })
        };
        rules.iter().filter_map(info).collect()
    }

    fn interfaces(&self) -> anyhow::Result<Vec<InterfaceInfo>> {
        let mut interfaces = Vec::new();
        for name in self.pins.links()? {
            let link = sys::open_pinned(&self.pins.link(&name))?;
            if let Some(info) = sys::xdp_link_info(link.as_fd())? {
                let index = Some(info.ifindex).filter(|&index| index != 0);
                interfaces.push(InterfaceInfo { name, index, program: info.program });
            }
        }
        interfaces.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(interfaces)
    }

    fn services(&self, tallies: &Tallies) -> Vec<ServiceInfo> {
        let mut services = BTreeMap::new();
        for (at, service) in &self.contents.plan.services {
            let tally = tallies.services.get(&service.id).copied().unwrap_or_default();
            let entry = services.entry(service.id).or_insert_with(|| ServiceInfo {
                number: service.id,
                frontend: self.names().frontend(service.id),
                addresses: Vec::new(),
                algorithm: algorithm_name(service.algorithm),
                active: service.active(&tally.load),
                opened: tally.load.opened,
                maxconn: service.maxconn,
                reasons: reasons(&tally.counters),
            });
            entry.addresses.push(at.address);
        }
        services.into_values().collect()
    }

    fn server(&self, number: ServerId, server: &Server, tallies: &Tallies) -> ServerInfo {
        let tally = tallies.servers.get(&number).copied().unwrap_or_default();
        let (backend, name) = self.names().backend_server(number);
        let resolved = server.hop.ifindex != 0;
        let pair = |count: lb_common::counter::Count| (count.packets, count.bytes);
        ServerInfo {
            number,
            backend,
            server: name,
            address: from_wide(server.family, &server.address).map(|ip| SocketAddr::new(ip, server.port)),
            state: state(server.state),
            weight: server.weight.div_ceil(16),
            maxconn: server.maxconn,
            active: server.active(&tally.load),
            opened: tally.load.opened,
            interface: resolved.then_some(server.hop.ifindex),
            next_hop: resolved.then(|| Mac(server.hop.dst_mac).to_string()),
            to_server: pair(tally.counters.to_server),
            to_client: pair(tally.counters.to_client),
        }
    }

    /// Whether a daemon follows it up.
    pub fn has_daemon(&self) -> bool {
        self.pins.is_owned()
    }

    /// The interfaces that the program is on.
    ///
    /// # Errors
    ///
    /// The pins cannot be read.
    pub fn attached(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.pins.links()?)
    }
}
