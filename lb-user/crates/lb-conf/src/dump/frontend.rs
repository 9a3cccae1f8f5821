//! The accepting half of a proxy.

use super::writer::{Words, Writer};
use crate::keyword::show_bind_address;
use crate::model::{Bind, BindSocket, Config, Frontend, HeaderCapture, KeepAlive, XdpUse};

/// `listen`: its own backend is the default one, which goes without saying.
pub(super) fn write(frontend: &Frontend, config: &Config, listen: bool, out: &mut Writer) {
    frontend.binds.iter().for_each(|b| bind(b, out));
    out.optional("maxconn", frontend.maxconn);
    keep_alive("clitcpka", &frontend.keep_alive, out);
    out.optional("backlog", frontend.backlog);
    let target = frontend.default_backend.and_then(|id| config.backend(id)).map(|b| &b.proxy.name);
    out.optional("default_backend", target.filter(|name| !listen || **name != frontend.proxy.name));
    match frontend.xdp {
        XdpUse::Auto => {}
        XdpUse::Required => out.line("option xdp"),
        XdpUse::Off => out.line("no option xdp"),
    }
    out.time("timeout client", frontend.timeout_client);
    out.time("timeout client-fin", frontend.timeout_client_fin);
    out.time("timeout http-request", frontend.timeout_http_request);
    out.time("timeout http-keep-alive", frontend.timeout_http_keep_alive);
    out.flag("disabled", frontend.disabled);
    frontend.request_captures.iter().for_each(|c| capture("request", c, out));
    frontend.response_captures.iter().for_each(|c| capture("response", c, out));
    if let Some(cookie) = &frontend.cookie_capture {
        out.line(Words::new("capture cookie").word(&cookie.name).word("len").word(cookie.len).text());
    }
    out.optional("monitor-uri", frontend.monitor_uri.as_ref());
    out.optional("rate-limit sessions", frontend.rate_limit);
    out.optional("unique-id-header", frontend.log_formats.unique_id_header.as_ref());
}

/// `clitcpka-*` and `srvtcpka-*`.
pub(super) fn keep_alive(side: &str, probes: &KeepAlive, out: &mut Writer) {
    out.optional(&format!("{side}-cnt"), probes.count);
    out.time(&format!("{side}-idle"), probes.idle);
    out.time(&format!("{side}-intvl"), probes.interval);
}

fn bind(bind: &Bind, out: &mut Writer) {
    let mut words = Words::new("bind");
    words.word(show_bind_address(&bind.address)).word("id").word(bind.id);
    words.pair("name", bind.name.as_ref()).pair("maxconn", bind.maxconn);
    words.flag("accept-proxy", bind.accept_proxy).pair("proto", bind.speaks_h2.then_some("h2"));
    socket(&bind.socket, &mut words);
    let file = bind.file;
    words.pair("mode", file.mode.map(|m| format!("{m:o}"))).pair("uid", file.uid).pair("gid", file.gid);
    bind.words.iter().for_each(|w| words.raw(w));
    out.line(words.text());
}

fn socket(socket: &BindSocket, words: &mut Words) {
    words.pair("backlog", socket.backlog).pair("interface", socket.interface.as_ref());
    words.flag("v6only", socket.v6_only == Some(true)).flag("v4v6", socket.v6_only == Some(false));
    words.flag("transparent", socket.transparent).flag("defer-accept", socket.defer_accept);
    words.pair("mss", socket.mss).time("tcp-ut", socket.user_timeout).flag("tfo", socket.fast_open);
    words.pair("namespace", socket.namespace.as_ref());
}

fn capture(side: &str, capture: &HeaderCapture, out: &mut Writer) {
    // The rule will make it again.
    if capture.by_rule {
        return;
    }
    let mut words;
    match &capture.name {
        Some(name) => {
            words = Words::new("capture");
            words.word(side).word("header").word(name);
        }
        None => {
            words = Words::new("declare capture");
            words.word(side);
        }
    }
    out.line(words.word("len").word(capture.len).text());
}
