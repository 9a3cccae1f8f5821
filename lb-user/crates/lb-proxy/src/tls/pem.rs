//! What a PEM file holds, in any order.

use rustls::pki_types::pem::{Error, PemObject, SectionKind};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};

use super::error::TlsErrorKind;

/// The parts of a file. Sections of other kinds, such as parameters for Diffie-Hellman, are passed over.
#[derive(Debug, Default)]
pub(super) struct Pem {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) key: Option<PrivateKeyDer<'static>>,
    pub(super) revocation_lists: Vec<Vec<u8>>,
}

impl Pem {
    /// Reads a file. Of several private keys the first one counts.
    pub(super) fn parse(text: &[u8]) -> Result<Self, TlsErrorKind> {
        if has_locked_key(text) {
            return Err(TlsErrorKind::EncryptedKey);
        }
        let mut pem = Self::default();
        for section in <(SectionKind, Vec<u8>) as PemObject>::pem_slice_iter(text) {
            let (kind, der) = section.map_err(|e| TlsErrorKind::Pem(words(&e)))?;
            pem.take(kind, der);
        }
        Ok(pem)
    }

    fn take(&mut self, kind: SectionKind, der: Vec<u8>) {
        let key: PrivateKeyDer<'static> = match kind {
            SectionKind::Certificate => return self.certificates.push(der.into()),
            SectionKind::Crl => return self.revocation_lists.push(der),
            SectionKind::RsaPrivateKey => PrivatePkcs1KeyDer::from(der).into(),
            SectionKind::EcPrivateKey => PrivateSec1KeyDer::from(der).into(),
            SectionKind::PrivateKey => PrivatePkcs8KeyDer::from(der).into(),
            _ => return,
        };
        self.key.get_or_insert(key);
    }
}

/// Both forms that OpenSSL writes locked keys in: PKCS #8, and the traditional one with headers (RFC 1421).
fn has_locked_key(text: &[u8]) -> bool {
    let contains = |needle: &[u8]| text.windows(needle.len()).any(|w| w == needle);
    contains(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || contains(b"Proc-Type: 4,ENCRYPTED")
}

fn words(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "a section has no end".into(),
        Error::IllegalSectionStart { .. } => "a section begins in a wrong way".into(),
        Error::Base64Decode(_) => "a section is not base64".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_any_order() {
        let made = rcgen::generate_simple_self_signed(vec!["a.test".into()]).expect("certificate");
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let parameters = "-----BEGIN DH PARAMETERS-----\nMAYCAQcCAQI=\n-----END DH PARAMETERS-----\n";
        for text in [format!("{cert}{key}"), format!("# note\n{key}\n{parameters}{cert}")] {
            let pem = Pem::parse(text.as_bytes()).expect("PEM");
            assert_eq!(pem.certificates, [made.cert.der().clone()]);
            assert!(pem.key.is_some());
        }
    }

    #[test]
    fn locked_keys_and_broken_files_are_refused() {
        let pkcs8 = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let old =
            b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n";
        for text in [&pkcs8[..], old] {
            assert!(matches!(Pem::parse(text), Err(TlsErrorKind::EncryptedKey)));
        }
        let cut = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(Pem::parse(cut), Err(TlsErrorKind::Pem(_))));
    }
}
