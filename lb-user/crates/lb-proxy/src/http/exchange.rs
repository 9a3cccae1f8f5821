//! From a request to its response.

mod retry;
mod switch;

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, COOKIE, EXPECT, HOST, HeaderValue, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, Version, request, response};
use hyper::body::{Body, Incoming};
use lb_conf::model::{ConnectionMode, HttpReuse, ProxyOption};
use lb_core::stick::Metric;
use lb_core::{Backend, Server};
use lb_expr::ctx::KeptRequest;

use super::answer;
use super::body::{Download, Source};
use super::compress::Coder;
use super::headers::{is_ambiguous, strip_connection, wants_upgrade};
use super::interim::Interim;
use super::link::{Link, NoResponse};
use super::rules::{self, Persistence, Stop};
use super::serve::{HttpSession, Protocol};
use super::upload::{HELD_BYTES, Progress, Upload, UploadState};
use super::websocket;
use super::{balance, compress, forward, persist, stats};
use crate::connect::{NoConnection, connect, outgoing, take_seat, while_there};
use crate::net::option;
use crate::net::timer::{now, refresh_now};
use crate::stream::{Cause, Stage, Stream, head_bytes, own_head_bytes};
use crate::tcp::rules::{on_content, on_response};
use crate::track::{self, Blame};
use tokio::time::sleep;

/// What logs keep of a request's first line: HAProxy's `tune.http.logurilen`.
const LOG_URI_BYTES: u32 = 1024;

/// The client gets no answer: hyper closes its connection, or in HTTP/2 its stream.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no answer is wanted")]
pub(crate) struct Silent;

type Answer = Result<Response<Download>, Silent>;

/// Answers a request.
pub(crate) async fn exchange(http: Rc<HttpSession>, mut request: Request<Incoming>) -> Answer {
    let mut stream = http.begin();
    if request.version() == Version::HTTP_2 && request.method() == Method::CONNECT {
        stream.client_switch = Some(hyper::upgrade::on(&mut request));
    }
    let (mut head, body) = request.into_parts();
    websocket::take_request(&mut head);
    take_head(&mut stream, &head);
    progress(&stream).hold(body);
    let outcome = match route(&mut stream, &mut head).await {
        // With HTTP/2 a client that wants no answer any more resets its stream, which ends this.
        Ok(Route::Backend(backend))
            if backend.config.abort_on_close && http.protocol() == Protocol::Http1 =>
        {
            Box::pin(send_to_present(&http, &mut stream, &backend, head)).await
        }
        Ok(Route::Backend(backend)) => send(&http, &mut stream, &backend, head).await,
        Ok(Route::Page(visit)) => {
            let body = progress(&stream);
            Err(stats::visit(&mut stream, &body, visit, &head).await)
        }
        Err(stop) => {
            progress(&stream).ignore();
            Err(stop)
        }
    };
    match outcome {
        Ok(Forwarded::Response(link, response)) => deliver(&http, stream, link, response).await,
        Ok(Forwarded::Upgrade(link, response)) => switch::switch(&http, stream, link, response).await,
        Err(Stop::Tarpit(stop)) => {
            Box::pin(tarpit(&http, &mut stream)).await;
            stop_with(&http, stream, *stop)
        }
        Err(stop) => stop_with(&http, stream, stop),
    }
}

/// `timeout tarpit`: keeps a client waiting that is to be refused.
async fn tarpit(http: &Rc<HttpSession>, stream: &mut Stream) {
    // It is not the client's turn.
    let _waiting = http.wait_for_server();
    let back = stream.backend.as_ref().map(|backend| &backend.config.proxy);
    let proxy = back.unwrap_or(&stream.front.frontend.config.proxy);
    sleep(proxy.timeout_tarpit.unwrap_or_default()).await;
    // The wait counts as one in a queue.
    stream.times.queued = Some(refresh_now());
}

/// The body of a stream's request.
fn progress(stream: &Stream) -> Rc<Progress> {
    stream.turn.as_ref().map(|turn| Rc::clone(turn.progress())).unwrap_or_default()
}

/// Where a request goes.
enum Route {
    /// To a server of this backend.
    Backend(Arc<Backend>),
    /// To the statistics page.
    Page(stats::Visit),
}

/// What a server made of a request.
enum Forwarded {
    Response(Box<Link>, Response<Incoming>),
    /// The connection speaks another protocol now.
    Upgrade(Box<Link>, Response<Incoming>),
}

/// Notes what the log may want to know of a request.
fn take_head(stream: &mut Stream, head: &request::Parts) {
    stream.times.head = Some(now());
    let requests = [Metric::HttpReqCnt, Metric::HttpReqRate];
    stream.session.tracked.add(None, &requests, 1, stream.session.worker.tick());
    let line = [head.method.as_str().len(), target_len(&head.uri), "HTTP/1.1".len()];
    stream.received = head_bytes(line, &head.headers);
    // Nobody but the log and a few rules asks for the request as it came.
    let mut uri = match head.uri.path_and_query() {
        Some(path) if head.uri.authority().is_none() => Bytes::copy_from_slice(path.as_str().as_bytes()),
        _ => Bytes::from(head.uri.to_string()),
    };
    let limit = stream.front.snapshot.config.global.tuning.log_uri_bytes.unwrap_or(LOG_URI_BYTES) as usize;
    // The method stands before it, and HAProxy ends the text with a zero byte.
    uri.truncate(limit.saturating_sub(head.method.as_str().len() + 2));
    stream.kept.request = Some(KeptRequest {
        method: head.method.clone(),
        uri,
        version: head.version,
        first: stream.session.requests.get() <= 1,
    });
}

fn target_len(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |path| path.as_str().len())
}

/// Where a request goes, after all that rules do to it.
async fn route(stream: &mut Stream, head: &mut request::Parts) -> Result<Route, Stop> {
    let front = Rc::clone(&stream.front);
    let config = &front.frontend.config;
    if is_ambiguous(head) {
        stream.end(Cause::Proxy, Stage::Request);
        track::blame(stream, Blame::Client);
        return Err(Stop::Error(StatusCode::BAD_REQUEST));
    }
    if head.version == Version::HTTP_2 {
        downgrade(head);
    }
    forward::capture_request(stream, head);
    forward::restrict_names(stream, config.proxy.odd_names, head)?;
    forward::name_request(stream, head);
    if let Some(monitored) = forward::monitor(stream, head) {
        return Err(monitored);
    }
    // A connection that began in TCP mode came through them there.
    if stream.session.is_http {
        on_content(&config.proxy.rules.tcp_content, stream, head)?;
    }
    if config.proxy.options.has(ProxyOption::BufferRequest) {
        Box::pin(rules::wait_for_body(stream, HELD_BYTES, config.timeout_http_request)).await?;
    }
    rules::on_request(&config.proxy.rules.http_request, stream, head).await?;
    if let Some(visit) = stats::intercept(stream, &config.proxy, head)? {
        return Ok(Route::Page(visit));
    }
    let Some(backend) = rules::choose_backend(&front, stream, Some(head)) else {
        stream.end(Cause::Server, Stage::Connect);
        return Err(Stop::Error(StatusCode::SERVICE_UNAVAILABLE));
    };
    let last = stream.session.route.borrow().server.clone();
    stream.enter_backend(backend);
    // The rules of a `listen` section are those of both its halves and were carried out already.
    if !Arc::ptr_eq(&backend.config.proxy.rules, &config.proxy.rules) {
        let proxy = &backend.config.proxy;
        forward::restrict_names(stream, proxy.odd_names, head)?;
        on_content(&proxy.rules.tcp_content, stream, head)?;
        if proxy.options.has(ProxyOption::BufferRequest) && stream.ahead.is_none() {
            Box::pin(rules::wait_for_body(stream, HELD_BYTES, config.timeout_http_request)).await?;
        }
        rules::on_request(&proxy.rules.http_request, stream, head).await?;
        if let Some(visit) = stats::intercept(stream, proxy, head)? {
            return Ok(Route::Page(visit));
        }
    }
    forward::tell_addresses(stream, backend, head);
    forward::tell_name(stream, head);
    let persists = rules::persistence(backend, stream, head);
    persist::read_cookie(stream, backend, &mut head.headers, persists);
    rules::choose_server(backend, stream, Some(head), persists == Persistence::Forced);
    if persists != Persistence::Ignored {
        rules::stick(backend, stream, Some(head));
    }
    prefer(stream, backend, last);
    stream.balance_key = balance::key(stream, backend, head);
    Ok(Route::Backend(Arc::clone(backend)))
}

/// `option prefer-last-server`: a connection stays on its server where nothing else is wanted, as long as not too many
/// wait for it.
fn prefer(stream: &mut Stream, backend: &Backend, last: Option<Arc<Server>>) {
    let config = &backend.config;
    if !config.proxy.options.has(ProxyOption::PreferLastServer) || stream.wanted.is_some() {
        return;
    }
    let is_short = |server: &Arc<Server>| {
        let waiting = server.counters().traffic.waiting.get();
        config.max_keep_alive_queue.is_none_or(|most| waiting <= u64::from(most))
    };
    let own = |server: &Arc<Server>| server.at.backend == config.id && server.state().usable();
    stream.wanted = last.filter(|server| own(server) && is_short(server));
}

/// Writes a request of HTTP/2 as one of HTTP/1: the authority goes to the Host header, and the cookies that were
/// split for the sake of compression are one field again (RFC 9113, section 8.2.3).
fn downgrade(head: &mut request::Parts) {
    if let Some(authority) = head.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        head.headers.insert(HOST, host);
    }
    if head.method != Method::CONNECT {
        let target = head.uri.path_and_query().cloned();
        head.uri = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    let crumbs: Vec<_> = head.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        head.headers.insert(COOKIE, cookie);
    }
}

/// Sends a request to a server of its backend.
async fn send(
    http: &Rc<HttpSession>,
    stream: &mut Stream,
    backend: &Arc<Backend>,
    mut head: request::Parts,
) -> Result<Forwarded, Stop> {
    let coder = compress::on_request(stream, &mut head);
    strip_connection(&mut head.headers);
    head.version = Version::HTTP_11;
    let pretends = backend.config.proxy.options.has(ProxyOption::PretendKeepAlive);
    if stream.mode() != ConnectionMode::KeepAlive && !pretends {
        head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    take_seat(stream, backend).await.map_err(unconnected)?;
    outgoing::note_header(stream, &head.headers);
    let (upgrade, connects) = (wants_upgrade(&head.headers), head.method == Method::CONNECT);
    let again = backend.config.retry_on.has_responses() && stream.retry_responses && coder.is_none();
    let (link, response) = if again {
        // Boxed, since hardly any backend wants it and all requests carry the room for it.
        Box::pin(retry::request(http, stream, backend, head)).await?
    } else {
        let mut link = acquire(http, stream, backend, &head).await?;
        let result = ask(http, stream, backend, &mut link, head, coder).await;
        let response = result.map_err(|failure| no_response(http, stream, &failure, &link))?;
        (link, response)
    };
    stream.times.response = Some(now());
    let status = response.status();
    let switched = upgrade && status == StatusCode::SWITCHING_PROTOCOLS || connects && status.is_success();
    Ok(if switched { Forwarded::Upgrade(link, response) } else { Forwarded::Response(link, response) })
}

/// `option abortonclose`: the same for a client that stays until it has its answer.
async fn send_to_present(
    http: &Rc<HttpSession>,
    stream: &mut Stream,
    backend: &Arc<Backend>,
    head: request::Parts,
) -> Result<Forwarded, Stop> {
    let session = Rc::clone(&stream.session);
    if let Some(outcome) = while_there(&session, send(http, stream, backend, head)).await {
        return outcome;
    }
    if stream.stage == Stage::Queue {
        stream.times.queued = Some(now());
    }
    stream.end(Cause::Client, stream.stage);
    // Who has a server already may have closed one direction only.
    Err(if stream.stage == Stage::Headers { Stop::Error(StatusCode::BAD_REQUEST) } else { Stop::Silence })
}

/// Why there is no response.
struct Failure {
    error: NoResponse,
    /// Whether the server has said nothing at all.
    silent: bool,
}

/// Sends a request over a connection, and waits for the head of the response.
async fn ask(
    http: &Rc<HttpSession>,
    stream: &mut Stream,
    backend: &Arc<Backend>,
    link: &mut Box<Link>,
    mut head: request::Parts,
    coder: Option<Box<Coder>>,
) -> Result<Response<Incoming>, Failure> {
    stream.stage = Stage::Headers;
    link.must_speak(backend.config.proxy.options.has(ProxyOption::IndependentStreams));
    forward::tell_server(stream, backend, &mut head);
    let asked = switch::offer(stream, backend, link, &mut head).await?;
    let (progress, waiting) = (progress(stream), http.wait_for_server());
    if expects_continue(stream, &head) {
        progress.hold_back();
    }
    let mut request = Request::from_parts(head, Upload::new(&progress, coder));
    let interim = Interim::listen(&mut request);
    let before = link.received();
    let result = {
        let mut response = pin!(link.request(request, server_timeout(stream, backend)));
        poll_fn(|cx| {
            let polled = response.as_mut().poll(cx);
            interim.pass_on(stream);
            polled
        })
        .await
    };
    drop(waiting);
    stream.received += progress.bytes.get();
    let mut response = result.map_err(|error| Failure { error, silent: link.received() == before })?;
    if let Some(asked) = asked {
        let answers = websocket::take_response(&mut response, asked);
        return if answers {
            Ok(response)
        } else {
            Err(Failure { error: NoResponse::NoSwitch, silent: false })
        };
    }
    Ok(response)
}

/// Whether the client waits to be asked for the body. One of HTTP/2 would wait in vain: hyper does not ask there.
fn expects_continue(stream: &Stream, head: &request::Parts) -> bool {
    let came_as = stream.kept.request.as_ref().map(|request| request.version);
    came_as == Some(Version::HTTP_11)
        && head
            .headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The longest silence of a stream's server.
fn server_timeout(stream: &Stream, backend: &Backend) -> Option<Duration> {
    stream.kept.server_timeout.or(backend.config.timeout_server)
}

fn unconnected(reason: NoConnection) -> Stop {
    match reason {
        NoConnection::NoServer | NoConnection::QueueTimeout | NoConnection::Failed => {
            Stop::Error(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

/// A connection to the chosen server: an idle one, or a new one.
async fn acquire(
    http: &HttpSession,
    stream: &mut Stream,
    backend: &Arc<Backend>,
    head: &request::Parts,
) -> Result<Box<Link>, Stop> {
    let Some(server) = stream.server.clone() else { return Err(unconnected(NoConnection::NoServer)) };
    let own = backend.config.http_reuse == HttpReuse::Never;
    let tag = outgoing::tag(stream, &server, own, head);
    if may_reuse(http, backend, stream.mode())
        && let Some(link) = http.session.worker.pool.take(&server, tag, switch::version(&server, head))
    {
        server.counters().traffic.reuses.inc();
        stream.times.connected = Some(now());
        stream.upstream = link.side();
        return Ok(link);
    }
    // Boxed: most requests go over a connection that is there.
    let transport = Box::pin(connect(stream, backend, Some(head))).await.map_err(unconnected)?;
    // It may have become another one.
    let server = stream.server.clone().unwrap_or(server);
    let (address, tag) = (server.address(), outgoing::tag(stream, &server, own, head));
    let agreed = stream.upstream.as_ref().is_some_and(|side| side.is_h2());
    // Over what was agreed on the other one cannot be spoken.
    let h2 = agreed || switch::version(&server, head).unwrap_or(server.config.speaks_h2);
    Link::new(transport, h2, address, tag, stream.upstream.clone()).await.map_err(|_| {
        stream.end(Cause::Server, Stage::Connect);
        Stop::Error(StatusCode::BAD_GATEWAY)
    })
}

/// Whether a request may go over an idle connection. The server may close it at that moment, and only for a later
/// request may the client be left to retry: that is the safe way.
fn may_reuse(http: &HttpSession, backend: &Backend, mode: ConnectionMode) -> bool {
    mode == ConnectionMode::KeepAlive
        && match backend.config.http_reuse {
            // The client's own connection is still there for its next request.
            HttpReuse::Never => true,
            HttpReuse::Safe => !http.is_first(),
            // Every idle connection here has been used before.
            HttpReuse::Aggressive | HttpReuse::Always => true,
        }
}

/// What the client is told when there is no response, and who is to blame.
fn no_response(http: &HttpSession, stream: &mut Stream, failure: &Failure, link: &Link) -> Stop {
    let upload = progress(stream).state.get();
    // Who breaks off hears nothing any more.
    if upload == UploadState::Failed {
        stream.end(Cause::Client, Stage::Data);
        return Stop::Silence;
    }
    let (cause, stage, status) = match &failure.error {
        _ if upload == UploadState::Malformed => (Cause::Proxy, Stage::Data, StatusCode::BAD_REQUEST),
        NoResponse::Timeout => (Cause::ServerTimeout, Stage::Headers, StatusCode::GATEWAY_TIMEOUT),
        NoResponse::NoSwitch => (Cause::Server, Stage::Headers, StatusCode::BAD_GATEWAY),
        NoResponse::Coder(_) => (Cause::Proxy, Stage::Data, StatusCode::INTERNAL_SERVER_ERROR),
        NoResponse::Http(e) if e.is_parse() => (Cause::Proxy, Stage::Headers, StatusCode::BAD_GATEWAY),
        NoResponse::Http(_) => (Cause::Server, Stage::Headers, StatusCode::BAD_GATEWAY),
    };
    stream.end(cause, stage);
    match cause {
        Cause::Client => {}
        Cause::Proxy if upload == UploadState::Malformed => track::blame(stream, Blame::Client),
        _ => track::blame(stream, Blame::Server),
    }
    // The server closed an idle connection as the request went out. The client has reason to try again: it cannot
    // tell this from its own connection being closed at the same moment.
    let closed = failure.silent && matches!(failure.error, NoResponse::Http(_));
    if link.is_reused() && closed && !http.is_first() {
        return Stop::Silence;
    }
    // Who broke off takes no answer.
    if cause == Cause::Client { Stop::Silence } else { Stop::Error(status) }
}

/// Hands a server's response on.
async fn deliver(
    http: &Rc<HttpSession>,
    mut stream: Box<Stream>,
    mut link: Box<Link>,
    response: Response<Incoming>,
) -> Answer {
    stream.stage = Stage::Headers;
    // What counts is what the server said.
    stream.sent = head_bytes([8, 3, answer::reason(&response).len()], response.headers());
    let (mut head, mut body) = response.into_parts();
    let mut ahead = Bytes::new();
    let backend = stream.backend.clone();
    stream.kept.response_version = Some(head.version);
    (stream.status, stream.kept.status) = (Some(head.status), Some(head.status.as_u16()));
    track::blame_by_status(&stream, head.status.as_u16());
    forward::capture_response(&mut stream, &head);
    let silence = backend.as_ref().and_then(|b| server_timeout(&stream, b));
    if let Some(backend) = &backend {
        let mut answered = rules::Answered { link: Some(&mut link), body, silence, ahead: None };
        if let Err(stop) = judge(&mut stream, backend, &mut head, &mut answered).await {
            return stop_with(http, stream, stop);
        }
        ahead = answered.ahead.map(|ahead| ahead.bytes).unwrap_or_default();
        body = answered.body;
        rules::stick_response(backend, &stream, &head);
        if persist::is_unsafe(&stream, backend, &head) {
            stream.front.frontend.traffic().denied_responses.inc();
            stream.end(Cause::Proxy, Stage::Headers);
            return stop_with(http, stream, Stop::Error(StatusCode::BAD_GATEWAY));
        }
        persist::write_cookie(&mut stream, backend, &mut head);
    }
    // A body that ends with its connection might be cut short without a trace: it is not compressed.
    let framed = head.headers.contains_key(TRANSFER_ENCODING) || body.size_hint().exact().is_some();
    let framed = framed && head.version != Version::HTTP_10 || head.version == Version::HTTP_2;
    strip_connection(&mut head.headers);
    head.version = http.version();
    let mut response = Response::from_parts(head, ());
    finish_head(http, &mut stream, &mut response, false);
    stream.stage = Stage::Data;
    if stream.front.frontend.config.proxy.options.has(ProxyOption::LogAsap) {
        stream.log_now();
    }
    let (mut head, ()) = response.into_parts();
    let coder = if framed { compress::on_response(&mut stream, &mut head) } else { None };
    let from = Source::server(link, ahead, body, silence);
    Ok(Response::from_parts(head, Download::from_server(from, http, stream, coder)))
}

/// The rules for a server's response: those of its backend, then those of the frontend.
async fn judge(
    stream: &mut Stream,
    backend: &Backend,
    head: &mut response::Parts,
    body: &mut rules::Answered<'_>,
) -> Result<(), Stop> {
    let rules = &backend.config.proxy.rules;
    on_response(&rules.tcp_response, stream, head)?;
    rules::on_response(&rules.http_response, stream, head, body).await?;
    let front = Rc::clone(&stream.front);
    let own = &front.frontend.config.proxy.rules;
    if Arc::ptr_eq(rules, own) {
        return Ok(());
    }
    rules::on_response(&own.http_response, stream, head, body).await
}

/// The rules for all responses.
fn last_rules(stream: &mut Stream, head: &mut response::Parts) {
    let front = Rc::clone(&stream.front);
    let own = &front.frontend.config.proxy.rules;
    // An error among them would have to be answered by another response, in which it would happen again.
    if let Some(backend) = stream.backend.clone().filter(|b| !Arc::ptr_eq(&b.config.proxy.rules, own)) {
        let _ = rules::on_any_response(&backend.config.proxy.rules.http_after_response, stream, head);
    }
    let _ = rules::on_any_response(&own.http_after_response, stream, head);
    stream.status = Some(head.status);
    stream.kept.status = Some(head.status.as_u16());
}

/// What all responses have in common: the last rules, the account of bytes, and what is said about the connection.
fn finish_head<B>(http: &HttpSession, stream: &mut Stream, response: &mut Response<B>, closes: bool)
where
    B: Default,
{
    let (mut head, body) = std::mem::take(response).into_parts();
    last_rules(stream, &mut head);
    *response = Response::from_parts(head, body);
    let ends = closes || http.is_ending() || stream.mode() == ConnectionMode::Close;
    if ends && http.protocol() == Protocol::Http1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Answers in the server's stead.
fn stop_with(http: &Rc<HttpSession>, mut stream: Box<Stream>, stop: Stop) -> Answer {
    // The server has no part in what follows: its place is free again.
    stream.seat = None;
    let response = match stop {
        Stop::Answer(response) => Some(*response),
        Stop::Error(status) => error_answer(&stream, status),
        Stop::Silence | Stop::Tarpit(_) => None,
        Stop::Vanish => {
            stream.session.with_socket(option::vanish);
            None
        }
    };
    let Some(mut response) = response else { return Err(Silent) };
    // A file of the configuration may be in HTTP/1.0, which says that the connection ends with it.
    let old = response.version() == Version::HTTP_10 && http.protocol() == Protocol::Http1;
    if !old {
        *response.version_mut() = http.version();
    }
    // What is left of a request cannot be told from the next one.
    let unread = !matches!(progress(&stream).state.get(), UploadState::Done | UploadState::Unasked);
    if unread && http.protocol() == Protocol::Http1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    stream.sent = own_head_bytes([8, 3, answer::reason(&response).len()], response.headers());
    let closes = response.status() == StatusCode::BAD_REQUEST || unread || old;
    finish_head(http, &mut stream, &mut response, closes);
    Ok(response.map(|body| Download::own(body, http, stream)))
}

/// The error answer of a status: the backend's, the frontend's, or the daemon's own.
pub(crate) fn error_answer(stream: &Stream, status: StatusCode) -> Option<Response<Bytes>> {
    if let Some(answer) = rules::configured_answer(stream, status) {
        return Some(answer);
    }
    let of_backend = stream
        .backend
        .as_ref()
        .and_then(|backend| stream.front.backend_pages.get(backend.config.id.0 as usize)?.get(status));
    of_backend.or_else(|| stream.front.pages.get(status)).unwrap_or_else(|| Some(answer::of_status(status)))
}
