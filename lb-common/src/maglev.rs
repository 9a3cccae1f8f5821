//! Maglev tables: every server gets its share of the slots within one, and changes of the set of servers move few slots
//! (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", section 3.4).
//!
//! A server that is configured but not usable takes part in the first filling and then gives its slots up to the others,
//! who go on taking turns: its going and coming moves its own slots and no other.

use std::vec;
use std::vec::Vec;

use xxhash_rust::xxh64::xxh64;

use crate::value::{ServerId, TABLE_SLOTS};

/// Table sizes: primes, so that every server's walk visits every slot.
const PRIMES: [u32; 6] = [251, 1021, 4093, 16_381, 32_749, TABLE_SLOTS];

/// Slots for each unit of weight, at least, as long as the largest table has them. 100 would do for shares within one
/// percent; ten times as many keep what a server that leaves moves of the others' slots low.
const SLOTS_PER_WEIGHT: u64 = 1000;

/// The seeds of the two hashes that describe a server's walk.
const OFFSET_SEED: u64 = 0x6f66_6673;
const SKIP_SEED: u64 = 0x736b_6970;

/// A server of a table.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number, not 0.
    pub id: ServerId,
    /// What identifies it over restarts and on every balancer: its address or its name.
    pub identity: &'a [u8],
    /// Its weight; 0 gets no slot.
    pub weight: u32,
    /// Whether it takes connections now.
    pub usable: bool,
}

/// A server's walk over the slots.
struct Walk {
    id: ServerId,
    usable: bool,
    next: u32,
    skip: u32,
    weight: u64,
    credit: u64,
}

impl Walk {
    fn new(entry: &Entry<'_>, size: u32) -> Self {
        let hash = |seed| xxh64(entry.identity, seed);
        Self {
            id: entry.id,
            usable: entry.usable,
            next: (hash(OFFSET_SEED) % u64::from(size)) as u32,
            skip: (hash(SKIP_SEED) % u64::from(size - 1)) as u32 + 1,
            weight: u64::from(entry.weight),
            credit: 0,
        }
    }

    /// Takes the next free slot of the walk; false if the table is full.
    fn take(&mut self, table: &mut [ServerId]) -> bool {
        let size = table.len() as u32;
        for _ in 0..size {
            let slot = &mut table[self.next as usize];
            self.next = (self.next + self.skip) % size;
            if *slot == 0 {
                *slot = self.id;
                return true;
            }
        }
        false
    }
}

/// The table size for servers of these weights. Take all that are configured, usable or not: a table whose size
/// changes moves everything.
pub fn size(weights: impl Iterator<Item = u32> + Clone) -> u32 {
    // Weights of 100 each need no larger a table than weights of 1.
    let divisor = weights.clone().fold(0, gcd).max(1);
    let total: u64 = weights.map(|weight| u64::from(weight / divisor)).sum();
    let wanted = total.saturating_mul(SLOTS_PER_WEIGHT);
    PRIMES.into_iter().find(|&prime| u64::from(prime) >= wanted).unwrap_or(TABLE_SLOTS)
}

/// The table of `size` slots (see [`size`]) over these servers; empty if no usable one has a weight. Their order does
/// not matter if their identities differ.
pub fn table(entries: &[Entry<'_>], size: u32) -> Vec<ServerId> {
    let mut entries: Vec<_> = entries.iter().filter(|entry| entry.weight > 0).collect();
    if !entries.iter().any(|entry| entry.usable) {
        return Vec::new();
    }
    entries.sort_by(|a, b| a.identity.cmp(b.identity));
    let mut walks: Vec<_> = entries.iter().map(|entry| Walk::new(entry, size)).collect();
    let mut table = vec![0; size as usize];
    fill(&mut table, &mut walks);
    let gone: Vec<_> = walks.iter().filter(|walk| !walk.usable).map(|walk| walk.id).collect();
    if !gone.is_empty() {
        walks.retain(|walk| walk.usable);
        table.iter_mut().filter(|slot| gone.contains(slot)).for_each(|slot| *slot = 0);
        fill(&mut table, &mut walks);
    }
    table
}

/// Fills the empty slots. The heaviest server takes one in every round, the others as often as their weights allow.
fn fill(table: &mut [ServerId], walks: &mut [Walk]) {
    let most = walks.iter().map(|walk| walk.weight).max().unwrap_or(1);
    loop {
        for walk in &mut *walks {
            walk.credit += walk.weight;
            while walk.credit >= most {
                walk.credit -= most;
                if !walk.take(table) {
                    return;
                }
            }
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::string::String;

    use super::*;
    use proptest::prelude::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|index| std::format!("10.0.0.{index}:80")).collect()
    }

    fn entries<'a>(names: &'a [String], weights: &[u32]) -> Vec<Entry<'a>> {
        let weighted = names.iter().zip(weights);
        weighted
            .enumerate()
            .map(|(index, (name, &weight))| Entry {
                id: index as ServerId + 1,
                identity: name.as_bytes(),
                weight,
                usable: true,
            })
            .collect()
    }

    fn shares(table: &[ServerId]) -> BTreeMap<ServerId, f64> {
        let mut shares = BTreeMap::new();
        for &id in table {
            *shares.entry(id).or_default() += 1.0 / table.len() as f64;
        }
        shares
    }

    proptest! {
        #[test]
        fn shares_follow_weights_within_a_percent(weights in proptest::collection::vec(1_u32..=10, 1..40)) {
            let names = names(weights.len());
            let size = size(weights.iter().copied());
            let shares = shares(&table(&entries(&names, &weights), size));
            let total: u32 = weights.iter().sum();
            for (index, &weight) in weights.iter().enumerate() {
                let wanted = f64::from(weight) / f64::from(total);
                let share = shares[&(index as ServerId + 1)];
                prop_assert!((share / wanted - 1.0).abs() <= 0.01, "{share} instead of {wanted}");
            }
        }

        #[test]
        fn a_server_that_goes_down_moves_no_slots_but_its_own(
            weights in proptest::collection::vec(1_u32..=10, 2..40),
            gone in 0_usize..40,
        ) {
            let gone = gone % weights.len();
            let names = names(weights.len());
            let size = size(weights.iter().copied());
            let mut entries = entries(&names, &weights);
            let before = table(&entries, size);
            entries[gone].usable = false;
            let after = table(&entries, size);
            let down = gone as ServerId + 1;
            prop_assert!(before.iter().zip(&after).all(|(a, b)| a == b || *a == down));
            let shares = shares(&after);
            let total: u32 = weights.iter().sum::<u32>() - weights[gone];
            for (index, &weight) in weights.iter().enumerate().filter(|(index, _)| *index != gone) {
                let wanted = f64::from(weight) / f64::from(total);
                let share = shares[&(index as ServerId + 1)];
                prop_assert!((share / wanted - 1.0).abs() <= 0.01, "{share} instead of {wanted}");
            }
        }

        #[test]
        fn a_server_that_is_removed_moves_few_slots_but_its_own(count in 2_usize..60, gone in 0_usize..60) {
            let gone = gone % count;
            let names = names(count);
            let size = size(std::iter::repeat_n(1, count));
            let mut entries = entries(&names, &std::vec![1; count]);
            let before = table(&entries, size);
            let removed = entries.remove(gone).id;
            let after = table(&entries, size);
            let moved = before.iter().zip(&after).filter(|(a, b)| **a != removed && a != b).count();
            // Of the slots that were not the removed server's.
            let rest = before.iter().filter(|id| **id != removed).count();
            let limit = 1.3 / count as f64;
            prop_assert!(moved as f64 / rest as f64 <= limit, "{moved} of {rest}");
        }
    }

    #[test]
    fn a_table_without_weight_is_empty() {
        let names = names(2);
        assert!(table(&entries(&names, &[0, 0]), 251).is_empty());
        assert!(table(&[], 251).is_empty());
    }

    #[test]
    fn the_order_of_servers_does_not_matter() {
        let names = names(5);
        let mut entries = entries(&names, &[1, 2, 3, 4, 5]);
        let straight = table(&entries, 4093);
        entries.reverse();
        assert_eq!(straight, table(&entries, 4093));
    }

    #[test]
    fn no_slot_stays_empty_and_large_weights_share_the_largest_table() {
        let names = names(50);
        let size = size([255; 50].into_iter());
        assert_eq!(size, TABLE_SLOTS);
        let table = table(&entries(&names, &[255; 50]), size);
        assert!(!table.contains(&0));
    }
}
