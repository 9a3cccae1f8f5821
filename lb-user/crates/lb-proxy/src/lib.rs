//! The user plane: listeners, HTTP proxy, TCP relay, TLS, and the I/O of health checks.

mod checker;
mod clock;
mod connect;
mod error;
mod eval;
mod handshake;
mod http;
mod listener;
mod logs;
mod net;
mod passwords;
mod places;
mod plane;
mod resolver;
mod server_side;
mod session;
mod sessions;
mod stream;
mod tcp;
pub mod tls;
mod track;
mod worker;

pub use clock::Clock;
pub use error::{BindError, PrepareError};
pub use listener::inherited;
pub use plane::{Plane, Prepared, prepare};

/// What the user plane uses at the moment.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Pipes with bytes in them.
    pub pipes: u64,
    /// Pipes that are kept for the next transfers.
    pub spare_pipes: u64,
    /// Connections over TLS, with clients and with servers.
    pub tls_connections: u64,
    /// How often clients asked for sessions that the daemon keeps, and how often in vain.
    pub tls_lookups: (u64, u64),
    /// Log lines that could not be sent.
    pub dropped_logs: u64,
}

/// What the user plane uses at the moment.
pub fn usage() -> Usage {
    let (pipes, spare_pipes) = net::pipe::pipes();
    let (tls_connections, tls_lookups) = (net::transport::Secured::open(), tls::lookups());
    Usage { pipes, spare_pipes, tls_connections, tls_lookups, dropped_logs: logs::dropped() }
}
