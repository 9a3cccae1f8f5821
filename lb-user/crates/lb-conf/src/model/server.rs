//! Servers and how they are checked.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::Name;
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
    /// `weight`, 0 to 256; 1 by default.
    pub weight: u32,
    /// `backup`: used only when no other server is usable.
    pub backup: bool,
    /// `maxconn`: concurrent connections; beyond it they wait in the queue. None: no limit.
    pub maxconn: Option<u32>,
    /// `disabled`: starts in maintenance.
    pub disabled: bool,
    /// `check`, where given.
    pub check: Option<ServerCheck>,
    /// The place of the line.
    pub span: Span,
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
    /// `addr` and `port`, or the server's own. None: a server on a Unix socket.
    pub target: Option<SocketAddr>,
}

/// What a check sends and expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckSpec {
    /// The protocol.
    pub protocol: CheckProtocol,
}

/// The protocol of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CheckProtocol {
    /// A connection that opens is a success.
    #[default]
    Tcp,
    /// `option httpchk`: a request whose status is 2xx or 3xx, or as expected.
    Http(HttpCheck),
}

/// `option httpchk` and `http-check send`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// The method; OPTIONS by default.
    pub method: String,
    /// The request target; `/` by default.
    pub uri: String,
    /// The version; HTTP/1.0 by default.
    pub version: String,
    /// Header fields in their order.
    pub headers: Vec<(String, String)>,
    /// The body, which may be empty.
    pub body: Vec<u8>,
}
