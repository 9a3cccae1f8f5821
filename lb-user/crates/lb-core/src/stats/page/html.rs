//! The page as HTML.

use std::fmt::Write as _;

use lb_conf::model::StatsPage;

use super::super::row::Subject;
use super::super::{COLUMNS, Info, Row, Value};
use super::form::{ACTIONS, Outcome};
use crate::frontend::address_text;
use crate::host::Process;
use crate::server::{Operational, State, Status};

/// What goes into a page.
pub(super) struct Content<'a> {
    pub(super) page: &'a StatsPage,
    pub(super) process: &'a Process,
    pub(super) info: &'a Info,
    pub(super) note: Option<Outcome>,
    pub(super) admin: bool,
    pub(super) rows: &'a [Row],
}

/// How a cell shows the value of its column.
#[derive(Clone, Copy)]
enum Show {
    Plain,
    /// Digits in groups of three.
    Number,
    /// Seconds as days, hours, minutes and seconds.
    Age,
    /// The status with its age.
    Status,
    /// The last check with its duration.
    Check,
}

/// The cells of a line: group, head, column, look.
const CELLS: &[(&str, &str, &str, Show)] = &[
    ("Queue", "Cur", "qcur", Show::Number),
    ("Queue", "Max", "qmax", Show::Number),
    ("Queue", "Limit", "qlimit", Show::Number),
    ("Session rate", "Cur", "rate", Show::Number),
    ("Session rate", "Max", "rate_max", Show::Number),
    ("Request rate", "Cur", "req_rate", Show::Number),
    ("Request rate", "Max", "req_rate_max", Show::Number),
    ("Sessions", "Cur", "scur", Show::Number),
    ("Sessions", "Max", "smax", Show::Number),
    ("Sessions", "Limit", "slim", Show::Number),
    ("Sessions", "Total", "stot", Show::Number),
    ("Sessions", "LbTot", "lbtot", Show::Number),
    ("Sessions", "Last", "lastsess", Show::Age),
    ("Bytes", "In", "bin", Show::Number),
    ("Bytes", "Out", "bout", Show::Number),
    ("Denied", "Req", "dreq", Show::Number),
    ("Denied", "Resp", "dresp", Show::Number),
    ("Errors", "Req", "ereq", Show::Number),
    ("Errors", "Conn", "econ", Show::Number),
    ("Errors", "Resp", "eresp", Show::Number),
    ("Warnings", "Retr", "wretr", Show::Number),
    ("Warnings", "Redis", "wredis", Show::Number),
    ("Responses", "2xx", "hrsp_2xx", Show::Number),
    ("Responses", "4xx", "hrsp_4xx", Show::Number),
    ("Responses", "5xx", "hrsp_5xx", Show::Number),
    ("Total time (ms)", "Avg", "ttime", Show::Number),
    ("Total time (ms)", "p50", "ttime_p50", Show::Number),
    ("Total time (ms)", "p95", "ttime_p95", Show::Number),
    ("Total time (ms)", "p99", "ttime_p99", Show::Number),
    ("Server", "Status", "status", Show::Status),
    ("Server", "LastChk", "check_status", Show::Check),
    ("Server", "Wght", "weight", Show::Plain),
    ("Server", "Act", "act", Show::Plain),
    ("Server", "Bck", "bck", Show::Plain),
    ("Server", "Chk", "chkfail", Show::Number),
    ("Server", "Dwn", "chkdown", Show::Number),
    ("Server", "Dwntme", "downtime", Show::Age),
    ("Server", "Thrtle", "throttle", Show::Plain),
];

/// The colours of lines: class, background, meaning.
const COLOURS: &[(&str, &str, &str)] = &[
    ("up", "#c8f0c8", "up"),
    ("going-down", "#f5f0a8", "up, going down"),
    ("going-up", "#f5d8a8", "down, going up"),
    ("down", "#f2a8a0", "down"),
    ("backup", "#c4dcf5", "backup, up"),
    ("maint", "#d8c4a0", "in maintenance"),
    ("drain", "#b8c8f0", "draining, or taking no new sessions"),
    ("unchecked", "#e4e8e4", "not checked"),
];

const STYLE: &str = "body{font:13px/1.4 system-ui,sans-serif;margin:1em;color:#222;background:#fff}\
h1{font-size:1.4em;margin:0 0 .4em}h2{font-size:1.1em;margin:1.4em 0 .3em}\
table{border-collapse:collapse;white-space:nowrap}td,th{border:1px solid #bbb;padding:1px 5px;text-align:right}\
th{background:#eee;font-weight:600;text-align:center}td.n,td.s{text-align:left}.wide{overflow-x:auto}\
tr.frontend td{background:#f4f4ff}tr.backend td{background:#eceaf6;font-weight:600}\
dl{display:grid;grid-template-columns:max-content auto;gap:0 1em;margin:0}dt{color:#666}dd{margin:0}\
.legend span{padding:1px 6px;margin-right:.5em;border:1px solid #bbb}.note{padding:.4em;background:#ffe9a8}";

/// The page.
pub(super) fn page(content: &Content<'_>) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let title = title(content);
    // Writing to a String does not fail, here and below.
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"><style>{STYLE}{}</style></head>\n<body><h1>{title}</h1>\n",
        colours()
    );
    if let Some(note) = content.note {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", note.text());
    }
    process(&mut out, content);
    for rows in content.rows.chunk_by(|a, b| a.proxy().id == b.proxy().id) {
        proxy(&mut out, content, rows);
    }
    out.push_str("</body></html>\n");
    out
}

fn colours() -> String {
    let rule = |(class, colour, _): &(&str, &str, &str)| {
        format!("tr.{class} td,.legend .{class}{{background:{colour}}}")
    };
    COLOURS.iter().map(rule).collect()
}

// An empty name or text stands for the global one.
fn title(content: &Content<'_>) -> String {
    let or = |own: &Option<String>, global: &str| {
        own.as_ref().map(|own| if own.is_empty() { global.to_owned() } else { own.clone() })
    };
    let mut title = "Statistics Report for lbx".to_owned();
    if !content.page.hide_version {
        let _ = write!(title, " {}", escape(&content.process.version));
    }
    if let Some(node) = or(&content.page.node, &content.process.node) {
        let _ = write!(title, " on {}", escape(&node));
    }
    let description =
        or(&content.page.description, content.process.description.as_deref().unwrap_or_default());
    if let Some(description) = description.filter(|text| !text.is_empty()) {
        let _ = write!(title, ": {}", escape(&description));
    }
    title
}

/// The fields of `show info` that the page begins with.
const FACTS: &[&str] = &[
    "Pid",
    "Uptime",
    "Maxconn",
    "CurrConns",
    "CumConns",
    "CumReq",
    "ConnRate",
    "SessRate",
    "Nbthread",
    "Idle_pct",
];

fn process(out: &mut String, content: &Content<'_>) {
    out.push_str("<dl>");
    for name in FACTS {
        let value = content.info.named(name).map(|value| escape(&value.to_string())).unwrap_or_default();
        let _ = write!(out, "<dt>{name}</dt><dd>{value}</dd>");
    }
    out.push_str("</dl>\n<p class=\"legend\">");
    for (class, _, meaning) in COLOURS {
        let _ = write!(out, "<span class=\"{class}\">{meaning}</span>");
    }
    let uri = escape(&content.page.uri);
    let _ = writeln!(
        out,
        "</p>\n<p><a href=\"{uri}\">Refresh now</a> <a href=\"{uri};norefresh\">Stop refreshing</a> \
         <a href=\"{uri};up\">Hide what is down</a> <a href=\"{uri};csv\">CSV</a> <a href=\"{uri};json\">JSON</a></p>"
    );
}

fn proxy(out: &mut String, content: &Content<'_>, rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    let (name, id) = (escape(&first.proxy().name), first.proxy().id.0);
    let _ = writeln!(out, "<h2 id=\"p{id}\"><a href=\"#p{id}\">{name}</a></h2>");
    if let Some(text) = first.proxy().description.as_deref() {
        let _ = writeln!(out, "<p>{}</p>", escape(text));
    }
    let form = content.admin && rows.iter().any(|row| row.server().is_some());
    if form {
        let _ = write!(out, "<form method=\"post\" action=\"{}\">", escape(&content.page.uri));
    }
    let _ = writeln!(out, "<div class=\"wide\"><table>{}", heads());
    for row in rows {
        line(out, content, row, form);
    }
    out.push_str("</table></div>");
    if form {
        actions(out, id);
    }
    out.push('\n');
}

fn heads() -> String {
    let mut groups = "<tr><th rowspan=\"2\"></th>".to_owned();
    for cells in CELLS.chunk_by(|a, b| a.0 == b.0) {
        let group = cells.first().map_or("", |cell| cell.0);
        let _ = write!(groups, "<th colspan=\"{}\">{group}</th>", cells.len());
    }
    let heads: String = CELLS.iter().map(|(_, head, ..)| format!("<th>{head}</th>")).collect();
    format!("{groups}</tr><tr>{heads}</tr>")
}

fn line(out: &mut String, content: &Content<'_>, row: &Row, form: bool) {
    let legend = if content.page.legends { legend(row) } else { String::new() };
    let name = escape(&value(row, "svname").to_string());
    let check = match row.server() {
        Some((server, _)) if form => {
            format!("<input type=\"checkbox\" name=\"s\" value=\"{}\"> ", escape(&server.config.name))
        }
        _ => String::new(),
    };
    let _ = write!(out, "<tr class=\"{}\"><td class=\"n\"{}>{check}{name}</td>", class(row), tip(&legend));
    for (.., column, show) in CELLS {
        cell(out, row, column, *show);
    }
    out.push_str("</tr>\n");
}

fn cell(out: &mut String, row: &Row, column: &str, show: Show) {
    let value = value(row, column);
    let _ = match show {
        _ if value == Value::None => write!(out, "<td></td>"),
        Show::Plain => write!(out, "<td>{}</td>", escape(&value.to_string())),
        Show::Number => write!(out, "<td>{}</td>", grouped(&value.to_string())),
        Show::Age => write!(out, "<td>{}</td>", age(&value)),
        Show::Status => {
            let since = age(&self::value(row, "lastchg"));
            write!(out, "<td class=\"s\">{since} {}</td>", escape(&value.to_string()))
        }
        Show::Check => check_cell(out, row, &value),
    };
}

fn check_cell(out: &mut String, row: &Row, status: &Value) -> std::fmt::Result {
    let (description, info) = (value(row, "check_desc").to_string(), value(row, "last_chk").to_string());
    let tip = tip(&if info.is_empty() { description } else { format!("{description}: {info}") });
    let code = match value(row, "check_code") {
        Value::None => String::new(),
        code => format!("/{code}"),
    };
    let duration = match value(row, "check_duration") {
        Value::None => String::new(),
        duration => format!(" in {duration}ms"),
    };
    write!(out, "<td class=\"s\"{tip}>{status}{code}{duration}</td>")
}

// What `stats show-legends` adds, on pointing at a name.
fn legend(row: &Row) -> String {
    let says = |head: &str, column: &str| match value(row, column) {
        Value::None => None,
        value => Some(format!("{head}{value}")),
    };
    let parts = match &row.subject {
        Subject::Frontend(frontend) => {
            let binds = frontend.config.binds.iter().map(|bind| Some(address_text(&bind.address)));
            binds.chain([says("mode: ", "mode")]).collect::<Vec<_>>()
        }
        Subject::Server(..) => vec![
            says("", "addr"),
            says("id: ", "sid"),
            says("rise: ", "check_rise"),
            says("fall: ", "check_fall"),
            says("cookie: ", "cookie"),
        ],
        Subject::Backend(_) => vec![says("balancing: ", "algo"), says("mode: ", "mode")],
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn class(row: &Row) -> &'static str {
    match &row.subject {
        Subject::Frontend(_) => "frontend",
        Subject::Backend(_) => "backend",
        Subject::Server(_, server, state) => server_class(server.config.backup, state),
    }
}

fn server_class(backup: bool, state: &State) -> &'static str {
    match Status::of(state) {
        Status::Maint | Status::MaintResolution => "maint",
        Status::Down | Status::DownAgent => "down",
        Status::DownGoingUp(..) => "going-up",
        Status::UpGoingDown(..) => "going-down",
        Status::Nolb | Status::NolbGoingDown(..) => "drain",
        Status::Drain | Status::DrainGoingDown(..) | Status::DrainAgent => "drain",
        Status::Up | Status::NoCheck if state.weight == 0 => "drain",
        Status::Up | Status::NoCheck if backup && state.operational == Operational::Running => "backup",
        Status::Up => "up",
        Status::NoCheck => "unchecked",
    }
}

fn actions(out: &mut String, id: u32) {
    let _ = write!(
        out,
        "<input type=\"hidden\" name=\"b\" value=\"#{id}\"><select name=\"action\"><option></option>"
    );
    for (word, label, _) in ACTIONS {
        let _ = write!(out, "<option value=\"{word}\">{label}</option>");
    }
    out.push_str("</select> <button>Apply</button></form>");
}

fn value(row: &Row, column: &str) -> Value {
    COLUMNS.iter().find(|c| c.name == column).map_or(Value::None, |column| column.value(row))
}

fn tip(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" title=\"{}\"", escape(text)) }
}

fn grouped(digits: &str) -> String {
    let first = digits.len() % 3;
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            // A narrow space that does not break the line.
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

// The two largest units; -1 stands for never.
fn age(value: &Value) -> String {
    let Ok(seconds) = value.to_string().parse::<u64>() else { return "?".into() };
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let largest = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    parts.iter().skip(largest).take(2).map(|(count, unit)| format!("{count}{unit}")).collect()
}

/// Text as HTML shows it, in elements and quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_and_fact_has_its_column() {
        for (.., column, _) in CELLS {
            assert!(COLUMNS.iter().any(|c| c.name == *column), "{column}");
        }
        for fact in FACTS {
            assert!(super::super::super::FIELDS.iter().any(|field| field.name == *fact), "{fact}");
        }
    }

    #[test]
    fn numbers_and_ages_are_readable() {
        assert_eq!(
            ["1", "123", "1234", "1234567"].map(grouped),
            ["1", "123", "1\u{202f}234", "1\u{202f}234\u{202f}567"]
        );
        let ages = [0, 59, 60, 3661, 90_000].map(|seconds| age(&Value::U32(seconds)));
        assert_eq!(ages, ["0s", "59s", "1m0s", "1h1m", "1d1h"]);
        assert_eq!(age(&Value::S32(-1)), "?");
    }
}
