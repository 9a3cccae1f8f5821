//! Words of HTTP mode: connection modes, cookies, error answers, captures.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::args::{invalid, one_of};
use super::{Args, Keyword, Sections, served};
use crate::diag::{Code, Diagnostic};
use crate::draft::{ErrorFilesDraft, HttpErrorsDraft, Placed, ProxyDraft};
use crate::lex::Word;
use crate::model::{
    AddressHeader, ConnectionMode, Cookie, CookieCapture, CookieMode, ErrorAnswer, HeaderCapture, HttpReuse,
    Name,
};

const F: Sections = Sections::FRONTEND;
const DF: Sections = Sections::DEFAULTS.union(F);
const DB: Sections = Sections::DEFAULTS.union(Sections::BACKEND);
const DFB: Sections = DF.union(DB);

/// The rows.
pub(crate) static HTTP: &[Keyword<ProxyDraft>] = &[
    served("option http-keep-alive", "", DFB, "keeps connections open on both sides", |p, a| {
        connection(p, a, ConnectionMode::KeepAlive)
    })
    .negatable(),
    served(
        "option http-server-close",
        "",
        DFB,
        "closes connections to servers after each response",
        |p, a| connection(p, a, ConnectionMode::ServerClose),
    )
    .negatable(),
    served("option httpclose", "", DFB, "closes connections after each response", |p, a| {
        connection(p, a, ConnectionMode::Close)
    })
    .negatable(),
    served(
        "option forwardfor",
        "[except <network>] [header <name>] [if-none]",
        DFB,
        "tells servers the client's address",
        |p: &mut ProxyDraft, a| {
            p.forward_for = address_header(a, "X-Forwarded-For")?;
            Ok(())
        },
    ),
    served(
        "option originalto",
        "[except <network>] [header <name>]",
        DFB,
        "tells servers the address that was asked",
        |p: &mut ProxyDraft, a| {
            p.original_to = address_header(a, "X-Original-To")?;
            Ok(())
        },
    ),
    served(
        "cookie",
        "<name> [insert|rewrite|prefix] [<setting>…]",
        DB,
        "keeps clients on their servers by a cookie",
        cookie,
    ),
    served("dynamic-cookie-key", "<text>", DB, "the key of cookie values that are computed", |p, a| {
        p.dynamic_cookie_key = Some(a.word("a key")?.text.clone());
        Ok(())
    }),
    served("errorfile", "<status> <file>", DFB, "the answer to an error", errorfile),
    served("errorfiles", "<section> [<status>…]", DFB, "a group of answers to errors", errorfiles),
    served("errorloc", "<status> <url>", DFB, "redirects errors", |p, a| errorloc(p, a, 302)),
    served("errorloc302", "<status> <url>", DFB, "redirects errors by 302", |p, a| errorloc(p, a, 302)),
    served("errorloc303", "<status> <url>", DFB, "redirects errors by 303", |p, a| errorloc(p, a, 303)),
    served(
        "capture request",
        "header <name> len <number>",
        F,
        "keeps a header of requests for logs",
        |p, a| {
            let capture = header_capture(a)?;
            p.request_captures.push(capture);
            Ok(())
        },
    ),
    served(
        "capture response",
        "header <name> len <number>",
        F,
        "keeps a header of responses for logs",
        |p, a| {
            let capture = header_capture(a)?;
            p.response_captures.push(capture);
            Ok(())
        },
    ),
    served("capture cookie", "<name> len <number>", F, "keeps a cookie for logs", |p, a| {
        let name = a.word("the name of a cookie")?.text.as_str().into();
        p.cookie_capture = Some(CookieCapture { name, len: len(a)? });
        Ok(())
    }),
    served("declare", "capture request|response len <number>", F, "reserves room for a capture", declare)
        .strict(),
    served(
        "http-reuse",
        "never|safe|aggressive|always",
        DB,
        "who may use an idle connection to a server",
        |p, a| {
            let choices = [
                ("never", HttpReuse::Never),
                ("safe", HttpReuse::Safe),
                ("aggressive", HttpReuse::Aggressive),
                ("always", HttpReuse::Always),
            ];
            p.http_reuse = a.choice(&choices)?;
            Ok(())
        },
    ),
    served("monitor-uri", "<path>", DF, "a path that tells whether the proxy lives", |p, a| {
        let word = a.word("a path")?;
        p.monitor_uri = Some(Placed::new(word.text.clone(), word.span));
        Ok(())
    }),
    served("rate-limit sessions", "<number>", DF, "new connections in a second", |p, a| {
        p.rate_limit = Some(a.number(0..=u32::MAX)?).filter(|n| *n > 0);
        Ok(())
    }),
    served("max-keep-alive-queue", "<number>", DB, "queue length at which a server is changed", |p, a| {
        p.max_keep_alive_queue = Some(a.number(-1..=i32::MAX)?);
        Ok(())
    }),
];

fn connection(proxy: &mut ProxyDraft, args: &Args<'_>, mode: ConnectionMode) -> Result<(), Diagnostic> {
    if !args.negated {
        proxy.connection = Some(Placed::new(mode, args.whole()));
    } else if proxy.connection.as_ref().is_some_and(|c| c.value == mode) {
        proxy.connection = None;
    }
    Ok(())
}

fn address_header(args: &mut Args<'_>, default: &str) -> Result<Option<Placed<AddressHeader>>, Diagnostic> {
    let mut header = AddressHeader { name: default.into(), except: Vec::new(), if_none: false };
    while let Some(word) = args.take() {
        match word.as_ref() {
            "except" => header.except.push(network(args.word("a network such as 127.0.0.0/8")?)?),
            "header" => header.name = args.word("the name of a header")?.text.as_str().into(),
            "if-none" => header.if_none = true,
            _ => {
                let known = ["except", "header", "if-none"];
                let error = invalid(word, format!("unknown word '{}'", word.text));
                return Err(error.label(format!("expected {}", one_of(&known))).nearest(word, known));
            }
        }
    }
    Ok(Some(Placed::new(header, args.whole())))
}

/// An address with or without the length of its prefix.
pub(super) fn network(word: &Word) -> Result<IpNet, Diagnostic> {
    let net = word.parse::<IpNet>().ok().or_else(|| word.parse::<std::net::IpAddr>().ok().map(IpNet::from));
    net.ok_or_else(|| {
        invalid(word, format!("'{}' is not a network", word.text)).label("expected <address>[/<bits>]")
    })
}

/// Words of `cookie` behind the name.
const COOKIE_WORDS: [&str; 15] = [
    "insert", "rewrite", "prefix", "indirect", "nocache", "postonly", "preserve", "httponly", "secure",
    "domain", "maxidle", "maxlife", "dynamic", "attr", "passive",
];

fn cookie(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let name = args.word("the name of a cookie")?;
    let mut cookie = Cookie::passive(&name.text);
    while let Some(word) = args.take() {
        match word.as_ref() {
            "insert" => set_mode(&mut cookie, CookieMode::Insert, word)?,
            "rewrite" => set_mode(&mut cookie, CookieMode::Rewrite, word)?,
            "prefix" => set_mode(&mut cookie, CookieMode::Prefix, word)?,
            "indirect" => cookie.indirect = true,
            "nocache" => cookie.nocache = true,
            "postonly" => cookie.post_only = true,
            "preserve" => cookie.preserve = true,
            "httponly" => cookie.http_only = true,
            "secure" => cookie.secure = true,
            "dynamic" => cookie.dynamic = true,
            "domain" => cookie.domains.push(domain(args)?),
            "attr" => cookie.attributes.push(attribute(args)?),
            "maxidle" => cookie.max_idle = Some(args.time_in(Duration::from_secs(1))?),
            "maxlife" => cookie.max_life = Some(args.time_in(Duration::from_secs(1))?),
            _ => {
                let known = &COOKIE_WORDS[..14];
                let error = invalid(word, format!("unknown word '{}' of 'cookie'", word.text));
                return Err(error
                    .label(format!("expected {}", one_of(known)))
                    .nearest(word, known.iter().copied()));
            }
        }
    }
    check_cookie(&cookie, name)?;
    proxy.cookie = Some(Placed::new(cookie, args.whole()));
    Ok(())
}

fn set_mode(cookie: &mut Cookie, mode: CookieMode, word: &Word) -> Result<(), Diagnostic> {
    if cookie.mode != CookieMode::Passive && cookie.mode != mode {
        let error = Diagnostic::alert(Code::Conflict, "'insert', 'rewrite' and 'prefix' exclude each other");
        return Err(error.at(word.span));
    }
    cookie.mode = mode;
    Ok(())
}

fn check_cookie(cookie: &Cookie, name: &Word) -> Result<(), Diagnostic> {
    if cookie.dynamic && cookie.indirect {
        let error = Diagnostic::alert(Code::Conflict, "'dynamic' and 'indirect' exclude each other");
        return Err(error.at(name.span));
    }
    if cookie.indirect && cookie.mode == CookieMode::Rewrite {
        let error = Diagnostic::alert(Code::Conflict, "'rewrite' and 'indirect' exclude each other");
        return Err(error.at(name.span));
    }
    Ok(())
}

fn domain(args: &mut Args<'_>) -> Result<Name, Diagnostic> {
    let word = args.word("a domain")?;
    if word.contains(|c: char| c.is_ascii_control() || c == ';' || c == ' ') {
        return Err(invalid(word, "a domain holds neither blanks nor ';'"));
    }
    if !word.trim_start_matches('.').contains('.') {
        let warning =
            Diagnostic::warning(Code::InvalidArgument, format!("domain '{}' holds no dot", word.text));
        args.note(warning.at(word.span).label("browsers disregard cookies of such a domain"));
    }
    Ok(word.text.as_str().into())
}

fn attribute(args: &mut Args<'_>) -> Result<Name, Diagnostic> {
    let word = args.word("an attribute such as SameSite=Strict")?;
    if word.contains(|c: char| c.is_ascii_control() || c == ';') {
        return Err(invalid(word, "an attribute holds neither control characters nor ';'"));
    }
    Ok(word.text.as_str().into())
}

/// Statuses that the proxy itself answers with.
pub(crate) const ERROR_STATUSES: [u16; 18] =
    [200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503];
const GATEWAY_TIMEOUT: u16 = 504;

fn error_status(args: &mut Args<'_>) -> Result<u16, Diagnostic> {
    let word = args.word("a status such as 503")?;
    let status = word.parse().ok().filter(|s| ERROR_STATUSES.contains(s) || *s == GATEWAY_TIMEOUT);
    status.ok_or_else(|| {
        let known: Vec<_> = ERROR_STATUSES.iter().map(u16::to_string).collect();
        let error = invalid(word, format!("the proxy never answers with status '{}'", word.text));
        error.label(format!("expected {} or {GATEWAY_TIMEOUT}", known.join(", ")))
    })
}

/// `errorfile STATUS FILE`
fn read_errorfile(args: &mut Args<'_>) -> Result<(u16, ErrorAnswer), Diagnostic> {
    let status = error_status(args)?;
    let word = args.word("a file")?;
    let response = args.host.read(word.text.as_ref()).map_err(|e| {
        Diagnostic::alert(Code::File, format!("cannot read '{}': {e}", word.text)).at(word.span)
    })?;
    if !response.is_empty() && !is_response(&response) {
        let error =
            Diagnostic::alert(Code::File, format!("'{}' is not an HTTP response", word.text)).at(word.span);
        return Err(error.label("expected a status line, header fields, an empty line and a body"));
    }
    Ok((status, ErrorAnswer::Raw(response)))
}

fn errorfile(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let (status, answer) = read_errorfile(args)?;
    let text = format!("errorfile {status} ");
    proxy.lines.retain(|line| !line.starts_with(&text));
    proxy.lines.push(args.text());
    proxy.errors.insert(status, Arc::new(answer));
    Ok(())
}

/// `errorfiles SECTION [STATUS…]`
fn errorfiles(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("the name of an http-errors section")?;
    let section = Placed::new(word.text.clone(), word.span);
    let mut statuses = Vec::new();
    while args.peek().is_some() {
        let status = error_status(args)?;
        statuses.push(Placed::new(status, args.last().span));
    }
    proxy.error_files.push(ErrorFilesDraft { section, statuses });
    proxy.lines.push(args.text());
    Ok(())
}

/// The rows of an `http-errors` section.
pub(crate) static HTTP_ERRORS: &[Keyword<HttpErrorsDraft>] =
    &[served("errorfile", "<status> <file>", Sections::HTTP_ERRORS, "the answer to an error", |e, a| {
        let (status, answer) = read_errorfile(a)?;
        e.lines.push(a.text());
        e.answers.insert(status, Arc::new(answer));
        Ok(())
    })];

/// Whether bytes begin with a response's head.
fn is_response(bytes: &[u8]) -> bool {
    let head = bytes.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut lines = head.take_while(|line| !line.is_empty());
    let status_line = lines.next().is_some_and(|line| {
        let mut parts = line.split(|b| *b == b' ');
        parts.next().is_some_and(|v| v.starts_with(b"HTTP/1."))
            && parts.next().is_some_and(|s| s.len() == 3 && s.iter().all(u8::is_ascii_digit))
    });
    status_line && lines.all(|line| line.contains(&b':') && !line.starts_with(b":"))
}

fn errorloc(proxy: &mut ProxyDraft, args: &mut Args<'_>, redirect: u16) -> Result<(), Diagnostic> {
    let status = error_status(args)?;
    let location = args.word("a URL")?.text.clone();
    let text = format!("errorfile {status} ");
    proxy.lines.retain(|line| !line.starts_with(&text));
    proxy.errors.insert(status, Arc::new(ErrorAnswer::Redirect { status: redirect, location }));
    Ok(())
}

fn header_capture(args: &mut Args<'_>) -> Result<HeaderCapture, Diagnostic> {
    args.choice(&[("header", ())])?;
    let name = args.word("the name of a header")?.text.as_str().into();
    Ok(HeaderCapture { name: Some(name), len: len(args)?, by_rule: false })
}

fn len(args: &mut Args<'_>) -> Result<u32, Diagnostic> {
    args.choice(&[("len", ())])?;
    args.number(1..=65_535)
}

fn declare(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    args.choice(&[("capture", ())])?;
    let request = args.choice(&[("request", true), ("response", false)])?;
    let capture = HeaderCapture { name: None, len: len(args)?, by_rule: false };
    let list = if request { &mut proxy.request_captures } else { &mut proxy.response_captures };
    list.push(capture);
    Ok(())
}
