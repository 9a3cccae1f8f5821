//! `option`.

use super::{Args, Keyword, Sections, check, refused, served, unread};
use crate::diag::Diagnostic;
use crate::draft::{Flag, Placed, ProxyDraft};
use crate::model::{Redispatch, XdpUse};

const DF: Sections = Sections::DEFAULTS.and(Sections::FRONTEND);
const DB: Sections = Sections::DEFAULTS.and(Sections::BACKEND);
const DFB: Sections = DF.and(DB);

/// The rows.
pub(crate) static OPTIONS: &[Keyword<ProxyDraft>] = &[
    served(
        "option xdp",
        "",
        DF,
        "must be served in the kernel; with 'no', must not",
        |p: &mut ProxyDraft, a| {
            let value = if a.negated { XdpUse::Off } else { XdpUse::Required };
            p.xdp = Some(Placed::new(value, a.whole()));
            Ok(())
        },
    )
    .negatable(),
    served(
        "option redispatch",
        "[<interval>]",
        DB,
        "another server is tried when connecting fails",
        redispatch,
    )
    .negatable(),
    served("option allbackups", "", DB, "all backup servers share the load", |p, a| {
        flag(p, a, Flag::AllBackups)
    })
    .negatable(),
    served("option abortonclose", "", DB, "clients that went away leave the queue", |p, a| {
        flag(p, a, Flag::AbortOnClose)
    })
    .negatable(),
    served("option log-health-checks", "", DB, "logs results of checks", |p, a| {
        flag(p, a, Flag::LogHealthChecks)
    })
    .negatable(),
    served("option httpchk", "[[<method>] <uri> [<version>]]", DB, "checks servers by HTTP", check::httpchk)
        .negatable(),
    served("option tcp-check", "", DB, "checks servers by tcp-check rules", check::tcp_check).negatable(),
    unread("option accept-invalid-http-request", "", DF, "lets malformed requests pass").negatable(),
    unread("option accept-invalid-http-response", "", DB, "lets malformed responses pass").negatable(),
    unread("option accept-unsafe-violations-in-http-request", "", DF, "lets malformed requests pass")
        .negatable(),
    unread("option accept-unsafe-violations-in-http-response", "", DB, "lets malformed responses pass")
        .negatable(),
    unread("option assume-rfc6587-ntf", "", DF, "how log messages over TCP are separated").negatable(),
    unread("option checkcache", "", DB, "refuses responses with cookies that can be cached").negatable(),
    unread("option clitcpka", "", DF, "probes silent clients").negatable(),
    unread("option contstats", "", DF, "counts bytes while they flow").negatable(),
    unread("option disable-h2-upgrade", "", DF, "no HTTP/2 without TLS").negatable(),
    unread("option dontlog-normal", "", DF, "logs failures only").negatable(),
    unread("option dontlognull", "", DF, "does not log connections without data").negatable(),
    unread("option dontparselog", "", DF, "relays log messages as they are").negatable(),
    unread("option external-check", "", DB, "checks by a program").negatable(),
    unread(
        "option forwardfor",
        "[except <network>] [header <name>] [if-none]",
        DFB,
        "tells servers the client's address",
    )
    .negatable(),
    unread(
        "option forwarded",
        "[<field>…]",
        DB,
        "tells servers where requests come from, in RFC 7239's form",
    )
    .negatable(),
    unread("option h1-case-adjust-bogus-client", "", DF, "restores upper case in headers for clients")
        .negatable(),
    unread("option h1-case-adjust-bogus-server", "", DB, "restores upper case in headers for servers")
        .negatable(),
    unread("option http-buffer-request", "", DFB, "waits for the request's body").negatable(),
    unread("option http-drop-request-trailers", "", DB, "drops trailers of requests").negatable(),
    unread("option http-drop-response-trailers", "", DF, "drops trailers of responses").negatable(),
    unread("option http-ignore-probes", "", DF, "takes no note of connections without a request").negatable(),
    unread("option http-keep-alive", "", DFB, "keeps connections open on both sides").negatable(),
    unread("option http-no-delay", "", DFB, "sends each piece at once").negatable(),
    unread("option http-pretend-keepalive", "", DB, "does not tell servers that connections will be closed")
        .negatable(),
    unread(
        "option http-restrict-req-hdr-names",
        "preserve|delete|reject",
        DFB,
        "what happens to odd header names",
    )
    .negatable(),
    unread("option http-server-close", "", DFB, "closes connections to servers after each response")
        .negatable(),
    unread("option http-use-proxy-header", "", DF, "takes Proxy-Connection for Connection").negatable(),
    unread("option httpclose", "", DFB, "closes connections after each response").negatable(),
    unread("option httplog", "[clf]", DF, "logs requests").negatable(),
    unread("option httpslog", "", DF, "logs requests and TLS").negatable(),
    unread(
        "option idle-close-on-response",
        "",
        DF,
        "closes idle connections behind a response when stopping",
    )
    .negatable(),
    unread("option independent-streams", "", DFB, "sending does not count as life").negatable(),
    unread("option ldap-check", "", DB, "checks LDAP servers"),
    unread("option log-separate-errors", "", DF, "logs failures at a higher level").negatable(),
    unread("option logasap", "", DF, "logs before the response is through").negatable(),
    unread("option mysql-check", "[user <name> [post-41|pre-41]]", DB, "checks MySQL servers"),
    unread("option nolinger", "", DFB, "drops what was not sent when closing").negatable(),
    unread(
        "option originalto",
        "[except <network>] [header <name>]",
        DFB,
        "tells servers the address that was asked",
    )
    .negatable(),
    unread("option persist", "", DB, "uses servers that are down for clients that belong to them")
        .negatable(),
    unread("option pgsql-check", "user <name>", DB, "checks PostgreSQL servers"),
    unread("option prefer-last-server", "", DB, "stays with the last server of a connection").negatable(),
    unread("option redis-check", "", DB, "checks Redis servers"),
    unread("option smtpchk", "[<hello> <domain>]", DB, "checks mail servers"),
    unread("option socket-stats", "", DF, "counts each address of its own").negatable(),
    unread("option splice-auto", "", DFB, "lets the kernel copy where it pays").negatable(),
    unread("option splice-request", "", DFB, "lets the kernel copy requests").negatable(),
    unread("option splice-response", "", DFB, "lets the kernel copy responses").negatable(),
    unread("option spop-check", "", DB, "checks SPOP agents"),
    unread("option srvtcpka", "", DB, "probes silent servers").negatable(),
    unread("option ssl-hello-chk", "", DB, "checks by a TLS greeting"),
    unread("option tcp-smart-accept", "", DF, "saves a packet when accepting").negatable(),
    unread("option tcp-smart-connect", "", DB, "saves a packet when connecting").negatable(),
    unread("option tcpka", "", DFB, "probes silent peers").negatable(),
    unread("option tcplog", "[clf]", DF, "logs connections").negatable(),
    unread("option transparent", "", DB, "connects to where the client wanted to").negatable(),
    unread("option use-small-buffers", "[<where>…]", DFB, "uses small buffers for queues").negatable(),
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

fn flag(proxy: &mut ProxyDraft, args: &Args<'_>, flag: Flag) -> Result<(), Diagnostic> {
    proxy.flags.insert(flag, Placed::new(!args.negated, args.whole()));
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
