//! From a client to a server: the part of the decision that the user plane shares.

use crate::address::Address;
use crate::hash;
use crate::value::{Algorithm, ServerId};

/// Slots that are looked at for a usable server before giving up. Tables hold usable servers only, so more than one is
/// needed only while servers are full or a change is on its way; what gives up here is served in user space.
pub const PROBES: u32 = 16;

/// Servers that are compared, and draws that are made, at most: what bounds the work for a SYN. Backends with more of
/// them are served in user space.
pub const MAX_COMPARED: u32 = 64;

/// The seed of the clients' hash, fixed: a client keeps its server over restarts and on every balancer.
const CLIENT_SEED: u32 = 0x6c62_7831;

/// The seed of draws.
const LOT_SEED: u32 = 0x6c6f_7421;

/// A server with all its weight: 256 times sixteen sixteenths.
const FULL_WEIGHT: u64 = 256 * 16;

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
    /// What a server has to do ([`pressure`]); none if it takes no other connection in any plane.
    fn pressure(&self, server: ServerId) -> Option<u64>;
    /// The same value, of which the kernel's verifier knows nothing: it would follow every combination of what it knows
    /// of each server through the rest of a comparison.
    fn forget(&self, value: u64) -> u64 {
        value
    }
}

/// A client's new connection.
#[derive(Clone, Copy, Debug)]
pub struct Caller<A> {
    /// Where it comes from.
    pub address: A,
    /// The port there.
    pub port: u16,
}

/// Why no server was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectError {
    /// The service has no table, or an empty one.
    NoTable,
    /// No server that was looked at can take the connection.
    NoServer,
}

/// What a server with so many connections has to do for its weight, which is in sixteenths: where that is least, the
/// next connection goes. The connection to come counts, so that of two idle servers the heavier one comes first only
/// once both have something to do.
#[inline(always)]
pub fn pressure(connections: u32, weight: u32) -> u64 {
    if connections == 0 {
        return 0;
    }
    // Rounded down as HAProxy rounds it, for then there are the same ties.
    let weight = if weight == 0 { 1 } else { weight as u64 };
    (connections as u64 + 1) * FULL_WEIGHT / weight
}

/// The slot that a client's connection starts looking at, of `slots`.
#[inline(always)]
pub fn start<A: Address>(algorithm: Algorithm, client: A, turn: impl FnOnce() -> u32, slots: u32) -> u32 {
    match algorithm {
        // A table of at most 2^16 slots: the counter's wrap-around disturbs one turn in 2^32.
        Algorithm::Turn | Algorithm::Least => turn() % slots.max(1),
        Algorithm::SourceModulo => client.fold() % slots.max(1),
        Algorithm::SourceHash => hash::scale(client.hash(CLIENT_SEED), slots),
        Algorithm::First | Algorithm::Draw => 0,
    }
}

/// What a client's draws follow from: as random as the ports that clients choose, and the same in both planes.
#[inline(always)]
pub fn lot<A: Address>(client: A, port: u16) -> u32 {
    hash::words3(client.hash(LOT_SEED), port as u32, 0, LOT_SEED)
}

/// The slot of the draw with this number.
#[inline(always)]
pub fn draw(lot: u32, number: u32, slots: u32) -> u32 {
    hash::scale(hash::words3(lot, number, 0, LOT_SEED), slots)
}

/// Chooses a server for a client's new connection; `draws` is how many slots [`Algorithm::Draw`] compares.
#[inline(always)]
pub fn choose<A: Address>(
    pool: &impl Pool,
    algorithm: Algorithm,
    draws: u32,
    caller: Caller<A>,
) -> Result<ServerId, SelectError> {
    let slots = pool.slots();
    if slots == 0 {
        return Err(SelectError::NoTable);
    }
    let first = start(algorithm, caller.address, || pool.turn(), slots);
    match algorithm {
        Algorithm::Turn => probe(pool, first, slots, PROBES),
        // A client that belongs to one server waits for it, should it be full, and for that it needs user space's queue.
        Algorithm::SourceModulo | Algorithm::SourceHash => probe(pool, first, slots, 1),
        // Where the best is out of this plane's reach, the connection is the other plane's, which sends it there.
        Algorithm::Least => reachable(pool, least(pool, slots, |step| wrapped(first, step, slots), slots)),
        Algorithm::First => reachable(pool, first_free(pool, slots)),
        Algorithm::Draw => {
            let lot = lot(caller.address, caller.port);
            reachable(pool, least(pool, draws, |number| draw(lot, number, slots), slots))
        }
    }
}

#[inline(always)]
fn probe(pool: &impl Pool, first: u32, slots: u32, probes: u32) -> Result<ServerId, SelectError> {
    let mut index = first;
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

/// `step` slots on from `first`, both of them less than `slots`.
#[inline(always)]
fn wrapped(first: u32, step: u32, slots: u32) -> u32 {
    let index = first + step;
    if index < slots { index } else { index - slots }
}

/// The server with the least to do of those in the slots that `place` gives for `0..count`; the first one of equals.
#[inline(always)]
fn least(pool: &impl Pool, count: u32, place: impl Fn(u32) -> u32, slots: u32) -> ServerId {
    // The server stands behind what it has to do, in one word.
    let mut best = pool.forget(NOBODY);
    let mut step = 0;
    while step < MAX_COMPARED && step < count {
        let index = place(step);
        let server = if index < slots { pool.slot(index) } else { 0 };
        let pressure = if server != 0 { pool.pressure(server) } else { None };
        let candidate = pool.forget(match pressure {
            Some(pressure) => pressure << ServerId::BITS | server as u64,
            None => NOBODY,
        });
        if candidate >> ServerId::BITS < best >> ServerId::BITS {
            best = candidate;
        }
        step += 1;
    }
    best as ServerId
}

/// More to do than any server has, and the number of none.
const NOBODY: u64 = u64::MAX << ServerId::BITS;

/// The first server that takes another connection.
#[inline(always)]
fn first_free(pool: &impl Pool, slots: u32) -> ServerId {
    let mut index = 0;
    while index < MAX_COMPARED && index < slots {
        let server = pool.slot(index);
        if server != 0 && pool.pressure(server).is_some() {
            return server;
        }
        index += 1;
    }
    0
}

#[inline(always)]
fn reachable(pool: &impl Pool, server: ServerId) -> Result<ServerId, SelectError> {
    if server != 0 && pool.usable(server) { Ok(server) } else { Err(SelectError::NoServer) }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use super::*;
    use crate::address::V4;

    /// Servers 1, 2, …, each with what it has to do.
    #[derive(Default)]
    struct Loads {
        slots: Vec<ServerId>,
        pressures: Vec<Option<u64>>,
        out_of_reach: Option<ServerId>,
        turn: Cell<u32>,
    }

    impl Pool for Loads {
        fn slots(&self) -> u32 {
            self.slots.len() as u32
        }

        fn slot(&self, index: u32) -> ServerId {
            self.slots[index as usize]
        }

        fn turn(&self) -> u32 {
            self.turn.replace(self.turn.get() + 1)
        }

        fn usable(&self, server: ServerId) -> bool {
            self.pressure(server).is_some() && self.out_of_reach != Some(server)
        }

        fn pressure(&self, server: ServerId) -> Option<u64> {
            self.pressures[usize::from(server) - 1]
        }
    }

    fn loads(pressures: &[Option<u64>]) -> Loads {
        let slots = (1..=pressures.len() as ServerId).collect();
        Loads { slots, pressures: pressures.to_vec(), ..Loads::default() }
    }

    fn chosen(pool: &Loads, algorithm: Algorithm, port: u16) -> Result<ServerId, SelectError> {
        choose::<V4>(pool, algorithm, 2, Caller { address: [10, 0, 0, 1], port })
    }

    #[test]
    fn the_least_loaded_for_its_weight_is_chosen() {
        assert_eq!((pressure(0, 16), pressure(0, 4096)), (0, 0));
        assert!(pressure(1, 32) < pressure(1, 16) && pressure(3, 32) == pressure(1, 16));
        let pool = loads(&[Some(5), Some(3), Some(4), None]);
        assert!((0..8).all(|port| chosen(&pool, Algorithm::Least, port) == Ok(2)));
        let equals = loads(&[Some(0), Some(0), Some(0)]);
        let turns: Vec<_> = (0..4).map(|port| chosen(&equals, Algorithm::Least, port).unwrap()).collect();
        assert_eq!(turns, [1, 2, 3, 1]);
    }

    #[test]
    fn the_best_being_out_of_reach_leaves_the_connection_to_the_other_plane() {
        let pool = Loads { out_of_reach: Some(2), ..loads(&[Some(5), Some(3)]) };
        assert_eq!(chosen(&pool, Algorithm::Least, 1), Err(SelectError::NoServer));
        assert_eq!(chosen(&pool, Algorithm::First, 1), Ok(1));
        let pool = Loads { out_of_reach: Some(1), ..pool };
        assert_eq!(chosen(&pool, Algorithm::Least, 1), Ok(2));
        assert_eq!(chosen(&pool, Algorithm::First, 1), Err(SelectError::NoServer));
    }

    #[test]
    fn the_first_with_room_is_filled_first() {
        assert_eq!(chosen(&loads(&[Some(9), Some(0)]), Algorithm::First, 1), Ok(1));
        assert_eq!(chosen(&loads(&[None, Some(7), Some(0)]), Algorithm::First, 1), Ok(2));
        assert_eq!(chosen(&loads(&[None, None]), Algorithm::First, 1), Err(SelectError::NoServer));
        assert_eq!(chosen(&loads(&[]), Algorithm::First, 1), Err(SelectError::NoTable));
    }

    #[test]
    fn draws_spread_and_prefer_who_has_less_to_do() {
        let count = |pool: &Loads| {
            let mut counts = BTreeMap::new();
            for port in 0..9000 {
                *counts.entry(chosen(pool, Algorithm::Draw, port).unwrap()).or_insert(0) += 1;
            }
            counts
        };
        let even = count(&loads(&[Some(1), Some(1), Some(1)]));
        assert!(even.values().all(|n| (2700..3300).contains(n)), "{even:?}");
        // Of two draws out of three, five in nine meet a server at least once.
        let busy = count(&loads(&[Some(0), Some(1), Some(2)]));
        assert!((4700..5300).contains(&busy[&1]) && (2700..3300).contains(&busy[&2]), "{busy:?}");
    }

    #[test]
    fn more_servers_than_are_compared_do_not_matter() {
        let many = loads(&[Some(7); MAX_COMPARED as usize + 9]);
        many.turn.set(MAX_COMPARED);
        assert_eq!(chosen(&many, Algorithm::Least, 1), Ok(MAX_COMPARED as ServerId + 1));
    }
}
