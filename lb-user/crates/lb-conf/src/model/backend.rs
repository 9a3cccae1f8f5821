//! Backends: groups of servers and how one of them is chosen.

use std::sync::Arc;
use std::time::Duration;

use super::{BackendId, CheckSpec, Proxy, Server};

/// The serving half of a `backend` or `listen` section.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Name, mode and place.
    pub proxy: Proxy,
    /// Position in [`super::Config::backends`].
    pub id: BackendId,
    /// `server` lines in their order.
    pub servers: Vec<Arc<Server>>,
    /// `balance`.
    pub algorithm: Algorithm,
    /// `hash-type`.
    pub hash_type: HashType,
    /// How servers that have `check` are checked.
    pub check: CheckSpec,
    /// `timeout connect`.
    pub timeout_connect: Option<Duration>,
    /// `timeout server`: the longest that a server may be silent.
    pub timeout_server: Option<Duration>,
    /// `timeout server-fin`: the same on a half-closed connection.
    pub timeout_server_fin: Option<Duration>,
    /// `timeout check`: for the answer to a check once connected.
    pub timeout_check: Option<Duration>,
    /// `timeout queue`: the longest wait for a server; `timeout connect` where absent.
    pub timeout_queue: Option<Duration>,
    /// `timeout tunnel`: silence in both directions once a connection carries no HTTP any more, or in TCP mode.
    pub timeout_tunnel: Option<Duration>,
    /// `retries`: attempts to connect beyond the first; 3 by default.
    pub retries: u32,
}

/// `balance`: how a server is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Each in turn, by weight.
    #[default]
    RoundRobin,
    /// By a hash of the client's address.
    Source,
}

/// `hash-type`: from a hash to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashType {
    /// The method.
    pub kind: HashKind,
    /// The function.
    pub function: HashFunction,
}

/// How a hash is turned into a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashKind {
    /// `map-based`: a table of all usable servers by weight; changes move most clients.
    #[default]
    MapBased,
    /// `consistent`: a Maglev table; a server that leaves moves its own clients.
    Consistent,
}

/// The hash of `hash-type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashFunction {
    /// xxHash, the planes' common one.
    #[default]
    Xxh,
}
