//! From the draft to the model: names become ids, defaults are filled in, and what does not fit together is found.

mod backend;
mod frontend;
mod lookup;
mod names;
mod rings;
mod sanity;
mod states;
mod tls;
mod userlist;

pub(crate) use frontend::backend_of;

use std::collections::HashSet;
use std::sync::Arc;

use crate::ast::Document;
use crate::compile::{Compiler, Names};
use crate::diag::{Code, Diagnostic};
use crate::draft::{Draft, HttpErrorsDraft, LogDraft, ProxyDraft};
use crate::host::Host;
use crate::keyword::{self, Sections, TableDraft};
use crate::model::{
    BackendId, Column, Config, ErrorAnswers, FrontendId, Global, HttpErrors, LogTarget, Mode, Proxy, ProxyId,
    ProxyOption, ProxyOptions, Server, StickTable,
};

/// Numbers that are given out where none is set.
pub(crate) struct Numbers {
    taken: HashSet<u32>,
    next: u32,
}

impl Numbers {
    pub(crate) fn new(taken: impl IntoIterator<Item = u32>) -> Self {
        Self { taken: taken.into_iter().collect(), next: 1 }
    }

    /// The number that is set, or the next one that no one has. As with HAProxy, one that is set uses a number up too:
    /// places on the ring of a consistent hash depend on them.
    pub(crate) fn of(&mut self, set: Option<u32>) -> u32 {
        while set.is_none() && self.taken.contains(&self.next) {
            self.next += 1;
        }
        self.next += 1;
        set.unwrap_or(self.next - 1)
    }
}

/// Resolves everything. What is wrong goes to `notes`; the result is meant for use only if none of it is an alert.
pub(crate) fn resolve(
    draft: &Draft,
    document: &Document,
    host: &dyn Host,
    notes: &mut Vec<Diagnostic>,
) -> Config {
    names::check(draft, notes);
    sanity::check(draft, document, notes);
    let mut compiler = Compiler::new(Names::new(draft, host));
    let given = draft.proxies.iter().filter_map(|p| p.id.as_ref().map(|id| id.value));
    // HAProxy counts its sockets for commands as a proxy, the first one.
    let sockets = (!draft.global.model.stats_sockets.is_empty()).then_some(1);
    let mut numbers = Numbers::new(given.chain(sockets));
    let mut config = Config { global: draft.global.model.clone(), ..Config::default() };
    config.resolvers = draft.resolvers.iter().cloned().map(Arc::new).collect();
    config.rings = rings::resolve(&draft.rings, document, notes);
    config.start = compiler.start(&draft.global.variables, notes).into();
    for proxy in &draft.proxies {
        self::proxy(proxy, draft, &mut numbers, &mut compiler, &mut config, notes);
    }
    remember_servers(&mut config);
    config.userlists = draft.userlists.iter().map(|u| Arc::new(userlist::resolve(u, notes))).collect();
    config.http_errors = draft.http_errors.iter().map(http_errors).collect();
    compiler.settle_patterns(notes);
    let (variables, patterns) = compiler.names.finish();
    (config.variables, config.patterns) = (Arc::new(variables), Arc::new(patterns));
    config
}

/// A table that `stick` lines use remembers servers, whether or not its own line says so.
fn remember_servers(config: &mut Config) {
    for rule in config.backends.iter().flat_map(|backend| &backend.stick) {
        if let Some(table) = config.tables.get_mut(rule.table.0 as usize)
            && !table.columns.contains(&Column::ServerId)
        {
            Arc::make_mut(table).columns.push(Column::ServerId);
        }
    }
}

fn proxy<'d>(
    draft: &'d ProxyDraft,
    all: &Draft,
    numbers: &mut Numbers,
    compiler: &mut Compiler<'d>,
    config: &mut Config,
    notes: &mut Vec<Diagnostic>,
) {
    let mut compiled = compiler.proxy(draft, notes);
    let mut head = head(draft, numbers, &draft_logs(draft, &config.global));
    error_files(draft, &all.http_errors, &mut head.errors, notes);
    head.rules = Arc::new(std::mem::take(&mut compiled.rules));
    head.table = compiler.names.own_table(&draft.name).filter(|_| draft.table.is_some());
    config.tables.extend(draft.table.as_ref().map(|table| Arc::new(stick_table(table, &head))));
    if draft.is_frontend() {
        let id = FrontendId(length(&config.frontends));
        let mut frontend =
            frontend::resolve(draft, head.clone(), id, &compiler.names, &all.global, &mut compiled, notes);
        tls::fill_binds(&draft.binds, &all.global.tls, &mut frontend.binds, compiler.names.host(), notes);
        config.frontends.push(Arc::new(frontend));
    }
    frontend::check_misplaced(draft, &compiler.names, notes);
    if draft.is_backend() {
        let id = BackendId(length(&config.backends));
        let mut backend = backend::resolve(draft, head, id, &mut compiled, notes);
        if backend.proxy.mode == Mode::Tcp && !all.global.xdp_interfaces.is_empty() {
            backend.servers.iter_mut().for_each(share_ports);
        }
        backend.state_file = states::file(draft, &all.global, compiler.names.host(), notes);
        lookup::fill(draft, compiler.names.host(), &mut config.resolvers, &mut backend.servers, notes);
        tls::fill_servers(draft, &all.global.tls, &mut backend.servers, compiler.names.host(), notes);
        config.backends.push(Arc::new(backend));
    }
}

/// Takes the answers of `errorfiles` lines over.
fn error_files(
    draft: &ProxyDraft,
    sections: &[HttpErrorsDraft],
    errors: &mut ErrorAnswers,
    notes: &mut Vec<Diagnostic>,
) {
    for line in &draft.error_files {
        let name = &line.section;
        let Some(section) = sections.iter().find(|s| s.name.value == name.value) else {
            let message = format!("there is no http-errors section '{}'", name.value);
            let known = sections.iter().map(|s| s.name.value.as_str());
            notes.push(
                Diagnostic::alert(Code::UnknownName, message).at(name.span).nearest(&name.value, known),
            );
            continue;
        };
        for status in line.statuses.iter().filter(|s| !section.answers.contains_key(&s.value)) {
            let message = format!("'{}' has no answer for {}", name.value, status.value);
            notes.push(Diagnostic::warning(Code::NoEffect, message).at(status.span));
        }
        let wanted =
            |status: &u16| line.statuses.is_empty() || line.statuses.iter().any(|s| s.value == *status);
        let answers = section.answers.iter().filter(|(status, _)| wanted(status));
        errors.extend(answers.map(|(status, answer)| (*status, Arc::clone(answer))));
    }
}

fn http_errors(draft: &HttpErrorsDraft) -> Arc<HttpErrors> {
    let name = draft.name.value.as_str().into();
    let lines = draft.lines.as_slice().into();
    Arc::new(HttpErrors { name, answers: draft.answers.clone(), lines, span: draft.name.span })
}

fn stick_table(draft: &TableDraft, proxy: &Proxy) -> StickTable {
    StickTable {
        name: proxy.name.clone(),
        key: draft.key,
        size: draft.size,
        expire: draft.expire,
        no_purge: draft.no_purge,
        server_by_address: draft.server_by_address,
        columns: draft.columns.clone(),
        span: draft.span,
    }
}

fn length<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

fn head(draft: &ProxyDraft, numbers: &mut Numbers, logs: &[LogTarget]) -> Proxy {
    let id = ProxyId(numbers.of(draft.id.as_ref().map(|id| id.value)));
    Proxy {
        description: draft.description.clone(),
        logs: logs.to_vec(),
        log_tag: draft.log_tag.clone(),
        options: options(draft),
        connection: draft.connection.as_ref().map(|c| c.value),
        forward_for: draft.forward_for.as_ref().map(|h| h.value.clone()),
        original_to: draft.original_to.as_ref().map(|h| h.value.clone()),
        compression: draft.compression.clone().map(Arc::new),
        odd_names: draft.odd_names,
        timeout_tarpit: draft.timeouts.tarpit.or(draft.timeouts.connect),
        errors: draft.errors.clone(),
        stats: draft.stats.as_ref().map(|s| Arc::new(s.value.clone())),
        lines: draft.lines.as_slice().into(),
        span: draft.span,
        ..Proxy::new(id, draft.name.as_str(), draft.mode)
    }
}

/// What is on, and means something in this kind of section.
fn options(draft: &ProxyDraft) -> ProxyOptions {
    let mut options = ProxyOptions::default();
    for (option, name) in ProxyOption::ALL {
        let sections = keyword::option_sections(name);
        let means = draft.is_frontend() && sections.intersects(Sections::FRONTEND)
            || draft.is_backend() && sections.intersects(Sections::BACKEND);
        options.set(option, means && draft.option(option));
    }
    options
}

/// Gives the kernel plane its share of the ports that connections to a server leave from.
fn share_ports(server: &mut Arc<Server>) {
    if server.source.is_some()
        && let Some(source) = &mut Arc::make_mut(server).source
    {
        Arc::make_mut(source).share();
    }
}

fn draft_logs(draft: &ProxyDraft, global: &Global) -> Vec<LogTarget> {
    let targets = draft.logs.iter().flat_map(|log| match log {
        LogDraft::Global => global.logs.clone(),
        LogDraft::Target(target) => vec![target.clone()],
    });
    targets.collect()
}
