//! The verifiers that rustls calls.

use std::sync::Arc;

use lb_conf::model::IgnoredErrors;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use super::chain::{Authorities, ChainError, ChainErrorKind, Peer};
use super::names::Names;
use super::signature;

/// Verifies client certificates: `verify optional` and `verify required`.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    pub(super) authorities: Authorities,
    /// The names of authorities that clients are told.
    pub(super) hints: Vec<DistinguishedName>,
    pub(super) required: bool,
    pub(super) crt_ignore: IgnoredErrors,
    pub(super) ca_ignore: IgnoredErrors,
}

impl ClientVerifier {
    /// What is wrong with a chain that was let through, as OpenSSL would count it.
    pub(super) fn passed_over(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Option<ChainError> {
        if self.crt_ignore.is_none() && self.ca_ignore.is_none() {
            return None;
        }
        let (leaf, above) = chain.split_first()?;
        self.authorities.verify(leaf, above, now, Peer::Client).err()
    }

    fn ignores(&self, error: &ChainError) -> bool {
        let list = if error.depth == 0 { &self.crt_ignore } else { &self.ca_ignore };
        list.contains(error.code())
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.authorities.verify(leaf, above, now, Peer::Client) {
            Err(e) if !self.ignores(&e) => Err(tls_error(e)),
            _ => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature::schemes()
    }
}

/// Verifies server certificates: `verify required` and `verify none`.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    /// None: any certificate will do.
    pub(super) authorities: Option<Authorities>,
    /// `verifyhost`: the name where no server name is sent.
    pub(super) host: Option<Arc<str>>,
}

impl ServerVerifier {
    fn check_name(&self, cert: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
        let wanted = match name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            // An address stands for "no server name" here: the server's own, which it need not be certified for.
            _ => self.host.as_deref(),
        };
        let Some(wanted) = wanted else { return Ok(()) };
        let names = Names::of(cert).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        match names.cover(wanted) {
            true => Ok(()),
            false => Err(Error::InvalidCertificate(CertificateError::NotValidForName)),
        }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(authorities) = &self.authorities {
            authorities.verify(leaf, above, now, Peer::Server).map_err(tls_error)?;
            self.check_name(leaf, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature::schemes()
    }
}

/// The error with the alert that OpenSSL sends for it; what rustls has no error of its own for keeps its place in
/// the chain instead.
fn tls_error(error: ChainError) -> Error {
    let known = match error.kind {
        _ if error.depth > 0 => None,
        ChainErrorKind::Expired => Some(CertificateError::Expired),
        ChainErrorKind::NotYetValid => Some(CertificateError::NotValidYet),
        ChainErrorKind::Revoked => Some(CertificateError::Revoked),
        // OpenSSL sends `unknown_ca` for both; the number of the second is lost by it.
        ChainErrorKind::NoIssuerHere | ChainErrorKind::SelfSigned => Some(CertificateError::UnknownIssuer),
        ChainErrorKind::BadSignature => Some(CertificateError::BadSignature),
        ChainErrorKind::WrongPurpose => Some(CertificateError::InvalidPurpose),
        _ => None,
    };
    Error::InvalidCertificate(known.unwrap_or_else(|| CertificateError::Other(OtherError(Arc::new(error)))))
}

/// OpenSSL's number for an error of [`tls_error`] that has lost it.
pub(super) fn number_of(error: &CertificateError) -> u32 {
    let kind = match error {
        CertificateError::Expired => ChainErrorKind::Expired,
        CertificateError::NotValidYet => ChainErrorKind::NotYetValid,
        CertificateError::Revoked => ChainErrorKind::Revoked,
        CertificateError::UnknownIssuer => ChainErrorKind::NoIssuerHere,
        CertificateError::BadSignature => ChainErrorKind::BadSignature,
        CertificateError::InvalidPurpose => ChainErrorKind::WrongPurpose,
        _ => ChainErrorKind::Other,
    };
    kind as u32
}
