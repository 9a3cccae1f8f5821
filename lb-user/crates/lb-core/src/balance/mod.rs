//! How a backend chooses a server.
//!
//! A [`Selection`] is built whenever a server's usability or weight changes, and replaced whole; choosing from it
//! takes no lock.

mod table;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lb_conf::model::{self, Algorithm, HashKind};

use crate::server::{Server, ServerId, ServerLease};
use crate::tick::Tick;

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct PickInput<'a> {
    /// Now.
    pub now: Tick,
    /// The client's address; None: a client on a Unix socket.
    pub client: Option<IpAddr>,
    /// What the algorithm hashes, if it is not the client's address: the path, a header's value.
    pub key: Option<&'a [u8]>,
    /// A random word, drawn anew for each choice.
    pub random: u64,
    /// A server to leave out as long as there is another: the one that just failed.
    pub avoid: Option<ServerId>,
}

impl PickInput<'_> {
    /// A choice that depends on the client's address only.
    pub fn client(now: Tick, client: IpAddr) -> Self {
        Self { now, client: Some(client), key: None, random: 0, avoid: None }
    }
}

/// A choice.
#[derive(Debug)]
pub enum Pick {
    /// A place on this server is taken.
    Server(ServerLease),
    /// The algorithm wants this server and no other, and it is full: wait in its queue.
    Full(Arc<Server>),
    /// All servers are full: wait in the backend's queue.
    AllFull,
    /// There is none.
    None,
}

/// The servers among which a backend chooses at a time, and how.
#[derive(Debug)]
pub struct Selection {
    servers: Vec<Arc<Server>>,
    method: Method,
}

#[derive(Debug)]
enum Method {
    // Positions in `servers`, in the order of turns.
    Turns { sequence: Vec<u16>, next: AtomicUsize },
    // Positions in `servers`, by hash.
    Hash { table: Vec<u16> },
}

impl Selection {
    pub(crate) fn new(config: &model::Backend, all: &[Arc<Server>]) -> Self {
        let (servers, weights) = candidates(all);
        let method = match config.algorithm {
            Algorithm::RoundRobin => {
                Method::Turns { sequence: table::turns(&weights), next: AtomicUsize::new(0) }
            }
            Algorithm::Source if config.hash_type.kind == HashKind::Consistent => {
                Method::Hash { table: table::consistent(&weights) }
            }
            Algorithm::Source => Method::Hash { table: table::turns(&weights) },
        };
        Self { servers, method }
    }

    /// The servers among which it chooses.
    pub fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// Chooses a server and takes a place on it.
    pub fn pick(&self, input: &PickInput<'_>) -> Pick {
        match &self.method {
            _ if self.servers.is_empty() => Pick::None,
            Method::Turns { sequence, next } => self.by_turns(sequence, next, input),
            Method::Hash { table } => self.by_hash(table, input),
        }
    }

    fn by_turns(&self, sequence: &[u16], next: &AtomicUsize, input: &PickInput<'_>) -> Pick {
        let first = next.fetch_add(1, Relaxed);
        for step in 0..sequence.len() {
            let turn = sequence[first.wrapping_add(step) % sequence.len()];
            let server = &self.servers[usize::from(turn)];
            if input.avoid == Some(server.id) && self.servers.len() > 1 {
                continue;
            }
            if let Some(lease) = server.lease(input.now) {
                return Pick::Server(lease);
            }
        }
        Pick::AllFull
    }

    fn by_hash(&self, table: &[u16], input: &PickInput<'_>) -> Pick {
        let hash = table::hash(input);
        let slot = (hash % table.len() as u64) as usize;
        let server = &self.servers[usize::from(table[slot])];
        server.lease(input.now).map_or_else(|| Pick::Full(Arc::clone(server)), Pick::Server)
    }
}

// The usable active servers, or the first usable backup one where there is none, with their weights.
fn candidates(all: &[Arc<Server>]) -> (Vec<Arc<Server>>, Vec<u32>) {
    let usable = |backup| {
        let of_kind = all.iter().filter(move |server| server.config.backup == backup);
        of_kind.filter_map(|server| {
            let state = server.state();
            state.usable().then(|| (Arc::clone(server), state.weight))
        })
    };
    let (servers, weights): (Vec<_>, Vec<_>) = usable(false).unzip();
    if servers.is_empty() { usable(true).take(1).unzip() } else { (servers, weights) }
}
