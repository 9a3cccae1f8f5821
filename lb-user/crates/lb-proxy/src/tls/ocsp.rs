//! OCSP responses (RFC 6960) that are sent along with a certificate. Whether one is for the certificate, says that
//! it is good, and is still valid, is checked; its signature is the client's to verify.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::der::{
    CertificateFields, ENUMERATED, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, context,
};

/// Why a response is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcspError {
    /// It is not an OCSP response.
    #[error("not an OCSP response")]
    Malformed,
    /// The responder had no answer.
    #[error("the responder did not answer: status {0}")]
    Unsuccessful(u8),
    /// It is about several certificates, or none.
    #[error("not about a single certificate")]
    NotSingle,
    /// The certificate is revoked or unknown.
    #[error("the certificate's status is not 'good'")]
    NotGood,
    /// It is not valid yet.
    #[error("not valid yet")]
    NotYetValid,
    /// It has expired.
    #[error("expired")]
    Expired,
    /// It is about another certificate.
    #[error("about another certificate")]
    OtherCertificate,
    /// The issuer's certificate, which is needed to tell, is not there.
    #[error("the issuer's certificate is neither in the file nor in a .issuer file beside it")]
    NoIssuer,
}

/// A response that says that one certificate is good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Good<'a> {
    hash: Hash,
    issuer_name: &'a [u8],
    issuer_key: &'a [u8],
    serial: &'a [u8],
    /// When it ends, in seconds since 1970. None: newer information is always available.
    pub(super) until: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha1,
    Sha256,
}

const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];
const SHA1_OID: &[u8] = &[0x2b, 14, 3, 2, 26];
const SHA256_OID: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
/// `good [0] IMPLICIT NULL`.
const GOOD: u8 = 0x80;

impl<'a> Good<'a> {
    /// Reads a response that is to be sent from `now` on, in seconds since 1970.
    pub(super) fn parse(der: &'a [u8], now: i64) -> Result<Self, OcspError> {
        let mut single = Self::single(der)?;
        let id = single.enter(SEQUENCE).ok_or(OcspError::Malformed)?;
        let status = single.next().ok_or(OcspError::Malformed)?;
        let from = time(single.optional(GENERALIZED_TIME).ok_or(OcspError::Malformed)?.whole)?;
        let until = match single.enter(context(0)) {
            Some(mut inside) => {
                Some(time(inside.optional(GENERALIZED_TIME).ok_or(OcspError::Malformed)?.whole)?)
            }
            None => None,
        };
        match () {
            () if status.tag != GOOD => Err(OcspError::NotGood),
            () if from > now => Err(OcspError::NotYetValid),
            () if until.is_some_and(|until| until < now) => Err(OcspError::Expired),
            () => Self::identified(id, until).ok_or(OcspError::Malformed),
        }
    }

    /// The one SingleResponse.
    fn single(der: &'a [u8]) -> Result<Reader<'a>, OcspError> {
        let mut outer = Reader::new(der).enter(SEQUENCE).ok_or(OcspError::Malformed)?;
        let status = outer.optional(ENUMERATED).ok_or(OcspError::Malformed)?;
        if status.content != [0] {
            return Err(OcspError::Unsuccessful(status.content.first().copied().unwrap_or(u8::MAX)));
        }
        let mut list = Self::responses(outer).ok_or(OcspError::Malformed)?;
        let single = list.enter(SEQUENCE).ok_or(OcspError::NotSingle)?;
        if list.is_empty() { Ok(single) } else { Err(OcspError::NotSingle) }
    }

    fn responses(mut outer: Reader<'a>) -> Option<Reader<'a>> {
        let mut bytes = outer.enter(context(0))?.enter(SEQUENCE)?;
        bytes.optional(OID).filter(|oid| oid.content == BASIC)?;
        let basic = bytes.optional(OCTET_STRING)?.content;
        let mut data = Reader::new(basic).enter(SEQUENCE)?.enter(SEQUENCE)?;
        data.optional(context(0));
        let _responder = data.next()?;
        let _produced = data.optional(GENERALIZED_TIME)?;
        data.enter(SEQUENCE)
    }

    fn identified(mut id: Reader<'a>, until: Option<i64>) -> Option<Self> {
        let hash = match id.enter(SEQUENCE)?.optional(OID)?.content {
            SHA1_OID => Hash::Sha1,
            SHA256_OID => Hash::Sha256,
            _ => return None,
        };
        let issuer_name = id.optional(OCTET_STRING)?.content;
        let issuer_key = id.optional(OCTET_STRING)?.content;
        let serial = id.optional(INTEGER)?.content;
        Some(Self { hash, issuer_name, issuer_key, serial, until })
    }

    /// Whether it is about this certificate by this issuer.
    pub(super) fn is_about(&self, cert: &CertificateDer<'_>, issuer: &CertificateDer<'_>) -> bool {
        let (Some(cert), Some(issuer)) = (CertificateFields::parse(cert), CertificateFields::parse(issuer))
        else {
            return false;
        };
        let Some(key) = issuer.key() else { return false };
        cert.serial == self.serial
            && self.digest(issuer.subject).as_ref() == self.issuer_name
            && self.digest(key.key).as_ref() == self.issuer_key
    }

    fn digest(&self, bytes: &[u8]) -> aws_lc_rs::digest::Digest {
        match self.hash {
            Hash::Sha1 => digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes),
            Hash::Sha256 => digest(&SHA256, bytes),
        }
    }
}

fn time(der: &[u8]) -> Result<i64, OcspError> {
    ASN1Time::from_der(der).map(|(_, time)| time.timestamp()).map_err(|_| OcspError::Malformed)
}
