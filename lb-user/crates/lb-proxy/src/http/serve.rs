//! A session in HTTP mode: what its requests share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use tokio::time::Instant;

use super::upload::{Progress, UploadState};
use super::wire::{Meter, Phase, Wire};
use super::{h1, h2};
use crate::handshake::admit;
use crate::net::timer::{after, now};
use crate::net::{Socket, Transport};
use crate::session::Session;
use crate::stream::Stream;

/// The version that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.0 and 1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A client's connection in HTTP mode.
#[derive(Debug)]
pub(crate) struct HttpSession {
    /// The connection as such.
    pub(crate) session: Rc<Session>,
    /// What its wire has seen.
    pub(super) meter: Rc<Meter>,
    protocol: Protocol,
    /// When the last response was through.
    ready: Cell<Instant>,
    /// Of the current request. With HTTP/2 there are many, and each keeps its own.
    progress: RefCell<Rc<Progress>>,
    /// Exchanges under way.
    exchanges: Cell<u32>,
    /// Those among them that wait for a server.
    waiting: Cell<u32>,
    tunnel: RefCell<Option<Tunnel>>,
    timed_out: Cell<bool>,
}

/// A connection to a server that is to be joined with the client's.
#[derive(Debug)]
pub(crate) struct Tunnel {
    /// The server.
    pub(crate) server: Transport,
    /// What it has sent already.
    pub(crate) early: Bytes,
    /// The stream that led to it.
    pub(crate) stream: Box<Stream>,
}

/// Serves a client's connection to its end.
pub(crate) async fn serve(session: Rc<Session>, socket: Socket) {
    let Some(transport) = admit(&session, socket).await else { return };
    go_on(session, transport, Bytes::new()).await;
}

/// Serves a connection from which `early` was read already.
pub(crate) async fn go_on(session: Rc<Session>, transport: Transport, early: Bytes) {
    let h2 = session.is_h2();
    let protocol = if h2 { Protocol::Http2 } else { Protocol::Http1 };
    speak(session, transport, early, protocol).await;
}

/// Serves a connection in one of the versions.
pub(super) async fn speak(session: Rc<Session>, transport: Transport, early: Bytes, protocol: Protocol) {
    let meter = Meter::new(protocol == Protocol::Http1);
    let http = HttpSession::new(session, Rc::clone(&meter), protocol);
    let wire = Wire::new(transport, meter).with_early(early);
    match protocol {
        // Boxed, as it may turn out to be the other one and come back here.
        Protocol::Http1 => Box::pin(h1::serve(http, wire)).await,
        Protocol::Http2 => h2::serve(http, wire).await,
    }
}

impl HttpSession {
    fn new(session: Rc<Session>, meter: Rc<Meter>, protocol: Protocol) -> Rc<Self> {
        let ready = Cell::new(session.accepted);
        Rc::new(Self {
            session,
            meter,
            protocol,
            ready,
            progress: RefCell::default(),
            exchanges: Cell::new(0),
            waiting: Cell::new(0),
            tunnel: RefCell::default(),
            timed_out: Cell::new(false),
        })
    }

    /// The version that the client speaks.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The version that responses are written in; hyper speaks HTTP/1.0 to those who do.
    pub(crate) fn version(&self) -> Version {
        match self.protocol {
            Protocol::Http1 => Version::HTTP_11,
            Protocol::Http2 => Version::HTTP_2,
        }
    }

    /// A request has arrived.
    pub(crate) fn begin(self: &Rc<Self>) -> Box<Stream> {
        let first_byte = match self.meter.phase() {
            (Phase::Head, since) => since,
            // It came along with the one before it.
            _ => now(),
        };
        self.meter.enter(Phase::Busy);
        self.exchanges.set(self.exchanges.get() + 1);
        self.session.requests.set(self.session.requests.get() + 1);
        let mut progress = self.progress.borrow_mut();
        // One that nobody holds any more serves again.
        match Rc::get_mut(&mut progress) {
            Some(progress) => *progress = Progress::default(),
            None => *progress = Rc::default(),
        }
        let mut stream = Stream::new(&self.session, self.ready.get(), first_byte);
        stream.turn = Some(Turn { http: Rc::clone(self), progress: Rc::clone(&progress) });
        stream.is_http = true;
        Box::new(stream)
    }

    /// A response is through, or there will be none.
    fn finished(&self) {
        self.exchanges.set(self.exchanges.get().saturating_sub(1));
        if self.exchanges.get() == 0 {
            self.ready.set(now());
            self.meter.enter(Phase::Idle);
        }
    }

    /// Whether this is the first request of its connection.
    pub(crate) fn is_first(&self) -> bool {
        self.session.requests.get() <= 1
    }

    /// Whether the connection ends with the current response.
    pub(crate) fn is_ending(&self) -> bool {
        self.session.is_ending()
    }

    /// Whether the daemon wants the connection to end now.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending() && self.meter.phase().0 == Phase::Idle
    }

    /// An exchange waits for a server, and the client for the daemon.
    pub(crate) fn wait_for_server(self: &Rc<Self>) -> Waiting {
        self.waiting.set(self.waiting.get() + 1);
        Waiting(Rc::clone(self))
    }

    /// The client was silent for too long.
    pub(super) fn time_out(&self) {
        self.timed_out.set(true);
    }

    /// Whether the client was silent for too long.
    pub(crate) fn has_timed_out(&self) -> bool {
        self.timed_out.get()
    }

    /// Once the response is out, the connections are joined.
    pub(crate) fn tunnel(&self, tunnel: Tunnel) {
        *self.tunnel.borrow_mut() = Some(tunnel);
    }

    /// What is to be joined with the client.
    pub(super) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.take()
    }

    /// Until when the client has to say or take something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let front = self.session.endpoint.front();
        let config = &front.frontend.config;
        let request = config.timeout_http_request.or(config.timeout_client);
        let (phase, since) = self.meter.phase();
        match phase {
            Phase::Head | Phase::Idle if self.session.requests.get() == 0 => {
                after(self.session.accepted, request)
            }
            Phase::Head => after(since, request),
            Phase::Idle => after(since, config.timeout_http_keep_alive.or(request)),
            Phase::Busy => self.busy_deadline(config.timeout_client),
        }
    }

    /// In the middle of an exchange it is the client's turn if it has more to send, or to take what was sent.
    fn busy_deadline(&self, limit: Option<Duration>) -> Option<Instant> {
        let uploads = self.progress.borrow().state.get() == UploadState::Waiting;
        let clients_turn = match self.protocol {
            Protocol::Http1 => uploads || self.meter.is_behind(),
            // Its windows are not visible from here.
            Protocol::Http2 => self.waiting.get() == 0,
        };
        if clients_turn { after(self.meter.active(), limit) } else { None }
    }
}

/// An exchange under way; it is over when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    http: Rc<HttpSession>,
    progress: Rc<Progress>,
}

impl Turn {
    /// Sends something ahead of the response. With HTTP/2 it is left unsaid: nothing carries it there. To a client that
    /// has not taken the last response yet it would come in the middle of that one.
    pub(crate) fn say_ahead(&self, bytes: &[u8]) {
        if self.http.protocol == Protocol::Http1 && !self.http.meter.is_behind() {
            self.http.meter.say_ahead(bytes);
        }
    }

    /// The body of its request.
    pub(crate) fn progress(&self) -> &Rc<Progress> {
        &self.progress
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // What is left of the request is of no use to anybody, and its sender is to know.
        self.progress.discard();
        self.http.finished();
    }
}

/// An exchange that waits for a server.
#[derive(Debug)]
pub(crate) struct Waiting(Rc<HttpSession>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}
