//! Lines of logs as they are on the wire, for each way to ask for them.

use std::sync::LazyLock;

use anyhow::Result;
use lbx_tests::client::Http;
use lbx_tests::daemon::Program;
use lbx_tests::oracle::{self, Side};
use regex::{Captures, Regex};

/// Words of `global` and of the proxy, and what is requested.
pub(crate) struct Row {
    /// The name of the test.
    pub(crate) name: &'static str,
    global: &'static str,
    proxy: &'static str,
    requests: &'static [&'static str],
}

const ORDERLY: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const DENIED: &str = "GET /deny HTTP/1.1\r\nhost: a\r\n\r\n";
const WRONG: &str = "GET / HTTP/1.1\r\nno colon\r\n\r\n";
const ALL: &[&str] = &[ORDERLY, DENIED, WRONG];

const fn row(name: &'static str, global: &'static str, proxy: &'static str) -> Row {
    Row { name, global, proxy, requests: ALL }
}

pub(crate) const ROWS: &[Row] = &[
    row("logs::unsaid", "", "log {log} local0\noption httplog"),
    row("logs::unsaid_with_a_host", "log-send-hostname here", "log {log} local0\noption httplog"),
    row("logs::local", "log-send-hostname here", "log {log} format local daemon\noption httplog"),
    row("logs::rfc3164", "log-send-hostname here", "log {log} format rfc3164 local1\noption httplog"),
    row("logs::rfc3164_without_a_host", "", "log {log} format rfc3164 local1\noption httplog"),
    row("logs::rfc5424", "log-send-hostname here", "log {log} format rfc5424 local2\noption httplog"),
    row("logs::rfc5424_without_a_host", "", "log {log} format rfc5424 local2\noption httplog"),
    row(
        "logs::rfc5424_with_data",
        "",
        "log {log} format rfc5424 local2\nlog-format %ci\nlog-format-sd [a@1\\ status=\\\"%ST\\\"]",
    ),
    row("logs::priority", "", "log {log} format priority local3\noption httplog"),
    row("logs::short", "", "log {log} format short local3\noption httplog"),
    row("logs::timed", "", "log {log} format timed local3\noption httplog"),
    row("logs::iso", "log-send-hostname here", "log {log} format iso local3\noption httplog"),
    row("logs::raw", "", "log {log} format raw local3\noption httplog"),
    row("logs::raw_with_data", "", "log {log} format raw local3\nlog-format %ci\nlog-format-sd [a@1]"),
    row("logs::tags", "log-tag all", "log {log} local0\noption httplog"),
    row("logs::tags_of_proxies", "log-tag all", "log {log} local0\nlog-tag own\noption httplog"),
    row("logs::of_global", "log {log} format short local5", "log global\noption httplog"),
    row("logs::two_targets", "", "log {log} local0\nlog {log} format raw local1 err\noption httplog"),
    row("logs::levels", "", "log {log} local0 warning\noption httplog"),
    row("logs::least_levels", "", "log {log} local0 debug notice\noption httplog"),
    row("logs::levels_of_rules", "", "log {log} local0\nhttp-request set-log-level err\noption httplog"),
    row("logs::separate_errors", "", "log {log} local0\noption httplog\noption log-separate-errors"),
    row("logs::without_normal_ones", "", "log {log} local0\noption httplog\noption dontlog-normal"),
    row("logs::https", "", "log {log} local0\noption httpslog"),
    row("logs::of_errors", "", "log {log} local0\noption httplog\nerror-log-format error\\ %ci\\ %ST\\ %ts"),
    row("logs::bare", "", "log {log} local0"),
    Row {
        name: "logs::as_soon_as_possible",
        global: "",
        proxy: "log {log} local0\noption httplog\noption logasap",
        requests: &[DENIED, WRONG],
    },
    Row {
        name: "logs::samples",
        global: "",
        proxy: "log {log} sample 1:2 local0\noption httplog",
        requests: &[ORDERLY; 7],
    },
    Row {
        name: "logs::samples_of_ranges",
        global: "",
        proxy: "log {log} sample 1,3-4:5 local0\noption httplog",
        requests: &[ORDERLY; 8],
    },
];

/// Starts both programs, sends both the same, and compares all that they log.
pub(crate) fn compare(row: &'static Row) -> Result<()> {
    let start = |program| start(row, program);
    let traffic = |side: &mut Side| {
        side.without_log();
        side.without_requests();
        for request in row.requests {
            let mut http: Http = side.connect("web")?;
            http.send(request.as_bytes())?;
            http.response_to("GET")?;
        }
        let mut lines: Vec<_> = side.log.settled()?.iter().map(|line| comparable(line)).collect();
        lines.sort();
        lines.into_iter().for_each(|line| side.note(line));
        Ok(())
    };
    oracle::compare_sides(start, traffic)
}

fn start(row: &Row, program: Program) -> Result<Side> {
    let indented = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let config = format!(
        "global\n{}defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n\
         listen web\n    bind 127.0.0.1:{{web}}\n{}    http-request deny if {{ path /deny }}\n    server s1 {{s1}}\n",
        indented(row.global),
        indented(row.proxy),
    );
    Side::start(&config, program)
}

/// A line without what belongs to the moment or the program.
fn comparable(line: &str) -> String {
    static BLOTTED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"\b(haproxy|lbx)(\[| )\d+", "PROGRAM${2}PID"),
            (r"(all|own)(\[| )\d+", "${1}${2}PID"),
            (r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d", "DATE"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[-+]\d\d:\d\d", "MOMENT"),
            (r"\[\d\d/\w{3}/\d{4}:[\d:.]+\]", "[WHEN]"),
            (r"127\.0\.0\.1:\d+", "ADDRESS"),
            // Pages of errors have a length of their own; a line before the end says so.
            (r" ([45]\d\d) (\+?)\d+ ", " $1 ${2}SIZE "),
            // How many connections are still open depends on the moment.
            (r" \d+/\d+/\d+/\d+/(\d+) \d+/\d+ ", " N/$1 "),
        ]
        .map(|(pattern, with)| (Regex::new(pattern).expect("a pattern"), with))
        .into()
    });
    let blot = |line: String, (pattern, with): &(Regex, &str)| pattern.replace_all(&line, *with).into_owned();
    let line = BLOTTED.iter().fold(line.to_owned(), blot);
    TIMERS
        .replace(&line, |found: &Captures<'_>| format!(" {} {} ", without_times(&found[1]), &found[2]))
        .into_owned()
}

/// The timers before the status.
static TIMERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r" (-?\d+(?:/-?\d+){3}/\+?\d+) (-1|\d{3}) ").expect("a pattern"));

/// Which timers there are, and which of them are not final.
fn without_times(timers: &str) -> String {
    let blotted = timers.split('/').map(|timer| match timer {
        "-1" => "-1",
        timer if timer.starts_with('+') => "+T",
        _ => "T",
    });
    blotted.collect::<Vec<_>>().join("/")
}
