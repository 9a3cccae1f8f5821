//! The order in which weighted servers take turns, as HAProxy orders them.
//!
//! Both sequences are one round long: as many turns as the weights, freed of their common divisor, add up to.

use core::cmp::Reverse;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use crate::value::{ServerId, TABLE_SLOTS};

/// A server with its weight; 0 gets no turn.
pub type Weighted = (ServerId, u32);

/// A server that takes turns at even distances.
struct Turns {
    id: ServerId,
    weight: u32,
    /// When its next turn is due.
    due: u32,
    /// What rounding its distances down has left, in shares of `weight`.
    left: u32,
    /// Turns taken in this round.
    taken: u32,
}

impl Turns {
    /// Moves its next turn on by the distance between two turns of a round.
    fn advance(&mut self, round: u32) {
        self.taken += 1;
        self.due += round / self.weight;
        self.left += round % self.weight;
        if self.left >= self.weight {
            self.left -= self.weight;
            self.due += 1;
        }
    }

    /// What decides who goes first: the earlier turn, then the smaller delay for its weight.
    fn rank(&self) -> (u32, i64) {
        (self.due, i64::from(self.left) - i64::from(self.weight))
    }
}

/// One round of `balance roundrobin`: each server's turns are evenly spread, the heaviest begins. Weights whose rounding
/// makes HAProxy's first round differ from the next ones (3, 3, 2 for one) get a round of their exact weights here.
pub fn smooth(servers: &[Weighted]) -> Vec<ServerId> {
    let servers = reduced(servers);
    let round = servers.iter().map(|&(_, weight)| weight).sum();
    let mut starting: VecDeque<_> =
        servers.into_iter().map(|(id, weight)| Turns { id, weight, due: 0, left: 0, taken: 0 }).collect();
    starting.make_contiguous().sort_by_key(|turns| Reverse(turns.weight));
    let mut running: Vec<Turns> = Vec::new();
    (0..round).filter_map(|now| take_turn(&mut starting, &mut running, now, round)).collect()
}

/// A server whose turn is due goes first, then one that has not had any.
fn take_turn(
    starting: &mut VecDeque<Turns>,
    running: &mut Vec<Turns>,
    now: u32,
    round: u32,
) -> Option<ServerId> {
    // Rounding must not give a server a turn too many, for the round is repeated.
    let open = running.iter().enumerate().filter(|(_, turns)| turns.taken < turns.weight);
    let first = open.min_by_key(|(_, turns)| turns.rank());
    let first = first.map(|(index, turns)| (index, turns.due));
    let mut turns = match (first, starting.is_empty()) {
        (Some((index, due)), none_starts) if due <= now || none_starts => running.remove(index),
        _ => Turns { due: now, ..starting.pop_front()? },
    };
    turns.advance(round);
    let id = turns.id;
    running.push(turns);
    Some(id)
}

/// One round of `balance static-rr`, which is also the table of map-based hashing.
pub fn map(servers: &[Weighted]) -> Vec<ServerId> {
    let servers = reduced(servers);
    let round = servers.iter().map(|&(_, weight)| i64::from(weight)).sum();
    let mut scores = vec![0_i64; servers.len()];
    (0..round)
        .filter_map(|_| {
            for (score, &(_, weight)) in scores.iter_mut().zip(&servers) {
                *score += i64::from(weight);
            }
            // The first of those that have gathered most whole rounds; `max_by_key` would take the last.
            let best =
                (0..scores.len()).rev().max_by_key(|&index| (scores[index] + round).div_euclid(round))?;
            scores[best] -= round;
            Some(servers[best].0)
        })
        .collect()
}

/// The servers with a weight, freed of the weights' common divisor, and scaled down where a round would not fit a table.
fn reduced(servers: &[Weighted]) -> Vec<Weighted> {
    let divisor = servers.iter().fold(0, |divisor, &(_, weight)| gcd(divisor, weight)).max(1);
    let total: u64 = servers.iter().map(|&(_, weight)| u64::from(weight / divisor)).sum();
    let limit = u64::from(TABLE_SLOTS);
    let fit = |weight: u32| match u64::from(weight / divisor) {
        weight if total <= limit => weight as u32,
        weight => (weight * limit / total).max(1) as u32,
    };
    let weighted = servers.iter().filter(|&&(_, weight)| weight > 0);
    // More servers than slots: those at the end get none.
    weighted.map(|&(id, weight)| (id, fit(weight))).take(TABLE_SLOTS as usize).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn servers(weights: &[u32]) -> Vec<Weighted> {
        weights.iter().enumerate().map(|(index, &weight)| (index as ServerId + 1, weight)).collect()
    }

    /// What HAProxy 2.6 was seen to do with `roundrobin` and `static-rr`; nothing where it was not looked at.
    const OBSERVED: &[(&[u32], &[ServerId], &[ServerId])] = &[
        (&[1, 1, 2], &[3, 1, 3, 2], &[1, 3, 2, 3]),
        (&[1, 1, 1], &[1, 2, 3], &[1, 2, 3]),
        (&[1, 2, 3], &[3, 2, 3, 1, 3, 2], &[1, 3, 2, 3, 2, 3]),
        (&[5, 1, 1], &[1, 1, 1, 2, 1, 1, 3], &[1, 1, 1, 2, 1, 1, 3]),
        (&[3, 2], &[1, 1, 2, 1, 2], &[1, 1, 2, 1, 2]),
        (&[7, 5, 3], &[1, 2, 1, 3, 2, 1, 1, 2, 3, 1, 2, 1, 1, 2, 3], &[]),
        (&[13, 1, 1, 1, 2], &[1, 1, 1, 5, 1, 1, 1, 2, 1, 1, 3, 1, 1, 5, 1, 1, 1, 4], &[]),
        (
            &[10, 7, 3, 1],
            &[1, 2, 1, 3, 1, 2, 1, 2, 1, 4, 2, 1, 3, 1, 2, 1, 2, 1, 3, 1, 2],
            &[1, 2, 1, 2, 1, 2, 3, 1, 1, 2, 1, 2, 1, 3, 1, 2, 1, 2, 1, 3, 4],
        ),
    ];

    #[test]
    fn turns_are_taken_as_haproxy_takes_them() {
        for (weights, roundrobin, static_rr) in OBSERVED {
            assert_eq!(smooth(&servers(weights)), *roundrobin, "{weights:?}");
            assert!(static_rr.is_empty() || map(&servers(weights)) == *static_rr, "{weights:?}");
        }
    }

    #[test]
    fn common_divisors_and_zero_weights_do_not_matter() {
        assert_eq!(smooth(&[(1, 100), (2, 0), (3, 200)]), [3, 3, 1]);
        assert!(smooth(&[(1, 0)]).is_empty() && map(&[]).is_empty());
    }

    #[test]
    fn too_long_a_round_is_scaled_down() {
        let weights: Vec<_> = (0..600).map(|index| 200 + index % 57).collect();
        for sequence in [smooth(&servers(&weights)), map(&servers(&weights))] {
            assert!(sequence.len() <= TABLE_SLOTS as usize && sequence.len() > 60_000);
        }
    }

    proptest! {
        #[test]
        fn everyone_gets_as_many_turns_as_its_weight(weights in proptest::collection::vec(0_u32..=20, 1..12)) {
            let divisor = weights.iter().copied().fold(0, gcd).max(1);
            for sequence in [smooth(&servers(&weights)), map(&servers(&weights))] {
                for (index, weight) in weights.iter().enumerate() {
                    let turns = sequence.iter().filter(|id| **id == index as ServerId + 1).count();
                    prop_assert_eq!(turns as u32, weight / divisor);
                }
            }
        }
    }
}
