//! What can be used but is doubtful, as HAProxy warns of it.

use crate::ast::Document;
use crate::diag::{Code, Diagnostic};
use crate::draft::{CheckKind, Draft, FormatDraft, LogDraft, ProxyDraft, RuleDraft, RuleKind};
use crate::keyword::section::SectionKind;
use crate::lex::Word;
use crate::model::{Algorithm, BalanceKey, HashKind, Mode, StatsPage};
use crate::span::Span;

pub(super) fn check(draft: &Draft, document: &Document, notes: &mut Vec<Diagnostic>) {
    if draft.proxies.is_empty() && !document.sections.iter().any(|s| matches!(s.kind, SectionKind::Other(_)))
    {
        let nothing =
            Diagnostic::notice(Code::NoEffect, "there is no 'frontend', 'backend' or 'listen' section");
        notes.push(nothing);
    }
    let description = draft.global.description.is_some();
    for proxy in &draft.proxies {
        listeners(proxy, notes);
        timeouts(proxy, notes);
        check_rules(proxy, notes);
        hash(proxy, notes);
        needs_http(proxy, notes);
        page_rules(proxy, notes);
        page_description(proxy, description, notes);
        stick_on_cookie(proxy, notes);
        formats(proxy, draft.global.logs.is_empty(), notes);
    }
}

fn listeners(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    let elsewhere =
        proxy.default_backend.as_ref().filter(|_| proxy.is_frontend() && !proxy.servers.is_empty());
    if let Some(backend) = elsewhere {
        let message = format!("the servers of '{}' are never used", proxy.name);
        let warning = Diagnostic::warning(Code::NoEffect, message).at(proxy.span);
        notes.push(warning.related(backend.span, "all traffic goes there"));
    }
    if proxy.is_frontend() && proxy.binds.is_empty() && !proxy.disabled {
        let message =
            format!("{} '{}' has no 'bind' line, so nothing reaches it", proxy.kind.name(), proxy.name);
        let warning = Diagnostic::warning(Code::NoEffect, message).at(proxy.span);
        notes.push(warning.help("make it a 'backend' if it is not meant to accept connections"));
    }
}

/// Without timeouts, connections of peers that vanished stay for ever.
fn timeouts(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    let times = &proxy.timeouts;
    let mut missing = Vec::new();
    if proxy.is_frontend() && times.client.is_none() {
        missing.push("'timeout client'");
    }
    if proxy.is_backend() && !proxy.servers.is_empty() {
        if times.connect.is_none() {
            missing.push("'timeout connect'");
        }
        if times.server.is_none() && (proxy.mode == Mode::Http || times.tunnel.is_none()) {
            missing.push("'timeout server'");
        }
    }
    if !missing.is_empty() && !proxy.disabled {
        let message = format!("{} '{}' has no {}", proxy.kind.name(), proxy.name, missing.join(", "));
        let warning = Diagnostic::warning(Code::MissingTimeout, message).at(proxy.span);
        notes.push(warning.help("connections of peers that vanish without a word are never closed"));
    }
}

fn check_rules(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    if !proxy.is_backend() {
        return;
    }
    let kind = proxy.check.kind.as_ref().map(|k| &k.value);
    let mut ignored = |span, rules: &str, option: &str| {
        let message = format!("'{rules}' rules have no effect without '{option}'");
        notes.push(Diagnostic::warning(Code::NoEffect, message).at(span));
    };
    if let Some(span) = proxy.check.http_rules.filter(|_| kind != Some(&CheckKind::Http)) {
        ignored(span, "http-check", "option httpchk");
    }
    if let Some(step) = proxy.check.steps.first().filter(|_| kind != Some(&CheckKind::Tcp)) {
        ignored(step.span, "tcp-check", "option tcp-check");
    }
}

/// Rules for the statistics page take the place of its passwords.
fn page_rules(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    let Some(rule) = proxy.rules.iter().find(|rule| rule.kind == RuleKind::StatsRequest) else { return };
    let Some(page) = &proxy.stats else { return };
    if !page.value.users.is_empty() || page.value.realm != StatsPage::default().realm {
        let message = "'stats http-request' cannot be used together with 'stats auth' and 'stats realm'";
        let error = Diagnostic::alert(Code::Conflict, message).at(rule.head.span);
        notes.push(error.help(
            "write a userlist, and 'stats http-request auth realm <text> unless { http_auth(<userlist>) }'",
        ));
    }
}

/// `stats show-desc` alone shows what the global section says.
fn page_description(proxy: &ProxyDraft, global: bool, notes: &mut Vec<Diagnostic>) {
    let Some(page) = proxy.stats.as_ref().filter(|_| !global) else { return };
    if page.value.description.as_deref() == Some("") {
        let message = "'stats show-desc' has nothing to show";
        let warning = Diagnostic::warning(Code::NoEffect, message).at(page.span);
        notes.push(warning.help("write a text behind it, or a 'description' in the global section"));
    }
}

/// Says what a hash that HAProxy has comes to here.
fn hash(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    let is_table = proxy.hash_type.kind == HashKind::Consistent
        && proxy.mode == Mode::Tcp
        && proxy.hash_balance_factor.is_none();
    let by_hash = proxy.algorithm.as_ref().filter(|a| a.value == Algorithm::Source);
    if let Some(algorithm) = by_hash.filter(|_| proxy.is_backend() && is_table) {
        let note = Diagnostic::diag(Code::NoEffect, "the consistent hash is a Maglev table over xxHash");
        notes.push(note.at(algorithm.span).label("clients meet other servers than with HAProxy"));
    }
}

/// The key of a balance that HTTP mode alone can take from a request.
fn http_key(proxy: &ProxyDraft) -> Option<Span> {
    let algorithm = proxy.algorithm.as_ref().filter(|_| proxy.is_backend())?;
    let http = matches!(&algorithm.value, Algorithm::Key(key) if !matches!(key, BalanceKey::RdpCookie(_)));
    http.then_some(algorithm.span)
}

/// What HTTP mode alone can do has no effect in TCP mode.
fn needs_http(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    if proxy.mode == Mode::Http {
        return;
    }
    let cookie = proxy.cookie.as_ref().filter(|_| proxy.is_backend()).map(|c| ("cookie", c.span));
    let monitor = proxy.monitor_uri.as_ref().filter(|_| proxy.is_frontend()).map(|m| ("monitor-uri", m.span));
    let stats = proxy.stats.as_ref().map(|s| ("stats", s.span));
    let forward_for = proxy.forward_for.as_ref().map(|f| ("option forwardfor", f.span));
    let original_to = proxy.original_to.as_ref().map(|f| ("option originalto", f.span));
    let balance = http_key(proxy).map(|span| ("balance", span));
    let marks = proxy.servers.iter().filter(|s| s.settings.cookie.is_some()).map(|s| ("cookie", s.span));
    let http = |l: &&RuleDraft| {
        use RuleKind::{HttpAfterResponse, HttpRequest, HttpResponse, Redirect};
        matches!(l.kind, HttpRequest | HttpResponse | HttpAfterResponse | Redirect)
    };
    let rules = proxy.rules.iter().filter(http).map(|l| (l.head.text.as_str(), l.head.span));
    let settings = [cookie, monitor, stats, forward_for, original_to, balance].into_iter().flatten();
    for (word, span) in settings.chain(marks).chain(rules) {
        let message =
            format!("'{word}' has no effect in {} '{}', which is in TCP mode", proxy.kind.name(), proxy.name);
        notes.push(
            Diagnostic::warning(Code::NoEffect, message)
                .at(span)
                .related(proxy.span, "write 'mode http' here"),
        );
    }
}

/// With `indirect`, the persistence cookie is taken out of requests: what remembers clients by it sees nothing.
fn stick_on_cookie(proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) {
    let Some(cookie) = proxy.cookie.as_ref().filter(|c| c.value.indirect && proxy.is_backend()) else {
        return;
    };
    let fetches = ["cookie", "req.cook", "cook"].map(|fetch| format!("{fetch}({})", cookie.value.name));
    for line in proxy.rules.iter().filter(|l| l.kind == RuleKind::Stick) {
        let uses = |w: &&Word| {
            fetches
                .iter()
                .any(|f| w.strip_prefix(f.as_str()).is_some_and(|r| r.is_empty() || r.starts_with(',')))
        };
        let Some(word) = line.words.iter().find(uses) else { continue };
        let message = format!("requests do not have the cookie '{}' any more here", cookie.value.name);
        let note = Diagnostic::notice(Code::NoEffect, message).at(word.span);
        let help = "the cookie alone keeps clients on their servers: leave this line out";
        notes.push(note.related(cookie.span, "'indirect' takes it out of requests").help(help));
    }
}

/// A format that nothing is logged in, or that the mode cannot fill. `global` says nothing, perhaps, of where to log.
fn formats(proxy: &ProxyDraft, global_is_silent: bool, notes: &mut Vec<Diagnostic>) {
    if !proxy.is_frontend() || proxy.disabled {
        return;
    }
    if let Some(FormatDraft::Named(name, span)) = &proxy.log_format
        && proxy.mode == Mode::Tcp
        && name.starts_with("http")
    {
        let message = format!("'{}' is in TCP mode: 'option tcplog' stands for this", proxy.name);
        notes.push(Diagnostic::warning(Code::NoEffect, message).at(*span));
    }
    let formats = [&proxy.log_format, &proxy.log_format_sd];
    let place = formats.into_iter().flatten().next().map(|format| match format {
        FormatDraft::Named(_, span) => *span,
        FormatDraft::Text(word) => word.span,
    });
    let leads_nowhere = |log: &LogDraft| matches!(log, LogDraft::Global) && global_is_silent;
    if let Some(place) = place.filter(|_| proxy.logs.iter().all(leads_nowhere)) {
        let nothing = if proxy.logs.is_empty() { "no 'log' line" } else { "'global' has no 'log' line" };
        let message = format!("'{}' has a log format, but {nothing}", proxy.name);
        notes.push(Diagnostic::warning(Code::NoEffect, message).at(place));
    }
}
