//! What the certificates of one set of settings have in common.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use lb_conf::model::BindTlsSettings;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, ServerConfig};

use super::provider::{provider, versions};
use super::sessions::{DomainSessions, SessionCache};
use super::tickets::{Domain, KeyRing, Ticketer};
use super::verify::ClientVerifier;

/// Settings in rustls' terms, without a certificate.
#[derive(Debug)]
pub(super) struct Template {
    base: ServerConfig,
    pub(super) verifier: Option<Arc<ClientVerifier>>,
}

/// What sessions are resumed from.
#[derive(Clone, Debug)]
pub(super) struct Resumption {
    pub(super) ring: Arc<KeyRing>,
    pub(super) cache: Arc<SessionCache>,
    pub(super) lifetime: Duration,
}

impl Template {
    /// Settings with what verifies clients under them.
    pub(super) fn new(
        settings: &BindTlsSettings,
        verifier: Option<Arc<ClientVerifier>>,
        resumption: &Resumption,
    ) -> Result<Self, Error> {
        let builder = ServerConfig::builder_with_provider(provider(&settings.suites));
        let builder = builder.with_protocol_versions(&versions(settings.suites.versions))?;
        let builder = match verifier.clone() {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut base = builder.with_cert_resolver(Arc::new(Nothing));
        base.alpn_protocols = settings.alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        base.ignore_client_order = !settings.prefer_client_ciphers;
        let domain = domain(settings, verifier.as_deref());
        if !settings.no_tickets {
            let (ring, lifetime) = (Arc::clone(&resumption.ring), resumption.lifetime);
            base.ticketer = Arc::new(Ticketer { ring, domain, lifetime });
        }
        base.session_storage = Arc::new(DomainSessions { cache: Arc::clone(&resumption.cache), domain });
        Ok(Self { base, verifier })
    }

    /// The settings with what chooses the certificate.
    pub(super) fn config(&self, resolver: Arc<dyn ResolvesServerCert>) -> ServerConfig {
        let mut config = self.base.clone();
        config.cert_resolver = resolver;
        config
    }
}

/// Stands where a resolver will be.
#[derive(Debug)]
struct Nothing;

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// What sessions must not be carried over: what is demanded of clients, down to the certificates of the authorities.
fn domain(settings: &BindTlsSettings, verifier: Option<&ClientVerifier>) -> Domain {
    let mut text = format!("{:?}", settings.client).into_bytes();
    for certificate in verifier.iter().flat_map(|v| &v.authorities.certificates) {
        text.extend_from_slice(certificate);
    }
    let mut domain = Domain::default();
    // SHA-256 is as long as the domain.
    domain.iter_mut().zip(digest(&SHA256, &text).as_ref()).for_each(|(to, from)| *to = *from);
    domain
}
