//! A session in HTTP mode over HTTP/1.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::{HttpService, service_fn};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::answer;
use super::body::{Download, Progress, UploadState};
use super::exchange::exchange;
use super::wire::{Meter, Phase, Wire};
use crate::net::timer::{LazyTimer, after, now};
use crate::net::{Socket, Transport};
use crate::session::Session;
use crate::stream::{Cause, Stage, Stream};
use crate::tcp::relay::Relay;
use crate::tcp::serve::{finish, timeouts};

/// The longest head of a request: HAProxy's buffer less what it keeps for rewriting.
const HEAD_BYTES: usize = 15 * 1024;

/// The most header fields of a request: HAProxy's `tune.http.maxhdr`.
const HEAD_FIELDS: usize = 101;

/// The most that is buffered of a request's body.
const BUFFER_BYTES: usize = 256 * 1024;

/// A client's connection in HTTP mode.
#[derive(Debug)]
pub(crate) struct HttpSession {
    /// The connection as such.
    pub(crate) session: Rc<Session>,
    meter: Rc<Meter>,
    /// When the last response was through.
    ready: Cell<Instant>,
    progress: RefCell<Rc<Progress>>,
    tunnel: RefCell<Option<Tunnel>>,
    timed_out: Cell<bool>,
    hang_up: Cell<bool>,
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

impl HttpSession {
    fn new(session: Rc<Session>, meter: Rc<Meter>) -> Rc<Self> {
        let ready = Cell::new(session.accepted);
        Rc::new(Self {
            session,
            meter,
            ready,
            progress: RefCell::default(),
            tunnel: RefCell::default(),
            timed_out: Cell::new(false),
            hang_up: Cell::new(false),
        })
    }

    /// A request has arrived.
    pub(crate) fn begin(&self) -> Box<Stream> {
        let first_byte = match self.meter.phase() {
            (Phase::Head, since) => since,
            // It came along with the one before it.
            _ => now(),
        };
        self.meter.enter(Phase::Busy);
        self.session.requests.set(self.session.requests.get() + 1);
        // Only a request with a body has a hand on its progress still, and such a connection does not go on.
        match Rc::get_mut(&mut self.progress.borrow_mut()) {
            Some(progress) => *progress = Progress::default(),
            None => self.progress.replace(Rc::default()).state.set(UploadState::Failed),
        }
        Box::new(Stream::new(&self.session, self.ready.get(), first_byte))
    }

    /// The response is through.
    pub(crate) fn finished(&self) {
        self.ready.set(now());
        self.meter.enter(Phase::Idle);
    }

    /// How far the current request's body has come.
    pub(crate) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress.borrow())
    }

    /// Whether this is the first request of its connection.
    pub(crate) fn is_first(&self) -> bool {
        self.session.requests.get() <= 1
    }

    /// Whether the connection ends with the current response.
    pub(crate) fn is_ending(&self) -> bool {
        self.session.is_ending()
    }

    /// Ends the connection without an answer.
    pub(crate) fn hang_up(&self) {
        self.hang_up.set(true);
    }

    /// Whether the client was silent for too long.
    pub(crate) fn has_timed_out(&self) -> bool {
        self.timed_out.get()
    }

    /// Once the response is out, the connections are joined.
    pub(crate) fn tunnel(&self, tunnel: Tunnel) {
        *self.tunnel.borrow_mut() = Some(tunnel);
    }

    /// Until when the client has to say or take something.
    fn deadline(&self) -> Option<Instant> {
        let front = self.session.endpoint.front();
        let config = &front.frontend.config;
        let (phase, since) = self.meter.phase();
        let first = self.session.requests.get() == 0;
        match phase {
            Phase::Head | Phase::Idle if first => {
                let limit = config.timeout_http_request.or(config.timeout_client);
                after(self.session.accepted, limit)
            }
            Phase::Head => after(since, config.timeout_http_request.or(config.timeout_client)),
            Phase::Idle => {
                let request = config.timeout_http_request.or(config.timeout_client);
                after(since, config.timeout_http_keep_alive.or(request))
            }
            Phase::Busy if self.awaits_client() => after(self.meter.active(), config.timeout_client),
            Phase::Busy => None,
        }
    }

    /// Whether it is the client's turn in the middle of an exchange: to send more, or to take what was sent.
    fn awaits_client(&self) -> bool {
        self.meter.is_behind() || self.progress.borrow().state.get() == UploadState::Waiting
    }
}

/// How a connection came to its end.
enum End {
    /// In order, or by the client's doing after a response.
    Closed,
    /// hyper gave up: the head is none.
    Error(hyper::Error),
    /// The client was silent for too long.
    TimedOut,
    /// The daemon wants it to end.
    HungUp,
}

/// Serves a client's connection to its end.
pub(crate) async fn serve(session: Rc<Session>, socket: Socket) {
    let meter = Meter::new();
    let http = HttpSession::new(session, Rc::clone(&meter));
    let wire = Wire::new(Transport::Plain(socket), meter);
    let handler = Rc::clone(&http);
    let service = service_fn(move |request: Request<Incoming>| exchange(Rc::clone(&handler), request));
    let mut connection = builder().serve_connection(wire, service);
    let end = drive(&http, &mut connection).await;
    conclude(&http, connection.into_parts(), end).await;
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        // A client may end its sending side once its request is out.
        .half_close(true)
        .auto_date_header(false)
        .header_read_timeout(None)
        .max_headers(HEAD_FIELDS)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES);
    builder
}

async fn drive<S>(http: &Rc<HttpSession>, connection: &mut Connection<Wire, S>) -> End
where
    S: HttpService<Incoming, ResBody = Download> + Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut timer = LazyTimer::default();
    poll_fn(|cx| poll_connection(http, connection, &mut timer, cx)).await
}

fn poll_connection<S>(
    http: &HttpSession,
    connection: &mut Connection<Wire, S>,
    timer: &mut LazyTimer,
    cx: &mut Context<'_>,
) -> Poll<End>
where
    S: HttpService<Incoming, ResBody = Download> + Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    http.session.polled(cx);
    match Pin::new(connection).poll(cx) {
        Poll::Ready(Ok(())) => return Poll::Ready(End::Closed),
        Poll::Ready(Err(error)) => return Poll::Ready(End::Error(error)),
        Poll::Pending => {}
    }
    if http.hang_up.get() || http.session.is_ending() && http.meter.phase().0 == Phase::Idle {
        return Poll::Ready(End::HungUp);
    }
    timer.poll_reached(cx, http.deadline()).map(|()| {
        http.timed_out.set(true);
        End::TimedOut
    })
}

async fn conclude<S>(http: &Rc<HttpSession>, parts: hyper::server::conn::http1::Parts<Wire, S>, end: End) {
    let mut client = parts.io.into_transport();
    if let Some(tunnel) = http.tunnel.take() {
        return join(client, parts.read_buf, tunnel).await;
    }
    let Some((status, cause)) = last_words(http, &end) else { return };
    let mut stream = http.begin();
    stream.end(cause, Stage::Request);
    stream.status = Some(status);
    stream.front.frontend.traffic().request_errors.inc();
    // The client may be gone; there is nobody else to tell.
    let _ = client.write_all(&answer::raw(status)).await;
    let _ = client.shutdown().await;
}

/// What is to be said to a client whose request did not arrive, and on whose account.
fn last_words(http: &HttpSession, end: &End) -> Option<(StatusCode, Cause)> {
    let (phase, _) = http.meter.phase();
    match end {
        End::Error(e) if e.is_parse() && http.meter.muted() => Some((StatusCode::BAD_REQUEST, Cause::Proxy)),
        End::Error(e) if e.is_incomplete_message() && phase == Phase::Head => {
            Some((StatusCode::BAD_REQUEST, Cause::Client))
        }
        // Between requests silence is no offence.
        End::TimedOut if phase == Phase::Head || phase == Phase::Idle && http.session.requests.get() == 0 => {
            Some((StatusCode::REQUEST_TIMEOUT, Cause::ClientTimeout))
        }
        _ => None,
    }
}

/// Joins a client with its server in a protocol that is none of ours.
async fn join(client: Transport, early: Bytes, tunnel: Tunnel) {
    let mut stream = tunnel.stream;
    let Some(backend) = stream.backend.clone() else { return };
    let limits = timeouts(&stream.front, &backend);
    stream.stage = Stage::Data;
    let mut relay = Relay::new(client, tunnel.server, (early.to_vec(), tunnel.early.to_vec()), limits);
    let end = relay.run().await;
    finish(&mut stream, &relay, end);
}
