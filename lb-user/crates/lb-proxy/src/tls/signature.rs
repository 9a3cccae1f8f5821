//! Signatures of the handshake, by keys from certificates that webpki would not parse: X.509 v1 among them.

use std::sync::LazyLock;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::der::CertificateFields;

static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> =
    LazyLock::new(|| rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms);

/// The algorithms of the provider.
pub(super) fn algorithms() -> &'static WebPkiSupportedAlgorithms {
    &ALGORITHMS
}

/// The schemes that the provider verifies.
pub(super) fn schemes() -> Vec<SignatureScheme> {
    algorithms().supported_schemes()
}

fn fields<'a>(cert: &'a CertificateDer<'_>) -> Result<CertificateFields<'a>, Error> {
    CertificateFields::parse(cert).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// Verifies a signature of a TLS 1.3 handshake.
pub(super) fn verify13(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let key = SubjectPublicKeyInfoDer::from(fields(cert)?.public_key);
    verify_tls13_signature_with_raw_key(message, &key, dss, algorithms())
}

/// Verifies a signature of a TLS 1.2 handshake.
pub(super) fn verify12(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let wrong = Error::InvalidCertificate(CertificateError::BadSignature);
    let key = fields(cert)?.key().ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let offered = algorithms().mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
    let (_, candidates) = offered.ok_or_else(|| wrong.clone())?;
    // In TLS 1.2 a scheme does not say which curve the key is on.
    let mut fitting = candidates.iter().filter(|a| a.public_key_alg_id().as_ref() == key.algorithm);
    match fitting.any(|a| a.verify_signature(key.key, message, dss.signature()).is_ok()) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(wrong),
    }
}
