//! The words of TLS.

mod bind;
mod crt_list;
mod global;
mod server;

pub(super) use bind::BIND_TLS;
pub(super) use global::GLOBAL_TLS;
pub(super) use server::SERVER_TLS;

use super::args::invalid;
use super::{Args, Keyword, Sections, refused, served};
use crate::diag::{Code, Diagnostic};
use crate::draft::{HasTls, Level, Placed, TlsWords, Verify};
use crate::lex::Word;
use crate::model::{IgnoredErrors, Name, TlsVersion};
use crate::tls::{CipherError, Ciphers, CurveError, parse_ciphers, parse_ciphersuites, parse_curves};

type Parsed = Result<(), Diagnostic>;

/// Why versions before TLS 1.2 are not to be had.
const OLD: &str = "rustls speaks TLS 1.2 and 1.3 only";

fn set_ciphers(words: &mut TlsWords, args: &mut Args<'_>) -> Parsed {
    let word = args.word("cipher suites such as ECDHE+AESGCM")?;
    words.ciphers = Some(suites(word, parse_ciphers(word), args)?);
    Ok(())
}

fn set_ciphersuites(words: &mut TlsWords, args: &mut Args<'_>) -> Parsed {
    let word = args.word("TLS 1.3 cipher suites such as TLS_AES_128_GCM_SHA256")?;
    words.ciphersuites = Some(suites(word, parse_ciphersuites(word), args)?);
    Ok(())
}

fn suites(
    word: &Word,
    parsed: Result<Ciphers, CipherError>,
    args: &mut Args<'_>,
) -> Result<Vec<crate::tls::CipherSuite>, Diagnostic> {
    let parsed = parsed.map_err(|e| {
        invalid(word, e.to_string())
            .help("served are ECDHE with AES-GCM or ChaCha20-Poly1305, and those of TLS 1.3")
    })?;
    if !parsed.lacking.is_empty() {
        note_lacking(word, &parsed.lacking.join(", "), args);
    }
    if !parsed.unknown.is_empty() {
        let message = format!("unknown cipher suites are passed over: {}", parsed.unknown.join(", "));
        args.note(Diagnostic::warning(Code::InvalidArgument, message).at(word.span));
    }
    Ok(parsed.suites)
}

fn note_lacking(word: &Word, names: &str, args: &mut Args<'_>) {
    let note = Diagnostic::notice(Code::NoEffect, format!("not served and left out: {names}"));
    args.note(
        note.at(word.span).label("rustls has only forward secret key exchange on elliptic curves, and AEAD"),
    );
}

fn set_curves(words: &mut TlsWords, args: &mut Args<'_>) -> Parsed {
    let word = args.word("curves such as X25519:P-256")?;
    let curves = parse_curves(word).map_err(|e| {
        let error = invalid(word, e.to_string());
        match e {
            CurveError::Unknown(_) | CurveError::NoneServed(_) => {
                error.label("expected some of X25519, P-256, P-384, X25519MLKEM768")
            }
        }
    })?;
    if !curves.lacking.is_empty() {
        note_lacking(word, &curves.lacking.join(", "), args);
    }
    words.curves = Some(curves.served);
    Ok(())
}

fn alpn_list(args: &mut Args<'_>) -> Result<Placed<Vec<Name>>, Diagnostic> {
    let word = args.word("protocols such as h2,http/1.1")?;
    // RFC 7301 gives a name one byte for its length.
    let good = |name: &str| (1..=255).contains(&name.len());
    match word.split(',').all(good) {
        true => Ok(Placed::new(word.split(',').map(Name::from).collect(), word.span)),
        false => Err(invalid(word, "a protocol's name has 1 to 255 characters")),
    }
}

fn set_alpn(words: &mut TlsWords, args: &mut Args<'_>) -> Parsed {
    words.alpn = Some(alpn_list(args)?.value);
    Ok(())
}

fn level(args: &mut Args<'_>) -> Result<Placed<Level>, Diagnostic> {
    let levels = [
        ("SSLv3", Level::Older),
        ("TLSv1.0", Level::Older),
        ("TLSv1.1", Level::Older),
        ("TLSv1.2", Level::Spoken(TlsVersion::V12)),
        ("TLSv1.3", Level::Spoken(TlsVersion::V13)),
    ];
    let level = args.choice(&levels)?;
    Ok(Placed::new(level, args.last().span))
}

fn set_min(words: &mut TlsWords, args: &mut Args<'_>) -> Parsed {
    let min = level(args)?;
    if min.value == Level::Older {
        let note = Diagnostic::notice(Code::NoEffect, "the oldest version that is spoken is TLSv1.2");
        args.note(note.at(min.span).label(OLD));
    }
    words.versions.min = Some(min);
    Ok(())
}

fn set_max(words: &mut TlsWords, args: &mut Args<'_>) -> Parsed {
    let max = level(args)?;
    if max.value == Level::Older {
        let error = Diagnostic::alert(Code::Refused, "no version is left that is spoken");
        return Err(error.at(max.span).label(OLD));
    }
    words.versions.max = Some(max);
    Ok(())
}

/// `force-tlsv12` and `force-tlsv13`.
fn force(words: &mut TlsWords, args: &Args<'_>, version: TlsVersion) -> Parsed {
    let level = Some(Placed::new(Level::Spoken(version), args.last().span));
    (words.versions.min, words.versions.max) = (level, level);
    Ok(())
}

fn set_verify(words: &mut TlsWords, args: &mut Args<'_>, choices: &[(&str, Verify)]) -> Parsed {
    let verify = args.choice(choices)?;
    words.verify = Some(Placed::new(verify, args.last().span));
    Ok(())
}

fn path(args: &mut Args<'_>) -> Result<String, Diagnostic> {
    Ok(args.word("the path of a file")?.text.clone())
}

/// OpenSSL's numbers of what can be wrong with a certificate (X509_verify_cert_error_string(3)).
const ERRORS: std::ops::RangeInclusive<u32> = 1..=94;

fn ignored(args: &mut Args<'_>) -> Result<IgnoredErrors, Diagnostic> {
    let word = args.word("'all', or numbers of errors")?;
    if word.text == "all" {
        return Ok(IgnoredErrors::All);
    }
    let number = |text: &str| text.parse().ok().filter(|number| ERRORS.contains(number));
    let numbers: Option<Vec<u32>> = word.split(',').map(number).collect();
    let error = || invalid(word, format!("'{}' are not numbers of errors", word.text));
    numbers.map(IgnoredErrors::Some).ok_or_else(error)
}

/// Words that `bind` and `server` lines share, for a table of either.
const fn shared<T: HasTls>(sections: Sections) -> [Keyword<T>; 18] {
    let s = sections;
    [
        served("ciphers", "<list>", s, "cipher suites of TLS 1.2", |t, a| set_ciphers(t.words(), a)),
        served("ciphersuites", "<list>", s, "cipher suites of TLS 1.3", |t, a| {
            set_ciphersuites(t.words(), a)
        }),
        served("ca-file", "<file>", s, "authorities that the peer's certificate must come from", |t, a| {
            t.words().ca_file = Some(path(a)?);
            Ok(())
        }),
        served("crl-file", "<file>", s, "certificates of the peer that are revoked", |t, a| {
            t.words().crl_file = Some(path(a)?);
            Ok(())
        }),
        served("ssl-min-ver", "<version>", s, "the oldest TLS version", |t, a| set_min(t.words(), a)),
        served("ssl-max-ver", "<version>", s, "the newest TLS version", |t, a| set_max(t.words(), a)),
        served("no-sslv3", "", s, "no SSL 3.0, which is never spoken", |_, _| Ok(())),
        served("no-tlsv10", "", s, "no TLS 1.0, which is never spoken", |_, _| Ok(())),
        served("no-tlsv11", "", s, "no TLS 1.1, which is never spoken", |_, _| Ok(())),
        served("no-tlsv12", "", s, "no TLS 1.2", |t, a| {
            t.words().versions.without_12 = Some(a.last().span);
            Ok(())
        }),
        served("no-tlsv13", "", s, "no TLS 1.3", |t, a| {
            t.words().versions.without_13 = Some(a.last().span);
            Ok(())
        }),
        served("force-tlsv12", "", s, "TLS 1.2 alone", |t, a| force(t.words(), a, TlsVersion::V12)),
        served("force-tlsv13", "", s, "TLS 1.3 alone", |t, a| force(t.words(), a, TlsVersion::V13)),
        served("no-tls-tickets", "", s, "sessions are resumed without tickets", |t, _| {
            t.words().no_tickets = Some(true);
            Ok(())
        }),
        served("tls-tickets", "", s, "sessions are resumed by tickets", |t, _| {
            t.words().no_tickets = Some(false);
            Ok(())
        }),
        refused("force-sslv3", "", s, "SSL 3.0 alone", OLD),
        refused("force-tlsv10", "", s, "TLS 1.0 alone", OLD),
        refused("force-tlsv11", "", s, "TLS 1.1 alone", OLD),
    ]
}

#[cfg(test)]
mod tests;
