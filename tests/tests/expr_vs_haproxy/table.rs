//! Tables of expressions and the requests that they look at, through both programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use lbx_tests::client::Http;
use lbx_tests::daemon::{Daemon, Home, Program, Setup};
use lbx_tests::origin::Origin;
use lbx_tests::pki::{Kind, Pki};
use lbx_tests::syslog::Syslog;

/// The page that lists what differs on purpose.
const DIFFERENCES: &str = include_str!("../../../docs/differences.md");

/// How many rows one proxy evaluates: HAProxy's answers must fit a buffer of 16 KB, and its log lines a datagram.
const CHUNK: usize = 80;

const DEFAULTS: &str = "
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
";

/// Where the rows of a table stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In `http-request return`.
    Request,
    /// In `http-response return`, behind an origin.
    Response,
    /// In `log-format`, of HTTP mode.
    Log,
    /// In `log-format`, of TCP mode.
    TcpLog,
    /// In `tcp-request content`, once there is something to inspect.
    TcpContent,
    /// In `tcp-response content`, likewise.
    TcpAnswer,
}

impl Place {
    /// Whether rows are evaluated by rules of their own, which keep what they come to.
    fn sets_variables(self) -> bool {
        // HAProxy has dropped the response when `http-response return` looks at it.
        matches!(self, Self::Response | Self::TcpContent | Self::TcpAnswer)
    }
}

/// A row: an expression, a part of a log format where it begins with `%` or `text`, or a condition where it begins with
/// `if`.
pub(crate) type Row = &'static str;

/// Rows, and what they are evaluated on.
pub(crate) struct Table {
    /// What it shows.
    pub(crate) name: &'static str,
    /// Where its rows stand.
    pub(crate) place: Place,
    /// Lines of the proxy before the rows.
    pub(crate) setup: &'static str,
    /// Further sections of the configuration.
    pub(crate) sections: &'static str,
    /// What stands behind the address of `bind`; with `ssl` in it, requests are arguments of `openssl s_client`.
    pub(crate) bind: &'static str,
    /// Files that rows name, in `{dir}`.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// The rows.
    pub(crate) rows: &'static [Row],
    /// Rows that differ on purpose, with the first column of the row of docs/differences.md that says why.
    pub(crate) differs: &'static [(Row, &'static str)],
    /// The requests, each on a connection of its own.
    pub(crate) requests: &'static [&'static str],
}

impl Table {
    /// A table with nothing but rows.
    pub(crate) const fn new(name: &'static str, place: Place, rows: &'static [Row]) -> Self {
        Self {
            name,
            place,
            setup: "",
            sections: "",
            bind: "",
            files: &[],
            rows,
            differs: &[],
            requests: &[PLAIN],
        }
    }
}

/// A request without anything odd.
pub(crate) const PLAIN: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// How many requests are shown on which a row differs.
const SHOWN: usize = 3;

/// What rows came to: by request and row.
type Outcome = BTreeMap<(usize, usize), String>;

/// Runs a table through both programs.
pub(crate) fn compare(table: &Table) -> Result<()> {
    let home = prepare(table)?;
    let run = |program| run(table, &home, program).with_context(|| format!("with {program:?}"));
    let (theirs, ours) = (run(Program::Haproxy)?, run(Program::Lbx)?);
    let mut wrong = String::new();
    for (at, row) in table.rows.iter().enumerate() {
        let requests = table.requests.iter().enumerate();
        let differing: Vec<_> = requests
            .filter(|(request, _)| theirs.get(&(*request, at)) != ours.get(&(*request, at)))
            .collect();
        match table.differs.iter().find(|(known, _)| known == row) {
            Some(_) if differing.is_empty() => writeln!(wrong, "{row}: a difference that is no more")?,
            Some((_, topic)) if !DIFFERENCES.contains(&format!("| {topic} |")) => {
                writeln!(wrong, "{row}: docs/differences.md lacks '{topic}'")?;
            }
            Some(_) => {}
            None => {
                for (request, text) in differing.iter().take(SHOWN) {
                    let value =
                        |of: &Outcome| of.get(&(*request, at)).map_or("nothing", String::as_str).to_owned();
                    let (theirs, ours) = (value(&theirs), value(&ours));
                    writeln!(wrong, "{row}\n  haproxy: {theirs}\n  lbx:     {ours}\n  {text:?}")?;
                }
            }
        }
    }
    if theirs.len() != table.rows.len() * table.requests.len() {
        writeln!(wrong, "haproxy evaluated only {} rows", theirs.len())?;
    }
    if !wrong.is_empty() {
        bail!("{}:\n{wrong}", table.name);
    }
    Ok(())
}

/// Runs a table of words that only this program has: each row must come to what is written beside it.
pub(crate) fn expect(table: &Table, values: &[&str]) -> Result<()> {
    let ours = run(table, &prepare(table)?, Program::Lbx)?;
    let mut wrong = String::new();
    for (at, (row, expected)) in table.rows.iter().zip(values).enumerate() {
        for request in 0..table.requests.len() {
            let value = ours.get(&(request, at)).map_or("nothing", String::as_str);
            if value != *expected {
                writeln!(wrong, "{row}\n  expected: {expected}\n  is:       {value}")?;
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}:\n{wrong}", table.name);
    }
    Ok(())
}

/// The folder with the files that both programs use.
fn prepare(table: &Table) -> Result<Home> {
    let home = Home::new()?;
    if table.bind.contains("ssl") {
        let pki = Pki::new(home.dir())?;
        pki.issue("a.pem", &["a.test", "b.test"], Kind::Rsa)?;
        pki.issue("client.pem", &["client"], Kind::Ec)?;
        pki.issue("expired.pem", &["client"], Kind::Expired)?;
        pki.self_signed("stranger.pem", "stranger")?;
    }
    for (name, text) in table.files {
        fs::write(home.dir().join(name), text)?;
    }
    Ok(home)
}

fn run(table: &Table, home: &Home, program: Program) -> Result<Outcome> {
    let (log, origin) = (Syslog::start()?, origin(table.place)?);
    let mut setup =
        Setup::new(program, &config(table))?.home(home).set("log", log.address()).set("s1", origin.address());
    let dir = setup.dir().to_owned();
    if table.sections.contains("{back}") {
        setup = setup.port("back");
    }
    for (part, rows) in table.rows.chunks(CHUNK).enumerate() {
        setup = setup.port(&format!("p{part}"));
        fs::write(
            dir.join(format!("rows{part}")),
            template(table.place, part, rows).replace("{dir}", &dir.display().to_string()),
        )?;
    }
    let daemon = setup.start()?;
    let mut outcome = Outcome::new();
    for (number, request) in table.requests.iter().enumerate() {
        for part in 0..table.rows.chunks(CHUNK).len() {
            let text = answer(table, &daemon, &log, part, number, request)?;
            note(&mut outcome, table, number, &text);
        }
    }
    Ok(outcome)
}

fn origin(place: Place) -> Result<Origin> {
    match place {
        Place::TcpLog | Place::TcpContent | Place::TcpAnswer => Origin::tcp("s1"),
        _ => Origin::http("s1"),
    }
}

/// What the rows of one part came to on one request.
fn answer(
    table: &Table,
    daemon: &Daemon,
    log: &Syslog,
    part: usize,
    number: usize,
    request: &str,
) -> Result<String> {
    let seen = log.lines().len();
    if table.bind.contains("ssl") {
        return secured(daemon, part, request);
    }
    let mut http = Http::connect(daemon.address(&format!("p{part}")))?;
    http.send(&bytes(request))?;
    let in_context = || format!("row {} on in answer to {request:?}: {}", part * CHUNK, daemon.output());
    match table.place {
        Place::Request | Place::Response => {
            let method = request.split(' ').next().unwrap_or_default();
            Ok(String::from_utf8_lossy(&http.response_to(method).with_context(in_context)?.body).into_owned())
        }
        Place::Log | Place::TcpLog | Place::TcpContent | Place::TcpAnswer => {
            if table.place != Place::Log {
                // Whoever closes before the server is reached might be gone for good.
                http.read_exactly(BANNER)?;
            }
            http.finish_sending()?;
            http.read_to_end()?;
            let line = lbx_tests::wait::value("a log line", lbx_tests::wait::SOON, || {
                log.lines().get(seen).cloned()
            });
            let line = line.with_context(|| format!("of request {number}")).with_context(in_context)?;
            Ok(line.split_once("]: ").map_or_else(|| line.clone(), |(_, text)| text.replace(END, "\u{1}\n")))
        }
    }
}

/// Bytes of what a TCP origin says first: its name and a line feed.
const BANNER: usize = "s1\n".len();

/// A request as bytes: each character stands for one.
fn bytes(request: &str) -> Vec<u8> {
    request.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

/// The same over TLS, for a client with these arguments.
fn secured(daemon: &Daemon, part: usize, arguments: &str) -> Result<String> {
    let dir = daemon.home().dir().display().to_string();
    let address = daemon.address(&format!("p{part}")).to_string();
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-quiet", "-connect", &address])
        .args(arguments.replace("{dir}", &dir).split(' '));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("openssl")?;
    let mut stdin = child.stdin.take().context("its input")?;
    stdin.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
    let output = child.wait_with_output()?;
    drop(stdin);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, body) = text.split_once("\r\n\r\n").with_context(|| format!("no answer: {}", daemon.output()))?;
    Ok(body.to_owned())
}

/// What stands behind each value.
const END: &str = "\u{2}";

/// The rows as a text of log formats: each on a line with its number.
fn template(place: Place, part: usize, rows: &[Row]) -> String {
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let at = part * CHUNK + at;
        let kept = place.sets_variables();
        let value = match row.starts_with("if ") || kept {
            true => format!("%[var(txn.c{at})]"),
            false => value(row),
        };
        text.push_str(&format!("{at}={value}\u{1}\n"));
    }
    text
}

/// An expression as a part of log formats.
fn value(row: Row) -> String {
    match row.strip_prefix("text ") {
        Some(text) => text.to_owned(),
        None if row.starts_with('%') => row.to_owned(),
        None => format!("%[{row}]"),
    }
}

/// Times, ports and the like: of these only the form is compared.
static VARYING: &[&str] = &["T", "t", "tr", "trg", "trl", "ms", "pid", "rt", "cp", "fp", "bp", "sp"];

/// Whether a row is one of those.
fn is_varying(row: Row) -> bool {
    let name = row.rsplit(['%', '}']).next().unwrap_or_default();
    row.starts_with('%') && (VARYING.contains(&name) || name.starts_with('T'))
}

/// A text with a nine for every number.
fn form(text: &str) -> String {
    let digit = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase() && c <= 'F';
    let mut out = String::new();
    for c in text.chars().map(|c| if digit(c) { '9' } else { c }) {
        if c != '9' || !out.ends_with('9') {
            out.push(c);
        }
    }
    out
}

fn note(outcome: &mut Outcome, table: &Table, request: usize, text: &str) {
    for line in text.split("\u{1}\n") {
        if let Some((at, value)) = line.split_once('=')
            && let Ok(at) = at.parse::<usize>()
            && let Some(row) = table.rows.get(at)
        {
            let value = if is_varying(row) { form(value) } else { value.to_owned() };
            outcome.insert((request, at), value);
        }
    }
}

fn config(table: &Table) -> String {
    let mut text = format!("{DEFAULTS}{}", table.sections);
    for (part, rows) in table.rows.chunks(CHUNK).enumerate() {
        text.push_str(&proxy(table, part, rows));
    }
    text
}

fn proxy(table: &Table, part: usize, rows: &[Row]) -> String {
    let (kind, rules, server) = match table.place {
        Place::Request => ("frontend", "http-request", ""),
        Place::Response => ("listen", "http-response", "    server srv1 {s1}\n"),
        Place::Log => ("listen", "http-response", "    server srv1 {s1}\n"),
        Place::TcpLog | Place::TcpContent => {
            ("listen", "tcp-request content", "    mode tcp\n    server srv1 {s1}\n")
        }
        Place::TcpAnswer => ("listen", "tcp-response content", "    mode tcp\n    server srv1 {s1}\n"),
    };
    let mut text = format!(
        "\n{kind} part{part}\n    bind 127.0.0.1:{{p{part}}} name lis id 7 {}\n{}{server}",
        table.bind, table.setup
    );
    for (at, row) in rows.iter().enumerate() {
        let at = part * CHUNK + at;
        if row.starts_with("if ") {
            text.push_str(&format!("    {rules} set-var(txn.c{at}) bool(true) {row}\n"));
        } else if table.place.sets_variables() {
            text.push_str(&format!("    {rules} set-var-fmt(txn.c{at}) '{}'\n", value(row)));
        }
    }
    match table.place {
        Place::Request | Place::Response => {
            text.push_str(&format!(
                "    {rules} return status 200 content-type text/plain lf-file {{dir}}/rows{part}\n"
            ));
        }
        Place::Log | Place::TcpLog | Place::TcpContent | Place::TcpAnswer => {
            let format = template(table.place, part, rows).replace("\u{1}\n", END);
            // HAProxy writes a line that needs nothing of the end when the server is reached.
            let end = if table.place == Place::TcpAnswer { "%B" } else { "" };
            text.push_str(&format!("    log {{log}} len 65000 local0\n    log-format '{format}{end}'\n"));
        }
    }
    text
}
