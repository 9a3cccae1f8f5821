//! Stick tables: every counter, of what is tracked, of the client's address and by converter.

use crate::table::{PLAIN, Place, Row, Table};

pub(crate) static TABLES: &[&Table] = &[
    &Table {
        requests: REQUESTS,
        setup: TRACK,
        sections: SECTIONS,
        ..Table::new("counters::by_name", Place::Response, BY_NAME)
    },
    &Table {
        requests: REQUESTS,
        setup: CHANGE,
        sections: SECTIONS,
        ..Table::new("counters::changed", Place::Response, CHANGED)
    },
    &Table {
        requests: &[PLAIN, PLAIN, PLAIN],
        setup: ARRAYS,
        sections: SECTIONS,
        ..Table::new("counters::arrays", Place::Request, INDEXED)
    },
    // Later connections could find those before them still open.
    &Table {
        setup: TRACK,
        sections: SECTIONS,
        differs: &[
            ("src,table_trackers(all)", "Trackers by converter"),
            ("ipv4(10.0.0.1),table_trackers(all)", "Trackers by converter"),
        ],
        ..Table::new("counters::open", Place::Response, OPEN)
    },
    // What is transferred is counted when a stream is over, of which clients learn nothing.
    &Table { setup: TRACK, sections: SECTIONS, ..Table::new("counters::bytes", Place::Request, BYTES) },
];

static REQUESTS: &[&str] = &[
    PLAIN,
    "GET /status/404 HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /status/503 HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
];

const SECTIONS: &str = "
backend all
    stick-table type ip size 100 expire 10m store gpc0,gpc0_rate(1h),gpc1,gpc1_rate(1h),gpt0,conn_cnt,conn_cur,conn_rate(1h),sess_cnt,sess_rate(1h),http_req_cnt,http_req_rate(1h),http_err_cnt,http_err_rate(1h),http_fail_cnt,http_fail_rate(1h),bytes_in_cnt,bytes_in_rate(1h),bytes_out_cnt,bytes_out_rate(1h)
backend arrays
    stick-table type ip size 100 expire 10m store gpc(3),gpc_rate(3,1h),gpt(2)
backend few
    stick-table type ip size 100 expire 10m store gpc0
";

const TRACK: &str = "    tcp-request connection track-sc0 src table all
    http-request track-sc1 ipv4(10.0.0.1) table all
    http-request track-sc2 ipv4(10.0.0.2) table few
    http-request sc-inc-gpc0(0)
    http-request sc-inc-gpc1(1)
    http-request sc-set-gpt0(1) 7
";

/// The six ways to ask for a counter.
macro_rules! ways {
    ($($name:literal)*) => {
        &[$(
            concat!("sc_", $name, "(0)"),
            concat!("sc_", $name, "(1,all)"),
            concat!("sc0_", $name),
            concat!("sc1_", $name),
            concat!("sc2_", $name),
            concat!("sc2_", $name, "(all)"),
            concat!("src_", $name, "(all)"),
            concat!("src_", $name, "(few)"),
        )*]
    };
}

macro_rules! columns {
    ($($name:literal)*) => {
        &[$(
            concat!("src,table_", $name, "(all)"),
            concat!("ipv4(10.0.0.1),table_", $name, "(all)"),
            concat!("ipv4(10.0.0.9),table_", $name, "(all)"),
            concat!("src,table_", $name, "(few)"),
        )*]
    };
}

/// Two tables in one.
const fn joined<const A: usize, const B: usize, const N: usize>(a: &[Row; A], b: &[Row; B]) -> [Row; N] {
    let mut rows = [""; N];
    let mut at = 0;
    while at < N {
        rows[at] = if at < A { a[at] } else { b[at - A] };
        at += 1;
    }
    rows
}

const WAYS: &[Row; 14 * 8] = ways!(
    "conn_cnt" "conn_rate" "get_gpc0" "get_gpc1" "get_gpt0" "gpc0_rate" "gpc1_rate" "http_err_cnt" "http_err_rate"
    "http_fail_cnt" "http_fail_rate" "http_req_cnt" "http_req_rate" "sess_cnt"
);
const COLUMNS: &[Row; 15 * 4] = columns!(
    "conn_cnt" "conn_rate" "gpc0" "gpc1" "gpt0" "gpc0_rate" "gpc1_rate" "http_err_cnt" "http_err_rate" "http_fail_cnt"
    "http_fail_rate" "http_req_cnt" "http_req_rate" "sess_cnt" "sess_rate"
);
static BY_NAME: &[Row] = &joined::<112, 60, 172>(WAYS, COLUMNS);

const CHANGE: &str = "    tcp-request connection track-sc0 src table all
    http-request track-sc1 ipv4(10.0.0.1) table all
    http-request track-sc2 ipv4(10.0.0.2) table all
";

static CHANGED: &[Row] = ways!("sess_rate" "inc_gpc0" "inc_gpc1" "clr_gpc0" "clr_gpc1");

const ARRAYS: &str = "    tcp-request connection track-sc0 src table arrays
    http-request track-sc1 ipv4(10.0.0.1) table arrays
    http-request sc-inc-gpc(0,0)
    http-request sc-inc-gpc(2,1)
    http-request sc-set-gpt(1,0) 9
";

static INDEXED: &[Row] = &[
    "sc_get_gpc(0,0)",
    "sc_get_gpc(2,1)",
    "sc_get_gpc(3,0)",
    "sc_get_gpc(0,2)",
    "sc_gpc_rate(0,0)",
    "sc_gpc_rate(2,1,arrays)",
    "sc_get_gpt(1,0)",
    "sc_get_gpt(2,0)",
    "sc_inc_gpc(0,0)",
    "sc_inc_gpc(0,1,arrays)",
    "sc_inc_gpc(3,1)",
    "sc_clr_gpc(0,1)",
    "sc_clr_gpc(1,1)",
    "sc1_clr_gpc(2)",
    "sc1_clr_gpc(2,arrays)",
    "src_get_gpc(0,arrays)",
    "src_get_gpc(1,arrays)",
    "src_get_gpt(1,arrays)",
    "src_gpc_rate(0,arrays)",
    "src_inc_gpc(1,arrays)",
    "src_clr_gpc(1,arrays)",
    "src_inc_gpc(0,arrays)",
    "src,table_gpc(0,arrays)",
    "src,table_gpc_rate(0,arrays)",
    "src,table_gpc_rate(5,arrays)",
    "src,table_gpt(1,arrays)",
    "src,table_gpt(0,few)",
    "ipv4(10.0.0.1),table_gpc(0,arrays)",
    "sc0_get_gpc0",
    "sc0_get_gpt0",
    "src_get_gpc0(arrays)",
    "src_gpc0_rate(arrays)",
    "src_inc_gpc0(arrays)",
    "src_clr_gpc0(arrays)",
    "src,table_gpc0(arrays)",
    "src_updt_conn_cnt(all)",
    "src_updt_conn_cnt(few)",
    "src_updt_conn_cnt(all)",
    "src_conn_cnt(all)",
];

static OPEN: &[Row] = &[
    "sc_conn_cur(0)",
    "sc0_conn_cur",
    "sc1_conn_cur",
    "sc2_conn_cur",
    "src_conn_cur(all)",
    "src,table_conn_cur(all)",
    "src,table_trackers(all)",
    "ipv4(10.0.0.1),table_trackers(all)",
    "ipv4(10.0.0.9),table_trackers(all)",
    "sc_trackers(0)",
    "sc_trackers(1,all)",
    "sc0_trackers",
    "sc1_trackers",
    "sc2_trackers",
    "sc2_trackers(all)",
    "sc0_tracked",
    "sc1_tracked",
    "sc2_tracked",
    "sc_tracked(1)",
    "sc2_tracked(all)",
];

static BYTES: &[Row] = &[
    "sc_bytes_in_rate(0)",
    "sc0_bytes_in_rate",
    "sc1_bytes_in_rate",
    "sc2_bytes_in_rate",
    "src_bytes_in_rate(all)",
    "src,table_bytes_in_rate(all)",
    "sc_bytes_out_rate(0)",
    "sc0_bytes_out_rate",
    "sc1_bytes_out_rate",
    "sc2_bytes_out_rate",
    "src_bytes_out_rate(all)",
    "src,table_bytes_out_rate(all)",
    "sc_kbytes_in(0)",
    "sc0_kbytes_in",
    "sc1_kbytes_in",
    "sc2_kbytes_in",
    "src_kbytes_in(all)",
    "src,table_kbytes_in(all)",
    "sc_kbytes_out(0)",
    "sc0_kbytes_out",
    "sc1_kbytes_out",
    "sc2_kbytes_out",
    "src_kbytes_out(all)",
    "src,table_kbytes_out(all)",
];
