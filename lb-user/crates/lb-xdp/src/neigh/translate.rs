//! From netlink's messages to events. Pure.

use std::net::IpAddr;

use lb_common::value::SERVICE_TAG;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{
    InfoData, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
    LinkXdp as XdpAttribute, VlanProtocol, XdpAttached,
};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType, RouteVia};

use super::network::{Event, IfIndex, Link, LinkXdp, Mac, Neighbour, Route, Unresolved, Vlan};

/// The event that a message tells of, if it is one that matters.
pub(super) fn event(message: RouteNetlinkMessage) -> Option<Event> {
    use RouteNetlinkMessage as M;
    match message {
        M::NewLink(m) => link(&m),
        M::DelLink(m) => Some(Event::LinkGone(m.header.index)),
        M::NewAddress(m) => address(&m).map(|a| Event::Address(m.header.index, a)),
        M::DelAddress(m) => address(&m).map(|a| Event::AddressGone(m.header.index, a)),
        M::NewNeighbour(m) => neighbour(&m),
        M::DelNeighbour(m) => neighbour_address(&m).map(|a| Event::Neighbour(m.header.ifindex, a, None)),
        M::NewRoute(_) | M::DelRoute(_) | M::NewRule(_) | M::DelRule(_) => Some(Event::Routes),
        _ => None,
    }
}

/// An interface; none for the messages that bridges send of their ports, which tell nothing of the interface.
fn link(message: &LinkMessage) -> Option<Event> {
    let name = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    let mtu = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    })?;
    let up = message.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp);
    let (mac, xdp, vlan) = (link_mac(message), link_xdp(message), link_vlan(message));
    let link = Link { name, mac, up, mtu, xdp, vlan };
    Some(Event::Link(message.header.index, link))
}

fn link_mac(message: &LinkMessage) -> Option<Mac> {
    if message.header.link_layer_type != LinkLayerType::Ether {
        return None;
    }
    message.attributes.iter().find_map(|a| match a {
        LinkAttribute::Address(bytes) => mac(bytes),
        _ => None,
    })
}

fn link_vlan(message: &LinkMessage) -> Option<Vlan> {
    let lower = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::Link(index) => Some(*index),
        _ => None,
    })?;
    let infos = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    })?;
    let settings = infos.iter().find_map(|info| match info {
        LinkInfo::Data(InfoData::Vlan(settings)) => Some(settings),
        _ => None,
    })?;
    let number = settings.iter().find_map(|setting| match setting {
        InfoVlan::Id(number) => Some(*number),
        _ => None,
    })?;
    let service = settings.contains(&InfoVlan::Protocol(VlanProtocol::Ieee8021Ad));
    Some(Vlan { lower, tag: number | if service { SERVICE_TAG } else { 0 } })
}

fn link_xdp(message: &LinkMessage) -> Option<LinkXdp> {
    let xdp = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::Xdp(xdp) => Some(xdp),
        _ => None,
    })?;
    let program = xdp.iter().find_map(|a| match a {
        XdpAttribute::ProgId(id) => Some(*id),
        _ => None,
    })?;
    Some(LinkXdp { native: !xdp.contains(&XdpAttribute::Attached(XdpAttached::SocketBuffer)), program })
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.try_into().ok().map(Mac)
}

/// The host's own address: on a point-to-point link `Address` is the peer's and `Local` ours.
fn address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|a| match a {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

fn neighbour(message: &NeighbourMessage) -> Option<Event> {
    let address = neighbour_address(message)?;
    Some(Event::Neighbour(message.header.ifindex, address, neighbour_state(message)))
}

/// The states in which the kernel itself sends to the address that it has.
fn neighbour_state(message: &NeighbourMessage) -> Option<Neighbour> {
    use NeighbourState as S;
    let confirmed = match message.header.state {
        S::Reachable | S::Permanent | S::Noarp => true,
        S::Stale | S::Delay | S::Probe => false,
        _ => return None,
    };
    let mac = message.attributes.iter().find_map(|a| match a {
        NeighbourAttribute::LinkLayerAddress(bytes) => mac(bytes),
        _ => None,
    })?;
    Some(Neighbour { mac, confirmed })
}

fn neighbour_address(message: &NeighbourMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|a| match a {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => Some(IpAddr::V4(*v4)),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => Some(IpAddr::V6(*v6)),
        _ => None,
    })
}

/// The answer to a route lookup.
pub(super) fn route(message: &RouteMessage) -> Result<Route, Unresolved> {
    match message.header.kind {
        RouteType::Unicast => {}
        RouteType::Local => return Err(Unresolved::OnThisHost),
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit | RouteType::Throw => {
            return Err(Unresolved::NoRoute);
        }
        _ => return Err(Unresolved::NotUnicast),
    }
    let found = message.attributes.iter().fold(RouteParts::default(), RouteParts::add);
    match (found.ifindex, found.source) {
        (Some(ifindex), Some(source)) => Ok(Route { ifindex, source, gateway: found.gateway }),
        _ => Err(Unresolved::NoRoute),
    }
}

#[derive(Default)]
struct RouteParts {
    ifindex: Option<IfIndex>,
    source: Option<IpAddr>,
    gateway: Option<IpAddr>,
}

impl RouteParts {
    fn add(mut self, attribute: &RouteAttribute) -> Self {
        match attribute {
            RouteAttribute::Oif(index) => self.ifindex = Some(*index),
            RouteAttribute::PrefSource(a) => self.source = route_address(a),
            RouteAttribute::Gateway(a) => self.gateway = route_address(a),
            RouteAttribute::Via(RouteVia::Inet(v4)) => self.gateway = Some(IpAddr::V4(*v4)),
            RouteAttribute::Via(RouteVia::Inet6(v6)) => self.gateway = Some(IpAddr::V6(*v6)),
            _ => {}
        }
        self
    }
}

fn route_address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route_message(kind: RouteType, attributes: Vec<RouteAttribute>) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.kind = kind;
        message.attributes = attributes;
        message
    }

    fn oif_and_source() -> Vec<RouteAttribute> {
        let source: IpAddr = "10.0.0.1".parse().unwrap();
        vec![RouteAttribute::Oif(4), RouteAttribute::PrefSource(source.into())]
    }

    #[test]
    fn routes_of_each_kind() {
        let rows = [
            (RouteType::Local, Err(Unresolved::OnThisHost)),
            (RouteType::BlackHole, Err(Unresolved::NoRoute)),
            (RouteType::Unreachable, Err(Unresolved::NoRoute)),
            (RouteType::Broadcast, Err(Unresolved::NotUnicast)),
            (RouteType::Multicast, Err(Unresolved::NotUnicast)),
            (
                RouteType::Unicast,
                Ok(Route { ifindex: 4, source: "10.0.0.1".parse().unwrap(), gateway: None }),
            ),
        ];
        for (kind, expected) in rows {
            assert_eq!(route(&route_message(kind, oif_and_source())), expected, "{kind:?}");
        }
    }

    #[test]
    fn an_ipv6_gateway_of_an_ipv4_route_counts() {
        let mut attributes = oif_and_source();
        attributes.push(RouteAttribute::Via(RouteVia::Inet6("fe80::1".parse().unwrap())));
        let route = route(&route_message(RouteType::Unicast, attributes)).unwrap();
        assert_eq!(route.gateway, Some("fe80::1".parse().unwrap()));
    }

    #[test]
    fn a_neighbour_is_usable_in_the_states_in_which_the_kernel_uses_it() {
        use NeighbourState as S;
        let rows = [
            (S::Reachable, Some(true)),
            (S::Permanent, Some(true)),
            (S::Noarp, Some(true)),
            (S::Stale, Some(false)),
            (S::Delay, Some(false)),
            (S::Probe, Some(false)),
            (S::Failed, None),
            (S::Incomplete, None),
            (S::None, None),
        ];
        for (state, confirmed) in rows {
            let mut message = NeighbourMessage::default();
            message.header.state = state;
            message.attributes.push(NeighbourAttribute::LinkLayerAddress(vec![2, 0, 0, 0, 0, 5]));
            assert_eq!(neighbour_state(&message).map(|n| n.confirmed), confirmed, "{state:?}");
        }
    }

    #[test]
    fn a_link_that_is_no_ethernet_has_no_address() {
        let mut message = LinkMessage::default();
        message.header.link_layer_type = LinkLayerType::Loopback;
        message.attributes = vec![
            LinkAttribute::IfName("lo".into()),
            LinkAttribute::Mtu(65536),
            LinkAttribute::Address(vec![0; 6]),
        ];
        let Some(Event::Link(_, link)) = link(&message) else { panic!("no event") };
        assert_eq!((link.mac, link.up, link.xdp), (None, false, None));
    }

    #[test]
    fn the_mode_of_a_program_is_read() {
        let mut message = LinkMessage::default();
        let attached = |how| vec![XdpAttribute::Attached(how), XdpAttribute::ProgId(77)];
        message.attributes = vec![LinkAttribute::Xdp(attached(XdpAttached::Driver))];
        assert_eq!(link_xdp(&message), Some(LinkXdp { native: true, program: 77 }));
        message.attributes = vec![LinkAttribute::Xdp(attached(XdpAttached::SocketBuffer))];
        assert_eq!(link_xdp(&message), Some(LinkXdp { native: false, program: 77 }));
        message.attributes = vec![LinkAttribute::Xdp(vec![XdpAttribute::Attached(XdpAttached::None)])];
        assert_eq!(link_xdp(&message), None);
    }
}
