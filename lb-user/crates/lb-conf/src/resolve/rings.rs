//! `ring` sections, and who logs to them.

use std::sync::Arc;

use crate::ast::Document;
use crate::diag::{Code, Diagnostic};
use crate::lex::Word;
use crate::model::Ring;

/// The rings, with what does not fit together put right or told.
pub(super) fn resolve(drafts: &[Ring], document: &Document, notes: &mut Vec<Diagnostic>) -> Vec<Arc<Ring>> {
    let rings = drafts.iter().map(|draft| Arc::new(ring(draft, notes))).collect();
    for target in targets(document) {
        let name = target.trim_start_matches(PREFIX);
        if !drafts.iter().any(|ring| *ring.name == *name) {
            let error = Diagnostic::alert(Code::UnknownName, format!("there is no ring '{name}'"));
            notes.push(error.at(target.span).nearest(name, drafts.iter().map(|ring| &*ring.name)));
        }
    }
    rings
}

/// What goes before the name of a ring.
const PREFIX: &str = "ring@";

/// The rings that `log` lines name.
fn targets(document: &Document) -> impl Iterator<Item = &Word> {
    let statements = document.sections.iter().flat_map(|section| &section.statements);
    let logs = statements.filter(|s| s.words.first().is_some_and(|word| word.text == "log"));
    logs.filter_map(|s| s.words.get(1)).filter(|word| word.starts_with(PREFIX))
}

fn ring(draft: &Ring, notes: &mut Vec<Diagnostic>) -> Ring {
    let mut ring = draft.clone();
    if ring.max_len > ring.size {
        let message = format!("messages of {} bytes do not fit into ring '{}'", ring.max_len, ring.name);
        notes.push(Diagnostic::warning(Code::InvalidArgument, message).at(ring.span).label("it has fewer"));
        ring.max_len = ring.size;
    }
    if !ring.servers.is_empty() && (ring.timeout_connect.is_none() || ring.timeout_server.is_none()) {
        let message =
            format!("ring '{}' has servers, but not both 'timeout connect' and 'timeout server'", ring.name);
        notes.push(Diagnostic::warning(Code::MissingTimeout, message).at(ring.span));
    }
    ring
}
