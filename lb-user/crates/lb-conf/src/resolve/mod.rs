//! From the draft to the model: names become ids, defaults are filled in, and what does not fit together is found.

mod backend;
mod frontend;
mod names;
mod sanity;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::ast::Document;
use crate::diag::Diagnostic;
use crate::draft::{Draft, LogDraft, ProxyDraft};
use crate::model::{BackendId, Config, FrontendId, Global, LogTarget, Proxy, ProxyId, ProxyOptions};

/// Numbers that are given out where none is set.
pub(crate) struct Numbers {
    taken: HashSet<u32>,
    next: u32,
}

impl Numbers {
    pub(crate) fn new(taken: impl IntoIterator<Item = u32>) -> Self {
        Self { taken: taken.into_iter().collect(), next: 1 }
    }

    /// The number that is set, or the next one that no one has.
    pub(crate) fn of(&mut self, set: Option<u32>) -> u32 {
        if let Some(number) = set {
            return number;
        }
        while self.taken.contains(&self.next) {
            self.next += 1;
        }
        self.next += 1;
        self.next - 1
    }
}

/// What resolving a proxy needs to know of the others.
pub(crate) struct Scope<'d> {
    /// Backends by name.
    backends: HashMap<&'d str, (BackendId, &'d ProxyDraft)>,
    global: &'d Global,
}

/// Resolves everything. What is wrong goes to `notes`; the result is meant for use only if none of it is an alert.
pub(crate) fn resolve(draft: Draft, document: &Document, notes: &mut Vec<Diagnostic>) -> Config {
    names::check(&draft, notes);
    sanity::check(&draft, document, notes);
    let backends = draft.proxies.iter().filter(|p| p.is_backend());
    let scope = Scope {
        backends: (0..).zip(backends).map(|(i, p)| (p.name.as_str(), (BackendId(i), p))).rev_first(),
        global: &draft.global,
    };
    let mut numbers = Numbers::new(draft.proxies.iter().filter_map(|p| p.id.as_ref().map(|id| id.value)));
    let mut config = Config { global: draft.global.clone(), ..Config::default() };
    for proxy in &draft.proxies {
        let head = head(proxy, &mut numbers, &scope);
        if proxy.is_frontend() {
            let id = FrontendId(length(&config.frontends));
            config.frontends.push(Arc::new(frontend::resolve(proxy, head.clone(), id, &scope, notes)));
        }
        if proxy.is_backend() {
            let id = BackendId(length(&config.backends));
            config.backends.push(Arc::new(backend::resolve(proxy, head, id, notes)));
        }
    }
    config
}

/// Collects into a map in which the first of several equal keys counts.
trait FirstWins<K, V> {
    fn rev_first(self) -> HashMap<K, V>;
}

impl<K: Eq + std::hash::Hash, V, I: Iterator<Item = (K, V)>> FirstWins<K, V> for I {
    fn rev_first(self) -> HashMap<K, V> {
        let mut map = HashMap::new();
        self.for_each(|(key, value)| {
            map.entry(key).or_insert(value);
        });
        map
    }
}

fn length<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

fn head(draft: &ProxyDraft, numbers: &mut Numbers, scope: &Scope<'_>) -> Proxy {
    let id = ProxyId(numbers.of(draft.id.as_ref().map(|id| id.value)));
    Proxy {
        description: draft.description.clone(),
        logs: logs(&draft.logs, scope.global),
        log_tag: draft.log_tag.clone(),
        options: options(draft),
        connection: draft.connection.as_ref().map(|c| c.value),
        forward_for: draft.forward_for.as_ref().map(|h| h.value.clone()),
        original_to: draft.original_to.as_ref().map(|h| h.value.clone()),
        errors: draft.errors.clone(),
        stats: draft.stats.as_ref().map(|s| Arc::new(s.value.clone())),
        span: draft.span,
        ..Proxy::new(id, draft.name.as_str(), draft.mode)
    }
}

fn options(draft: &ProxyDraft) -> ProxyOptions {
    let mut options = ProxyOptions::default();
    draft.options.iter().for_each(|(option, on)| options.set(*option, on.value));
    options
}

fn logs(drafts: &[LogDraft], global: &Global) -> Vec<LogTarget> {
    let targets = drafts.iter().flat_map(|log| match log {
        LogDraft::Global => global.logs.clone(),
        LogDraft::Target(target) => vec![target.clone()],
    });
    targets.collect()
}
