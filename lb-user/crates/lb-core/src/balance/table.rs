//! The tables of both planes, as positions in a list of candidates.

use std::net::{IpAddr, SocketAddr};

use lb_common::address::Address;
use lb_common::maglev::{self, Entry};
use lb_common::select;
use lb_common::sequence::{self, Weighted};
use lb_common::value::{self, Algorithm, ServerId};
use lb_conf::model::{HashFunction, HashType};
use lb_expr::keyed;

use super::{Candidate, PickInput};

/// One round of turns, each as often as the weights say.
pub(super) fn turns(candidates: &[Candidate]) -> Vec<u16> {
    positions(sequence::smooth(&weighted(candidates)))
}

/// A slot for each.
pub(super) fn each(candidates: &[Candidate]) -> Vec<u16> {
    positions(weighted(candidates).into_iter().map(|(number, _)| number).collect())
}

/// The same in the order of `balance static-rr` and of map-based hashes.
pub(super) fn map(candidates: &[Candidate]) -> Vec<u16> {
    positions(sequence::map(&weighted(candidates)))
}

/// A table in which a server that leaves moves its own clients. `spare` are servers that are configured and may not
/// be chosen now.
pub(super) fn consistent(candidates: &[Candidate], spare: &[Candidate]) -> Vec<u16> {
    let all = || candidates.iter().chain(spare);
    // The size follows the weights without slowstart: a table of another size moves everything.
    let size = maglev::size(all().map(|candidate| candidate.full_weight));
    let entries: Vec<_> =
        all().enumerate().map(|(at, candidate)| entry(at, candidate, candidates.len())).collect();
    positions(maglev::table(&entries, size))
}

fn entry(at: usize, candidate: &Candidate, usable: usize) -> Entry<'_> {
    Entry {
        id: number(at),
        identity: candidate.server.config.name.as_bytes(),
        weight: candidate.weight,
        usable: at < usable,
    }
}

fn weighted(candidates: &[Candidate]) -> Vec<Weighted> {
    candidates.iter().enumerate().map(|(at, candidate)| (number(at), candidate.weight)).collect()
}

// The tables' numbers count from 1, and a table has fewer slots than a `u16` has values.
fn number(position: usize) -> ServerId {
    ServerId::try_from(position + 1).unwrap_or(0)
}

fn positions(numbers: Vec<ServerId>) -> Vec<u16> {
    numbers.into_iter().filter_map(|number| number.checked_sub(1)).collect()
}

/// The slot of a client's address, the same in both planes.
pub(super) fn client_slot(algorithm: Algorithm, client: IpAddr, slots: usize) -> usize {
    let slots = count(slots);
    let slot = match client.to_canonical() {
        IpAddr::V4(ip) => select::start(algorithm, ip.octets(), || 0, slots),
        IpAddr::V6(ip) => select::start(algorithm, ip.octets(), || 0, slots),
    };
    slot as usize
}

/// The slot of a hash in the table of a map-based hash.
pub(super) fn slot(hash: u32, slots: usize) -> usize {
    hash as usize % slots.max(1)
}

/// The number that a client's address is.
pub(super) fn fold(client: IpAddr) -> u32 {
    match client.to_canonical() {
        IpAddr::V4(ip) => ip.octets().fold(),
        IpAddr::V6(ip) => ip.octets().fold(),
    }
}

/// The hash of a key, HAProxy's.
pub(super) fn key_hash(how: HashType, key: &[u8]) -> u32 {
    let function = match how.function {
        HashFunction::Sdbm => keyed::sdbm,
        HashFunction::Djb2 => keyed::djb2,
        HashFunction::Wt6 => keyed::wt6,
        HashFunction::Crc32 => keyed::crc32,
    };
    mixed(how, function(key))
}

/// A hash with what `avalanche` does to it.
pub(super) fn mixed(how: HashType, hash: u32) -> u32 {
    if how.avalanche { keyed::avalanche(hash) } else { hash }
}

/// The lot of a client's connection, the same in both planes.
pub fn lot(client: SocketAddr) -> u32 {
    match client.ip().to_canonical() {
        IpAddr::V4(ip) => select::lot(ip.octets(), client.port()),
        IpAddr::V6(ip) => select::lot(ip.octets(), client.port()),
    }
}

/// The `n`th slot that a lot draws.
pub(super) fn draw(input: &PickInput<'_>, n: u32, slots: usize) -> usize {
    select::draw(input.random, n, count(slots)) as usize
}

// A table has at most `TABLE_SLOTS` slots.
fn count(slots: usize) -> u32 {
    u32::try_from(slots).unwrap_or(value::TABLE_SLOTS)
}
