//! Fetches from bodies and from the bytes of connections.

use super::header::Side;
use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::ctx::{Buffer, Ctx};
use crate::place::Source::{self, Message, RequestBody, RequestBuffer, ResponseBody, ResponseBuffer};
use crate::resolve::Layer;
use crate::sample::Sample;
use crate::sample::SampleType::{Bin, Sint, Str};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

/// The farthest byte that an argument may name: buffers are smaller.
const FARTHEST: i64 = i32::MAX as i64;

const PAYLOAD: &[Arg] =
    &[need("offset", ArgKind::IntIn(0, FARTHEST)), need("length", ArgKind::IntIn(0, FARTHEST))];
const PAYLOAD_LV: &[Arg] = &[
    need("offset1", ArgKind::IntIn(0, FARTHEST)),
    need("length", ArgKind::IntIn(1, 8)),
    opt("offset2", ArgKind::Str),
];
const COOKIE: &[Arg] = &[opt("name", ArgKind::Str)];
const BODIES: &[Layer] = &[Layer::Bodies];
pub(super) const INSPECTION: &[Layer] = &[Layer::ContentInspection];

const fn payload_row(
    names: &'static [&'static str],
    source: Source,
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> FetchRow {
    FetchRow::with(names, PAYLOAD, Bin, source, doc, build).example(example).needs(INSPECTION)
}

const fn lv_row(
    names: &'static [&'static str],
    source: Source,
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> FetchRow {
    FetchRow::with(names, PAYLOAD_LV, Bin, source, doc, build).example(example).needs(INSPECTION)
}

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::plain(
        &["req.body"],
        Bin,
        RequestBody,
        "the body of the request, as far as it is buffered",
        |c| c.request_data.bytes.map(Sample::bin),
    )
    .needs(BODIES),
    FetchRow::plain(
        &["req.body_len"],
        Sint,
        RequestBody,
        "bytes of the request's body that are buffered",
        |c| len(c.request_data),
    )
    .needs(BODIES),
    FetchRow::plain(
        &["req.body_size"],
        Sint,
        RequestBody,
        "bytes of the request's body that were announced",
        |c| announced(c.request_data),
    )
    .needs(BODIES),
    FetchRow::plain(
        &["res.body"],
        Bin,
        ResponseBody,
        "the body of the response, as far as it is buffered",
        |c| c.response_data.bytes.map(Sample::bin),
    )
    .needs(BODIES),
    FetchRow::plain(
        &["res.body_len"],
        Sint,
        ResponseBody,
        "bytes of the response's body that are buffered",
        |c| len(c.response_data),
    )
    .needs(BODIES),
    FetchRow::plain(
        &["res.body_size"],
        Sint,
        ResponseBody,
        "bytes of the response's body that were announced",
        |c| announced(c.response_data),
    )
    .needs(BODIES),
    FetchRow::plain(
        &["req.len", "req_len"],
        Sint,
        RequestBuffer,
        "bytes that the client sent and that are buffered",
        |c| buffered(c, c.request_data),
    )
    .needs(INSPECTION),
    FetchRow::plain(
        &["res.len"],
        Sint,
        ResponseBuffer,
        "bytes that the server sent and that are buffered",
        |c| buffered(c, c.response_data),
    )
    .needs(INSPECTION),
    payload_row(
        &["payload"],
        Message,
        "as req.payload in rules on requests, and as res.payload in rules on responses",
        "payload(0,4)",
        |a| payload(a, Side::of(a)),
    ),
    payload_row(
        &["req.payload"],
        RequestBuffer,
        "so many of the client's bytes from an offset; all from there for length 0",
        "req.payload(0,4)",
        |a| payload(a, Side::Request),
    ),
    payload_row(
        &["res.payload"],
        ResponseBuffer,
        "as req.payload, of the server's bytes",
        "res.payload(0,4)",
        |a| payload(a, Side::Response),
    ),
    lv_row(
        &["payload_lv"],
        Message,
        "as req.payload_lv in rules on requests, and as res.payload_lv in rules on responses",
        "payload_lv(0,2)",
        |a| payload_lv(a, Side::of(a)),
    ),
    lv_row(
        &["req.payload_lv"],
        RequestBuffer,
        "as many of the client's bytes as a number among them says",
        "req.payload_lv(43,1)",
        |a| payload_lv(a, Side::Request),
    ),
    lv_row(
        &["res.payload_lv"],
        ResponseBuffer,
        "as req.payload_lv, of the server's bytes",
        "res.payload_lv(43,1)",
        |a| payload_lv(a, Side::Response),
    ),
    FetchRow::with(
        &["req.rdp_cookie", "rdp_cookie", "req_rdp_cookie"],
        COOKIE,
        Str,
        RequestBuffer,
        "the cookie of an RDP connection",
        |a| rdp(a, false),
    )
    .example("req.rdp_cookie(mstshash)")
    .needs(INSPECTION),
    FetchRow::with(
        &["req.rdp_cookie_cnt", "rdp_cookie_cnt", "req_rdp_cookie_cnt"],
        COOKIE,
        Sint,
        RequestBuffer,
        "how many RDP cookies there are: 0 or 1",
        |a| rdp(a, true),
    )
    .example("req.rdp_cookie_cnt(mstshash)")
    .needs(INSPECTION),
];

fn len<'a>(buffer: Buffer<'a>) -> Option<Sample<'a>> {
    i64::try_from(buffer.bytes?.len()).ok().map(Sample::Int)
}

fn announced<'a>(buffer: Buffer<'a>) -> Option<Sample<'a>> {
    let there = || buffer.bytes.map(|b| b.len() as u64);
    i64::try_from(buffer.announced.or_else(there)?).ok().map(Sample::Int)
}

fn buffered<'a>(ctx: &Ctx<'a>, buffer: Buffer<'a>) -> Option<Sample<'a>> {
    if !buffer.complete {
        ctx.wait_for_more();
    }
    len(buffer)
}

pub(super) fn side<'a>(side: Side, ctx: &Ctx<'a>) -> Buffer<'a> {
    match side {
        Side::Request => ctx.request_data,
        Side::Response => ctx.response_data,
        Side::Either if ctx.on_response => ctx.response_data,
        Side::Either => ctx.request_data,
    }
}

/// That stretch of a buffer. Where it is not there yet, more bytes may bring it.
fn stretch<'a>(ctx: &Ctx<'a>, buffer: Buffer<'a>, from: usize, len: usize) -> Option<&'a [u8]> {
    let found = buffer.bytes?.get(from..from.checked_add(len)?);
    if found.is_none() && !buffer.complete {
        ctx.wait_for_more();
    }
    found
}

fn size(args: &Args<'_>, index: usize) -> usize {
    usize::try_from(args.int(index, 0)).unwrap_or_default()
}

fn payload(args: &mut Args<'_>, of: Side) -> Built {
    Ok(fetch_with((of, size(args, 0), size(args, 1)), |(of, offset, length), ctx| {
        let buffer = side(*of, ctx);
        let bytes = match length {
            0 => {
                if !buffer.complete {
                    ctx.wait_for_more();
                }
                buffer.bytes?.get(*offset..)?
            }
            length => stretch(ctx, buffer, *offset, *length)?,
        };
        Some(Sample::bin(bytes))
    }))
}

/// Where the bytes stand that a length announces.
#[derive(Clone, Copy)]
enum Second {
    /// From the end of the length.
    Relative(i64),
    /// From the beginning of the buffer.
    Absolute(usize),
}

fn payload_lv(args: &mut Args<'_>, of: Side) -> Built {
    let second = match args.opt_str(2) {
        None | Some("") => Second::Relative(0),
        Some(text) => {
            let wrong = |_| ArgError::new(2, "an offset is expected, with a sign where it is relative");
            match text.starts_with(['+', '-']) {
                true => Second::Relative(text.parse::<i32>().map_err(wrong)?.into()),
                false => Second::Absolute(text.parse::<u32>().map_err(wrong)? as usize),
            }
        }
    };
    Ok(fetch_with((of, size(args, 0), size(args, 1), second), |(of, at, width, second), ctx| {
        let buffer = side(*of, ctx);
        let number = stretch(ctx, buffer, *at, *width)?;
        let length = number.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let behind = at.checked_add(*width)?;
        let from = match second {
            Second::Absolute(at) => *at,
            Second::Relative(by) => usize::try_from(i64::try_from(behind).ok()?.checked_add(*by)?).ok()?,
        };
        stretch(ctx, buffer, from, usize::try_from(length).ok()?).map(Sample::bin)
    }))
}

/// TPKT version 3, an X.224 connection request, and in it `Cookie: name=value` up to the end of the line
/// (MS-RDPBCGR, section 2.2.1.1).
fn rdp(args: &mut Args<'_>, count: bool) -> Built {
    let name = args.str(0).to_ascii_lowercase().into_bytes();
    Ok(fetch_with((name, count), |(name, count), ctx| {
        let value = rdp_cookie(ctx, name);
        match count {
            true => Some(Sample::Int(i64::from(value.is_some()))),
            false => value.map(Sample::str),
        }
    }))
}

/// TPKT and X.224 headers together.
const RDP_HEADERS: usize = 11;

fn rdp_cookie<'a>(ctx: &Ctx<'a>, name: &[u8]) -> Option<&'a [u8]> {
    let buffer = ctx.request_data;
    let head = stretch(ctx, buffer, 0, RDP_HEADERS)?;
    // Version 3 of TPKT, and the code of a connection request.
    if head[0] != 3 || head[5] & 0xf0 != 0xe0 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let body = stretch(ctx, buffer, RDP_HEADERS, length.checked_sub(RDP_HEADERS)?)?;
    let cookie = body.strip_prefix(b"Cookie:")?.trim_ascii_start();
    let end = memchr::memchr(b'\r', cookie)?;
    let equals = memchr::memchr(b'=', &cookie[..end])?;
    let same = name.is_empty() || cookie[..equals].eq_ignore_ascii_case(name);
    same.then(|| &cookie[equals + 1..end])
}
