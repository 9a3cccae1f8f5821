//! The connection to a server, as expressions and logs see it.

use std::net::SocketAddr;

use lb_expr::ctx::{Connection, Tls};

use crate::net::{Socket, Transport};
use crate::tls::TlsInfo;

/// What is known about a connection to a server once it is established.
#[derive(Debug)]
pub(crate) struct ServerSide {
    /// Our end; None on a Unix socket.
    local: Option<SocketAddr>,
    /// The server's.
    peer: Option<SocketAddr>,
    /// TLS, where it is used.
    tls: Option<TlsInfo>,
    /// The version of HTTP on the wire, in HTTP mode.
    http_major: Option<u8>,
}

impl ServerSide {
    /// Of a connection to `peer`, which carries HTTP or anything.
    pub(crate) fn new(
        transport: &Transport,
        peer: Option<SocketAddr>,
        tls: Option<TlsInfo>,
        is_http: bool,
    ) -> Self {
        let h2 = tls.as_ref().is_some_and(|tls| tls.alpn() == Some(b"h2"));
        let http_major = is_http.then_some(if h2 { 2 } else { 1 });
        Self { local: transport.socket().and_then(Socket::local_addr), peer, tls, http_major }
    }

    /// Whether HTTP/2 was agreed on.
    pub(crate) fn is_h2(&self) -> bool {
        self.http_major == Some(2)
    }
}

impl Connection for ServerSide {
    fn src(&self) -> Option<SocketAddr> {
        self.local
    }

    fn dst(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn http_major(&self) -> Option<u8> {
        self.http_major
    }

    fn tls(&self) -> Option<&dyn Tls> {
        self.tls.as_ref().map(|tls| tls as &dyn Tls)
    }
}
