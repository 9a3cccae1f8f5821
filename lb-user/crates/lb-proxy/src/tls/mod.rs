//! TLS on both sides, by rustls.
//!
//! [`Acceptor`] is a `bind` line, [`Connector`] a `server` line. Both are made by a [`Loader`], which reads all files
//! of a configuration before any of it goes live; [`Store`] lets commands replace certificates and OCSP responses
//! afterwards. [`Shared`] is what survives a reload: the keys of session tickets and the kept sessions.

mod acceptor;
mod certificate;
mod chain;
mod connector;
mod der;
mod error;
mod info;
mod loader;
mod names;
mod ocsp;
mod pem;
mod provider;
mod router;
mod sessions;
mod signature;
mod store;
mod template;
#[cfg(test)]
mod tests;
mod tickets;
mod verify;

use std::sync::Arc;

use lb_conf::model::TlsTuning;

pub use acceptor::Acceptor;
pub use connector::Connector;
pub use error::{HandshakeError, TlsError, TlsErrorKind};
pub use info::TlsInfo;
pub use loader::{Failed, Loader};
pub use ocsp::OcspError;
pub use store::{Listed, Store, StoreError};

/// What sessions are resumed from, for as long as the daemon runs.
#[derive(Clone, Debug)]
pub struct Shared {
    ring: Arc<tickets::KeyRing>,
    cache: Arc<sessions::SessionCache>,
}

impl Shared {
    /// New keys and an empty cache. None: the system has no random bytes.
    pub fn new(tuning: &TlsTuning) -> Option<Self> {
        let ring = Arc::new(tickets::KeyRing::random()?);
        Some(Self { ring, cache: Arc::new(sessions::SessionCache::new(tuning.cache_size, tuning.lifetime)) })
    }
}
