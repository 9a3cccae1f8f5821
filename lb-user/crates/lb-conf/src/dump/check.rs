//! What checks send and expect.

use std::fmt::Write as _;

use super::writer::{Words, Writer};
use crate::model::{
    CheckProtocol, CheckSpec, CheckStep, HttpCheck, HttpExpect, HttpMatch, ServiceCheck, TcpExpect, TcpMatch,
    TextMatch,
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
}

fn expect(expect: &HttpExpect, out: &mut Writer) {
    let mut words = Words::new("http-check expect");
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

fn step(step: &CheckStep, out: &mut Writer) {
    match step {
        CheckStep::Connect { port } => out.line(Words::new("tcp-check connect").pair("port", *port).text()),
        CheckStep::Send(bytes) => out.value("tcp-check send-binary", hex(bytes)),
        CheckStep::Expect(expect) => tcp_expect(expect, out),
    }
}

fn tcp_expect(expect: &TcpExpect, out: &mut Writer) {
    let mut words = Words::new("tcp-check expect");
    words.pair("min-recv", expect.min_recv).flag("!", expect.negated);
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
