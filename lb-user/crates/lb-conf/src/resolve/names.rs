//! Names and numbers that must be unique.

use std::collections::HashMap;

use crate::diag::{Code, Diagnostic};
use crate::draft::{Draft, ProxyDraft};
use crate::span::Span;

pub(super) fn check(draft: &Draft, notes: &mut Vec<Diagnostic>) {
    proxies(&draft.proxies, ProxyDraft::is_frontend, notes);
    proxies(&draft.proxies, ProxyDraft::is_backend, notes);
    let numbers = draft.proxies.iter().filter_map(|p| p.id.as_ref());
    numbers_once(numbers.map(|n| (n.value, n.span)), "proxy", notes);
    for proxy in draft.proxies.iter() {
        servers(proxy, notes);
        binds(proxy, notes);
    }
}

fn proxies(proxies: &[ProxyDraft], of: fn(&ProxyDraft) -> bool, notes: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for proxy in proxies.iter().filter(|p| of(p)) {
        let first = *seen.entry(&proxy.name).or_insert(proxy.span);
        let again = || notes.iter().any(|n| n.span == Some(proxy.span) && n.code == Code::Duplicate);
        if first != proxy.span && !again() {
            let message = format!("there are two sections '{}' that do the same", proxy.name);
            let error = Diagnostic::alert(Code::Duplicate, message).at(proxy.span);
            notes.push(error.related(first, "the first one"));
        }
    }
}

fn servers(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for server in &proxy.servers {
        let first = *seen.entry(&server.name.value).or_insert(server.name.span);
        if first != server.name.span {
            let message = format!("there are two servers '{}' in '{}'", server.name.value, proxy.name);
            let error = Diagnostic::alert(Code::Duplicate, message).at(server.name.span);
            notes.push(error.related(first, "the first one"));
        }
    }
    let numbers = proxy.servers.iter().filter_map(|s| s.settings.id.as_ref());
    numbers_once(numbers.map(|n| (n.value, n.span)), "server", notes);
}

fn binds(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    numbers_once(proxy.binds.iter().filter_map(|b| b.settings.id.map(|id| (id, b.span))), "address", notes);
}

fn numbers_once(numbers: impl Iterator<Item = (u32, Span)>, what: &str, notes: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<u32, Span> = HashMap::new();
    for (number, span) in numbers {
        let first = *seen.entry(number).or_insert(span);
        if first != span {
            let error =
                Diagnostic::alert(Code::Duplicate, format!("another {what} has the number {number} already"));
            notes.push(error.at(span).related(first, "the first one"));
        }
    }
}
