//! What checks send and expect.

use std::fmt::Write as _;

use super::writer::{Words, Writer};
use crate::model::{
    CheckProtocol, CheckRule, CheckSpec, CheckStep, HttpCheck, HttpExpect, HttpMatch, ServiceCheck,
    TcpExpect, TcpMatch, TextMatch,
};

pub(super) fn write(check: &CheckSpec, out: &mut Writer) {
    match &check.protocol {
        CheckProtocol::Tcp => {}
        CheckProtocol::Http(http) => http_check(http, out),
        CheckProtocol::Script(steps) => {
            out.line("option tcp-check");
            steps.iter().for_each(|s| step(s, out));
        }
        CheckProtocol::Service(check) => out.line(service(check).text()),
    }
}

fn service(check: &ServiceCheck) -> Words {
    match check {
        ServiceCheck::Ldap => Words::new("option ldap-check"),
        ServiceCheck::Mysql(user) => {
            let mut words = Words::new("option mysql-check");
            if let Some(user) = user {
                words.word("user").word(&user.name).word(if user.pre_41 { "pre-41" } else { "post-41" });
            }
            words
        }
        ServiceCheck::Pgsql { user } => {
            let mut words = Words::new("option pgsql-check user");
            words.word(user);
            words
        }
        ServiceCheck::Redis => Words::new("option redis-check"),
        ServiceCheck::Smtp { hello } => {
            let mut words = Words::new("option smtpchk");
            hello.split(' ').for_each(|word| {
                words.word(word);
            });
            words
        }
        ServiceCheck::SslHello => Words::new("option ssl-hello-chk"),
    }
}

fn http_check(check: &HttpCheck, out: &mut Writer) {
    out.line("option httpchk");
    let mut words = Words::new("http-check send");
    words.word("meth").word(&check.method).word("uri").word(&check.uri).word("ver").word(&check.version);
    for (name, value) in &check.headers {
        words.word("hdr").word(name).word(value);
    }
    if !check.body.is_empty() {
        words.word("body").word(String::from_utf8_lossy(&check.body));
    }
    out.line(words.text());
    check.expect.iter().for_each(|e| expect(e, out));
    out.flag("http-check disable-on-404", check.disable_on_404);
    out.flag("http-check send-state", check.send_state);
}

fn expect(expect: &HttpExpect, out: &mut Writer) {
    let mut words = Words::new("http-check expect");
    words.pair("comment", expect.comment.as_ref());
    for (word, status) in expect.statuses.words() {
        words.pair(word, Some(status));
    }
    words.flag("!", expect.negated);
    match &expect.what {
        HttpMatch::Status(ranges) => {
            let shown = ranges.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") });
            words.word("status").word(shown.collect::<Vec<_>>().join(","))
        }
        HttpMatch::StatusRegex(regex) => words.word("rstatus").word(regex),
        HttpMatch::Body(text) => words.word("string").word(text),
        HttpMatch::BodyRegex(regex) => words.word("rstring").word(regex),
        HttpMatch::Header { name, value, whole } => {
            words.word(if *whole { "fhdr" } else { "hdr" }).word("name");
            text_match(name, &mut words);
            if let Some(value) = value {
                text_match(value, words.word("value"));
            }
            &mut words
        }
    };
    out.line(words.text());
}

fn text_match(text: &TextMatch, words: &mut Words) {
    let (method, text) = match text {
        TextMatch::Exact(text) => ("str", text),
        TextMatch::Begins(text) => ("beg", text),
        TextMatch::Ends(text) => ("end", text),
        TextMatch::Holds(text) => ("sub", text),
        TextMatch::Regex(text) => ("reg", text),
    };
    words.word("-m").word(method).word(text);
}

fn step(rule: &CheckRule, out: &mut Writer) {
    let mut words = match &rule.step {
        CheckStep::Connect(connect) => {
            let mut words = Words::new("tcp-check connect");
            words.pair("port", connect.port).pair("addr", connect.address).flag("linger", connect.linger);
            words
        }
        CheckStep::Send(bytes) => one("tcp-check send-binary", &hex(bytes)),
        CheckStep::SendText(format) => one("tcp-check send-lf", &format.text),
        CheckStep::SendHex(format) => one("tcp-check send-binary-lf", &format.text),
        CheckStep::Expect(expect) => return tcp_expect(expect, rule.comment.as_deref(), out),
        CheckStep::Var(action) => return out.line(&format!("tcp-check {}", action.text)),
        CheckStep::Comment(text) => return out.line(one("tcp-check comment", text).text()),
    };
    words.pair("comment", rule.comment.as_ref());
    out.line(words.text());
}

fn one(keyword: &str, word: &str) -> Words {
    let mut words = Words::new(keyword);
    words.word(word);
    words
}

fn tcp_expect(expect: &TcpExpect, comment: Option<&str>, out: &mut Writer) {
    let mut words = Words::new("tcp-check expect");
    words.pair("comment", comment).pair("min-recv", expect.min_recv);
    for (word, status) in expect.statuses.words() {
        words.pair(word, Some(status));
    }
    words.flag("!", expect.negated);
    match &expect.what {
        TcpMatch::Bytes(bytes) => words.word("binary").word(hex(bytes)),
        TcpMatch::Regex(regex) => words.word("rstring").word(regex),
        TcpMatch::HexRegex(regex) => words.word("rbinary").word(regex),
    };
    out.line(words.text());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
