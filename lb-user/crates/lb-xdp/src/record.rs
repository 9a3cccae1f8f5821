//! Records of flows that have ended, for the log. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use lb_common::address::{Wide, from_wide};
use lb_common::event::{EventKind, FlowEvent};
use lb_common::tcp::TcpState;
use lb_common::value::{Jiffies, ServerId, ServiceId};
use lb_core::FlowEnd;

use crate::counters::payload_of;
use crate::flows::Ended;
use crate::plan::Planner;

/// Both ends were done.
const NORMAL: [u8; 2] = *b"--";
/// The server refused, or did not answer in time.
const REFUSED: [u8; 2] = *b"SC";
const NOT_ANSWERED: [u8; 2] = *b"sC";
/// Both ends were silent for longer than the client's timeout or the server's, whichever is shorter.
const SILENT: [u8; 2] = *b"cD";
/// One of the ends reset the connection. Which one is not reported; more often it is the client that breaks off.
const RESET: [u8; 2] = *b"CD";
/// The server's sessions were shut down.
const SHUT_DOWN: [u8; 2] = *b"KD";

/// Makes records.
#[derive(Clone, Copy)]
pub(crate) struct Recorder<'a> {
    /// Who has which number.
    pub(crate) planner: &'a Planner,
    /// Jiffies in a second.
    pub(crate) hz: u32,
}

impl Recorder<'_> {
    /// A flow that its ends closed.
    pub(crate) fn closed(&self, event: &FlowEvent) -> Option<FlowEnd> {
        if event.kind != EventKind::Closed {
            return None;
        }
        let at = |address: &Wide, port| Some(SocketAddr::new(from_wide(event.family, address)?, port));
        let ended = Ended {
            client: at(&event.client, event.client_port)?,
            service: at(&event.service_address, event.service_port)?,
            source: at(&event.source, event.source_port)?,
            server: at(&event.server_address, event.server_port)?,
            numbers: (event.service, event.server),
            to_server: event.to_server,
            to_client: event.to_client,
            age: event.now.wrapping_sub(event.opened),
            state: event.state,
            reported: true,
            tracked: 0,
        };
        let termination = match event.state {
            TcpState::Opening => REFUSED,
            TcpState::Answered | TcpState::Open => RESET,
            TcpState::ClientDone | TcpState::ServerDone | TcpState::Closed => NORMAL,
        };
        self.record(&ended, termination)
    }

    /// A flow that was silent for too long.
    pub(crate) fn expired(&self, ended: &Ended) -> Option<FlowEnd> {
        let termination = match ended.state {
            TcpState::Opening => NOT_ANSWERED,
            TcpState::Closed => NORMAL,
            TcpState::Answered | TcpState::Open | TcpState::ClientDone | TcpState::ServerDone => SILENT,
        };
        self.record(ended, termination)
    }

    /// A flow whose server's sessions were shut down.
    pub(crate) fn killed(&self, ended: &Ended) -> Option<FlowEnd> {
        self.record(ended, SHUT_DOWN)
    }

    fn record(&self, ended: &Ended, termination: [u8; 2]) -> Option<FlowEnd> {
        let (service, server): (ServiceId, ServerId) = ended.numbers;
        let server = self.planner.servers.key(server).filter(|_| ended.reported)?;
        Some(FlowEnd {
            frontend: self.planner.services.key(service)?.frontend.clone(),
            backend: server.backend.clone(),
            server: server.server.clone(),
            client: ended.client,
            service: ended.service,
            source: ended.source,
            server_address: ended.server,
            age: self.duration(ended.age),
            bytes_in: payload_of(ended.to_server),
            bytes_out: payload_of(ended.to_client),
            termination,
        })
    }

    fn duration(&self, jiffies: Jiffies) -> Duration {
        Duration::from_millis(u64::from(jiffies) * 1000 / u64::from(self.hz.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use lb_common::counter::Count;

    use super::*;
    use crate::plan::{ServerName, ServiceName};

    fn planner() -> Planner {
        let mut planner = Planner::new(&crate::fixture::ROOM, 100);
        let address = "10.0.1.1:81".parse().unwrap();
        planner.services.adopt(ServiceName { frontend: "front".into(), port: None }, 3);
        planner.servers.adopt(ServerName { backend: "back".into(), server: "a".into(), address }, 5);
        planner
    }

    fn event(state: TcpState) -> FlowEvent {
        let wide = |last| [10, 0, 0, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        FlowEvent {
            client: wide(9),
            service_address: wide(1),
            source: wide(2),
            server_address: wide(3),
            client_port: 4000,
            service_port: 80,
            source_port: 20_000,
            server_port: 81,
            to_server: Count { packets: 2, bytes: 2 * 54 + 7 },
            to_client: Count { packets: 1, bytes: 54 + 9 },
            opened: u32::MAX - 49,
            now: 200,
            service: 3,
            server: 5,
            kind: EventKind::Closed,
            family: lb_common::address::Family::V4,
            state,
            ..FlowEvent::BLANK
        }
    }

    #[test]
    fn a_closed_flow_is_told_with_its_ends_and_bytes() {
        let planner = planner();
        let recorder = Recorder { planner: &planner, hz: 250 };
        let record = recorder.closed(&event(TcpState::ClientDone)).unwrap();
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!((&*record.frontend, &*record.backend, &*record.server), ("front", "back", "a"));
        assert_eq!((record.client, record.service), (at("10.0.0.9:4000"), at("10.0.0.1:80")));
        assert_eq!((record.source, record.server_address), (at("10.0.0.2:20000"), at("10.0.0.3:81")));
        assert_eq!((record.bytes_in, record.bytes_out, record.age), (7, 9, Duration::from_secs(1)));
    }

    #[test]
    fn the_state_before_the_end_says_how_it_ended() {
        let planner = planner();
        let recorder = Recorder { planner: &planner, hz: 250 };
        let closed = |state| recorder.closed(&event(state)).unwrap().termination;
        assert_eq!(
            [TcpState::Opening, TcpState::Open, TcpState::ServerDone].map(closed),
            [*b"SC", *b"CD", *b"--"]
        );
    }

    #[test]
    fn openings_and_strangers_have_no_record() {
        let planner = planner();
        let recorder = Recorder { planner: &planner, hz: 250 };
        let closing = event(TcpState::Open);
        assert_eq!(recorder.closed(&FlowEvent { kind: EventKind::Opened, ..closing }), None);
        assert_eq!(recorder.closed(&FlowEvent { server: 6, ..closing }), None);
        assert_eq!(recorder.closed(&FlowEvent { service: 4, ..closing }), None);
    }
}
