//! One request and its response, or one TCP connection: what it has come to, for the log and the counters.
//!
//! Everything that happens to a stream is noted here at the time it happens; when the stream is dropped, however that
//! comes about, it is accounted for.

use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;
use lb_core::counters::Phases;
use lb_core::{Backend, Server, ServerId, ServerLease};
use tokio::time::Instant;

use crate::http::serve::Turn;
use crate::net::timer::now;
use crate::session::{Front, Route, Session};

/// Who or what ended a stream: the first character of the termination code (configuration.txt, section 8.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It came to its end.
    #[default]
    Normal,
    /// The client broke it off.
    Client,
    /// The server broke it off or refused it.
    Server,
    /// The daemon: a rule, or a message that is against the protocol.
    Proxy,
    /// The daemon answered itself.
    Local,
    /// The client was silent for too long.
    ClientTimeout,
    /// The server was.
    ServerTimeout,
    /// An operator.
    Killed,
}

/// What a stream was doing when it ended: the second character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waiting for a request.
    Request,
    /// Waiting in a queue.
    Queue,
    /// Connecting to a server.
    Connect,
    /// Waiting for the response's head.
    Headers,
    /// Transferring.
    Data,
    /// Sending the last of the response.
    Last,
    /// Nothing more: it came to its end.
    #[default]
    Done,
}

/// When a stream got where. None: it never did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// When the connection was accepted, or the last response was through: idle time counts from here.
    pub(crate) ready: Instant,
    /// The first byte of the request.
    pub(crate) first_byte: Instant,
    /// The end of the request's head.
    pub(crate) head: Option<Instant>,
    /// The server was chosen and had room.
    pub(crate) queued: Option<Instant>,
    /// The connection to it was established.
    pub(crate) connected: Option<Instant>,
    /// The end of the response's head.
    pub(crate) response: Option<Instant>,
}

impl Times {
    /// How long the phases took, for the statistics.
    fn phases(&self) -> Phases {
        let span = |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?));
        let asked = self.head.or(Some(self.first_byte));
        Phases {
            queue: span(asked, self.queued),
            connect: span(self.queued, self.connected),
            response: span(self.connected, self.response),
            total: now().saturating_duration_since(self.first_byte),
        }
    }
}

/// A stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The client's connection.
    pub(crate) session: Rc<Session>,
    /// In HTTP mode, the connection's account of its exchanges.
    pub(crate) turn: Option<Turn>,
    /// The configuration that it began under.
    pub(crate) front: Rc<Front>,
    /// The backend, once it is chosen.
    pub(crate) backend: Option<Arc<Backend>>,
    /// Its place on a server, once it has one.
    pub(crate) seat: Option<ServerLease>,
    /// The server that it was sent to, which stays when the place is given back.
    pub(crate) server: Option<Arc<Server>>,
    /// A server that did not accept its connection and is not to be chosen again while there is another.
    pub(crate) failed: Option<ServerId>,
    /// When what happened.
    pub(crate) times: Times,
    /// Who ended it.
    pub(crate) cause: Cause,
    /// What it is doing.
    pub(crate) stage: Stage,
    /// The status that the client gets.
    pub(crate) status: Option<StatusCode>,
    /// Connection attempts beyond the first.
    pub(crate) retries: u32,
    /// Whether it went to another server than the first one.
    pub(crate) redispatched: bool,
    /// Bytes from the client.
    pub(crate) received: u64,
    /// Bytes to the client.
    pub(crate) sent: u64,
}

impl Stream {
    /// A stream that begins.
    pub(crate) fn new(session: &Rc<Session>, ready: Instant, first_byte: Instant) -> Self {
        Self {
            session: Rc::clone(session),
            turn: None,
            front: session.endpoint.front(),
            backend: None,
            seat: None,
            server: None,
            failed: None,
            times: Times { ready, first_byte, head: None, queued: None, connected: None, response: None },
            cause: Cause::Normal,
            stage: Stage::Request,
            status: None,
            retries: 0,
            redispatched: false,
            received: 0,
            sent: 0,
        }
    }

    /// It ends here, for this reason, unless it has ended before.
    pub(crate) fn end(&mut self, cause: Cause, stage: Stage) {
        if self.cause == Cause::Normal {
            (self.cause, self.stage) = (cause, stage);
        }
    }

    /// It goes to this backend.
    pub(crate) fn enter_backend(&mut self, backend: &Arc<Backend>) {
        backend.traffic().session_began(self.session.worker.tick());
        self.backend = Some(Arc::clone(backend));
        *self.session.route.borrow_mut() = Route { backend: Some(Arc::clone(backend)), server: None };
    }

    /// It goes to the server of this place.
    pub(crate) fn enter_server(&mut self, seat: ServerLease) {
        self.server = Some(Arc::clone(seat.server()));
        self.session.route.borrow_mut().server = self.server.clone();
        self.seat = Some(seat);
    }

    fn count(&self) {
        let proxies = [Some(self.front.frontend.traffic()), self.backend.as_ref().map(|b| b.traffic())];
        let server = self.server.as_ref().map(|s| &s.counters().traffic);
        let (now, phases) = (self.session.worker.tick(), self.times.phases());
        for traffic in proxies.into_iter().chain([server]).flatten() {
            traffic.bytes_in.add(self.received);
            traffic.bytes_out.add(self.sent);
            traffic.finished(phases);
            if let Some(status) = self.status {
                traffic.request_came(now);
                traffic.responses.count(status.as_u16());
            }
        }
        self.count_aborts(server);
    }

    fn count_aborts(&self, server: Option<&lb_core::counters::Traffic>) {
        let backend = self.backend.as_ref().map(|b| b.traffic());
        for traffic in [backend, server].into_iter().flatten() {
            match self.cause {
                Cause::Client | Cause::ClientTimeout if self.stage != Stage::Request => {
                    traffic.client_aborts.inc();
                }
                Cause::Server | Cause::ServerTimeout if self.stage == Stage::Data => {
                    traffic.server_aborts.inc()
                }
                _ => {}
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.session.is_killed() {
            let stage = self.stage;
            self.end(Cause::Killed, stage);
        }
        if let Some(backend) = &self.backend {
            backend.traffic().session_ended();
        }
        self.count();
    }
}
