//! Cipher suites: what they are made of, and which are served.

use std::fmt;

use super::table::SUITES;

/// A cipher suite by its number (IANA, TLS Cipher Suites).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CipherSuite(pub u16);

impl CipherSuite {
    /// OpenSSL's name for a suite that is served.
    pub fn name(self) -> Option<&'static str> {
        let found = SERVED.iter().chain(SERVED_13).find(|(id, _)| *id == self.0);
        found.map(|(_, name)| *name)
    }
}

impl fmt::Debug for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

/// The suites of TLS 1.2 that are served: forward secret and with authenticated encryption.
pub(super) static SERVED: &[(u16, &str)] = &[
    (0xC02C, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (0xC030, "ECDHE-RSA-AES256-GCM-SHA384"),
    (0xCCA9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (0xCCA8, "ECDHE-RSA-CHACHA20-POLY1305"),
    (0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (0xC02F, "ECDHE-RSA-AES128-GCM-SHA256"),
];

/// The suites of TLS 1.3 that are served.
pub(super) static SERVED_13: &[(u16, &str)] = &[
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1301, "TLS_AES_128_GCM_SHA256"),
];

/// The suites of TLS 1.3 that are known and not served.
pub(super) static LACKING_13: &[&str] = &["TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"];

/// A suite up to TLS 1.2 and its parts.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) id: u16,
    pub(super) name: &'static str,
    pub(super) since: Since,
    pub(super) kx: Kx,
    pub(super) auth: Identity,
    pub(super) enc: Cipher,
    /// Of the symmetric key.
    pub(super) bits: u16,
    pub(super) mac: Mac,
    /// Whether OpenSSL's `DEFAULT` holds it.
    pub(super) default: bool,
}

/// The first version of the protocol that has the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    Ssl3,
    Tls10,
    Tls12,
}

/// The key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kx {
    Ecdhe,
    Dhe,
    Rsa,
    Psk,
    RsaPsk,
    EcdhePsk,
    DhePsk,
    Srp,
}

/// How the server proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    RsaAuth,
    Ecdsa,
    Dss,
    PskAuth,
    SrpAuth,
    NoAuth,
}

/// The cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    AesGcm,
    AesCcm,
    AesCcm8,
    Aes,
    Camellia,
    AriaGcm,
    ChaCha20,
    NoEnc,
}

/// What protects the integrity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mac {
    Aead,
    Sha1,
    Sha256,
    Sha384,
    Md5,
}

impl Suite {
    /// The suite, if it is served.
    pub(super) fn served(&self) -> Option<CipherSuite> {
        SERVED.iter().any(|(id, _)| *id == self.id).then_some(CipherSuite(self.id))
    }

    /// Whether one word of a cipher string covers it (openssl-ciphers(1)); None: the word is not known.
    pub(super) fn is_in(&self, word: &str) -> Option<bool> {
        if let Some((_, covers)) = WORDS.iter().find(|(name, _)| *name == word) {
            return Some(covers(self));
        }
        let named = self.name == word;
        (named || SUITES.iter().any(|s| s.name == word)).then_some(named)
    }

    fn aes(&self) -> bool {
        matches!(self.enc, Cipher::Aes | Cipher::AesGcm | Cipher::AesCcm | Cipher::AesCcm8)
    }

    fn psk(&self) -> bool {
        matches!(self.kx, Kx::Psk | Kx::RsaPsk | Kx::EcdhePsk | Kx::DhePsk)
    }

    fn ephemeral(&self, kx: Kx) -> bool {
        self.kx == kx && self.auth != Identity::NoAuth
    }
}

type Covers = fn(&Suite) -> bool;

/// The words that stand for several suites. Those that OpenSSL knows but has no suite for cover none.
static WORDS: &[(&str, Covers)] = &[
    ("ALL", |s| s.enc != Cipher::NoEnc),
    ("COMPLEMENTOFALL", |s| s.enc == Cipher::NoEnc),
    ("COMPLEMENTOFDEFAULT", |s| !s.default && s.enc != Cipher::NoEnc),
    ("HIGH", |s| s.enc != Cipher::NoEnc),
    ("MEDIUM", |_| false),
    ("LOW", |_| false),
    ("eNULL", |s| s.enc == Cipher::NoEnc),
    ("NULL", |s| s.enc == Cipher::NoEnc),
    ("aNULL", |s| s.auth == Identity::NoAuth),
    ("kRSA", |s| s.kx == Kx::Rsa),
    ("aRSA", |s| s.auth == Identity::RsaAuth),
    ("RSA", |s| s.kx == Kx::Rsa && s.auth == Identity::RsaAuth),
    ("kDHE", |s| s.kx == Kx::Dhe),
    ("kEDH", |s| s.kx == Kx::Dhe),
    ("DH", |s| s.kx == Kx::Dhe),
    ("DHE", |s| s.ephemeral(Kx::Dhe)),
    ("EDH", |s| s.ephemeral(Kx::Dhe)),
    ("ADH", |s| s.kx == Kx::Dhe && s.auth == Identity::NoAuth),
    ("kECDHE", |s| s.kx == Kx::Ecdhe),
    ("kEECDH", |s| s.kx == Kx::Ecdhe),
    ("ECDH", |s| s.kx == Kx::Ecdhe),
    ("ECDHE", |s| s.ephemeral(Kx::Ecdhe)),
    ("EECDH", |s| s.ephemeral(Kx::Ecdhe)),
    ("AECDH", |s| s.kx == Kx::Ecdhe && s.auth == Identity::NoAuth),
    ("aECDSA", |s| s.auth == Identity::Ecdsa),
    ("ECDSA", |s| s.auth == Identity::Ecdsa),
    ("aDSS", |s| s.auth == Identity::Dss),
    ("DSS", |s| s.auth == Identity::Dss),
    ("kPSK", |s| s.kx == Kx::Psk),
    ("kRSAPSK", |s| s.kx == Kx::RsaPsk),
    ("kECDHEPSK", |s| s.kx == Kx::EcdhePsk),
    ("kDHEPSK", |s| s.kx == Kx::DhePsk),
    ("PSK", Suite::psk),
    ("aPSK", |s| s.auth == Identity::PskAuth),
    ("kSRP", |s| s.kx == Kx::Srp),
    ("SRP", |s| s.kx == Kx::Srp),
    ("aSRP", |s| s.auth == Identity::SrpAuth),
    ("AES128", |s| s.aes() && s.bits == 128),
    ("AES256", |s| s.aes() && s.bits == 256),
    ("AES", Suite::aes),
    ("AESGCM", |s| s.enc == Cipher::AesGcm),
    ("AESCCM", |s| matches!(s.enc, Cipher::AesCcm | Cipher::AesCcm8)),
    ("AESCCM8", |s| s.enc == Cipher::AesCcm8),
    ("CHACHA20", |s| s.enc == Cipher::ChaCha20),
    ("CAMELLIA", |s| s.enc == Cipher::Camellia),
    ("CAMELLIA128", |s| s.enc == Cipher::Camellia && s.bits == 128),
    ("CAMELLIA256", |s| s.enc == Cipher::Camellia && s.bits == 256),
    ("ARIA", |s| s.enc == Cipher::AriaGcm),
    ("ARIAGCM", |s| s.enc == Cipher::AriaGcm),
    ("ARIA128", |s| s.enc == Cipher::AriaGcm && s.bits == 128),
    ("ARIA256", |s| s.enc == Cipher::AriaGcm && s.bits == 256),
    ("3DES", |_| false),
    ("DES", |_| false),
    ("RC4", |_| false),
    ("RC2", |_| false),
    ("IDEA", |_| false),
    ("SEED", |_| false),
    ("EXP", |_| false),
    ("EXPORT", |_| false),
    ("GOST", |_| false),
    ("kGOST", |_| false),
    ("aGOST", |_| false),
    ("MD5", |s| s.mac == Mac::Md5),
    ("SHA1", |s| s.mac == Mac::Sha1),
    ("SHA", |s| s.mac == Mac::Sha1),
    ("SHA256", |s| s.mac == Mac::Sha256),
    ("SHA384", |s| s.mac == Mac::Sha384),
    ("SSLv3", |s| s.since == Since::Ssl3),
    ("TLSv1", |s| s.since == Since::Tls10),
    ("TLSv1.0", |s| s.since == Since::Tls10),
    ("TLSv1.2", |s| s.since == Since::Tls12),
];
