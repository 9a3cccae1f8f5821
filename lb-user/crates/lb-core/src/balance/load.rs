//! Comparison of servers by load.

use std::cmp::Ordering;

use super::Candidate;

/// Which of two has less to do for its weight. The session to come counts, so that of two idle servers the heavier
/// one comes first only once both have something to do.
pub(super) fn compare(a: &Candidate, b: &Candidate) -> Ordering {
    let (load_a, load_b) = (pressure(a), pressure(b));
    (load_a * u64::from(b.weight)).cmp(&(load_b * u64::from(a.weight)))
}

fn pressure(candidate: &Candidate) -> u64 {
    match candidate.server.load() {
        0 => 0,
        busy => busy + 1,
    }
}

/// `hash-balance-factor`: a server takes at most its share of all sessions times a factor.
pub(super) struct Bound {
    sessions: u64,
    weights: u64,
    factor: u64,
}

impl Bound {
    pub(super) fn new(candidates: &[Candidate], factor: u32) -> Self {
        Self {
            sessions: candidates.iter().map(|candidate| candidate.server.load()).sum::<u64>() + 1,
            weights: candidates.iter().map(|candidate| u64::from(candidate.weight)).sum(),
            factor: u64::from(factor),
        }
    }

    /// Whether the server may take one session more.
    pub(super) fn admits(&self, candidate: &Candidate) -> bool {
        let share = u128::from(self.sessions) * u128::from(self.factor) * u128::from(candidate.weight);
        let most = share.div_ceil(u128::from(self.weights.max(1)) * 100);
        u128::from(candidate.server.load()) < most
    }
}
