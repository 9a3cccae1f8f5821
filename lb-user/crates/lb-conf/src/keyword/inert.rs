//! Words that are taken and mean nothing here. An operator who brings a configuration is told so, and not stopped.

use std::time::Duration;

use super::{Args, Row};
use crate::diag::{Code, Diagnostic};

/// Checks the arguments of such a word by its syntax, and says that it has no effect.
pub(super) fn read(row: &Row, reason: &str, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let begin = args.last().span;
    for expected in row.syntax.split_whitespace() {
        argument(expected, args)?;
    }
    let end = Some(args.last().span).filter(|last| last.line == begin.line).unwrap_or(begin).end;
    let span = crate::span::Span { end, ..begin };
    let note = Diagnostic::notice(Code::NoEffect, format!("'{}' has no effect here", row.name));
    args.note(note.at(span).label(reason));
    Ok(())
}

/// Says that an argument of a word that is served has no effect, and why.
pub(super) fn argument_note(argument: &str, reason: &str, args: &mut Args<'_>) {
    let note = Diagnostic::notice(Code::NoEffect, format!("'{argument}' has no effect here"));
    args.note(note.at(args.last().span).label(reason));
}

/// Reads what one word of a syntax stands for.
fn argument(expected: &str, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    if let Some(inside) = expected.strip_prefix('[') {
        let inside = inside.trim_end_matches(']');
        return if args.peek().is_some() { argument(inside, args) } else { Ok(()) };
    }
    match expected {
        "<number>" => args.number(i64::from(i32::MIN)..=i64::from(u32::MAX)).map(|_| ()),
        "<percent>" => args.number(0..=100).map(|_| ()),
        "<size>" => args.size().map(|_| ()),
        "<time>" => args.time_in(Duration::from_millis(1)).map(|_| ()),
        _ if expected.ends_with('…') => {
            args.word(expected)?;
            args.take_rest();
            Ok(())
        }
        _ if expected.starts_with('<') => args.word(expected).map(|_| ()),
        _ => {
            let words: Vec<_> = expected.split('|').map(|word| (word, ())).collect();
            args.choice(&words)
        }
    }
}
