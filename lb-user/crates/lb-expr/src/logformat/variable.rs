//! The table of log variables (configuration.txt, section 8.2.6).

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use super::encode::{self, Map};
use super::facts::LogFacts;
use super::{Flags, Timers};
use crate::ctx::{self, Connection, Ctx, Kept, KeptRequest, Tls};
use crate::time;

/// A row of the table of log variables.
pub struct VariableRow {
    /// The name behind `%`.
    pub name: &'static str,
    /// Whether it exists in HTTP mode only.
    pub http: bool,
    /// One line for the reference.
    pub doc: &'static str,
    value: Value,
}

/// How a variable is found and written.
enum Value {
    /// A text of the daemon's own.
    Text(for<'a> fn(&Ctx<'a>) -> Option<&'a str>),
    /// A text of a client or a server.
    Untrusted(for<'a> fn(&'a Kept) -> Option<&'a [u8]>),
    /// A part of the request's first line.
    Request(for<'a> fn(&'a KeptRequest) -> &'a [u8]),
    /// Captured values, in braces or one after the other.
    Captures(fn(&Kept) -> &ctx::Captures, Form),
    /// A number.
    Number(fn(&Ctx<'_>, &LogFacts<'_>) -> i64),
    /// A number that has a form in hexadecimal, of so many digits.
    Hex(fn(&Ctx<'_>, &LogFacts<'_>) -> i64, usize),
    /// Milliseconds, and whether they are final only at the end.
    Timer(fn(&Timers) -> Option<Duration>, bool),
    /// An address.
    Ip(fn(&Ctx<'_>) -> Option<SocketAddr>),
    /// A port.
    Port(fn(&Ctx<'_>) -> Option<SocketAddr>),
    /// Anything else.
    Other(fn(&Ctx<'_>, &LogFacts<'_>, Flags, &mut Vec<u8>)),
}

const fn row(name: &'static str, doc: &'static str, value: Value) -> VariableRow {
    VariableRow { name, http: false, doc, value }
}

const fn http(name: &'static str, doc: &'static str, value: Value) -> VariableRow {
    VariableRow { name, http: true, doc, value }
}

/// How captured values are written.
#[derive(Clone, Copy)]
enum Form {
    /// `{a|b}`
    Braces,
    /// `a b`
    List,
}

use Value::{Captures, Hex, Ip, Number, Other, Port, Request, Text, Timer, Untrusted};

/// The table of log variables. `%o` is not among them: it is a part of the syntax.
pub static VARIABLES: &[VariableRow] = &[
    row("B", "bytes to the client", Other(|_, f, _, out| plus(f.early, f.bytes_out, out))),
    http("CC", "captured cookie of the request", Untrusted(|k| k.request_cookie.as_deref())),
    http("CS", "captured cookie of the response", Untrusted(|k| k.response_cookie.as_deref())),
    row("H", "the host's name", Other(|_, f, flags, out| encode::text(f.hostname.as_bytes(), flags, out))),
    http("HM", "method of the request", Request(|r| r.method.as_str().as_bytes())),
    http("HP", "target of the request, up to the query string", Request(|r| split_query(r).0)),
    http(
        "HPO",
        "path of the request, without host and query string",
        Request(|r| {
            Some(path_only(split_query(r).0)).filter(|path| path.starts_with(b"/")).unwrap_or_default()
        }),
    ),
    http("HQ", "query string of the request, from its question mark", Request(|r| split_query(r).1)),
    http("HU", "target of the request", Request(|r| &r.uri)),
    http("HV", "version of the request", Request(|r| version_name(r.version).as_bytes())),
    row("ID", "the unique id", Untrusted(|k| k.unique_id.as_deref())),
    row("ST", "status", Number(|_, f| f.status.map_or(-1, i64::from))),
    row(
        "T",
        "date and time of accepting the connection, in UTC",
        Other(|_, f, _, out| time::write_log_date(f.accepted, 0, out)),
    ),
    http("Ta", "milliseconds from the first byte of the request to the end", Timer(Timers::active, true)),
    row("Tc", "milliseconds of connecting to the server", Timer(|t| t.connect, false)),
    row("Td", "milliseconds of transferring data", Timer(Timers::data, true)),
    row("Th", "milliseconds of handshakes", Timer(|t| t.handshake, false)),
    http("Ti", "milliseconds of idle time before the request", Timer(|t| t.idle, false)),
    row(
        "Tl",
        "date and time of accepting the connection, in local time",
        Other(|c, f, _, out| local(c, f.accepted, out)),
    ),
    http("Tq", "milliseconds until the request was there: Th + Ti + TR", Timer(Timers::to_request, false)),
    http("TR", "milliseconds of receiving the request's head", Timer(|t| t.request, false)),
    http("Tr", "milliseconds until the response's head", Timer(|t| t.response, false)),
    row("Ts", "seconds since 1970 of accepting the connection", Hex(|_, f| f.accepted.as_secs() as i64, 8)),
    row("Tt", "milliseconds from accepting the connection to the end", Timer(|t| t.total, true)),
    row(
        "Tu",
        "milliseconds from accepting the connection to the end, without idle time",
        Timer(Timers::user, true),
    ),
    row("Tw", "milliseconds in queues", Timer(|t| t.queue, false)),
    row("U", "bytes from the client", Number(|_, f| f.bytes_in as i64)),
    row("ac", "connections of the process", Number(|_, f| f.connections.process.into())),
    row(
        "b",
        "name of the backend, or of the frontend where there is none",
        Text(|c| backend_name(c).or_else(|| frontend_name(c))),
    ),
    row("bc", "connections of the backend", Number(|_, f| f.connections.backend.into())),
    row("bi", "address that the server was connected from", Ip(|c| c.upstream?.src())),
    row("bp", "port that the server was connected from", Port(|c| c.upstream?.src())),
    row("bq", "requests before it in the backend's queue", Number(|_, f| f.backend_queue.into())),
    row("ci", "address of the client", Ip(|c| c.client?.src())),
    row("cp", "port of the client", Port(|c| c.client?.src())),
    row("f", "name of the frontend", Text(frontend_name)),
    row("fc", "connections of the frontend", Number(|_, f| f.connections.frontend.into())),
    row("fi", "address that the client connected to", Ip(|c| c.client?.dst())),
    row("fp", "port that the client connected to", Port(|c| c.client?.dst())),
    row("ft", "name of the frontend, with `~` behind it where TLS is used", Other(frontend_transport)),
    row("hr", "captured values of the request, `{a|b}`", Captures(|k| &k.request_captures, Form::Braces)),
    row(
        "hrl",
        "captured values of the request, one after the other",
        Captures(|k| &k.request_captures, Form::List),
    ),
    row("hs", "captured values of the response, `{a|b}`", Captures(|k| &k.response_captures, Form::Braces)),
    row(
        "hsl",
        "captured values of the response, one after the other",
        Captures(|k| &k.response_captures, Form::List),
    ),
    row("lc", "log lines of the frontend so far", Number(|_, f| f.log_counter as i64)),
    row("ms", "milliseconds of the time of accepting the connection", Other(milliseconds)),
    row("pid", "the daemon's process", Hex(|_, f| f.pid.into(), 4)),
    http("r", "first line of the request", Other(request_line)),
    row(
        "rc",
        "attempts to connect beyond the first, with `+` where the server changed",
        Other(|_, f, _, out| plus(f.redispatched, f.retries.into(), out)),
    ),
    row("rt", "requests of the process so far", Hex(|_, f| f.request_counter as i64, 4)),
    row("s", "name of the server", Other(server)),
    row("sc", "connections of the server", Number(|_, f| f.connections.server.into())),
    row("si", "address of the server", Ip(|c| c.upstream?.dst())),
    row("sp", "port of the server", Port(|c| c.upstream?.dst())),
    row("sq", "requests before it in the server's queue", Number(|_, f| f.server_queue.into())),
    row("sslc", "TLS cipher suite of the client's connection", Text(|c| client_tls(c)?.cipher())),
    row("sslv", "TLS version of the client's connection", Text(|c| client_tls(c)?.protocol())),
    row(
        "t",
        "date and time of accepting the connection, with milliseconds",
        Other(|c, f, _, out| local_ms(c, f.accepted, out)),
    ),
    http(
        "tr",
        "date and time of the request, with milliseconds",
        Other(|c, f, _, out| local_ms(c, f.requested, out)),
    ),
    http(
        "trg",
        "date and time of the request, in UTC",
        Other(|_, f, _, out| time::write_log_date(f.requested, 0, out)),
    ),
    http(
        "trl",
        "date and time of the request, in local time",
        Other(|c, f, _, out| local(c, f.requested, out)),
    ),
    row(
        "ts",
        "how it ended, two letters",
        Other(|_, f, _, out| out.extend([f.termination.cause, f.termination.state])),
    ),
    http("tsc", "how it ended, with the state of cookies, four letters", Other(termination)),
];

/// In the place of a request that never was one.
const BAD_REQUEST: &[u8] = b"<BADREQ>";

/// The row of this name.
pub(super) fn named(name: &str) -> Option<&'static VariableRow> {
    static INDEX: OnceLock<HashMap<&str, &VariableRow>> = OnceLock::new();
    INDEX.get_or_init(|| VARIABLES.iter().map(|v| (v.name, v)).collect()).get(name).copied()
}

impl VariableRow {
    /// Whether it may write nothing at all, and blanks around it are then one.
    pub(super) fn is_optional(&self) -> bool {
        matches!(self.value, Captures(..))
    }

    /// Whether it wants [`LogFacts`].
    pub(super) fn needs_facts(&self) -> bool {
        matches!(self.value, Number(_) | Hex(..) | Timer(..) | Other(_))
    }

    /// Whether its value is a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.value, Number(_) | Hex(..) | Timer(..) | Port(_) | Other(_))
    }

    /// Appends its value. Facts that do not exist yet count as zero and dashes.
    pub(super) fn write(&self, ctx: &Ctx<'_>, facts: &LogFacts<'_>, flags: Flags, out: &mut Vec<u8>) {
        match &self.value {
            Text(find) => encode::text(find(ctx).unwrap_or_default().as_bytes(), flags, out),
            Untrusted(find) => {
                let bytes = ctx.kept.and_then(find).unwrap_or_default();
                encode::untrusted(bytes, Map::Header, flags, out);
            }
            Request(part) => match ctx.kept.and_then(request) {
                // What a request has not, like a query string, is not worth a dash.
                Some(request) => {
                    encode::untrusted(part(request), Map::Url, Flags { mandatory: false, ..flags }, out);
                }
                None => encode::text(BAD_REQUEST, flags, out),
            },
            Captures(find, form) => {
                let Some(values) = ctx.kept.map(|kept| find(kept).values()) else { return };
                match form {
                    Form::Braces => captures(&values, flags, out),
                    Form::List => capture_list(&values, flags, out),
                }
            }
            Number(find) => print(out, format_args!("{}", find(ctx, facts))),
            Hex(find, digits) => hex_or_decimal(find(ctx, facts), *digits, flags, out),
            Timer(find, at_end) => timer(find(&facts.timers), *at_end && facts.early, out),
            Ip(find) => address(find(ctx), flags, out),
            Port(find) => match find(ctx) {
                Some(at) => hex_or_decimal(at.port().into(), 4, flags, out),
                None => encode::text(b"", flags, out),
            },
            Other(write) => write(ctx, facts, flags, out),
        }
    }
}

fn print(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    _ = out.write_fmt(text);
}

fn hex_or_decimal(n: i64, digits: usize, flags: Flags, out: &mut Vec<u8>) {
    match flags.hex {
        true => print(out, format_args!("{n:0digits$X}")),
        false => print(out, format_args!("{n}")),
    }
}

fn plus(mark: bool, n: u64, out: &mut Vec<u8>) {
    if mark {
        out.push(b'+');
    }
    print(out, format_args!("{n}"));
}

fn timer(time: Option<Duration>, early: bool, out: &mut Vec<u8>) {
    match time {
        Some(time) => plus(early, time.as_millis() as u64, out),
        None => out.extend(b"-1"),
    }
}

fn address(at: Option<SocketAddr>, flags: Flags, out: &mut Vec<u8>) {
    match at.map(|a| a.ip().to_canonical()) {
        None => encode::text(b"", flags, out),
        Some(IpAddr::V4(ip)) if flags.hex => print(out, format_args!("{:08X}", u32::from(ip))),
        Some(IpAddr::V6(ip)) if flags.hex => print(out, format_args!("{:032X}", u128::from(ip))),
        Some(ip) => encode::text(ip.to_string().as_bytes(), flags, out),
    }
}

fn request(kept: &Kept) -> Option<&KeptRequest> {
    kept.request.as_ref()
}

/// The target before its question mark, and from there on.
fn split_query(request: &KeptRequest) -> (&[u8], &[u8]) {
    let at = memchr::memchr(b'?', &request.uri).unwrap_or(request.uri.len());
    request.uri.split_at(at)
}

/// The target without scheme and host.
pub(crate) fn path_only(target: &[u8]) -> &[u8] {
    match memchr::memmem::find(target, b"://") {
        Some(scheme) if !target.starts_with(b"/") => {
            let host = &target[scheme + 3..];
            memchr::memchr(b'/', host).map_or(&b"/"[..], |at| &host[at..])
        }
        _ => target,
    }
}

pub(crate) fn version_name(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_09 => "HTTP/0.9",
        http::Version::HTTP_10 => "HTTP/1.0",
        http::Version::HTTP_2 => "HTTP/2.0",
        http::Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

fn frontend_name<'a>(ctx: &Ctx<'a>) -> Option<&'a str> {
    ctx.world.frontend_name(ctx.frontend?)
}

fn backend_name<'a>(ctx: &Ctx<'a>) -> Option<&'a str> {
    ctx.world.backend_name(ctx.backend?)
}

fn client_tls<'a>(ctx: &Ctx<'a>) -> Option<&'a dyn Tls> {
    let client: &'a dyn Connection = ctx.client?;
    client.tls()
}

fn frontend_transport(ctx: &Ctx<'_>, _: &LogFacts<'_>, flags: Flags, out: &mut Vec<u8>) {
    let mut name = frontend_name(ctx).unwrap_or_default().to_owned();
    if client_tls(ctx).is_some() {
        name.push('~');
    }
    encode::text(name.as_bytes(), flags, out);
}

fn server(ctx: &Ctx<'_>, facts: &LogFacts<'_>, flags: Flags, out: &mut Vec<u8>) {
    let name = ctx.server.and_then(|s| ctx.world.server_name(s));
    encode::text(name.or(facts.service).unwrap_or("<NOSRV>").as_bytes(), flags, out);
}

fn request_line(ctx: &Ctx<'_>, _: &LogFacts<'_>, flags: Flags, out: &mut Vec<u8>) {
    let mut line = Vec::new();
    match ctx.kept.and_then(request) {
        Some(request) => {
            line.extend(request.method.as_str().as_bytes());
            line.push(b' ');
            encode::untrusted(&request.uri, Map::Url, Flags::default(), &mut line);
            line.push(b' ');
            line.extend(version_name(request.version).as_bytes());
        }
        None => line.extend(BAD_REQUEST),
    }
    encode::text(&line, flags, out);
}

fn captures(values: &[Option<Bytes>], flags: Flags, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let mark = if flags.quote { &b"\""[..] } else { b"" };
    out.extend(mark);
    out.push(b'{');
    let bare = Flags { quote: false, mandatory: false, ..flags };
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b'|');
        }
        encode::untrusted(value.as_deref().unwrap_or_default(), Map::Header, bare, out);
    }
    out.push(b'}');
    out.extend(mark);
}

fn capture_list(values: &[Option<Bytes>], flags: Flags, out: &mut Vec<u8>) {
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        // What was there and empty is no dash.
        let flags = Flags { mandatory: value.is_none(), ..flags };
        encode::untrusted(value.as_deref().unwrap_or_default(), Map::Header, flags, out);
    }
}

fn milliseconds(_: &Ctx<'_>, facts: &LogFacts<'_>, flags: Flags, out: &mut Vec<u8>) {
    let ms = facts.accepted.subsec_millis();
    match flags.hex {
        true => print(out, format_args!("{ms:02X}")),
        false => print(out, format_args!("{ms:03}")),
    }
}

fn termination(_: &Ctx<'_>, facts: &LogFacts<'_>, _: Flags, out: &mut Vec<u8>) {
    let t = facts.termination;
    out.extend([t.cause, t.state, t.client_cookie, t.server_cookie]);
}

fn local(ctx: &Ctx<'_>, at: Duration, out: &mut Vec<u8>) {
    time::write_log_date(at, ctx.world.utc_offset(at.as_secs() as i64), out);
}

fn local_ms(ctx: &Ctx<'_>, at: Duration, out: &mut Vec<u8>) {
    time::write_log_date_ms(at, ctx.world.utc_offset(at.as_secs() as i64), out);
}
