//! "Logging and Syslog Integration".

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, From};
use lbx_tests::oracle::{self, CURRENT_SESSIONS, Side};
use lbx_tests::suite::Case;
use lbx_tests::wait;
use socket2::SockRef;

use crate::sample::{HAPROXY, start};

const LOGGING: &str = include_str!("../../../config/seed/logging.cfg");

pub(crate) fn cases() -> Vec<Case> {
    let case = |name: &'static str, file: String, traffic: fn(&mut Side) -> Result<()>| {
        Case::new(name, HAPROXY, move || oracle::compare_sides(|program| start(&file, program), traffic))
    };
    let httplog = without_format();
    vec![
        case("logs::requests_in_the_articles_format", with_rules(LOGGING), requests),
        case("logs::requests_by_httplog", with_rules(&httplog), requests),
        case("logs::broken_requests_in_the_articles_format", impatient(LOGGING), broken),
        case("logs::broken_requests_by_httplog", impatient(&httplog), broken),
        case("logs::aborted_requests_in_the_articles_format", with_rules(LOGGING), aborted),
        case("logs::aborted_requests_by_httplog", with_rules(&httplog), aborted),
        case("logs::counters_of_connections", LOGGING.to_owned(), counters),
    ]
}

/// The file without its own format: `option httplog` is left.
fn without_format() -> String {
    LOGGING.lines().filter(|line| !line.contains("log-format")).map(|line| format!("{line}\n")).collect()
}

/// The file with a denied path, a dead server and a slow one.
fn with_rules(file: &str) -> String {
    let rules = "    http-request deny if { path /denied }
    http-request redirect location /there if { path /moved }
    http-request return status 200 content-type text/plain string text if { path /own }
    use_backend dead if { path /dead }
    use_backend slow if { path_beg /delay } !{ url_param(late) -m found }
    use_backend none if { path /none }
";
    let backends = "
backend dead
    retries 1
    server      dead01 {s8}

backend slow
    timeout server 500ms
    server      slow01 {s9}

backend none
    server      none01 {s9} disabled
";
    let file = file.replace("    default_backend", &format!("{rules}    default_backend"));
    format!("{file}{backends}")
}

/// The file with clients that have half a second to send their request.
fn impatient(file: &str) -> String {
    file.replace("    timeout client   30s\n", "    timeout client   30s\n    timeout http-request 500ms\n")
}

fn request(side: &mut Side, line: &str, rest: &str) -> Result<()> {
    side.wait_idle("http_in")?;
    request_beside(side, line, rest)
}

/// The same while others may be connected.
fn request_beside(side: &mut Side, line: &str, rest: &str) -> Result<()> {
    side.exchange("p80", &format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{rest}")).map(drop)
}

/// What is served, what a server fails to serve, and what the proxy answers itself.
fn requests(side: &mut Side) -> Result<()> {
    side.with_counts();
    side.origins.get("s8").context("s8")?.die();
    for line in [
        "GET /",
        "GET /a/path?with=query",
        "HEAD /bytes/500",
        "GET /bytes/5000",
        "GET /status/404",
        "GET /status/500",
        "GET /status/204",
        "GET /denied",
        "GET /moved",
        "GET /own",
        "GET /dead",
        "GET /delay/3000",
        "GET /none",
        "GET /hangup",
        "DELETE /x",
        "OPTIONS *",
        "GET /\"quoted\"",
    ] {
        request(side, line, "\r\n").with_context(|| line.to_owned())?;
    }
    request(side, "POST /echo", "content-length: 5\r\n\r\nhello")?;
    request(side, "POST /denied", "content-length: 5\r\n\r\nhello")?;
    request(side, "GET /", "user-agent: a \"name\"\r\ncookie: a=b\r\n\r\n")?;
    side.wait_idle("http_in")?;
    let mut http = side.connect("p80")?;
    for path in ["/kept/1", "/kept/2", "/kept/3"] {
        ensure!(http.get(path)?.status == 200);
    }
    Ok(())
}

/// What is no request, and one that does not come to its end.
fn broken(side: &mut Side) -> Result<()> {
    side.with_counts();
    for bytes in
        ["GET\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n"]
    {
        side.wait_idle("http_in")?;
        let mut http = side.connect("p80")?;
        http.send(bytes.as_bytes())?;
        let response = http.response_to("GET").with_context(|| format!("{bytes:?}"))?;
        side.note(response.line);
        side.expect_close(&mut http);
    }
    Ok(())
}

/// A connection that is broken off, not closed.
fn abort(stream: TcpStream) -> Result<()> {
    SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO))?;
    drop(stream);
    Ok(())
}

/// Clients and servers that break off in the middle of things.
fn aborted(side: &mut Side) -> Result<()> {
    side.with_counts();
    let mut stream = begin(side, "GET /bytes/16000000?client HTTP/1.1\r\nhost: a\r\n\r\n")?;
    stream.read_exact(&mut [0; 1000])?;
    abort(stream)?;
    ended(side, "?client", " CD-- ")?;
    let mut stream = begin(side, "GET /short/10000?server HTTP/1.1\r\nhost: a\r\n\r\n")?;
    // The server says that there is more and closes.
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    ensure!(text.starts_with(b"HTTP/1.1 200 "));
    drop(stream);
    ended(side, "?server", " SD-- ")?;
    // Gone before the server answers: who closes might still read what it says.
    let stream = begin(side, "GET /held?closed HTTP/1.1\r\nhost: a\r\n\r\n")?;
    with_a_server(side)?;
    drop(stream);
    side.origins.get("s3").context("s3")?.release();
    ended(side, "?closed", " ")?;
    let stream = begin(side, "GET /held?reset HTTP/1.1\r\nhost: a\r\n\r\n")?;
    with_a_server(side)?;
    abort(stream)?;
    side.origins.get("s1").context("s1")?.release();
    ended(side, "?reset", " C")?;
    // The body does not come, or the head.
    let head = "HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n";
    for query in ["?upload=reset", "?upload=closed"] {
        let stream = begin(side, &format!("POST /{query} {head}half"))?;
        with_a_server(side)?;
        if query.ends_with("reset") {
            abort(stream)?;
        } else {
            drop(stream);
        }
        ended(side, query, " CD-- ")?;
    }
    drop(begin(side, "GET /half HTTP/1.1\r\nhost: a\r\n")?);
    ended(side, "<BADREQ>", " CR-- ")?;
    side.without_requests();
    Ok(())
}

/// Connects when nobody else is connected, and sends a request.
fn begin(side: &Side, request: &str) -> Result<TcpStream> {
    side.wait_idle("http_in")?;
    let mut stream = client::connect(From::default(), side.daemon.address("p80"))?;
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

fn with_a_server(side: &Side) -> Result<()> {
    let arrived = || side.stat("web_servers/BACKEND", CURRENT_SESSIONS).is_ok_and(|sessions| sessions == "1");
    wait::until("the request to be with a server", wait::SOON, arrived)
}

/// Waits for the line of a request, which is to have this code.
fn ended(side: &Side, query: &str, code: &str) -> Result<()> {
    let line = side.log.wait_for(query)?;
    ensure!(line.contains(code), "{line}");
    Ok(())
}

/// One client after the other: each is the only one, and all programs count the same.
fn counters(side: &mut Side) -> Result<()> {
    side.without_log();
    for number in 0..3 {
        let path = format!("/count/{number}");
        request_beside(side, &format!("GET {path}"), "\r\n")?;
        let line = side.log.wait_for(&path)?;
        let counts = line.split_whitespace().rev().nth(3).context("the counts")?;
        ensure!(counts == "1/1/0/0/0", "{line}");
        side.note(counts);
    }
    let mut idle = side.connect("p80")?;
    ensure!(idle.get("/count/idle")?.status == 200);
    request_beside(side, "GET /count/last", "\r\n")?;
    let line = side.log.wait_for("/count/last")?;
    ensure!(line.contains(" 2/2/0/0/0 "), "{line}");
    Ok(())
}
