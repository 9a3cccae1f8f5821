//! What is known of the host's network, and what follows from it for one server address. Pure: events go in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A link-layer address of Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An interface's index in its network namespace.
pub type IfIndex = u32;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its address. None: it is no Ethernet, so frames cannot be built for it.
    pub mac: Option<Mac>,
    /// Administratively up and with a carrier.
    pub up: bool,
    /// The longest IP packet, in bytes.
    pub mtu: u32,
    /// The XDP program on it, and how that is attached.
    pub xdp: Option<LinkXdp>,
    /// It is a VLAN of another interface.
    pub vlan: Option<Vlan>,
}

/// A VLAN of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vlan {
    /// The interface that tagged frames pass.
    pub lower: IfIndex,
    /// The tag, as in [`lb_common::value::Server::vlan`].
    pub tag: u16,
}

/// An XDP program on an interface, as netlink reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkXdp {
    /// In the driver; else in the stack.
    pub native: bool,
    /// The program's id.
    pub program: u32,
}

/// Where the kernel's routes send packets for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The interface that they leave by.
    pub ifindex: IfIndex,
    /// The host's address that the kernel prefers towards it.
    pub source: IpAddr,
    /// The gateway. None: the address is on the link.
    pub gateway: Option<IpAddr>,
}

/// Everything that a frame for a server needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// The interface that it leaves by.
    pub ifindex: IfIndex,
    /// That interface's address.
    pub source_mac: Mac,
    /// The neighbour's address: the server's or the gateway's.
    pub neighbour_mac: Mac,
    /// The host's address that the kernel prefers towards the server.
    pub source: IpAddr,
    /// The longest IP packet that the interface takes, in bytes.
    pub mtu: u32,
    /// The server is on the link itself, and not behind a gateway.
    pub on_link: bool,
    /// The tag that the frame leaves with, as in [`lb_common::value::Server::vlan`]; 0: none.
    pub vlan: u16,
}

/// Why the kernel plane cannot reach a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Unresolved {
    /// Not asked yet.
    #[error("its route has not been looked up yet")]
    Pending,
    /// The routing table has nothing for it.
    #[error("no route to it")]
    NoRoute,
    /// It is an address of this host.
    #[error("it is on this host, where packets do not pass an interface with XDP")]
    OnThisHost,
    /// Broadcast, multicast, blackhole and the like.
    #[error("its route is no unicast route")]
    NotUnicast,
    /// The interface is unknown or has no Ethernet address.
    #[error("it is reached over {0}, which is no Ethernet")]
    NoEthernet(String),
    /// The interface is down.
    #[error("{0} is down")]
    LinkDown(String),
    /// Its answers would come in by an interface where the program is not.
    #[error("it is reached over {0}, where the XDP program is not attached")]
    NotAttached(String),
    /// Its MAC address is not known, and is what `xdp-forward dsr` reaches it by.
    #[error("it is behind a gateway, and 'xdp-forward dsr' reaches servers on the same link only")]
    NotOnLink,
    /// The neighbour has not answered.
    #[error("{neighbour} has not been resolved on {link}")]
    NoNeighbour {
        /// The server's or the gateway's address.
        neighbour: IpAddr,
        /// The interface's name.
        link: String,
    },
}

/// A change of the host's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An interface is there, or is different.
    Link(IfIndex, Link),
    /// An interface is gone.
    LinkGone(IfIndex),
    /// The host has an address.
    Address(IfIndex, IpAddr),
    /// The host has an address no more.
    AddressGone(IfIndex, IpAddr),
    /// A neighbour's state. None: it is not known to be reachable.
    Neighbour(IfIndex, IpAddr, Option<Neighbour>),
    /// Routes or rules are different.
    Routes,
}

/// A neighbour that frames can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its address.
    pub mac: Mac,
    /// The kernel is sure of it: it need not be asked again now.
    pub confirmed: bool,
}

/// What an event asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Routes must be looked up again.
    pub routes: bool,
    /// What [`Network::hop`] or [`Network::local_addresses`] gives may be different.
    pub changed: bool,
}

/// The host's network.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Network {
    links: BTreeMap<IfIndex, Link>,
    addresses: BTreeSet<(IfIndex, IpAddr)>,
    neighbours: HashMap<(IfIndex, IpAddr), Neighbour>,
    routes: BTreeMap<IpAddr, Result<Route, Unresolved>>,
}

impl Network {
    /// Takes note of a change.
    pub fn apply(&mut self, event: Event) -> Effect {
        match event {
            Event::Routes => Effect { routes: true, changed: false },
            Event::Link(index, link) => self.link_changed(index, link),
            Event::LinkGone(index) => self.link_gone(index),
            Event::Address(index, address) => both(self.addresses.insert((index, address))),
            Event::AddressGone(index, address) => both(self.addresses.remove(&(index, address))),
            Event::Neighbour(index, address, neighbour) => self.neighbour_changed(index, address, neighbour),
        }
    }

    fn link_changed(&mut self, index: IfIndex, link: Link) -> Effect {
        let old = self.links.insert(index, link);
        both(old.as_ref() != self.links.get(&index))
    }

    fn link_gone(&mut self, index: IfIndex) -> Effect {
        self.addresses.retain(|&(i, _)| i != index);
        self.neighbours.retain(|&(i, _), _| i != index);
        both(self.links.remove(&index).is_some())
    }

    fn neighbour_changed(&mut self, index: IfIndex, address: IpAddr, new: Option<Neighbour>) -> Effect {
        let key = (index, address);
        let old = match new {
            Some(neighbour) => self.neighbours.insert(key, neighbour),
            None => self.neighbours.remove(&key),
        };
        Effect { routes: false, changed: old.map(|n| n.mac) != new.map(|n| n.mac) }
    }

    /// Forgets what events have told, not what is watched: before everything is read anew.
    pub fn clear_events(&mut self) {
        self.links.clear();
        self.addresses.clear();
        self.neighbours.clear();
    }

    /// Sets which server addresses are watched.
    pub fn watch(&mut self, servers: &BTreeSet<IpAddr>) {
        self.routes.retain(|address, _| servers.contains(address));
        for &address in servers {
            self.routes.entry(address).or_insert(Err(Unresolved::Pending));
        }
    }

    /// The watched addresses.
    pub fn watched(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.routes.keys().copied()
    }

    /// Sets what the lookup of a watched address gave; true if that is new.
    pub fn set_route(&mut self, server: IpAddr, route: Result<Route, Unresolved>) -> bool {
        match self.routes.get_mut(&server) {
            Some(old) if *old != route => {
                *old = route;
                true
            }
            _ => false,
        }
    }

    /// How to send a frame to a watched server.
    pub fn hop(&self, server: IpAddr) -> Result<NextHop, Unresolved> {
        let route = self.routes.get(&server).cloned().unwrap_or(Err(Unresolved::Pending))?;
        let neighbour = route.gateway.unwrap_or(server);
        let link = self
            .links
            .get(&route.ifindex)
            .ok_or_else(|| Unresolved::NoEthernet(format!("interface {}", route.ifindex)))?;
        let source_mac = link.mac.ok_or_else(|| Unresolved::NoEthernet(link.name.clone()))?;
        if !link.up {
            return Err(Unresolved::LinkDown(link.name.clone()));
        }
        let neighbour_mac = self
            .neighbours
            .get(&(route.ifindex, neighbour))
            .ok_or_else(|| Unresolved::NoNeighbour { neighbour, link: link.name.clone() })?
            .mac;
        Ok(NextHop {
            ifindex: route.ifindex,
            source_mac,
            neighbour_mac,
            source: route.source,
            mtu: link.mtu,
            on_link: route.gateway.is_none(),
            vlan: 0,
        })
    }

    /// The same by the interface under a VLAN, with a tag. None: it does not leave by a VLAN.
    pub fn hop_below(&self, hop: &NextHop) -> Option<NextHop> {
        let Vlan { lower, tag } = self.links.get(&hop.ifindex)?.vlan?;
        // One tag is what the packet path writes.
        (hop.vlan == 0).then_some(NextHop { ifindex: lower, vlan: tag, ..*hop })
    }

    /// The neighbours towards watched servers that the kernel should be made to ask again: those that it does not know
    /// or is not sure of. XDP's packets do not count as use of a neighbour's entry, so nobody else would ask.
    pub fn to_confirm(&self) -> BTreeSet<(IfIndex, IpAddr)> {
        self.routes
            .iter()
            .filter_map(|(&server, route)| {
                route.as_ref().ok().map(|r| (r.ifindex, r.gateway.unwrap_or(server)))
            })
            .filter(|key| self.links.get(&key.0).is_some_and(|l| l.up && l.mac.is_some()))
            .filter(|key| !self.neighbours.get(key).is_some_and(|n| n.confirmed))
            .collect()
    }

    /// The host's addresses, each with its interface.
    pub fn local_addresses(&self) -> impl Iterator<Item = (IfIndex, IpAddr)> + '_ {
        self.addresses.iter().copied()
    }

    /// The same without neighbours that no watched server is reached by: of those there may be many thousands.
    #[must_use]
    pub fn relevant(&self) -> Self {
        let routes = self.routes.iter().filter_map(|(&server, route)| {
            route.as_ref().ok().map(|route| (route.ifindex, route.gateway.unwrap_or(server)))
        });
        let neighbours = routes.filter_map(|key| Some((key, *self.neighbours.get(&key)?))).collect();
        let (links, addresses, routes) = (self.links.clone(), self.addresses.clone(), self.routes.clone());
        Self { links, addresses, neighbours, routes }
    }

    /// The interface of this name.
    pub fn link_named(&self, name: &str) -> Option<(IfIndex, &Link)> {
        self.links.iter().find(|(_, l)| l.name == name).map(|(&i, l)| (i, l))
    }

    /// The interface with this index.
    pub fn link(&self, index: IfIndex) -> Option<&Link> {
        self.links.get(&index)
    }
}

fn both(changed: bool) -> Effect {
    Effect { routes: changed, changed }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "10.0.1.2";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn link(up: bool) -> Link {
        Link { name: "eth1".into(), mac: Some(Mac([2, 0, 0, 0, 0, 1])), up, mtu: 1500, xdp: None, vlan: None }
    }

    fn neighbour(last: u8, confirmed: bool) -> Neighbour {
        Neighbour { mac: Mac([2, 0, 0, 0, 0, last]), confirmed }
    }

    fn network() -> Network {
        let mut network = Network::default();
        network.watch(&BTreeSet::from([ip(SERVER)]));
        network.apply(Event::Link(3, link(true)));
        network.set_route(ip(SERVER), Ok(Route { ifindex: 3, source: ip("10.0.1.1"), gateway: None }));
        network.apply(Event::Neighbour(3, ip(SERVER), Some(neighbour(2, true))));
        network
    }

    #[test]
    fn a_neighbour_on_the_link_is_the_next_hop() {
        let hop = network().hop(ip(SERVER)).unwrap();
        assert_eq!(hop.neighbour_mac, Mac([2, 0, 0, 0, 0, 2]));
        assert_eq!(hop.source_mac, Mac([2, 0, 0, 0, 0, 1]));
        assert_eq!((hop.ifindex, hop.source), (3, ip("10.0.1.1")));
    }

    #[test]
    fn a_gateway_is_resolved_instead_of_the_server() {
        let mut network = network();
        let gateway = Some(ip("10.0.1.254"));
        network.set_route(ip(SERVER), Ok(Route { ifindex: 3, source: ip("10.0.1.1"), gateway }));
        let missing = Unresolved::NoNeighbour { neighbour: ip("10.0.1.254"), link: "eth1".into() };
        assert_eq!(network.hop(ip(SERVER)), Err(missing));
        assert_eq!(network.to_confirm(), BTreeSet::from([(3, ip("10.0.1.254"))]));
        network.apply(Event::Neighbour(3, ip("10.0.1.254"), Some(neighbour(9, true))));
        assert_eq!(network.hop(ip(SERVER)).unwrap().neighbour_mac, Mac([2, 0, 0, 0, 0, 9]));
    }

    #[test]
    fn each_obstacle_has_its_reason() {
        let mut network = network();
        network.apply(Event::Link(3, link(false)));
        assert_eq!(network.hop(ip(SERVER)), Err(Unresolved::LinkDown("eth1".into())));
        network.apply(Event::Link(3, Link { mac: None, ..link(true) }));
        assert_eq!(network.hop(ip(SERVER)), Err(Unresolved::NoEthernet("eth1".into())));
        network.apply(Event::LinkGone(3));
        assert_eq!(network.hop(ip(SERVER)), Err(Unresolved::NoEthernet("interface 3".into())));
        network.set_route(ip(SERVER), Err(Unresolved::OnThisHost));
        assert_eq!(network.hop(ip(SERVER)), Err(Unresolved::OnThisHost));
        assert_eq!(network.hop(ip("10.9.9.9")), Err(Unresolved::Pending));
    }

    #[test]
    fn a_link_that_goes_takes_its_neighbours_and_addresses_along() {
        let mut network = network();
        network.apply(Event::Address(3, ip("10.0.1.1")));
        network.apply(Event::LinkGone(3));
        network.apply(Event::Link(3, link(true)));
        assert!(matches!(network.hop(ip(SERVER)), Err(Unresolved::NoNeighbour { .. })));
        assert_eq!(network.local_addresses().count(), 0);
    }

    #[test]
    fn only_what_matters_counts_as_a_change() {
        let mut network = network();
        let none = Effect::default();
        assert_eq!(network.apply(Event::Link(3, link(true))), none);
        assert_eq!(network.apply(Event::Neighbour(3, ip(SERVER), Some(neighbour(2, false)))), none);
        let moved = network.apply(Event::Neighbour(3, ip(SERVER), Some(neighbour(7, true))));
        assert_eq!(moved, Effect { routes: false, changed: true });
        assert_eq!(network.apply(Event::Routes), Effect { routes: true, changed: false });
        let address = network.apply(Event::Address(3, ip("10.0.1.1")));
        assert_eq!(address, Effect { routes: true, changed: true });
    }

    #[test]
    fn an_unsure_neighbour_is_used_and_asked_again() {
        let mut network = network();
        assert!(network.to_confirm().is_empty());
        network.apply(Event::Neighbour(3, ip(SERVER), Some(neighbour(2, false))));
        assert!(network.hop(ip(SERVER)).is_ok());
        assert_eq!(network.to_confirm(), BTreeSet::from([(3, ip(SERVER))]));
        network.apply(Event::Link(3, link(false)));
        assert!(network.to_confirm().is_empty());
    }

    #[test]
    fn what_is_watched_no_more_is_forgotten() {
        let mut network = network();
        network.watch(&BTreeSet::from([ip("10.0.1.3")]));
        assert_eq!(network.hop(ip(SERVER)), Err(Unresolved::Pending));
        assert_eq!(network.watched().collect::<Vec<_>>(), [ip("10.0.1.3")]);
        assert!(!network.set_route(ip(SERVER), Err(Unresolved::NoRoute)));
    }

    #[test]
    fn a_vlan_is_reached_by_the_interface_below_with_a_tag() {
        let mut network = network();
        let hop = network.hop(ip(SERVER)).unwrap();
        assert_eq!(network.hop_below(&hop), None);
        network.apply(Event::Link(3, Link { vlan: Some(Vlan { lower: 2, tag: 7 }), ..link(true) }));
        let below = network.hop_below(&hop).unwrap();
        assert_eq!(below, NextHop { ifindex: 2, vlan: 7, ..hop });
        assert_eq!(network.hop_below(&below), None, "one tag and no more");
    }
}
