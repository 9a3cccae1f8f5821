//! Dates, addresses, languages, regular expressions, and figures of backends whose names come with the
//! request.

use regex::bytes::{Captures, Regex};

use crate::args::{ArgError, ArgKind, Args, need, opt};
use crate::pattern::compile_regex;
use crate::sample::SampleType::{Addr, Ipv4, Sint, Str};
use crate::sample::{LONGEST, Sample};
use crate::table::{Convert, ConverterRow, convert_with};
use crate::time::{Civil, http_date, strftime};
use crate::world::{BackendStat, ServerStat};

type Built = Result<Box<dyn Convert>, ArgError>;

const UNITS: &[&str] = &["s", "ms", "us"];
const DATE: &[crate::args::Arg] = &[need("format", ArgKind::Str), opt("offset", ArgKind::Int)];

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::with(
        "http_date",
        &[opt("offset", ArgKind::Int), opt("unit", ArgKind::Word(UNITS))],
        (Sint, Str),
        "a time since 1970 plus an offset, as a date of HTTP headers",
        "date,http_date(3600)",
        to_http_date,
    ),
    ConverterRow::with(
        "ipmask",
        &[need("mask4", ArgKind::Mask4), opt("mask6", ArgKind::Mask6)],
        (Addr, Addr),
        "an address under a mask; IPv6 ones need a mask of their own",
        "src,ipmask(24,64)",
        ipmask,
    ),
    ConverterRow::with(
        "language",
        &[need("value", ArgKind::Str), opt("default", ArgKind::Str)],
        (Str, Str),
        "the language of a list that an Accept-Language header prefers",
        "req.fhdr(accept-language),language(es;fr;en,en)",
        language,
    ),
    ConverterRow::with(
        "ltime",
        DATE,
        (Sint, Str),
        "a time in seconds since 1970 in local time, by a format of strftime",
        "date,ltime(%H:%M)",
        |a| formatted(a, 1, true),
    ),
    ConverterRow::with(
        "ms_ltime",
        DATE,
        (Sint, Str),
        "as ltime, from milliseconds; %N is the fraction",
        "date(0,ms),ms_ltime(%H:%M:%S.%N)",
        |a| formatted(a, 1_000, true),
    ),
    ConverterRow::with(
        "ms_utime",
        DATE,
        (Sint, Str),
        "as utime, from milliseconds; %N is the fraction",
        "date(0,ms),ms_utime(%H:%M:%S.%N)",
        |a| formatted(a, 1_000, false),
    ),
    ConverterRow::with(
        "nbsrv",
        &[],
        (Str, Sint),
        "usable servers of the backend of that name",
        "str(be),nbsrv",
        |_| {
            Ok(convert_with((), |(), sample, ctx| {
                let backend = ctx.world.backend_named(sample.data()?)?;
                ctx.world.backend(backend, BackendStat::UsableServers).map(Sample::Int)
            }))
        },
    ),
    ConverterRow::with(
        "regsub",
        &[need("regex", ArgKind::Str), need("subst", ArgKind::Str), opt("flags", ArgKind::Str)],
        (Str, Str),
        "the first match of a regular expression replaced; all with flag g, in any case with flag i",
        "path,regsub('/+','/',g)",
        regsub,
    ),
    ConverterRow::with(
        "srv_queue",
        &[],
        (Str, Sint),
        "requests that wait for the server of that name",
        "str(be/srv),srv_queue",
        |_| {
            Ok(convert_with((), |(), sample, ctx| {
                let name = sample.data()?;
                let (backend, server) = match memchr::memchr(b'/', name) {
                    Some(at) => (ctx.world.backend_named(&name[..at])?, &name[at + 1..]),
                    None => (ctx.backend?, name),
                };
                let server = ctx.world.server_named(backend, server)?;
                ctx.world.server(server, ServerStat::Queue).map(Sample::Int)
            }))
        },
    ),
    ConverterRow::with(
        "us_ltime",
        DATE,
        (Sint, Str),
        "as ltime, from microseconds; %N is the fraction",
        "date(0,us),us_ltime(%H:%M:%S.%N)",
        |a| formatted(a, 1_000_000, true),
    ),
    ConverterRow::with(
        "us_utime",
        DATE,
        (Sint, Str),
        "as utime, from microseconds; %N is the fraction",
        "date(0,us),us_utime(%H:%M:%S.%N)",
        |a| formatted(a, 1_000_000, false),
    ),
    ConverterRow::with(
        "utime",
        DATE,
        (Sint, Str),
        "a time in seconds since 1970 in UTC, by a format of strftime",
        "date,utime(%H:%M)",
        |a| formatted(a, 1, false),
    ),
];

/// Parts of a second in a unit, and the digits of a fraction in it.
fn unit(name: &str) -> (i64, usize) {
    match name {
        "ms" => (1_000, 3),
        "us" => (1_000_000, 6),
        _ => (1, 0),
    }
}

fn to_http_date(args: &mut Args<'_>) -> Built {
    let data = (args.int(0, 0), unit(args.str(1)));
    Ok(convert_with(data, |(offset, (parts, digits)), sample, _| {
        let Sample::Int(time) = sample else { return None };
        let time = time.checked_add(*offset)?;
        let date = http_date(time.div_euclid(*parts));
        if *digits == 0 {
            return Some(Sample::str(date));
        }
        let fraction = time.rem_euclid(*parts);
        let text = date.strip_suffix(" GMT")?;
        Some(Sample::str(format!("{text}.{fraction:0digits$} GMT")))
    }))
}

fn formatted(args: &mut Args<'_>, parts: i64, local: bool) -> Built {
    let data = (args.str(0).to_owned(), args.int(1, 0), parts, local);
    Ok(convert_with(data, |(format, offset, parts, local), sample, ctx| {
        let Sample::Int(time) = sample else { return None };
        let time = time.checked_add(*offset)?;
        let (seconds, fraction) = (time.div_euclid(*parts), time.rem_euclid(*parts));
        let civil = match *local {
            true => Civil::at(seconds, ctx.world.utc_offset(seconds)),
            false => Civil::utc(seconds),
        };
        let digits = if *parts == 1_000 { 3 } else { 6 };
        match *parts {
            1 => Some(Sample::str(strftime(format, &civil))),
            _ => {
                let format = format.replace("%N", &format!("{fraction:0digits$}"));
                Some(Sample::str(strftime(&format, &civil)))
            }
        }
    }))
}

fn ipmask(args: &mut Args<'_>) -> Built {
    let v4 = args.ipv4(0).ok_or_else(|| ArgError::new(0, "a mask is expected"))?;
    Ok(convert_with((v4, args.ipv6(1)), |(v4, v6), sample, _| match sample {
        Sample::Ipv4(ip) => Some(Sample::Ipv4(ip & *v4)),
        Sample::Ipv6(ip) => match (crate::cast::cast(Sample::Ipv6(ip), Ipv4), v6) {
            (Some(Sample::Ipv4(ip)), _) => Some(Sample::Ipv4(ip & *v4)),
            (_, Some(mask)) => Some(Sample::Ipv6(ip & *mask)),
            _ => None,
        },
        _ => None,
    }))
}

fn language(args: &mut Args<'_>) -> Built {
    let known: Vec<Box<str>> = args.str(0).split(';').map(|l| l.trim().into()).collect();
    let default = args.opt_str(1).map(str::to_owned);
    Ok(convert_with((known, default), |(known, default), sample, _| {
        let found = preferred(known, sample.data()?);
        found.or(default.as_deref()).map(Sample::str)
    }))
}

/// The known language with the highest weight; of equal ones the first.
fn preferred<'k>(known: &'k [Box<str>], header: &[u8]) -> Option<&'k str> {
    let mut best: Option<(u32, &str)> = None;
    for part in header.split(|b| *b == b',') {
        let mut fields = part.split(|b| *b == b';').map(<[u8]>::trim_ascii);
        let Some(tag) = fields.next() else { continue };
        let weight = fields.find_map(|f| f.strip_prefix(b"q=")).map_or(Some(1000), thousandths);
        let Some(weight) = weight.filter(|w| *w > 0) else { continue };
        let base = tag.split(|b| *b == b'-').next().unwrap_or(tag);
        let exact = known.iter().find(|k| k.as_bytes() == tag);
        let found = exact.or_else(|| known.iter().find(|k| k.as_bytes() == base));
        if let Some(found) = found
            && best.is_none_or(|(w, _)| weight > w)
        {
            best = Some((weight, found));
        }
    }
    best.map(|(_, language)| language)
}

/// A weight of at most three decimals (RFC 9110, section 12.4.2).
fn thousandths(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() > 1 || decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let decimals: u32 = format!("{decimals:0<3}").parse().ok()?;
    Some((whole * 1000 + decimals).min(1000))
}

/// A part of the text that takes the place of a match.
enum Piece {
    Text(Vec<u8>),
    Group(usize),
}

fn regsub(args: &mut Args<'_>) -> Built {
    let (mut all, mut icase) = (false, false);
    for flag in args.str(2).chars() {
        match flag {
            'g' => all = true,
            'i' => icase = true,
            other => return Err(ArgError::new(2, format!("flags are `g` and `i`, found `{other}`"))),
        }
    }
    let regex = compile_regex(args.str(0), icase).map_err(|e| ArgError::new(0, e))?;
    let pieces = pieces(args.str(1).as_bytes());
    Ok(convert_with((regex, pieces, all), |(regex, pieces, all), sample, _| {
        let bytes = sample.data()?;
        match replace(regex, pieces, *all, bytes) {
            Some(out) => Some(Sample::str(out)),
            None => Some(sample),
        }
    }))
}

/// The text with its first match replaced, or all of them. None: there is none.
///
/// As with PCRE, an empty match may stand right behind another one, which the regex crate's own replacing
/// leaves out.
fn replace(regex: &Regex, pieces: &[Piece], all: bool, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut found = regex.captures(bytes)?;
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let mut at = 0;
    while let Some(whole) = found.get(0) {
        out.extend_from_slice(bytes.get(at..whole.start()).unwrap_or_default());
        expand(pieces, &found, &mut out);
        if out.len() > LONGEST {
            break;
        }
        at = whole.end();
        if whole.is_empty() {
            out.extend(bytes.get(at));
            at += 1;
        }
        if !all || at > bytes.len() {
            break;
        }
        match regex.captures_at(bytes, at) {
            Some(next) => found = next,
            None => break,
        }
    }
    out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    Some(out)
}

/// `\0` to `\9` are groups; `\x` and two digits are a byte.
fn pieces(text: &[u8]) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut literal = Vec::new();
    let mut at = 0;
    while let Some(b) = text.get(at) {
        match (b, text.get(at + 1)) {
            (b'\\', Some(d @ b'0'..=b'9')) => {
                if !literal.is_empty() {
                    out.push(Piece::Text(std::mem::take(&mut literal)));
                }
                out.push(Piece::Group(usize::from(d - b'0')));
                at += 2;
            }
            (b'\\', Some(b'x')) if hex_byte(&text[at + 2..]).is_some() => {
                literal.extend(hex_byte(&text[at + 2..]));
                at += 4;
            }
            (b'\\', Some(other)) => {
                literal.push(*other);
                at += 2;
            }
            (b, _) => {
                literal.push(*b);
                at += 1;
            }
        }
    }
    if !literal.is_empty() {
        out.push(Piece::Text(literal));
    }
    out
}

fn hex_byte(text: &[u8]) -> Option<u8> {
    let digit = crate::pattern::digit;
    Some(digit(*text.first()?)? << 4 | digit(*text.get(1)?)?)
}

/// Appends what the pieces come to; no more than a little beyond what a sample may have.
fn expand(pieces: &[Piece], found: &Captures<'_>, out: &mut Vec<u8>) {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Group(n) => out.extend(found.get(*n).map(|m| m.as_bytes()).unwrap_or_default()),
        }
        if out.len() > LONGEST {
            break;
        }
    }
}

/// The text that a map gives for a match, with its groups filled in.
pub(super) fn expand_text(text: &[u8], regex: &Regex, subject: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    expand(&pieces(text), &regex.captures(subject)?, &mut out);
    Some(out)
}
