//! Frontends: the addresses that accept connections.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lb_expr::Condition;

use super::{
    BackendId, BindTls, CookieCapture, FrontendId, HeaderCapture, KeepAlive, LogFormats, Name, Proxy,
    UseBackend, XdpUse,
};
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
    /// `clitcpka-*`: how silent clients are probed with `option clitcpka`.
    pub keep_alive: KeepAlive,
    /// `backlog`: connections that may wait to be accepted; `maxconn` where absent.
    pub backlog: Option<u32>,
    /// `disabled`: accepts nothing.
    pub disabled: bool,
    /// `capture request header` and `declare capture request`, in their order.
    pub request_captures: Vec<HeaderCapture>,
    /// `capture response header` and `declare capture response`, in their order.
    pub response_captures: Vec<HeaderCapture>,
    /// `capture cookie`.
    pub cookie_capture: Option<CookieCapture>,
    /// `use_backend`, in their order.
    pub use_backend: Vec<Arc<UseBackend>>,
    /// How traffic is logged.
    pub log_formats: LogFormats,
    /// `monitor fail`: when the answer to `monitor-uri` is 503. Any of them will do.
    pub monitor_fail: Vec<Arc<Condition>>,
    /// `monitor-uri`: a path that is answered with 200 as long as the proxy lives.
    pub monitor_uri: Option<String>,
    /// `rate-limit sessions`: new connections in a second.
    pub rate_limit: Option<u32>,
}

impl Frontend {
    /// A frontend with the default settings and no addresses.
    pub fn new(proxy: Proxy, id: FrontendId) -> Self {
        Self {
            proxy,
            id,
            binds: Vec::new(),
            maxconn: None,
            default_backend: None,
            xdp: XdpUse::default(),
            timeout_client: None,
            timeout_client_fin: None,
            timeout_http_request: None,
            timeout_http_keep_alive: None,
            keep_alive: KeepAlive::default(),
            backlog: None,
            disabled: false,
            request_captures: Vec::new(),
            response_captures: Vec::new(),
            cookie_capture: None,
            use_backend: Vec::new(),
            log_formats: LogFormats::default(),
            monitor_fail: Vec::new(),
            monitor_uri: None,
            rate_limit: None,
        }
    }
}

/// One address of a `bind` line.
#[derive(Clone, Debug)]
pub struct Bind {
    /// Where to listen.
    pub address: BindAddress,
    /// `id`: what statistics call `sid`; counted from 1 in the frontend where absent.
    pub id: u32,
    /// `name`: in statistics.
    pub name: Option<Name>,
    /// `maxconn` of this address.
    pub maxconn: Option<u32>,
    /// What its sockets are set to.
    pub socket: BindSocket,
    /// The file of a socket in the file system.
    pub file: SocketFile,
    /// `accept-proxy`: clients begin with a PROXY protocol header.
    pub accept_proxy: bool,
    /// `proto h2`: clients speak HTTP/2 without saying so.
    pub speaks_h2: bool,
    /// `ssl` with what belongs to it.
    pub tls: Option<Arc<BindTls>>,
    /// Settings of TLS as they are written: what they come to cannot be turned back into text.
    pub words: Vec<String>,
    /// The place of the address in the line.
    pub span: Span,
}

impl Bind {
    /// An address with the default settings.
    pub fn new(address: BindAddress) -> Self {
        Self {
            address,
            id: 1,
            name: None,
            maxconn: None,
            socket: BindSocket::default(),
            file: SocketFile::default(),
            accept_proxy: false,
            speaks_h2: false,
            tls: None,
            words: Vec::new(),
            span: Span::default(),
        }
    }
}

/// Settings of listening sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindSocket {
    /// `backlog` of this address.
    pub backlog: Option<u32>,
    /// `interface`: only what arrives there.
    pub interface: Option<String>,
    /// `v6only` and `v4v6`: whether an IPv6 wildcard takes IPv4 too. None: as the system has it.
    pub v6_only: Option<bool>,
    /// `transparent`: takes traffic for addresses that the host does not have.
    pub transparent: bool,
    /// `defer-accept`: a connection is accepted once it has data.
    pub defer_accept: bool,
    /// `mss`: the largest TCP segment in bytes, or below 0 what it is less than the usual one.
    pub mss: Option<i32>,
    /// `tcp-ut`: how long data may be unacknowledged.
    pub user_timeout: Option<Duration>,
    /// `tfo`: TCP Fast Open.
    pub fast_open: bool,
    /// `namespace`: the network namespace to listen in, by its name in `/var/run/netns`.
    pub namespace: Option<String>,
}

/// The file of a socket in the file system. None: as the system makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketFile {
    /// `mode`: its permissions.
    pub mode: Option<u32>,
    /// `uid`, or the id of `user`: its owner.
    pub uid: Option<u32>,
    /// `gid`, or the id of `group`.
    pub gid: Option<u32>,
}

/// Where a frontend listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BindAddress {
    /// TCP over IPv4 or IPv6.
    Inet(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
    /// A stream socket that the process was started with: the number of its descriptor.
    Inherited(i32),
}
