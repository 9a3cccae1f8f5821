//! Clients that speak HTTP/1.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection, Parts};
use hyper::service::{HttpService, service_fn};
use lb_conf::model::ProxyOption;
use tokio::io::AsyncWriteExt;

use lb_conf::model::Tuning;

use super::answer;
use super::body::Download;
use super::exchange::{error_answer, exchange};
use super::serve::{HttpSession, Protocol, Tunnel, speak};
use super::wire::{Phase, Wire};
use crate::net::Transport;
use crate::net::timer::LazyTimer;
use crate::stream::{Cause, Stage};
use crate::tcp::relay::Relay;
use crate::tcp::serve::{finish, timeouts};

/// The most header fields of a request: HAProxy's `tune.http.maxhdr`.
const HEAD_FIELDS: u32 = 101;

/// The most that is buffered of a request's body.
const BUFFER_BYTES: usize = 256 * 1024;

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
pub(super) async fn serve(http: Rc<HttpSession>, wire: Wire) {
    let handler = Rc::clone(&http);
    let service = service_fn(move |request: Request<Incoming>| exchange(Rc::clone(&handler), request));
    let tuning = &http.session.endpoint.front().snapshot.config.global.tuning;
    let mut connection = builder(tuning).serve_connection(wire, service);
    let end = drive(&http, &mut connection).await;
    let parts = connection.into_parts();
    match end {
        // A client may know beforehand that HTTP/2 is spoken here, and begin with it.
        End::Error(error) if error.is_parse_version_h2() && may_upgrade(&http) => {
            let session = Rc::clone(&http.session);
            speak(session, parts.io.into_transport(), parts.read_buf, Protocol::Http2).await;
        }
        end => conclude(&http, parts, end).await,
    }
}

fn may_upgrade(http: &HttpSession) -> bool {
    let options = http.session.endpoint.front().frontend.config.proxy.options;
    http.session.requests.get() == 0 && !options.has(ProxyOption::DisableH2Upgrade)
}

fn builder(tuning: &Tuning) -> Builder {
    let mut builder = Builder::new();
    let head = tuning.head_bytes();
    builder
        // A client may end its sending side once its request is out.
        .half_close(true)
        .auto_date_header(false)
        .header_read_timeout(None)
        .max_headers(tuning.http_fields.unwrap_or(HEAD_FIELDS) as usize)
        .max_header_size(head)
        .max_buf_size(BUFFER_BYTES.max(head));
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
    if http.is_over() {
        return Poll::Ready(End::HungUp);
    }
    timer.poll_reached(cx, http.deadline()).map(|()| {
        http.time_out();
        End::TimedOut
    })
}

async fn conclude<S>(http: &Rc<HttpSession>, parts: Parts<Wire, S>, end: End) {
    let mut client = parts.io.into_transport();
    if let Some(tunnel) = http.take_tunnel() {
        return join(client, parts.read_buf, tunnel).await;
    }
    let Some((status, cause)) = last_words(http, &end) else { return note_null(http) };
    let mut stream = http.begin();
    stream.end(cause, Stage::Request);
    stream.status = Some(status);
    stream.front.frontend.traffic().request_errors.inc();
    let Some(answer) = error_answer(&stream, status) else { return };
    // The client may be gone; there is nobody else to tell.
    let _ = client.write_all(&answer::write_raw(&answer)).await;
    let _ = client.shutdown().await;
}

/// A connection that was opened and closed, with nothing in between, has a line in the log too.
fn note_null(http: &Rc<HttpSession>) {
    if http.session.requests.get() == 0 && http.meter.received() == 0 && !ignores_probes(http) {
        let mut stream = http.begin();
        stream.end(Cause::Client, Stage::Request);
        stream.status = Some(StatusCode::BAD_REQUEST);
        stream.is_null = true;
    }
}

/// `option http-ignore-probes`: browsers open connections that they may never use.
fn ignores_probes(http: &HttpSession) -> bool {
    http.session.endpoint.front().frontend.config.proxy.options.has(ProxyOption::IgnoreProbes)
}

/// What is to be said to a client whose request did not arrive, and on whose account.
fn last_words(http: &HttpSession, end: &End) -> Option<(StatusCode, Cause)> {
    let (phase, _) = http.meter.phase();
    match end {
        // HTTP/2 is heard here only where it may not be spoken.
        End::Error(e) if e.is_parse_version_h2() || e.is_parse() && http.meter.muted() => {
            Some((StatusCode::BAD_REQUEST, Cause::Proxy))
        }
        // Its end, or a reset.
        End::Error(e) if !e.is_parse() && phase == Phase::Head => {
            Some((StatusCode::BAD_REQUEST, Cause::Client))
        }
        End::TimedOut if http.meter.received() == 0 && ignores_probes(http) => None,
        // Between requests silence is no offence.
        End::TimedOut if phase == Phase::Head || phase == Phase::Idle && http.session.requests.get() == 0 => {
            Some((StatusCode::REQUEST_TIMEOUT, Cause::ClientTimeout))
        }
        _ => None,
    }
}

/// Joins a client with its server in a protocol that is none of ours.
pub(super) async fn join(client: Transport, early: Bytes, tunnel: Tunnel) {
    let mut stream = tunnel.stream;
    let Some(backend) = stream.backend.clone() else { return };
    let limits = timeouts(&stream, &backend);
    stream.stage = Stage::Data;
    let mut relay = Relay::new(client, tunnel.server, (early.to_vec(), tunnel.early.to_vec()), limits);
    let end = relay.run().await;
    finish(&mut stream, &relay, end);
}
