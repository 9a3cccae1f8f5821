//! From words to compiled expressions, conditions, formats and rules, once all names of the configuration are known.

mod checks;
mod error;
mod formats;
pub(crate) mod names;
mod rules;
mod start;

use std::collections::HashMap;
use std::sync::Arc;

use lb_expr::vars::{BadName, VarId, meant};
use lb_expr::{Acls, Checkpoint, Condition, Env, ErrorKind, Expr, LogFormat, Resolver, Style};

use crate::diag::{Code, Diagnostic};
use crate::draft::ProxyDraft;
use crate::lex::Word;
use crate::model::{HeaderCapture, Mode, PatternSet, TableId};
use crate::span::Span;

pub(crate) use error::bytes_in_http;
pub(crate) use names::Names;
pub(crate) use rules::Compiled;

/// Compiles the lines of one proxy after the other.
pub(crate) struct Compiler<'d> {
    pub(crate) names: Names<'d>,
    acls: Acls,
    place: Checkpoint,
    /// Grows from line to line: an ACL can be used behind its first line.
    position: u32,
    request_captures: Vec<HeaderCapture>,
    response_captures: Vec<HeaderCapture>,
    /// What is wrong with ACLs that could not be read.
    wrong_acls: HashMap<String, Diagnostic>,
    /// Lines of each ACL: where they stand and what they test.
    acl_lines: HashMap<String, Vec<(Span, &'static str)>>,
    /// Sets of patterns that rules change.
    awaited: Vec<Awaited>,
}

/// A set of patterns that a rule changes.
struct Awaited {
    path: String,
    is_map: bool,
    span: Span,
    set: PatternSet,
}

impl Awaited {
    fn missing(&self) -> Diagnostic {
        let (what, where_to) = if self.is_map { ("map", "expression") } else { ("ACL", "acl") };
        let message = format!("no {what} is read from '{}'", self.path);
        let note = Diagnostic::notice(Code::NoEffect, message).at(self.span);
        note.label("there is nothing to change, so this rule does nothing")
            .help(format!("use the file in an {where_to}, so that it is read"))
    }
}

impl<'d> Compiler<'d> {
    pub(crate) fn new(names: Names<'d>) -> Self {
        Self {
            names,
            acls: Acls::default(),
            place: Checkpoint::Config,
            position: 0,
            request_captures: Vec::new(),
            response_captures: Vec::new(),
            wrong_acls: HashMap::new(),
            acl_lines: HashMap::new(),
            awaited: Vec::new(),
        }
    }

    /// Goes on with the lines of a proxy.
    pub(crate) fn enter(&mut self, proxy: &'d ProxyDraft) {
        self.names.enter(proxy);
        self.acls = Acls::default();
        self.acl_lines.clear();
        self.wrong_acls.clear();
        self.position = 0;
        self.request_captures.clone_from(&proxy.request_captures);
        self.response_captures.clone_from(&proxy.response_captures);
    }

    /// The expression at the beginning of `words`, and how many of them it takes.
    pub(crate) fn expr(&mut self, words: &[Word], before: &Word) -> Result<(Expr, usize), Diagnostic> {
        let texts = texts(words);
        let env = Env::at(self.place, &mut self.names);
        let parsed = Expr::parse(&texts, &mut env.with_acls(&mut self.acls, self.position));
        parsed.map_err(|e| error::diagnostic(&e, words, before))
    }

    /// The format of a word; `text` is the word's, or that of the file that it names.
    pub(crate) fn format(&mut self, word: &Word, text: &str, style: Style) -> Result<LogFormat, Diagnostic> {
        let env = Env::at(self.place, &mut self.names);
        let parsed = LogFormat::parse(text, style, &mut env.with_acls(&mut self.acls, self.position));
        parsed.map_err(|e| error::diagnostic(&e, std::slice::from_ref(word), word))
    }

    /// A condition, with warnings about tests that cannot match here.
    pub(crate) fn condition(
        &mut self,
        words: &[Word],
        before: &Word,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<Condition, Diagnostic> {
        let mut env = Env::at(self.place, &mut self.names);
        let parsed = Condition::parse(&texts(words), &mut self.acls, self.position, &mut env);
        let condition = parsed.map_err(|e| match &e.kind {
            // What is wrong with the ACL is said already, and the same thing is said once.
            ErrorKind::UnknownAcl(name) if self.wrong_acls.contains_key(name) => {
                self.wrong_acls[name].clone()
            }
            _ => error::diagnostic(&e, words, before),
        })?;
        for misuse in condition.misuses(self.place) {
            let span = words.get(misuse.word).map_or(before.span, |w| w.span);
            notes.push(error::misuse(&misuse, self.place, span));
        }
        if self.names.proxy().is_some_and(|p| p.mode == Mode::Http) {
            for (word, fetch) in condition.tests_of_bytes() {
                let span = words.get(word).map_or(before.span, |w| w.span);
                notes.push(bytes_in_http(fetch, span));
            }
        }
        Ok(condition)
    }

    /// A variable by its name with its scope.
    pub(crate) fn variable(&mut self, name: &str, span: Span) -> Result<VarId, Diagnostic> {
        self.names.variables().resolve(name).map_err(|why| {
            let error =
                Diagnostic::alert(Code::InvalidArgument, format!("'{name}' is not a variable")).at(span);
            match why {
                BadName::Scope => {
                    let error = error.label("expected proc., sess., txn., req., res. or check., and a name");
                    match meant(name) {
                        Some(meant) => error.help(format!("did you mean '{meant}'?")),
                        None => error,
                    }
                }
                BadName::Name => error.label("expected letters, digits, '_' and '.' behind the scope"),
            }
        })
    }

    /// A stick table; without a name, that of the proxy.
    pub(crate) fn table(&self, name: Option<&str>, span: Span) -> Result<TableId, Diagnostic> {
        self.names.table(name).map_err(|e| error::unresolved(&e, span))
    }

    /// The set of patterns of a file, which a line behind this one may still read.
    pub(crate) fn patterns_named(&mut self, path: &str, is_map: bool, span: Span) -> PatternSet {
        let set = PatternSet::default();
        self.awaited.push(Awaited { path: path.to_owned(), is_map, span, set: Arc::clone(&set) });
        set
    }

    /// Finds the sets of patterns that rules name, once every line has been read.
    pub(crate) fn settle_patterns(&mut self, notes: &mut Vec<Diagnostic>) {
        for awaited in std::mem::take(&mut self.awaited) {
            let found = self.names.patterns().find(&awaited.path).filter(|p| p.is_map() == awaited.is_map);
            match found {
                // It is set here alone.
                Some(found) => drop(awaited.set.set(Arc::clone(found))),
                None => notes.push(awaited.missing()),
            }
        }
    }

    /// Whether rules here look at responses.
    pub(crate) fn place_is_response(&self) -> bool {
        self.place.is_response()
    }

    /// Reserves a slot for a capture.
    pub(crate) fn declare_capture(&mut self, len: u32, span: Span) -> Result<u32, Diagnostic> {
        if self.names.own_frontend().is_none() {
            let error = Diagnostic::alert(Code::Misplaced, "'len' of a capture is for frontends").at(span);
            return Err(error.help("write 'declare capture' in the frontend, and 'id' here"));
        }
        self.request_captures.push(HeaderCapture { name: None, len, by_rule: true });
        Ok(u32::try_from(self.request_captures.len() - 1).unwrap_or(u32::MAX))
    }

    /// Fails if the proxy is a frontend that has no such slot.
    pub(crate) fn check_capture(&self, slot: u32, response: bool, span: Span) -> Result<(), Diagnostic> {
        let slots = if response { &self.response_captures } else { &self.request_captures };
        if self.names.own_frontend().is_some() && slot as usize >= slots.len() {
            let error =
                Diagnostic::alert(Code::UnknownName, format!("there is no capture slot {slot}")).at(span);
            return Err(error.help("write 'declare capture' for it"));
        }
        Ok(())
    }
}

fn texts(words: &[Word]) -> Vec<&str> {
    words.iter().map(|w| w.text.as_str()).collect()
}
