use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{CheckProtocol, CheckSpec, MysqlUser};
use proptest::prelude::*;

use super::*;
use crate::check::{Action, CheckReport, CheckRun, Failure, Program};

fn start(check: &ServiceCheck) -> CheckRun {
    let spec = CheckSpec { protocol: CheckProtocol::Service(check.clone()), ..CheckSpec::default() };
    CheckRun::new(Arc::new(Program::new(&spec).unwrap()))
}

/// A server that says `greeting`, and the next of `answers` to each thing that the check sends, in pieces.
fn ask(
    check: &ServiceCheck,
    greeting: &[u8],
    answers: &[&[u8]],
    piece: usize,
) -> (CheckReport, Vec<Vec<u8>>) {
    let mut run = start(check);
    let (mut sent, mut coming) = (Vec::new(), greeting.to_vec());
    loop {
        match run.action() {
            Action::Connect(_) => run.connected(false),
            Action::Send(bytes) => {
                coming.extend_from_slice(answers.get(sent.len()).copied().unwrap_or_default());
                sent.push(bytes.to_vec());
                run.sent();
            }
            Action::Receive if coming.is_empty() => run.closed(),
            Action::Receive => {
                let rest = coming.split_off(piece.min(coming.len()));
                run.received(&coming);
                coming = rest;
            }
            Action::Done => return (run.report(Duration::ZERO), sent),
        }
    }
}

fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    [&[u8::try_from(body.len()).unwrap(), 0, 0, number], body].concat()
}

fn mysql(user: Option<&str>, pre_41: bool) -> ServiceCheck {
    ServiceCheck::Mysql(user.map(|name| MysqlUser { name: name.into(), pre_41 }))
}

fn smtp() -> ServiceCheck {
    ServiceCheck::Smtp { hello: "HELO localhost".into() }
}

fn pgsql() -> ServiceCheck {
    ServiceCheck::Pgsql { user: "bob".into() }
}

type Row<'a> = (ServiceCheck, &'a [u8], Vec<&'a [u8]>, (&'a str, Option<u16>, &'a str));

#[test]
fn answers_are_judged_however_they_are_cut() {
    let hello = packet(0, b"\x0a5.5.5-10.11.6-MariaDB\0\x01\0\0\0abcdefgh\0\xfe\xf7");
    let busy = packet(0, b"\xff\x10\x04Too many connections");
    let denied = packet(2, b"\xff\x15\x04#28000Access denied");
    let welcome = packet(2, b"\0\0\0\x02\0\0\0");
    let no_role = b"E\0\0\0\x21SFATAL\0C28000\0Mno role bob\0\0";
    let ldap = |code: u8| [0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, code, 4, 0, 4, 0];
    let (bound, wrong_password) = (ldap(0), ldap(49));
    let long_form =
        [&[0x30, 0x84, 0, 0, 0, 0x10, 2, 1, 1, 0x61, 0x84, 0, 0, 0, 7, 0x0a, 1, 0][..], &[4, 0]].concat();
    let other_message = [0x30, 0x0c, 2, 1, 2, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0];
    let rows: Vec<Row<'_>> = vec![
        (ServiceCheck::Redis, b"", vec![b"+PONG\r\n"], ("L7OK", Some(0), "")),
        (ServiceCheck::Redis, b"", vec![b"-NOAUTH who?\r\n"], ("L7STS", Some(0), "-NOAUTH who?")),
        (ServiceCheck::Redis, b"", vec![], ("L7STS", Some(0), "no answer")),
        (ServiceCheck::SslHello, b"", vec![b"\x16\x03\0\0\x02aa"], ("L6OK", None, "")),
        (ServiceCheck::SslHello, b"", vec![b"\x15\x03\0\0\x02\x02\x28"], ("L6OK", None, "")),
        (ServiceCheck::SslHello, b"", vec![b"HTTP/1.0 400"], ("L6RSP", None, "not an answer of TLS")),
        (ServiceCheck::SslHello, b"", vec![], ("L6RSP", None, "no answer")),
        (smtp(), b"220 hi\r\n", vec![b"250 hello\r\n", b"221 bye\r\n"], ("L7OK", Some(221), "bye")),
        (
            smtp(),
            b"220-hi\r\n220 x\r\n",
            vec![b"250-a\r\n250 b\r\n", b"221 bye\r\n"],
            ("L7OK", Some(221), "bye"),
        ),
        (smtp(), b"554 go away\r\n", vec![], ("L7STS", Some(554), "go away")),
        (smtp(), b"220 hi\r\n", vec![b"500 what\r\n"], ("L7STS", Some(500), "what")),
        (smtp(), b"220 hi\r\n", vec![b"250 hello\r\n", b"521 bye\r\n"], ("L7STS", Some(521), "bye")),
        (smtp(), b"hello\r\n", vec![], ("L7RSP", None, "hello")),
        (smtp(), b"220-hi\r\n", vec![], ("L7RSP", None, "the reply is not complete")),
        (pgsql(), b"", vec![b"R\0\0\0\x08\0\0\0\0"], ("L7OK", Some(0), "")),
        (pgsql(), b"", vec![b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"], ("L7OK", Some(0), "")),
        (pgsql(), b"", vec![b"R\0\0\0\x08\0\0\0\x01"], ("L7STS", Some(0), "not an answer of PostgreSQL")),
        (pgsql(), b"", vec![no_role], ("L7RSP", None, "no role bob")),
        (pgsql(), b"", vec![b"Zabcdefghij"], ("L7STS", Some(0), "not an answer of PostgreSQL")),
        (ServiceCheck::Ldap, b"", vec![&bound], ("L7OK", Some(0), "")),
        (ServiceCheck::Ldap, b"", vec![&long_form], ("L7OK", Some(0), "")),
        (
            ServiceCheck::Ldap,
            b"",
            vec![&wrong_password],
            ("L7STS", Some(49), "LDAP result 49 (RFC 4511, 4.1.9)"),
        ),
        (ServiceCheck::Ldap, b"", vec![&other_message], ("L7RSP", None, "not an answer of LDAPv3")),
        (ServiceCheck::Ldap, b"", vec![b"HTTP/1.0 400 Bad"], ("L7RSP", None, "not an answer of LDAPv3")),
        (mysql(None, false), &hello, vec![], ("L7OK", Some(0), "5.5.5-10.11.6-MariaDB")),
        (mysql(None, false), &busy, vec![], ("L7STS", Some(1040), "Too many connections")),
        (mysql(None, false), b"HTTP/1.0 400", vec![], ("L7RSP", None, "the packet is not complete")),
        (mysql(Some("bob"), false), &hello, vec![&welcome], ("L7OK", Some(0), "")),
        (mysql(Some("bob"), true), &hello, vec![&welcome], ("L7OK", Some(0), "")),
        (mysql(Some("bob"), false), &hello, vec![&denied], ("L7STS", Some(1045), "#28000Access denied")),
        (mysql(Some("bob"), false), &busy, vec![], ("L7STS", Some(1040), "Too many connections")),
    ];
    for (check, greeting, answers, wanted) in rows {
        for piece in [1, 3, 1000] {
            let (report, _) = ask(&check, greeting, &answers, piece);
            let got = (report.status.name(), report.code, &*report.info);
            assert_eq!(got, wanted, "{check:?}, {greeting:?}, {answers:?} in pieces of {piece}");
        }
    }
}

#[test]
fn what_is_sent_is_what_servers_know() {
    let sent = |check: ServiceCheck| ask(&check, b"220 hi\r\n", &[b"250 hi\r\n"], 1000).1.concat();
    assert_eq!(sent(smtp()), b"HELO localhost\r\nQUIT\r\n");
    assert_eq!(sent(pgsql()), b"\0\0\0\x12\0\x03\0\0user\0bob\0\0");
    let mut long = b"\x25\0\0\x01\0\x82\0\0\0\x80\0\x01\x21".to_vec();
    long.extend([0; 23]);
    long.extend(b"bob\0\0\x01\0\0\0\x01");
    assert_eq!(sent(mysql(Some("bob"), false)), long);
    assert_eq!(sent(mysql(Some("bob"), true)), b"\x0a\0\0\x01\0\x80\0\0\x01bob\0\0\x01\0\0\0\x01");
    let hello = sent(ServiceCheck::SslHello);
    assert_eq!(usize::from(hello[4]), hello.len() - 5);
}

#[test]
fn silence_has_a_layer() {
    for (check, wanted) in [(ServiceCheck::SslHello, "L6TOUT"), (ServiceCheck::Redis, "L7TOUT")] {
        let mut run = start(&check);
        run.connected(false);
        run.sent();
        run.failed(Failure::Timeout);
        assert_eq!(run.report(Duration::ZERO).status.name(), wanted);
    }
}

proptest! {
    #[test]
    fn no_answer_is_too_strange(greeting: Vec<u8>, first: Vec<u8>, second: Vec<u8>, piece in 1..50_usize) {
        let services =
            [ServiceCheck::Ldap, ServiceCheck::Redis, ServiceCheck::SslHello, smtp(), pgsql(), mysql(Some("b"), true)];
        for service in services {
            ask(&service, &greeting, &[&first, &second], piece);
        }
    }
}
