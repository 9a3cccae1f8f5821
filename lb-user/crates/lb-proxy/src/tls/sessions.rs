//! Sessions that the daemon keeps for clients that resume without a ticket.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::server::StoresServerSessions;

use super::tickets::Domain;

/// Parts with a lock of their own: more than there are workers on most machines.
const SHARDS: usize = 16;

/// Bytes that count as one place, as in HAProxy: a session with a client certificate in it takes several.
const BLOCK: usize = 200;

/// Sessions of all workers, bounded in size and in age. The oldest ones make room.
pub(super) struct SessionCache {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    /// Blocks in one shard.
    capacity: usize,
    lifetime: Duration,
}

#[derive(Default)]
struct Shard {
    sessions: HashMap<Vec<u8>, Session>,
    /// Keys by age, those of sessions that are gone included.
    order: VecDeque<Vec<u8>>,
    blocks: usize,
}

struct Session {
    value: Vec<u8>,
    until: Instant,
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCache").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl SessionCache {
    /// A cache of `size` blocks; with 0 it keeps nothing.
    pub(super) fn new(size: u32, lifetime: Duration) -> Self {
        let capacity = capacity(size);
        Self { shards: Default::default(), hasher: RandomState::new(), capacity, lifetime }
    }

    /// Whether it was made for this size and lifetime.
    pub(super) fn is_like(&self, size: u32, lifetime: Duration) -> bool {
        self.capacity == capacity(size) && self.lifetime == lifetime
    }

    fn shard(&self, key: &[u8]) -> Option<&Mutex<Shard>> {
        let hash = self.hasher.hash_one(key);
        self.shards.get(usize::try_from(hash % SHARDS as u64).unwrap_or(0))
    }

    fn put(&self, key: Vec<u8>, value: Vec<u8>, now: Instant) -> bool {
        let Some(shard) = self.shard(&key) else { return false };
        let session = Session { value, until: now + self.lifetime };
        if session.blocks() > self.capacity {
            return false;
        }
        let mut shard = shard.lock();
        shard.insert(key, session);
        while shard.blocks > self.capacity {
            shard.drop_oldest();
        }
        true
    }

    fn get(&self, key: &[u8], now: Instant) -> Option<Vec<u8>> {
        let shard = self.shard(key)?.lock();
        let session = shard.sessions.get(key).filter(|session| now <= session.until)?;
        Some(session.value.clone())
    }

    fn take(&self, key: &[u8], now: Instant) -> Option<Vec<u8>> {
        let session = self.shard(key)?.lock().remove(key)?;
        (now <= session.until).then_some(session.value)
    }
}

/// Questions to all caches, and those without an answer.
static LOOKUPS: AtomicU64 = AtomicU64::new(0);
static MISSES: AtomicU64 = AtomicU64::new(0);

/// How often clients asked for sessions, and how often in vain.
pub(crate) fn lookups() -> (u64, u64) {
    (LOOKUPS.load(Relaxed), MISSES.load(Relaxed))
}

fn counted(found: Option<Vec<u8>>) -> Option<Vec<u8>> {
    LOOKUPS.fetch_add(1, Relaxed);
    MISSES.fetch_add(u64::from(found.is_none()), Relaxed);
    found
}

/// Blocks in one shard.
fn capacity(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX).div_ceil(SHARDS)
}

impl Session {
    fn blocks(&self) -> usize {
        self.value.len().div_ceil(BLOCK).max(1)
    }
}

impl Shard {
    fn insert(&mut self, key: Vec<u8>, session: Session) {
        self.blocks += session.blocks();
        if let Some(old) = self.sessions.insert(key.clone(), session) {
            self.blocks -= old.blocks();
        }
        self.order.push_back(key);
        // Keys of sessions that were taken stay behind: now and then they are swept out.
        if self.order.len() > 2 * self.sessions.len() + SHARDS {
            let sessions = &self.sessions;
            self.order.retain(|key| sessions.contains_key(key));
        }
    }

    fn remove(&mut self, key: &[u8]) -> Option<Session> {
        let session = self.sessions.remove(key)?;
        self.blocks -= session.blocks();
        Some(session)
    }

    fn drop_oldest(&mut self) {
        match self.order.pop_front() {
            Some(key) => drop(self.remove(&key)),
            None => self.blocks = 0,
        }
    }
}

/// The part of the cache that one set of settings sees, as for tickets.
#[derive(Debug)]
pub(super) struct DomainSessions {
    pub(super) cache: Arc<SessionCache>,
    pub(super) domain: Domain,
}

impl DomainSessions {
    fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.domain, key].concat()
    }
}

impl StoresServerSessions for DomainSessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.cache.put(self.key(&key), value, Instant::now())
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        counted(self.cache.get(&self.key(key), Instant::now()))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        counted(self.cache.take(&self.key(key), Instant::now()))
    }

    fn can_cache(&self) -> bool {
        self.cache.capacity > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(300);

    fn total(cache: &SessionCache) -> usize {
        cache.shards.iter().map(|s| s.lock().sessions.len()).sum()
    }

    #[test]
    fn a_session_is_found_until_it_is_taken_or_old() {
        let (cache, now) = (SessionCache::new(1000, LIFE), Instant::now());
        assert!(cache.put(b"a".to_vec(), b"1".to_vec(), now));
        assert_eq!(cache.get(b"a", now + LIFE).as_deref(), Some(&b"1"[..]));
        assert_eq!(cache.get(b"a", now + LIFE + Duration::from_millis(1)), None);
        assert_eq!(cache.take(b"a", now).as_deref(), Some(&b"1"[..]));
        assert_eq!(cache.take(b"a", now), None);
    }

    #[test]
    fn the_cache_never_grows_beyond_its_size() {
        let (cache, now) = (SessionCache::new(160, LIFE), Instant::now());
        for n in 0..10_000_u32 {
            cache.put(n.to_be_bytes().to_vec(), vec![0; BLOCK], now);
        }
        assert!((120..=160).contains(&total(&cache)), "{}", total(&cache));
        for n in 0..1000_u32 {
            cache.put(n.to_be_bytes().to_vec(), vec![0; 4 * BLOCK], now);
        }
        assert!(total(&cache) <= 40, "{}", total(&cache));
        assert!(!cache.put(b"huge".to_vec(), vec![0; 11 * BLOCK], now), "larger than a shard");
        for shard in &cache.shards {
            let shard = shard.lock();
            assert_eq!(shard.blocks, shard.sessions.values().map(Session::blocks).sum::<usize>());
            assert!(shard.order.len() <= 2 * shard.sessions.len() + SHARDS);
        }
    }

    #[test]
    fn taken_sessions_leave_nothing_behind() {
        let (cache, now) = (SessionCache::new(1600, LIFE), Instant::now());
        for n in 0..10_000_u32 {
            cache.put(n.to_be_bytes().to_vec(), vec![0; 10], now);
            assert!(cache.take(&n.to_be_bytes(), now).is_some());
        }
        assert_eq!(total(&cache), 0);
        assert!(cache.shards.iter().all(|s| s.lock().order.len() <= SHARDS + 2));
    }

    #[test]
    fn domains_do_not_see_each_other() {
        let cache = Arc::new(SessionCache::new(100, LIFE));
        let [one, two] = [1, 2].map(|n| DomainSessions { cache: Arc::clone(&cache), domain: [n; 32] });
        assert!(one.put(b"a".to_vec(), b"1".to_vec()));
        assert_eq!(two.get(b"a"), None);
        assert!(one.get(b"a").is_some());
        assert!(!DomainSessions { cache: Arc::new(SessionCache::new(0, LIFE)), domain: [1; 32] }.can_cache());
    }
}
