//! Actions on connections, times, logs and priorities, and those that wait.

use super::{ActionRow, Places, RuleArgs, refused, row, unread};
use crate::diag::Diagnostic;
use crate::keyword::NEWER;
use crate::keyword::Status;
use crate::keyword::invalid;
use crate::model::{Action, LogLevel, Number, RequestTimeout};
use crate::units;
use std::time::Duration;

const TC: Places = Places::TCP_CONNECTION;
const TS: Places = Places::TCP_SESSION;
const TQ: Places = Places::TCP_CONTENT;
const TR: Places = Places::TCP_RESPONSE;
const Q: Places = Places::HTTP_REQUEST;
const R: Places = Places::HTTP_RESPONSE;
const A: Places = Places::HTTP_AFTER_RESPONSE;
const REQUEST: Places = TC.union(TS).union(TQ).union(Q);

/// The rows.
pub(super) static ACTIONS: &[ActionRow] = &[
    row(Status::Served, "set-src", "<expression>", REQUEST, "replaces the client's address", |a| {
        Ok(Action::SetSrc(a.expr()?))
    }),
    row(Status::Served, "set-src-port", "<expression>", REQUEST, "replaces the client's port", |a| {
        Ok(Action::SetSrcPort(a.expr()?))
    }),
    row(Status::Served, "set-dst", "<expression>", REQUEST, "replaces the address that was asked", |a| {
        Ok(Action::SetDst(a.expr()?))
    }),
    row(Status::Served, "set-dst-port", "<expression>", REQUEST, "replaces the port that was asked", |a| {
        Ok(Action::SetDstPort(a.expr()?))
    }),
    row(
        Status::Served,
        "set-mark",
        "<number>",
        REQUEST.union(TR).union(R),
        "marks packets to the client",
        |a| Ok(Action::SetMark(integer(a, u32::MAX)?)),
    ),
    row(
        Status::Served,
        "set-tos",
        "<number>",
        REQUEST.union(TR).union(R),
        "sets the type of service to the client",
        |a| Ok(Action::SetTos(tos(a)?)),
    ),
    refused(
        "set-nice",
        "<number>",
        TQ.union(TR).union(Q).union(R),
        "the request's scheduling priority",
        "tasks have no priorities: they take turns",
    ),
    row(
        Status::Served,
        "set-log-level",
        "<level>|silent",
        TQ.union(TR).union(Q).union(R),
        "how urgent its log line is",
        log_level,
    ),
    row(Status::Served, "set-fc-mark", "<number>", REQUEST.union(R), "marks packets to the client", |a| {
        Ok(Action::SetMark(integer(a, u32::MAX)?))
    }),
    row(
        Status::Served,
        "set-fc-tos",
        "<number>",
        REQUEST.union(R),
        "sets the type of service to the client",
        |a| Ok(Action::SetTos(tos(a)?)),
    ),
    row(Status::Served, "set-bc-mark", "<number>", TQ.union(Q), "marks packets to the server", |a| {
        Ok(Action::SetServerMark(integer(a, u32::MAX)?))
    }),
    row(
        Status::Served,
        "set-bc-tos",
        "<number>",
        TQ.union(Q),
        "sets the type of service to the server",
        |a| Ok(Action::SetServerTos(tos(a)?)),
    ),
    row(
        Status::Served,
        "set-retries",
        "<number>|<expression>",
        TQ.union(Q),
        "replaces the number of retries",
        |a| Ok(Action::SetRetries(a.number()?)),
    ),
    row(Status::Served, "pause", "<time>|<expression>", Q, "waits", |a| Ok(Action::Pause(milliseconds(a)?))),
    row(Status::Served, "set-priority-class", "<expression>", TQ.union(Q), "its class in the queue", |a| {
        Ok(Action::SetPriorityClass(a.expr()?))
    }),
    row(Status::Served, "set-priority-offset", "<expression>", TQ.union(Q), "its start in the queue", |a| {
        Ok(Action::SetPriorityOffset(a.expr()?))
    }),
    row(
        Status::Served,
        "set-timeout",
        "server|tunnel <time>|<expression>",
        Q,
        "replaces a timeout",
        set_timeout,
    ),
    row(
        Status::Served,
        "wait-for-body",
        "time <time> [at-least <size>]",
        Q.union(R),
        "waits for the body",
        wait_for_body,
    ),
    row(Status::Served, "wait-for-handshake", "", Q, "waits for the end of the TLS handshake", |_| {
        Ok(Action::WaitForHandshake)
    }),
    row(Status::Served, "disable-l7-retry", "", Q, "the request is not tried again", |_| {
        Ok(Action::DisableRetry)
    }),
    row(Status::Served, "switch-mode", "http", TQ, "goes on as HTTP", |a| {
        a.args.choice(&[("http", ())])?;
        Ok(Action::SwitchToHttp)
    }),
    row(Status::Served, "expect-proxy", "layer4", TC, "a PROXY protocol header must come first", |a| {
        a.args.choice(&[("layer4", ())])?;
        Ok(Action::ExpectProxy)
    }),
    unread("attach-srv", "<server> [name <expression>]", TS, "makes the connection one to a server"),
    unread("expect-netscaler-cip", "layer4", TC, "a NetScaler header must come first"),
    unread(
        "do-resolve(",
        "<variable>,<resolvers>[,ipv4|ipv6]) <expression>",
        TQ.union(Q),
        "looks up a host name",
    ),
    refused("do-log", "", REQUEST.union(TR).union(R).union(A), "writes a log line", NEWER),
    unread("cache-use", "<cache>", Q, "answers from a cache"),
    unread("cache-store", "<cache>", R, "keeps the response in a cache"),
    refused("set-cookie-fmt", "<name> <format>", R, "sets a cookie", NEWER),
    refused("set-headers-bin", "<expression>", Q.union(R), "sets several headers", NEWER),
    refused("add-headers-bin", "<expression>", Q.union(R), "adds several headers", NEWER),
    refused("del-headers-bin", "<expression>", Q.union(R), "removes several headers", NEWER),
    refused("lua.", "…", REQUEST.union(TR).union(R).union(A), "a Lua program", "there is no Lua"),
    refused(
        "use-service",
        "<name>",
        TQ.union(Q),
        "answers by a program",
        "there are no programs to answer by",
    ),
    refused(
        "send-spoe-group",
        "<engine> <group>",
        TQ.union(TR).union(Q).union(R),
        "asks an agent",
        "there is no SPOE",
    ),
    refused(
        "ot-group",
        "<filter> <group>",
        TQ.union(TR).union(Q).union(R).union(A),
        "traces",
        "there is no OpenTracing",
    ),
];

/// A number that may be written in hexadecimal.
fn integer(a: &mut RuleArgs<'_, '_>, most: u32) -> Result<u32, Diagnostic> {
    let word = a.args.word("a number")?;
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let number = hex.map_or_else(|| word.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok());
    number.filter(|n| *n <= most).ok_or_else(|| {
        invalid(word, format!("'{}' is not a number up to {most}", word.text))
            .label("expected decimal digits, or 0x and hexadecimal ones")
    })
}

fn tos(a: &mut RuleArgs<'_, '_>) -> Result<u8, Diagnostic> {
    Ok(u8::try_from(integer(a, u32::from(u8::MAX))?).unwrap_or(u8::MAX))
}

/// A time, or an expression that comes to milliseconds.
fn milliseconds(a: &mut RuleArgs<'_, '_>) -> Result<Number, Diagnostic> {
    match a.args.peek().and_then(|w| units::time(w, Duration::from_millis(1)).ok()) {
        Some(time) => {
            a.args.skip(1);
            Ok(Number::Fixed(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
        }
        None => a.expr().map(Number::Computed),
    }
}

fn log_level(a: &mut RuleArgs<'_, '_>) -> Result<Action, Diagnostic> {
    let levels = LogLevel::ALL.iter().map(|(name, level)| (*name, Some(*level)));
    let choices: Vec<_> = levels.chain([("silent", None)]).collect();
    Ok(Action::SetLogLevel(a.args.choice(&choices)?))
}

fn set_timeout(a: &mut RuleArgs<'_, '_>) -> Result<Action, Diagnostic> {
    let timeout = a.args.choice(&[("server", RequestTimeout::Server), ("tunnel", RequestTimeout::Tunnel)])?;
    let value = milliseconds(a)?;
    Ok(Action::SetTimeout { timeout, value })
}

fn wait_for_body(a: &mut RuleArgs<'_, '_>) -> Result<Action, Diagnostic> {
    let (mut time, mut at_least) = (None, None);
    while a.more() {
        match a.args.choice(&[("time", true), ("at-least", false)])? {
            true => time = Some(a.args.time()?),
            false => at_least = Some(a.args.size()?),
        }
    }
    let time = time.ok_or_else(|| {
        Diagnostic::alert(crate::diag::Code::MissingArgument, "'wait-for-body' needs 'time'")
            .at(a.args.whole())
    })?;
    Ok(Action::WaitForBody { time, at_least })
}
