//! Fetches from stick tables: `sc_*` of what is tracked, `src_*` of the client's address.

use std::sync::OnceLock;

use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::ctx::Ctx;
use crate::place::Source::{self, ClientL4, Internal};
use crate::resolve::Layer;
use crate::sample::Sample;
use crate::sample::SampleType::{Bool, Sint};
use crate::table::{Cursor, Fetch, FetchRow, Figure, fetch_with};
use crate::world::{Counter, TableStat};

type Built = Result<Box<dyn Fetch>, ArgError>;

/// Slots that `track-sc` has: HAProxy's default.
const SLOTS: i64 = 3;
/// The highest index of `gpc` and `gpt` arrays.
const LAST_INDEX: i64 = 99;

const TABLE: &[Arg] = &[opt("table", ArgKind::Table)];
const SLOT_TABLE: &[Arg] = &[need("ctr", ArgKind::IntIn(0, SLOTS - 1)), opt("table", ArgKind::Table)];
const INDEX_SLOT_TABLE: &[Arg] = &[
    need("idx", ArgKind::IntIn(0, LAST_INDEX)),
    need("ctr", ArgKind::IntIn(0, SLOTS - 1)),
    opt("table", ArgKind::Table),
];
const INDEX_TABLE: &[Arg] = &[need("idx", ArgKind::IntIn(0, LAST_INDEX)), opt("table", ArgKind::Table)];
const NEEDS: &[Layer] = &[Layer::StickTables];

/// A counter as its fetches name it, `sc_NAME`, `sc0_NAME`, `src_NAME`: one row of the tables below.
struct CounterRow {
    doc: &'static str,
    /// Names of `sc_`, `sc0_`, `sc1_`, `sc2_` and `src_`. An empty one does not exist.
    names: [&'static [&'static str]; 5],
    examples: [&'static str; 5],
    build: [fn(&mut Args<'_>) -> Built; 5],
}

/// Fetches of a counter without an index.
macro_rules! counter {
    ($name:literal, $counter:expr, $doc:literal) => {
        CounterRow {
            doc: $doc,
            names: [
                &[concat!("sc_", $name)],
                &[concat!("sc0_", $name)],
                &[concat!("sc1_", $name)],
                &[concat!("sc2_", $name)],
                &[concat!("src_", $name)],
            ],
            examples: [
                concat!("sc_", $name, "(0)"),
                concat!("sc0_", $name),
                concat!("sc1_", $name),
                concat!("sc2_", $name),
                concat!("src_", $name, "(st)"),
            ],
            build: [
                |a| tracked_in(a, $counter),
                |a| tracked(a, 0, $counter),
                |a| tracked(a, 1, $counter),
                |a| tracked(a, 2, $counter),
                |a| of_src(a, $counter, 0),
            ],
        }
    };
}

/// The counters without an index.
static COUNTERS: &[CounterRow] = &[
    counter!("bytes_in_rate", Counter::BytesInRate, "bytes from clients, per period"),
    counter!("bytes_out_rate", Counter::BytesOutRate, "bytes to clients, per period"),
    counter!("clr_gpc0", Counter::ClearGpc01(0), "clears gpc0 and returns what it was"),
    counter!("clr_gpc1", Counter::ClearGpc01(1), "clears gpc1 and returns what it was"),
    counter!("conn_cnt", Counter::ConnCnt, "connections, ever"),
    counter!("conn_cur", Counter::ConnCur, "connections that are open"),
    counter!("conn_rate", Counter::ConnRate, "connections, per period"),
    counter!("get_gpc0", Counter::Gpc01(0), "the general purpose counter gpc0"),
    counter!("get_gpc1", Counter::Gpc01(1), "the general purpose counter gpc1"),
    counter!("get_gpt0", Counter::Gpt0, "the general purpose tag gpt0"),
    counter!("gpc0_rate", Counter::Gpc01Rate(0), "increments of gpc0, per period"),
    counter!("gpc1_rate", Counter::Gpc01Rate(1), "increments of gpc1, per period"),
    counter!("http_err_cnt", Counter::HttpErrCnt, "HTTP errors of clients, ever"),
    counter!("http_err_rate", Counter::HttpErrRate, "HTTP errors of clients, per period"),
    counter!("http_fail_cnt", Counter::HttpFailCnt, "HTTP failures of servers, ever"),
    counter!("http_fail_rate", Counter::HttpFailRate, "HTTP failures of servers, per period"),
    counter!("http_req_cnt", Counter::HttpReqCnt, "HTTP requests, ever"),
    counter!("http_req_rate", Counter::HttpReqRate, "HTTP requests, per period"),
    counter!("inc_gpc0", Counter::IncGpc01(0), "adds one to gpc0 and returns the result"),
    counter!("inc_gpc1", Counter::IncGpc01(1), "adds one to gpc1 and returns the result"),
    counter!("kbytes_in", Counter::KbytesIn, "kilobytes from clients, ever"),
    counter!("kbytes_out", Counter::KbytesOut, "kilobytes to clients, ever"),
    counter!("sess_cnt", Counter::SessCnt, "sessions, ever"),
    counter!("sess_rate", Counter::SessRate, "sessions, per period"),
];

/// A number of a stick table.
const fn number(
    source: Source,
    name: &'static [&'static str],
    args: &'static [Arg],
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> FetchRow {
    FetchRow::with(name, args, Sint, source, doc, build).example(example).needs(NEEDS)
}

/// Counters with an index, and what is only tracked or only of the client's address.
static SINGLE: &[FetchRow] = &[
    number(
        Internal,
        &["sc_clr_gpc"],
        INDEX_SLOT_TABLE,
        "clears a counter of the gpc array and returns what it was",
        "sc_clr_gpc(0,1)",
        |a| tracked_index(a, Counter::ClearGpc),
    ),
    number(
        Internal,
        &["sc1_clr_gpc"],
        INDEX_TABLE,
        "clears a counter of the gpc array of slot 1 and returns what it was",
        "sc1_clr_gpc(0)",
        |a| {
            let index = u8::try_from(a.int(0, 0)).unwrap_or_default();
            tracked_with(1, a.opt_table(1), Counter::ClearGpc(index))
        },
    ),
    number(
        Internal,
        &["sc_get_gpc"],
        INDEX_SLOT_TABLE,
        "a counter of the gpc array",
        "sc_get_gpc(0,1)",
        |a| tracked_index(a, Counter::Gpc),
    ),
    number(Internal, &["sc_get_gpt"], INDEX_SLOT_TABLE, "a tag of the gpt array", "sc_get_gpt(0,1)", |a| {
        tracked_index(a, Counter::Gpt)
    }),
    number(
        Internal,
        &["sc_gpc_rate"],
        INDEX_SLOT_TABLE,
        "increments of a counter of the gpc array, per period",
        "sc_gpc_rate(0,1)",
        |a| tracked_index(a, Counter::GpcRate),
    ),
    number(
        Internal,
        &["sc_inc_gpc"],
        INDEX_SLOT_TABLE,
        "adds one to a counter of the gpc array and returns the result",
        "sc_inc_gpc(0,1)",
        |a| tracked_index(a, Counter::IncGpc),
    ),
    number(
        ClientL4,
        &["src_clr_gpc"],
        INDEX_TABLE,
        "clears a counter of the gpc array of the client's entry",
        "src_clr_gpc(0,st)",
        |a| src_index(a, Counter::ClearGpc),
    ),
    number(
        ClientL4,
        &["src_get_gpc"],
        INDEX_TABLE,
        "a counter of the gpc array of the client's entry",
        "src_get_gpc(0,st)",
        |a| src_index(a, Counter::Gpc),
    ),
    number(
        ClientL4,
        &["src_get_gpt"],
        INDEX_TABLE,
        "a tag of the gpt array of the client's entry",
        "src_get_gpt(0,st)",
        |a| src_index(a, Counter::Gpt),
    ),
    number(
        ClientL4,
        &["src_gpc_rate"],
        INDEX_TABLE,
        "increments of a counter of the gpc array of the client's entry",
        "src_gpc_rate(0,st)",
        |a| src_index(a, Counter::GpcRate),
    ),
    number(
        ClientL4,
        &["src_inc_gpc"],
        INDEX_TABLE,
        "adds one to a counter of the gpc array of the client's entry",
        "src_inc_gpc(0,st)",
        |a| src_index(a, Counter::IncGpc),
    ),
    FetchRow::with(
        &["src_updt_conn_cnt"],
        TABLE,
        Sint,
        ClientL4,
        "adds one to conn_cnt of the client's entry, making it where it is absent",
        |a| of_src(a, Counter::TouchConnCnt, 0),
    )
    .example("src_updt_conn_cnt(st)")
    .needs(NEEDS),
    number(
        Internal,
        &["sc_trackers"],
        SLOT_TABLE,
        "sessions that track the same entry",
        "sc_trackers(0)",
        |a| tracked_in(a, Counter::Trackers),
    ),
    number(Internal, &["sc0_trackers"], TABLE, "sessions that track the same entry", "sc0_trackers", |a| {
        tracked(a, 0, Counter::Trackers)
    }),
    number(Internal, &["sc1_trackers"], TABLE, "sessions that track the same entry", "sc1_trackers", |a| {
        tracked(a, 1, Counter::Trackers)
    }),
    number(Internal, &["sc2_trackers"], TABLE, "sessions that track the same entry", "sc2_trackers", |a| {
        tracked(a, 2, Counter::Trackers)
    }),
    FetchRow::with(&["sc_tracked"], SLOT_TABLE, Bool, Internal, "whether the slot tracks an entry", |a| {
        is_tracked(a.int(0, 0))
    })
    .example("sc_tracked(0)")
    .needs(NEEDS),
    FetchRow::with(&["sc0_tracked"], TABLE, Bool, Internal, "whether slot 0 tracks an entry", |_| {
        is_tracked(0)
    })
    .needs(NEEDS),
    FetchRow::with(&["sc1_tracked"], TABLE, Bool, Internal, "whether slot 1 tracks an entry", |_| {
        is_tracked(1)
    })
    .needs(NEEDS),
    FetchRow::with(&["sc2_tracked"], TABLE, Bool, Internal, "whether slot 2 tracks an entry", |_| {
        is_tracked(2)
    })
    .needs(NEEDS),
    FetchRow::with(&["table_avl"], TABLE, Sint, Internal, "free entries of a stick table", |a| {
        of_table(a, TableStat::Available)
    })
    .example("table_avl(st)")
    .needs(NEEDS),
    FetchRow::with(&["table_cnt"], TABLE, Sint, Internal, "entries of a stick table that are in use", |a| {
        of_table(a, TableStat::Used)
    })
    .example("table_cnt(st)")
    .needs(NEEDS),
];

/// Every row: the families of the counters, and the single ones.
pub(super) fn rows() -> impl Iterator<Item = &'static FetchRow> {
    static FAMILIES: OnceLock<Vec<FetchRow>> = OnceLock::new();
    FAMILIES.get_or_init(|| COUNTERS.iter().flat_map(family).collect()).iter().chain(SINGLE)
}

fn family(counter: &'static CounterRow) -> impl Iterator<Item = FetchRow> {
    let args = [SLOT_TABLE, TABLE, TABLE, TABLE, TABLE];
    (0..5).map(move |i| {
        let source = if i == 4 { ClientL4 } else { Internal };
        FetchRow::with(counter.names[i], args[i], Sint, source, counter.doc, counter.build[i])
            .example(counter.examples[i])
            .needs(NEEDS)
    })
}

fn tracked_in(args: &mut Args<'_>, what: Counter) -> Built {
    let slot = u8::try_from(args.int(0, 0)).unwrap_or_default();
    tracked_with(slot, args.opt_table(1), what)
}

fn tracked(args: &mut Args<'_>, slot: u8, what: Counter) -> Built {
    tracked_with(slot, args.opt_table(0), what)
}

fn tracked_index(args: &mut Args<'_>, what: fn(u8) -> Counter) -> Built {
    let index = u8::try_from(args.int(0, 0)).unwrap_or_default();
    let slot = u8::try_from(args.int(1, 0)).unwrap_or_default();
    tracked_with(slot, args.opt_table(2), what(index))
}

fn tracked_with(slot: u8, table: Option<crate::world::TableId>, what: Counter) -> Built {
    Ok(Box::new(OfEntry(Figure { slot: Some(slot), table, what })))
}

/// A figure of the entry that a counter tracks, or of the client's.
struct OfEntry(Figure);

impl Fetch for OfEntry {
    fn fetch<'a>(&'a self, ctx: &Ctx<'a>, _: &mut Cursor) -> Option<Sample<'a>> {
        let Figure { slot, table, what } = self.0;
        match (slot, table) {
            (Some(slot), table) => ctx.tracked?.counter(slot, table, what).map(Sample::Int),
            (None, Some(table)) => {
                let key = Sample::addr(ctx.src()?);
                ctx.world.table_entry(table, &key, what).map(Sample::Int)
            }
            (None, None) => None,
        }
    }

    fn figure(&self) -> Option<Figure> {
        Some(self.0)
    }
}

/// Whether a slot is in use. The table does not matter, as in HAProxy.
fn is_tracked(slot: i64) -> Built {
    let slot = u8::try_from(slot).unwrap_or_default();
    Ok(fetch_with(slot, |slot, ctx| {
        let found = ctx.tracked.and_then(|t| t.counter(*slot, None, Counter::Present));
        Some(Sample::Bool(found.is_some()))
    }))
}

fn of_src(args: &mut Args<'_>, what: Counter, table: usize) -> Built {
    Ok(Box::new(OfEntry(Figure { slot: None, table: Some(args.table(table)?), what })))
}

fn src_index(args: &mut Args<'_>, what: fn(u8) -> Counter) -> Built {
    let index = u8::try_from(args.int(0, 0)).unwrap_or_default();
    of_src(args, what(index), 1)
}

fn of_table(args: &mut Args<'_>, stat: TableStat) -> Built {
    let table = args.table(0)?;
    Ok(fetch_with((table, stat), |(table, stat), ctx| ctx.world.table(*table, *stat).map(Sample::Int)))
}
