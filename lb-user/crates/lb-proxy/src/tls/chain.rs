//! Whether a peer's chain of certificates is trusted, with OpenSSL's number for the reason where it is not.
//!
//! The path is built by webpki. What OpenSSL trusts beyond that, and people use, is looked at here: a certificate
//! that is itself in the file of authorities, and one that an authority in that file signed directly although it
//! has no extensions (X.509 v1, what `openssl x509 -req` makes) or calls itself an authority.

use std::fmt;

use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{CertRevocationList, EndEntityCert, Error, KeyUsage, RevocationOptionsBuilder};
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};

use super::der::{CertificateFields, PublicKey, Reader, SEQUENCE, Signed};

/// Who is trusted to sign certificates of one kind of peer.
#[derive(Debug)]
pub(super) struct Authorities {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    revoked: Vec<RevocationList>,
    algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
}

/// A revocation list. Its `der` is what its signature covers.
#[derive(Debug)]
pub(super) struct RevocationList {
    der: Vec<u8>,
    list: CertRevocationList<'static>,
    next_update: Option<i64>,
}

/// What the peer is to the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Client,
    Server,
}

/// Why a chain is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (depth {depth})")]
pub(super) struct ChainError {
    pub(super) kind: ChainErrorKind,
    /// Which certificate: 0 is the peer's own.
    pub(super) depth: u8,
}

/// The reasons, each with OpenSSL's number (x509_vfy.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChainErrorKind {
    Other = 1,
    NoIssuer = 2,
    NoRevocationList = 3,
    BadSignature = 7,
    NotYetValid = 9,
    Expired = 10,
    RevocationListExpired = 12,
    SelfSigned = 18,
    SelfSignedInChain = 19,
    NoIssuerHere = 20,
    ChainTooLong = 22,
    Revoked = 23,
    InvalidAuthority = 24,
    PathTooLong = 25,
    WrongPurpose = 26,
}

impl fmt::Display for ChainErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Other => "the certificate cannot be checked",
            Self::NoIssuer | Self::NoIssuerHere => "the issuer is not known",
            Self::NoRevocationList => "no revocation list of the issuer",
            Self::BadSignature => "the signature is wrong",
            Self::NotYetValid => "not valid yet",
            Self::Expired => "expired",
            Self::RevocationListExpired => "the revocation list has expired",
            Self::SelfSigned | Self::SelfSignedInChain => "signed by itself, and not known",
            Self::ChainTooLong => "too many certificates",
            Self::Revoked => "revoked",
            Self::InvalidAuthority => "signed by a certificate that is no authority",
            Self::PathTooLong => "more authorities than one of them allows",
            Self::WrongPurpose => "made for another purpose",
        })
    }
}

impl ChainError {
    /// OpenSSL's number.
    pub(super) fn code(&self) -> u32 {
        self.kind as u32
    }
}

impl RevocationList {
    /// Reads one from DER.
    pub(super) fn parse(der: Vec<u8>) -> Result<Self, String> {
        let list = webpki::OwnedCertRevocationList::from_der(&der).map_err(|e| e.to_string())?;
        let (_, parsed) = x509_parser::revocation_list::CertificateRevocationList::from_der(&der)
            .map_err(|e| e.to_string())?;
        let next_update = parsed.next_update().map(|time| time.timestamp());
        Ok(Self { list: list.into(), next_update, der })
    }

    /// Whether it is the list of this issuer, a Name with tag and length.
    fn is_of(&self, issuer: &[u8]) -> bool {
        Reader::new(issuer).optional(SEQUENCE).is_some_and(|name| name.content == self.list.issuer())
    }

    fn has(&self, serial: &[u8]) -> bool {
        matches!(self.list.find_serial(serial), Ok(Some(_)))
    }
}

impl Authorities {
    /// Those of some certificates. The number of one that cannot be one, and why.
    pub(super) fn new(
        certificates: Vec<CertificateDer<'static>>,
        revoked: Vec<RevocationList>,
    ) -> Result<Self, (usize, String)> {
        let anchor = |(index, der)| match webpki::anchor_from_trusted_cert(der) {
            Ok(anchor) => Ok(anchor.to_owned()),
            Err(e) => Err((index, e.to_string())),
        };
        let anchors = certificates.iter().enumerate().map(anchor).collect::<Result<_, _>>()?;
        Ok(Self { certificates, anchors, revoked, algorithms: super::signature::algorithms().all })
    }

    /// The names of the authorities that clients are told.
    pub(super) fn subjects(&self) -> Vec<DistinguishedName> {
        self.anchors.iter().map(|a| DistinguishedName::in_sequence(&a.subject)).collect()
    }

    /// Whether the chain is trusted now.
    pub(super) fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
        peer: Peer,
    ) -> Result<(), ChainError> {
        if self.certificates.iter().any(|known| known == leaf) {
            return validity(leaf, now).map_err(|kind| ChainError { kind, depth: 0 });
        }
        let result = match EndEntityCert::try_from(leaf) {
            Ok(cert) => self.build(&cert, above, now, peer),
            Err(e) => Err(e),
        };
        match result {
            Ok(()) => Ok(()),
            Err(Error::UnsupportedCertVersion | Error::CaUsedAsEndEntity) => {
                self.direct(leaf, now, peer).map_err(|kind| ChainError { kind, depth: 0 })
            }
            Err(e) => Err(self.explain(&e, leaf, above, now)),
        }
    }

    fn build(
        &self,
        cert: &EndEntityCert<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
        peer: Peer,
    ) -> Result<(), Error> {
        let lists: Vec<_> = self.revoked.iter().map(|r| &r.list).collect();
        let revocation = match RevocationOptionsBuilder::new(&lists) {
            Ok(builder) => Some(builder.with_expiration_policy(webpki::ExpirationPolicy::Enforce).build()),
            Err(_no_lists) => None,
        };
        let usage = match peer {
            Peer::Client => KeyUsage::client_auth(),
            Peer::Server => KeyUsage::server_auth(),
        };
        let path = cert.verify_for_usage(self.algorithms, &self.anchors, above, now, usage, revocation, None);
        path.map(|_| ())
    }

    /// A certificate that an authority of the file signed, without anything in between.
    fn direct(&self, leaf: &CertificateDer<'_>, now: UnixTime, peer: Peer) -> Result<(), ChainErrorKind> {
        let fields = CertificateFields::parse(leaf).ok_or(ChainErrorKind::Other)?;
        let signed = Signed::parse(leaf).ok_or(ChainErrorKind::Other)?;
        let issuer = self.issuer_of(&fields, &signed)?;
        validity(leaf, now)?;
        purpose(leaf, peer)?;
        self.not_revoked(&fields, &issuer, now)
    }

    fn issuer_of(
        &self,
        fields: &CertificateFields<'_>,
        signed: &Signed<'_>,
    ) -> Result<PublicKey<'_>, ChainErrorKind> {
        let name = Reader::new(fields.issuer).optional(SEQUENCE).ok_or(ChainErrorKind::Other)?.content;
        // Name constraints are webpki's to check, which does not get here.
        let known =
            self.anchors.iter().filter(|a| a.subject.as_ref() == name && a.name_constraints.is_none());
        let keys = known.filter_map(|a| PublicKey::parse(a.subject_public_key_info.as_ref()));
        let mut missing = match fields.issuer == fields.subject {
            true => ChainErrorKind::SelfSigned,
            false => ChainErrorKind::NoIssuerHere,
        };
        for key in keys {
            if self.signed_by(signed, &key) {
                return Ok(key);
            }
            missing = ChainErrorKind::BadSignature;
        }
        Err(missing)
    }

    fn signed_by(&self, signed: &Signed<'_>, key: &PublicKey<'_>) -> bool {
        let fits = |a: &&&dyn SignatureVerificationAlgorithm| {
            a.signature_alg_id().as_ref() == signed.algorithm
                && a.public_key_alg_id().as_ref() == key.algorithm
        };
        let mut fitting = self.algorithms.iter().filter(fits);
        fitting.any(|a| a.verify_signature(key.key, signed.message, signed.signature).is_ok())
    }

    fn not_revoked(
        &self,
        fields: &CertificateFields<'_>,
        issuer: &PublicKey<'_>,
        now: UnixTime,
    ) -> Result<(), ChainErrorKind> {
        if self.revoked.is_empty() {
            return Ok(());
        }
        let list = self.revoked.iter().find(|list| {
            list.is_of(fields.issuer)
                && Signed::parse(&list.der).is_some_and(|signed| self.signed_by(&signed, issuer))
        });
        let list = list.ok_or(ChainErrorKind::NoRevocationList)?;
        if list.next_update.is_some_and(|next| next < seconds(now)) {
            return Err(ChainErrorKind::RevocationListExpired);
        }
        if list.has(fields.serial) { Err(ChainErrorKind::Revoked) } else { Ok(()) }
    }

    fn explain(
        &self,
        error: &Error,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> ChainError {
        let chain: Vec<&CertificateDer<'_>> = std::iter::once(leaf).chain(above).collect();
        let first =
            |wrong: &dyn Fn(&CertificateDer<'_>) -> bool| chain.iter().position(|c| wrong(c)).unwrap_or(0);
        let kind = kind_of(error);
        let depth = match kind {
            ChainErrorKind::Expired | ChainErrorKind::NotYetValid => first(&|c| validity(c, now).is_err()),
            ChainErrorKind::Revoked => first(&|c| self.is_listed(c)),
            ChainErrorKind::NoIssuerHere => return dead_end(&chain),
            _ => 0,
        };
        ChainError { kind, depth: u8::try_from(depth).unwrap_or(u8::MAX) }
    }

    fn is_listed(&self, cert: &CertificateDer<'_>) -> bool {
        let Some(fields) = CertificateFields::parse(cert) else { return false };
        self.revoked.iter().any(|list| list.is_of(fields.issuer) && list.has(fields.serial))
    }
}

fn kind_of(error: &Error) -> ChainErrorKind {
    match error {
        Error::CertExpired { .. } => ChainErrorKind::Expired,
        Error::CertNotValidYet { .. } => ChainErrorKind::NotYetValid,
        Error::CertRevoked => ChainErrorKind::Revoked,
        Error::CrlExpired { .. } => ChainErrorKind::RevocationListExpired,
        Error::UnknownRevocationStatus => ChainErrorKind::NoRevocationList,
        Error::UnknownIssuer => ChainErrorKind::NoIssuerHere,
        Error::InvalidSignatureForPublicKey | Error::InvalidCrlSignatureForPublicKey => {
            ChainErrorKind::BadSignature
        }
        Error::EndEntityUsedAsCa => ChainErrorKind::InvalidAuthority,
        Error::PathLenConstraintViolated => ChainErrorKind::PathTooLong,
        Error::RequiredEkuNotFoundContext(_) => ChainErrorKind::WrongPurpose,
        Error::MaximumPathDepthExceeded | Error::MaximumPathBuildCallsExceeded => {
            ChainErrorKind::ChainTooLong
        }
        _ => ChainErrorKind::Other,
    }
}

/// Where the links from issuer to issuer end.
fn dead_end(chain: &[&CertificateDer<'_>]) -> ChainError {
    let fields: Vec<_> = chain.iter().filter_map(|c| CertificateFields::parse(c)).collect();
    let mut depth = 0;
    let Some(mut current) = fields.first() else { return ChainError { kind: ChainErrorKind::Other, depth } };
    // Each step uses another certificate, or there is a ring of them.
    for _ in 1..fields.len() {
        let next = fields.iter().find(|f| f.subject == current.issuer && f.subject != current.subject);
        let Some(next) = next else { break };
        current = next;
        depth += 1;
    }
    let kind = match (current.issuer == current.subject, depth) {
        (true, 0) => ChainErrorKind::SelfSigned,
        (true, _) => ChainErrorKind::SelfSignedInChain,
        (false, 0) => ChainErrorKind::NoIssuerHere,
        (false, _) => ChainErrorKind::NoIssuer,
    };
    ChainError { kind, depth }
}

fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn validity(cert: &CertificateDer<'_>, now: UnixTime) -> Result<(), ChainErrorKind> {
    let (_, parsed) = X509Certificate::from_der(cert).map_err(|_| ChainErrorKind::Other)?;
    let (validity, now) = (parsed.validity(), seconds(now));
    match () {
        () if now < validity.not_before.timestamp() => Err(ChainErrorKind::NotYetValid),
        () if now > validity.not_after.timestamp() => Err(ChainErrorKind::Expired),
        () => Ok(()),
    }
}

/// Whether the extensions allow the peer's role. One that must be understood and is not forbids everything.
fn purpose(cert: &CertificateDer<'_>, peer: Peer) -> Result<(), ChainErrorKind> {
    let (_, parsed) = X509Certificate::from_der(cert).map_err(|_| ChainErrorKind::Other)?;
    for extension in parsed.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let named = match peer {
                    Peer::Client => usage.client_auth,
                    Peer::Server => usage.server_auth,
                };
                if !named && !usage.any {
                    return Err(ChainErrorKind::WrongPurpose);
                }
            }
            ParsedExtension::BasicConstraints(_)
            | ParsedExtension::KeyUsage(_)
            | ParsedExtension::SubjectAlternativeName(_) => {}
            _ if extension.critical => return Err(ChainErrorKind::Other),
            _ => {}
        }
    }
    Ok(())
}
