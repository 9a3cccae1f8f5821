//! Rules of checks that the article does not need and its readers do: what goes over the wire, and how it is judged, is
//! compared with HAProxy's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::suite::Case;
use lbx_tests::wait;

use crate::sample::HAPROXY;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("check_rules::are_those_of_haproxy", HAPROXY, same)]
}

/// The rules, and what the server answers to the first thing that it is sent.
const ROWS: &[(&str, &str)] = &[
    (
        "option tcp-check
    tcp-check connect
    tcp-check set-var(check.who) str(lbx)
    tcp-check set-var-fmt(check.text) \"%[var(check.who),upper]-%[srv_name]\"
    tcp-check send-lf \"%[var(check.text)] %b/%s\\r\\n\"
    tcp-check expect string OK",
        "OK",
    ),
    (
        "option tcp-check
    tcp-check connect linger
    tcp-check send-binary-lf \"%[str(hi),hex]0a\"
    tcp-check expect rstring ^.*$
    tcp-check set-var(check.got) res.payload(0,4)
    tcp-check send-lf \"got %[var(check.got)]\"
    tcp-check unset-var(check.got)
    tcp-check send-lf \" then <%[var(check.got)]>\"
    tcp-check expect comment wanted string never",
        "GOOD",
    ),
    ("option tcp-check\n    tcp-check comment refused\n    tcp-check connect port 1", ""),
    ("option tcp-check\n    tcp-check send-binary-lf \"%[str(zz)]\"", ""),
    (
        "option httpchk GET /x\n    http-check comment status\n    http-check expect status 200",
        "HTTP/1.0 503 No\r\n\r\n",
    ),
    (
        "option tcp-check\n    tcp-check connect\n    tcp-check send x\n    tcp-check expect ok-status L4OK string OK",
        "OK",
    ),
    (
        "option tcp-check\n    tcp-check connect\n    tcp-check send x\n    tcp-check expect ok-status L7OKC \
         error-status L4CON tout-status L6TOUT string OK",
        "OK",
    ),
    (
        "option tcp-check\n    tcp-check connect\n    tcp-check send x\n    tcp-check expect min-recv 2 \
         error-status L7STS ! string NO",
        "NO",
    ),
    (
        "option tcp-check\n    tcp-check connect\n    tcp-check send x\n    tcp-check expect tout-status L4TOUT \
         string never",
        "",
    ),
    (
        "option httpchk GET /x\n    http-check expect ok-status L7OKC error-status L7RSP status 200",
        "HTTP/1.0 200 OK\r\n\r\n",
    ),
    (
        "option httpchk GET /x\n    http-check expect ok-status L7OKC error-status L6RSP status 200",
        "HTTP/1.0 503 No\r\n\r\n",
    ),
    (
        "option httpchk GET /x\n    http-check expect error-status L7STS string good",
        "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nbad",
    ),
    ("option mysql-check", "nonsense"),
    ("option smtpchk", "220 hello\r\n"),
    ("option redis-check", "+PONG\r\n"),
];

/// A server that answers once to each connection, and notes what it was sent on the first one.
fn server(answer: &'static str) -> Result<(SocketAddr, Arc<Mutex<Option<String>>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, heard) = (listener.local_addr()?, Arc::new(Mutex::new(None)));
    let first = Arc::clone(&heard);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let text = converse(stream, answer);
            first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        }
    });
    Ok((address, heard))
}

/// Everything that came until the check ended.
fn converse(mut stream: TcpStream, answer: &str) -> String {
    let (mut heard, mut buffer) = (Vec::new(), [0; 1024]);
    // A check that is silent for longer has ended.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    while let Ok(n) = stream.read(&mut buffer)
        && n > 0
    {
        if heard.is_empty() {
            // The check may have ended.
            let _ = stream.write_all(answer.as_bytes());
        }
        heard.extend_from_slice(buffer.get(..n).unwrap_or_default());
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// Status, code, and what was heard, for every row.
fn outcomes(program: Program) -> Result<Vec<String>> {
    let mut config = "
global
    stats socket {dir}/sock level admin
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
    timeout check 500ms
listen there
    bind 127.0.0.1:{there}
"
    .to_owned();
    let mut heard = Vec::new();
    for (number, (rules, answer)) in ROWS.iter().enumerate() {
        let (address, text) = server(answer)?;
        heard.push(text);
        config.push_str(&format!(
            "backend b{number}\n    {rules}\n    server s {address} check inter 2s fall 1 rise 1\n"
        ));
    }
    let daemon = Setup::new(program, &config)?.port("there").start()?;
    let mut outcomes = Vec::new();
    for (number, heard) in heard.iter().enumerate() {
        let status = wait::value(&format!("the check of b{number}"), wait::SOON, || {
            status(&daemon.cli("show stat").ok()?, number)
        });
        let status = status.with_context(|| daemon.output())?;
        let text = || heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // What refuses connections hears nothing.
        let text = wait::value("the server", Duration::from_secs(3), text).unwrap_or_default();
        outcomes.push(format!("b{number}: {status} {text:?}"));
    }
    Ok(outcomes)
}

/// `check_status/check_code` once the first check has ended, and a comment if one is told.
fn status(stat: &str, number: usize) -> Option<String> {
    let names: Vec<_> = stat.lines().next()?.split(',').collect();
    let row = stat.lines().find(|row| row.starts_with(&format!("b{number},s,")))?;
    let value = |name| names.iter().position(|column| *column == name).and_then(|at| row.split(',').nth(at));
    let status =
        value("check_status").filter(|status| !status.starts_with("INI") && !status.starts_with('*'))?;
    let comment = row.split("comment: ").nth(1).map(|rest| rest.split(['"', ',']).next().unwrap_or_default());
    Some(format!("{status}/{} {}", value("check_code")?, comment.unwrap_or_default()))
}

fn same() -> Result<()> {
    let theirs = thread::spawn(|| outcomes(Program::Haproxy));
    let ours = outcomes(Program::Lbx)?;
    let theirs = theirs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    ensure!(lower(&theirs) == lower(&ours), "HAProxy: {theirs:#?}\nlbx: {ours:#?}");
    Ok(())
}

/// Names of header fields are in small letters in HAProxy's requests.
fn lower(outcomes: &[String]) -> Vec<String> {
    outcomes.iter().map(|outcome| outcome.to_lowercase()).collect()
}
