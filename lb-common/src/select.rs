//! From a client to a server: the part of the decision that the user plane's relay shares.

use crate::address::Address;
use crate::hash;
use crate::value::{Algorithm, ServerId};

/// Slots that are looked at for a usable server before giving up. Tables hold usable servers only, so more than one is
/// needed only while servers are full or a change is on its way; what gives up here is served in user space.
pub const PROBES: u32 = 16;

/// The seed of the clients' hash, fixed: a client keeps its server over restarts and on every balancer.
const CLIENT_SEED: u32 = 0x6c62_7831;

/// A service's table with what is known of its servers.
pub trait Pool {
    /// How many slots the table has.
    fn slots(&self) -> u32;
    /// The server in a slot; 0 where there is none.
    fn slot(&self, index: u32) -> ServerId;
    /// Takes the next turn.
    fn turn(&self) -> u32;
    /// Whether a server can take another connection now.
    fn usable(&self, server: ServerId) -> bool;
}

/// Why no server was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectError {
    /// The service has no table, or an empty one.
    NoTable,
    /// No server that was looked at can take the connection.
    NoServer,
}

/// The slot that a client's connection starts looking at, of `slots`.
#[inline(always)]
pub fn start<A: Address>(algorithm: Algorithm, client: A, turn: impl FnOnce() -> u32, slots: u32) -> u32 {
    match algorithm {
        // A table of at most 2^16 slots: the counter's wrap-around disturbs one turn in 2^32.
        Algorithm::Turn => turn() % slots.max(1),
        Algorithm::SourceModulo => client.fold() % slots.max(1),
        Algorithm::SourceHash => hash::scale(client.hash(CLIENT_SEED), slots),
    }
}

/// Chooses a server for a client's new connection.
#[inline(always)]
pub fn choose<A: Address>(
    pool: &impl Pool,
    algorithm: Algorithm,
    client: A,
) -> Result<ServerId, SelectError> {
    let slots = pool.slots();
    if slots == 0 {
        return Err(SelectError::NoTable);
    }
    let mut index = start(algorithm, client, || pool.turn(), slots);
    // A client that belongs to one server waits for it, should it be full, and for that it needs user space's queue.
    let probes = match algorithm {
        Algorithm::Turn => PROBES,
        Algorithm::SourceModulo | Algorithm::SourceHash => 1,
    };
    let mut probe = 0;
    while probe < probes && probe < slots {
        let server = pool.slot(index);
        if server != 0 && pool.usable(server) {
            return Ok(server);
        }
        index = if index + 1 < slots { index + 1 } else { 0 };
        probe += 1;
    }
    Err(SelectError::NoServer)
}
