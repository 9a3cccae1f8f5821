//! Look-ups in stick tables.

use std::sync::OnceLock;

use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::resolve::Layer;
use crate::sample::Sample;
use crate::sample::SampleType::{Any, Bool, Sint};
use crate::table::{Convert, ConverterRow, convert_with};
use crate::world::Counter;

type Built = Result<Box<dyn Convert>, ArgError>;

const TABLE: &[Arg] = &[opt("table", ArgKind::Table)];
const INDEX_TABLE: &[Arg] = &[need("idx", ArgKind::IntIn(0, 99)), opt("table", ArgKind::Table)];
const TABLE_DEFAULT: &[Arg] = &[opt("table", ArgKind::Table), opt("default", ArgKind::Int)];
const NEEDS: &[Layer] = &[Layer::StickTables];

/// A column that `table_NAME` reads.
struct Column {
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
}

macro_rules! column {
    ($name:literal, $counter:expr, $doc:literal) => {
        Column {
            name: concat!("table_", $name),
            doc: $doc,
            example: concat!("src,table_", $name, "(st)"),
            build: |a| entry(a, $counter, 0),
        }
    };
}

static COLUMNS: &[Column] = &[
    column!("bytes_in_rate", Counter::BytesInRate, "bytes from clients of the entry, per period"),
    column!("bytes_out_rate", Counter::BytesOutRate, "bytes to clients of the entry, per period"),
    column!("conn_cnt", Counter::ConnCnt, "connections of the entry, ever"),
    column!("conn_cur", Counter::ConnCur, "connections of the entry that are open"),
    column!("conn_rate", Counter::ConnRate, "connections of the entry, per period"),
    column!("gpc0", Counter::Gpc01(0), "gpc0 of the entry"),
    column!("gpc0_rate", Counter::Gpc01Rate(0), "increments of gpc0 of the entry, per period"),
    column!("gpc1", Counter::Gpc01(1), "gpc1 of the entry"),
    column!("gpc1_rate", Counter::Gpc01Rate(1), "increments of gpc1 of the entry, per period"),
    column!("gpt0", Counter::Gpt0, "gpt0 of the entry"),
    column!("http_err_cnt", Counter::HttpErrCnt, "HTTP errors of clients of the entry, ever"),
    column!("http_err_rate", Counter::HttpErrRate, "HTTP errors of clients of the entry, per period"),
    column!("http_fail_cnt", Counter::HttpFailCnt, "HTTP failures of servers of the entry, ever"),
    column!("http_fail_rate", Counter::HttpFailRate, "HTTP failures of servers of the entry, per period"),
    column!("http_req_cnt", Counter::HttpReqCnt, "HTTP requests of the entry, ever"),
    column!("http_req_rate", Counter::HttpReqRate, "HTTP requests of the entry, per period"),
    column!("kbytes_in", Counter::KbytesIn, "kilobytes from clients of the entry, ever"),
    column!("kbytes_out", Counter::KbytesOut, "kilobytes to clients of the entry, ever"),
    column!("server_id", Counter::ServerId, "the server that stick rules stored for the entry"),
    column!("sess_cnt", Counter::SessCnt, "sessions of the entry, ever"),
    column!("sess_rate", Counter::SessRate, "sessions of the entry, per period"),
    column!("trackers", Counter::Trackers, "sessions that track the entry"),
];

static SINGLE: &[ConverterRow] = &[
    ConverterRow::with(
        "in_table",
        TABLE,
        (Any, Bool),
        "whether a stick table has the entry",
        "src,in_table(st)",
        |a| {
            let table = a.table(0)?;
            Ok(convert_with(table, |table, key, ctx| {
                Some(Sample::Bool(
                    ctx.world.table_entry(*table, &key, Counter::Present).is_some_and(|n| n != 0),
                ))
            }))
        },
    )
    .needs(NEEDS),
    ConverterRow::with(
        "table_expire",
        TABLE_DEFAULT,
        (Any, Sint),
        "milliseconds until the entry expires, or the default",
        "src,table_expire(st)",
        |a| time(a, Counter::Expire),
    )
    .needs(NEEDS),
    ConverterRow::with(
        "table_gpc",
        INDEX_TABLE,
        (Any, Sint),
        "a counter of the gpc array of the entry",
        "src,table_gpc(0,st)",
        |a| indexed(a, Counter::Gpc),
    )
    .needs(NEEDS),
    ConverterRow::with(
        "table_gpc_rate",
        INDEX_TABLE,
        (Any, Sint),
        "increments of a counter of the gpc array, per period",
        "src,table_gpc_rate(0,st)",
        |a| indexed(a, Counter::GpcRate),
    )
    .needs(NEEDS),
    ConverterRow::with(
        "table_gpt",
        INDEX_TABLE,
        (Any, Sint),
        "a tag of the gpt array of the entry",
        "src,table_gpt(0,st)",
        |a| indexed(a, Counter::Gpt),
    )
    .needs(NEEDS),
    ConverterRow::with(
        "table_idle",
        TABLE_DEFAULT,
        (Any, Sint),
        "milliseconds since the entry was used, or the default",
        "src,table_idle(st)",
        |a| time(a, Counter::Idle),
    )
    .needs(NEEDS),
];

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = &'static ConverterRow> {
    static ALL: OnceLock<Vec<ConverterRow>> = OnceLock::new();
    let row = |c: &'static Column| {
        ConverterRow::with(c.name, TABLE, (Any, Sint), c.doc, c.example, c.build).needs(NEEDS)
    };
    ALL.get_or_init(|| COLUMNS.iter().map(row).collect()).iter().chain(SINGLE)
}

fn entry(args: &mut Args<'_>, what: Counter, table: usize) -> Built {
    let table = args.table(table)?;
    Ok(convert_with((table, what), |(table, what), key, ctx| {
        ctx.world.table_entry(*table, &key, *what).map(Sample::Int)
    }))
}

fn indexed(args: &mut Args<'_>, what: fn(u8) -> Counter) -> Built {
    let index = u8::try_from(args.int(0, 0)).unwrap_or_default();
    entry(args, what(index), 1)
}

fn time(args: &mut Args<'_>, what: Counter) -> Built {
    let data = (args.table(0)?, what, args.opt_int(1));
    Ok(convert_with(data, |(table, what, default), key, ctx| {
        ctx.world.table_entry(*table, &key, *what).or(*default).map(Sample::Int)
    }))
}
