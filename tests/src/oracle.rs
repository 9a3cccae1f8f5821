//! Comparing this program with HAProxy: one configuration, the same traffic through both, and what the client, the
//! servers and the log saw must be the same once addresses and times are made equal.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use regex::Regex;

use crate::client::{Http, Response};
use crate::daemon::{Daemon, Program, Setup};
use crate::message::Headers;
use crate::origin::{Origin, Request};
use crate::ports;
use crate::syslog::Syslog;
use crate::wait;

/// Column of `show stat` with the status of a server.
pub const STATUS: usize = 17;

/// Column of `show stat` with how many connections are open.
pub const CURRENT_SESSIONS: usize = 4;

/// Longer than checks with the intervals of any test take to change a status.
const CHECKED: Duration = Duration::from_secs(60);

/// A configuration and the traffic to send through it.
///
/// In the configuration `{s1}`, `{s2}`, … stand for HTTP origins, `{t1}`, `{t2}`, … for TCP origins, `{log}` for the
/// address of a log receiver, `{dir}` for a folder, and `127.0.0.1:{name}` for a port to bind to.
pub struct Scenario {
    /// The configuration.
    pub config: &'static str,
    /// Sends the traffic.
    pub traffic: fn(&mut Side) -> Result<()>,
}

/// One program with its own origins and log, and what happened so far.
pub struct Side {
    /// The program.
    pub daemon: Daemon,
    /// Its origins by their names in the configuration.
    pub origins: BTreeMap<String, Origin>,
    /// Where it logs.
    pub log: Syslog,
    ports: BTreeMap<String, u16>,
    transcript: Vec<String>,
    requests: bool,
    counts: bool,
    log_view: LogView,
}

/// Which lines of the log are compared.
enum LogView {
    All,
    With(&'static str),
    None,
}

/// Runs a scenario through HAProxy and through this program; an error shows where they differ.
pub fn compare(scenario: &Scenario) -> Result<()> {
    compare_programs(scenario, Program::Haproxy, Program::Lbx)
}

/// Runs a scenario through two programs; an error shows where they differ.
pub fn compare_programs(scenario: &Scenario, expected: Program, actual: Program) -> Result<()> {
    let transcript = |program| run(scenario, program).with_context(|| format!("with {program:?}"));
    equal(transcript(expected)?, transcript(actual)?)
}

/// Starts HAProxy and this program, sends the same traffic to both at the same time, and shows where they differ.
pub fn compare_sides(
    start: impl Fn(Program) -> Result<Side> + Sync,
    traffic: impl Fn(&mut Side) -> Result<()> + Sync,
) -> Result<()> {
    let transcript = |program| -> Result<Vec<String>> {
        let run = || {
            let mut side = start(program)?;
            traffic(&mut side).with_context(|| side.daemon.output())?;
            side.finish()
        };
        run().with_context(|| format!("with {program:?}"))
    };
    thread::scope(|scope| {
        let expected = scope.spawn(|| transcript(Program::Haproxy));
        let actual = transcript(Program::Lbx);
        let expected = expected.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        equal(expected?, actual?)
    })
}

fn equal(expected: Vec<String>, actual: Vec<String>) -> Result<()> {
    if expected != actual {
        bail!("differences (- expected, + actual):\n{}", difference(&expected, &actual));
    }
    Ok(())
}

/// What one program made of a scenario, line by line.
pub fn run(scenario: &Scenario, program: Program) -> Result<Vec<String>> {
    let mut side = Side::start(scenario.config, program)?;
    (scenario.traffic)(&mut side)?;
    side.finish()
}

impl Side {
    /// Starts a program with what its configuration names.
    pub fn start(config: &str, program: Program) -> Result<Self> {
        Self::start_with(config, program, Ok)
    }

    /// Starts a program with what its configuration names, and with what `prepare` adds.
    pub fn start_with(
        config: &str,
        program: Program,
        prepare: impl FnOnce(Setup<'static>) -> Result<Setup<'static>>,
    ) -> Result<Self> {
        let log = Syslog::start()?;
        let mut setup = Setup::new(program, config)?.set("log", log.address());
        let (mut origins, mut bound) = (BTreeMap::new(), BTreeMap::new());
        for (name, is_port) in placeholders(config) {
            if is_port {
                let port = ports::free();
                setup = setup.ready_on(([127, 0, 0, 1], port).into()).set(&name, port);
                bound.insert(name, port);
            } else if let Some(origin) = origin(&name)? {
                setup = setup.set(&name, origin.address());
                origins.insert(name, origin);
            }
        }
        Ok(Self {
            daemon: prepare(setup)?.start()?,
            origins,
            log,
            ports: bound,
            transcript: Vec::new(),
            requests: true,
            counts: false,
            log_view: LogView::All,
        })
    }

    /// Connects to a port of the configuration.
    pub fn connect(&self, port: &str) -> Result<Http> {
        Http::connect(self.daemon.address(port))
    }

    /// Sends a request on a connection of its own, byte for byte, and writes down the response.
    pub fn exchange(&mut self, port: &str, request: &str) -> Result<Response> {
        let mut http = self.connect(port)?;
        http.send(request.as_bytes())?;
        self.response(&mut http, request)
    }

    /// Reads the response to `request` and writes it down.
    pub fn response(&mut self, http: &mut Http, request: &str) -> Result<Response> {
        let method = request.split(' ').next().unwrap_or_default();
        let response = http.response_to(method).with_context(|| format!("in answer to {request:?}"))?;
        self.note(format!("> {}", request.lines().next().unwrap_or_default()));
        self.note(format!("< {}", response.line));
        let mut headers = response.headers.clone();
        let own_page = response.status >= 400 && response.origin().is_empty();
        if own_page {
            // The words of an error page are the program's own, and so is their length.
            headers.0.iter_mut().filter(|(name, _)| is_length(name)).for_each(|(_, v)| *v = "LENGTH".into());
        }
        self.note_headers("<", &headers);
        let body = if own_page { "of the proxy".to_owned() } else { excerpt(&response.body) };
        self.note(format!("< body {body}"));
        Ok(response)
    }

    /// Leaves out what the servers saw.
    pub fn without_requests(&mut self) {
        self.requests = false;
    }

    /// Leaves out the log, whose lines depend on the moment or on the program.
    pub fn without_log(&mut self) {
        self.log_view = LogView::None;
    }

    /// Compares also how many connections log lines say to be open. Only where nobody connects before the connections
    /// of the exchange before are closed: see [`Side::wait_idle`].
    pub fn with_counts(&mut self) {
        self.counts = true;
    }

    /// Waits until a frontend has no connection.
    pub fn wait_idle(&self, frontend: &str) -> Result<()> {
        wait::until(&format!("{frontend} to be idle"), wait::SOON, || {
            self.stat(&format!("{frontend}/FRONTEND"), CURRENT_SESSIONS).is_ok_and(|sessions| sessions == "0")
        })
    }

    /// Leaves out the lines of the log without `text`.
    pub fn only_log(&mut self, text: &'static str) {
        self.log_view = LogView::With(text);
    }

    /// Writes down whether the proxy closes the connection now.
    pub fn expect_close(&mut self, http: &mut Http) {
        let end = match http.read_to_end() {
            Ok(rest) if rest.is_empty() => "closed".to_owned(),
            Ok(rest) => format!("closed after {}", excerpt(&rest)),
            Err(_) => "left open".to_owned(),
        };
        self.note(format!("< {end}"));
    }

    /// Sends a line to the runtime socket (`stats socket {dir}/sock`), and writes down the answer.
    pub fn command(&mut self, line: &str) -> Result<()> {
        let answer = self.daemon.cli(line)?;
        self.note(format!("$ {line}"));
        answer.lines().for_each(|line| self.note(format!("$ {line}")));
        Ok(())
    }

    /// A column of `show stat`, by its number, for `proxy/server`.
    pub fn stat(&self, server: &str, column: usize) -> Result<String> {
        let start = format!("{},", server.replace('/', ","));
        let text = self.daemon.cli("show stat")?;
        let row = text.lines().find(|line| line.starts_with(&start)).with_context(|| text.clone())?;
        Ok(row.split(',').nth(column).unwrap_or_default().to_owned())
    }

    /// Waits until a server has a status, such as `DOWN` or `UP 1/3`.
    pub fn wait_status(&self, server: &str, status: &str) -> Result<()> {
        let what = format!("{server} to be {status}");
        wait::until(&what, CHECKED, || self.stat(server, STATUS).is_ok_and(|found| found == status))
    }

    /// Writes down something else that both programs should agree on.
    pub fn note(&mut self, line: impl Into<String>) {
        self.transcript.push(line.into());
    }

    fn note_headers(&mut self, mark: &str, headers: &Headers) {
        // Where fields of different names stand says nothing (RFC 9110, 5.3), and HTTP libraries have their own ways.
        let mut fields: Vec<_> = headers.0.iter().map(|(n, v)| (n.to_ascii_lowercase(), v)).collect();
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, value) in fields {
            // The date is that of the moment, and names are written in lower or upper case as everybody likes.
            let value = if name == "date" { "DATE" } else { value };
            self.note(format!("{mark} {name}: {value}"));
        }
    }

    fn note_request(&mut self, origin: &str, request: &Request) {
        self.note(format!("{origin} {}", request.line));
        self.note_headers(origin, &request.headers);
        self.note(format!("{origin} body {}", excerpt(&request.body)));
    }

    /// Adds what the servers and the log saw, and returns everything with addresses and times made equal.
    fn finish(mut self) -> Result<Vec<String>> {
        let seen: Vec<(String, Vec<Request>)> =
            self.origins.iter().map(|(name, origin)| (name.clone(), origin.requests())).collect();
        for (name, requests) in seen.into_iter().filter(|_| self.requests).collect::<Vec<_>>() {
            for request in &requests {
                self.note_request(&name, request);
            }
        }
        let log = self.log_lines()?;
        let normal =
            |line: &String| if self.counts { normal_log(line) } else { without_counts(&normal_log(line)) };
        let log = log.iter().map(|line| format!("log {} {}", priority(line), normal(line)));
        let mut log: Vec<String> = log.map(|line| self.normal(&line)).collect();
        // Threads that serve different connections write at different moments.
        log.sort();
        Ok(self.transcript.iter().map(|line| self.normal(line)).chain(log).collect())
    }

    fn log_lines(&self) -> Result<Vec<String>> {
        match self.log_view {
            LogView::All => self.log.settled(),
            LogView::With(text) => {
                Ok(self.log.settled()?.into_iter().filter(|line| line.contains(text)).collect())
            }
            LogView::None => Ok(Vec::new()),
        }
    }

    /// Gives addresses the names that they have in the configuration.
    fn normal(&self, line: &str) -> String {
        let origins = self.origins.iter().map(|(name, origin)| (name, origin.address().port()));
        let named = self.ports.iter().map(|(name, port)| (name, *port)).chain(origins);
        let mut line = line.to_owned();
        for (name, port) in named {
            line = line.replace(&format!("127.0.0.1:{port}"), &format!("{{{name}}}"));
        }
        CLIENT.replace_all(&line, "{client}").into_owned()
    }
}

fn origin(name: &str) -> Result<Option<Origin>> {
    match name.as_bytes() {
        [b's', b'0'..=b'9', ..] => Origin::http(name).map(Some),
        [b't', b'0'..=b'9', ..] => Origin::tcp(name).map(Some),
        _ => Ok(None),
    }
}

/// The names in braces, and whether each stands for a port to bind to.
fn placeholders(config: &str) -> BTreeMap<String, bool> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"(127\.0\.0\.1:)?\{([a-z]+[0-9]*)\}"));
    let mut names = BTreeMap::new();
    for found in NAME.captures_iter(config) {
        // An IPv6 address may have the same port.
        *names.entry(found[2].to_owned()).or_default() |= found.get(1).is_some();
    }
    names
}

static CLIENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"127(\.\d+){3}:\d+"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

/// The priority of a log line: facility times eight, and severity.
fn priority(line: &str) -> &str {
    line.strip_prefix('<').and_then(|rest| rest.split_once('>')).map_or("-", |(number, _)| number)
}

/// A log line without its syslog header, with dates and durations blotted out; a duration of -1, which says that
/// something never happened, stays.
fn normal_log(line: &str) -> String {
    static DATE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[\d\d/\w{3}/\d{4}:[\d:.]+\]"));
    // Durations are what stands before the status and size of a request, or before the size of a connection.
    static HTTP: LazyLock<Regex> = LazyLock::new(|| pattern(r" ([-+\d]+(?:/[-+\d]+){4}) (-1|\d{3}) \+?\d+ "));
    static TCP: LazyLock<Regex> = LazyLock::new(|| pattern(r" ([-+\d]+(?:/[-+\d]+){2}) \+?\d+ "));
    static CHECK: LazyLock<Regex> = LazyLock::new(|| pattern(r"check duration: \d+ms"));
    // The pages of errors are the program's own, and so is their length: what ended before a server's response, except
    // by a rule that says what to send. How much a client took before it broke off depends on the moment.
    static PAGE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r" ([45]\d\d) \d+ ((?:\S+ \S+ )?[A-KM-Za-z][RQCH]..)"));
    static ABORT: LazyLock<Regex> = LazyLock::new(|| pattern(r" (\d{3}) \d+ ((?:\S+ \S+ )?CD..)"));
    let message = line.split_once("]: ").map_or(line, |(_, message)| message);
    let mut text = DATE.replace(message, "[DATE]").into_owned();
    let durations = HTTP.captures(&text).or_else(|| TCP.captures(&text)).and_then(|found| found.get(1));
    if let Some(range) = durations.map(|found| found.range()) {
        let blotted = blot(text.get(range.clone()).unwrap_or_default());
        text.replace_range(range, &blotted);
    }
    let text = PAGE.replace(&text, " $1 SIZE $2");
    let text = ABORT.replace(&text, " $1 SIZE $2");
    CHECK.replace(&text, "check duration: T").into_owned()
}

/// A log line as it is compared where only this line counts: without its header, dates, durations, numbers of open
/// connections, and the ports of loopback.
pub fn comparable(line: &str) -> String {
    CLIENT.replace_all(&without_counts(&normal_log(line)), "{client}").into_owned()
}

/// A log line without open connections of four kinds before the retries: those of the exchange before may or may not be
/// closed yet.
fn without_counts(line: &str) -> String {
    static OPEN: LazyLock<Regex> = LazyLock::new(|| pattern(r" \d+/\d+/\d+/\d+(/\+?\d+( \d+/\d+)?)"));
    OPEN.replace(line, " N/N/N/N$1").into_owned()
}

fn is_length(header: &str) -> bool {
    header.eq_ignore_ascii_case("content-length")
}

fn blot(durations: &str) -> String {
    let blotted: Vec<&str> = durations.split('/').map(|d| if d == "-1" { "-1" } else { "T" }).collect();
    blotted.join("/")
}

/// A body as a line: all of it if it is short text, else its length and checksum.
fn excerpt(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if body.len() <= 200 => format!("{text:?}"),
        _ => format!("{} bytes, sum {}", body.len(), sum(body)),
    }
}

/// FNV-1a, 64 bits.
fn sum(body: &[u8]) -> u64 {
    body.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Both transcripts in one: lines that both have, and those that only one has.
fn difference(expected: &[String], actual: &[String]) -> String {
    let common = common_lengths(expected, actual);
    let (mut i, mut j, mut text) = (0, 0, String::new());
    let length = |i: usize, j: usize| common.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    while i < expected.len() || j < actual.len() {
        let (mark, line) = match (expected.get(i), actual.get(j)) {
            (Some(a), Some(b)) if a == b => {
                (i, j) = (i + 1, j + 1);
                (' ', a)
            }
            (Some(a), b) if b.is_none() || length(i + 1, j) >= length(i, j + 1) => {
                i += 1;
                ('-', a)
            }
            (_, Some(b)) => {
                j += 1;
                ('+', b)
            }
            (_, None) => break,
        };
        text.push_str(&format!("{mark} {line}\n"));
    }
    text
}

/// At `[i][j]`, the length of the longest common subsequence of what follows line `i` of one and line `j` of the other.
fn common_lengths(expected: &[String], actual: &[String]) -> Vec<Vec<usize>> {
    let mut rows = vec![vec![0; actual.len() + 1]];
    for a in expected.iter().rev() {
        let below = rows.last().cloned().unwrap_or_default();
        let mut row = vec![0; actual.len() + 1];
        for (j, b) in actual.iter().enumerate().rev() {
            row[j] = if a == b { below[j + 1] + 1 } else { below[j].max(row[j + 1]) };
        }
        rows.push(row);
    }
    rows.reverse();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_lose_what_changes_from_run_to_run() {
        for (line, expected) in [
            (
                "<134>Nov 22 17:00:01 haproxy[12]: 127.0.0.1:4000 [22/Nov/2026:17:00:01.123] web web/s1 0/0/-1/2/12 \
                 200 77 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"",
                "127.0.0.1:4000 [DATE] web web/s1 T/T/-1/T/T 200 77 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"",
            ),
            (
                "<134>Nov 22 17:00:01 lbx[12]: 127.0.0.1:4000 [22/Nov/2026:17:00:01.123] web web/s1 1/0/5 77 -- \
                 1/1/0/0/0 0/0",
                "127.0.0.1:4000 [DATE] web web/s1 T/T/T 77 -- 1/1/0/0/0 0/0",
            ),
        ] {
            assert_eq!(normal_log(line), expected);
            assert_eq!(without_counts(expected), expected.replace("1/1/0/0/0", "N/N/N/N/0"));
        }
    }

    #[test]
    fn sizes_are_left_out_where_they_are_the_programs_own() {
        for (line, expected) in [
            ("0/0/0/1/1 404 77 - - ---- 1/1/0/0/0", "T/T/T/T/T 404 77 - - ---- 1/1/0/0/0"),
            ("0/0/0/1/1 429 77 LR-- 1/1/0/0/0", "T/T/T/T/T 429 77 LR-- 1/1/0/0/0"),
            ("0/0/0/1/1 500 77 - - SD-- 1/1/0/0/0", "T/T/T/T/T 500 77 - - SD-- 1/1/0/0/0"),
            ("0/-1/-1/-1/0 403 77 - - PR-- 1/1/0/0/0", "T/-1/-1/-1/T 403 SIZE - - PR-- 1/1/0/0/0"),
            ("0/0/-1/-1/0 503 77 SC-- 1/1/0/0/3", "T/T/-1/-1/T 503 SIZE SC-- 1/1/0/0/3"),
            ("0/0/0/0/0 200 77 CD-- 1/1/0/0/0", "T/T/T/T/T 200 SIZE CD-- 1/1/0/0/0"),
        ] {
            assert_eq!(normal_log(&format!("x]: a {line}")), format!("a {expected}"));
        }
    }

    #[test]
    fn a_difference_shows_what_is_common() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(difference(&lines("a b c d"), &lines("a x c e d")), "  a\n- b\n+ x\n  c\n+ e\n  d\n");
        assert_eq!(difference(&lines("a"), &[]), "- a\n");
    }

    #[test]
    fn names_in_braces_are_found() {
        let found = placeholders(
            "bind 127.0.0.1:{web}\nserver a {s1}\nlog {log} local0\nuse_backend b if { path /x }",
        );
        let names: Vec<_> = found.iter().map(|(name, port)| (name.as_str(), *port)).collect();
        assert_eq!(names, [("log", false), ("s1", false), ("web", true)]);
    }
}
