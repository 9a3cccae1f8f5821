//! Words and the places of their characters.

use std::ops::{Deref, Range};

use crate::diag::{Code, Diagnostic};
use crate::span::Span;

/// A word with its quotes and escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: String,
    /// Where it stands, with its quotes.
    pub span: Span,
    columns: Columns,
}

/// Where each byte of a word comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// From the byte at the same distance from the word's beginning.
    Plain,
    /// From these places.
    Mapped(Vec<Span>),
}

impl Word {
    /// A word that stands for itself.
    pub fn plain(text: impl Into<String>, span: Span) -> Self {
        Self { text: text.into(), span, columns: Columns::Plain }
    }

    /// The place of some of its bytes.
    pub fn part(&self, range: Range<usize>) -> Span {
        match &self.columns {
            Columns::Plain => self.plain_part(range),
            Columns::Mapped(places) => match places.get(range) {
                Some([only]) => *only,
                Some([first, .., last]) if first.line == last.line => Span { end: last.end, ..*first },
                Some([first, ..]) => *first,
                Some([]) | None => self.span,
            },
        }
    }

    fn plain_part(&self, range: Range<usize>) -> Span {
        let column = |offset: usize| {
            self.span.start.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX)).min(self.span.end)
        };
        Span { start: column(range.start), end: column(range.end), ..self.span }
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// A word while it is read.
#[derive(Debug)]
pub(super) struct Builder {
    bytes: Vec<u8>,
    places: Vec<Span>,
    span: Span,
}

impl Builder {
    pub(super) fn new(at: Span) -> Self {
        Self { bytes: Vec::new(), places: Vec::new(), span: Span { end: at.start, ..at } }
    }

    /// Adds a byte that comes from `at`.
    pub(super) fn push(&mut self, byte: u8, at: Span) {
        self.bytes.push(byte);
        self.places.push(at);
        self.cover(at);
    }

    /// Counts a place as part of the word that adds no byte to it.
    pub(super) fn cover(&mut self, at: Span) {
        if at.line == self.span.line {
            self.span.end = at.end;
        }
    }

    pub(super) fn finish(self) -> Result<Word, Box<Diagnostic>> {
        let refuse = |why: &str| {
            let error = Diagnostic::alert(Code::File, format!("this word holds {why}"));
            Err(Box::new(error.at(self.span).label("must be UTF-8 text")))
        };
        if self.bytes.contains(&0) {
            return refuse("a NUL character");
        }
        let span = self.span;
        let plain = self
            .places
            .iter()
            .zip(span.start..)
            .all(|(p, column)| p.line == span.line && p.start == column && p.end == column + 1)
            && self.bytes.len() == (span.end - span.start) as usize;
        match String::from_utf8(self.bytes) {
            Ok(text) if plain => Ok(Word { text, span, columns: Columns::Plain }),
            Ok(text) => Ok(Word { text, span, columns: Columns::Mapped(self.places) }),
            Err(_) => {
                let error = Diagnostic::alert(Code::File, "this word holds bytes that are not UTF-8");
                Err(Box::new(error.at(span).label("must be UTF-8 text")))
            }
        }
    }
}
