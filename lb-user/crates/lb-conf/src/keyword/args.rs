//! The arguments of a word.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::Sections;
use crate::diag::{Code, Diagnostic};
use crate::host::Host;
use crate::lex::Word;
use crate::quote;
use crate::span::Span;
use crate::units;

/// What every parser can use.
pub(crate) struct Context<'h> {
    pub(crate) host: &'h dyn Host,
    /// A server whose name has no address is no error.
    pub(crate) any_address: bool,
    pub(crate) notes: Vec<Diagnostic>,
}

impl<'h> Context<'h> {
    /// For what asks the host for files and names alone.
    pub(crate) fn new(host: &'h dyn Host) -> Self {
        Self { host, any_address: false, notes: Vec::new() }
    }
}

/// The words of a statement, read one after the other.
pub(crate) struct Args<'a> {
    words: &'a [Word],
    at: usize,
    /// How many of them are the keyword, with `no` before it.
    name_end: usize,
    /// Where the statement stands.
    pub(crate) sections: Sections,
    /// Whether `no` or `default` stands before the word.
    pub(crate) negated: bool,
    /// Whether it is `default`: what the section began with counts again, which for most words is what `no` means.
    pub(crate) reset: bool,
    /// The files and the names of the host.
    pub(crate) host: &'a dyn Host,
    /// A server whose name has no address is no error.
    pub(crate) any_address: bool,
    notes: &'a mut Vec<Diagnostic>,
}

const MILLISECOND: Duration = Duration::from_millis(1);

impl<'a> Args<'a> {
    /// The words of a statement, of which the first `at` are read already.
    pub(crate) fn new(
        words: &'a [Word],
        at: usize,
        sections: Sections,
        context: &'a mut Context<'_>,
    ) -> Self {
        Self {
            words,
            at,
            name_end: at,
            sections,
            negated: false,
            reset: false,
            host: context.host,
            any_address: context.any_address,
            notes: &mut context.notes,
        }
    }

    /// The word that was read last.
    pub(crate) fn last(&self) -> &'a Word {
        let index = self.at.saturating_sub(1).min(self.words.len().saturating_sub(1));
        // A statement has at least one word: the parser is called for it.
        &self.words[index]
    }

    /// The first word of the statement.
    pub(crate) fn head(&self) -> &'a Word {
        &self.words[0]
    }

    /// Takes the words of the keyword itself.
    pub(crate) fn take_name(&mut self, words: usize) {
        self.skip(words);
        self.name_end = self.at;
    }

    /// The keyword.
    fn name(&self) -> String {
        let read: Vec<_> = self.words.iter().take(self.name_end).map(|w| w.text.as_str()).collect();
        read.join(" ")
    }

    /// All words of the statement.
    pub(crate) fn words(&self) -> &'a [Word] {
        self.words
    }

    pub(crate) fn span(&self) -> Span {
        self.head().span
    }

    /// From the first word to the last one of the same line.
    pub(crate) fn whole(&self) -> Span {
        let start = self.span();
        let end =
            self.words.iter().rev().find(|w| w.span.line == start.line).map_or(start.end, |w| w.span.end);
        Span { end, ..start }
    }

    pub(crate) fn rest(&self) -> &'a [Word] {
        self.words.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<&'a Word> {
        self.words.get(self.at)
    }

    pub(crate) fn take(&mut self) -> Option<&'a Word> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// Takes the next word if it is this one.
    pub(crate) fn take_if(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|w| w.text == text);
        self.at += usize::from(found);
        found
    }

    /// All that is left.
    pub(crate) fn take_rest(&mut self) -> &'a [Word] {
        let rest = self.rest();
        self.at = self.words.len();
        rest
    }

    /// The next word, which must be there and not empty.
    pub(crate) fn word(&mut self, expected: &str) -> Result<&'a Word, Diagnostic> {
        let last = self.last();
        match self.take() {
            Some(word) if !word.is_empty() => Ok(word),
            Some(empty) => {
                let error =
                    Diagnostic::alert(Code::MissingArgument, format!("empty argument of '{}'", last.text));
                Err(error.at(empty.span).label(format!("expected {expected}")))
            }
            None => {
                let error = Diagnostic::alert(
                    Code::MissingArgument,
                    format!("an argument is missing behind '{}'", last.text),
                );
                let behind = Span { start: last.span.end, end: last.span.end + 1, ..last.span };
                Err(error.at(behind).label(format!("expected {expected}")))
            }
        }
    }

    /// A time; bare digits count milliseconds.
    pub(crate) fn time(&mut self) -> Result<Duration, Diagnostic> {
        self.time_in(MILLISECOND)
    }

    /// A time; bare digits count `unit`.
    pub(crate) fn time_in(&mut self, unit: Duration) -> Result<Duration, Diagnostic> {
        let word = self.word("a time such as 30s")?;
        let expected = "expected digits and us, ms, s, m, h or d, up to 24d";
        let (time, rest) = units::leading_time(word, unit)
            .map_err(|e| invalid(word, format!("'{}' is not a time: {e}", word.text)).label(expected))?;
        if !rest.is_empty() {
            let message = format!("'{rest}' behind the time '{}' has no effect", word.text);
            let at = word.part(word.len() - rest.len()..word.len());
            self.note(Diagnostic::warning(Code::InvalidArgument, message).at(at).label(expected));
        }
        Ok(time)
    }

    /// A number of this range.
    pub(crate) fn number<N>(&mut self, range: RangeInclusive<N>) -> Result<N, Diagnostic>
    where
        N: FromStr + PartialOrd + Display,
    {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let word = self.word(&expected)?;
        match word.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(invalid(word, format!("'{}' is not {expected}", word.text))
                .label(format!("expected {expected}"))),
        }
    }

    /// A size such as `100k`.
    pub(crate) fn size(&mut self) -> Result<u64, Diagnostic> {
        let word = self.word("a size such as 100k")?;
        units::size(word).map_err(|e| {
            invalid(word, format!("'{}' is not a size: {e}", word.text))
                .label("expected digits and k, m or g")
        })
    }

    /// The whole statement as it can be written.
    pub(crate) fn text(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|w| quote::word(w)).collect();
        words.join(" ")
    }

    /// What was read from the word at this position on.
    pub(crate) fn text_from(&self, begin: usize) -> String {
        let words: Vec<_> = self.words.iter().take(self.at).skip(begin).map(|w| quote::word(w)).collect();
        words.join(" ")
    }

    /// How many words were read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// One of these words.
    pub(crate) fn choice<V: Clone>(&mut self, choices: &[(&str, V)]) -> Result<V, Diagnostic> {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let expected = one_of(&names);
        let word = self.word(&expected)?;
        let found = choices.iter().find(|(name, _)| *name == word.text).map(|(_, value)| value.clone());
        found.ok_or_else(|| {
            invalid(word, format!("'{}' is not {expected}", word.text))
                .label(format!("expected {expected}"))
                .nearest(word, names)
        })
    }

    /// Passes over so many words.
    pub(crate) fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.words.len());
    }

    /// Fails if words are left.
    pub(crate) fn end(&mut self) -> Result<(), Diagnostic> {
        match self.peek() {
            None => Ok(()),
            Some(extra) => {
                let error = Diagnostic::alert(
                    Code::ExtraArgument,
                    format!("'{}' takes no argument '{}'", self.name(), extra.text),
                );
                Err(error.at(extra.span).label("expected the end of the line"))
            }
        }
    }

    /// Reports what is not fatal.
    pub(crate) fn note(&mut self, diagnostic: Diagnostic) {
        self.notes.push(diagnostic);
    }
}

/// An argument that is wrong.
pub(crate) fn invalid(word: &Word, message: impl Into<String>) -> Diagnostic {
    Diagnostic::alert(Code::InvalidArgument, message).at(word.span)
}

/// `a, b or c`.
pub(crate) fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => format!("'{only}'"),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|n| format!("'{n}'")).collect();
            format!("{} or '{last}'", first.join(", "))
        }
    }
}
