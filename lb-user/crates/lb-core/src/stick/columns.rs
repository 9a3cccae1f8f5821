//! The columns of a table and where an entry keeps them.

use std::collections::HashMap;
use std::time::Duration;

use lb_common::rule::Column as Shared;
use lb_conf::model::Column;

/// Something that a table may store of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// `server_id`: the server that `stick` rules chose; 0: none.
    ServerId,
    /// `gpt0`, `gpt(n)`: a tag.
    Gpt(u8),
    /// `gpc0`, `gpc1`, `gpc(n)`: a counter.
    Gpc(u8),
    /// Its increments within a period.
    GpcRate(u8),
    /// `conn_cnt`
    ConnCnt,
    /// `conn_cur`
    ConnCur,
    /// `conn_rate`
    ConnRate,
    /// `sess_cnt`
    SessCnt,
    /// `sess_rate`
    SessRate,
    /// `http_req_cnt`
    HttpReqCnt,
    /// `http_req_rate`
    HttpReqRate,
    /// `http_err_cnt`
    HttpErrCnt,
    /// `http_err_rate`
    HttpErrRate,
    /// `http_fail_cnt`
    HttpFailCnt,
    /// `http_fail_rate`
    HttpFailRate,
    /// `bytes_in_cnt`
    BytesInCnt,
    /// `bytes_in_rate`
    BytesInRate,
    /// `bytes_out_cnt`
    BytesOutCnt,
    /// `bytes_out_rate`
    BytesOutRate,
}

/// Where entries of a table keep a metric. It holds for that table only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub(super) index: usize,
    /// Of a rate, what it is counted over; None: a plain number.
    pub period: Option<Duration>,
    // What another plane may count of it too.
    pub(super) shared: Option<Shared>,
}

/// The columns of a table in the order of its entries' cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) cells: Vec<Cell>,
    places: HashMap<Metric, usize>,
}

/// What a cell of an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) metric: Metric,
    pub(super) name: String,
    pub(super) period: Option<Duration>,
}

impl Layout {
    pub(super) fn new(columns: &[Column]) -> Self {
        let mut sorted: Vec<&Column> = columns.iter().collect();
        sorted.sort_by_key(|column| describe(column).order);
        let cells: Vec<Cell> = sorted.into_iter().flat_map(cells).collect();
        let places = cells.iter().enumerate().map(|(index, cell)| (cell.metric, index)).collect();
        Self { cells, places }
    }

    pub(super) fn slot(&self, metric: Metric) -> Option<Slot> {
        let index = *self.places.get(&metric)?;
        self.cells.get(index).map(|cell| cell.slot(index))
    }

    /// The slot of a column by the name that operators give it; `gpc` and its like stand for their first element.
    pub(super) fn slot_named(&self, name: &str) -> Option<Slot> {
        let first = name.replacen("gpc_rate", "gpc0_rate", 1);
        let first = match name {
            "gpc" => "gpc0",
            "gpt" => "gpt0",
            _ => &first,
        };
        let index = self.cells.iter().position(|cell| cell.name == first)?;
        self.cells.get(index).map(|cell| cell.slot(index))
    }
}

impl Cell {
    pub(super) fn slot(&self, index: usize) -> Slot {
        let shared = match self.metric {
            Metric::ConnCnt => Some(Shared::Connections),
            Metric::ConnRate => Some(Shared::Rate),
            Metric::ConnCur => Some(Shared::Open),
            _ => None,
        };
        Slot { index, period: self.period, shared }
    }
}

/// Whether any table could have a column of this name.
pub(super) fn is_known(name: &str) -> bool {
    const NAMES: [&str; 17] = [
        "server_id",
        "conn_cnt",
        "conn_cur",
        "conn_rate",
        "sess_cnt",
        "sess_rate",
        "http_req_cnt",
        "http_req_rate",
        "http_err_cnt",
        "http_err_rate",
        "http_fail_cnt",
        "http_fail_rate",
        "bytes_in_cnt",
        "bytes_in_rate",
        "bytes_out_cnt",
        "bytes_out_rate",
        "gpc_rate",
    ];
    let numbered = name
        .strip_prefix("gpc")
        .or_else(|| name.strip_prefix("gpt"))
        .map(|rest| rest.trim_end_matches("_rate"));
    NAMES.contains(&name) || numbered.is_some_and(|rest| rest.is_empty() || rest.parse::<u8>().is_ok())
}

// What a column is, at which place HAProxy prints it, and of how many cells it is made from which number on.
struct Description {
    order: u8,
    name: &'static str,
    metric: fn(u8) -> Metric,
    cells: std::ops::Range<u8>,
    period: Option<Duration>,
}

fn describe(column: &Column) -> Description {
    let one = |order, name, metric, period| Description { order, name, metric, cells: 0..1, period };
    let many = |order, name, metric, cells, period| Description { order, name, metric, cells, period };
    match *column {
        Column::ServerId => one(0, "server_id", |_| Metric::ServerId, None),
        Column::Gpt0 => many(1, "gpt#", Metric::Gpt, 0..1, None),
        Column::Gpc0 => many(2, "gpc#", Metric::Gpc, 0..1, None),
        Column::Gpc0Rate(period) => many(3, "gpc#_rate", Metric::GpcRate, 0..1, Some(period)),
        Column::ConnCnt => one(4, "conn_cnt", |_| Metric::ConnCnt, None),
        Column::ConnRate(period) => one(5, "conn_rate", |_| Metric::ConnRate, Some(period)),
        Column::ConnCur => one(6, "conn_cur", |_| Metric::ConnCur, None),
        Column::SessCnt => one(7, "sess_cnt", |_| Metric::SessCnt, None),
        Column::SessRate(period) => one(8, "sess_rate", |_| Metric::SessRate, Some(period)),
        Column::HttpReqCnt => one(9, "http_req_cnt", |_| Metric::HttpReqCnt, None),
        Column::HttpReqRate(period) => one(10, "http_req_rate", |_| Metric::HttpReqRate, Some(period)),
        Column::HttpErrCnt => one(11, "http_err_cnt", |_| Metric::HttpErrCnt, None),
        Column::HttpErrRate(period) => one(12, "http_err_rate", |_| Metric::HttpErrRate, Some(period)),
        Column::BytesInCnt => one(13, "bytes_in_cnt", |_| Metric::BytesInCnt, None),
        Column::BytesInRate(period) => one(14, "bytes_in_rate", |_| Metric::BytesInRate, Some(period)),
        Column::BytesOutCnt => one(15, "bytes_out_cnt", |_| Metric::BytesOutCnt, None),
        Column::BytesOutRate(period) => one(16, "bytes_out_rate", |_| Metric::BytesOutRate, Some(period)),
        Column::Gpc1 => many(17, "gpc#", Metric::Gpc, 1..2, None),
        Column::Gpc1Rate(period) => many(18, "gpc#_rate", Metric::GpcRate, 1..2, Some(period)),
        Column::HttpFailCnt => one(19, "http_fail_cnt", |_| Metric::HttpFailCnt, None),
        Column::HttpFailRate(period) => one(20, "http_fail_rate", |_| Metric::HttpFailRate, Some(period)),
        Column::Gpt(count) => many(21, "gpt#", Metric::Gpt, 0..count, None),
        Column::Gpc(count) => many(22, "gpc#", Metric::Gpc, 0..count, None),
        Column::GpcRate(count, period) => many(23, "gpc#_rate", Metric::GpcRate, 0..count, Some(period)),
    }
}

fn cells(column: &Column) -> Vec<Cell> {
    let Description { name, metric, cells, period, .. } = describe(column);
    let cell = |n: u8| Cell { metric: metric(n), name: name.replace('#', &n.to_string()), period };
    cells.map(cell).collect()
}
