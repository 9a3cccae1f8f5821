//! Which certificate a client is shown: by the name that it asks for and by the keys that it takes.

use std::collections::HashMap;
use std::sync::Arc;

use lb_conf::model::SniFilter;
use rustls::pki_types::UnixTime;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ServerConfig, SignatureAlgorithm};

use super::certificate::Certificate;
use super::template::Template;
use super::verify::ClientVerifier;

/// The certificates of a `bind` line by name. Names are in lower case.
#[derive(Debug, Default)]
pub(super) struct Router {
    shown: Vec<Arc<Shown>>,
    exact: HashMap<Box<str>, Vec<usize>>,
    /// By what follows `*`, which begins with a dot.
    wildcard: HashMap<Box<str>, Vec<usize>>,
    /// The first ones: several where it is a bundle.
    defaults: usize,
    strict: bool,
}

/// A certificate under the settings of its line.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) certificate: Arc<Certificate>,
    pub(super) config: Arc<ServerConfig>,
    pub(super) verifier: Option<Arc<ClientVerifier>>,
    excluded: Vec<Box<str>>,
}

/// Certificates that share names and settings.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) certificates: Vec<Arc<Certificate>>,
    pub(super) template: &'a Template,
    pub(super) names: &'a [SniFilter],
}

/// Shows one certificate to everybody: the choice is made before rustls asks.
#[derive(Debug)]
struct Chosen(Arc<Certificate>);

impl ResolvesServerCert for Chosen {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.shown(now()))
    }
}

/// In seconds since 1970.
pub(super) fn now() -> i64 {
    i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX)
}

impl Router {
    /// The router of a `bind` line's certificates in their order.
    pub(super) fn new<'a>(entries: impl IntoIterator<Item = Entry<'a>>, strict: bool) -> Self {
        let mut router = Self { strict, ..Self::default() };
        for entry in entries {
            for certificate in &entry.certificates {
                router.add(certificate, &entry);
            }
            if router.defaults == 0 {
                router.defaults = router.shown.len();
            }
        }
        router
    }

    fn add(&mut self, certificate: &Arc<Certificate>, entry: &Entry<'_>) {
        let index = self.shown.len();
        let resolver = Arc::new(Chosen(Arc::clone(certificate)));
        let (negative, positive): (Vec<_>, Vec<_>) = entry.names.iter().partition(|filter| filter.negative);
        self.shown.push(Arc::new(Shown {
            certificate: Arc::clone(certificate),
            config: Arc::new(entry.template.config(resolver)),
            verifier: entry.template.verifier.clone(),
            excluded: negative.iter().map(|filter| Box::from(&*filter.pattern)).collect(),
        }));
        // A line that has any filter, were it only `!*`, leaves the names in the certificate out.
        if entry.names.is_empty() {
            let names = &certificate.names;
            names.dns.iter().chain(&names.common).for_each(|name| self.insert(name, index));
        }
        positive.iter().for_each(|filter| self.insert(&filter.pattern, index));
    }

    fn insert(&mut self, name: &str, index: usize) {
        let (map, key) = match name.strip_prefix('*') {
            Some("") => return,
            Some(rest) => (&mut self.wildcard, rest),
            None => (&mut self.exact, name),
        };
        let list = map.entry(key.into()).or_default();
        if !list.contains(&index) {
            list.push(index);
        }
    }

    /// The certificate for a client. None: it is refused.
    pub(super) fn choose(&self, hello: &ClientHello<'_>) -> Option<&Arc<Shown>> {
        let named = hello.server_name().and_then(|name| self.named(name, hello));
        match named {
            Some(shown) => Some(shown),
            None if self.strict => None,
            None => best(self.shown.get(..self.defaults).unwrap_or_default().iter(), hello),
        }
    }

    fn named<'a>(&'a self, name: &str, hello: &ClientHello<'_>) -> Option<&'a Arc<Shown>> {
        let lower;
        let name = match name.bytes().any(|b| b.is_ascii_uppercase()) {
            true => {
                lower = name.to_ascii_lowercase();
                lower.as_str()
            }
            false => name,
        };
        let at = |list: &'a [usize]| list.iter().filter_map(|index| self.shown.get(*index));
        if let Some(list) = self.exact.get(name) {
            return best(at(list), hello);
        }
        let rest = name.find('.').and_then(|dot| name.get(dot..))?;
        let list = self.wildcard.get(rest)?;
        best(at(list).filter(|shown| !shown.excluded.iter().any(|e| **e == *name)), hello)
    }
}

/// Of several, the first with an ECDSA key that the client takes, else the first that it takes; else the first.
fn best<'a>(
    shown: impl Iterator<Item = &'a Arc<Shown>> + Clone,
    hello: &ClientHello<'_>,
) -> Option<&'a Arc<Shown>> {
    let first = shown.clone().next()?;
    if shown.clone().nth(1).is_none() {
        return Some(first);
    }
    let mut taken = shown.filter(|shown| takes(hello, shown));
    let any = taken.clone().next().unwrap_or(first);
    Some(taken.find(|shown| shown.certificate.algorithm() == SignatureAlgorithm::ECDSA).unwrap_or(any))
}

/// Whether the client verifies signatures of the certificate's key, and speaks a suite that goes with it.
fn takes(hello: &ClientHello<'_>, shown: &Shown) -> bool {
    let certificate = &shown.certificate;
    certificate.key().choose_scheme(hello.signature_schemes()).is_some()
        && fits(hello.cipher_suites(), certificate.algorithm())
}

/// Whether a suite has this kind of key in it. Those of TLS 1.3, which leave the key open, count where there are no
/// others: some clients list them and speak TLS 1.2 alone.
fn fits(suites: &[CipherSuite], algorithm: SignatureAlgorithm) -> bool {
    let is_rsa = |suite: &u16| matches!(suite, 0xC02F | 0xC030 | 0xCCA8);
    let is_ecdsa = |suite: &u16| matches!(suite, 0xC02B | 0xC02C | 0xCCA9);
    let mut suites =
        suites.iter().map(|suite| u16::from(*suite)).filter(|s| is_rsa(s) || is_ecdsa(s)).peekable();
    match algorithm {
        _ if suites.peek().is_none() => true,
        SignatureAlgorithm::RSA => suites.any(|suite| is_rsa(&suite)),
        _ => suites.any(|suite| is_ecdsa(&suite)),
    }
}
