//! What speaks HTTP with a server: version 1, or version 2 with one request at a time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};

use super::h2::Local;
use super::upload::Upload;
use super::wire::Wire;

/// The most that is buffered of a response that arrives faster than it leaves, and the longest head of one.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a server may send of a response's body before the client has taken it.
const WINDOW: u32 = 256 * 1024;

/// The version that a server speaks, with the connection that speaks it.
pub(super) enum Carrier {
    /// HTTP/1.
    H1 { sender: http1::SendRequest<Upload>, connection: Box<http1::Connection<Wire, Upload>> },
    /// HTTP/2.
    H2 { sender: http2::SendRequest<Upload>, connection: Box<http2::Connection<Wire, Upload, Local>> },
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_h2() { "HTTP/2" } else { "HTTP/1" })
    }
}

impl Carrier {
    /// Speaks HTTP/1.
    pub(super) async fn h1(wire: Wire) -> hyper::Result<Self> {
        let (sender, connection) = http1::Builder::new().max_buf_size(BUFFER_BYTES).handshake(wire).await?;
        Ok(Self::H1 { sender, connection: Box::new(connection) })
    }

    /// Speaks HTTP/2.
    pub(super) async fn h2(wire: Wire) -> hyper::Result<Self> {
        let mut builder = http2::Builder::new(Local);
        builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (sender, connection) = builder.handshake(wire).await?;
        Ok(Self::H2 { sender, connection: Box::new(connection) })
    }

    pub(super) fn is_h2(&self) -> bool {
        matches!(self, Self::H2 { .. })
    }

    /// Whether the server has said that it takes CONNECT with a protocol (RFC 8441).
    pub(super) fn extended_connect(&self) -> bool {
        match self {
            Self::H1 { .. } => false,
            Self::H2 { connection, .. } => connection.is_extended_connect_protocol_enabled(),
        }
    }

    /// Whether it can take a request now.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::H1 { sender, .. } => sender.is_ready(),
            Self::H2 { sender, .. } => sender.is_ready(),
        }
    }

    /// Sends a request.
    pub(super) fn send(
        &mut self,
        request: Request<Upload>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        match self {
            Self::H1 { sender, .. } => Either::Left(sender.send_request(request)),
            Self::H2 { sender, .. } => Either::Right(sender.send_request(upgraded(request))),
        }
    }

    /// Moves bytes in both directions; ready when there are none left to move.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            // Errors are told to whoever waits for the response or its body.
            Self::H1 { connection, .. } => connection.poll_without_shutdown(cx).map(drop),
            Self::H2 { connection, .. } => Pin::new(&mut **connection).poll(cx).map(drop),
        }
    }
}

/// A request as HTTP/2 has it: the Host header is the authority of its target.
fn upgraded(mut request: Request<Upload>) -> Request<Upload> {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let authority = host.as_ref().and_then(|host| Authority::try_from(host.as_bytes()).ok());
    if let Some(authority) = authority.filter(|_| request.method() != Method::CONNECT) {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority);
        parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
