//! From files to the model.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::ast::{Document, Reader, Section};
use crate::diag::{Code, Diagnostic, Severity};
use crate::draft::{Draft, HttpErrorsDraft, Placed, ProxyDraft, RuleKind, UserlistDraft};
use crate::host::{Host, MemoryHost};
use crate::keyword::section::{self, SectionKind, SectionRow};
use crate::keyword::{
    self, Args, Context, GLOBALS, HTTP_ERRORS, Keyword, PROXIES, RESOLVERS, RINGS, Sections, Status,
    USERLISTS,
};
use crate::lex::{Statement, Word};
use crate::model::{Config, ErrorAnswers, Resolvers, Ring};
use crate::resolve;
use crate::source::Sources;

/// What came of loading a configuration.
#[derive(Debug)]
pub struct Outcome {
    /// The configuration, unless an alert stands against it.
    pub config: Option<Config>,
    /// Everything that there is to say about it, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The text of the files, to render diagnostics with.
    pub sources: Sources,
}

impl Outcome {
    /// How many diagnostics there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == severity).count()
    }
}

/// What the command line says about loading.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Lines that are read before all files, as those of a file of their own.
    pub prelude: String,
    /// A server whose name has no address is no error.
    pub any_address: bool,
}

/// Loads the configuration that these files, and the `.cfg` files of these folders, make up together.
pub fn load(host: &dyn Host, paths: &[PathBuf]) -> Outcome {
    load_with(host, paths, &Options::default())
}

/// The same, as the command line wants it.
pub fn load_with(host: &dyn Host, paths: &[PathBuf], options: &Options) -> Outcome {
    let (document, sources, mut diagnostics) = Reader::new(host).read(&options.prelude, paths);
    let mut context = Context { host, any_address: options.any_address, notes: Vec::new() };
    let draft = draft(&document, &mut context);
    let config = resolve::resolve(&draft, &document, host, &mut context.notes);
    diagnostics.append(&mut context.notes);
    // A line of a defaults section is compiled for every proxy that has it.
    let mut seen = HashSet::new();
    diagnostics.retain(|d| d.span.is_none() || seen.insert((d.span, d.message.clone())));
    // What concerns no line comes last.
    diagnostics.sort_by_key(|d| (d.span.is_none(), d.span.map(|s| (s.file, s.line))));
    let fatal = diagnostics.iter().any(|d| d.severity == Severity::Alert);
    Outcome { config: (!fatal).then_some(config), diagnostics, sources }
}

/// Loads a configuration from one text, with nothing else around it.
pub fn load_text(name: &str, text: &str) -> Outcome {
    load(&MemoryHost::with_file(name, text), &[name.into()])
}

fn draft(document: &Document, context: &mut Context<'_>) -> Draft {
    let mut draft = Draft::default();
    for section in &document.sections {
        match section.kind {
            SectionKind::Global => global(section, &mut draft, context),
            SectionKind::Userlist => userlist(section, &mut draft, context),
            SectionKind::HttpErrors => http_errors(section, &mut draft, context),
            SectionKind::Resolvers => resolvers(section, &mut draft, context),
            SectionKind::Ring => ring(section, &mut draft, context),
            SectionKind::Other(row) => context.notes.extend(unserved(section, row)),
            _ => proxy(section, &mut draft, context),
        }
    }
    draft.global.environment =
        document.environment.changes().map(|(k, v)| (k.to_owned(), v.map(str::to_owned))).collect();
    draft.global.environment.sort();
    draft
}

fn unserved(section: &Section, row: &SectionRow) -> Option<Diagnostic> {
    let error = match row.status {
        Status::Served | Status::NoEffect(_) => return None,
        Status::NotYet => {
            let message = format!("'{}' sections are not supported yet by lbx", row.name);
            Diagnostic::alert(Code::NotServed, message).label(row.doc)
        }
        Status::Refused(reason) => {
            Diagnostic::alert(Code::Refused, format!("'{}' sections are not supported by lbx", row.name))
                .label(reason)
        }
    };
    Some(error.at(section.span()))
}

fn global(section: &Section, draft: &mut Draft, context: &mut Context<'_>) {
    if let Some(extra) = section.head.get(1) {
        let error =
            Diagnostic::alert(Code::ExtraArgument, format!("'global' takes no argument '{}'", extra.text));
        context.notes.push(error.at(extra.span));
    }
    lines(section, Sections::GLOBAL, GLOBALS, &mut draft.global, context);
    let kept = section.statements.iter().filter(|s| {
        let word = s.words.iter().find(|w| w.text != "no" && w.text != "default");
        word.is_some_and(|w| keyword::is_kept_global(w))
    });
    draft.global.lines.extend(kept.map(Statement::text));
}

/// The name of a section that must have one.
fn section_name(section: &Section, notes: &mut Vec<Diagnostic>) -> Option<Placed<String>> {
    let Some(name) = section.head.get(1) else {
        notes.push(unnamed(section));
        return None;
    };
    notes.extend(section.head.get(2).map(|extra| superfluous(section, extra)));
    Some(Placed::new(name.text.clone(), name.span))
}

/// Reads the lines of a section.
fn lines<T>(
    section: &Section,
    sections: Sections,
    tables: &'static [&'static [Keyword<T>]],
    target: &mut T,
    context: &mut Context<'_>,
) {
    for statement in &section.statements {
        let args = arguments(statement, sections, context);
        let result = keyword::read(tables, target, section.kind.name(), args);
        context.notes.extend(result.err());
    }
}

fn userlist(section: &Section, draft: &mut Draft, context: &mut Context<'_>) {
    let row = section::SECTIONS.iter().find(|row| row.name == section.kind.name());
    context.notes.extend(row.and_then(|row| unserved(section, row)));
    let Some(name) = section_name(section, &mut context.notes) else { return };
    let mut list = UserlistDraft { name, users: Vec::new(), groups: Vec::new() };
    lines(section, Sections::USERLIST, USERLISTS, &mut list, context);
    if draft.userlists.iter().any(|u| u.name.value == list.name.value) {
        let message = format!("userlist '{}' is there already; the first one counts", list.name.value);
        context.notes.push(Diagnostic::warning(Code::Duplicate, message).at(list.name.span));
        return;
    }
    draft.userlists.push(list);
}

fn http_errors(section: &Section, draft: &mut Draft, context: &mut Context<'_>) {
    let Some(name) = section_name(section, &mut context.notes) else { return };
    if let Some(first) = draft.http_errors.iter().find(|e| e.name.value == name.value) {
        let message = format!("there are two http-errors sections '{}'", name.value);
        let error = Diagnostic::alert(Code::Duplicate, message).at(name.span);
        context.notes.push(error.related(first.name.span, "the first one"));
    }
    let mut errors = HttpErrorsDraft { name, answers: ErrorAnswers::new(), lines: Vec::new() };
    lines(section, Sections::HTTP_ERRORS, HTTP_ERRORS, &mut errors, context);
    draft.http_errors.push(errors);
}

fn resolvers(section: &Section, draft: &mut Draft, context: &mut Context<'_>) {
    let Some(name) = section_name(section, &mut context.notes) else { return };
    if let Some(first) = draft.resolvers.iter().find(|r| *r.name == *name.value) {
        let message = format!("there are two resolvers sections '{}'", name.value);
        let error = Diagnostic::alert(Code::Duplicate, message).at(name.span);
        context.notes.push(error.related(first.span, "the first one"));
    }
    let mut resolvers = Resolvers::new(name.value, name.span);
    lines(section, Sections::RESOLVERS, RESOLVERS, &mut resolvers, context);
    draft.resolvers.push(resolvers);
}

fn ring(section: &Section, draft: &mut Draft, context: &mut Context<'_>) {
    let Some(name) = section_name(section, &mut context.notes) else { return };
    if let Some(word) = section.head.get(1) {
        context.notes.extend(keyword::check_name(word).err());
    }
    if let Some(first) = draft.rings.iter().find(|r| *r.name == *name.value) {
        let message = format!("there are two rings '{}'", name.value);
        let error = Diagnostic::alert(Code::Duplicate, message).at(name.span);
        context.notes.push(error.related(first.span, "the first one"));
    }
    let mut ring = Ring::new(name.value.as_str().into(), name.span);
    lines(section, Sections::RING, RINGS, &mut ring, context);
    draft.rings.push(ring);
}

/// The words of a statement, with `no` or `default` taken off.
fn arguments<'a>(statement: &'a Statement, sections: Sections, context: &'a mut Context<'_>) -> Args<'a> {
    let first = statement.words.first().map(|w| w.text.as_str()).unwrap_or_default();
    let (negated, reset) = (matches!(first, "no" | "default"), first == "default");
    let mut args = Args::new(&statement.words, usize::from(negated), sections, context);
    (args.negated, args.reset) = (negated, reset);
    args
}

fn proxy(section: &Section, draft: &mut Draft, context: &mut Context<'_>) {
    let mut proxy = begin(section, draft, context);
    let sections = match section.kind {
        SectionKind::Defaults => Sections::DEFAULTS,
        SectionKind::Frontend => Sections::FRONTEND,
        SectionKind::Backend => Sections::BACKEND,
        _ => Sections::FRONTEND.union(Sections::BACKEND),
    };
    lines(section, sections, PROXIES, &mut proxy, context);
    context.notes.extend(bounded(&mut proxy, draft));
    let list = if section.kind == SectionKind::Defaults { &mut draft.defaults } else { &mut draft.proxies };
    list.push(proxy);
}

/// The most addresses, and the most servers, of all proxies: few words can come to very many.
const MOST: usize = 1 << 17;

/// Takes away what is beyond that.
fn bounded(proxy: &mut ProxyDraft, draft: &Draft) -> Option<Diagnostic> {
    let binds: usize = draft.proxies.iter().map(|p| p.binds.len()).sum();
    let servers: usize = draft.proxies.iter().map(|p| p.servers.len()).sum();
    if binds + proxy.binds.len() <= MOST && servers + proxy.servers.len() <= MOST {
        return None;
    }
    proxy.binds.clear();
    proxy.servers.clear();
    let message = format!("with '{}' there are more than {MOST} addresses or servers", proxy.name);
    Some(Diagnostic::alert(Code::Conflict, message).at(proxy.span))
}

/// Reads the head line: `frontend NAME [from DEFAULTS]`.
fn begin(section: &Section, draft: &Draft, context: &mut Context<'_>) -> ProxyDraft {
    let mut rest = section.head.get(1..).unwrap_or_default();
    let mut name = None;
    if let Some((first, others)) = rest.split_first()
        && !(section.kind == SectionKind::Defaults && first.text == "from")
    {
        (name, rest) = (Some(first), others);
    }
    let notes = &mut context.notes;
    match name {
        Some(name) => notes.extend(keyword::check_name(name).err()),
        None if section.kind != SectionKind::Defaults => notes.push(unnamed(section)),
        None => {}
    }
    let defaults = match rest {
        [] if section.kind == SectionKind::Defaults => None,
        [] => draft.defaults.last(),
        [from, source, extra @ ..] if from.text == "from" => {
            notes.extend(extra.first().map(|e| superfluous(section, e)));
            named_defaults(source, draft, notes)
        }
        [extra, ..] => {
            notes.push(superfluous(section, extra));
            draft.defaults.last()
        }
    };
    notes.extend(defaults.and_then(|defaults| uninheritable(section, defaults)));
    let text = name.map(|n| n.text.as_str()).unwrap_or_default();
    ProxyDraft::begin(section.kind, text, name.map_or(section.span(), |n| n.span), defaults)
}

/// Rules of a defaults section that a section of this kind cannot have.
fn uninheritable(section: &Section, defaults: &ProxyDraft) -> Option<Diagnostic> {
    use RuleKind::{HttpAfterResponse, HttpRequest, HttpResponse, TcpRequest, TcpResponse};
    let rules = [HttpAfterResponse, HttpRequest, HttpResponse, TcpRequest, TcpResponse];
    let rule = defaults.rules.iter().find(|rule| match section.kind {
        // Which half they are meant for is not known.
        SectionKind::Listen => rules.contains(&rule.kind),
        SectionKind::Frontend => {
            rule.kind == TcpResponse && rule.words.first().is_some_and(|word| word.text == "content")
        }
        _ => false,
    })?;
    let message = format!("a '{}' section cannot begin with these rules", section.kind.name());
    let error = Diagnostic::alert(Code::Conflict, message).at(section.span());
    Some(error.related(rule.head.span, "from this defaults section"))
}

fn unnamed(section: &Section) -> Diagnostic {
    let message = format!("a '{}' section needs a name", section.kind.name());
    Diagnostic::alert(Code::MissingArgument, message)
        .at(section.span())
        .label("expected a name behind this word")
}

fn superfluous(section: &Section, extra: &Word) -> Diagnostic {
    let message = format!("a '{}' section takes no argument '{}'", section.kind.name(), extra.text);
    let row = section::SECTIONS.iter().find(|row| row.name == section.kind.name());
    let syntax = row.map(|row| row.syntax).unwrap_or_default();
    Diagnostic::alert(Code::ExtraArgument, message).at(extra.span).label(format!("expected {syntax}"))
}

fn named_defaults<'d>(word: &Word, draft: &'d Draft, notes: &mut Vec<Diagnostic>) -> Option<&'d ProxyDraft> {
    let mut found = draft.defaults.iter().filter(|d| d.name == word.text);
    let first = found.next();
    if first.is_none() {
        let error = Diagnostic::alert(
            Code::UnknownName,
            format!("there is no defaults section '{}' before", word.text),
        );
        notes.push(error.at(word.span).nearest(word, draft.defaults.iter().map(|d| d.name.as_str())));
    } else if let Some(second) = found.next() {
        let error = Diagnostic::alert(
            Code::Duplicate,
            format!("there are several defaults sections '{}'", word.text),
        );
        notes.push(error.at(word.span).related(second.span, "this is another one"));
    }
    first
}

#[cfg(test)]
mod tests;
