//! Decisions as they are made.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use aya::maps::{Array, MapData, RingBuf};
use lb_common::address::{Wide, from_wide, to_wide};
use lb_common::counter::Reason;
use lb_common::forward::Verdict;
use lb_common::names;
use lb_common::trace::{Filter, Traced};
use lb_common::value::Direction;
use serde::Serialize;
use tokio::io::unix::AsyncFd;

use super::Inspector;
use super::flows::protocol;
use crate::bpf::pinned;
use crate::store::FlowTables as _;

/// How long reports go on after the last renewal: should their reader be killed, the packet path is rid of them soon.
const LEASE: Duration = Duration::from_secs(5);

/// Which decisions are wanted: those that everything here fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFilter {
    /// The frontend.
    pub frontend: Option<String>,
    /// An address of either end.
    pub address: Option<IpAddr>,
    /// A port of either end.
    pub port: Option<u16>,
    /// The reasons; none: all.
    pub reasons: Vec<Reason>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// The client, where it can be told.
    pub client: Option<SocketAddr>,
    /// Where it connects to.
    pub service_address: Option<SocketAddr>,
    /// `tcp`, `udp` or `other`.
    pub protocol: &'static str,
    /// TCP flags, by their letters.
    pub flags: String,
    /// `forward`, `pass` or `drop`.
    pub verdict: &'static str,
    /// The reason's name.
    pub reason: &'static str,
    /// Which way it travels: `to-server` or `to-client`.
    pub direction: &'static str,
    /// The frontend.
    pub frontend: Option<String>,
    /// Backend and server.
    pub server: Option<(String, String)>,
    /// The index of the interface that it came in by.
    pub ingress: u32,
    /// The index of the interface that it leaves by.
    pub egress: Option<u32>,
    /// Its length.
    pub length: u32,
}

/// Reads decisions; dropping it ends the reports.
pub struct Tracer {
    inspector: Inspector,
    filter: Filter,
    filters: Array<MapData, Filter>,
    ring: AsyncFd<RingBuf<MapData>>,
}

impl Inspector {
    /// Asks for reports. There is one filter and one reader: a second one takes them over. Within a tokio runtime.
    ///
    /// # Errors
    ///
    /// The frontend is not served by the kernel, or a map cannot be opened.
    pub fn trace(self, wanted: &TraceFilter) -> anyhow::Result<Tracer> {
        let service = match &wanted.frontend {
            None => 0,
            Some(frontend) => self.service_of(frontend)?,
        };
        let (family, address) = wanted.address.map(to_wide).unwrap_or_default();
        let reasons = wanted.reasons.iter().fold(0, |bits, &reason| bits | 1 << (reason as u64 & 63));
        let port = wanted.port.unwrap_or(0);
        let filter = Filter { service, port, address, reasons, family, ..Filter::default() };
        let mut ring: RingBuf<MapData> = pinned(&self.pins, names::TRACES)?;
        // What an earlier reader left behind is nobody's.
        while ring.next().is_some() {}
        // SAFETY: the descriptor is the ring's own: open for as long as the ring lives, which nobody takes out again.
        let ring = unsafe { AsyncFd::register(ring) }?;
        let filters = pinned(&self.pins, names::TRACE)?;
        let mut tracer = Tracer { inspector: self, filter, filters, ring };
        tracer.renew()?;
        Ok(tracer)
    }

    fn service_of(&self, frontend: &str) -> anyhow::Result<u16> {
        let services = self.contents.plan.services.values().map(|service| service.id);
        services
            .into_iter()
            .find(|&id| self.names().frontend(id) == frontend)
            .with_context(|| format!("frontend '{frontend}' is not served by the kernel"))
    }
}

impl Tracer {
    /// Lets the reports go on for some more seconds. To be called once a second.
    ///
    /// # Errors
    ///
    /// The map cannot be written.
    pub fn renew(&mut self) -> anyhow::Result<()> {
        let lease = u32::try_from(LEASE.as_secs()).unwrap_or(1).saturating_mul(self.inspector.hz);
        // 0 would mean never.
        let until = self.inspector.store.now()?.wrapping_add(lease).max(1);
        Ok(self.filters.set(0, Filter { until, ..self.filter }, 0)?)
    }

    /// Waits for decisions and gives those that are there. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// The ring buffer cannot be waited for.
    pub async fn next(&mut self) -> std::io::Result<Vec<Trace>> {
        loop {
            let mut traced = Vec::new();
            while let Some(item) = self.ring.get_mut().next() {
                traced.extend(Traced::from_bytes(&item));
            }
            if !traced.is_empty() {
                return Ok(traced.iter().map(|one| self.tell(one)).collect());
            }
            self.ring.readable_mut().await?.clear_ready();
        }
    }

    fn tell(&self, traced: &Traced) -> Trace {
        let at = |address: &Wide, port| Some(SocketAddr::new(from_wide(traced.family, address)?, port));
        let names = self.inspector.names();
        Trace {
            client: at(&traced.client, traced.client_port),
            service_address: at(&traced.service_address, traced.service_port),
            protocol: protocol(traced.protocol),
            flags: flags(traced.flags),
            verdict: match traced.verdict {
                v if v == Verdict::Pass as u8 => "pass",
                v if v == Verdict::Drop as u8 => "drop",
                _ => "forward",
            },
            reason: traced.reason().map_or("unknown", Reason::name),
            direction: match traced.direction {
                Direction::ToServer => "to-server",
                Direction::ToClient => "to-client",
            },
            frontend: (traced.service != 0).then(|| names.frontend(traced.service)),
            server: (traced.server != 0).then(|| names.backend_server(traced.server)),
            ingress: traced.ingress,
            egress: (traced.egress != 0).then_some(traced.egress),
            length: traced.length,
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Otherwise they end with their lease.
        let _ = self.filters.set(0, Filter::default(), 0);
    }
}

/// TCP flags by the letters that tcpdump has for them.
fn flags(bits: u8) -> String {
    let letters = [(0x02, 'S'), (0x10, '.'), (0x08, 'P'), (0x01, 'F'), (0x04, 'R'), (0x20, 'U')];
    letters.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, letter)| letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_letters() {
        assert_eq!([flags(0), flags(0x02), flags(0x12), flags(0x18)], ["", "S", "S.", ".P"]);
    }
}
