//! From lines to words: separators, escapes, quotes, comments and environment variables (configuration.txt,
//! sections 2.1 to 2.3).
//!
//! One extension: a backslash at the end of a line joins it with the next. HAProxy takes it for a word.

mod cursor;
mod variable;
mod word;

use crate::diag::{Code, Diagnostic};
use crate::quote;
use crate::span::FileId;

use cursor::Cursor;
pub use word::{Columns, Word};

/// The words of a statement, or what is wrong with its line.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The words; empty for a line without any.
    pub words: Vec<Word>,
    /// The number of the line that it begins on.
    pub line: u32,
    /// Whether a backslash joined it with a following line.
    pub joined: bool,
}

impl Statement {
    /// The statement as it can be written.
    pub fn text(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|w| quote::word(w)).collect();
        words.join(" ")
    }
}

/// Gives the value of a variable, or None if it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Cuts one file into statements.
#[derive(Debug)]
pub struct Lexer<'a> {
    cursor: Cursor<'a>,
    /// Whether `#` begins a comment.
    comments: bool,
    /// Bytes that variables may still come to.
    budget: usize,
}

/// Bytes that the variables of a file may come to: one that holds itself twice doubles with each line.
const EXPANSIONS: usize = 4 << 20;

/// What surrounds the characters that are being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Weak,
    Strong,
}

impl<'a> Lexer<'a> {
    /// A lexer at the beginning of a file.
    pub fn new(file: FileId, text: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(file, text), comments: true, budget: EXPANSIONS }
    }

    /// The same without comments: `#` stands for itself.
    #[must_use]
    pub fn without_comments(mut self) -> Self {
        self.comments = false;
        self
    }

    /// The number of the last line that was read.
    pub fn line(&self) -> u32 {
        self.cursor.line()
    }

    /// The next line with what is joined to it, or None at the end of the file.
    ///
    /// # Errors
    ///
    /// A quote that is not closed, a wrong escape or variable, or bytes that are not UTF-8. The next call goes on
    /// with the next line.
    pub fn next(&mut self, lookup: Lookup<'_>) -> Option<Result<Statement, Box<Diagnostic>>> {
        self.cursor.next_line()?;
        let line = self.cursor.line();
        let (words, quote) = (Vec::new(), Quote::None);
        let (cursor, budget) = (&mut self.cursor, &mut self.budget);
        let words = Words { cursor, budget, comments: self.comments, words, open: None, quote };
        Some(words.read(lookup).map(|(words, joined)| Statement { words, line, joined }))
    }
}

/// The words of one statement while they are read.
struct Words<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    budget: &'c mut usize,
    comments: bool,
    words: Vec<Word>,
    open: Option<word::Builder>,
    quote: Quote,
}

impl Words<'_, '_> {
    fn read(mut self, lookup: Lookup<'_>) -> Result<(Vec<Word>, bool), Box<Diagnostic>> {
        let mut opening = self.cursor.at();
        while let Some(byte) = self.cursor.peek() {
            match (self.quote, byte) {
                (Quote::None, b' ' | b'\t') => self.separator()?,
                (Quote::None, b'#') if !self.comments => self.literal(byte),
                (Quote::None, b'#' | b'\r') => {
                    self.cursor.skip_line();
                    break;
                }
                (Quote::None, b'"' | b'\'') | (Quote::Weak, b'"') | (Quote::Strong, b'\'') => {
                    opening = self.cursor.at();
                    self.toggle(byte);
                }
                (Quote::None | Quote::Weak, b'\\') => self.escape()?,
                (Quote::Weak, b'$') => variable::expand(&mut self, lookup)?,
                _ => self.literal(byte),
            }
        }
        if self.quote != Quote::None {
            let kind = if self.quote == Quote::Weak { "double" } else { "single" };
            let error = Diagnostic::alert(Code::Syntax, format!("{kind} quote is not closed on its line"));
            return Err(Box::new(error.at(opening).label("opened here")));
        }
        self.separator()?;
        let joined = self.cursor.joined();
        Ok((self.words, joined))
    }

    /// Ends the word, if one is open.
    fn separator(&mut self) -> Result<(), Box<Diagnostic>> {
        if let Some(open) = self.open.take() {
            self.words.push(open.finish()?);
        }
        self.cursor.advance();
        Ok(())
    }

    fn toggle(&mut self, byte: u8) {
        self.quote = match (self.quote, byte) {
            (Quote::None, b'"') => Quote::Weak,
            (Quote::None, _) => Quote::Strong,
            _ => Quote::None,
        };
        let at = self.cursor.at();
        // A pair of quotes with nothing in it is a word all the same.
        self.open.get_or_insert_with(|| word::Builder::new(at)).cover(at);
        self.cursor.advance();
    }

    fn literal(&mut self, byte: u8) {
        let at = self.cursor.at();
        self.open.get_or_insert_with(|| word::Builder::new(at)).push(byte, at);
        self.cursor.advance();
    }

    /// A backslash and what it escapes; one that escapes nothing stands for itself, as regular expressions need.
    fn escape(&mut self) -> Result<(), Box<Diagnostic>> {
        if self.cursor.join() {
            return Ok(());
        }
        let at = self.cursor.at();
        let (byte, length) = match self.cursor.peek_next() {
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            Some(b'x') => (self.hexadecimal()?, 4),
            Some(byte @ (b' ' | b'\\' | b'#' | b'"' | b'\'' | b'$')) => (byte, 2),
            _ => (b'\\', 1),
        };
        let place = crate::span::Span { end: at.start + length, ..at };
        self.open.get_or_insert_with(|| word::Builder::new(at)).push(byte, place);
        (0..length).for_each(|_| self.cursor.advance());
        Ok(())
    }

    fn hexadecimal(&self) -> Result<u8, Box<Diagnostic>> {
        let digits = self.cursor.ahead(2, 2).and_then(|d| std::str::from_utf8(d).ok());
        let value = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
        value.filter(|_| digits.is_some_and(|d| !d.starts_with('+'))).ok_or_else(|| {
            let at = self.cursor.at();
            let error = Diagnostic::alert(Code::Syntax, "'\\x' must be followed by two hexadecimal digits");
            Box::new(error.at(crate::span::Span { end: at.start + 2, ..at }))
        })
    }
}

#[cfg(test)]
mod tests;
