//! What the kernel would do with a connection that is opened now, and why: the decision itself, run over a copy of the
//! maps.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use lb_common::address::{Address, Family, V4, V6, from_wide};
use lb_common::forward::{Verdict, decide};
use lb_common::key::{FlowKey, ServiceKey, TCP};
use lb_common::memory::MemoryTables;
use lb_common::packet::{Frame, Network};
use lb_common::rule::{Rule, SourceKey};
use lb_common::tables::FamilyTables;
use lb_common::tcp::flag::SYN;
use lb_common::value::{Flow, ServerId};
use serde::Serialize;

use super::Inspector;
use super::flows::FlowInfo;
use super::overview::algorithm_name;
use crate::bpf::BpfStore;
use crate::neigh::Mac;
use crate::plan::Plan;
use crate::store::{FlowTable, FlowTables as _, Ids, Store as _};

/// What the kernel would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The client.
    pub client: SocketAddr,
    /// Where it connects to.
    pub service_address: SocketAddr,
    /// `forward`, `pass` (the host's stack gets it: user space serves) or `drop`.
    pub verdict: &'static str,
    /// The reason's name.
    pub reason: &'static str,
    /// What becomes of the packet, and why.
    pub text: &'static str,
    /// The frontend, if there is a service at this address.
    pub frontend: Option<String>,
    /// How the service chooses a server.
    pub algorithm: Option<&'static str>,
    /// The connection that has these addresses already.
    pub open: Option<OpenFlow>,
    /// The server that the connection goes to, or would go to.
    pub target: Option<Target>,
}

/// A connection that is open.
pub type OpenFlow = FlowInfo;

/// A server and the way there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// The backend.
    pub backend: String,
    /// The server.
    pub server: String,
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// The address that it is sent to from.
    pub source: Option<IpAddr>,
    /// The index of the interface that the packet leaves by.
    pub interface: u32,
    /// The next hop's hardware address.
    pub next_hop: String,
}

impl Inspector {
    /// What would become of a connection from `client` to `service`.
    ///
    /// # Errors
    ///
    /// The addresses are of different families, or a map cannot be read.
    pub fn explain(&self, client: SocketAddr, service: SocketAddr) -> anyhow::Result<Explanation> {
        match (client.ip(), service.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let key = FlowKey::new((from.octets(), client.port()), (to.octets(), service.port()), TCP);
                self.explain_in::<V4>(key, client, service)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let key = FlowKey::new((from.octets(), client.port()), (to.octets(), service.port()), TCP);
                self.explain_in::<V6>(key, client, service)
            }
            _ => bail!("{client} and {service} are of different address families"),
        }
    }

    fn explain_in<A: Address + Network>(
        &self,
        key: FlowKey<A>,
        client: SocketAddr,
        service_address: SocketAddr,
    ) -> anyhow::Result<Explanation>
    where
        BpfStore: FlowTable<A>,
        MemoryTables: FamilyTables<A>,
    {
        let tables = self.copy()?;
        let mut open = None;
        if let Some(flow) = FlowTable::<A>::flow(&self.store, &key)? {
            open = self.flow_info(&key, &flow, tables.now.get())?;
            copy_flow(&tables, &self.store, &key, &flow)?;
        }
        let decision = decide(&mut Frame::new(&mut syn(&key), 0), &tables);
        let plan = &self.contents.plan;
        let at = ServiceKey { address: key.dst, port: key.dst_port, protocol: TCP, reserved: 0 };
        let service = FamilyTables::<A>::service(&tables, &at).copied();
        let flow = FamilyTables::<A>::flow(&tables, &key)
            .map(|entry| lb_common::tables::FlowHandle::load(&entry))
            .filter(|_| decision.verdict != Verdict::Pass);
        let target = flow.and_then(|flow| self.target(flow.server, plan.servers.get(&flow.server)?));
        Ok(Explanation {
            client,
            service_address,
            verdict: match decision.verdict {
                Verdict::Pass => "pass",
                Verdict::Transmit | Verdict::Redirect => "forward",
                Verdict::Drop => "drop",
            },
            reason: decision.reason.name(),
            text: decision.reason.text(),
            frontend: service.map(|service| self.names().frontend(service.id)),
            algorithm: service.map(|service| algorithm_name(service.algorithm)),
            open,
            target,
        })
    }

    fn target(&self, id: ServerId, server: &lb_common::value::Server) -> Option<Target> {
        let (backend, name) = self.names().backend_server(id);
        let address = from_wide(server.family, &server.address)?;
        Some(Target {
            backend,
            server: name,
            address: Some(SocketAddr::new(address, server.port)),
            source: from_wide(server.family, &server.source),
            interface: server.hop.ifindex,
            next_hop: Mac(server.hop.dst_mac).to_string(),
        })
    }

    /// The maps in memory, but for flows and what is counted of sources: rules see a client's first connection.
    fn copy(&self) -> anyhow::Result<MemoryTables> {
        let plan = &self.contents.plan;
        let mut tables = MemoryTables::default();
        for (at, service) in &plan.services {
            let (port, protocol) = (at.address.port(), at.protocol);
            match at.address.ip() {
                IpAddr::V4(ip) => {
                    let key = ServiceKey { address: ip.octets(), port, protocol, reserved: 0 };
                    tables.v4.services.insert(key, *service);
                }
                IpAddr::V6(ip) => {
                    let key = ServiceKey { address: ip.octets(), port, protocol, reserved: 0 };
                    tables.v6.services.insert(key, *service);
                }
            }
        }
        let last = plan.servers.keys().max().map_or(0, |&last| usize::from(last) + 1);
        tables.servers.resize(last, lb_common::value::Server::default());
        for (&id, server) in &plan.servers {
            if let Some(place) = tables.servers.get_mut(usize::from(id)) {
                *place = *server;
            }
        }
        tables.tables = plan.tables.iter().map(|(&id, slots)| (id, slots.clone())).collect();
        let services = plan.services.values().map(|service| service.id).collect();
        let tallies = self.store.tallies(&Ids {
            servers: plan.servers.keys().copied().collect(),
            services,
            rules: vec![],
        })?;
        copy_rules(&mut tables, plan);
        let loads = tallies.servers.iter().map(|(&id, tally)| (id, tally.load));
        tables.server_loads.borrow_mut().extend(loads);
        let loads = tallies.services.iter().map(|(&id, tally)| (id, tally.load));
        tables.service_loads.borrow_mut().extend(loads);
        tables.now.set(self.store.now().context("reading the clock")?);
        Ok(tables)
    }
}

fn copy_rules(tables: &mut MemoryTables, plan: &Plan) {
    for (place, rules) in &plan.rules {
        let start = *place as usize;
        tables.rules.resize(tables.rules.len().max(start + rules.len()), Rule::default());
        tables.rules.iter_mut().skip(start).zip(rules).for_each(|(to, rule)| *to = *rule);
    }
    tables.tracked = plan.tracked.iter().map(|(&id, &tracked)| (id, tracked)).collect();
    // One reset may be sent.
    tables.answers.set(1);
    for (&list, prefixes) in &plan.lists {
        for (ip, bits) in prefixes.iter() {
            match ip {
                IpAddr::V4(ip) => {
                    tables.v4.sources.insert(((*bits).into(), SourceKey { list, address: ip.octets() }));
                }
                IpAddr::V6(ip) => {
                    tables.v6.sources.insert(((*bits).into(), SourceKey { list, address: ip.octets() }));
                }
            }
        }
    }
}

/// Both entries of a flow.
fn copy_flow<A: Address + Network>(
    tables: &MemoryTables,
    store: &BpfStore,
    key: &FlowKey<A>,
    flow: &Flow<A>,
) -> anyhow::Result<()>
where
    BpfStore: FlowTable<A>,
    MemoryTables: FamilyTables<A>,
{
    let back = flow.peer(key.protocol);
    // An empty table takes them.
    let _ = FamilyTables::<A>::insert_flow(tables, key, flow);
    if let Some(entry) = FlowTable::<A>::flow(store, &back)? {
        let _ = FamilyTables::<A>::insert_flow(tables, &back, &entry);
    }
    Ok(())
}

/// The frame that opens a connection.
fn syn<A: Address>(key: &FlowKey<A>) -> Vec<u8> {
    let (src, dst) = (key.src.to_wide(), key.dst.to_wide());
    let mut frame = vec![0; 12];
    match A::FAMILY {
        Family::V6 => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, TCP, 64]);
            frame.extend(src);
            frame.extend(dst);
        }
        Family::V4 | Family::None => {
            frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, TCP, 0, 0]);
            frame.extend(src.iter().take(4).chain(dst.iter().take(4)));
        }
    }
    frame.extend(key.src_port.to_be_bytes());
    frame.extend(key.dst_port.to_be_bytes());
    frame.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x50, SYN, 0xff, 0xff, 0, 0, 0, 0]);
    frame
}

#[cfg(test)]
mod tests {
    use lb_common::counter::Reason;

    use super::*;

    #[test]
    fn the_frame_is_read_as_a_packet_to_the_service() {
        let tables = MemoryTables::default();
        let v4 = FlowKey::<V4>::new(([10, 0, 0, 9], 1000), ([10, 0, 0, 1], 80), TCP);
        let v6 = FlowKey::<V6>::new(([9; 16], 1000), ([1; 16], 80), TCP);
        for mut frame in [syn(&v4), syn(&v6)] {
            let decision = decide(&mut Frame::new(&mut frame, 0), &tables);
            assert_eq!(decision.reason, Reason::NoService);
        }
    }
}
