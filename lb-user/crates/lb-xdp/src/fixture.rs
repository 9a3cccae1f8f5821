//! Configurations, networks and frames for tests.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use lb_common::address::V4;
use lb_common::forward::{Decision, decide};
use lb_common::key::{FlowKey, TCP};
use lb_common::packet::Frame;
use lb_common::value::Flow;
use lb_conf::model::{
    self, BackendId, Bind, BindAddress, Config, FrontendId, Global, Mode, PortSpec, Proxy, ProxyId,
    ServerAddress, XdpInterface, XdpMode,
};

use crate::memory::MemoryStore;
use crate::neigh::{Event, Link, Mac, Neighbour, Network, Route};
use crate::store::{FlowTable, Room};

/// Room for a few numbers.
pub(crate) const ROOM: Room = Room { last_service: 7, last_server: 15, flows: 1000, rules: 100 };

/// The host's addresses in [`network`].
pub(crate) const LOCAL: [&str; 6] = ["127.0.0.1", "10.0.0.1", "10.0.0.5", "fd00::1", "fe80::1", "::1"];

/// A server at an address; without a port, its port is the client's plus 1000.
pub(crate) fn server(name: &str, address: &str) -> Arc<model::Server> {
    let (ip, port) = match address.parse::<SocketAddr>() {
        Ok(at) => (at.ip(), PortSpec::Fixed(at.port())),
        Err(_) => (address.parse().unwrap(), PortSpec::Offset(1000)),
    };
    Arc::new(model::Server::new(name, ServerAddress::Inet(ip, port)))
}

/// A TCP-mode frontend `front` over a backend `back`.
pub(crate) fn config(binds: &[&str], servers: &[(&str, &str)]) -> Config {
    let proxy = |name: &str, id| Proxy::new(ProxyId(id), name, Mode::Tcp);
    let mut frontend = model::Frontend::new(proxy("front", 0), FrontendId(0));
    frontend.default_backend = Some(BackendId(0));
    frontend.binds = binds.iter().map(|b| Bind::new(BindAddress::Inet(b.parse().unwrap()))).collect();
    let mut backend = model::Backend::new(proxy("back", 1), BackendId(0));
    backend.servers = servers.iter().map(|(name, address)| server(name, address)).collect();
    let interface = XdpInterface { name: "eth0".into(), mode: XdpMode::Auto };
    Config {
        global: Global { xdp_interfaces: vec![interface], ..Global::default() },
        frontends: vec![Arc::new(frontend)],
        backends: vec![Arc::new(backend)],
        ..Config::default()
    }
}

/// A network in which these server addresses resolve, over interface 2.
pub(crate) fn network(servers: &[&str]) -> Network {
    let mut network = Network::default();
    let ips: std::collections::BTreeSet<IpAddr> = servers.iter().map(|s| s.parse().unwrap()).collect();
    network.watch(&ips);
    let link =
        Link { name: "eth0".into(), mac: Some(Mac([2; 6])), up: true, mtu: 1500, xdp: None, vlan: None };
    network.apply(Event::Link(2, link));
    for local in LOCAL {
        network.apply(Event::Address(2, local.parse().unwrap()));
    }
    for ip in ips {
        let source = if ip.is_ipv4() { "10.0.0.1" } else { "fd00::1" }.parse().unwrap();
        network.set_route(ip, Ok(Route { ifindex: 2, source, gateway: None }));
        let neighbour = Neighbour { mac: Mac([7; 6]), confirmed: true };
        network.apply(Event::Neighbour(2, ip, Some(neighbour)));
    }
    network
}

/// The flow of a client's port, as [`send`] opens it.
pub(crate) fn flow_from(store: &MemoryStore, port: u16) -> Option<Flow<V4>> {
    let (src, dst) = ([10, 0, 0, 9], [10, 0, 0, 1]);
    let key = FlowKey::new((src, port), (dst, 80), TCP);
    FlowTable::<V4>::flow(store, &key).unwrap()
}

/// Sends a TCP segment from 10.0.0.9 to 10.0.0.1:80 through the maps.
pub(crate) fn send(store: &MemoryStore, port: u16, flags: u8) -> Decision {
    let mut bytes = vec![1; 12];
    bytes.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 9, 10, 0, 0, 1]);
    bytes.extend(port.to_be_bytes());
    bytes.extend([0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    decide(&mut Frame::new(&mut bytes, 2), &store.tables)
}
