//! Fetches from the course of a stream: when what happened, how long it took, how much was transferred. HAProxy has them
//! since 2.8 or later; they are what variables of log formats are.

use std::sync::Arc;

use crate::acl::{Acl, Verdict};
use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::ctx::{Ctx, Timestamp};
use crate::logformat::LogFacts;
use crate::place::Source::{self, Constant, Internal, RequestKept, ServerL4};
use crate::sample::Sample;
use crate::sample::SampleType::{Bool, Sint, Str};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

const UNIT: &[Arg] = &[opt("unit", ArgKind::Word(&["s", "ms", "us"]))];
const ACLS: &[Arg] = &[
    need("acl1", ArgKind::Str),
    opt("acl2", ArgKind::Str),
    opt("acl3", ArgKind::Str),
    opt("acl4", ArgKind::Str),
    opt("acl5", ArgKind::Str),
    opt("acl6", ArgKind::Str),
    opt("acl7", ArgKind::Str),
    opt("acl8", ArgKind::Str),
    opt("acl9", ArgKind::Str),
    opt("acl10", ArgKind::Str),
    opt("acl11", ArgKind::Str),
    opt("acl12", ArgKind::Str),
];

/// A timer, in milliseconds.
macro_rules! timer {
    ($name:literal, $source:expr, $doc:literal, $read:expr) => {
        FetchRow::plain(&[$name], Sint, $source, $doc, |ctx| {
            let facts = facts(ctx)?;
            let read: fn(&LogFacts<'_>) -> Option<Timestamp> = $read;
            Some(Sample::Int(read(&facts).map_or(-1, |span| whole(span.as_millis()))))
        })
    };
}

/// A number.
macro_rules! figure {
    ($name:literal, $source:expr, $doc:literal, $read:expr) => {
        FetchRow::plain(&[$name], Sint, $source, $doc, |ctx| {
            let facts = facts(ctx)?;
            let read: fn(&LogFacts<'_>) -> i64 = $read;
            Some(Sample::Int(read(&facts)))
        })
    };
}

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::with(
        &["acl"],
        ACLS,
        Bool,
        Constant,
        "whether all of these ACLs match; one behind `!` must not",
        acl,
    )
    .example("acl(TRUE,!FALSE)"),
    FetchRow::with(&["accept_date"], UNIT, Sint, Internal, "when the connection was accepted", |a| {
        date(a, |facts| facts.accepted)
    }),
    FetchRow::with(&["request_date"], UNIT, Sint, RequestKept, "when the request began to come", |a| {
        date(a, |facts| facts.requested)
    }),
    figure!("act_conn", Internal, "connections of the process, `%ac`", |f| f.connections.process.into()),
    figure!(
        "bc_be_queue",
        Source::Backend,
        "requests that were before it in the backend's queue, `%bq`",
        |f| f.backend_queue.into()
    ),
    figure!(
        "bc_srv_queue",
        Source::Server,
        "requests that were before it in the server's queue, `%sq`",
        |f| f.server_queue.into()
    ),
    figure!("bytes_in", Internal, "bytes from the client, `%U`", |f| whole(f.bytes_in.into())),
    figure!("bytes_out", Internal, "bytes to the client, `%B`", |f| whole(f.bytes_out.into())),
    figure!("pid", Internal, "the number of the process, `%pid`", |f| f.pid.into()),
    figure!("txn.conn_retries", ServerL4, "attempts to connect beyond the first, `%rc`", |f| f
        .retries
        .into()),
    FetchRow::plain(
        &["txn.redispatched"],
        Bool,
        ServerL4,
        "whether it went to another server than it was meant for",
        |ctx| Some(Sample::Bool(facts(ctx)?.redispatched)),
    ),
    FetchRow::plain(
        &["txn.sess_term_state"],
        Str,
        Internal,
        "how it ended, in the two letters of `%ts`",
        |ctx| {
            let end = facts(ctx)?.termination;
            Some(Sample::str(vec![end.cause, end.state]))
        },
    ),
    timer!("bc.timer.connect", ServerL4, "connecting to the server, `%Tc`", |f| f.timers.connect),
    timer!("fc.timer.handshake", Internal, "the client's handshakes, `%Th`", |f| f.timers.handshake),
    timer!("fc.timer.total", Internal, "all of the connection, `%Tt`", |f| f.timers.total),
    timer!("req.timer.hdr", RequestKept, "receiving the head of the request, `%TR`", |f| f.timers.request),
    timer!("req.timer.idle", RequestKept, "waiting for the request, `%Ti`", |f| f.timers.idle),
    timer!("req.timer.queue", RequestKept, "waiting in queues, `%Tw`", |f| f.timers.queue),
    timer!("req.timer.tq", RequestKept, "until the head of the request was there, `%Tq`", |f| f
        .timers
        .to_request()),
    timer!("res.timer.data", ServerL4, "transferring the response, `%Td`", |f| f.timers.data()),
    timer!("res.timer.hdr", ServerL4, "waiting for the head of the response, `%Tr`", |f| f.timers.response),
    timer!("txn.timer.total", Internal, "all of the request, `%Ta`", |f| f.timers.active()),
    timer!("txn.timer.user", Internal, "all of it but idle time, `%Tu`", |f| f.timers.user()),
];

fn facts<'a>(ctx: &Ctx<'a>) -> Option<LogFacts<'a>> {
    ctx.facts.map(|source| source.log_facts())
}

fn whole(n: u128) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn date(args: &mut Args<'_>, read: fn(&LogFacts<'_>) -> Timestamp) -> Built {
    let unit: fn(Timestamp) -> u128 = match args.str(0) {
        "ms" => |at| at.as_millis(),
        "us" => |at| at.as_micros(),
        _ => |at| at.as_secs().into(),
    };
    Ok(fetch_with((read, unit), |(read, unit), ctx| Some(Sample::Int(whole(unit(read(&facts(ctx)?)))))))
}

/// An ACL, and whether it must not match.
type Named = (bool, Arc<Acl>);

fn acl(args: &mut Args<'_>) -> Built {
    let mut all: Vec<Named> = Vec::with_capacity(args.count());
    for index in 0..args.count() {
        let word = args.str(index).to_owned();
        let name = word.trim_start_matches('!');
        let negated = (word.len() - name.len()) % 2 == 1;
        all.push((negated, args.acl(index, name)?));
    }
    Ok(fetch_with(all, |all, ctx| {
        for (negated, acl) in all {
            match acl.eval(ctx) {
                Verdict::Unknown => return None,
                verdict if (verdict == Verdict::Pass) == *negated => return Some(Sample::Bool(false)),
                _ => {}
            }
        }
        Some(Sample::Bool(true))
    }))
}
