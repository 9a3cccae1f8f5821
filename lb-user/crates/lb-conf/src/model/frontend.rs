//! Frontends: the addresses that accept connections.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{BackendId, FrontendId, Proxy, XdpUse};
use crate::span::Span;

/// The accepting half of a `frontend` or `listen` section.
#[derive(Clone, Debug)]
pub struct Frontend {
    /// Name, mode and place.
    pub proxy: Proxy,
    /// Position in [`super::Config::frontends`].
    pub id: FrontendId,
    /// `bind` lines, one entry for each address.
    pub binds: Vec<Bind>,
    /// `maxconn`: concurrent connections; beyond it accepting stops.
    pub maxconn: Option<u32>,
    /// `default_backend`, or the own backend of a `listen` section.
    pub default_backend: Option<BackendId>,
    /// `option xdp`.
    pub xdp: XdpUse,
    /// `timeout client`: the longest that a client may be silent.
    pub timeout_client: Option<Duration>,
    /// `timeout client-fin`: the same on a half-closed connection.
    pub timeout_client_fin: Option<Duration>,
    /// `timeout http-request`: from the first byte of a request to the end of its headers.
    pub timeout_http_request: Option<Duration>,
    /// `timeout http-keep-alive`: between a response and the first byte of the next request.
    pub timeout_http_keep_alive: Option<Duration>,
}

/// One address of a `bind` line.
#[derive(Clone, Debug)]
pub struct Bind {
    /// Where to listen.
    pub address: BindAddress,
    /// The place of the address in the line.
    pub span: Span,
}

/// Where a frontend listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BindAddress {
    /// TCP over IPv4 or IPv6.
    Inet(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}
