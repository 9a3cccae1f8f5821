//! Fetches from what is kept of a request and its response until the log.

use crate::args::{ArgError, ArgKind, Args, need};
use crate::ctx::{Captures, Ctx, Kept, KeptRequest};
use crate::logformat::version_name;
use crate::place::Source::{Constant, Internal, RequestKept, ResponseKept};
use crate::sample::Sample;
use crate::sample::SampleType::{Sint, Str};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

/// Slots of captures that a proxy may have: as many as fit a byte are far more than any configuration
/// declares.
const MOST_SLOTS: i64 = 255;

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::with(
        &["capture.req.hdr"],
        &[need("idx", ArgKind::IntIn(0, MOST_SLOTS))],
        Str,
        RequestKept,
        "what a slot captured of the request, counted from 0",
        |args| capture(args, |kept| &kept.request_captures),
    )
    .example("capture.req.hdr(0)"),
    FetchRow::plain(&["capture.req.method"], Str, RequestKept, "the method of the request", |ctx| {
        Some(Sample::str(request(ctx)?.method.as_str()))
    }),
    FetchRow::plain(
        &["capture.req.uri"],
        Str,
        RequestKept,
        "the target of the request, without scheme and host",
        |ctx| {
            let path = crate::logformat::path_only(&request(ctx)?.uri);
            path.starts_with(b"/").then(|| Sample::str(path))
        },
    ),
    FetchRow::plain(
        &["capture.req.ver"],
        Str,
        RequestKept,
        "the version of the request, `HTTP/1.1`",
        |ctx| Some(Sample::str(version_name(request(ctx)?.version))),
    ),
    FetchRow::with(
        &["capture.res.hdr"],
        &[need("idx", ArgKind::IntIn(0, MOST_SLOTS))],
        Str,
        ResponseKept,
        "what a slot captured of the response, counted from 0",
        |args| capture(args, |kept| &kept.response_captures),
    )
    .example("capture.res.hdr(0)"),
    FetchRow::plain(
        &["capture.res.ver"],
        Str,
        RequestKept,
        "the version of the response, `HTTP/1.1`",
        |ctx| Some(Sample::str(version_name(ctx.kept?.response_version?))),
    ),
    FetchRow::plain(
        &["last_rule_file"],
        Str,
        Internal,
        "the file of the last rule that ended an evaluation",
        |ctx| {
            let kept: &Kept = ctx.kept?;
            Some(Sample::str(&*kept.last_rule.as_ref()?.0))
        },
    ),
    FetchRow::plain(
        &["last_rule_line"],
        Sint,
        Internal,
        "the line of the last rule that ended an evaluation",
        |ctx| Some(Sample::Int(ctx.kept?.last_rule.as_ref()?.1.into())),
    ),
    FetchRow::plain(&["prio_class"], Sint, Internal, "the priority class that rules set", |ctx| {
        Some(Sample::Int(ctx.kept.map_or(0, |k| k.priority_class).into()))
    }),
    FetchRow::plain(
        &["prio_offset"],
        Sint,
        Internal,
        "the priority offset that rules set, milliseconds",
        |ctx| Some(Sample::Int(ctx.kept.map_or(0, |k| k.priority_offset).into())),
    ),
    FetchRow::plain(&["unique-id"], Str, Constant, "the unique id of the request", |ctx| {
        Some(Sample::str(ctx.kept?.unique_id.as_deref()?))
    }),
];

fn request<'a>(ctx: &Ctx<'a>) -> Option<&'a KeptRequest> {
    ctx.kept?.request.as_ref()
}

fn capture(args: &mut Args<'_>, slots: fn(&Kept) -> &Captures) -> Built {
    let index = usize::try_from(args.int(0, 0)).unwrap_or_default();
    Ok(fetch_with((index, slots), |(index, slots), ctx| slots(ctx.kept?).get(*index).map(Sample::str)))
}
