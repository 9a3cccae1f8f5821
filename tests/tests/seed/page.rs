//! "HAProxy Stats Page": the article's page, to HTTP clients and in Chromium.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lbx_tests::client::{Http, Response};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::{self, CURRENT_SESSIONS, Side};
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use lbx_tests::tool::{self, Tool};
use lbx_tests::wait;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::sample::{HAPROXY, start};

pub(crate) const STATS: &str = include_str!("../../../config/seed/stats.cfg");

/// `infrarunbook-admin:S3cur3P@ssw0rd!` in base64.
const PASSWORD: &str = "authorization: Basic aW5mcmFydW5ib29rLWFkbWluOlMzY3VyM1BAc3N3MHJkIQ==\r\n";

/// The browser starts in a second or two where nothing else runs.
const BROWSER: Duration = Duration::from_secs(40);

const CHROMIUM: &[Need] = &[Need::Program("chromium")];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("page::asks_for_the_password", HAPROXY, || same_on_both(passwords)),
        Case::new("page::rules_say_who_sees_it", HAPROXY, || same_on_both(rules)),
        Case::new("page::forms_are_answered_as_by_haproxy", HAPROXY, || same_on_both(forms)),
        Case::new("page::shows_every_figure", &[], figures),
        Case::new("page::counts_as_haproxy_does", HAPROXY, || {
            let file = with("").replace(" check inter", " maxconn 1 check inter");
            oracle::compare_sides(|program| start(&file, program), counted)
        }),
        Case::new("page::in_chromium", CHROMIUM, in_chromium),
        Case::new("page::form_in_chromium", CHROMIUM, form_in_chromium),
    ]
}

/// The file with checks, and with this behind the lines of the page.
fn with(lines: &str) -> String {
    let checked = STATS
        .replace(
            "    timeout     connect  5s\n",
            "    timeout     connect  5s\n    timeout     check    5s\n",
        )
        .replace(":8080\n", ":8080 check inter 100ms\n");
    checked.replace("hide-version\n", &format!("hide-version\n{lines}"))
}

/// What both programs answer must be the same.
fn same_on_both(answers: fn(Program) -> Result<Vec<String>>) -> Result<()> {
    let (theirs, ours) = (answers(Program::Haproxy)?, answers(Program::Lbx)?);
    ensure!(theirs == ours, "HAProxy: {theirs:#?}\nlbx: {ours:#?}");
    Ok(())
}

/// Status, and what tells a client where to go, how to log in and when to come again.
fn told(response: &Response) -> String {
    let header = |name| response.headers.get(name).unwrap_or("-").to_owned();
    format!("{} {} {} {}", response.status, header("location"), header("www-authenticate"), header("refresh"))
}

fn passwords(program: Program) -> Result<Vec<String>> {
    let side = start(STATS, program)?;
    let mut answers = Vec::new();
    let wrong = "authorization: Basic aW5mcmFydW5ib29rLWFkbWluOlMzY3VyMw==\r\n";
    for (path, login) in [
        ("/haproxy?stats", ""),
        ("/haproxy?stats", wrong),
        ("/haproxy?stats", PASSWORD),
        ("/haproxy?stats;norefresh", PASSWORD),
        ("/haproxy?stats;csv", PASSWORD),
        ("/haproxy?stats;json", PASSWORD),
        ("/haproxy", PASSWORD),
        ("/", ""),
    ] {
        answers.push(format!("{path}: {}", told(&side.connect("p8404")?.request("GET", path, login, b"")?)));
    }
    Ok(answers)
}

fn rules(program: Program) -> Result<Vec<String>> {
    let rules = "    stats http-request deny if { path_beg /haproxy } { hdr(x-who) nobody }
    stats http-request allow if { hdr(x-who) friend }
    stats http-request auth if { hdr(x-who) stranger }
    stats http-request auth realm Private\\ Page\n";
    let lines =
        ["stats       realm HAProxy\\ Statistics\n", "stats       auth infrarunbook-admin:S3cur3P@ssw0rd!\n"];
    let file = lines.iter().fold(with(rules), |file, line| file.replace(&format!("    {line}"), ""));
    let side = start(&file, program)?;
    let mut answers = Vec::new();
    for who in ["nobody", "friend", "stranger", "other"] {
        let mut http = side.connect("p8404")?;
        let response = http.request("GET", "/haproxy?stats", &format!("x-who: {who}\r\n"), b"")?;
        answers.push(format!("{who}: {}", told(&response)));
    }
    Ok(answers)
}

fn forms(program: Program) -> Result<Vec<String>> {
    let mut answers = Vec::new();
    let page = start(&with("    stats admin if { hdr(x-may) yes } or { hdr(x-may) too }\n"), program)?;
    let may = format!("{PASSWORD}x-may: too\r\n");
    let long = format!("{}action=maint&b=web_servers", "s=web01&".repeat(4000));
    for (headers, target, form) in [
        (&*may, "/haproxy?stats", "s=web01&action=maint&b=web_servers"),
        (&may, "/haproxy?stats", "s=web01&action=maint&b=web_servers"),
        (&may, "/haproxy?stats;up;norefresh", "s=web01&action=ready&b=web_servers"),
        (&may, "/haproxy?stats", "s=web01&s=web02&action=drain&b=%234"),
        (&may, "/haproxy?stats", "s=web9&action=maint&b=web_servers"),
        (&may, "/haproxy?stats", "s=web01&action=explode&b=web_servers"),
        (&may, "/haproxy?stats", "s=web01&action=maint&b=nowhere"),
        (&may, "/haproxy?stats", ""),
        (&may, "/haproxy?stats", &long),
        (PASSWORD, "/haproxy?stats", "s=web03&action=maint&b=web_servers"),
        ("", "/haproxy?stats", "s=web03&action=maint&b=web_servers"),
    ] {
        let length = if form.is_empty() { "content-length: 0\r\n" } else { "" };
        let mut http = page.connect("p8404")?;
        let response = http.request("POST", target, &format!("{headers}{length}"), form.as_bytes())?;
        answers.push(format!("{:.40}: {}", form, told(&response)));
    }
    let states = page.daemon.cli("show stat")?;
    answers.extend(
        states
            .lines()
            .filter(|row| row.starts_with("web_servers,web"))
            // Without how far the checks are.
            .map(|row| row.split([',', ' ']).nth(17).unwrap_or_default().to_owned()),
    );
    Ok(answers)
}

/// What the article's FAQ lists, in each of the page's forms.
fn figures() -> Result<()> {
    let side = start(&with(""), Program::Lbx)?;
    for path in ["/delay/30", "/status/500", "/", "/"] {
        side.connect("p80")?.get(path)?;
    }
    let ask = |options: &str| -> Result<String> {
        let mut http = side.connect("p8404")?;
        let response = http.request("GET", &format!("/haproxy?stats{options}"), PASSWORD, b"")?;
        ensure!(response.status == 200, "{}", response.line);
        Ok(response.text())
    };
    wait::until("the checks", wait::SOON, || ask(";csv").is_ok_and(|csv| csv.matches("L4OK").count() == 3))?;
    let html = ask("")?;
    for head in [
        "Sessions</th>",
        "Request rate</th>",
        "Session rate</th>",
        "Errors</th>",
        ">p50</th>",
        ">p95</th>",
        ">p99</th>",
        ">LastChk</th>",
        ">Wght</th>",
        "L4OK",
        "mode: http",
        "rise: 2, fall: 3",
    ] {
        ensure!(html.contains(head), "{head} is not in {html}");
    }
    ensure!(!html.contains(env!("CARGO_PKG_VERSION")), "the version is not hidden");
    let csv = ask(";csv")?;
    let names: Vec<_> = csv.lines().next().unwrap_or_default().split(',').collect();
    let row: Vec<_> = csv
        .lines()
        .find(|row| row.starts_with("web_servers,BACKEND,"))
        .context("no row")?
        .split(',')
        .collect();
    let value = |name: &str| names.iter().position(|n| *n == name).and_then(|at| row.get(at)).copied();
    for name in
        ["scur", "smax", "rate", "rate_max", "req_tot", "hrsp_5xx", "weight", "ttime_p50", "ttime_p99"]
    {
        ensure!(value(name).is_some_and(|value| value.parse::<u64>().is_ok()), "{name}: {:?}", value(name));
    }
    ensure!(value("hrsp_5xx") == Some("1") && value("req_tot") == Some("4"), "{row:?}");
    ensure!(value("ttime_p99").and_then(|p| p.parse::<u64>().ok()).is_some_and(|p| p >= 30), "{row:?}");
    let json: Value = serde_json::from_str(&ask(";json")?)?;
    let percentiles =
        json.as_array().context("no array")?.iter().flat_map(|row| row.as_array().into_iter().flatten());
    ensure!(
        percentiles.filter(|field| field["field"]["name"] == "ttime_p95").count() >= 4,
        "no percentiles in JSON"
    );
    Ok(())
}

/// Columns whose values are the same whatever the moment, in rows of all kinds.
const COUNTED: &[&str] = &[
    "qcur",
    "qmax",
    "scur",
    "smax",
    "stot",
    "bout",
    "dreq",
    "dresp",
    "ereq",
    "econ",
    "eresp",
    "wretr",
    "wredis",
    "status",
    "weight",
    "act",
    "bck",
    "chkfail",
    "chkdown",
    "qlimit",
    "type",
    "rate_max",
    "check_status",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
    "cli_abrt",
    "srv_abrt",
    "mode",
    "algo",
    "check_rise",
    "check_fall",
    "conn_tot",
    "dcon",
];

/// The figures while each server has a request and three more wait, and when all of them are answered.
fn counted(side: &mut Side) -> Result<()> {
    side.without_log();
    side.without_requests();
    wait::until("the checks", wait::SOON, || {
        table(side).is_ok_and(|csv| csv.matches("L4OK").count() == 3 && !csv.contains("* L4"))
    })?;
    let mut all = Vec::new();
    for (number, path) in (1..).zip(["/held", "/held", "/held", "/held", "/status/500", "/status/404"]) {
        all.push(send(side, path)?);
        let figure = |row: &str, column| side.stat(row, column).ok()?.parse::<u32>().ok();
        let there = || {
            let with_servers = ["web_servers/web01", "web_servers/web02", "web_servers/web03"]
                .map(|server| figure(server, CURRENT_SESSIONS));
            let queued = figure("web_servers/BACKEND", QUEUED)?;
            Some(with_servers.into_iter().sum::<Option<u32>>()? + queued)
        };
        wait::until("the request to be counted", wait::SOON, || there() == Some(number))?;
    }
    note_figures(side, COUNTED)?;
    // Whoever is free first takes all that wait.
    for (server, column, left) in [
        ("s1", QUEUED, "0"),
        ("s1", CURRENT_SESSIONS, "2"),
        ("s2", CURRENT_SESSIONS, "1"),
        ("s3", CURRENT_SESSIONS, "0"),
    ] {
        side.origins.get(server).context("an origin")?.release();
        wait::until("the requests to be answered", wait::SOON, || {
            side.stat("web_servers/BACKEND", column).is_ok_and(|figure| figure == left)
        })?;
    }
    for (mut http, status) in all.into_iter().zip([200, 200, 200, 200, 500, 404]) {
        ensure!(http.response_to("GET")?.status == status);
    }
    side.wait_idle("http_in")?;
    note_figures(side, COUNTED)?;
    note_figures(side, &["req_tot", "bin", "lbtot"])
}

/// Sends a request on a connection of its own.
fn send(side: &Side, path: &str) -> Result<Http> {
    let mut http = side.connect("p80")?;
    http.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes())?;
    Ok(http)
}

/// Column of `show stat`.
const QUEUED: usize = 2;

/// The page's table.
fn table(side: &Side) -> Result<String> {
    Ok(side.connect("p8404")?.request("GET", "/haproxy?stats;csv", PASSWORD, b"")?.text())
}

fn note_figures(side: &mut Side, columns: &[&str]) -> Result<()> {
    let csv = table(side)?;
    let names: Vec<_> = csv.lines().next().unwrap_or_default().trim_start_matches("# ").split(',').collect();
    for row in csv.lines().filter(|row| row.starts_with("web_servers,") || row.starts_with("http_in,")) {
        let row: Vec<_> = row.split(',').collect();
        let value = |name: &&str| {
            let value = names.iter().position(|n| n == name).and_then(|at| row.get(at));
            format!("{name}={}", value.unwrap_or(&"?"))
        };
        side.note(format!(
            "{} {}: {}",
            row[0],
            row[1],
            columns.iter().map(value).collect::<Vec<_>>().join(" ")
        ));
    }
    Ok(())
}

fn url(side: &Side) -> String {
    format!("http://infrarunbook-admin:S3cur3P%40ssw0rd!@{}/haproxy?stats", side.daemon.address("p8404"))
}

/// Options without which it neither starts as root nor runs without a display.
const HEADLESS: [&str; 5] =
    ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];

fn chromium(profile: &std::path::Path) -> Command {
    let mut command = Command::new("chromium");
    command.args(HEADLESS).arg(format!("--user-data-dir={}", profile.display()));
    command
}

/// The page as the browser understands it.
fn in_chromium() -> Result<()> {
    let side = start(&with(""), Program::Lbx)?;
    side.connect("p80")?.get("/")?;
    let profile = tempfile::tempdir()?;
    let dom = tool::run(chromium(profile.path()).arg("--dump-dom").arg(url(&side)), BROWSER)?;
    let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
    let title = format!("<title>Statistics Report for lbx on {}</title>", host.trim());
    for text in [&*title, ">web_servers</a></h2>", ">web03</td>", "<th>p95</th>"] {
        ensure!(dom.contains(text), "{text} is not in {dom}");
    }
    ensure!(!dom.contains("<form"), "a form without 'stats admin'");
    Ok(())
}

/// A browser that is steered over its debugging protocol.
struct Browser {
    _tool: Tool,
    socket: WebSocket<TcpStream>,
    calls: u64,
}

impl Browser {
    fn start(profile: &std::path::Path) -> Result<Self> {
        let mut tool = Tool::start(chromium(profile).arg("--remote-debugging-port=0").arg("about:blank"))?;
        let output = tool.output_handle();
        let port = || {
            let text = output();
            let rest = text.split("DevTools listening on ws://").nth(1)?;
            rest.split('/').next().filter(|_| rest.contains('\n')).map(str::to_owned)
        };
        tool.wait_until("the browser", BROWSER, || port().is_some())?;
        let address = port().context("no port")?;
        let target = wait::value("a page of the browser", BROWSER, || {
            let mut http = Http::connect(address.parse().ok()?).ok()?;
            // It answers to no other name.
            http.send(b"GET /json/list HTTP/1.1\r\nhost: localhost\r\n\r\n").ok()?;
            let list = http.response_to("GET").ok()?;
            let pages: Value = serde_json::from_slice(&list.body).ok()?;
            let page = pages.as_array()?.iter().find(|page| page["type"] == "page")?;
            Some(page["webSocketDebuggerUrl"].as_str()?.to_owned())
        })?;
        let stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(BROWSER))?;
        let (socket, _) = tungstenite::client(target, stream)?;
        Ok(Self { _tool: tool, socket, calls: 0 })
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.calls += 1;
        let call = json!({ "id": self.calls, "method": method, "params": parameters });
        self.socket.send(Message::text(call.to_string()))?;
        loop {
            let Message::Text(text) = self.socket.read()? else { continue };
            let mut answer: Value = serde_json::from_str(&text)?;
            if answer["id"] == self.calls {
                if !answer["error"].is_null() {
                    bail!("{method}: {}", answer["error"]);
                }
                return Ok(answer["result"].take());
            }
        }
    }

    fn evaluate(&mut self, script: &str) -> Result<Value> {
        let mut result =
            self.call("Runtime.evaluate", &json!({ "expression": script, "returnByValue": true }))?;
        ensure!(result["exceptionDetails"].is_null(), "{script}: {}", result["exceptionDetails"]);
        Ok(result["result"]["value"].take())
    }

    /// Waits until an expression is true; while a page is being replaced, none is.
    fn wait_for(&mut self, script: &str) -> Result<()> {
        let came = wait::until(script, BROWSER, || self.evaluate(script).is_ok_and(|value| value == true));
        came.with_context(|| {
            self.evaluate("document.documentElement.outerHTML").unwrap_or_default().to_string()
        })
    }
}

/// Choosing two servers and an action, and pressing the button, as an operator does.
fn form_in_chromium() -> Result<()> {
    let side = start(&with("    stats admin if TRUE\n"), Program::Lbx)?;
    let profile = tempfile::tempdir()?;
    let mut browser = Browser::start(profile.path())?;
    browser.call("Page.navigate", &json!({ "url": url(&side) }))?;
    browser.wait_for("document.readyState == 'complete' && document.querySelectorAll('form').length == 1")?;
    browser.evaluate(
        "for (const server of ['web02', 'web03']) document.querySelector(`input[value=${server}]`).click();
         document.querySelector('select[name=action]').value = 'drain';
         document.querySelector('form button').click()",
    )?;
    browser.wait_for(
        "document.querySelector('.note')?.innerText == 'Done.' && location.search.endsWith(';st=DONE')",
    )?;
    let drained = "[...document.querySelectorAll('tr.drain td.n')].map(cell => cell.innerText.trim()).join()";
    ensure!(browser.evaluate(drained)? == "web02,web03", "{}", browser.evaluate(drained)?);
    let stat = side.daemon.cli("show stat")?;
    ensure!(stat.lines().filter(|row| row.contains(",DRAIN,")).count() == 2, "{stat}");
    Ok(())
}
