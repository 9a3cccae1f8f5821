//! The tables of both planes, as positions in a list of servers.

use super::{Candidate, PickInput};
use std::net::IpAddr;

/// Each position as often as its weight says, in the smoothest order.
pub(super) fn turns(weights: &[u32]) -> Vec<u16> {
    let gcd = weights.iter().copied().fold(0, gcd).max(1);
    let weights: Vec<i64> = weights.iter().map(|&weight| i64::from(weight / gcd)).collect();
    let total: i64 = weights.iter().sum();
    let mut credit: Vec<i64> = vec![0; weights.len()];
    let mut sequence = Vec::new();
    for _ in 0..total {
        let mut best = 0;
        for (at, weight) in weights.iter().enumerate() {
            credit[at] += weight;
            if credit[at] > credit[best] {
                best = at;
            }
        }
        credit[best] -= total;
        sequence.push(u16::try_from(best).unwrap_or(u16::MAX));
    }
    sequence
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A table in which a server that leaves moves its own clients.
pub(super) fn consistent(candidates: &[Candidate]) -> Vec<u16> {
    let weights: Vec<u32> = candidates.iter().map(|candidate| candidate.weight).collect();
    turns(&weights)
}

/// The hash of what the choice depends on; None: the request has no such thing.
pub(super) fn hash(input: &PickInput<'_>) -> Option<u32> {
    match (input.key, input.client?) {
        (Some(key), _) => Some(xxhash_rust::xxh32::xxh32(key, 0)),
        (None, IpAddr::V4(ip)) => Some(xxhash_rust::xxh32::xxh32(&ip.octets(), 0)),
        (None, IpAddr::V6(ip)) => Some(xxhash_rust::xxh32::xxh32(&ip.octets(), 0)),
    }
}

/// The slot of a hash.
pub(super) fn slot(hash: u32, slots: usize) -> usize {
    ((u64::from(hash) * slots as u64) >> 32) as usize
}

/// The `n`th slot that a random word draws.
pub(super) fn draw(random: u64, n: u32, slots: usize) -> usize {
    let word = xxhash_rust::xxh32::xxh32(&random.to_le_bytes(), n);
    slot(word, slots)
}
