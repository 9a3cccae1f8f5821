//! What both halves of a proxy have, and userlists.

use std::collections::BTreeSet;

use super::global::log_line;
use super::writer::{Words, Writer};
use crate::keyword::show_column;
use crate::model::{
    AddressHeader, Config, ConnectionMode, ErrorAnswer, KeyType, Mode, Password, Proxy, ProxyOption,
    StatsPage, StickTable, Userlist,
};

pub(super) fn write(proxy: &Proxy, config: &Config, out: &mut Writer) {
    out.value("id", proxy.id.0);
    out.value("mode", if proxy.mode == Mode::Http { "http" } else { "tcp" });
    out.optional("description", proxy.description.as_ref());
    proxy.logs.iter().for_each(|log| out.line(log_line(log).text()));
    out.optional("log-tag", proxy.log_tag.as_ref());
    out.time("timeout tarpit", proxy.timeout_tarpit);
    for (_, name) in ProxyOption::ALL.into_iter().filter(|(o, _)| proxy.options.has(*o)) {
        out.value("option", name);
    }
    match proxy.connection {
        Some(ConnectionMode::KeepAlive) => out.line("option http-keep-alive"),
        Some(ConnectionMode::ServerClose) => out.line("option http-server-close"),
        Some(ConnectionMode::Close) => out.line("option httpclose"),
        None => {}
    }
    address_header("option forwardfor", proxy.forward_for.as_ref(), out);
    address_header("option originalto", proxy.original_to.as_ref(), out);
    errors(proxy, out);
    let table = proxy.table.and_then(|id| config.tables.get(id.0 as usize));
    table.into_iter().for_each(|t| stick_table(t, out));
    proxy.stats.iter().for_each(|page| stats(page, out));
    proxy.lines.iter().for_each(|line| out.line(line));
}

fn address_header(option: &str, header: Option<&AddressHeader>, out: &mut Writer) {
    let Some(header) = header else { return };
    let mut words = Words::new(option);
    for net in &header.except {
        words.word("except").word(net);
    }
    out.line(words.word("header").word(&header.name).flag("if-none", header.if_none).text());
}

fn errors(proxy: &Proxy, out: &mut Writer) {
    for (status, answer) in &proxy.errors {
        let ErrorAnswer::Redirect { status: redirect, location } = &**answer else { continue };
        let word = if *redirect == 303 { "errorloc303" } else { "errorloc302" };
        out.line(Words::new(word).word(status).word(location).text());
    }
}

fn stick_table(table: &StickTable, out: &mut Writer) {
    let mut words = Words::new("stick-table type");
    match table.key {
        KeyType::Ipv4 => words.word("ip"),
        KeyType::Ipv6 => words.word("ipv6"),
        KeyType::Integer => words.word("integer"),
        KeyType::String(len) => words.word("string").word("len").word(len),
        KeyType::Binary(len) => words.word("binary").word("len").word(len),
    };
    words.word("size").word(table.size).time("expire", table.expire).flag("nopurge", table.no_purge);
    words.word("srvkey").word(if table.server_by_address { "addr" } else { "name" });
    for column in &table.columns {
        words.word("store").word(show_column(*column));
    }
    out.line(words.text());
}

fn stats(page: &StatsPage, out: &mut Writer) {
    out.value("stats uri", &page.uri);
    out.value("stats realm", &page.realm);
    page.users.iter().for_each(|(user, password)| out.value("stats auth", format!("{user}:{password}")));
    out.time("stats refresh", page.refresh);
    page.scope.iter().for_each(|name| out.value("stats scope", name));
    out.optional("stats show-node", page.node.as_ref().filter(|n| !n.is_empty()));
    out.flag("stats show-node", page.node.as_ref().is_some_and(String::is_empty));
    out.optional("stats show-desc", page.description.as_ref().filter(|d| !d.is_empty()));
    out.flag("stats show-desc", page.description.as_ref().is_some_and(String::is_empty));
    out.flag("stats show-legends", page.legends);
    out.flag("stats hide-version", page.hide_version);
}

pub(super) fn userlist(list: &Userlist, out: &mut Writer) {
    out.section("userlist", &list.name);
    let groups: BTreeSet<_> = list.users.iter().flat_map(|user| &user.groups).collect();
    groups.into_iter().for_each(|group| out.value("group", group));
    for user in &list.users {
        let mut words = Words::new("user");
        words.word(&user.name);
        match &user.password {
            Some(Password::Plain(text)) => words.word("insecure-password").word(text),
            Some(Password::Crypt(text)) => words.word("password").word(text),
            None => &mut words,
        };
        if !user.groups.is_empty() {
            words.word("groups").word(user.groups.join(","));
        }
        out.line(words.text());
    }
}
