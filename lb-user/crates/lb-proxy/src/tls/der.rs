//! The little of DER (X.690) that is needed to find parts of signed structures as they were signed.

/// Values of one DER structure, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag of a constructed value in the context's own numbering.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next value, whatever it is.
    pub(super) fn next(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // No structure that is read here is longer than four bytes can say.
            long @ 0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                (bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Value { tag, content, whole })
    }

    /// The next value, if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Value<'a>> {
        let mut ahead = *self;
        let value = ahead.next().filter(|v| v.tag == tag)?;
        *self = ahead;
        Some(value)
    }

    /// The values inside the next one, which must have this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.optional(tag).map(|v| Reader(v.content))
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What certificates, revocation lists and OCSP responses have in common: something, and a signature over it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    /// What is signed, with tag and length.
    pub(super) message: &'a [u8],
    /// The contents of the AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der).enter(SEQUENCE)?;
        let message = outer.optional(SEQUENCE)?.whole;
        let algorithm = outer.optional(SEQUENCE)?.content;
        let signature = bits(outer.optional(BIT_STRING)?.content)?;
        Some(Self { message, algorithm, signature })
    }
}

/// The bytes of a BIT STRING that has whole bytes.
pub(super) fn bits(content: &[u8]) -> Option<&[u8]> {
    content.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}

/// A public key with the contents of its AlgorithmIdentifier.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublicKey<'a> {
    pub(super) algorithm: &'a [u8],
    pub(super) key: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// From the contents of a SubjectPublicKeyInfo.
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(content);
        let algorithm = reader.optional(SEQUENCE)?.content;
        let key = bits(reader.optional(BIT_STRING)?.content)?;
        Some(Self { algorithm, key })
    }
}

/// The fields of a certificate that are looked at as bytes (RFC 5280, 4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct CertificateFields<'a> {
    /// The contents of the INTEGER.
    pub(super) serial: &'a [u8],
    /// The Name, with tag and length.
    pub(super) issuer: &'a [u8],
    /// The Name, with tag and length.
    pub(super) subject: &'a [u8],
    /// The SubjectPublicKeyInfo, with tag and length.
    pub(super) public_key: &'a [u8],
}

impl<'a> CertificateFields<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(der).enter(SEQUENCE)?.enter(SEQUENCE)?;
        fields.optional(context(0));
        let serial = fields.optional(INTEGER)?.content;
        let _algorithm = fields.optional(SEQUENCE)?;
        let issuer = fields.optional(SEQUENCE)?.whole;
        let _validity = fields.optional(SEQUENCE)?;
        let subject = fields.optional(SEQUENCE)?.whole;
        let public_key = fields.optional(SEQUENCE)?.whole;
        Some(Self { serial, issuer, subject, public_key })
    }

    /// The public key's parts.
    pub(super) fn key(&self) -> Option<PublicKey<'a>> {
        PublicKey::parse(Reader::new(self.public_key).optional(SEQUENCE)?.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_all_forms_are_read() {
        let long = [vec![0x30, 0x82, 0x01, 0x00], vec![7; 256]].concat();
        let rows: [(&[u8], Option<usize>); 7] = [
            (&[0x04, 0x00], Some(0)),
            (&[0x04, 0x02, 1, 2], Some(2)),
            (&[0x04, 0x81, 0x01, 9], Some(1)),
            (&long, Some(256)),
            (&[0x04, 0x02, 1], None),
            (&[0x04, 0x80, 1], None),
            (&[0x04, 0x85, 0, 0, 0, 0, 1, 1], None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Reader::new(bytes).next().map(|v| v.content.len()), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_certificate_s_fields_are_found() {
        let key = rcgen::KeyPair::generate().expect("key");
        let cert = rcgen::CertificateParams::new(vec!["a.test".into()]).expect("params");
        let cert = cert.self_signed(&key).expect("certificate");
        let fields = CertificateFields::parse(cert.der()).expect("fields");
        assert_eq!(fields.issuer, fields.subject);
        assert_eq!(fields.key().expect("key").key.len(), 65, "an uncompressed point of P-256");
        let signed = Signed::parse(cert.der()).expect("signed");
        assert!(cert.der().windows(signed.message.len()).any(|w| w == signed.message));
    }

    #[test]
    fn cut_certificates_are_no_panic() {
        let cert = rcgen::generate_simple_self_signed(vec!["a.test".into()]).expect("certificate");
        let der = cert.cert.der();
        for end in 0..der.len() {
            assert!(CertificateFields::parse(&der[..end]).is_none());
        }
    }
}
