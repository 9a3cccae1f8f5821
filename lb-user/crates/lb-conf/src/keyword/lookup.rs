//! From a statement to the row of its word.

use super::args::Args;
use super::{Keyword, Row, Sections, Status, inert};
use crate::diag::{Code, Diagnostic, Severity};
use crate::lex::Word;

/// A keyword that a statement begins with.
pub(crate) struct Found<T: 'static> {
    pub(crate) keyword: &'static Keyword<T>,
    /// How many words its name has.
    pub(crate) words: usize,
}

/// Tables of one target.
pub(crate) type Tables<T> = &'static [&'static [Keyword<T>]];

fn rows<T>(tables: Tables<T>) -> impl Iterator<Item = &'static Keyword<T>> {
    tables.iter().flat_map(|table| table.iter())
}

/// The longest name of a row that `words` begin with.
pub(crate) fn find<T>(tables: Tables<T>, words: &[Word]) -> Option<Found<T>> {
    let (head, rest) = words.split_first()?;
    let pair = rest.first().and_then(|second| {
        // `tcp-check set-var(check.name)` is a row called `tcp-check set-var`.
        let second = second.split('(').next().unwrap_or_default();
        let is = |name: &str| name.split_once(' ') == Some((head.as_ref(), second));
        rows(tables).find(|k| is(k.row.name)).map(|keyword| Found { keyword, words: 2 })
    });
    pair.or_else(|| rows(tables).find(|k| k.row.name == head.text).map(|keyword| Found { keyword, words: 1 }))
}

/// Reads one statement into `target`. `words` are those after `no`, if that stands before them.
///
/// # Errors
///
/// What is wrong with it. An alert for a word that is known but not served comes after its arguments were checked.
pub(crate) fn read<T>(
    tables: Tables<T>,
    target: &mut T,
    section: &str,
    mut args: Args<'_>,
) -> Result<(), Diagnostic> {
    let words = args.rest();
    let Some(found) = find(tables, words) else { return Err(unknown(tables, section, words)) };
    args.take_name(found.words);
    let row = &found.keyword.row;
    if let Err(error) = check_place(row, section, &args) {
        // What is wrong with the arguments is wrong all the same.
        if error.severity != Severity::Warning {
            return Err(error);
        }
        args.note(error);
    }
    match (found.keyword.parse, row.status) {
        (Some(parse), _) => parse(target, &mut args)?,
        (None, Status::NoEffect(reason)) => inert::read(row, reason, &mut args)?,
        // Nothing is known of its arguments.
        (None, _) => return check_status(row, &words[..found.words]),
    }
    args.end()?;
    check_status(row, &words[..found.words])
}

/// Refuses what is not served.
pub(crate) fn check_status(row: &Row, words: &[Word]) -> Result<(), Diagnostic> {
    let Some((first, last)) = words.first().zip(words.last()) else { return Ok(()) };
    let span = crate::span::Span { end: last.span.end.max(first.span.end), ..first.span };
    match row.status {
        Status::Served | Status::NoEffect(_) => Ok(()),
        Status::NotYet => {
            let error =
                Diagnostic::alert(Code::NotServed, format!("'{}' is not supported yet by lbx", row.name));
            Err(error.at(span).label(format!("HAProxy's word for: {}", row.doc)))
        }
        Status::Refused(reason) => {
            let error = Diagnostic::alert(Code::Refused, format!("'{}' is not supported by lbx", row.name));
            Err(error.at(span).label(reason))
        }
    }
}

fn check_place(row: &Row, section: &str, args: &Args<'_>) -> Result<(), Diagnostic> {
    let head = args.head();
    if !row.sections.intersects(args.sections) {
        let message = format!("'{}' has no meaning in a '{section}' section", row.name);
        // HAProxy goes on without what belongs to the other half of a proxy, and refuses it in a defaults section.
        let proxies = Sections::FRONTEND.union(Sections::BACKEND);
        let mild = !row.strict && row.sections.intersects(proxies) && args.sections.intersects(proxies);
        let make = if mild { Diagnostic::warning } else { Diagnostic::alert };
        let place = format!("valid in {}", row.sections.names().join(", "));
        return Err(make(Code::Misplaced, message).at(head.span).label(place));
    }
    if args.negated && !row.negatable {
        let message = format!("'{}' does not go with '{}'", head.text, row.name);
        return Err(Diagnostic::alert(Code::Misplaced, message).at(head.span));
    }
    Ok(())
}

fn unknown<T>(tables: Tables<T>, section: &str, words: &[Word]) -> Diagnostic {
    let Some(head) = words.first() else {
        return Diagnostic::alert(Code::MissingArgument, "'no' and 'default' need a word");
    };
    let seconds: Vec<_> = rows(tables)
        .filter_map(|k| k.row.name.split_once(' '))
        .filter(|(first, _)| *first == head.text)
        .map(|(_, second)| second)
        .collect();
    if seconds.is_empty() {
        let error = Diagnostic::alert(
            Code::UnknownWord,
            format!("unknown word '{}' in a '{section}' section", head.text),
        );
        return error.at(head.span).nearest(head, rows(tables).map(|k| first_word(k.row.name)));
    }
    match words.get(1) {
        Some(second) => {
            let message = format!("unknown word '{}' behind '{}'", second.text, head.text);
            Diagnostic::alert(Code::UnknownWord, message).at(second.span).nearest(second, seconds)
        }
        None => {
            let message = format!("'{}' needs an argument", head.text);
            let error = Diagnostic::alert(Code::MissingArgument, message).at(head.span);
            error.label(format!("expected {}", super::args::one_of(&seconds)))
        }
    }
}

fn first_word(name: &'static str) -> &'static str {
    name.split_once(' ').map_or(name, |(first, _)| first)
}

/// A line some of whose words the model cannot be turned back into: they are kept as they are written.
pub(crate) trait KeepsWords {
    /// Keeps a word with its arguments.
    fn keep(&mut self, text: String);
}

/// Reads the words that follow an address, each with its arguments, until the end of the line. What is wrong with one
/// is reported, and the others are read all the same.
pub(crate) fn read_params<T: KeepsWords>(tables: Tables<T>, target: &mut T, args: &mut Args<'_>) {
    while args.peek().is_some() {
        read_param(tables, target, args);
    }
}

/// Reads one of them with its arguments.
pub(crate) fn read_param<T: KeepsWords>(tables: Tables<T>, target: &mut T, args: &mut Args<'_>) {
    let Some(word) = args.take() else { return };
    let begin = args.at() - 1;
    let is = |k: &&Keyword<T>| k.row.name == word.text && k.row.sections.intersects(args.sections);
    let Some(keyword) = rows(tables).find(is) else {
        args.note(unknown_param(tables, word, args));
        // Whether its arguments follow is not known.
        args.take_rest();
        return;
    };
    let result = match (keyword.parse, keyword.row.status) {
        (Some(parse), _) => parse(target, args),
        (None, Status::NoEffect(reason)) => inert::read(&keyword.row, reason, args),
        (None, _) => {
            skip_arguments(&keyword.row, args);
            Ok(())
        }
    };
    // What stands in the first table is shown by the model.
    if !tables.first().is_some_and(|first| first.iter().any(|k| k.row.name == word.text)) {
        target.keep(args.text_from(begin));
    }
    if let Err(error) = result.and_then(|()| check_status(&keyword.row, std::slice::from_ref(word))) {
        args.note(error);
    }
}

fn unknown_param<T>(tables: Tables<T>, word: &Word, args: &Args<'_>) -> Diagnostic {
    let head = &args.head().text;
    if let Some(known) = rows(tables).find(|k| k.row.name == word.text) {
        let message = format!("'{}' has no meaning in a '{head}' line here", word.text);
        let place = format!("valid in {}", known.row.sections.names().join(", "));
        return Diagnostic::alert(Code::Misplaced, message).at(word.span).label(place);
    }
    let message = format!("unknown word '{}' in a '{head}' line", word.text);
    let known = rows(tables).filter(|k| k.row.sections.intersects(args.sections)).map(|k| k.row.name);
    Diagnostic::alert(Code::UnknownWord, message).at(word.span).nearest(word, known)
}

/// Passes over the arguments of a word that nothing reads, as far as its syntax tells their number.
fn skip_arguments(row: &Row, args: &mut Args<'_>) {
    let count = row.syntax.split_whitespace().filter(|s| !s.starts_with('[')).count();
    args.skip(count);
}
