//! The ring of a consistent hash: each server has places on a circle of 32 bits, as many as its weight says, and a key
//! goes to the place that is nearest. Places and distances are HAProxy's.

use lb_expr::keyed::avalanche;

use super::Candidate;

/// Numbers that belong to each server, of which it uses as many as its weight in sixteenths.
const PLACES: u32 = 4096;

/// Places of servers, as positions in the list of candidates.
#[derive(Debug)]
pub(super) struct Ring(Vec<(u32, u16)>);

impl Ring {
    pub(super) fn new(candidates: &[Candidate]) -> Self {
        let mut places: Vec<_> =
            (0..).zip(candidates).flat_map(|(at, candidate)| places(at, candidate)).collect();
        places.sort_by_key(|(place, _)| *place);
        Self(places)
    }

    /// The servers of a hash: the nearest first, then those that follow on the circle.
    pub(super) fn from(&self, hash: u32) -> impl Iterator<Item = usize> {
        let first = self.nearest(hash);
        self.0[first..].iter().chain(&self.0[..first]).map(|(_, at)| usize::from(*at))
    }

    fn nearest(&self, hash: u32) -> usize {
        let count = self.0.len();
        let next = self.0.partition_point(|(place, _)| *place < hash) % count.max(1);
        let before = next.checked_sub(1).unwrap_or(count.saturating_sub(1));
        let place = |at: usize| self.0.get(at).map_or(0, |(place, _)| *place);
        let (back, forth) = (hash.wrapping_sub(place(before)), place(next).wrapping_sub(hash));
        if back <= forth { before } else { next }
    }
}

fn places(at: u16, candidate: &Candidate) -> impl Iterator<Item = (u32, u16)> + use<> {
    let first = candidate.server.config.id.wrapping_mul(PLACES);
    (0..candidate.weight).map(move |n| (avalanche(first.wrapping_add(n)), at))
}
