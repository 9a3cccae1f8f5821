//! Fetches from certificates: the client's (`ssl_c_`), the daemon's own (`ssl_f_`) and the server's
//! (`ssl_s_`).

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::tls::{client, server};
use crate::args::{Arg, ArgError, ArgKind, Args, opt};
use crate::ctx::Ctx;
use crate::der::{Certificate, name_entries, oid_name};
use crate::place::Source::ClientL5;
use crate::resolve::Layer;
use crate::sample::Sample;
use crate::sample::SampleType::{self, Bin, Sint, Str};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

/// Whose certificate.
#[derive(Clone, Copy)]
enum Whose {
    Client,
    Own,
    Server,
}

impl Whose {
    fn der<'a>(self, ctx: &Ctx<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Client => client(ctx)?.peer_certificate(),
            Self::Own => client(ctx)?.own_certificate(),
            Self::Server => server(ctx)?.peer_certificate(),
        }
    }

    fn parse<'a>(self, ctx: &Ctx<'a>) -> Option<Certificate<'a>> {
        Certificate::parse(self.der(ctx)?)
    }
}

const NAME: &[Arg] =
    &[opt("entry", ArgKind::Str), opt("occ", ArgKind::Int), opt("format", ArgKind::Word(&["rfc2253"]))];

/// A part of certificates, as three fetches.
struct Part {
    names: [&'static [&'static str]; 3],
    args: &'static [Arg],
    output: SampleType,
    doc: &'static str,
    build: [fn(&mut Args<'_>) -> Built; 3],
}

macro_rules! part {
    ($name:literal, $args:expr, $output:expr, $doc:literal, $build:expr) => {
        Part {
            names: [&[concat!("ssl_c_", $name)], &[concat!("ssl_f_", $name)], &[concat!("ssl_s_", $name)]],
            args: $args,
            output: $output,
            doc: $doc,
            build: [|a| $build(a, Whose::Client), |a| $build(a, Whose::Own), |a| $build(a, Whose::Server)],
        }
    };
}

static PARTS: &[Part] = &[
    part!("der", &[], Bin, "the certificate, DER", |_: &mut Args<'_>, w| read(w, |w, c| w
        .der(c)
        .map(Sample::bin))),
    part!("sha1", &[], Bin, "the SHA-1 digest of the certificate", |_: &mut Args<'_>, w| read(w, |w, c| {
        Some(Sample::bin(digest(&SHA1_FOR_LEGACY_USE_ONLY, w.der(c)?).as_ref().to_vec()))
    })),
    part!("serial", &[], Bin, "the serial number", |_: &mut Args<'_>, w| read(w, |w, c| {
        let serial = w.parse(c)?.serial;
        // A zero in front only keeps the number positive.
        Some(Sample::bin(serial.strip_prefix(&[0]).filter(|s| !s.is_empty()).unwrap_or(serial)))
    })),
    part!("version", &[], Sint, "the version of the certificate", |_: &mut Args<'_>, w| read(w, |w, c| {
        Some(Sample::Int(w.parse(c)?.version.into()))
    })),
    part!("key_alg", &[], Str, "the algorithm of the key", |_: &mut Args<'_>, w| read(w, |w, c| {
        Some(Sample::str(oid_name(w.parse(c)?.key_algorithm)))
    })),
    part!("sig_alg", &[], Str, "the algorithm of the signature", |_: &mut Args<'_>, w| read(w, |w, c| {
        Some(Sample::str(oid_name(w.parse(c)?.signature_algorithm)))
    })),
    part!("notbefore", &[], Str, "from when it is valid, `YYMMDDhhmmssZ`", |_: &mut Args<'_>, w| read(
        w,
        |w, c| { Some(Sample::str(short_date(w.parse(c)?.not_before))) }
    )),
    part!("notafter", &[], Str, "until when it is valid, `YYMMDDhhmmssZ`", |_: &mut Args<'_>, w| read(
        w,
        |w, c| { Some(Sample::str(short_date(w.parse(c)?.not_after))) }
    )),
    part!("s_dn", NAME, Str, "whom it is for, or an entry of that name", |a: &mut Args<'_>, w| name(
        a,
        w,
        |c| c.subject
    )),
    part!("i_dn", NAME, Str, "who issued it, or an entry of that name", |a: &mut Args<'_>, w| name(
        a,
        w,
        |c| c.issuer
    )),
];

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = &'static FetchRow> {
    static ALL: OnceLock<Vec<FetchRow>> = OnceLock::new();
    ALL.get_or_init(|| PARTS.iter().flat_map(rows_of).collect()).iter()
}

fn rows_of(part: &'static Part) -> impl Iterator<Item = FetchRow> {
    let places: [_; 3] = [
        (ClientL5, &[Layer::ClientCertificates][..]),
        (ClientL5, &[Layer::ClientTls][..]),
        // HAProxy takes them where there is no server yet, too, and finds nothing then.
        (ClientL5, &[Layer::ServerTls][..]),
    ];
    (0..3).map(move |i| {
        let (source, layers) = places[i];
        FetchRow::with(part.names[i], part.args, part.output, source, part.doc, part.build[i]).needs(layers)
    })
}

fn read(whose: Whose, run: for<'a> fn(Whose, &Ctx<'a>) -> Option<Sample<'a>>) -> Built {
    Ok(fetch_with((whose, run), |(whose, run), ctx| run(*whose, ctx)))
}

/// `YYMMDDhhmmssZ` out of either form of X.509.
fn short_date(date: &[u8]) -> &[u8] {
    // The longer form has a century in front.
    date.get(date.len().saturating_sub(13)..).unwrap_or(date)
}

fn name(args: &mut Args<'_>, whose: Whose, of: for<'c> fn(&Certificate<'c>) -> &'c [u8]) -> Built {
    let entry: Box<str> = args.str(0).into();
    let (occ, rfc2253) = (args.int(1, 1), args.opt_str(2).is_some());
    Ok(fetch_with((whose, of, entry, occ, rfc2253), |(whose, of, entry, occ, rfc2253), ctx| {
        let certificate = whose.parse(ctx)?;
        let name = of(&certificate);
        match (entry.is_empty(), rfc2253) {
            (true, false) => Some(Sample::str(one_line(name))),
            (true, true) => Some(Sample::str(rfc2253_text(name))),
            (false, _) => occurrence(name, entry, *occ).map(|v| Sample::str(v.to_vec())),
        }
    }))
}

/// The value of an entry: counted from the first where positive, from the last where negative.
fn occurrence<'n>(name: &'n [u8], entry: &str, occ: i64) -> Option<&'n [u8]> {
    let values: Vec<&[u8]> = name_entries(name)
        .filter(|(oid, _)| oid_name(oid).eq_ignore_ascii_case(entry))
        .map(|(_, value)| value)
        .collect();
    let back = |n: i64| values.len().checked_sub(usize::try_from(n.unsigned_abs()).ok()?);
    let at = match occ {
        0 => 0,
        n if n > 0 => usize::try_from(n).ok()? - 1,
        n => back(n)?,
    };
    values.get(at).copied()
}

/// `/C=FR/O=Org/CN=test`
fn one_line(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (oid, value) in name_entries(name) {
        out.extend(format!("/{}=", oid_name(oid)).as_bytes());
        out.extend_from_slice(value);
    }
    out
}

/// `CN=test,O=Org,C=FR`
fn rfc2253_text(name: &[u8]) -> Vec<u8> {
    let mut entries: Vec<Vec<u8>> = name_entries(name)
        .map(|(oid, value)| {
            let mut out = format!("{}=", oid_name(oid)).into_bytes();
            for b in value {
                if matches!(b, b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';') {
                    out.push(b'\\');
                }
                out.push(*b);
            }
            out
        })
        .collect();
    entries.reverse();
    entries.join(&b',')
}

#[cfg(test)]
mod tests {
    use crate::Expr;
    use crate::ctx::{Connection, Tls};
    use crate::resolve::Env;
    use crate::tests::fake::{FakeResolver, Scene};

    struct Peer(Vec<u8>);

    impl Tls for Peer {
        fn protocol(&self) -> Option<&str> {
            Some("TLSv1.3")
        }
        fn cipher(&self) -> Option<&str> {
            Some("TLS_AES_128_GCM_SHA256")
        }
        fn peer_certificate(&self) -> Option<&[u8]> {
            Some(&self.0)
        }
    }

    impl Connection for Peer {
        fn src(&self) -> Option<std::net::SocketAddr> {
            None
        }
        fn dst(&self) -> Option<std::net::SocketAddr> {
            None
        }
        fn tls(&self) -> Option<&dyn Tls> {
            Some(self)
        }
    }

    // Expected values are what openssl prints of the certificate.
    #[test]
    fn parts_are_what_openssl_says() {
        let pem = crate::tests::CERTIFICATE;
        let peer = Peer(crate::der::pem_block(pem, "CERTIFICATE").unwrap());
        let scene = Scene::new("GET", "/", "Host: h");
        let mut ctx = scene.ctx();
        ctx.client = Some(&peer);
        let rows = [
            ("ssl_c_s_dn", "/C=FR/O=Org/OU=a/OU=b/CN=test"),
            ("ssl_c_i_dn(CN)", "test"),
            ("ssl_c_s_dn(OU)", "a"),
            ("ssl_c_s_dn(OU,2)", "b"),
            ("ssl_c_s_dn(OU,-1)", "b"),
            ("ssl_c_s_dn(,0,rfc2253)", "CN=test,OU=b,OU=a,O=Org,C=FR"),
            ("ssl_c_key_alg", "rsaEncryption"),
            ("ssl_c_sig_alg", "RSA-SHA256"),
            ("ssl_c_version", "3"),
            ("ssl_c_sha1,hex", "597D70B788835D3DDD726765B6A5DDB6E99948DC"),
            ("ssl_c_serial,hex", "7C484C18FEFB2F8620500614339169E117213E58"),
            ("ssl_c_notbefore", "261122184811Z"),
            ("ssl_c_notafter", "261029184811Z"),
            ("ssl_fc_protocol", "TLSv1.3"),
        ];
        for (text, expected) in rows {
            let mut resolver = FakeResolver::default();
            let (expr, _) = Expr::parse(&[text], &mut Env::anywhere(&mut resolver)).unwrap();
            let value = expr.eval_str(&ctx).unwrap();
            assert_eq!(String::from_utf8_lossy(value.as_bytes()), expected, "{text}");
        }
    }
}
