//! Session tickets (RFC 5077, RFC 8446 4.6.1): what resumes a session without a place in the daemon's memory.
//!
//! All workers seal with the same key. A key that the daemon made is replaced every hour, and the one before it
//! still opens; keys from a file stay until the next reload. A ticket opens only under settings that demand the same
//! of clients as those that it was sealed under: otherwise one from a `bind` line without `verify` would let a
//! client without a certificate in elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use data_encoding::BASE64;
use parking_lot::Mutex;
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;

use super::error::TlsErrorKind;

/// How long a key seals: random nonces allow 2^32 tickets under one key (NIST SP 800-38D, 8.3), more than an hour of
/// handshakes needs.
const ROTATION: Duration = Duration::from_secs(3600);

/// Bytes of a key's name, which stands in front of each ticket.
const NAME_LEN: usize = 16;

/// Keys that a file must hold, which is also how many count: the last ones.
const FILE_KEYS: usize = 3;

/// What separates tickets that must not be mixed up.
pub(super) type Domain = [u8; 32];

struct Key {
    name: [u8; NAME_LEN],
    aead: RandomizedNonceKey,
}

/// The keys that are in use.
pub(super) struct KeyRing {
    keys: ArcSwap<Keys>,
    /// When the next key is due. None: never.
    due: Option<Mutex<Instant>>,
}

/// Keys that open tickets, and which of them seals.
struct Keys {
    all: Vec<Arc<Key>>,
    sealing: usize,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}

impl Key {
    fn random() -> Option<Self> {
        let mut bytes = [0; NAME_LEN + 32];
        rand::fill(&mut bytes).ok()?;
        Self::derive(&bytes)
    }

    /// A key from a name and secret bytes of any length.
    fn derive(bytes: &[u8]) -> Option<Self> {
        let (name, secret) = bytes.split_first_chunk()?;
        let aead = RandomizedNonceKey::new(&AES_256_GCM, digest(&SHA256, secret).as_ref()).ok()?;
        Some(Self { name: *name, aead })
    }
}

impl KeyRing {
    /// A ring that makes its own keys. None: the system has no random bytes.
    pub(super) fn random() -> Option<Self> {
        let keys = Keys { all: vec![Arc::new(Key::random()?)], sealing: 0 };
        Some(Self { keys: ArcSwap::from_pointee(keys), due: Some(Mutex::new(Instant::now() + ROTATION)) })
    }

    /// The keys of a file: one in base64 on each line, 48 or 80 bytes, the last but one of which seals.
    pub(super) fn from_file(text: &[u8]) -> Result<Self, TlsErrorKind> {
        let text = std::str::from_utf8(text).map_err(|_| TlsErrorKind::TicketKeys("not text"))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.map(decode_key).collect::<Result<Vec<_>, _>>()?;
        let length = keys.first().map_or(0, Vec::len);
        if keys.len() < FILE_KEYS {
            return Err(TlsErrorKind::TicketKeys("fewer than three keys"));
        }
        if keys.iter().any(|key| key.len() != length) {
            return Err(TlsErrorKind::TicketKeys("keys of 48 and of 80 bytes in one file"));
        }
        let last = keys.get(keys.len() - FILE_KEYS..).unwrap_or_default();
        let all = last.iter().filter_map(|key| Key::derive(key)).map(Arc::new).collect();
        Ok(Self { keys: ArcSwap::from_pointee(Keys { all, sealing: FILE_KEYS - 2 }), due: None })
    }

    fn rotate_if_due(&self) {
        let Some(due) = &self.due else { return };
        // Another worker that is at it now does it for all.
        let Some(mut due) = due.try_lock() else { return };
        let now = Instant::now();
        if now < *due {
            return;
        }
        // Without random bytes the old key goes on.
        let Some(fresh) = Key::random() else { return };
        let old = self.keys.load();
        let before = old.all.get(old.sealing).cloned();
        let all = std::iter::once(Arc::new(fresh)).chain(before).collect();
        self.keys.store(Arc::new(Keys { all, sealing: 0 }));
        *due = now + ROTATION;
    }

    fn seal(&self, domain: &Domain, message: &[u8]) -> Option<Vec<u8>> {
        self.rotate_if_due();
        let keys = self.keys.load();
        let key = keys.all.get(keys.sealing)?;
        let mut sealed = message.to_vec();
        let nonce = key.aead.seal_in_place_append_tag(Aad::from(domain), &mut sealed).ok()?;
        Some([&key.name[..], nonce.as_ref(), &sealed].concat())
    }

    fn open(&self, domain: &Domain, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LEN>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let keys = self.keys.load();
        let key = keys.all.iter().find(|key| key.name == *name)?;
        let mut message = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key.aead.open_in_place(nonce, Aad::from(domain), &mut message).ok()?.len();
        message.truncate(length);
        Some(message)
    }
}

fn decode_key(line: &str) -> Result<Vec<u8>, TlsErrorKind> {
    let key = BASE64.decode(line.as_bytes()).map_err(|_| TlsErrorKind::TicketKeys("a line is not base64"))?;
    match key.len() {
        48 | 80 => Ok(key),
        _ => Err(TlsErrorKind::TicketKeys("a key is neither 48 nor 80 bytes long")),
    }
}

/// Seals and opens the tickets of one set of settings.
#[derive(Debug)]
pub(super) struct Ticketer {
    pub(super) ring: Arc<KeyRing>,
    pub(super) domain: Domain,
    /// How long a ticket is good for.
    pub(super) lifetime: Duration,
}

impl Ticketer {
    fn lifetime_seconds(&self) -> u32 {
        u32::try_from(self.lifetime.as_secs()).unwrap_or(u32::MAX)
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.lifetime_seconds()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let now = UnixTime::now().as_secs();
        self.ring.seal(&self.domain, &[&now.to_be_bytes()[..], plain].concat())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let message = self.ring.open(&self.domain, cipher)?;
        let (made, plain) = message.split_first_chunk()?;
        let age = UnixTime::now().as_secs().checked_sub(u64::from_be_bytes(*made))?;
        (age <= self.lifetime.as_secs()).then(|| plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticketer(ring: &Arc<KeyRing>, domain: u8) -> Ticketer {
        Ticketer { ring: Arc::clone(ring), domain: [domain; 32], lifetime: Duration::from_secs(300) }
    }

    fn file(keys: &[u8], length: usize) -> String {
        keys.iter().map(|k| BASE64.encode(&vec![*k; length]) + "\n").collect()
    }

    #[test]
    fn a_ticket_opens_in_its_own_domain_only() {
        let ring = Arc::new(KeyRing::random().expect("keys"));
        let ticket = ticketer(&ring, 1).encrypt(b"session").expect("sealed");
        assert_eq!(ticketer(&ring, 1).decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(ticketer(&ring, 2).decrypt(&ticket), None);
        let other = Arc::new(KeyRing::random().expect("keys"));
        assert_eq!(ticketer(&other, 1).decrypt(&ticket), None);
    }

    #[test]
    fn broken_tickets_do_not_open() {
        let ring = Arc::new(KeyRing::random().expect("keys"));
        let ticketer = ticketer(&ring, 1);
        let ticket = ticketer.encrypt(b"session").expect("sealed");
        for end in 0..ticket.len() {
            assert_eq!(ticketer.decrypt(&ticket[..end]), None);
        }
        for at in 0..ticket.len() {
            let mut broken = ticket.clone();
            broken[at] ^= 1;
            assert_eq!(ticketer.decrypt(&broken), None, "byte {at}");
        }
    }

    #[test]
    fn a_rotated_key_still_opens_once() {
        let ring = Arc::new(KeyRing::random().expect("keys"));
        let ticketer = ticketer(&ring, 1);
        let ticket = ticketer.encrypt(b"session").expect("sealed");
        let rotate = || *ring.due.as_ref().expect("rotates").lock() = Instant::now();
        rotate();
        let second = ticketer.encrypt(b"next").expect("sealed");
        assert_ne!(ticket[..NAME_LEN], second[..NAME_LEN]);
        assert!(ticketer.decrypt(&ticket).is_some());
        rotate();
        ticketer.encrypt(b"last").expect("sealed");
        assert!(ticketer.decrypt(&ticket).is_none());
        assert!(ticketer.decrypt(&second).is_some());
    }

    #[test]
    fn old_tickets_do_not_open() {
        let ring = Arc::new(KeyRing::random().expect("keys"));
        let ticketer = ticketer(&ring, 1);
        let made = UnixTime::now().as_secs() - 301;
        let ticket = ring.seal(&[1; 32], &[&made.to_be_bytes()[..], b"session"].concat()).expect("sealed");
        assert_eq!(ticketer.decrypt(&ticket), None);
    }

    #[test]
    fn two_daemons_with_one_file_open_each_other_s_tickets() {
        let ring = |keys: &[u8]| Arc::new(KeyRing::from_file(file(keys, 80).as_bytes()).expect("keys"));
        let (one, two) = (ring(&[1, 2, 3]), ring(&[0, 1, 2, 3, 4]));
        let ticket = ticketer(&one, 1).encrypt(b"session").expect("sealed");
        assert!(ticketer(&two, 1).decrypt(&ticket).is_some(), "key 2 is the third from the end");
        assert!(ticketer(&ring(&[3, 4, 5]), 1).decrypt(&ticket).is_none());
    }

    #[test]
    fn files_without_enough_keys_are_refused() {
        let reason = |text: &str| match KeyRing::from_file(text.as_bytes()) {
            Err(TlsErrorKind::TicketKeys(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(&file(&[1, 2], 48)), "fewer than three keys");
        assert_eq!(reason(&(file(&[1, 2], 48) + &file(&[3], 80))), "keys of 48 and of 80 bytes in one file");
        assert_eq!(reason(&file(&[1, 2, 3], 47)), "a key is neither 48 nor 80 bytes long");
        assert_eq!(reason("!\n"), "a line is not base64");
    }
}
