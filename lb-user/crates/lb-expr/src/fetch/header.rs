//! Fetches from header fields.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::args::{Arg, ArgError, ArgKind, Args, opt};
use crate::cast::{parse_int_prefix, parse_ip};
use crate::ctx::Ctx;
use crate::place::Source::{self, Message, RequestHead, ResponseHead};
use crate::sample::Sample;
use crate::sample::SampleType::{self, Addr, Bin, Sint, Str};
use crate::table::{Cursor, Fetch, FetchRow, fetch_each, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;
type Build = fn(&mut Args<'_>) -> Built;

const NAMED: &[Arg] = &[opt("name", ArgKind::Str), opt("occ", ArgKind::Int)];
const NAME: &[Arg] = &[opt("name", ArgKind::Str)];
const DELIM: &[Arg] = &[opt("delim", ArgKind::Str)];

const fn row(
    names: &'static [&'static str],
    args: &'static [Arg],
    output: SampleType,
    source: Source,
    doc: &'static str,
    example: &'static str,
    build: Build,
) -> FetchRow {
    FetchRow::with(names, args, output, source, doc, build).example(example)
}

pub(super) static ROWS: &[FetchRow] = &[
    row(
        &["hdr"],
        NAMED,
        Str,
        Message,
        "as req.hdr in rules on requests, and as res.hdr in rules on responses",
        "hdr(host)",
        |a| header(a, Side::of(a), Kind::Values, text),
    ),
    row(
        &["req.hdr"],
        NAMED,
        Str,
        RequestHead,
        "the last value of a header, where commas separate values; every one in an ACL",
        "req.hdr(host)",
        |a| header(a, Side::Request, Kind::Values, text),
    ),
    row(
        &["req.fhdr"],
        NAMED,
        Str,
        RequestHead,
        "the last line of a header, with its commas; every one in an ACL",
        "req.fhdr(user-agent)",
        |a| header(a, Side::Request, Kind::Lines, text),
    ),
    row(
        &["req.hdr_ip", "hdr_ip"],
        NAMED,
        Addr,
        RequestHead,
        "the last value of a header, as an address",
        "req.hdr_ip(x-forwarded-for)",
        |a| header(a, Side::Request, Kind::Values, address),
    ),
    row(
        &["req.hdr_val", "hdr_val"],
        NAMED,
        Sint,
        RequestHead,
        "the last value of a header, as an integer",
        "req.hdr_val(content-length)",
        |a| header(a, Side::Request, Kind::Values, number),
    ),
    row(
        &["req.hdr_cnt", "hdr_cnt"],
        NAME,
        Sint,
        RequestHead,
        "how many values a header has",
        "req.hdr_cnt(cookie)",
        |a| count(a, Side::Request, Kind::Values),
    ),
    row(
        &["req.fhdr_cnt"],
        NAME,
        Sint,
        RequestHead,
        "how many lines a header has",
        "req.fhdr_cnt(cookie)",
        |a| count(a, Side::Request, Kind::Lines),
    ),
    row(&["req.hdr_names"], DELIM, Str, RequestHead, "the names of all headers", "req.hdr_names(-)", |a| {
        names(a, Side::Request)
    }),
    FetchRow::plain(&["req.hdrs"], Bin, RequestHead, "all headers as text, with the empty line", |ctx| {
        block(ctx.request?.headers)
    }),
    FetchRow::plain(&["req.hdrs_bin"], Bin, RequestHead, "all headers in SPOE's binary form", |ctx| {
        binary_block(ctx.request?.headers)
    }),
    row(
        &["res.hdr", "shdr"],
        NAMED,
        Str,
        ResponseHead,
        "as req.hdr, in the response",
        "res.hdr(server)",
        |a| header(a, Side::Response, Kind::Values, text),
    ),
    row(&["res.fhdr"], NAMED, Str, ResponseHead, "as req.fhdr, in the response", "res.fhdr(date)", |a| {
        header(a, Side::Response, Kind::Lines, text)
    }),
    row(
        &["res.hdr_ip", "shdr_ip"],
        NAMED,
        Addr,
        ResponseHead,
        "as req.hdr_ip, in the response",
        "res.hdr_ip(x-origin)",
        |a| header(a, Side::Response, Kind::Values, address),
    ),
    row(
        &["res.hdr_val", "shdr_val"],
        NAMED,
        Sint,
        ResponseHead,
        "as req.hdr_val, in the response",
        "res.hdr_val(age)",
        |a| header(a, Side::Response, Kind::Values, number),
    ),
    row(
        &["res.hdr_cnt", "shdr_cnt"],
        NAME,
        Sint,
        ResponseHead,
        "as req.hdr_cnt, in the response",
        "res.hdr_cnt(set-cookie)",
        |a| count(a, Side::Response, Kind::Values),
    ),
    row(
        &["res.fhdr_cnt"],
        NAME,
        Sint,
        ResponseHead,
        "as req.fhdr_cnt, in the response",
        "res.fhdr_cnt(set-cookie)",
        |a| count(a, Side::Response, Kind::Lines),
    ),
    row(
        &["res.hdr_names"],
        DELIM,
        Str,
        ResponseHead,
        "as req.hdr_names, in the response",
        "res.hdr_names",
        |a| names(a, Side::Response),
    ),
    FetchRow::plain(&["res.hdrs"], Bin, ResponseHead, "as req.hdrs, in the response", |ctx| {
        block(ctx.response?.headers)
    }),
    FetchRow::plain(&["res.hdrs_bin"], Bin, ResponseHead, "as req.hdrs_bin, in the response", |ctx| {
        binary_block(ctx.response?.headers)
    }),
];

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
    /// Whichever the rule is about: known at run time where the place is not known at load.
    Either,
}

impl Side {
    /// What fetches without a side of their own look at.
    pub(super) fn of(args: &Args<'_>) -> Self {
        match args.place {
            Some(place) if place.is_response() => Self::Response,
            Some(_) => Self::Request,
            None => Self::Either,
        }
    }

    pub(super) fn headers<'a>(self, ctx: &Ctx<'a>) -> Option<&'a HeaderMap> {
        match self {
            Self::Request => Some(ctx.request?.headers),
            Self::Response => Some(ctx.response?.headers),
            Self::Either if ctx.on_response => Some(ctx.response?.headers),
            Self::Either => Some(ctx.request?.headers),
        }
    }
}

/// What counts as one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What commas separate.
    Values,
    /// A whole line.
    Lines,
}

type Read = for<'a> fn(&'a [u8]) -> Option<Sample<'a>>;

fn text(bytes: &[u8]) -> Option<Sample<'_>> {
    Some(Sample::str(bytes))
}

fn number(bytes: &[u8]) -> Option<Sample<'_>> {
    // What is empty counts as zero here.
    Some(Sample::Int(parse_int_prefix(bytes).unwrap_or(0)))
}

fn address(bytes: &[u8]) -> Option<Sample<'_>> {
    parse_ip(bytes).map(Sample::addr)
}

/// The header that an argument names; None: all of them.
pub(super) fn header_name(args: &Args<'_>, index: usize) -> Result<Option<HeaderName>, ArgError> {
    match args.opt_str(index) {
        None | Some("") => Ok(None),
        Some(name) => match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => Ok(Some(name)),
            Err(_) => Err(ArgError::new(index, format!("`{name}` is not the name of a header"))),
        },
    }
}

/// The values of a header in their order, or of all headers.
pub(super) fn lines<'a>(
    headers: &'a HeaderMap,
    name: Option<&HeaderName>,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let (one, all) = match name {
        Some(name) => (Some(headers.get_all(name).iter()), None),
        None => (None, Some(headers.values())),
    };
    one.into_iter().flatten().chain(all.into_iter().flatten()).map(HeaderValue::as_bytes)
}

struct Header {
    side: Side,
    name: Option<HeaderName>,
    /// 0: the last one, or all in an ACL.
    occ: i64,
    kind: Kind,
    read: Read,
}

fn header(args: &mut Args<'_>, side: Side, kind: Kind, read: Read) -> Built {
    let name = header_name(args, 0)?;
    let header = Header { side, name, occ: args.int(1, 0), kind, read };
    Ok(fetch_each(header, |header, ctx, cursor| {
        let headers = header.side.headers(ctx)?;
        // As in HAProxy, only counts are of all headers together.
        header.name.as_ref()?;
        match cursor.each && header.occ == 0 {
            true => header.next(headers, cursor),
            false => (header.read)(header.occurrence(headers)?),
        }
    }))
}

impl Header {
    fn lines<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        lines(headers, self.name.as_ref())
    }

    /// The next value that reads as what is wanted.
    fn next<'a>(&self, headers: &'a HeaderMap, cursor: &mut Cursor) -> Option<Sample<'a>> {
        loop {
            let line = self.lines(headers).nth(cursor.item)?;
            let value = match self.kind {
                Kind::Lines => {
                    cursor.item += 1;
                    line
                }
                Kind::Values => {
                    let (value, next) = value_at(line, cursor.pos);
                    cursor.item += usize::from(next.is_none());
                    cursor.pos = next.unwrap_or(0);
                    value
                }
            };
            cursor.more = true;
            if let Some(sample) = (self.read)(value) {
                return Some(sample);
            }
        }
    }

    fn occurrence<'a>(&self, headers: &'a HeaderMap) -> Option<&'a [u8]> {
        let all = || self.lines(headers).flat_map(|line| Values::new(line, self.kind));
        match self.occ {
            0 | -1 => {
                let line = self.lines(headers).last()?;
                Values::new(line, self.kind).last()
            }
            n if n > 0 => all().nth(usize::try_from(n).ok()? - 1),
            n => {
                let back = usize::try_from(n.unsigned_abs()).ok()?;
                all().nth(all().count().checked_sub(back)?)
            }
        }
    }
}

/// The values of a line.
struct Values<'a> {
    line: &'a [u8],
    at: Option<usize>,
    kind: Kind,
}

impl<'a> Values<'a> {
    fn new(line: &'a [u8], kind: Kind) -> Self {
        Self { line, at: Some(0), kind }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let at = self.at?;
        let (value, next) = match self.kind {
            Kind::Lines => (self.line, None),
            Kind::Values => value_at(self.line, at),
        };
        self.at = next;
        Some(value)
    }
}

/// The value that begins at a byte, without blanks around it, and where the next one begins. Commas in quotes
/// do not separate.
fn value_at(line: &[u8], from: usize) -> (&[u8], Option<usize>) {
    let rest = line.get(from..).unwrap_or_default();
    let mut quoted = false;
    let mut escaped = false;
    for (i, b) in rest.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return (rest[..i].trim_ascii(), Some(from + i + 1)),
            _ => {}
        }
    }
    (rest.trim_ascii(), None)
}

fn count(args: &mut Args<'_>, side: Side, kind: Kind) -> Built {
    let name = header_name(args, 0)?;
    Ok(fetch_with((side, name, kind), |(side, name, kind), ctx| {
        let lines = lines(side.headers(ctx)?, name.as_ref());
        let count = match kind {
            Kind::Lines => lines.count(),
            Kind::Values => lines.map(|line| Values::new(line, *kind).count()).sum(),
        };
        i64::try_from(count).ok().map(Sample::Int)
    }))
}

fn names(args: &mut Args<'_>, side: Side) -> Built {
    let delimiter = args.str(0).bytes().next().unwrap_or(b',');
    Ok(fetch_with((side, delimiter), |(side, delimiter), ctx| {
        let mut out = Vec::new();
        for (i, (name, _)) in side.headers(ctx)?.iter().enumerate() {
            if i > 0 {
                out.push(*delimiter);
            }
            out.extend(name.as_str().as_bytes());
        }
        Some(Sample::str(out))
    }))
}

fn block<'a>(headers: &'a HeaderMap) -> Option<Sample<'a>> {
    let mut out = Vec::new();
    for (name, value) in headers {
        out.extend(name.as_str().as_bytes());
        out.extend(b": ");
        out.extend(value.as_bytes());
        out.extend(b"\r\n");
    }
    out.extend(b"\r\n");
    Some(Sample::str(out))
}

/// Names and values, each behind its length as a variable-length integer, and two empty ones at the end
/// (SPOE, section 3.1).
fn binary_block<'a>(headers: &'a HeaderMap) -> Option<Sample<'a>> {
    let mut out = Vec::new();
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            write_varint(part.len() as u64, &mut out);
            out.extend(part);
        }
    }
    out.extend([0, 0]);
    Some(Sample::bin(out))
}

/// SPOE's integers: below 240 one byte; else its four low bits there, and seven of the rest in each byte that
/// follows.
fn write_varint(mut n: u64, out: &mut Vec<u8>) {
    if n < 240 {
        return out.push(n as u8);
    }
    out.push(n as u8 | 240);
    n = (n - 240) >> 4;
    while n >= 128 {
        out.push(n as u8 | 128);
        n = (n - 128) >> 7;
    }
    out.push(n as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_do_not_separate() {
        let values: Vec<_> = Values::new(br#""a,\"b" , c,,d"#, Kind::Values).collect();
        assert_eq!(values, [&br#""a,\"b""#[..], b"c", b"", b"d"]);
        assert_eq!(Values::new(b"", Kind::Values).count(), 1);
    }

    #[test]
    fn varints_are_spoes() {
        let encode = |n| {
            let mut out = Vec::new();
            write_varint(n, &mut out);
            out
        };
        assert_eq!(encode(239), [239]);
        assert_eq!(encode(240), [240, 0]);
        assert_eq!(encode(2287), [255, 127]);
        assert_eq!(encode(2288), [240, 128, 0]);
    }
}
