//! The serving half of a proxy.

use super::frontend::keep_alive;
use super::writer::{Words, Writer};
use super::{check, server};
use crate::model::{
    Algorithm, Backend, BalanceKey, Config, Cookie, CookieMode, Forward, HashFunction, HashKind, HashType,
    HttpReuse, Redispatch,
};

pub(super) fn write(backend: &Backend, config: &Config, out: &mut Writer) {
    out.line(&algorithm(&backend.algorithm));
    out.line(&hash_type(backend.hash_type));
    out.optional("hash-balance-factor", backend.hash_balance_factor);
    match backend.forward {
        Forward::Nat => {}
        Forward::Gue(port) => out.line(&format!("xdp-forward gue port {port}")),
        other => out.value("xdp-forward", other.name()),
    }
    check::write(&backend.check, out);
    keep_alive("srvtcpka", &backend.keep_alive, out);
    out.time("timeout connect", backend.timeout_connect);
    out.time("timeout server", backend.timeout_server);
    out.time("timeout server-fin", backend.timeout_server_fin);
    out.time("timeout check", backend.timeout_check);
    out.time("timeout queue", backend.timeout_queue);
    out.time("timeout tunnel", backend.timeout_tunnel);
    out.value("retries", backend.retries);
    match backend.redispatch {
        None => {}
        Some(Redispatch::Last) => out.line("option redispatch"),
        Some(Redispatch::Every(n)) => out.value("option redispatch", n),
        Some(Redispatch::FromLast(n)) => out.value("option redispatch", -i64::from(n)),
    }
    out.optional("fullconn", backend.fullconn);
    out.flag("disabled", backend.disabled);
    backend.cookie.iter().for_each(|c| cookie(c, out));
    out.optional("dynamic-cookie-key", backend.dynamic_cookie_key.as_ref());
    let reuse = match backend.http_reuse {
        HttpReuse::Never => Some("never"),
        HttpReuse::Safe => None,
        HttpReuse::Aggressive => Some("aggressive"),
        HttpReuse::Always => Some("always"),
    };
    out.optional("http-reuse", reuse);
    out.optional("max-keep-alive-queue", backend.max_keep_alive_queue);
    backend.servers.iter().for_each(|s| server::write(s, config, out));
}

fn hash_type(hash: HashType) -> String {
    let kind = if hash.kind == HashKind::Consistent { "consistent" } else { "map-based" };
    let mut words = Words::new("hash-type");
    words.word(kind);
    if hash != HashType::of(hash.kind) {
        let function = HashFunction::ALL.iter().find(|(_, known)| *known == hash.function);
        words.word(function.map_or("", |(name, _)| name)).flag("avalanche", hash.avalanche);
    }
    words.text().to_owned()
}

fn algorithm(algorithm: &Algorithm) -> String {
    let mut words = Words::new("balance");
    match algorithm {
        Algorithm::RoundRobin => words.word("roundrobin"),
        Algorithm::StaticRr => words.word("static-rr"),
        Algorithm::LeastConn => words.word("leastconn"),
        Algorithm::First => words.word("first"),
        Algorithm::Random(draws) => words.word(format!("random({draws})")),
        Algorithm::Source => words.word("source"),
        Algorithm::Key(key) => balance_key(key, &mut words),
    };
    words.text().to_owned()
}

fn balance_key<'w>(key: &BalanceKey, words: &'w mut Words) -> &'w mut Words {
    match key {
        BalanceKey::Uri { len, depth, whole, path_only } => {
            words.word("uri").pair("len", *len).pair("depth", *depth);
            words.flag("whole", *whole).flag("path-only", *path_only)
        }
        BalanceKey::UrlParam { name, check_post } => {
            words.word("url_param").word(name).flag("check_post", *check_post)
        }
        BalanceKey::Header { name, domain_only } => {
            words.word(format!("hdr({name})")).flag("use_domain_only", *domain_only)
        }
        BalanceKey::RdpCookie(name) => words.word(format!("rdp-cookie({name})")),
        BalanceKey::Expression(text) => {
            words.word("hash").raw(text);
            words
        }
    }
}

fn cookie(cookie: &Cookie, out: &mut Writer) {
    let mut words = Words::new("cookie");
    words.word(&cookie.name);
    match cookie.mode {
        CookieMode::Passive => &mut words,
        CookieMode::Rewrite => words.word("rewrite"),
        CookieMode::Insert => words.word("insert"),
        CookieMode::Prefix => words.word("prefix"),
    };
    words
        .flag("indirect", cookie.indirect)
        .flag("nocache", cookie.nocache)
        .flag("postonly", cookie.post_only);
    words.flag("preserve", cookie.preserve).flag("httponly", cookie.http_only).flag("secure", cookie.secure);
    for domain in &cookie.domains {
        words.word("domain").word(domain);
    }
    words.time("maxidle", cookie.max_idle).time("maxlife", cookie.max_life).flag("dynamic", cookie.dynamic);
    for attribute in &cookie.attributes {
        words.word("attr").word(attribute);
    }
    out.line(words.text());
}
