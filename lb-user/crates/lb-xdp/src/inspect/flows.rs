//! The connections that the kernel forwards.

use std::net::{IpAddr, SocketAddr};

use lb_common::address::{Address, V4, V6, from_wide};
use lb_common::key::{FlowKey, TCP, UDP};
use lb_common::packet::Network;
use lb_common::tcp::TcpState;
use lb_common::value::{Direction, Flow, Jiffies};
use serde::Serialize;

use super::Inspector;
use crate::bpf::BpfStore;
use crate::store::{FlowTable, FlowTables as _};

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlowInfo {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The client.
    pub client: SocketAddr,
    /// Where it connected to.
    pub service: SocketAddr,
    /// Where the server is sent to from.
    pub source: SocketAddr,
    /// Where the server listens.
    pub server_address: SocketAddr,
    /// The frontend.
    pub frontend: String,
    /// The backend.
    pub backend: String,
    /// The server.
    pub server: String,
    /// How far the connection has come.
    pub state: &'static str,
    /// Since it was opened, in seconds.
    pub age: f64,
    /// Since the last packet of either end, in seconds.
    pub idle: f64,
    /// Packets and bytes towards the server, headers included.
    pub to_server: (u64, u64),
    /// Packets and bytes towards the client.
    pub to_client: (u64, u64),
}

/// Which connections are wanted: those that everything here fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowFilter {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The frontend.
    pub frontend: Option<String>,
    /// The backend.
    pub backend: Option<String>,
    /// The server.
    pub server: Option<String>,
    /// How far the connection has come; see [`FlowInfo::state`].
    pub state: Option<String>,
}

impl FlowFilter {
    fn wants(&self, flow: &FlowInfo) -> bool {
        let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
        self.client.is_none_or(|client| client == flow.client.ip())
            && is(&self.frontend, &flow.frontend)
            && is(&self.backend, &flow.backend)
            && is(&self.server, &flow.server)
            && is(&self.state, flow.state)
    }
}

/// A connection's state in a word.
pub(super) fn state(state: TcpState) -> &'static str {
    match state {
        TcpState::Opening => "opening",
        TcpState::Answered => "answered",
        TcpState::Open => "open",
        TcpState::ClientDone => "client-done",
        TcpState::ServerDone => "server-done",
        TcpState::Closed => "closed",
    }
}

/// A protocol's name.
pub(super) fn protocol(number: u8) -> &'static str {
    match number {
        TCP => "tcp",
        UDP => "udp",
        _ => "other",
    }
}

impl Inspector {
    /// Hands over each connection that the filter wants. False from `each` ends it.
    ///
    /// # Errors
    ///
    /// The tables cannot be read.
    pub fn flows(
        &mut self,
        filter: &FlowFilter,
        mut each: impl FnMut(FlowInfo) -> bool,
    ) -> anyhow::Result<()> {
        let now = self.store.now()?;
        if self.flows_of::<V4>(filter, now, &mut each)? {
            self.flows_of::<V6>(filter, now, &mut each)?;
        }
        Ok(())
    }

    fn flows_of<A: Address + Network>(
        &mut self,
        filter: &FlowFilter,
        now: Jiffies,
        each: &mut impl FnMut(FlowInfo) -> bool,
    ) -> anyhow::Result<bool>
    where
        BpfStore: FlowTable<A>,
    {
        FlowTable::<A>::rewind(&mut self.store);
        while let Some(entries) = FlowTable::<A>::next_flows(&mut self.store)? {
            for (key, flow) in entries.iter().filter(|(_, flow)| flow.direction == Direction::ToServer) {
                let info = self.flow_info(key, flow, now)?.filter(|info| filter.wants(info));
                if info.is_some_and(|info| !each(info)) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// From the entry towards the server. None: its addresses are none.
    pub(super) fn flow_info<A: Address + Network>(
        &self,
        key: &FlowKey<A>,
        flow: &Flow<A>,
        now: Jiffies,
    ) -> anyhow::Result<Option<FlowInfo>>
    where
        BpfStore: FlowTable<A>,
    {
        let back = FlowTable::<A>::flow(&self.store, &flow.peer(key.protocol))?;
        let at = |address: A, port| Some(SocketAddr::new(from_wide(A::FAMILY, &address.to_wide())?, port));
        let addresses = (
            at(key.src, key.src_port),
            at(key.dst, key.dst_port),
            at(flow.src, flow.src_port),
            at(flow.dst, flow.dst_port),
        );
        let (Some(client), Some(service), Some(source), Some(server_address)) = addresses else {
            return Ok(None);
        };
        let (backend, server) = self.names().backend_server(flow.server);
        let silent = |last: Jiffies| now.wrapping_sub(last).min(now.wrapping_sub(flow.opened));
        let idle = back.map_or(silent(flow.last), |back| silent(back.last).min(silent(flow.last)));
        Ok(Some(FlowInfo {
            protocol: protocol(key.protocol),
            client,
            service,
            source,
            server_address,
            frontend: self.names().frontend(flow.service),
            backend,
            server,
            state: state(flow.state),
            age: self.seconds(now.wrapping_sub(flow.opened)),
            idle: self.seconds(idle),
            to_server: (flow.packets.into(), flow.bytes),
            to_client: back.map(|back| (back.packets.into(), back.bytes)).unwrap_or_default(),
        }))
    }

    fn seconds(&self, jiffies: Jiffies) -> f64 {
        f64::from(jiffies) / f64::from(self.hz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> FlowInfo {
        let at = |text: &str| text.parse().unwrap();
        FlowInfo {
            protocol: "tcp",
            client: at("10.0.0.9:1000"),
            service: at("10.0.0.1:80"),
            source: at("10.0.1.1:2000"),
            server_address: at("10.0.1.2:80"),
            frontend: "front".into(),
            backend: "back".into(),
            server: "s1".into(),
            state: state(TcpState::Open),
            age: 2.5,
            idle: 0.0,
            to_server: (1, 60),
            to_client: (0, 0),
        }
    }

    #[test]
    fn a_filter_wants_what_everything_in_it_fits() {
        let text = |text: &str| Some(text.to_owned());
        let rows = [
            (FlowFilter::default(), true),
            (FlowFilter { client: "10.0.0.9".parse().ok(), ..FlowFilter::default() }, true),
            (FlowFilter { client: "10.0.0.8".parse().ok(), ..FlowFilter::default() }, false),
            (FlowFilter { frontend: text("front"), server: text("s1"), ..FlowFilter::default() }, true),
            (FlowFilter { frontend: text("front"), server: text("s2"), ..FlowFilter::default() }, false),
            (FlowFilter { backend: text("front"), ..FlowFilter::default() }, false),
            (FlowFilter { state: text("open"), ..FlowFilter::default() }, true),
            (FlowFilter { state: text("closed"), ..FlowFilter::default() }, false),
        ];
        for (filter, wanted) in rows {
            assert_eq!(filter.wants(&flow()), wanted, "{filter:?}");
        }
    }
}
