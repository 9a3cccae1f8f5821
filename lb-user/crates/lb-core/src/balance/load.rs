//! What servers have to do.

use lb_common::select;

use super::Candidate;

/// What a server has to do for its weight, counted as the kernel plane counts it.
pub(super) fn pressure(candidate: &Candidate) -> u64 {
    let connections = u32::try_from(candidate.server.load()).unwrap_or(u32::MAX);
    select::pressure(connections, candidate.weight)
}

/// `hash-balance-factor`: a server takes at most its share of all sessions times a factor. The remainder of the shares
/// goes to the servers in their order, as HAProxy hands it out.
pub(super) struct Bound {
    slots: u64,
    weights: u64,
}

impl Bound {
    pub(super) fn new(candidates: &[Candidate], factor: u32) -> Self {
        let sessions = candidates.iter().map(|candidate| candidate.server.load()).sum::<u64>() + 1;
        Self {
            slots: (sessions * u64::from(factor)).div_ceil(100),
            weights: candidates.iter().map(|c| u64::from(c.weight)).sum::<u64>().max(1),
        }
    }

    /// Whether the server in this place may take one session more.
    pub(super) fn admits(&self, candidates: &[Candidate], at: usize) -> bool {
        let Some(candidate) = candidates.get(at) else { return false };
        let before: u64 = candidates[..at].iter().map(|c| u64::from(c.weight)).sum();
        let weight = u64::from(candidate.weight);
        let (whole, rest) = (self.slots / self.weights, self.slots % self.weights);
        let share = (before + weight) * rest / self.weights - before * rest / self.weights;
        candidate.server.load() < (weight * whole + share).max(1)
    }
}
