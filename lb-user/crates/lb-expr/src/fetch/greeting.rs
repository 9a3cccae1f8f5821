//! Fetches from the hellos of clients that the daemon shook hands with, as far as they are kept.

use super::tls::client;
use crate::args::{Arg, ArgError, ArgKind, Args, opt};
use crate::ctx::Ctx;
use crate::hello::Greeting;
use crate::place::Source::ClientL5;
use crate::resolve::Layer;
use crate::sample::Sample;
use crate::sample::SampleType::{self, Bin, Sint, Str};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

const FILTER: &[Arg] = &[opt("filter_option", ArgKind::IntIn(0, 1))];
const CLIENT: &[Layer] = &[Layer::ClientTls];

const fn list(
    names: &'static [&'static str],
    output: SampleType,
    doc: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> FetchRow {
    FetchRow::with(names, FILTER, output, ClientL5, doc, build).needs(CLIENT)
}

pub(super) static ROWS: &[FetchRow] = &[
    list(&["ssl_fc_cipherlist_bin"], Str, "the cipher suites that the client offers, as bytes", |args| {
        numbers(args, |g| &g.ciphers, Sample::bin)
    }),
    list(
        &["ssl_fc_cipherlist_hex"],
        Bin,
        "the cipher suites that the client offers, in hexadecimal",
        |args| numbers(args, |g| &g.ciphers, |list| Sample::str(hex(&list))),
    ),
    list(&["ssl_fc_cipherlist_str"], Str, "the cipher suites that the client offers, by name", |args| {
        numbers(args, |g| &g.ciphers, |list| Sample::str(suite_names(&list)))
    }),
    FetchRow::plain(
        &["ssl_fc_cipherlist_xxh"],
        Sint,
        ClientL5,
        "XXH64 of the cipher suites that the client offers",
        |c| Some(Sample::Int(greeting(c)?.hash as i64)),
    )
    .needs(CLIENT),
    FetchRow::plain(
        &["ssl_fc_ecformats_bin"],
        Str,
        ClientL5,
        "the formats of points that the client supports, as bytes",
        |c| Some(Sample::bin(&*greeting(c)?.formats)),
    )
    .needs(CLIENT),
    list(&["ssl_fc_eclist_bin"], Str, "the groups that the client supports, as bytes", |args| {
        numbers(args, |g| &g.groups, Sample::bin)
    }),
    list(&["ssl_fc_extlist_bin"], Str, "the numbers of the client's extensions, as bytes", |args| {
        numbers(args, |g| &g.extensions, Sample::bin)
    }),
    FetchRow::plain(
        &["ssl_fc_protocol_hello_id"],
        Sint,
        ClientL5,
        "the version of TLS in the client's hello",
        |c| Some(Sample::Int(greeting(c)?.version.into())),
    )
    .needs(CLIENT),
];

fn greeting<'a>(ctx: &Ctx<'a>) -> Option<&'a Greeting> {
    client(ctx)?.greeting()
}

/// A list of numbers of two bytes, without those that only see whether others cope with unknown ones where 1 is asked
/// for.
fn numbers(args: &mut Args<'_>, list: fn(&Greeting) -> &[u8], show: fn(Vec<u8>) -> Sample<'static>) -> Built {
    let filter = args.int(0, 0) == 1;
    Ok(fetch_with((filter, list, show), |(filter, list, show), ctx| {
        let pairs = list(greeting(ctx)?).chunks_exact(2);
        let kept: Vec<u8> = pairs.filter(|pair| !(*filter && is_grease(pair))).flatten().copied().collect();
        Some(show(kept))
    }))
}

/// RFC 8701: both bytes are the same, and end with `a`.
fn is_grease(pair: &[u8]) -> bool {
    matches!(pair, [a, b] if a == b && a & 0xf == 0xa)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}

fn suite_names(list: &[u8]) -> String {
    let name = |pair: &[u8]| {
        let id = pair.iter().fold(0, |n, b| n << 8 | u16::from(*b));
        match SUITES.binary_search_by_key(&id, |suite| suite.0) {
            Ok(at) => SUITES[at].1.to_owned(),
            Err(_) => format!("UNKNOWN({id:04x})"),
        }
    };
    list.chunks_exact(2).map(name).collect::<Vec<_>>().join(",")
}

/// Cipher suites by OpenSSL's names.
static SUITES: &[(u16, &str)] = &[
    (0x0001, "NULL-MD5"),
    (0x0002, "NULL-SHA"),
    (0x002C, "PSK-NULL-SHA"),
    (0x002D, "DHE-PSK-NULL-SHA"),
    (0x002E, "RSA-PSK-NULL-SHA"),
    (0x002F, "AES128-SHA"),
    (0x0032, "DHE-DSS-AES128-SHA"),
    (0x0033, "DHE-RSA-AES128-SHA"),
    (0x0034, "ADH-AES128-SHA"),
    (0x0035, "AES256-SHA"),
    (0x0038, "DHE-DSS-AES256-SHA"),
    (0x0039, "DHE-RSA-AES256-SHA"),
    (0x003A, "ADH-AES256-SHA"),
    (0x003B, "NULL-SHA256"),
    (0x003C, "AES128-SHA256"),
    (0x003D, "AES256-SHA256"),
    (0x0040, "DHE-DSS-AES128-SHA256"),
    (0x0041, "CAMELLIA128-SHA"),
    (0x0044, "DHE-DSS-CAMELLIA128-SHA"),
    (0x0045, "DHE-RSA-CAMELLIA128-SHA"),
    (0x0046, "ADH-CAMELLIA128-SHA"),
    (0x0067, "DHE-RSA-AES128-SHA256"),
    (0x006A, "DHE-DSS-AES256-SHA256"),
    (0x006B, "DHE-RSA-AES256-SHA256"),
    (0x006C, "ADH-AES128-SHA256"),
    (0x006D, "ADH-AES256-SHA256"),
    (0x0084, "CAMELLIA256-SHA"),
    (0x0087, "DHE-DSS-CAMELLIA256-SHA"),
    (0x0088, "DHE-RSA-CAMELLIA256-SHA"),
    (0x0089, "ADH-CAMELLIA256-SHA"),
    (0x008C, "PSK-AES128-CBC-SHA"),
    (0x008D, "PSK-AES256-CBC-SHA"),
    (0x0090, "DHE-PSK-AES128-CBC-SHA"),
    (0x0091, "DHE-PSK-AES256-CBC-SHA"),
    (0x0094, "RSA-PSK-AES128-CBC-SHA"),
    (0x0095, "RSA-PSK-AES256-CBC-SHA"),
    (0x009C, "AES128-GCM-SHA256"),
    (0x009D, "AES256-GCM-SHA384"),
    (0x009E, "DHE-RSA-AES128-GCM-SHA256"),
    (0x009F, "DHE-RSA-AES256-GCM-SHA384"),
    (0x00A2, "DHE-DSS-AES128-GCM-SHA256"),
    (0x00A3, "DHE-DSS-AES256-GCM-SHA384"),
    (0x00A6, "ADH-AES128-GCM-SHA256"),
    (0x00A7, "ADH-AES256-GCM-SHA384"),
    (0x00A8, "PSK-AES128-GCM-SHA256"),
    (0x00A9, "PSK-AES256-GCM-SHA384"),
    (0x00AA, "DHE-PSK-AES128-GCM-SHA256"),
    (0x00AB, "DHE-PSK-AES256-GCM-SHA384"),
    (0x00AC, "RSA-PSK-AES128-GCM-SHA256"),
    (0x00AD, "RSA-PSK-AES256-GCM-SHA384"),
    (0x00AE, "PSK-AES128-CBC-SHA256"),
    (0x00AF, "PSK-AES256-CBC-SHA384"),
    (0x00B0, "PSK-NULL-SHA256"),
    (0x00B1, "PSK-NULL-SHA384"),
    (0x00B2, "DHE-PSK-AES128-CBC-SHA256"),
    (0x00B3, "DHE-PSK-AES256-CBC-SHA384"),
    (0x00B4, "DHE-PSK-NULL-SHA256"),
    (0x00B5, "DHE-PSK-NULL-SHA384"),
    (0x00B6, "RSA-PSK-AES128-CBC-SHA256"),
    (0x00B7, "RSA-PSK-AES256-CBC-SHA384"),
    (0x00B8, "RSA-PSK-NULL-SHA256"),
    (0x00B9, "RSA-PSK-NULL-SHA384"),
    (0x00BA, "CAMELLIA128-SHA256"),
    (0x00BD, "DHE-DSS-CAMELLIA128-SHA256"),
    (0x00BE, "DHE-RSA-CAMELLIA128-SHA256"),
    (0x00BF, "ADH-CAMELLIA128-SHA256"),
    (0x00C0, "CAMELLIA256-SHA256"),
    (0x00C3, "DHE-DSS-CAMELLIA256-SHA256"),
    (0x00C4, "DHE-RSA-CAMELLIA256-SHA256"),
    (0x00C5, "ADH-CAMELLIA256-SHA256"),
    (0x00FF, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x5600, "TLS_FALLBACK_SCSV"),
    (0xC006, "ECDHE-ECDSA-NULL-SHA"),
    (0xC009, "ECDHE-ECDSA-AES128-SHA"),
    (0xC00A, "ECDHE-ECDSA-AES256-SHA"),
    (0xC010, "ECDHE-RSA-NULL-SHA"),
    (0xC013, "ECDHE-RSA-AES128-SHA"),
    (0xC014, "ECDHE-RSA-AES256-SHA"),
    (0xC015, "AECDH-NULL-SHA"),
    (0xC018, "AECDH-AES128-SHA"),
    (0xC019, "AECDH-AES256-SHA"),
    (0xC01D, "SRP-AES-128-CBC-SHA"),
    (0xC01E, "SRP-RSA-AES-128-CBC-SHA"),
    (0xC01F, "SRP-DSS-AES-128-CBC-SHA"),
    (0xC020, "SRP-AES-256-CBC-SHA"),
    (0xC021, "SRP-RSA-AES-256-CBC-SHA"),
    (0xC022, "SRP-DSS-AES-256-CBC-SHA"),
    (0xC023, "ECDHE-ECDSA-AES128-SHA256"),
    (0xC024, "ECDHE-ECDSA-AES256-SHA384"),
    (0xC027, "ECDHE-RSA-AES128-SHA256"),
    (0xC028, "ECDHE-RSA-AES256-SHA384"),
    (0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (0xC02C, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (0xC02F, "ECDHE-RSA-AES128-GCM-SHA256"),
    (0xC030, "ECDHE-RSA-AES256-GCM-SHA384"),
    (0xC035, "ECDHE-PSK-AES128-CBC-SHA"),
    (0xC036, "ECDHE-PSK-AES256-CBC-SHA"),
    (0xC037, "ECDHE-PSK-AES128-CBC-SHA256"),
    (0xC038, "ECDHE-PSK-AES256-CBC-SHA384"),
    (0xC039, "ECDHE-PSK-NULL-SHA"),
    (0xC03A, "ECDHE-PSK-NULL-SHA256"),
    (0xC03B, "ECDHE-PSK-NULL-SHA384"),
    (0xC050, "ARIA128-GCM-SHA256"),
    (0xC051, "ARIA256-GCM-SHA384"),
    (0xC052, "DHE-RSA-ARIA128-GCM-SHA256"),
    (0xC053, "DHE-RSA-ARIA256-GCM-SHA384"),
    (0xC056, "DHE-DSS-ARIA128-GCM-SHA256"),
    (0xC057, "DHE-DSS-ARIA256-GCM-SHA384"),
    (0xC05C, "ECDHE-ECDSA-ARIA128-GCM-SHA256"),
    (0xC05D, "ECDHE-ECDSA-ARIA256-GCM-SHA384"),
    (0xC060, "ECDHE-ARIA128-GCM-SHA256"),
    (0xC061, "ECDHE-ARIA256-GCM-SHA384"),
    (0xC06A, "PSK-ARIA128-GCM-SHA256"),
    (0xC06B, "PSK-ARIA256-GCM-SHA384"),
    (0xC06C, "DHE-PSK-ARIA128-GCM-SHA256"),
    (0xC06D, "DHE-PSK-ARIA256-GCM-SHA384"),
    (0xC06E, "RSA-PSK-ARIA128-GCM-SHA256"),
    (0xC06F, "RSA-PSK-ARIA256-GCM-SHA384"),
    (0xC072, "ECDHE-ECDSA-CAMELLIA128-SHA256"),
    (0xC073, "ECDHE-ECDSA-CAMELLIA256-SHA384"),
    (0xC076, "ECDHE-RSA-CAMELLIA128-SHA256"),
    (0xC077, "ECDHE-RSA-CAMELLIA256-SHA384"),
    (0xC094, "PSK-CAMELLIA128-SHA256"),
    (0xC095, "PSK-CAMELLIA256-SHA384"),
    (0xC096, "DHE-PSK-CAMELLIA128-SHA256"),
    (0xC097, "DHE-PSK-CAMELLIA256-SHA384"),
    (0xC098, "RSA-PSK-CAMELLIA128-SHA256"),
    (0xC099, "RSA-PSK-CAMELLIA256-SHA384"),
    (0xC09A, "ECDHE-PSK-CAMELLIA128-SHA256"),
    (0xC09B, "ECDHE-PSK-CAMELLIA256-SHA384"),
    (0xC09C, "AES128-CCM"),
    (0xC09D, "AES256-CCM"),
    (0xC09E, "DHE-RSA-AES128-CCM"),
    (0xC09F, "DHE-RSA-AES256-CCM"),
    (0xC0A0, "AES128-CCM8"),
    (0xC0A1, "AES256-CCM8"),
    (0xC0A2, "DHE-RSA-AES128-CCM8"),
    (0xC0A3, "DHE-RSA-AES256-CCM8"),
    (0xC0A4, "PSK-AES128-CCM"),
    (0xC0A5, "PSK-AES256-CCM"),
    (0xC0A6, "DHE-PSK-AES128-CCM"),
    (0xC0A7, "DHE-PSK-AES256-CCM"),
    (0xC0A8, "PSK-AES128-CCM8"),
    (0xC0A9, "PSK-AES256-CCM8"),
    (0xC0AA, "DHE-PSK-AES128-CCM8"),
    (0xC0AB, "DHE-PSK-AES256-CCM8"),
    (0xC0AC, "ECDHE-ECDSA-AES128-CCM"),
    (0xC0AD, "ECDHE-ECDSA-AES256-CCM"),
    (0xC0AE, "ECDHE-ECDSA-AES128-CCM8"),
    (0xC0AF, "ECDHE-ECDSA-AES256-CCM8"),
    (0xCCA8, "ECDHE-RSA-CHACHA20-POLY1305"),
    (0xCCA9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (0xCCAA, "DHE-RSA-CHACHA20-POLY1305"),
    (0xCCAB, "PSK-CHACHA20-POLY1305"),
    (0xCCAC, "ECDHE-PSK-CHACHA20-POLY1305"),
    (0xCCAD, "DHE-PSK-CHACHA20-POLY1305"),
    (0xCCAE, "RSA-PSK-CHACHA20-POLY1305"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_sorted() {
        assert!(SUITES.is_sorted_by_key(|suite| suite.0));
        assert_eq!(
            suite_names(&[0x13, 0x01, 0xC0, 0x2F, 0xFA, 0xFA]),
            "TLS_AES_128_GCM_SHA256,ECDHE-RSA-AES128-GCM-SHA256,UNKNOWN(fafa)"
        );
    }

    #[test]
    fn grease_is_left_out() {
        assert!(is_grease(&[0x1a, 0x1a]));
        assert!(!is_grease(&[0x13, 0x01]));
        assert!(!is_grease(&[0x1a, 0x2a]));
    }
}
