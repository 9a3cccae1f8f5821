//! Log formats, wherever they may stand: every variable, flags, and text around them.

use crate::table::{PLAIN, Place, Row, Table};

pub(crate) static TABLES: &[&Table] = &[
    &Table {
        requests: REQUESTS,
        setup: CAPTURES,
        differs: &[
            ("%TR", "Timers in rules"),
            ("%Tq", "Timers in rules"),
            ("%ST", "Status of answers"),
            ("%CC", "Cookies in rules"),
            ("%{+Q}CC", "Cookies in rules"),
            ("%{+M}CC", "Cookies in rules"),
            ("%{-M}CC", "Cookies in rules"),
        ],
        ..Table::new("formats::in_requests", Place::Request, VARIABLES)
    },
    &Table {
        requests: REQUESTS,
        setup: CAPTURES,
        differs: &[("%B", "Bytes in rules")],
        ..Table::new("formats::in_responses", Place::Response, VARIABLES)
    },
    &Table { requests: REQUESTS, setup: CAPTURES, ..Table::new("formats::in_logs", Place::Log, VARIABLES) },
    &Table { requests: REQUESTS, ..Table::new("formats::in_logs_without_captures", Place::Log, FLAGS) },
    &Table { requests: REQUESTS, ..Table::new("formats::at_the_end", Place::Log, AT_THE_END) },
    &Table { requests: &[PLAIN], ..Table::new("formats::in_tcp_logs", Place::TcpLog, TCP) },
    &Table {
        requests: REQUESTS,
        setup: CONVERTED,
        ..Table::new("formats::captured_by_converters", Place::Log, CAPTURED)
    },
];

static REQUESTS: &[&str] = &[
    PLAIN,
    "GET /p?q='1'&r=] HTTP/1.1\r\nhost: h\r\nx-a: one two\r\nx-b: \"{|}#\\\r\ncookie: sid=abcdef; other=1\r\n\r\n",
    "POST /bytes/20 HTTP/1.0\r\nhost: h\r\nx-a: é\t]\r\ncontent-length: 3\r\n\r\nabc",
    "GET /status/404 HTTP/1.1\r\nhost: h\r\nx-b:\r\n\r\n",
];

const CAPTURES: &str = "    capture request header x-a len 10
    capture request header x-b len 20
    capture response header x-origin len 10
    capture cookie sid len 8
";

const CONVERTED: &str = "    declare capture request len 4
    declare capture request len 10
    declare capture response len 8
    http-request set-var(txn.a) req.hdr(host),capture-req(1),upper
    http-request set-var(txn.b) str(abcdefgh),capture-req(0)
    http-request set-var(txn.c) str(none),capture-req(7)
    http-response set-var(txn.d) res.hdr(x-origin),capture-res(0)
";

static CAPTURED: &[Row] = &[
    "%hr",
    "%hs",
    "%hrl",
    "%hsl",
    "capture.req.hdr(0)",
    "capture.req.hdr(1)",
    "capture.req.hdr(2)",
    "capture.res.hdr(0)",
    "var(txn.a)",
    "var(txn.b)",
    "var(txn.c)",
    "var(txn.d)",
];

static VARIABLES: &[Row] = &[
    "%B",
    "%CC",
    "%CS",
    "%HM",
    "%HP",
    "%HPO",
    "%HQ",
    "%HU",
    "%HV",
    "%ID",
    "%ST",
    "%T",
    "%Tc",
    "%Th",
    "%Ti",
    "%Tl",
    "%Tq",
    "%TR",
    "%Tr",
    "%Ts",
    "%Tw",
    "%b",
    "%bi",
    "%bp",
    "%bq",
    "%ci",
    "%cp",
    "%f",
    "%fi",
    "%fp",
    "%ft",
    "%hr",
    "%hrl",
    "%hs",
    "%hsl",
    "%lc",
    "%ms",
    "%pid",
    "%r",
    "%rc",
    "%rt",
    "%s",
    "%si",
    "%sp",
    "%sq",
    "%sslc",
    "%sslv",
    "%t",
    "%tr",
    "%trg",
    "%trl",
    "%ts",
    "%tsc",
    "%H",
    "%{+Q}CC",
    "%{+Q}HU",
    "%{+Q}hr",
    "%{+Q}hs",
    "%{+Q}r",
    "%{+Q}b",
    "%{+Q}ID",
    "%{+Q}sslv",
    "%{+E}HU",
    "%{+E}r",
    "%{+Q,+E}hr",
    "%{+X}ci",
    "%{+X}cp",
    "%{+X}fi",
    "%{+X}Ts",
    "%{+X}pid",
    "%{+X}rt",
    "%{+X}ms",
    "%{+M}CC",
    "%{-M}CC",
    "%{-M}hr",
    "%{+M}sslv",
    "%{-M}sslv",
    "%{+M}ID",
];

/// What is known at the end only.
static AT_THE_END: &[Row] = &["%Ta", "%Td", "%Tt", "%Tu", "%U", "%B"];

static FLAGS: &[Row] = &[
    "%hr",
    "%hs",
    "%{+Q}hr",
    "%{+Q}hs",
    "%hrl",
    "%CC",
    "%{+Q}CC",
    "%{+Q}[capture.req.uri]",
    "%{+E}[capture.req.uri]",
    "%{+Q,+E}[capture.req.uri]",
    "%{+X}[src]",
    "%{+X}[int(255)]",
    "%{+Q}[var(txn.none)]",
    "%{-M}[var(txn.none)]",
    "%{+M}[var(txn.none)]",
    "%%",
    "text a%%b",
    "%ci:%f",
    "%{+Q}HM/%HV",
    "%[capture.req.uri]%[capture.req.uri]",
    "%{+Q}o%HM %{-Q}HV %HP",
    "text x %hr y %hs z",
    "%hr%hs",
    "%[str(a b)] c",
    "text   lead",
    "%[src,ipmask(8)]",
    "%[capture.req.uri,length,add(1)]",
    "%{Q}HM",
    "%{+Q,-Q}HM",
    "%{ +Q }HM",
];

static TCP: &[Row] = &[
    "%B", "%ST", "%T", "%Tc", "%Td", "%Th", "%Tl", "%Ts", "%Tt", "%Tu", "%Tw", "%U", "%b", "%bi", "%bp",
    "%bq", "%ci", "%cp", "%f", "%fi", "%fp", "%ft", "%lc", "%ms", "%pid", "%rc", "%rt", "%s", "%si", "%sp",
    "%sq", "%sslc", "%sslv", "%t", "%ts", "%H", "%hr", "%hs", "%ID", "%{+Q}b", "%{+X}ci", "%{+X}Ts",
];
