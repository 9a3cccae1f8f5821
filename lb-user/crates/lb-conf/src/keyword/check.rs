//! `option httpchk`, `option tcp-check`, `http-check` and `tcp-check`.

use std::net::IpAddr;

use regex::bytes::Regex;

use super::args::invalid;
use super::{Args, Keyword, Sections, served, unread};
use crate::diag::{Code, Diagnostic};
use crate::draft::{
    CheckDraftStep, CheckDraftWhat, CheckKind, HttpSend, Placed, ProxyDraft, RuleDraft, RuleKind,
};
use crate::lex::Word;
use crate::model::{
    CheckConnect, CheckStep, ExpectStatus, ExpectStatuses, HttpExpect, HttpMatch, TcpExpect, TcpMatch,
    TextMatch,
};

const DB: Sections = Sections::DEFAULTS.union(Sections::BACKEND);

/// The rows.
pub(crate) static CHECKS: &[Keyword<ProxyDraft>] = &[
    served(
        "http-check send",
        "[meth <method>] [uri <uri>] [ver <version>] [hdr <name> <value>]… [body <text>] [comment <text>]",
        DB,
        "the request of a check",
        send,
    ),
    served(
        "http-check expect",
        "[comment <text>] [ok-status|error-status|tout-status <status>]… [!] <match> <pattern>",
        DB,
        "what the answer to a check must have",
        expect,
    ),
    served(
        "http-check disable-on-404",
        "",
        DB,
        "a 404 takes a server out without marking it down",
        |p, _| {
            p.check.disable_on_404 = true;
            Ok(())
        },
    ),
    served("http-check send-state", "", DB, "tells servers their state", |p, a| {
        p.check.send_state = true;
        http_rule(p, a);
        Ok(())
    }),
    unread("http-check connect", "<setting>…", DB, "opens a connection"),
    served("http-check comment", "<text>", DB, "what is told if the next rule fails", |p, a| {
        let text = a.word("a text")?.text.clone();
        http_rule(p, a);
        p.check.comment = Some(text);
        Ok(())
    }),
    unread("http-check set-var", "(<variable>) <expression>", DB, "sets a variable"),
    unread("http-check set-var-fmt", "(<variable>) <format>", DB, "sets a variable"),
    unread("http-check unset-var", "(<variable>)", DB, "removes a variable"),
    served(
        "tcp-check connect",
        "[default] [port <port>] [addr <address>] [linger] [comment <text>]",
        DB,
        "opens a connection",
        connect,
    ),
    served("tcp-check send", "<text> [comment <text>]", DB, "sends text", |p, a| {
        let text = a.word("a text")?;
        step(p, a, CheckDraftWhat::Ready(CheckStep::Send(text.as_bytes().to_vec())))
    }),
    served("tcp-check send-binary", "<hex> [comment <text>]", DB, "sends bytes", |p, a| {
        let word = a.word("hexadecimal digits")?;
        let bytes = unhex(word)?;
        step(p, a, CheckDraftWhat::Ready(CheckStep::Send(bytes)))
    }),
    served(
        "tcp-check expect",
        "[comment <text>] [min-recv <number>] [ok-status|error-status|tout-status <status>]… [!] <match> <pattern>",
        DB,
        "what a server must send",
        tcp_expect,
    ),
    served("tcp-check send-lf", "<format> [comment <text>]", DB, "sends a formatted text", |p, a| {
        let format = a.word("a format")?.clone();
        step(p, a, CheckDraftWhat::SendText(format))
    }),
    served("tcp-check send-binary-lf", "<format> [comment <text>]", DB, "sends formatted bytes", |p, a| {
        let format = a.word("a format")?.clone();
        step(p, a, CheckDraftWhat::SendHex(format))
    }),
    served("tcp-check comment", "<text>", DB, "what is told if the next rule fails", |p, a| {
        let text = a.word("a text")?.text.clone();
        step(p, a, CheckDraftWhat::Ready(CheckStep::Comment(text)))
    }),
    served("tcp-check set-var", "(<variable>[,<condition>…]) <expression>", DB, "sets a variable", variable),
    served("tcp-check set-var-fmt", "(<variable>[,<condition>…]) <format>", DB, "sets a variable", variable),
    served("tcp-check unset-var", "(<variable>)", DB, "removes a variable", variable),
];

/// `option tcp-check`
pub(super) fn tcp_check(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    choose(proxy, args, CheckKind::Tcp);
    Ok(())
}

/// `option httpchk [[METHOD] URI [VERSION]]`
pub(super) fn httpchk(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    choose(proxy, args, CheckKind::Http);
    let words = args.take_rest();
    let mut line = HttpSend::default();
    match words {
        [] => {}
        [uri] => line.uri = Some(uri.text.clone()),
        [method, uri] => (line.method, line.uri) = (Some(method.text.clone()), Some(uri.text.clone())),
        [method, uri, version, rest @ ..] => {
            (line.method, line.uri) = (Some(method.text.clone()), Some(uri.text.clone()));
            old_form(&mut line, version, rest, args)?;
        }
    }
    proxy.check.line = line;
    Ok(())
}

pub(super) fn choose(proxy: &mut ProxyDraft, args: &Args<'_>, kind: CheckKind) {
    proxy.check.kind = Some(Placed::new(kind, args.whole()));
}

/// The version, behind which old configurations hide header fields and a body: `HTTP/1.1\r\nHost:\ name`.
fn old_form(
    line: &mut HttpSend,
    version: &Word,
    rest: &[Word],
    args: &mut Args<'_>,
) -> Result<(), Diagnostic> {
    let all: Vec<_> = std::iter::once(version).chain(rest).map(|w| w.text.as_str()).collect();
    let text = all.join(" ");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.split("\r\n");
    line.version = Some(lines.next().unwrap_or_default().to_owned());
    for field in lines.filter(|f| !f.is_empty()) {
        let (name, value) = field.split_once(':').ok_or_else(|| {
            invalid(version, format!("'{field}' is not a header field")).label("expected 'Name: value'")
        })?;
        line.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    line.body = (!body.is_empty()).then(|| body.to_owned());
    if line.headers.is_empty() && line.body.is_none() {
        return match rest.first() {
            None => Ok(()),
            Some(extra) => Err(invalid(extra, "'option httpchk' takes a method, a target and a version")),
        };
    }
    args.note(modern_form(line, version));
    Ok(())
}

fn modern_form(line: &HttpSend, version: &Word) -> Diagnostic {
    let warning = Diagnostic::warning(Code::Deprecated, "header fields behind the version are an old form");
    let mut modern = "http-check send".to_owned();
    for (keyword, value) in [("meth", &line.method), ("uri", &line.uri), ("ver", &line.version)] {
        if let Some(value) = value {
            modern.push_str(&format!(" {keyword} {}", crate::quote::word(value)));
        }
    }
    for (name, value) in &line.headers {
        modern.push_str(&format!(" hdr {} {}", crate::quote::word(name), crate::quote::word(value)));
    }
    if let Some(body) = &line.body {
        modern.push_str(&format!(" body {}", crate::quote::word(body)));
    }
    warning.at(version.span).help(format!("write 'option httpchk' and '{modern}'"))
}

fn http_rule(proxy: &mut ProxyDraft, args: &Args<'_>) -> Option<String> {
    proxy.check.http_rules.get_or_insert(args.whole());
    proxy.check.comment.take()
}

/// `http-check send …`
fn send(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let mut send = HttpSend::default();
    while let Some(word) = args.take() {
        let text = |args: &mut Args<'_>| args.word("a text").map(|w| w.text.clone());
        match word.as_ref() {
            "meth" => send.method = Some(text(args)?),
            "uri" => send.uri = Some(text(args)?),
            "ver" => send.version = Some(text(args)?),
            "hdr" => send.headers.push(header(args)?),
            "body" => send.body = Some(text(args)?),
            // Sending cannot fail by itself: what is told is told of the answer.
            "comment" => drop(text(args)?),
            "uri-lf" | "body-lf" => {
                let message = format!("'{}' of 'http-check send' is not supported yet by lbx", word.text);
                return Err(Diagnostic::alert(Code::NotServed, message).at(word.span));
            }
            _ => {
                let known = ["meth", "uri", "ver", "hdr", "body"];
                let error = invalid(word, format!("unknown word '{}' in 'http-check send'", word.text));
                return Err(error.label("expected meth, uri, ver, hdr or body").nearest(word, known));
            }
        }
    }
    http_rule(proxy, args);
    proxy.check.send = Some(send);
    Ok(())
}

fn header(args: &mut Args<'_>) -> Result<(String, String), Diagnostic> {
    let name = args.word("the name of a header")?;
    let value = args.word("the header's value")?;
    if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding") {
        return Err(invalid(name, format!("'{}' is set by the check itself", name.text)));
    }
    if value.text.contains('%') {
        let error =
            Diagnostic::alert(Code::NotServed, "formats in headers of checks are not supported yet by lbx");
        return Err(error.at(value.span));
    }
    Ok((name.text.clone(), value.text.clone()))
}

/// What stands before the match of an expectation.
#[derive(Default)]
struct Prelude {
    comment: Option<String>,
    min_recv: Option<u32>,
    statuses: ExpectStatuses,
}

fn prelude(args: &mut Args<'_>, with_min_recv: bool) -> Result<Prelude, Diagnostic> {
    let mut prelude = Prelude::default();
    loop {
        if args.take_if("comment") {
            prelude.comment = Some(args.word("a text")?.text.clone());
        } else if with_min_recv && args.take_if("min-recv") {
            prelude.min_recv = Some(args.number(0..=65_535)?);
        } else if args.take_if("ok-status") {
            prelude.statuses.ok = Some(args.choice(ExpectStatus::OK)?);
        } else if args.take_if("error-status") {
            prelude.statuses.error = Some(args.choice(ExpectStatus::ERROR)?);
        } else if args.take_if("tout-status") {
            prelude.statuses.timeout = Some(args.choice(ExpectStatus::TIMEOUT)?);
        } else {
            return Ok(prelude);
        }
    }
}

/// `http-check expect [!] …`
fn expect(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let Prelude { comment: own, statuses, .. } = prelude(args, false)?;
    let negated = args.take_if("!");
    let kind = args.word("what to match")?;
    let what = match kind.as_ref() {
        "status" => HttpMatch::Status(status_list(args.word("a status such as 200-299")?)?),
        "rstatus" => HttpMatch::StatusRegex(pattern(args)?),
        "string" => HttpMatch::Body(args.word("a text")?.text.clone()),
        "rstring" => HttpMatch::BodyRegex(pattern(args)?),
        "hdr" | "fhdr" => header_match(args, kind.text == "fhdr")?,
        "min-recv" | "on-success" | "on-error" | "status-code" | "string-lf" => {
            let message = format!("'{}' of 'http-check expect' is not supported yet by lbx", kind.text);
            return Err(Diagnostic::alert(Code::NotServed, message).at(kind.span));
        }
        _ => {
            let known = ["status", "rstatus", "string", "rstring", "hdr", "fhdr"];
            let error = invalid(kind, format!("unknown match '{}'", kind.text));
            return Err(error
                .label("expected [!] and status, rstatus, string, rstring, hdr or fhdr")
                .nearest(kind, known));
        }
    };
    let before = http_rule(proxy, args);
    let expect = HttpExpect { negated, what, comment: own.or(before), statuses };
    proxy.check.expect.push(Placed::new(expect, args.whole()));
    Ok(())
}

fn status_list(word: &Word) -> Result<Vec<(u16, u16)>, Diagnostic> {
    let one = |part: &str| -> Option<(u16, u16)> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && (100..=999).contains(&first) && last <= 999).then_some((first, last))
    };
    word.split(',').map(one).collect::<Option<_>>().ok_or_else(|| {
        invalid(word, format!("'{}' is not a list of statuses", word.text))
            .label("expected a list such as 200,300-399")
    })
}

fn pattern(args: &mut Args<'_>) -> Result<String, Diagnostic> {
    let word = args.word("a regular expression")?;
    regex(word)?;
    Ok(word.text.clone())
}

/// The regular expression of a word.
pub(crate) fn regex(word: &Word) -> Result<Regex, Diagnostic> {
    Regex::new(word).map_err(|e| {
        let last = e.to_string().lines().last().unwrap_or_default().trim().to_owned();
        invalid(word, format!("'{}' is not a regular expression", word.text)).label(last)
    })
}

fn header_match(args: &mut Args<'_>, whole: bool) -> Result<HttpMatch, Diagnostic> {
    if !args.take_if("name") {
        let word = args.word("'name'")?;
        return Err(invalid(word, format!("unexpected '{}'", word.text)).label("expected 'name'"));
    }
    let name = text_match(args)?;
    let value = if args.take_if("value") { Some(text_match(args)?) } else { None };
    Ok(HttpMatch::Header { name, value, whole })
}

/// `[-m METHOD] TEXT`
fn text_match(args: &mut Args<'_>) -> Result<TextMatch, Diagnostic> {
    type Make = fn(String) -> TextMatch;
    let methods: [(&str, Make); 5] = [
        ("str", TextMatch::Exact),
        ("beg", TextMatch::Begins),
        ("end", TextMatch::Ends),
        ("sub", TextMatch::Holds),
        ("reg", TextMatch::Regex),
    ];
    let make = if args.take_if("-m") { args.choice(&methods)? } else { TextMatch::Exact };
    let word = args.word("a text")?;
    let made = make(word.text.clone());
    if let TextMatch::Regex(_) = made {
        regex(word)?;
    }
    Ok(made)
}

/// Adds a rule; its comment, which is the last that it has, may still follow.
fn step(proxy: &mut ProxyDraft, args: &mut Args<'_>, what: CheckDraftWhat) -> Result<(), Diagnostic> {
    let comment = comment(args)?;
    push(proxy, args, what, comment);
    Ok(())
}

fn comment(args: &mut Args<'_>) -> Result<Option<String>, Diagnostic> {
    match args.take_if("comment") {
        true => Ok(Some(args.word("a text")?.text.clone())),
        false => Ok(None),
    }
}

fn push(proxy: &mut ProxyDraft, args: &Args<'_>, what: CheckDraftWhat, comment: Option<String>) {
    // A comment of its own is that of the rule behind it.
    let before = proxy.check.steps.last().and_then(|step| match &step.value.what {
        CheckDraftWhat::Ready(CheckStep::Comment(text)) => Some(text.clone()),
        _ => None,
    });
    let step = CheckDraftStep { what, comment: comment.or(before) };
    proxy.check.steps.push(Placed::new(step, args.whole()));
}

/// `tcp-check set-var(NAME) …`, which is compiled as an action of rules is.
fn variable(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let mut words = vec![args.last().clone()];
    words.extend_from_slice(args.take_rest());
    let rule = RuleDraft { kind: RuleKind::Check, words, head: args.head().clone() };
    push(proxy, args, CheckDraftWhat::Var(rule), None);
    Ok(())
}

/// `tcp-check connect …`
fn connect(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let (mut connect, mut comment) = (CheckConnect::default(), None);
    while let Some(word) = args.take() {
        match word.as_ref() {
            "default" => {}
            "port" => connect.port = Some(args.number(1..=u16::MAX)?),
            "addr" => connect.address = Some(address(args)?),
            "linger" => connect.linger = true,
            "comment" => comment = Some(args.word("a text")?.text.clone()),
            "send-proxy" | "via-socks4" | "ssl" | "sni" | "alpn" | "proto" => {
                let message = format!("'{}' of 'tcp-check connect' is not supported yet by lbx", word.text);
                return Err(Diagnostic::alert(Code::NotServed, message).at(word.span));
            }
            _ => {
                let known = ["default", "port", "addr", "linger", "comment"];
                let error = invalid(word, format!("unknown word '{}' in 'tcp-check connect'", word.text));
                return Err(error
                    .label("expected 'default', 'port', 'addr', 'linger' or 'comment'")
                    .nearest(word, known));
            }
        }
    }
    push(proxy, args, CheckDraftWhat::Ready(CheckStep::Connect(connect)), comment);
    Ok(())
}

fn address(args: &mut Args<'_>) -> Result<IpAddr, Diagnostic> {
    let word = args.word("an address")?;
    word.text.parse().map_err(|_| invalid(word, format!("'{}' is not an IP address", word.text)))
}

/// `tcp-check expect [min-recv N] [!] …`
fn tcp_expect(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let Prelude { comment, min_recv, statuses } = prelude(args, true)?;
    let negated = args.take_if("!");
    let kind = args.word("what to match")?;
    let what = match kind.as_ref() {
        "string" => TcpMatch::Bytes(args.word("a text")?.as_bytes().to_vec()),
        "binary" => TcpMatch::Bytes(unhex(args.word("hexadecimal digits")?)?),
        "rstring" => TcpMatch::Regex(pattern(args)?),
        "rbinary" => TcpMatch::HexRegex(pattern(args)?),
        "string-lf" | "binary-lf" | "on-success" | "on-error" | "status-code" => {
            let message = format!("'{}' of 'tcp-check expect' is not supported yet by lbx", kind.text);
            return Err(Diagnostic::alert(Code::NotServed, message).at(kind.span));
        }
        _ => {
            let known = ["string", "binary", "rstring", "rbinary"];
            let error = invalid(kind, format!("unknown match '{}'", kind.text));
            return Err(error
                .label("expected [!] and string, rstring, binary or rbinary")
                .nearest(kind, known));
        }
    };
    let expect = CheckStep::Expect(TcpExpect { negated, what, min_recv, statuses });
    push(proxy, args, CheckDraftWhat::Ready(expect), comment);
    Ok(())
}

fn unhex(word: &Word) -> Result<Vec<u8>, Diagnostic> {
    let digits: Option<Vec<u32>> = word.chars().map(|c| c.to_digit(16)).collect();
    let pairs = digits.filter(|d| d.len() % 2 == 0).map(|digits| {
        digits
            .chunks_exact(2)
            .filter_map(|pair| u8::try_from(pair.iter().fold(0, |n, d| n * 16 + d)).ok())
            .collect()
    });
    pairs.ok_or_else(|| {
        invalid(word, format!("'{}' is not hexadecimal", word.text))
            .label("expected an even number of hexadecimal digits")
    })
}
