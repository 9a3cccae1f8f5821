//! Servers.

use std::net::IpAddr;

use super::writer::{Words, Writer};
use crate::model::{Config, InitialAddress, Lookup, PortSpec, Server, ServerAddress, ServerCheck};

pub(super) fn write(server: &Server, config: &Config, out: &mut Writer) {
    let mut words = Words::new("server");
    words
        .word(&server.name)
        .word(address(server))
        .word("id")
        .word(server.id)
        .word("weight")
        .word(server.weight);
    words.flag("backup", server.backup).pair("maxconn", server.maxconn).pair("minconn", server.minconn);
    words
        .pair("maxqueue", server.maxqueue)
        .time("slowstart", server.slowstart)
        .time("tcp-ut", server.user_timeout)
        .flag("disabled", server.disabled);
    words.pair("cookie", server.cookie.as_ref());
    server.check.iter().for_each(|c| check(c, &mut words));
    if let Some(agent) = &server.agent {
        words.word("agent-check").time("agent-inter", Some(agent.inter));
        words.word("agent-addr").word(agent.target.ip()).word("agent-port").word(agent.target.port());
        words.pair("agent-send", Some(String::from_utf8_lossy(&agent.send)).filter(|s| !s.is_empty()));
    }
    if server.shutdown_on_down {
        words.word("on-marked-down").word("shutdown-sessions");
    }
    if server.shutdown_backups_on_up {
        words.word("on-marked-up").word("shutdown-backup-sessions");
    }
    init_addr(&server.init_addr, &mut words);
    if let Some(used) = &server.lookup {
        lookup(used, config, &mut words);
    }
    server.words.iter().for_each(|w| words.raw(w));
    out.line(words.text());
}

fn init_addr(ways: &[InitialAddress], words: &mut Words) {
    let way = |way: &InitialAddress| match way {
        InitialAddress::Last => "last".to_owned(),
        InitialAddress::System => "libc".to_owned(),
        InitialAddress::None => "none".to_owned(),
        InitialAddress::Fixed(ip) => ip.to_string(),
    };
    let ways: Vec<_> = ways.iter().map(way).collect();
    words.pair("init-addr", Some(ways.join(",")).filter(|ways| !ways.is_empty()));
}

fn lookup(lookup: &Lookup, config: &Config, words: &mut Words) {
    words.pair("resolvers", config.resolvers.get(lookup.resolvers).map(|r| &r.name));
    words.word("resolve-prefer").word(if lookup.prefer_v4 { "ipv4" } else { "ipv6" });
    words.pair("resolve-opts", lookup.allow_duplicates.then_some("allow-dup-ip"));
    let networks: Vec<_> = lookup.networks.iter().map(ToString::to_string).collect();
    words.pair("resolve-net", Some(networks.join(",")).filter(|n| !n.is_empty()));
}

fn address(server: &Server) -> String {
    let (ip, port) = match &server.address {
        ServerAddress::Unix(path) => return format!("unix@{}", path.display()),
        ServerAddress::Inet(ip, port) => (ip, port),
    };
    let host = match (&server.hostname, ip) {
        (Some(name), _) => name.to_string(),
        (None, IpAddr::V4(ip)) => ip.to_string(),
        (None, IpAddr::V6(ip)) => format!("[{ip}]"),
    };
    match port {
        PortSpec::Fixed(port) => format!("{host}:{port}"),
        PortSpec::Offset(0) => host,
        PortSpec::Offset(offset) => format!("{host}:{offset:+}"),
    }
}

fn check(check: &ServerCheck, words: &mut Words) {
    words.word("check").time("inter", Some(check.inter)).time("fastinter", check.fastinter);
    words.time("downinter", check.downinter).word("rise").word(check.rise).word("fall").word(check.fall);
    if let Some(target) = check.target {
        words.word("addr").word(target.ip()).word("port").word(target.port());
    }
}
