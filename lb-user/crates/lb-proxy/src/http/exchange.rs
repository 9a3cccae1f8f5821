//! From a request to its response.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{CONNECTION, COOKIE, HOST, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use lb_core::Backend;

use super::answer;
use super::body::{Download, Progress, Upload, UploadState};
use super::headers::{strip_connection, wants_upgrade};
use super::link::{Link, NoResponse};
use super::serve::{HttpSession, Protocol, Tunnel};
use crate::connect::{NoConnection, connect, take_seat};
use crate::net::timer::now;
use crate::stream::{Cause, Stage, Stream};

/// Why the daemon answers itself. The stream knows the termination code.
#[derive(Clone, Copy, Debug)]
struct Failure(StatusCode);

/// Answers a request.
pub(crate) async fn exchange(
    http: Rc<HttpSession>,
    request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let mut stream = http.begin();
    stream.times.head = Some(now());
    Ok(match forward(&http, &mut stream, request).await {
        Ok(Forwarded::Response(link, response)) => deliver(&http, stream, link, response),
        Ok(Forwarded::Upgrade(link, response)) => switch(&http, stream, link, response).await,
        Err(Failure(status)) => refuse(&http, stream, status),
    })
}

/// What a server made of a request.
enum Forwarded {
    Response(Box<Link>, Response<Incoming>),
    /// The connection speaks another protocol now.
    Upgrade(Box<Link>, Response<Incoming>),
}

async fn forward(
    http: &Rc<HttpSession>,
    stream: &mut Box<Stream>,
    request: Request<Incoming>,
) -> Result<Forwarded, Failure> {
    let front = Rc::clone(&stream.front);
    let request = prepare(stream, request)?;
    let Some(backend) = front.default_backend() else {
        stream.end(Cause::Server, Stage::Connect);
        return Err(Failure(StatusCode::SERVICE_UNAVAILABLE));
    };
    stream.enter_backend(backend);
    take_seat(stream, backend).await.map_err(unconnected)?;
    let link = acquire(http, stream, backend).await?;
    send(http, stream, backend, link, request).await
}

/// Checks a request and takes out what concerns the client's connection only.
fn prepare(stream: &mut Stream, mut request: Request<Incoming>) -> Result<Request<Incoming>, Failure> {
    if !host_agrees(&request) {
        stream.end(Cause::Proxy, Stage::Request);
        return Err(Failure(StatusCode::BAD_REQUEST));
    }
    if request.version() == Version::HTTP_2 {
        downgrade(&mut request);
    }
    strip_connection(request.headers_mut());
    *request.version_mut() = Version::HTTP_11;
    Ok(request)
}

/// Writes a request of HTTP/2 as one of HTTP/1: the authority goes to the Host header, and the cookies that were
/// split for the sake of compression are one field again (RFC 9113, section 8.2.3).
fn downgrade(request: &mut Request<Incoming>) {
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    if request.method() != Method::CONNECT {
        let target =
            request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(target);
    }
    let crumbs: Vec<_> = request.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        request.headers_mut().insert(COOKIE, cookie);
    }
}

/// Whether the authority of the target, where there is one, is the one of the Host header.
fn host_agrees(request: &Request<Incoming>) -> bool {
    match (request.uri().authority(), request.headers().get(HOST)) {
        (Some(authority), Some(host)) => authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()),
        _ => true,
    }
}

fn unconnected(reason: NoConnection) -> Failure {
    Failure(match reason {
        NoConnection::NoServer | NoConnection::QueueTimeout | NoConnection::Failed => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    })
}

/// A connection to the chosen server: an idle one, or a new one. The first request of a client never goes over an
/// idle one: the server may close it at that moment, and only for a later request may the client be left to retry.
async fn acquire(
    http: &HttpSession,
    stream: &mut Stream,
    backend: &Arc<Backend>,
) -> Result<Box<Link>, Failure> {
    let Some(server) = stream.server.clone() else { return Err(Failure(StatusCode::SERVICE_UNAVAILABLE)) };
    if !http.is_first()
        && let Some(link) = http.session.worker.pool.take(&server)
    {
        server.counters().traffic.reuses.inc();
        stream.times.connected = Some(now());
        return Ok(link);
    }
    let address = server.address();
    // Boxed: most requests go over a connection that is there.
    let transport = Box::pin(connect(stream, backend)).await.map_err(unconnected)?;
    Link::new(transport, address).await.map_err(|_| {
        stream.end(Cause::Server, Stage::Connect);
        Failure(StatusCode::BAD_GATEWAY)
    })
}

async fn send(
    http: &Rc<HttpSession>,
    stream: &mut Stream,
    backend: &Backend,
    mut link: Box<Link>,
    request: Request<Incoming>,
) -> Result<Forwarded, Failure> {
    stream.stage = Stage::Headers;
    let upgrade = wants_upgrade(request.headers()) || request.method() == Method::CONNECT;
    let (progress, waiting) = (http.progress(), http.wait_for_server());
    let request = request.map(|body| Upload::new(body, &progress));
    let before = link.received();
    let result = link.request(request, backend.config.timeout_server).await;
    drop(waiting);
    stream.received += progress.bytes.get();
    match result {
        Ok(response) => {
            stream.times.response = Some(now());
            stream.status = Some(response.status());
            let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            Ok(if upgrade && switched {
                Forwarded::Upgrade(link, response)
            } else {
                Forwarded::Response(link, response)
            })
        }
        Err(error) => Err(no_response(http, stream, &error, &link, before, &progress)),
    }
}

/// What the client is told when there is no response, and who is to blame.
fn no_response(
    http: &HttpSession,
    stream: &mut Stream,
    error: &NoResponse,
    link: &Link,
    before: u64,
    progress: &Progress,
) -> Failure {
    let silent = link.received() == before;
    let (cause, stage, status) = match error {
        _ if progress.state.get() == UploadState::Failed => {
            (Cause::Client, Stage::Data, StatusCode::BAD_REQUEST)
        }
        NoResponse::Timeout => (Cause::ServerTimeout, Stage::Headers, StatusCode::GATEWAY_TIMEOUT),
        NoResponse::Http(e) if e.is_parse() => (Cause::Proxy, Stage::Headers, StatusCode::BAD_GATEWAY),
        NoResponse::Http(_) => (Cause::Server, Stage::Headers, StatusCode::BAD_GATEWAY),
    };
    stream.end(cause, stage);
    // The server closed an idle connection as the request went out. The client has reason to try again: it cannot
    // tell this from its own connection being closed at the same moment.
    if link.is_reused() && silent && matches!(error, NoResponse::Http(_)) {
        http.hang_up();
    }
    Failure(status)
}

/// Hands a server's response on.
fn deliver(
    http: &Rc<HttpSession>,
    mut stream: Box<Stream>,
    link: Box<Link>,
    response: Response<Incoming>,
) -> Response<Download> {
    let silence = stream.backend.as_ref().and_then(|b| b.config.timeout_server);
    stream.stage = Stage::Data;
    let (mut parts, body) = response.into_parts();
    strip_connection(&mut parts.headers);
    parts.version = http.version();
    if http.is_ending() && http.protocol() == Protocol::Http1 {
        parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Response::from_parts(parts, Download::from_server(link, body, silence, http, stream))
}

/// Answers in the server's stead.
fn refuse(http: &Rc<HttpSession>, mut stream: Box<Stream>, status: StatusCode) -> Response<Download> {
    stream.status = Some(status);
    // The server has no part in what follows: its place is free again.
    stream.seat = None;
    let mut response = answer::of_status(status);
    *response.version_mut() = http.version();
    // What is left of a broken request cannot be told from the next one.
    let ends = http.is_ending() || status == StatusCode::BAD_REQUEST;
    if ends && http.protocol() == Protocol::Http1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| Download::own(body, http, stream))
}

/// Joins the connections when both sides agreed to speak something else.
async fn switch(
    http: &Rc<HttpSession>,
    stream: Box<Stream>,
    link: Box<Link>,
    response: Response<Incoming>,
) -> Response<Download> {
    let (server, early) = link.into_transport().await;
    let (parts, body) = response.into_parts();
    debug_assert!(body.is_end_stream());
    http.tunnel(Tunnel { server, early, stream });
    Response::from_parts(parts, Download::nothing(http))
}
