//! Servers.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lb_expr::Expr;

use super::{InitialAddress, Lookup, Name, SendProxy, ServerPool, ServerTls, Source};
use crate::span::Span;

/// A `server` line.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name, unique in its backend.
    pub name: Name,
    /// `id`, or its position counted from 1: what HAProxy calls `sid`.
    pub id: u32,
    /// Where it listens.
    pub address: ServerAddress,
    /// The host name that the address was resolved from, if it was given by name.
    pub hostname: Option<Name>,
    /// Whether no address was found for the name: it is in maintenance until it has one.
    pub unresolved: bool,
    /// `init-addr`. Empty: as the system looks names up.
    pub init_addr: Vec<InitialAddress>,
    /// `resolvers` with what belongs to it.
    pub lookup: Option<Lookup>,
    /// `weight`, 0 to 256; 1 by default.
    pub weight: u32,
    /// `backup`: used only when no other server is usable.
    pub backup: bool,
    /// `maxconn`: concurrent connections; beyond it they wait in the queue. None: no limit.
    pub maxconn: Option<u32>,
    /// `minconn`: the limit while the backend is idle; it grows up to `maxconn` as it fills up to `fullconn`.
    pub minconn: Option<u32>,
    /// `maxqueue`: connections that may wait for this server alone. None: no limit.
    pub maxqueue: Option<u32>,
    /// `slowstart`: how long the weight grows after the server came up.
    pub slowstart: Option<Duration>,
    /// `tcp-ut`: how long data may be unacknowledged.
    pub user_timeout: Option<Duration>,
    /// `disabled`: starts in maintenance.
    pub disabled: bool,
    /// `cookie`: its value in the persistence cookie.
    pub cookie: Option<Name>,
    /// `check`, where given.
    pub check: Option<ServerCheck>,
    /// `agent-check`, where given.
    pub agent: Option<AgentCheck>,
    /// `ssl` with what belongs to it.
    pub tls: Option<Arc<ServerTls>>,
    /// `sni` with an expression that requests are asked; a name that is known is in [`ServerTls::sni`].
    pub sni: Option<Arc<Expr>>,
    /// `on-marked-down shutdown-sessions`: its connections are closed when it goes down.
    pub shutdown_on_down: bool,
    /// `on-marked-up shutdown-backup-sessions`: connections of backup servers are closed when it comes up.
    pub shutdown_backups_on_up: bool,
    /// `send-proxy` and its siblings.
    pub send_proxy: Option<SendProxy>,
    /// `proto h2`: it speaks HTTP/2 without being asked.
    pub speaks_h2: bool,
    /// `ws`: what it speaks with those who want WebSocket.
    pub websocket: WebSocketOver,
    /// Idle connections to it.
    pub pool: ServerPool,
    /// `source`, or the backend's.
    pub source: Option<Arc<Source>>,
    /// Settings of TLS as they are written: what they come to cannot be turned back into text.
    pub words: Vec<String>,
    /// The place of the line.
    pub span: Span,
}

impl Server {
    /// A server with the default settings.
    pub fn new(name: impl Into<Name>, address: ServerAddress) -> Self {
        Self {
            name: name.into(),
            id: 1,
            address,
            hostname: None,
            unresolved: false,
            init_addr: Vec::new(),
            lookup: None,
            weight: 1,
            backup: false,
            maxconn: None,
            minconn: None,
            maxqueue: None,
            slowstart: None,
            user_timeout: None,
            disabled: false,
            cookie: None,
            check: None,
            tls: None,
            sni: None,
            agent: None,
            shutdown_on_down: false,
            shutdown_backups_on_up: false,
            send_proxy: None,
            speaks_h2: false,
            websocket: WebSocketOver::Auto,
            pool: ServerPool::default(),
            source: None,
            words: Vec::new(),
            span: Span::default(),
        }
    }
}

impl Server {
    /// Whether WebSocket goes over HTTP/2. By default it goes over what other requests go over, and where TLS leaves the
    /// choice, over HTTP/1.
    pub fn websocket_over_h2(&self) -> bool {
        let offers = |name: &str| self.tls.iter().any(|tls| tls.alpn.iter().any(|known| &**known == name));
        match self.websocket {
            WebSocketOver::Http1 => false,
            WebSocketOver::Http2 => true,
            WebSocketOver::Auto => self.speaks_h2 || offers("h2") && !offers("http/1.1"),
        }
    }
}

/// `ws`: the version of HTTP that WebSocket goes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebSocketOver {
    /// That of other requests.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 (RFC 8441).
    Http2,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// TCP over IPv4 or IPv6.
    Inet(IpAddr, PortSpec),
    /// A Unix stream socket.
    Unix(PathBuf),
}

/// The port of a server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortSpec {
    /// This one.
    Fixed(u16),
    /// The one that the client connected to, moved by so many: `:+N`, `:-N`, or none at all.
    Offset(i32),
}

/// When and where a server is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCheck {
    /// `inter`: between two checks of a server whose state is sure; 2 s by default.
    pub inter: Duration,
    /// `fastinter`: of one that is changing; `inter` where absent.
    pub fastinter: Option<Duration>,
    /// `downinter`: of one that is down; `inter` where absent.
    pub downinter: Option<Duration>,
    /// `rise`: successes that bring a server up; 2 by default.
    pub rise: u32,
    /// `fall`: failures that bring it down; 3 by default.
    pub fall: u32,
    /// `check-ssl`, or `ssl` where the check goes to the server's own port: what the check shakes hands with.
    pub tls: Option<CheckTls>,
    /// `addr` and `port`, or the server's own. None: a server on a Unix socket.
    pub target: Option<SocketAddr>,
}

impl ServerCheck {
    /// A check of this address with the default times.
    pub fn new(target: Option<SocketAddr>) -> Self {
        Self {
            inter: Duration::from_secs(2),
            fastinter: None,
            downinter: None,
            rise: 2,
            fall: 3,
            tls: None,
            target,
        }
    }
}

/// `agent-check`: when and where a server's agent is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCheck {
    /// `agent-inter`: between two questions; 2 s by default.
    pub inter: Duration,
    /// `agent-addr`, or the server's own address, with `agent-port`.
    pub target: SocketAddr,
    /// `agent-send`: what is sent once connected.
    pub send: Vec<u8>,
}

/// TLS of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckTls {
    /// As for traffic.
    pub tls: Arc<ServerTls>,
    /// `check-sni`: the name that the server is asked for.
    pub sni: Option<Name>,
    /// `check-alpn`, where it is not as for traffic.
    pub alpn: Option<Vec<Name>>,
}
