//! Fetches from cookies.

use http::HeaderName;
use http::header::{COOKIE, SET_COOKIE};

use super::header::{Side, lines};
use crate::args::{Arg, ArgError, ArgKind, Args, opt};
use crate::cast::parse_int_prefix;
use crate::ctx::Ctx;
use crate::place::Source::{self, Message, RequestHead, ResponseHead};
use crate::sample::Sample;
use crate::sample::SampleType::{self, Sint, Str};
use crate::table::{Cursor, Fetch, FetchRow, fetch_each, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

const NAME: &[Arg] = &[opt("name", ArgKind::Str)];

const fn row(
    names: &'static [&'static str],
    output: SampleType,
    source: Source,
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> FetchRow {
    FetchRow::with(names, NAME, output, source, doc, build).example(example)
}

pub(super) static ROWS: &[FetchRow] = &[
    row(
        &["cookie"],
        Str,
        Message,
        "as req.cook in rules on requests, and as res.cook in rules on responses",
        "cookie(id)",
        |a| cookie(a, Side::of(a), text),
    ),
    row(
        &["req.cook", "cook"],
        Str,
        RequestHead,
        "the last cookie of a name, or the first one of all; every one in an ACL",
        "req.cook(id)",
        |a| cookie(a, Side::Request, text),
    ),
    row(
        &["req.cook_val", "cook_val"],
        Sint,
        RequestHead,
        "the same as an integer",
        "req.cook_val(page)",
        |a| cookie(a, Side::Request, number),
    ),
    row(
        &["req.cook_cnt", "cook_cnt"],
        Sint,
        RequestHead,
        "how many cookies have a name, or there are",
        "req.cook_cnt(id)",
        |a| count(a, Side::Request),
    ),
    row(
        &["res.cook", "scook", "set-cookie"],
        Str,
        ResponseHead,
        "as req.cook, in Set-Cookie of the response",
        "res.cook(id)",
        |a| cookie(a, Side::Response, text),
    ),
    row(
        &["res.cook_val", "scook_val"],
        Sint,
        ResponseHead,
        "as req.cook_val, in Set-Cookie of the response",
        "res.cook_val(id)",
        |a| cookie(a, Side::Response, number),
    ),
    row(
        &["res.cook_cnt", "scook_cnt"],
        Sint,
        ResponseHead,
        "as req.cook_cnt, in Set-Cookie of the response",
        "res.cook_cnt(id)",
        |a| count(a, Side::Response),
    ),
];

type Read = for<'a> fn(&'a [u8]) -> Option<Sample<'a>>;

fn text(bytes: &[u8]) -> Option<Sample<'_>> {
    Some(Sample::str(bytes))
}

fn number(bytes: &[u8]) -> Option<Sample<'_>> {
    parse_int_prefix(bytes).map(Sample::Int)
}

struct Cookie {
    side: Side,
    name: Box<[u8]>,
    read: Read,
}

impl Cookie {
    fn parse(args: &Args<'_>, side: Side, read: Read) -> Self {
        Self { side, name: args.str(0).as_bytes().into(), read }
    }

    /// The next cookie of the name that the cursor comes to.
    fn next<'a>(&self, ctx: &Ctx<'a>, cursor: &mut Cursor) -> Option<&'a [u8]> {
        let headers = self.side.headers(ctx)?;
        let on_response = self.side == Side::Response || self.side == Side::Either && ctx.on_response;
        let header: HeaderName = if on_response { SET_COOKIE } else { COOKIE };
        loop {
            let line = lines(headers, Some(&header)).nth(cursor.item)?;
            let pair = pair_at(line, cursor.pos);
            // Behind the first pair of Set-Cookie stand attributes, which only who names no cookie counts.
            cursor.pos = match pair.next {
                Some(next) if !on_response || self.name.is_empty() => next,
                _ => {
                    cursor.item += 1;
                    0
                }
            };
            let counts = !pair.name.is_empty() && (pair.whole || !on_response);
            if counts && (self.name.is_empty() || *self.name == *pair.name) {
                return Some(pair.value);
            }
        }
    }
}

fn cookie(args: &mut Args<'_>, side: Side, read: Read) -> Built {
    Ok(fetch_each(Cookie::parse(args, side, read), |cookie, ctx, cursor| {
        if cursor.each {
            cursor.more = true;
            loop {
                if let Some(sample) = (cookie.read)(cookie.next(ctx, cursor)?) {
                    return Some(sample);
                }
            }
        }
        let mut found = cookie.next(ctx, cursor)?;
        while !cookie.name.is_empty()
            && let Some(value) = cookie.next(ctx, cursor)
        {
            found = value;
        }
        (cookie.read)(found)
    }))
}

fn count(args: &mut Args<'_>, side: Side) -> Built {
    Ok(fetch_with(Cookie::parse(args, side, text), |cookie, ctx| {
        let mut cursor = Cursor::default();
        let mut count = 0;
        while cookie.next(ctx, &mut cursor).is_some() {
            count += 1;
        }
        Some(Sample::Int(count))
    }))
}

struct Pair<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// Whether there is an equals sign.
    whole: bool,
    next: Option<usize>,
}

/// The `name=value` that begins at a byte. Semicolons in quotes do not separate.
fn pair_at(line: &[u8], from: usize) -> Pair<'_> {
    let rest = line.get(from..).unwrap_or_default();
    let mut quoted = false;
    let end = rest.iter().position(|b| {
        quoted ^= *b == b'"';
        !quoted && matches!(b, b';' | b',')
    });
    let text = &rest[..end.unwrap_or(rest.len())];
    let equals = memchr::memchr(b'=', text);
    let (name, value) = match equals {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[text.len()..]),
    };
    Pair {
        name: name.trim_ascii(),
        value: value.trim_ascii(),
        whole: equals.is_some(),
        next: end.map(|e| from + e + 1),
    }
}
