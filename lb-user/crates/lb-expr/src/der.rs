//! As much of X.509 (RFC 5280) as expressions need: the parts of a certificate, read in place.

/// Parts of a certificate. Slices are DER without tag and length where not said otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certificate<'a> {
    /// 1, 2 or 3.
    pub(crate) version: u8,
    /// The serial number, big-endian.
    pub(crate) serial: &'a [u8],
    /// The object identifier of the signature's algorithm.
    pub(crate) signature_algorithm: &'a [u8],
    /// Who issued it.
    pub(crate) issuer: &'a [u8],
    /// From when it is valid, as `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
    pub(crate) not_before: &'a [u8],
    /// Until when it is valid, likewise.
    pub(crate) not_after: &'a [u8],
    /// Whom it is for.
    pub(crate) subject: &'a [u8],
    /// The object identifier of the key's algorithm.
    pub(crate) key_algorithm: &'a [u8],
    /// The key itself: PKCS#1 for RSA, a point for elliptic curves.
    pub(crate) key: &'a [u8],
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_0: u8 = 0xa0;

/// Reads one element after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The tag and the contents of the next element.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let [tag, length, rest @ ..] = self.0 else { return None };
        let (length, rest) = match *length {
            short @ 0..=0x7f => (usize::from(short), rest),
            // Lengths beyond four bytes are beyond any certificate.
            long @ 0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                (bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, contents))
    }

    /// The contents of the next element, which has that tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(t, _)| *t == tag).map(|(_, contents)| contents)
    }
}

impl<'a> Certificate<'a> {
    /// The parts of a certificate in DER.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(Reader(der).expect(SEQUENCE)?);
        let mut body = Reader(outer.expect(SEQUENCE)?);
        let signature_algorithm = Reader(outer.expect(SEQUENCE)?).expect(OID)?;
        let (mut tag, mut contents) = body.next()?;
        let mut version = 1;
        if tag == EXPLICIT_0 {
            version = Reader(contents).expect(INTEGER)?.last()? + 1;
            (tag, contents) = body.next()?;
        }
        let serial = Some(contents).filter(|_| tag == INTEGER)?;
        body.expect(SEQUENCE)?;
        let issuer = body.expect(SEQUENCE)?;
        let mut validity = Reader(body.expect(SEQUENCE)?);
        let (not_before, not_after) = (validity.next()?.1, validity.next()?.1);
        let subject = body.expect(SEQUENCE)?;
        let mut key_info = Reader(body.expect(SEQUENCE)?);
        let key_algorithm = Reader(key_info.expect(SEQUENCE)?).expect(OID)?;
        // The first byte of a bit string says how many bits at its end do not count: none, in keys.
        let key = key_info.expect(BIT_STRING)?.split_first()?.1;
        Some(Self {
            version,
            serial,
            signature_algorithm,
            issuer,
            not_before,
            not_after,
            subject,
            key_algorithm,
            key,
        })
    }
}

/// The entries of a distinguished name: object identifier and value.
pub(crate) fn name_entries(name: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut sets = Reader(name);
    let mut entries = Reader(&[]);
    std::iter::from_fn(move || {
        loop {
            if let Some(entry) = entries.expect(SEQUENCE) {
                let mut entry = Reader(entry);
                return Some((entry.expect(OID)?, entry.next()?.1));
            }
            entries = Reader(sets.expect(SET)?);
        }
    })
}

/// Object identifiers, by OpenSSL's short names.
const NAMES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], "rsaEncryption"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], "id-ecPublicKey"),
    (&[0x2b, 0x65, 0x70], "ED25519"),
    (&[0x2b, 0x65, 0x71], "ED448"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], "RSA-SHA1"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], "RSA-SHA256"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], "RSA-SHA384"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], "RSA-SHA512"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], "ecdsa-with-SHA1"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], "ecdsa-with-SHA256"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], "ecdsa-with-SHA384"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], "ecdsa-with-SHA512"),
];

/// OpenSSL's short name of an object identifier; the numbers where it has none here.
pub(crate) fn oid_name(oid: &[u8]) -> String {
    match NAMES.iter().find(|(known, _)| *known == oid) {
        Some((_, name)) => (*name).to_owned(),
        None => dotted(oid),
    }
}

/// `1.2.840.113549.1.1.11`
fn dotted(oid: &[u8]) -> String {
    let mut parts: Vec<u64> = Vec::new();
    let mut n = 0u64;
    for b in oid {
        n = n.wrapping_shl(7) | u64::from(b & 0x7f);
        if b & 0x80 != 0 {
            continue;
        }
        if parts.is_empty() {
            let first = (n / 40).min(2);
            parts.push(first);
            n -= first * 40;
        }
        parts.push(n);
        n = 0;
    }
    parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// The first block of a PEM text that is labelled so, as DER.
pub(crate) fn pem_block(text: &str, label: &str) -> Option<Vec<u8>> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let body = &text[text.find(&begin)? + begin.len()..];
    let body: Vec<u8> = body[..body.find(&end)?].bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    crate::conv::base64::decode(&body, crate::conv::base64::Alphabet::Standard)
}
