//! Errors of expressions as diagnostics.

use lb_expr::acl::Misuse;
use lb_expr::{Checkpoint, ErrorKind, ParseError, Unresolved};

use crate::diag::{Code, Diagnostic};
use crate::lex::Word;
use crate::span::Span;

/// `before` is the word in front of `words`.
pub(super) fn diagnostic(error: &ParseError, words: &[Word], before: &Word) -> Diagnostic {
    let code = match error.kind {
        ErrorKind::NotServed { .. } => Code::NotServed,
        ErrorKind::UnknownAcl(_) => Code::UnknownName,
        ErrorKind::File { .. } => Code::File,
        _ => Code::Expression,
    };
    let span = match words.get(error.word) {
        Some(word) if error.range.is_empty() => word.span,
        Some(word) => word.part(error.range.clone()),
        None => behind(words.last().unwrap_or(before)),
    };
    let message = error.kind.to_string().replace('`', "'");
    let diagnostic = Diagnostic::alert(code, message).at(span);
    match &error.hint {
        Some(hint) => diagnostic.help(hint.replace('`', "'")),
        None => diagnostic,
    }
}

fn behind(word: &Word) -> Span {
    Span { start: word.span.end, end: word.span.end.saturating_add(1), ..word.span }
}

/// A name that does not resolve.
pub(super) fn unresolved(error: &Unresolved, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::alert(Code::UnknownName, error.reason.replace('`', "'")).at(span);
    match &error.hint {
        Some(hint) => diagnostic.help(hint.replace('`', "'")),
        None => diagnostic,
    }
}

/// A fetch that looks at bytes as they came, in HTTP mode.
pub(crate) fn bytes_in_http(fetch: &str, span: Span) -> Diagnostic {
    let message = format!("'{fetch}' finds nothing in HTTP mode");
    Diagnostic::warning(Code::NoEffect, message).at(span).help("in TCP mode it looks at bytes as they come")
}

/// An ACL that tests what is not there.
pub(super) fn misuse(misuse: &Misuse, place: Checkpoint, span: Span) -> Diagnostic {
    let effect = if misuse.never { "never matches" } else { "cannot match by one of its lines" };
    let message =
        format!("{} {effect} here: '{}' is not there in a {}", misuse.acl, misuse.fetch, place.name());
    Diagnostic::warning(Code::NoEffect, message).at(span)
}
