//! `option`.

use super::{Args, Keyword, Sections, check, inert, newer, planned, refused, served, service_check, unread};
use crate::diag::Diagnostic;
use crate::draft::{Placed, ProxyDraft};
use crate::model::{Forward, OddNames, ProxyOption, Redispatch, XdpUse};

const DF: Sections = Sections::DEFAULTS.union(Sections::FRONTEND);
const DB: Sections = Sections::DEFAULTS.union(Sections::BACKEND);
const DFB: Sections = DF.union(DB);

/// The rows.
pub(crate) static OPTIONS: &[Keyword<ProxyDraft>] = &[
    served(
        "option xdp",
        "",
        DF,
        "must be served in the kernel; with 'no', must not",
        |p: &mut ProxyDraft, a| {
            let value = if a.negated { XdpUse::Off } else { XdpUse::Required };
            p.xdp = (!a.reset).then(|| Placed::new(value, a.whole()));
            Ok(())
        },
    )
    .negatable(),
    served(
        "xdp-forward",
        "nat|transparent|dsr|ipip|gue [port <port>]",
        DB,
        "how the kernel plane sends packets to servers",
        forward,
    ),
    served(
        "option redispatch",
        "[<interval>]",
        DB,
        "another server is tried when connecting fails",
        redispatch,
    )
    .negatable(),
    served("option allbackups", "", DB, "all backup servers share the load", |p, a| {
        switch(p, a, ProxyOption::AllBackups)
    })
    .negatable(),
    served("option abortonclose", "", DB, "clients that went away leave the queue", |p, a| {
        switch(p, a, ProxyOption::AbortOnClose)
    })
    .negatable(),
    served("option log-health-checks", "", DB, "logs results of checks", |p, a| {
        switch(p, a, ProxyOption::LogHealthChecks)
    })
    .negatable(),
    served("option httpchk", "[[<method>] <uri> [<version>]]", DB, "checks servers by HTTP", check::httpchk),
    served("option tcp-check", "", DB, "checks servers by tcp-check rules", check::tcp_check),
    inert(
        "option accept-invalid-http-request",
        "",
        DF,
        "lets malformed requests pass",
        "malformed requests are refused in any case",
    )
    .negatable(),
    inert(
        "option accept-invalid-http-response",
        "",
        DB,
        "lets malformed responses pass",
        "malformed responses are refused in any case",
    )
    .negatable(),
    newer("option accept-unsafe-violations-in-http-request", "", DF, "lets malformed requests pass"),
    newer("option accept-unsafe-violations-in-http-response", "", DB, "lets malformed responses pass"),
    newer("option assume-rfc6587-ntf", "", DF, "how log messages over TCP are separated"),
    served("option checkcache", "", DB, "refuses responses with cookies that can be cached", |p, a| {
        switch(p, a, ProxyOption::CheckCache)
    })
    .negatable(),
    served("option clitcpka", "", DF, "probes silent clients", |p, a| {
        switch(p, a, ProxyOption::ClientKeepAliveProbes)
    })
    .negatable(),
    inert(
        "option contstats",
        "",
        DF,
        "counts bytes while they flow",
        "the bytes of a stream are counted when it ends",
    )
    .negatable(),
    served("option disable-h2-upgrade", "", DF, "no HTTP/2 without TLS", |p, a| {
        switch(p, a, ProxyOption::DisableH2Upgrade)
    })
    .negatable(),
    served("option dontlog-normal", "", DF, "logs failures only", |p, a| {
        switch(p, a, ProxyOption::DontLogNormal)
    })
    .negatable(),
    served("option dontlognull", "", DF, "does not log connections without data", |p, a| {
        switch(p, a, ProxyOption::DontLogNull)
    })
    .negatable(),
    newer("option dontparselog", "", DF, "relays log messages as they are"),
    refused("option external-check", "", DB, "checks by a program", "no program is started"),
    newer("option forwarded", "[<field>…]", DB, "tells servers where requests come from, in RFC 7239's form"),
    unread("option h1-case-adjust-bogus-client", "", DF, "restores upper case in headers for clients")
        .negatable(),
    unread("option h1-case-adjust-bogus-server", "", DB, "restores upper case in headers for servers")
        .negatable(),
    served("option http-buffer-request", "", DFB, "waits for the request's body", |p, a| {
        switch(p, a, ProxyOption::BufferRequest)
    })
    .negatable(),
    newer("option http-drop-request-trailers", "", DB, "drops trailers of requests"),
    newer("option http-drop-response-trailers", "", DF, "drops trailers of responses"),
    served("option http-ignore-probes", "", DF, "takes no note of connections without a request", |p, a| {
        switch(p, a, ProxyOption::IgnoreProbes)
    })
    .negatable(),
    inert(
        "option http-no-delay",
        "",
        DFB,
        "sends each piece at once",
        "each piece is sent at once in any case",
    )
    .negatable(),
    served(
        "option http-pretend-keepalive",
        "",
        DB,
        "does not tell servers that connections will be closed",
        |p, a| switch(p, a, ProxyOption::PretendKeepAlive),
    )
    .negatable(),
    served(
        "option http-restrict-req-hdr-names",
        "preserve|delete|reject",
        DFB,
        "what happens to odd header names",
        |p: &mut ProxyDraft, a| {
            let choices = [
                ("preserve", OddNames::Preserve),
                ("delete", OddNames::Delete),
                ("reject", OddNames::Reject),
            ];
            p.odd_names = a.choice(&choices)?;
            p.lines.retain(|line| !line.starts_with("option http-restrict-req-hdr-names"));
            p.lines.push(a.text());
            Ok(())
        },
    ),
    inert(
        "option http-use-proxy-header",
        "",
        DF,
        "takes Proxy-Connection for Connection",
        "the Connection header alone counts",
    )
    .negatable(),
    inert(
        "option idle-close-on-response",
        "",
        DF,
        "closes idle connections behind a response when stopping",
        "idle connections are closed as soon as the daemon stops",
    )
    .negatable(),
    served("option independent-streams", "", DFB, "sending does not count as life", |p, a| {
        switch(p, a, ProxyOption::IndependentStreams)
    })
    .negatable(),
    served("option ldap-check", "", DB, "checks LDAP servers", service_check::ldap),
    served("option log-separate-errors", "", DF, "logs failures at a higher level", |p, a| {
        switch(p, a, ProxyOption::LogSeparateErrors)
    })
    .negatable(),
    served("option logasap", "", DF, "logs before the response is through", |p, a| {
        switch(p, a, ProxyOption::LogAsap)
    })
    .negatable(),
    served(
        "option mysql-check",
        "[user <name> [post-41|pre-41]]",
        DB,
        "checks MySQL servers",
        service_check::mysql,
    ),
    served("option nolinger", "", DFB, "drops what was not sent when closing", |p, a| {
        switch(p, a, ProxyOption::NoLinger)
    })
    .negatable(),
    served("option persist", "", DB, "uses servers that are down for clients that belong to them", |p, a| {
        switch(p, a, ProxyOption::Persist)
    })
    .negatable(),
    served("option pgsql-check", "user <name>", DB, "checks PostgreSQL servers", service_check::pgsql),
    served("option prefer-last-server", "", DB, "stays with the last server of a connection", |p, a| {
        switch(p, a, ProxyOption::PreferLastServer)
    })
    .negatable(),
    served("option redis-check", "", DB, "checks Redis servers", service_check::redis),
    served("option smtpchk", "[<hello> <domain>]", DB, "checks mail servers", service_check::smtp),
    planned("option socket-stats", "", DF, "counts each address of its own", |p, a| {
        switch(p, a, ProxyOption::SocketStats)
    })
    .negatable(),
    inert(
        "option splice-auto",
        "",
        DFB,
        "lets the kernel copy where it pays",
        "bulk transfers are spliced wherever both ends permit",
    )
    .negatable(),
    inert(
        "option splice-request",
        "",
        DFB,
        "lets the kernel copy requests",
        "bulk transfers are spliced wherever both ends permit",
    )
    .negatable(),
    inert(
        "option splice-response",
        "",
        DFB,
        "lets the kernel copy responses",
        "bulk transfers are spliced wherever both ends permit",
    )
    .negatable(),
    refused("option spop-check", "", DB, "checks SPOP agents", "there are no stream processing agents"),
    served("option srvtcpka", "", DB, "probes silent servers", |p, a| {
        switch(p, a, ProxyOption::ServerKeepAliveProbes)
    })
    .negatable(),
    served("option ssl-hello-chk", "", DB, "checks by a TLS greeting", service_check::ssl_hello),
    inert(
        "option tcp-smart-accept",
        "",
        DF,
        "saves a packet when accepting",
        "the kernel decides when it acknowledges",
    )
    .negatable(),
    inert(
        "option tcp-smart-connect",
        "",
        DB,
        "saves a packet when connecting",
        "the kernel decides when it acknowledges",
    )
    .negatable(),
    served("option tcpka", "", DFB, "probes silent peers", |p, a| {
        switch(p, a, ProxyOption::ClientKeepAliveProbes)?;
        switch(p, a, ProxyOption::ServerKeepAliveProbes)
    }),
    planned("option transparent", "", DB, "connects to where the client wanted to", |p, a| {
        switch(p, a, ProxyOption::Transparent)
    })
    .negatable(),
    newer("option use-small-buffers", "[<where>…]", DFB, "uses small buffers for queues"),
    refused("option http_proxy", "", DFB, "is a forward proxy", "removed from HAProxy too"),
    refused("option http-tunnel", "", DFB, "forwards what follows a request", "removed from HAProxy too"),
    refused(
        "option forceclose",
        "",
        DFB,
        "closes connections after each response",
        "write 'option httpclose'",
    ),
    refused("option http-use-htx", "", DFB, "the internal form of messages", "removed from HAProxy too"),
];

/// The port of GUE where none is set (IANA's service names and port numbers: gue).
const GUE_PORT: u16 = 6080;

fn forward(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let modes = [
        ("nat", Forward::Nat),
        ("transparent", Forward::Transparent),
        ("dsr", Forward::Dsr),
        ("ipip", Forward::Ipip),
        ("gue", Forward::Gue(GUE_PORT)),
    ];
    let mut forward = args.choice(&modes)?;
    if matches!(forward, Forward::Gue(_)) && args.take_if("port") {
        forward = Forward::Gue(args.number(1..=u16::MAX)?);
    }
    proxy.forward = Some(Placed::new(forward, args.whole()));
    Ok(())
}

fn switch(proxy: &mut ProxyDraft, args: &Args<'_>, option: ProxyOption) -> Result<(), Diagnostic> {
    proxy.options.insert(option, Placed::new(!args.negated, args.whole()));
    Ok(())
}

fn redispatch(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    proxy.redispatch = match args.peek() {
        _ if args.negated => None,
        None => Some(Redispatch::Last),
        Some(_) => match args.number(i32::MIN..=i32::MAX)? {
            0 => None,
            n if n > 0 => Some(Redispatch::Every(n.unsigned_abs())),
            -1 => Some(Redispatch::Last),
            n => Some(Redispatch::FromLast(n.unsigned_abs())),
        },
    };
    Ok(())
}
