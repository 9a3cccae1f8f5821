//! Rows of answers and outcomes. The outcomes were read off HAProxy 2.6, given the same answers.

use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{
    AgentCheck, CheckProtocol, CheckSpec, CheckStep, ExpectStatuses, HttpCheck, HttpExpect, HttpMatch,
    TcpExpect, TcpMatch, TextMatch,
};

use super::*;

const OK: &str = "HTTP/1.0 200 OK\r\nContent-Length: 15\r\n\r\n\"status\":\"ok\"\r\n";
const UNAVAILABLE: &str = "HTTP/1.0 503 Service Unavailable\r\n\r\n";
const GARBAGE: &str = "garbage\r\n\r\n";
const NOT_FOUND: &str = "HTTP/1.0 404 Not Found\r\n\r\n";
const NOPE: &str = "HTTP/1.0 200 OK\r\n\r\nnope";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n2\r\npe\r\n0\r\n\r\n";
const TRUNCATED: &str = "HTTP/1.0 301 Moved\r\n";
const NO_REASON: &str = "HTTP/1.0 200\r\n\r\n";
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nFoo: a, b\r\n\r\n";

fn expect(negated: bool, what: HttpMatch) -> Vec<HttpExpect> {
    vec![HttpExpect { negated, what, comment: None, statuses: ExpectStatuses::default() }]
}

fn http(expect: Vec<HttpExpect>) -> HttpCheck {
    HttpCheck { expect, ..HttpCheck::default() }
}

fn program(protocol: CheckProtocol) -> Arc<Program> {
    Arc::new(Program::new(&CheckSpec { protocol, ..CheckSpec::default() }).unwrap())
}

// Drives a check: connects, and gives it the answer in pieces of `piece` bytes, and then the end.
fn run(program: Arc<Program>, answer: &str, piece: usize) -> CheckReport {
    drive(CheckRun::new(program), answer, piece).report(Duration::ZERO)
}

fn drive(mut run: CheckRun, answer: &str, piece: usize) -> CheckRun {
    let mut pieces = answer.as_bytes().chunks(piece);
    loop {
        match run.action() {
            Action::Connect(_) => run.connected(false),
            Action::Send(_) => run.sent(),
            Action::Receive => match pieces.next() {
                Some(piece) => run.received(piece),
                None => run.closed(),
            },
            Action::Done => return run,
        }
    }
}

fn shown(report: &CheckReport) -> (&'static str, Option<u16>, &str) {
    (report.status.name(), report.code, &report.info)
}

#[test]
fn http_answers_are_judged_however_they_are_cut() {
    let status = |codes: &[(u16, u16)]| HttpMatch::Status(codes.to_vec());
    let rstring = || HttpMatch::BodyRegex(r#""status":"ok""#.into());
    let string = |text: &str| HttpMatch::Body(text.into());
    let header = |name: &str, value: Option<&str>, whole| HttpMatch::Header {
        name: TextMatch::Exact(name.into()),
        value: value.map(|value| TextMatch::Exact(value.into())),
        whole,
    };
    let conditional = HttpCheck { disable_on_404: true, ..HttpCheck::default() };
    let rows = [
        (http(vec![]), OK, ("L7OK", Some(200), "")),
        (http(vec![]), UNAVAILABLE, ("L7STS", Some(503), "Service Unavailable")),
        (http(vec![]), GARBAGE, ("L7RSP", None, "")),
        (http(vec![]), "", ("L7RSP", None, "")),
        (http(vec![]), NOT_FOUND, ("L7STS", Some(404), "Not Found")),
        (http(vec![]), NOPE, ("L7OK", Some(200), "")),
        (http(vec![]), TRUNCATED, ("L7RSP", None, "")),
        (http(vec![]), NO_REASON, ("L7OK", Some(200), "")),
        (http(vec![]), INTERIM, ("L7OK", Some(200), "")),
        (conditional.clone(), NOT_FOUND, ("L7OKC", Some(404), "")),
        (conditional, OK, ("L7OK", Some(200), "")),
        (http(expect(false, status(&[(200, 200)]))), OK, ("L7OK", Some(200), "")),
        (http(expect(false, status(&[(200, 399)]))), NOT_FOUND, ("L7STS", Some(404), "Not Found")),
        (http(expect(true, status(&[(200, 200)]))), OK, ("L7STS", Some(200), "OK")),
        (http(expect(true, status(&[(200, 200)]))), UNAVAILABLE, ("L7OK", Some(503), "")),
        (http(expect(false, HttpMatch::StatusRegex("^2..$".into()))), OK, ("L7OK", Some(200), "")),
        (
            http(expect(false, HttpMatch::StatusRegex("^2..$".into()))),
            NOT_FOUND,
            ("L7STS", Some(404), "Not Found"),
        ),
        (http(expect(false, rstring())), OK, ("L7OK", Some(200), "")),
        (http(expect(false, rstring())), NOPE, ("L7RSP", None, "the body does not match")),
        (http(expect(false, rstring())), UNAVAILABLE, ("L7RSP", None, "the response has no body to look at")),
        (http(expect(false, string("nope"))), CHUNKED, ("L7OK", Some(200), "")),
        (http(expect(true, string("nope"))), CHUNKED, ("L7RSP", None, "the body matches what it must not")),
        (http(expect(true, string("nope"))), NOPE, ("L7RSP", None, "the body matches what it must not")),
        (http(expect(true, string("nope"))), OK, ("L7OK", Some(200), "")),
        (http(expect(false, header("foo", None, false))), OK, ("L7STS", Some(200), "OK")),
        (http(expect(false, header("foo", Some("b"), false))), INTERIM, ("L7OK", Some(200), "")),
        (http(expect(false, header("foo", Some("b"), true))), INTERIM, ("L7STS", Some(200), "OK")),
    ];
    for (check, answer, wanted) in rows {
        for piece in [1, 7, 1000] {
            let report = run(program(CheckProtocol::Http(check.clone())), answer, piece);
            assert_eq!(shown(&report), wanted, "{check:?} of {answer:?}");
        }
    }
}

#[test]
fn requests_are_what_the_server_expects() {
    let bytes = |check: HttpCheck| {
        let mut run = CheckRun::new(program(CheckProtocol::Http(check)));
        run.connected(false);
        match run.action() {
            Action::Send(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            action => panic!("{action:?}"),
        }
    };
    assert_eq!(bytes(HttpCheck::default()), "OPTIONS / HTTP/1.0\r\n\r\n");
    let posted = HttpCheck {
        method: "POST".into(),
        uri: "/health".into(),
        version: "HTTP/1.1".into(),
        headers: vec![("Host".into(), "example.org".into())],
        body: b"hello".to_vec(),
        ..HttpCheck::default()
    };
    assert_eq!(
        bytes(posted),
        "POST /health HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    );
}

fn script(negated: bool, what: TcpMatch, min_recv: Option<u32>) -> Arc<Program> {
    let expect =
        CheckStep::Expect(TcpExpect { negated, what, min_recv, statuses: ExpectStatuses::default() });
    program(CheckProtocol::Script(vec![CheckStep::Send(b"HELLO\r\n".to_vec()).into(), expect.into()]))
}

#[test]
fn scripts_are_followed() {
    let bytes = || TcpMatch::Bytes(b"200".to_vec());
    let hex = || TcpMatch::HexRegex("^3230".into());
    let rows = [
        (script(false, bytes(), None), "a 200", ("L7OK", Some(0), "(tcp-check)")),
        (
            script(false, bytes(), None),
            "503",
            ("L7RSP", None, "the answer does not match at step 2 of tcp-check"),
        ),
        (
            script(false, bytes(), None),
            "",
            ("L7RSP", None, "nothing came that could match at step 2 of tcp-check"),
        ),
        (script(true, bytes(), None), "503", ("L7OK", Some(0), "(tcp-check)")),
        (
            script(true, bytes(), None),
            "200",
            ("L7RSP", None, "the answer matches what it must not at step 2 of tcp-check"),
        ),
        (script(false, TcpMatch::Regex("2.0".into()), None), "210", ("L7OK", Some(0), "(tcp-check)")),
        (script(false, hex(), None), "20", ("L7OK", Some(0), "(tcp-check)")),
        (script(false, bytes(), Some(4)), "x200", ("L7OK", Some(0), "(tcp-check)")),
    ];
    for (program, answer, wanted) in rows {
        for piece in [1, 100] {
            assert_eq!(shown(&run(Arc::clone(&program), answer, piece)), wanted, "{answer:?}");
        }
    }
}

/// What a check with these rules sends to a server that says hello.
fn conversation(rules: &str) -> (Vec<String>, CheckReport) {
    let text = format!("backend b\n option tcp-check\n{rules}\n server s 127.0.0.1:80 check\n");
    let outcome = lb_conf::load_text("test.cfg", &text);
    let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let mut run = CheckRun::new(Arc::new(Program::new(&config.backends[0].check).unwrap()));
    let mut sent = Vec::new();
    loop {
        match run.action() {
            Action::Connect(_) => run.connected(false),
            Action::Send(bytes) => {
                sent.push(String::from_utf8_lossy(&bytes).into_owned());
                run.sent();
            }
            Action::Receive => run.received(b"hello"),
            Action::Done => return (sent, run.report(Duration::ZERO)),
        }
    }
}

#[test]
fn formats_and_variables_are_those_of_the_check() {
    let rules = " tcp-check connect
 tcp-check set-var(check.a) str(x)
 tcp-check set-var-fmt(check.b) \"<%[var(check.a)]>\"
 tcp-check expect string hello
 tcp-check set-var(check.c) res.payload(1,3)
 tcp-check send-lf \"%[var(check.b)]  %[var(check.c)]\"
 tcp-check unset-var(check.a)
 tcp-check send-lf \"%[var(check.a)].\"
 tcp-check send-binary-lf 4%[int(1)]42";
    let (sent, report) = conversation(rules);
    assert_eq!(sent, ["<x>  ell", ".", "AB"]);
    assert_eq!(shown(&report), ("L7OK", Some(0), "(tcp-check)"));
}

#[test]
fn comments_tell_what_failed() {
    let odd = conversation(" tcp-check connect\n tcp-check send-binary-lf 123 comment odd").1;
    assert_eq!(
        shown(&odd),
        ("L7RSP", None, "what is to be sent is not hexadecimal at step 2 of tcp-check comment: 'odd'")
    );
    let rules = " tcp-check comment first\n tcp-check connect\n tcp-check comment second\n tcp-check expect ! string h";
    assert_eq!(
        shown(&conversation(rules).1),
        ("L7RSP", None, "the answer matches what it must not at step 4 of tcp-check comment: 'second'")
    );
}

#[test]
fn comments_tell_what_an_answer_lacks() {
    let commented = |what: HttpMatch| {
        let expect = HttpExpect {
            negated: false,
            what,
            comment: Some("is it warm".into()),
            statuses: ExpectStatuses::default(),
        };
        run(program(CheckProtocol::Http(http(vec![expect]))), NOPE, 100)
    };
    let status = commented(HttpMatch::Status(vec![(503, 503)]));
    assert_eq!(shown(&status), ("L7STS", Some(200), "OK comment: is it warm"));
    let body = commented(HttpMatch::Body("yes".into()));
    assert_eq!(shown(&body), ("L7RSP", None, "the body does not match comment: is it warm"));
}

#[test]
fn servers_are_told_their_state() {
    let check = HttpCheck { send_state: true, body: b"x".to_vec(), ..HttpCheck::default() };
    let mut run = CheckRun::new(program(CheckProtocol::Http(check)));
    run.connected(false);
    let wanted = "OPTIONS / HTTP/1.0\r\nContent-Length: 1\r\nX-Haproxy-Server-State: \r\n\r\nx";
    assert_eq!(run.action(), Action::Send(wanted.into()));
}

#[test]
fn a_connection_is_enough_for_a_bare_check() {
    let report = run(program(CheckProtocol::Tcp), "", 1);
    assert_eq!(shown(&report), ("L4OK", None, ""));
    let mut secure = CheckRun::new(program(CheckProtocol::Tcp));
    secure.connected(true);
    assert_eq!(shown(&secure.report(Duration::ZERO)), ("L6OK", None, ""));
}

#[test]
fn failures_have_their_names() {
    let refused = std::io::Error::from_raw_os_error(111);
    let failed = |connect: bool, failure: Failure| {
        let mut run = CheckRun::new(script(false, TcpMatch::Bytes(b"x".to_vec()), None));
        if connect {
            run.connected(false);
        }
        run.failed(failure);
        assert_eq!(run.action(), Action::Done);
        run.report(Duration::ZERO)
    };
    let rows = [
        (false, Failure::Timeout, ("L4TOUT", "at initial connection step of tcp-check")),
        (true, Failure::Timeout, ("L7TOUT", "at step 1 of tcp-check")),
        (
            false,
            Failure::Connect(Failure::text(&refused)),
            ("L4CON", "Connection refused at initial connection step of tcp-check"),
        ),
        (true, Failure::Broken("gone".into()), ("SOCKERR", "gone at step 1 of tcp-check")),
        (false, Failure::Tls("bad".into()), ("L6RSP", "bad at initial connection step of tcp-check")),
        (false, Failure::TlsTimeout, ("L6TOUT", "at initial connection step of tcp-check")),
    ];
    for (connect, failure, (status, info)) in rows {
        let report = failed(connect, failure);
        assert_eq!((report.status.name(), &*report.info), (status, info));
    }
}

#[test]
fn an_endless_answer_is_judged_by_its_beginning() {
    let program = program(CheckProtocol::Http(http(expect(false, HttpMatch::Body("zzz".into())))));
    let endless = format!("HTTP/1.0 200 OK\r\n\r\n{}", "a".repeat(1 << 20));
    assert_eq!(shown(&run(program, &endless, 4096)), ("L7RSP", None, "the body does not match"));
}

#[test]
fn agents_are_asked_and_heard() {
    let target = "127.0.0.1:1".parse().unwrap();
    let agent = AgentCheck { inter: Duration::from_secs(1), target, send: b"hi\n".to_vec() };
    let ask = |answer| {
        drive(CheckRun::new(Arc::new(Program::agent(&agent))), answer, 3).agent_report(Duration::ZERO)
    };
    assert_eq!(ask("up 75%\n").up, Some(true));
    assert_eq!(ask("drain").admin, Some(AdminState::Drain));
    assert_eq!(ask("").check.status, CheckStatus::L7Response);
}
