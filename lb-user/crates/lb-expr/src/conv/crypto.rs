//! Digests, authentication codes, authenticated encryption, comparison in constant time.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey,
};
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA224, SHA256, SHA384, SHA512};
use aws_lc_rs::{constant_time, hmac};
use md5::{Digest, Md5};

use super::base64::{self, Alphabet};
use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::cast::cast;
use crate::ctx::Ctx;
use crate::sample::Sample;
use crate::sample::SampleType::{self, Bin, Bool, Sint, Str};
use crate::table::{Convert, ConverterRow, convert_with};
use crate::vars::{Value, VarId};

type Built = Result<Box<dyn Convert>, ArgError>;

const BYTES: (SampleType, SampleType) = (Bin, Bin);
const AES: &[Arg] = &[
    need("bits", ArgKind::Int),
    need("nonce", ArgKind::StrOrVar),
    need("key", ArgKind::StrOrVar),
    need("aead_tag", ArgKind::StrOrVar),
];

const AES_TAG_OUT: &[Arg] = &[AES[0], AES[1], AES[2], need("aead_tag", ArgKind::Var)];

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::with(
        "aes_gcm_dec",
        AES,
        BYTES,
        "decrypts AES-GCM; nonce, key and tag are base64",
        "bin(00),aes_gcm_dec(128,txn.nonce,Zm9vb2Zvb29mb29wZm9vbw==,txn.tag)",
        |a| aes(a, decrypt),
    ),
    ConverterRow::with(
        "aes_gcm_enc",
        AES_TAG_OUT,
        BYTES,
        "encrypts with AES-GCM; nonce and key are base64, and so is the tag, which goes to a variable",
        "bin(00),aes_gcm_enc(128,txn.nonce,Zm9vb2Zvb29mb29wZm9vbw==,txn.tag)",
        |a| aes(a, encrypt),
    ),
    ConverterRow::with(
        "digest",
        &[need("algorithm", ArgKind::Str)],
        BYTES,
        "a digest: md5, sha1, sha224, sha256, sha384 or sha512",
        "str(abc),digest(sha256),hex",
        |a| {
            if is_md5(a.str(0)) {
                return Ok(convert_with((), |(), s, _| Some(Sample::bin(md5([s.data()?])))));
            }
            let algorithm = digest_named(a.str(0))?.digest;
            Ok(convert_with(algorithm, |algorithm, s, _| digested(algorithm, &s)))
        },
    ),
    ConverterRow::with(
        "hmac",
        &[need("algorithm", ArgKind::Str), need("key", ArgKind::StrOrVar)],
        BYTES,
        "an authentication code; the key is base64",
        "str(abc),hmac(sha256,a2V5),hex",
        hmac_of,
    ),
    ConverterRow::with(
        "secure_memcmp",
        &[need("var", ArgKind::Var)],
        (Bin, Bool),
        "whether it is what a variable holds, in constant time",
        "str(secret),secure_memcmp(txn.token)",
        |a| {
            let id = a.var(0).ok_or_else(|| ArgError::new(0, "a variable is expected"))?;
            Ok(convert_with(id, |id, s, ctx| {
                let other = cast(ctx.vars.get(*id)?.sample(), Bin)?;
                let same = constant_time::verify_slices_are_equal(s.data()?, other.data()?).is_ok();
                Some(Sample::Bool(same))
            }))
        },
    ),
    ConverterRow::plain("sha1", BYTES, "SHA-1", "str(abc),sha1,hex", |s| {
        digested(&&SHA1_FOR_LEGACY_USE_ONLY, &s)
    }),
    ConverterRow::with(
        "sha2",
        &[opt("bits", ArgKind::Int)],
        BYTES,
        "SHA-2 of 224, 256, 384 or 512 bits",
        "str(abc),sha2(512),hex",
        |a| {
            let algorithm = match a.int(0, 256) {
                224 => &SHA224,
                256 => &SHA256,
                384 => &SHA384,
                512 => &SHA512,
                _ => return Err(ArgError::new(0, "224, 256, 384 or 512 bits are expected")),
            };
            Ok(convert_with(algorithm, |algorithm, s, _| digested(algorithm, &s)))
        },
    ),
    ConverterRow::plain(
        "x509_v_err_str",
        (Sint, Str),
        "OpenSSL's name for the result of verifying a certificate",
        "int(10),x509_v_err_str",
        |s| match s {
            Sample::Int(n) => Some(Sample::str(verify_error(n).map_or_else(|| n.to_string(), str::to_owned))),
            _ => None,
        },
    ),
];

fn digested<'a>(algorithm: &&'static digest::Algorithm, sample: &Sample<'_>) -> Option<Sample<'a>> {
    Some(Sample::bin(digest::digest(algorithm, sample.data()?).as_ref().to_vec()))
}

/// A digest and the authentication code that is made of it.
pub(super) struct DigestRow {
    names: &'static [&'static str],
    digest: &'static digest::Algorithm,
    pub(super) hmac: hmac::Algorithm,
}

static DIGESTS: &[DigestRow] = &[
    DigestRow {
        names: &["sha1", "sha-1"],
        digest: &SHA1_FOR_LEGACY_USE_ONLY,
        hmac: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
    },
    DigestRow { names: &["sha224", "sha-224", "sha2-224"], digest: &SHA224, hmac: hmac::HMAC_SHA224 },
    DigestRow { names: &["sha256", "sha-256", "sha2-256"], digest: &SHA256, hmac: hmac::HMAC_SHA256 },
    DigestRow { names: &["sha384", "sha-384", "sha2-384"], digest: &SHA384, hmac: hmac::HMAC_SHA384 },
    DigestRow { names: &["sha512", "sha-512", "sha2-512"], digest: &SHA512, hmac: hmac::HMAC_SHA512 },
];

pub(super) fn digest_named(name: &str) -> Result<&'static DigestRow, ArgError> {
    let lower = name.to_ascii_lowercase();
    DIGESTS.iter().find(|row| row.names.contains(&&*lower)).ok_or_else(|| {
        ArgError::new(0, format!("`{name}` is no digest that is served"))
            .hint("md5, sha1, sha224, sha256, sha384 and sha512 are")
    })
}

/// A base64 text that is decoded at load, or a variable that holds one.
pub(super) enum Secret {
    Constant(Vec<u8>),
    Variable(VarId),
}

impl Secret {
    fn parse(args: &Args<'_>, index: usize) -> Result<Self, ArgError> {
        match args.var(index) {
            Some(id) => Ok(Self::Variable(id)),
            None => base64::decode(args.str(index).as_bytes(), Alphabet::Standard)
                .map(Self::Constant)
                .ok_or_else(|| ArgError::new(index, "base64 or a variable is expected")),
        }
    }

    fn with<T>(&self, ctx: &Ctx<'_>, run: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        match self {
            Self::Constant(bytes) => run(bytes),
            Self::Variable(id) => {
                let text = cast(ctx.vars.get(*id)?.sample(), Str)?;
                run(&base64::decode(text.data()?, Alphabet::Standard)?)
            }
        }
    }
}

/// MD5, which fingerprints of TLS clients (JA3) are made with.
fn is_md5(name: &str) -> bool {
    name.eq_ignore_ascii_case("md5")
}

fn md5<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let mut hasher = Md5::new();
    parts.into_iter().for_each(|part| hasher.update(part));
    hasher.finalize().to_vec()
}

/// RFC 2104, with blocks of 64 bytes.
fn hmac_md5(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let short = if key.len() > 64 { md5([key]) } else { key.to_vec() };
    let pad = |with: u8| -> Vec<u8> {
        let padding = std::iter::repeat_n(&0, 64 - short.len());
        short.iter().chain(padding).map(|b| b ^ with).collect()
    };
    let inner = md5([&pad(0x36), bytes]);
    md5([&pad(0x5c)[..], &inner])
}

fn hmac_of(args: &mut Args<'_>) -> Built {
    if is_md5(args.str(0)) {
        return Ok(convert_with(Secret::parse(args, 1)?, |key, s, ctx| {
            let bytes = s.data()?;
            key.with(ctx, |key| Some(Sample::bin(hmac_md5(key, bytes))))
        }));
    }
    let algorithm = digest_named(args.str(0))?.hmac;
    Ok(convert_with((algorithm, Secret::parse(args, 1)?), |(algorithm, key), s, ctx| {
        let bytes = s.data()?;
        key.with(ctx, |key| {
            let tag = hmac::sign(&hmac::Key::new(*algorithm, key), bytes);
            Some(Sample::bin(tag.as_ref().to_vec()))
        })
    }))
}

/// The arguments of AES converters.
struct Aes {
    algorithm: &'static Algorithm,
    nonce: Secret,
    key: Secret,
    tag: Tag,
}

enum Tag {
    Given(Secret),
    Into(VarId),
}

/// Bytes of a tag.
const TAG: usize = 16;

fn aes(args: &mut Args<'_>, run: for<'a> fn(&'a Aes, Sample<'a>, &Ctx<'a>) -> Option<Sample<'a>>) -> Built {
    let algorithm = match args.int(0, 0) {
        128 => &AES_128_GCM,
        192 => &AES_192_GCM,
        256 => &AES_256_GCM,
        _ => return Err(ArgError::new(0, "128, 192 or 256 bits are expected")),
    };
    let tag = match args.var(3) {
        Some(id) => Tag::Into(id),
        None => Tag::Given(Secret::parse(args, 3)?),
    };
    let aes = Aes { algorithm, nonce: Secret::parse(args, 1)?, key: Secret::parse(args, 2)?, tag };
    Ok(convert_with((aes, run), |(aes, run), sample, ctx| run(aes, sample, ctx)))
}

impl Aes {
    fn key(&self, ctx: &Ctx<'_>) -> Option<LessSafeKey> {
        self.key.with(ctx, |key| UnboundKey::new(self.algorithm, key).ok()).map(LessSafeKey::new)
    }

    fn nonce(&self, ctx: &Ctx<'_>) -> Option<Nonce> {
        self.nonce.with(ctx, |nonce| Nonce::try_assume_unique_for_key(nonce).ok())
    }

    fn tag(&self, ctx: &Ctx<'_>) -> Option<Vec<u8>> {
        let copy = |tag: &[u8]| (tag.len() == TAG).then(|| tag.to_vec());
        match &self.tag {
            Tag::Given(secret) => secret.with(ctx, copy),
            Tag::Into(id) => Secret::Variable(*id).with(ctx, copy),
        }
    }
}

fn decrypt<'a>(aes: &'a Aes, sample: Sample<'a>, ctx: &Ctx<'a>) -> Option<Sample<'a>> {
    let mut bytes = sample.data()?.to_vec();
    bytes.extend(aes.tag(ctx)?);
    let plain = aes.key(ctx)?.open_in_place(aes.nonce(ctx)?, Aad::empty(), &mut bytes).ok()?.len();
    bytes.truncate(plain);
    Some(Sample::bin(bytes))
}

fn encrypt<'a>(aes: &'a Aes, sample: Sample<'a>, ctx: &Ctx<'a>) -> Option<Sample<'a>> {
    let mut bytes = sample.data()?.to_vec();
    let key = aes.key(ctx)?;
    let tag = key.seal_in_place_separate_tag(aes.nonce(ctx)?, Aad::empty(), &mut bytes).ok()?;
    if let Tag::Into(id) = &aes.tag {
        let text = base64::encode(tag.as_ref(), Alphabet::Standard);
        ctx.vars.set(*id, Some(Value::from(Sample::str(text))));
    }
    Some(Sample::bin(bytes))
}

/// OpenSSL's names for the results of verifying a certificate (openssl/x509_vfy.h).
fn verify_error(n: i64) -> Option<&'static str> {
    Some(match n {
        0 => "X509_V_OK",
        1 => "X509_V_ERR_UNSPECIFIED",
        2 => "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT",
        3 => "X509_V_ERR_UNABLE_TO_GET_CRL",
        4 => "X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE",
        7 => "X509_V_ERR_CERT_SIGNATURE_FAILURE",
        8 => "X509_V_ERR_CRL_SIGNATURE_FAILURE",
        9 => "X509_V_ERR_CERT_NOT_YET_VALID",
        10 => "X509_V_ERR_CERT_HAS_EXPIRED",
        11 => "X509_V_ERR_CRL_NOT_YET_VALID",
        12 => "X509_V_ERR_CRL_HAS_EXPIRED",
        17 => "X509_V_ERR_OUT_OF_MEM",
        18 => "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT",
        19 => "X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN",
        20 => "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        21 => "X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        22 => "X509_V_ERR_CERT_CHAIN_TOO_LONG",
        23 => "X509_V_ERR_CERT_REVOKED",
        24 => "X509_V_ERR_INVALID_CA",
        25 => "X509_V_ERR_PATH_LENGTH_EXCEEDED",
        26 => "X509_V_ERR_INVALID_PURPOSE",
        27 => "X509_V_ERR_CERT_UNTRUSTED",
        28 => "X509_V_ERR_CERT_REJECTED",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expr;
    use crate::resolve::Env;
    use crate::tests::fake::{FakeResolver, Scene};

    #[test]
    fn what_is_encrypted_decrypts_and_a_wrong_tag_does_not() {
        let mut resolver = FakeResolver::default();
        let mut parse = |text: &str| Expr::parse(&[text], &mut Env::anywhere(&mut resolver)).unwrap().0;
        let key = "MDEyMzQ1Njc4OWFiY2RlZg==,txn.tag";
        let sealed =
            parse(&format!("str(hello),aes_gcm_enc(128,MDEyMzQ1Njc4OWFi,{key}),set-var(txn.sealed)"));
        let opened = parse(&format!("var(txn.sealed),aes_gcm_dec(128,MDEyMzQ1Njc4OWFi,{key})"));
        let tampered = parse(&format!("str(hellx),aes_gcm_dec(128,MDEyMzQ1Njc4OWFi,{key})"));
        let scene = Scene::new("GET", "/", "Host: h");
        let ctx = scene.ctx();
        assert_ne!(sealed.eval(&ctx), Some(Sample::bin(&b"hello"[..])));
        assert_eq!(opened.eval(&ctx), Some(Sample::bin(&b"hello"[..])));
        assert_eq!(tampered.eval(&ctx), None);
    }
}

#[cfg(test)]
mod md5_tests {
    use super::*;

    // RFC 2202, section 2.
    #[test]
    fn hmac_of_md5_is_the_rfcs() {
        let tag = hmac_md5(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(tag, crate::pattern::hex("750c783e6ab0b503eaa86e310a5db738").unwrap());
        let long = hmac_md5(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(long, crate::pattern::hex("6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd").unwrap());
    }
}
