//! How a backend chooses a server.
//!
//! A [`Selection`] is built whenever a server's usability or weight changes, and replaced whole; choosing from it
//! takes no lock.

mod load;
mod ring;
mod table;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lb_conf::model::{self, Algorithm, HashKind, HashType};

use self::ring::Ring;

pub use table::lot;

use crate::server::{FULL_THROTTLE, Server, ServerId, ServerLease, State};
use crate::tick::Tick;

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct PickInput<'a> {
    /// Now.
    pub now: Tick,
    /// The client's address; None: a client on a Unix socket.
    pub client: Option<IpAddr>,
    /// What [`Algorithm::Key`] hashes, where the request has it.
    pub key: Option<&'a [u8]>,
    /// What [`Algorithm::Random`] draws by: the client's lot ([`lot`]) where a connection is all there is to serve, so
    /// that both planes draw alike, and otherwise a random word for each choice.
    pub random: u32,
    /// A server to leave out as long as there is another: the one that just failed.
    pub avoid: Option<ServerId>,
}

impl PickInput<'_> {
    /// A choice that depends on the client's address only.
    pub fn client(now: Tick, client: IpAddr) -> Self {
        Self { now, client: Some(client), key: None, random: 0, avoid: None }
    }
}

/// A choice.
#[derive(Debug)]
pub enum Pick {
    /// A place on this server is taken.
    Server(ServerLease),
    /// The algorithm wants this server and no other, and it is full: wait in its queue.
    Full(Arc<Server>),
    /// All servers are full: wait in the backend's queue.
    AllFull,
    /// There is none.
    None,
}

/// A server that load balancing may choose.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The server.
    pub server: Arc<Server>,
    /// Its weight in sixteenths, less while it starts slowly; never 0.
    pub weight: u32,
    /// The same without slow start.
    pub full_weight: u32,
}

/// The servers among which a backend chooses at a time, and how.
#[derive(Debug)]
pub struct Selection {
    candidates: Vec<Candidate>,
    method: Method,
    // The next turn; also where scans begin, so that equals take turns.
    turn: AtomicUsize,
}

// Slots hold positions in `candidates`.
#[derive(Debug)]
enum Method {
    Turns(Vec<u16>),
    Table { slots: Vec<u16>, of: HashOf },
    // Those whose request has nothing to hash take turns.
    Ring { ring: Ring, turns: Vec<u16>, of: HashOf, bound: Option<u32> },
    // These know their servers from `candidates`; the slots are the other plane's.
    Least(Vec<u16>),
    First(Vec<u16>),
    Random { slots: Vec<u16>, draws: u32 },
}

#[derive(Clone, Copy, Debug)]
enum HashOf {
    // The client's address, by the function that the kernel plane calls too.
    Shared(lb_common::value::Algorithm),
    // The client's address.
    Client(HashType),
    Key(HashType),
}

/// How the kernel plane chooses the same server as [`Selection::pick`]. Slots hold positions in
/// [`Selection::candidates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots<'a> {
    /// Each slot in turn.
    Turn(&'a [u16]),
    /// The slot of the client's address.
    Source(&'a [u16]),
    /// The least loaded; a slot each.
    Least(&'a [u16]),
    /// The first that is not full; a slot each.
    First(&'a [u16]),
    /// The least loaded of so many slots drawn by lot.
    Draw(&'a [u16], u32),
}

impl Selection {
    pub(crate) fn new(config: &model::Backend, all: &[Arc<Server>]) -> Self {
        let (mut candidates, spare) = candidates(all, config.all_backups);
        if config.algorithm == Algorithm::First {
            candidates.sort_by_key(|candidate| candidate.server.config.id);
        }
        let method = Method::new(config, &candidates, &spare);
        Self { candidates, method, turn: AtomicUsize::new(0) }
    }

    /// The servers among which it chooses.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The slots for the kernel plane. None: its method needs what only user space knows.
    pub fn slots(&self) -> Option<Slots<'_>> {
        match &self.method {
            Method::Turns(slots) => Some(Slots::Turn(slots)),
            Method::Table { slots, of: HashOf::Shared(_) } => Some(Slots::Source(slots)),
            Method::Table { .. } | Method::Ring { .. } => None,
            Method::Least(slots) => Some(Slots::Least(slots)),
            Method::First(slots) => Some(Slots::First(slots)),
            Method::Random { slots, draws } => Some(Slots::Draw(slots, *draws)),
        }
    }

    /// Chooses a server and takes a place on it.
    pub fn pick(&self, input: &PickInput<'_>) -> Pick {
        match &self.method {
            _ if self.candidates.is_empty() => Pick::None,
            Method::Turns(slots) => self.in_turn(slots, input),
            Method::Table { slots, of } => match of.slot(slots.len(), input) {
                Some(home) => self.by_table(slots, home, input),
                None => self.in_turn(slots, input),
            },
            Method::Ring { ring, turns, of, bound } => match of.hash(input) {
                Some(hash) => self.by_ring(ring, hash, *bound, input),
                None => self.in_turn(turns, input),
            },
            Method::Least(_) => self.least_of(self.rotation(), input),
            Method::First(_) => self.first(input),
            Method::Random { slots, draws } => self.by_lot(slots, *draws, input),
        }
    }

    fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Relaxed)
    }

    fn avoids(&self, candidate: &Candidate, input: &PickInput<'_>) -> bool {
        input.avoid == Some(candidate.server.id) && self.candidates.len() > 1
    }

    // The candidate of a slot; slots wrap around.
    fn at(&self, slots: &[u16], slot: usize) -> &Candidate {
        &self.candidates[usize::from(slots[slot % slots.len()])]
    }

    fn in_turn(&self, slots: &[u16], input: &PickInput<'_>) -> Pick {
        let first = self.next_turn();
        for step in 0..slots.len() {
            let candidate = self.at(slots, first.wrapping_add(step));
            if self.avoids(candidate, input) {
                continue;
            }
            if let Some(lease) = candidate.server.lease_if_free(input.now) {
                return Pick::Server(lease);
            }
        }
        Pick::AllFull
    }

    fn by_table(&self, slots: &[u16], home: usize, input: &PickInput<'_>) -> Pick {
        let walk = (home..home + slots.len()).map(|slot| self.at(slots, slot));
        let found = walk.into_iter().find(|candidate| !self.avoids(candidate, input));
        Self::only(found.unwrap_or_else(|| self.at(slots, home)), input)
    }

    fn by_ring(&self, ring: &Ring, hash: u32, bound: Option<u32>, input: &PickInput<'_>) -> Pick {
        let most = bound.map(|factor| load::Bound::new(&self.candidates, factor));
        let fits = |at: &usize| {
            self.candidates.get(*at).is_some_and(|candidate| !self.avoids(candidate, input))
                && most.as_ref().is_none_or(|most| most.admits(&self.candidates, *at))
        };
        let found = ring.from(hash).find(fits).or_else(|| ring.from(hash).next());
        found
            .and_then(|at| self.candidates.get(at))
            .map_or(Pick::None, |candidate| Self::only(candidate, input))
    }

    // This one, or a place in its queue.
    fn only(candidate: &Candidate, input: &PickInput<'_>) -> Pick {
        let server = &candidate.server;
        server.lease_if_free(input.now).map_or_else(|| Pick::Full(Arc::clone(server)), Pick::Server)
    }

    // All candidates, from another one each time.
    fn rotation(&self) -> impl Iterator<Item = &Candidate> + Clone {
        let first = self.next_turn() % self.candidates.len();
        self.candidates[first..].iter().chain(&self.candidates[..first])
    }

    // Others may take the last place between the comparison and the lease: then the comparison is made again.
    fn least_of<'a>(&self, of: impl Iterator<Item = &'a Candidate> + Clone, input: &PickInput<'_>) -> Pick {
        for _ in 0..=self.candidates.len() {
            let free = of.clone().filter(|c| !self.avoids(c, input) && c.server.has_room());
            let Some(best) = free.min_by_key(|candidate| load::pressure(candidate)) else { break };
            if let Some(lease) = best.server.lease_if_free(input.now) {
                return Pick::Server(lease);
            }
        }
        Pick::AllFull
    }

    fn first(&self, input: &PickInput<'_>) -> Pick {
        let open = self.candidates.iter().filter(|candidate| !self.avoids(candidate, input));
        let mut leases = open.filter_map(|candidate| candidate.server.lease_if_free(input.now));
        leases.next().map_or(Pick::AllFull, Pick::Server)
    }

    fn by_lot(&self, slots: &[u16], draws: u32, input: &PickInput<'_>) -> Pick {
        let drawn = (0..draws).map(|n| self.at(slots, table::draw(input, n, slots.len())));
        match self.least_of(drawn, input) {
            // The drawn ones are full or to be avoided; another may not be.
            Pick::AllFull => self.least_of(self.rotation(), input),
            pick => pick,
        }
    }
}

impl HashOf {
    // The slot of a table; None: the request has nothing to hash.
    fn slot(self, slots: usize, input: &PickInput<'_>) -> Option<usize> {
        match self {
            Self::Shared(algorithm) => Some(table::client_slot(algorithm, input.client?, slots)),
            Self::Client(_) | Self::Key(_) => self.hash(input).map(|hash| table::slot(hash, slots)),
        }
    }

    // The hash; None: the request has nothing to hash.
    fn hash(self, input: &PickInput<'_>) -> Option<u32> {
        match self {
            Self::Shared(_) => input.client.map(table::fold),
            Self::Client(how) => input.client.map(|client| table::mixed(how, table::fold(client))),
            Self::Key(how) => input.key.map(|key| table::key_hash(how, key)),
        }
    }
}

impl Method {
    fn new(config: &model::Backend, candidates: &[Candidate], spare: &[Candidate]) -> Self {
        match config.algorithm {
            Algorithm::RoundRobin => Self::Turns(table::turns(candidates)),
            Algorithm::StaticRr => Self::Turns(table::map(candidates)),
            Algorithm::LeastConn => Self::Least(table::each(candidates)),
            Algorithm::First => Self::First(table::each(candidates)),
            Algorithm::Random(draws) => Self::Random { slots: table::turns(candidates), draws: draws.max(1) },
            Algorithm::Source | Algorithm::Key(_) => Self::hash(config, candidates, spare),
        }
    }

    fn hash(config: &model::Backend, candidates: &[Candidate], spare: &[Candidate]) -> Self {
        use lb_common::value::Algorithm::{SourceHash, SourceModulo};
        let how = config.hash_type;
        let of = match config.algorithm {
            Algorithm::Source => HashOf::Client(how),
            _ => HashOf::Key(how),
        };
        match how.kind {
            HashKind::MapBased if config.algorithm == Algorithm::Source && !how.avalanche => {
                Self::Table { slots: table::map(candidates), of: HashOf::Shared(SourceModulo) }
            }
            HashKind::MapBased => Self::Table { slots: table::map(candidates), of },
            HashKind::Consistent if config.shares_table() => {
                Self::Table { slots: table::consistent(candidates, spare), of: HashOf::Shared(SourceHash) }
            }
            HashKind::Consistent => Self::Ring {
                ring: Ring::new(candidates),
                turns: table::turns(candidates),
                of,
                bound: config.hash_balance_factor,
            },
        }
    }
}

// The usable active servers and the others of their kind; where none is usable, the first usable backup one, or all.
fn candidates(all: &[Arc<Server>], all_backups: bool) -> (Vec<Candidate>, Vec<Candidate>) {
    let (active, idle) = of_kind(all, false);
    if !active.is_empty() {
        return (active, idle);
    }
    let (mut backups, idle) = of_kind(all, true);
    if all_backups {
        return (backups, idle);
    }
    backups.truncate(1);
    (backups, Vec::new())
}

fn of_kind(all: &[Arc<Server>], backup: bool) -> (Vec<Candidate>, Vec<Candidate>) {
    let servers = all.iter().filter(|server| server.config.backup == backup);
    let states = servers.map(|server| (server, server.state()));
    let weighted = states.filter(|(_, state)| state.effective_weight() > 0);
    let (usable, idle): (Vec<_>, Vec<_>) = weighted.partition(|(_, state)| state.usable());
    let candidate = |(server, state): (&Arc<Server>, State)| Candidate {
        server: Arc::clone(server),
        weight: state.effective_weight(),
        full_weight: state.weight * FULL_THROTTLE,
    };
    (usable.into_iter().map(candidate).collect(), idle.into_iter().map(candidate).collect())
}
