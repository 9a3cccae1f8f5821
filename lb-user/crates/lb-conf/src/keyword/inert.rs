//! Words that are taken and mean nothing here. An operator who brings a configuration is told so, and not stopped.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::args::invalid;
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
        "<threads>" => threads(args),
        _ if expected.ends_with('…') => {
            args.word(expected)?;
            args.take_rest();
            Ok(())
        }
        _ if expected.contains('|') => alternatives(expected, args),
        _ if expected.starts_with('<') => match range(expected) {
            Some(range) => args.number(range).map(|_| ()),
            None => args.word(expected).map(|_| ()),
        },
        _ => args.choice(&[(expected, ())]),
    }
}

/// One of several words, or what else stands among them.
fn alternatives(expected: &str, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let is_there = |word: &&str| args.peek().is_some_and(|w| w.text == **word);
    let kind = expected.split('|').find(|word| word.starts_with('<'));
    match kind.filter(|_| !expected.split('|').any(|word| is_there(&word))) {
        Some(kind) => argument(kind, args),
        None => {
            let words: Vec<_> = expected.split('|').map(|word| (word, ())).collect();
            args.choice(&words)
        }
    }
}

/// The range of `<1..64>`.
fn range(expected: &str) -> Option<RangeInclusive<i64>> {
    let (first, last) = expected.strip_prefix('<')?.strip_suffix('>')?.split_once("..")?;
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// The most threads of a group.
const THREADS: u32 = 64;

/// `all`, `odd`, `even`, a number or a range of threads; before it, perhaps, a group and `/`.
fn threads(args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("a set of threads such as 1-4")?;
    let (group, set) = word.split_once('/').unwrap_or(("1", word));
    let number = |text: &str| text.parse().is_ok_and(|n: u32| (1..=THREADS).contains(&n));
    let in_range = |text: &str| match text.split_once('-') {
        Some((first, last)) => number(first) && number(last),
        None => number(text),
    };
    if group == "1" && (["all", "odd", "even"].contains(&set) || in_range(set)) {
        return Ok(());
    }
    let error = invalid(word, format!("'{}' is not a set of threads", word.text));
    Err(error.label("expected all, odd, even, a number or a range such as 1-4"))
}
