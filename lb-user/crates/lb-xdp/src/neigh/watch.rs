//! The netlink socket: reads the host's network, follows its changes, looks up routes, has neighbours resolved.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

use futures_util::FutureExt;
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{Handle, MulticastGroup, RouteMessageBuilder};

use super::network::{Effect, IfIndex, Network, Route, Unresolved};
use super::translate;

/// What is subscribed to.
const GROUPS: [MulticastGroup; 8] = [
    MulticastGroup::Link,
    MulticastGroup::Neigh,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Ipv6Rule,
];

/// Something that the kernel has told without being asked.
#[derive(Debug)]
pub struct Notice(NetlinkPayload<RouteNetlinkMessage>);

type Notices = Pin<Box<dyn Stream<Item = Notice> + Send>>;

/// The netlink side of the kernel plane: a [`Network`], kept current.
pub struct Watch {
    handle: Handle,
    notices: Notices,
    connection: tokio::task::JoinHandle<()>,
    network: Network,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Watch {
    /// Subscribes and reads everything, in the network namespace of the calling thread. Within a tokio runtime.
    pub async fn new() -> io::Result<Self> {
        // The subscription is older than the dumps, so no change falls between them.
        let (connection, handle, messages) = rtnetlink::new_multicast_connection(&GROUPS)?;
        let connection = tokio::spawn(connection);
        let notices = Box::pin(messages.map(|(message, _)| Notice(message.payload)));
        let mut watch = Self { handle, notices, connection, network: Network::default() };
        watch.read_all().await?;
        Ok(watch)
    }

    /// What is known now.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Sets which server addresses are watched, and looks them up if they are others than before.
    pub async fn set_watched(&mut self, servers: &BTreeSet<IpAddr>) {
        if !self.network.watched().eq(servers.iter().copied()) {
            self.network.watch(servers);
            self.look_up_routes().await;
            self.confirm_neighbours().await;
        }
    }

    /// Waits for a change. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> io::Result<Notice> {
        let closed = || io::Error::new(io::ErrorKind::BrokenPipe, "the netlink socket is closed");
        self.notices.next().await.ok_or_else(closed)
    }

    /// Takes note of a change and of all others that have come by now. True if next hops, interfaces or local addresses
    /// are different afterwards.
    pub async fn absorb(&mut self, first: Notice) -> io::Result<bool> {
        let mut effect = self.note(first).await?;
        while let Some(Some(notice)) = self.notices.next().now_or_never() {
            let more = self.note(notice).await?;
            effect = Effect { routes: effect.routes | more.routes, changed: effect.changed | more.changed };
        }
        let rerouted = effect.routes && self.look_up_routes().await;
        if rerouted {
            self.confirm_neighbours().await;
        }
        Ok(effect.changed || rerouted)
    }

    async fn note(&mut self, notice: Notice) -> io::Result<Effect> {
        match notice.0 {
            NetlinkPayload::InnerMessage(message) => {
                Ok(translate::event(message).map(|e| self.network.apply(e)).unwrap_or_default())
            }
            // The kernel had more to tell than the socket could hold.
            NetlinkPayload::Overrun(_) => {
                self.read_all().await?;
                Ok(Effect { routes: true, changed: true })
            }
            _ => Ok(Effect::default()),
        }
    }

    async fn read_all(&mut self) -> io::Result<()> {
        // One after the other: a netlink socket has one dump under way at a time.
        let links = self.handle.link().get().execute().map_ok(RouteNetlinkMessage::NewLink);
        let mut messages = collect(links).await?;
        let addresses = self.handle.address().get().execute().map_ok(RouteNetlinkMessage::NewAddress);
        messages.extend(collect(addresses).await?);
        let neighbours = self.handle.neighbours().get().execute().map_ok(RouteNetlinkMessage::NewNeighbour);
        messages.extend(collect(neighbours).await?);
        self.network.clear_events();
        for event in messages.into_iter().filter_map(translate::event) {
            self.network.apply(event);
        }
        Ok(())
    }

    /// Looks up the routes of all watched addresses; true if one is different.
    async fn look_up_routes(&mut self) -> bool {
        let watched: Vec<_> = self.network.watched().collect();
        let mut changed = false;
        for server in watched {
            let route = look_up(&self.handle, server).await;
            changed |= self.network.set_route(server, route);
        }
        changed
    }

    /// Makes the kernel ask for the neighbours that it does not know or is not sure of. To be called once a second or so.
    pub async fn confirm_neighbours(&mut self) {
        for (ifindex, address) in self.network.to_confirm() {
            if let Err(e) = use_neighbour(&mut self.handle, ifindex, address).await {
                log::debug!("neighbour {address} on interface {ifindex}: {e}");
            }
        }
    }
}

/// The host's network as it is now, in the network namespace of the calling thread.
///
/// # Errors
///
/// Netlink is denied.
pub fn read() -> io::Result<Network> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Ok(Watch::new().await?.network.clone()) })
}

async fn collect(
    messages: impl Stream<Item = Result<RouteNetlinkMessage, rtnetlink::Error>>,
) -> io::Result<Vec<RouteNetlinkMessage>> {
    messages.try_collect().await.map_err(io::Error::other)
}

async fn look_up(handle: &Handle, server: IpAddr) -> Result<Route, Unresolved> {
    let request = match server {
        IpAddr::V4(v4) => RouteMessageBuilder::<std::net::Ipv4Addr>::new().destination_prefix(v4, 32).build(),
        IpAddr::V6(v6) => {
            RouteMessageBuilder::<std::net::Ipv6Addr>::new().destination_prefix(v6, 128).build()
        }
    };
    let mut answers = std::pin::pin!(handle.route().get(request).execute());
    match answers.next().await {
        Some(Ok(message)) => translate::route(&message),
        Some(Err(_)) | None => Err(Unresolved::NoRoute),
    }
}

/// What a packet that the host's stack sends to a neighbour does to the neighbour's entry: one that is missing or
/// failed is asked for, a stale one is confirmed.
async fn use_neighbour(
    handle: &mut Handle,
    ifindex: IfIndex,
    address: IpAddr,
) -> Result<(), rtnetlink::Error> {
    let mut message = NeighbourMessage::default();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.ifindex = ifindex;
    message.header.state = NeighbourState::None;
    message.header.flags = NeighbourFlags::Use;
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::from(address)));
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewNeighbour(message));
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    let mut answers = handle.request(request)?;
    while let Some(answer) = answers.next().await {
        if let NetlinkPayload::Error(error) = answer.payload
            && error.code.is_some()
        {
            return Err(rtnetlink::Error::NetlinkError(error));
        }
    }
    Ok(())
}
