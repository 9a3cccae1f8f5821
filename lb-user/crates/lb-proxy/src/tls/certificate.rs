//! A certificate with its chain, its private key and its OCSP response.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::SignatureAlgorithm;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};

use super::der::CertificateFields;
use super::error::TlsErrorKind;
use super::names::Names;
use super::ocsp::{Good, OcspError};
use super::pem::Pem;

/// What one file brought.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) path: PathBuf,
    pub(super) names: Names,
    plain: Arc<CertifiedKey>,
    issuer: Option<CertificateDer<'static>>,
    staple: ArcSwapOption<Staple>,
}

/// A response that is sent along.
#[derive(Debug)]
struct Staple {
    key: Arc<CertifiedKey>,
    /// In seconds since 1970.
    until: i64,
}

impl Certificate {
    /// Puts together what was read; `issuer` is for a chain that lacks the issuer's certificate.
    pub(super) fn new(path: &Path, pem: Pem, issuer: Option<Pem>) -> Result<Self, TlsErrorKind> {
        let Pem { certificates, key, .. } = pem;
        let key = key.ok_or(TlsErrorKind::NoKeyInside)?;
        let key = any_supported_type(&key).map_err(|e| TlsErrorKind::Key(e.to_string()))?;
        let chain = in_order(certificates, &*key)?;
        let leaf = chain.first().ok_or(TlsErrorKind::NoCertificate)?;
        let names = Names::of(leaf);
        let names =
            names.ok_or_else(|| TlsErrorKind::Certificate { number: 1, reason: "not X.509".into() })?;
        let candidates =
            chain.iter().skip(1).cloned().chain(issuer.into_iter().flat_map(|pem| pem.certificates));
        let issuer = candidates.into_iter().find(|c| issued(c, leaf));
        let plain = Arc::new(CertifiedKey::new(chain, key));
        Ok(Self { path: path.to_owned(), names, plain, issuer, staple: ArcSwapOption::empty() })
    }

    /// The certificate itself, DER.
    pub(super) fn leaf(&self) -> &[u8] {
        self.plain.cert.first().map(AsRef::as_ref).unwrap_or_default()
    }

    /// What its key signs with.
    pub(super) fn algorithm(&self) -> SignatureAlgorithm {
        self.plain.key.algorithm()
    }

    /// The key.
    pub(super) fn key(&self) -> &dyn SigningKey {
        &*self.plain.key
    }

    /// What shows it to servers.
    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.plain)))
    }

    /// What is shown to a client at `now`, in seconds since 1970.
    pub(super) fn shown(&self, now: i64) -> Arc<CertifiedKey> {
        match &*self.staple.load() {
            Some(staple) if now <= staple.until => Arc::clone(&staple.key),
            _ => Arc::clone(&self.plain),
        }
    }

    /// Takes an OCSP response, which clients get from now on.
    pub(super) fn set_ocsp(&self, der: &[u8], now: i64) -> Result<(), OcspError> {
        let good = Good::parse(der, now)?;
        let issuer = self.issuer.as_ref().ok_or(OcspError::NoIssuer)?;
        let leaf = self.plain.cert.first().ok_or(OcspError::OtherCertificate)?;
        if !good.is_about(leaf, issuer) {
            return Err(OcspError::OtherCertificate);
        }
        let mut key = (*self.plain).clone();
        key.ocsp = Some(der.to_vec());
        let until = good.until.unwrap_or(i64::MAX);
        self.staple.store(Some(Arc::new(Staple { key: Arc::new(key), until })));
        Ok(())
    }
}

/// The certificate of the key first, then each one's issuer, then what is left as it stood.
fn in_order(
    mut rest: Vec<CertificateDer<'static>>,
    key: &dyn SigningKey,
) -> Result<Vec<CertificateDer<'static>>, TlsErrorKind> {
    for (index, cert) in rest.iter().enumerate() {
        let readable = CertificateFields::parse(cert).is_some();
        let unreadable = || TlsErrorKind::Certificate { number: index + 1, reason: "not X.509".into() };
        readable.then_some(()).ok_or_else(unreadable)?;
    }
    if rest.is_empty() {
        return Err(TlsErrorKind::NoCertificate);
    }
    let own = rest.iter().position(|c| belongs(c, key)).ok_or(TlsErrorKind::KeyMismatch)?;
    let mut chain = vec![rest.remove(own)];
    while let Some(next) = chain.last().and_then(|last| rest.iter().position(|c| issued(c, last))) {
        chain.push(rest.remove(next));
    }
    chain.append(&mut rest);
    Ok(chain)
}

fn belongs(cert: &CertificateDer<'_>, key: &dyn SigningKey) -> bool {
    let Some(fields) = CertificateFields::parse(cert) else { return false };
    key.public_key().is_some_and(|public| public.as_ref() == fields.public_key)
}

/// Whether one certificate's subject is the other's issuer.
fn issued(above: &CertificateDer<'_>, below: &CertificateDer<'_>) -> bool {
    let (above, below) = (CertificateFields::parse(above), CertificateFields::parse(below));
    above.zip(below).is_some_and(|(above, below)| above.subject == below.issuer)
}
