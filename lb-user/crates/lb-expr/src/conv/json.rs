//! Values out of JSON and out of JSON Web Tokens.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value as Json;

use super::base64::{self, Alphabet};
use super::crypto::digest_named;
use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::cast::cast;
use crate::ctx::Ctx;
use crate::der::{Certificate, pem_block};
use crate::sample::Sample;
use crate::sample::SampleType::{Any, Bin, Sint, Str};
use crate::table::{Convert, ConverterRow, convert_with};
use crate::vars::VarId;

type Built = Result<Box<dyn Convert>, ArgError>;

const OUTPUT: Arg = opt("output_type", ArgKind::Word(&["int"]));

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::with(
        "json_query",
        &[need("json_path", ArgKind::Str), OUTPUT],
        (Str, Any),
        "the text, number or truth value at a path in JSON",
        "req.body,json_query('$.a.b')",
        |a| {
            let query = Query::parse(a, 0)?;
            Ok(convert_with(query, |query, s, _| query.run(s.data()?)))
        },
    ),
    ConverterRow::with(
        "jwt_header_query",
        &[opt("json_path", ArgKind::Str), OUTPUT],
        (Bin, Any),
        "the header of a JSON Web Token, or what is at a path in it",
        "http_auth_bearer,jwt_header_query('$.alg')",
        |a| token_part(a, 0),
    ),
    ConverterRow::with(
        "jwt_payload_query",
        &[opt("json_path", ArgKind::Str), OUTPUT],
        (Bin, Any),
        "the payload of a JSON Web Token, or what is at a path in it",
        "http_auth_bearer,jwt_payload_query('$.iss')",
        |a| token_part(a, 1),
    ),
    ConverterRow::with(
        "jwt_verify",
        &[need("alg", ArgKind::StrOrVar), need("key", ArgKind::StrOrVar)],
        (Bin, Sint),
        "1 where the signature of a JSON Web Token is right, 0 where it is wrong, and below 0 where it cannot be checked",
        "http_auth_bearer,jwt_verify(RS256,cert.pem)",
        jwt_verify,
    ),
];

/// A step of a path.
enum Step {
    Key(String),
    Index(usize),
}

struct Query {
    steps: Vec<Step>,
    int: bool,
}

impl Query {
    fn parse(args: &Args<'_>, index: usize) -> Result<Self, ArgError> {
        let path = args.str(index);
        let steps = parse_path(path).ok_or_else(|| {
            ArgError::new(index, format!("`{path}` is not a JSON path"))
                .hint("a path is like $.a.b[0]['c d']")
        })?;
        Ok(Self { steps, int: args.opt_str(index + 1).is_some() })
    }

    fn run<'a>(&self, text: &[u8]) -> Option<Sample<'a>> {
        let json: Json = serde_json::from_slice(text).ok()?;
        let found = self.steps.iter().try_fold(&json, |at, step| match step {
            Step::Key(key) => at.get(key),
            Step::Index(index) => at.get(index),
        })?;
        match found {
            Json::String(text) => Some(Sample::str(text.clone())),
            Json::Bool(b) => Some(Sample::Bool(*b)),
            Json::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(n), _) => Some(Sample::Int(n)),
                (None, Some(n)) if self.int => Some(Sample::Int(n as i64)),
                (None, n) => n.map(|n| Sample::str(short_float(n))),
            },
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }
}

/// `$`, then any of `.key`, `[0]` and `['key']`. A backslash in a key protects a dot.
fn parse_path(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']')?;
            let text = &inner[..end];
            let quoted = text.strip_prefix(['\'', '"']).and_then(|t| t.strip_suffix(['\'', '"']));
            steps.push(match quoted {
                Some(key) => Step::Key(key.to_owned()),
                None => Step::Index(text.parse().ok()?),
            });
            rest = &inner[end + 1..];
        } else {
            let (key, behind) = dotted_key(rest.strip_prefix('.')?)?;
            steps.push(Step::Key(key));
            rest = behind;
        }
    }
    Some(steps)
}

/// A key up to the next dot or bracket, and what stands behind it.
fn dotted_key(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    let end = loop {
        match chars.next() {
            Some((_, '\\')) => key.push(chars.next()?.1),
            Some((at, '.' | '[')) => break at,
            Some((_, c)) => key.push(c),
            None => break text.len(),
        }
    };
    (!key.is_empty()).then(|| (key, &text[end..]))
}

/// A number in the form that printf's `%g` has: six digits, and an exponent where it is far from one.
fn short_float(n: f64) -> String {
    let exponent = format!("{n:.5e}");
    let Some((digits, power)) = exponent.split_once('e') else { return exponent };
    let trim = |t: &str| match t.contains('.') {
        true => t.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => t.to_owned(),
    };
    match power.parse::<i32>() {
        Ok(power @ -4..=5) => trim(&format!("{n:.*}", (5 - power).max(0) as usize)),
        Ok(power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trim(digits), power.abs())
        }
        Err(_) => exponent,
    }
}

/// Header, payload and signature of a token, undecoded.
fn parts(token: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = token.split(|b| *b == b'.');
    let found = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(found)
}

fn token_part(args: &mut Args<'_>, part: usize) -> Built {
    let query = match args.opt_str(0) {
        None | Some("") => None,
        Some(_) => Some(Query::parse(args, 0)?),
    };
    Ok(convert_with((part, query), |(part, query), sample, _| {
        let decoded = base64::decode(parts(sample.data()?)?.get(*part)?, Alphabet::Url)?;
        match query {
            Some(query) => query.run(&decoded),
            None => Some(Sample::str(decoded)),
        }
    }))
}

/// How a token is signed (RFC 7518, section 3.1).
#[derive(Clone, Copy)]
enum Signature {
    Hmac(hmac::Algorithm),
    Rsa(&'static dyn VerificationAlgorithm),
    Ecdsa(&'static dyn VerificationAlgorithm),
}

/// What `jwt_verify` returns.
#[derive(Clone, Copy)]
#[repr(i64)]
enum Verdict {
    Wrong = 0,
    Right = 1,
    UnknownAlgorithm = -1,
    UnmanagedAlgorithm = -2,
    InvalidToken = -3,
    UnknownCertificate = -5,
}

fn algorithm(name: &str) -> Result<Signature, Verdict> {
    let hmac =
        |digest| digest_named(digest).map_or(Err(Verdict::UnknownAlgorithm), |d| Ok(Signature::Hmac(d.hmac)));
    match name {
        "HS256" => hmac("sha256"),
        "HS384" => hmac("sha384"),
        "HS512" => hmac("sha512"),
        "RS256" => Ok(Signature::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256)),
        "RS384" => Ok(Signature::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384)),
        "RS512" => Ok(Signature::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512)),
        "ES256" => Ok(Signature::Ecdsa(&signature::ECDSA_P256_SHA256_FIXED)),
        "ES384" => Ok(Signature::Ecdsa(&signature::ECDSA_P384_SHA384_FIXED)),
        "ES512" => Ok(Signature::Ecdsa(&signature::ECDSA_P521_SHA512_FIXED)),
        "PS256" | "PS384" | "PS512" => Err(Verdict::UnmanagedAlgorithm),
        _ => Err(Verdict::UnknownAlgorithm),
    }
}

enum AlgorithmArg {
    Fixed(Signature),
    Variable(VarId),
}

/// A key: the text itself for HMAC, and the key of the certificate in the file of that name.
enum KeyArg {
    Fixed { secret: Vec<u8>, public: Option<Vec<u8>> },
    Variable(VarId),
}

fn jwt_verify(args: &mut Args<'_>) -> Built {
    let algorithm = match args.var(0) {
        Some(id) => AlgorithmArg::Variable(id),
        None => AlgorithmArg::Fixed(algorithm(args.str(0)).map_err(|v| {
            let name = args.str(0);
            ArgError::new(
                0,
                match v {
                    Verdict::UnmanagedAlgorithm => format!("signatures of kind `{name}` are not served"),
                    _ => format!("unknown JWT algorithm `{name}`"),
                },
            )
        })?),
    };
    let key = match args.var(1) {
        Some(id) => KeyArg::Variable(id),
        None => fixed_key(args, &algorithm)?,
    };
    Ok(convert_with((algorithm, key), |(algorithm, key), sample, ctx| {
        Some(Sample::Int(verify(algorithm, key, sample.data()?, ctx)? as i64))
    }))
}

fn fixed_key(args: &Args<'_>, algorithm: &AlgorithmArg) -> Result<KeyArg, ArgError> {
    let text = args.str(1);
    let public = match algorithm {
        AlgorithmArg::Fixed(Signature::Hmac(_)) => None,
        AlgorithmArg::Fixed(_) => Some(public_key(args, text).map_err(|e| ArgError::new(1, e))?),
        // Until the algorithm is known, the text may be a secret as well as a file.
        AlgorithmArg::Variable(_) => public_key(args, text).ok(),
    };
    Ok(KeyArg::Fixed { secret: text.as_bytes().to_vec(), public })
}

fn public_key(args: &Args<'_>, path: &str) -> Result<Vec<u8>, String> {
    let bytes = args.resolver.read_file(path).map_err(|e| format!("cannot read `{path}`: {}", e.reason))?;
    let text = String::from_utf8_lossy(&bytes);
    let der = pem_block(&text, "CERTIFICATE").ok_or_else(|| format!("no certificate in `{path}`"))?;
    let certificate = Certificate::parse(&der).ok_or_else(|| format!("no X.509 certificate in `{path}`"))?;
    Ok(certificate.key.to_vec())
}

fn verify(algorithm: &AlgorithmArg, key: &KeyArg, token: &[u8], ctx: &Ctx<'_>) -> Option<Verdict> {
    let signature = match algorithm {
        AlgorithmArg::Fixed(signature) => Ok(*signature),
        AlgorithmArg::Variable(id) => {
            let name = cast(ctx.vars.get(*id)?.sample(), Str)?;
            self::algorithm(std::str::from_utf8(name.data()?).unwrap_or_default())
        }
    };
    let signature = match signature {
        Ok(signature) => signature,
        Err(verdict) => return Some(verdict),
    };
    let Some(parts) = parts(token) else { return Some(Verdict::InvalidToken) };
    let Some(signed) = base64::decode(parts[2], Alphabet::Url) else { return Some(Verdict::InvalidToken) };
    let message = &token[..parts[0].len() + 1 + parts[1].len()];
    Some(match key {
        KeyArg::Fixed { secret, public } => check(signature, secret, public.as_deref(), message, &signed),
        KeyArg::Variable(id) => {
            let secret = cast(ctx.vars.get(*id)?.sample(), Str)?;
            check(signature, secret.data()?, None, message, &signed)
        }
    })
}

fn check(
    signature: Signature,
    secret: &[u8],
    public: Option<&[u8]>,
    message: &[u8],
    signed: &[u8],
) -> Verdict {
    let right = match (signature, public) {
        (Signature::Hmac(algorithm), _) => {
            hmac::verify(&hmac::Key::new(algorithm, secret), message, signed).is_ok()
        }
        (Signature::Rsa(algorithm) | Signature::Ecdsa(algorithm), Some(key)) => {
            UnparsedPublicKey::new(algorithm, key).verify(message, signed).is_ok()
        }
        (_, None) => return Verdict::UnknownCertificate,
    };
    if right { Verdict::Right } else { Verdict::Wrong }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printfs() {
        for (n, text) in [
            (1.5, "1.5"),
            (1000.0, "1000"),
            (12_345_678_901_234_567_890.0, "1.23457e+19"),
            (0.00001, "1e-05"),
        ] {
            assert_eq!(short_float(n), text);
        }
    }

    #[test]
    fn paths() {
        assert!(parse_path("$").is_some_and(|s| s.is_empty()));
        assert_eq!(parse_path("$.a[1]['b c'].d\\.e").map(|s| s.len()), Some(4));
        for bad in ["", "a", "$a", "$.", "$[x]", "$[", "$.a."] {
            assert!(parse_path(bad).is_none(), "{bad}");
        }
    }
}
