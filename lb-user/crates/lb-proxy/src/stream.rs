//! One request and its response, or one TCP connection: what it has come to, for the log and the counters.
//!
//! Everything that happens to a stream is noted here at the time it happens; when the stream is dropped, however that
//! comes about, it is accounted for.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use lb_conf::model::{CompressionAlgorithm, ConnectionMode, LogLevel};
use lb_core::counters::Phases;
use lb_core::event::EndedBy;
use lb_core::{Backend, Server, ServerId, ServerLease};
use lb_expr::ctx::{Buffer, Kept};
use lb_expr::vars::VarStore;
use tokio::time::Instant;

use crate::http::serve::Turn;
use crate::logs::access;
use crate::net::timer::now;
use crate::server_side::ServerSide;
use crate::session::{Front, Route, Session};
use crate::tcp::peek::Peeked;
use crate::track::{self, Counters, Memory};

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
    /// An operator, or a server that went down or came up.
    Ended(EndedBy),
}

/// What a stream was doing when it ended: the second character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waiting for a request.
    Request,
    /// Waiting for the body of a request, before anything is done with it.
    Body,
    /// Kept waiting for an answer that is a refusal.
    Tarpit,
    /// Waiting in a queue.
    Queue,
    /// Connecting to a server.
    Connect,
    /// Waiting for the response's head.
    Headers,
    /// Transferring.
    Data,
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

/// What persistence by cookie came to: the third and fourth characters of the termination code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookieMarks {
    /// The client's cookie.
    pub(crate) client: u8,
    /// What was done about the server's.
    pub(crate) server: u8,
    /// The dates in the client's, in seconds since 1970: when it was seen last, and first.
    pub(crate) dates: (Option<u64>, Option<u64>),
    /// Whether persistence is disregarded.
    pub(crate) ignored: bool,
}

/// How many streams were before one in the lines that it stood in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueuedBehind {
    /// In a server's.
    pub(crate) server: u32,
    /// In the backend's.
    pub(crate) backend: u32,
}

/// The variables of a stream.
#[derive(Debug, Default)]
pub(crate) struct StreamVars {
    /// `txn`
    pub(crate) txn: VarStore,
    /// `req`
    pub(crate) req: VarStore,
    /// `res`
    pub(crate) res: VarStore,
}

/// What rules set of a connection to a server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServerOptions {
    /// `set-bc-mark`
    pub(crate) mark: Option<u32>,
    /// `set-bc-tos`
    pub(crate) tos: Option<u8>,
}

/// What was read of a body, or of a connection, before it was passed on.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    /// The bytes.
    pub(crate) bytes: Bytes,
    /// Whether no more will come.
    pub(crate) complete: bool,
    /// The length that the sender announced.
    pub(crate) announced: Option<u64>,
    /// In TCP mode, the request that the bytes begin with.
    pub(crate) head: Peeked,
}

impl Ahead {
    /// The same for expressions.
    pub(crate) fn buffer(&self) -> Buffer<'_> {
        Buffer { bytes: Some(&self.bytes), complete: self.complete, announced: self.announced }
    }
}

/// A stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The client's connection.
    pub(crate) session: Rc<Session>,
    /// In HTTP mode, the connection's account of its exchanges.
    pub(crate) turn: Option<Turn>,
    /// Where the client's side of a switch of protocols comes from, where that is one stream of an HTTP/2 connection.
    pub(crate) client_switch: Option<OnUpgrade>,
    /// The configuration that it began under.
    pub(crate) front: Rc<Front>,
    /// The backend, once it is chosen.
    pub(crate) backend: Option<Arc<Backend>>,
    /// Its place on a server, once it has one.
    pub(crate) seat: Option<ServerLease>,
    /// The server that it was sent to, which stays when the place is given back.
    pub(crate) server: Option<Arc<Server>>,
    /// The connection to it, once there is one.
    pub(crate) upstream: Option<Rc<ServerSide>>,
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
    /// Bytes to the client, counted as HAProxy counts them: see [`head_bytes`].
    pub(crate) sent: u64,
    /// What of heads outlives them.
    pub(crate) kept: Kept,
    /// Its variables.
    pub(crate) vars: StreamVars,
    /// The server that persistence or a rule wants.
    pub(crate) wanted: Option<Arc<Server>>,
    /// Whether it goes there though that server is down: `option persist`, `force-persist`.
    pub(crate) insists: bool,
    /// What load balancing hashes, where it hashes a part of the request.
    pub(crate) balance_key: Option<Vec<u8>>,
    /// Who its client is, where a rule says otherwise than the connection.
    pub(crate) src: Option<Option<SocketAddr>>,
    /// Where the client wanted to go, where a rule says otherwise than the connection.
    pub(crate) dst: Option<Option<SocketAddr>>,
    /// What rules set of its connection to the server.
    pub(crate) server_options: ServerOptions,
    /// What `usesrc hdr_ip` found.
    pub(crate) header_ip: Option<IpAddr>,
    /// `set-retries`.
    pub(crate) max_retries: Option<u32>,
    /// Whether it may be sent again after it was sent whole: `disable-l7-retry`.
    pub(crate) retry_responses: bool,
    /// Whether a rewrite that fails is passed over: `strict-mode off`.
    pub(crate) lenient: bool,
    /// What is there of the request's body, or in TCP mode of what the client sent.
    pub(crate) ahead: Option<Ahead>,
    /// What is there of the response's body.
    pub(crate) answer_ahead: Option<Ahead>,
    /// What its response is to be compressed with, if that can be.
    pub(crate) compression: Option<CompressionAlgorithm>,
    /// Its stick counters.
    pub(crate) tracked: Counters,
    /// What its server is to be remembered with.
    pub(crate) memories: Vec<Memory>,
    /// What came of persistence by cookie.
    pub(crate) cookie: CookieMarks,
    /// How urgent its log line is. None: there is to be none.
    pub(crate) log_level: Option<LogLevel>,
    /// Whether its log line is written before its end: `option logasap`.
    pub(crate) logged_early: bool,
    /// What answered in a server's place.
    pub(crate) service: Option<&'static str>,
    /// How many were before it in the lines that it stood in.
    pub(crate) queued_behind: QueuedBehind,
    /// Its number in the process.
    pub(crate) number: u64,
    /// Whether nothing came over the connection at all.
    pub(crate) is_null: bool,
    /// Whether it is in HTTP mode.
    pub(crate) is_http: bool,
    /// When it ended.
    pub(crate) ended: Option<Instant>,
}

/// What HAProxy counts for a head, its `%B` and `%U`: the text without separators, and 21 bytes for the start line's
/// and the end's own room. What a `connection` field says of the connection alone is taken out before.
pub(crate) fn head_bytes(start_line: [usize; 3], headers: &HeaderMap) -> u64 {
    let counts = |(name, value): &(&HeaderName, &HeaderValue)| {
        let ends_here = |word: &str| value.as_bytes().eq_ignore_ascii_case(word.as_bytes());
        *name != CONNECTION || !(ends_here("close") || ends_here("keep-alive"))
    };
    let fields = headers.iter().filter(counts).map(|(name, value)| name.as_str().len() + value.len());
    let fields: usize = fields.sum();
    (21 + start_line.iter().sum::<usize>() + fields) as u64
}

/// The same for a head of our own, in which HAProxy counts what it says of the connection.
pub(crate) fn own_head_bytes(start_line: [usize; 3], headers: &HeaderMap) -> u64 {
    let fields: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    (21 + start_line.iter().sum::<usize>() + fields) as u64
}

impl Stream {
    /// A stream that begins.
    pub(crate) fn new(session: &Rc<Session>, ready: Instant, first_byte: Instant) -> Self {
        Self {
            session: Rc::clone(session),
            turn: None,
            client_switch: None,
            front: session.endpoint.front(),
            backend: None,
            seat: None,
            server: None,
            upstream: None,
            failed: None,
            times: Times { ready, first_byte, head: None, queued: None, connected: None, response: None },
            cause: Cause::Normal,
            stage: Stage::Request,
            status: None,
            retries: 0,
            redispatched: false,
            received: 0,
            sent: 0,
            kept: Kept::default(),
            vars: StreamVars::default(),
            wanted: None,
            insists: false,
            balance_key: None,
            src: None,
            dst: None,
            server_options: ServerOptions::default(),
            header_ip: None,
            max_retries: None,
            retry_responses: true,
            lenient: false,
            ahead: None,
            answer_ahead: None,
            compression: None,
            tracked: Counters::default(),
            memories: Vec::new(),
            cookie: CookieMarks { client: b'-', server: b'-', dates: (None, None), ignored: false },
            log_level: Some(LogLevel::Info),
            logged_early: false,
            service: None,
            queued_behind: QueuedBehind::default(),
            number: session.worker.shared.streams.fetch_add(1, Ordering::Relaxed),
            is_null: false,
            is_http: false,
            ended: None,
        }
    }

    /// How long the handshakes took that came before its first byte.
    pub(crate) fn handshake(&self) -> Duration {
        // Later requests of a connection had none.
        if self.session.requests.get() > 1 { Duration::ZERO } else { self.session.handshake.get() }
    }

    /// Who its client is.
    pub(crate) fn client(&self) -> Option<SocketAddr> {
        self.src.unwrap_or_else(|| self.session.client.get())
    }

    /// Where its client wanted to go.
    pub(crate) fn asked(&self) -> Option<SocketAddr> {
        self.dst.unwrap_or_else(|| self.session.local.get())
    }

    /// What happens to the connections after this request: the more closing of what both proxies say.
    pub(crate) fn mode(&self) -> ConnectionMode {
        let back = self.backend.as_ref().and_then(|b| b.config.proxy.connection);
        let modes = [self.front.frontend.config.proxy.connection, back];
        let any = |mode| modes.contains(&Some(mode));
        if any(ConnectionMode::Close) {
            ConnectionMode::Close
        } else if any(ConnectionMode::ServerClose) {
            ConnectionMode::ServerClose
        } else {
            ConnectionMode::KeepAlive
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
        if !self.memories.is_empty() {
            track::remember(&self.memories, seat.server(), self.session.worker.tick());
        }
        self.seat = Some(seat);
    }

    /// Writes its log line before its end.
    pub(crate) fn log_now(&mut self) {
        (self.ended, self.logged_early) = (Some(now()), true);
        access::write(self);
        self.log_level = None;
    }

    fn count(&self) {
        let proxies = [Some(self.front.frontend.traffic()), self.backend.as_ref().map(|b| b.traffic())];
        let server = self.server.as_ref().map(|s| &s.counters().traffic);
        let (tick, phases) = (self.session.worker.tick(), self.times.phases());
        for traffic in proxies.into_iter().chain([server]).flatten() {
            traffic.bytes_in.add(self.received);
            traffic.bytes_out.add(self.sent);
            if let Some(status) = self.status {
                traffic.responses.count(status.as_u16());
            }
            if self.times.head.is_some() {
                traffic.request_came(tick);
            }
            traffic.finished(phases);
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
        if let Some(by) = self.session.ended_by() {
            // What broke when the connections were closed is nobody else's doing.
            self.cause = Cause::Ended(by);
            if !self.is_http {
                self.stage = Stage::Done;
            }
        }
        self.ended = Some(now());
        // The places are free before the line is written: it counts the others.
        self.seat = None;
        if let Some(backend) = &self.backend {
            backend.traffic().session_ended();
        }
        self.count();
        track::settle(self, self.session.worker.tick());
        access::write(self);
    }
}
