//! A place in a file.

use crate::span::{FileId, Span};

/// Goes through the bytes of one statement after the other.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    file: FileId,
    lines: Vec<&'a [u8]>,
    /// Index of the line after the current one, which is also the current line's number.
    next: usize,
    column: usize,
    joined: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(file: FileId, text: &'a [u8]) -> Self {
        let mut lines: Vec<_> = text.split(|&b| b == b'\n').collect();
        // What follows the last line feed is a line only if there is something.
        lines.pop_if(|last| last.is_empty());
        Self { file, lines, next: 0, column: 0, joined: false }
    }

    /// Moves to the next line, if there is one.
    pub(super) fn next_line(&mut self) -> Option<()> {
        (self.next < self.lines.len()).then(|| {
            self.next += 1;
            self.column = 0;
            self.joined = false;
        })
    }

    fn bytes(&self) -> &'a [u8] {
        let line = self.next.checked_sub(1).and_then(|i| self.lines.get(i)).copied().unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    pub(super) fn line(&self) -> u32 {
        u32::try_from(self.next).unwrap_or(u32::MAX)
    }

    pub(super) fn joined(&self) -> bool {
        self.joined
    }

    /// The byte here, or None at the end of the line.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes().get(self.column).copied()
    }

    pub(super) fn peek_next(&self) -> Option<u8> {
        self.bytes().get(self.column + 1).copied()
    }

    /// `length` bytes, the first of them `skip` bytes ahead.
    pub(super) fn ahead(&self, skip: usize, length: usize) -> Option<&'a [u8]> {
        self.bytes().get(self.column + skip..self.column + skip + length)
    }

    /// What is left of the line.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes().get(self.column..).unwrap_or_default()
    }

    pub(super) fn advance(&mut self) {
        self.column += 1;
    }

    pub(super) fn skip_line(&mut self) {
        self.column = self.bytes().len();
    }

    /// If the byte here is the last of its line and another line follows, goes on with that one.
    pub(super) fn join(&mut self) -> bool {
        let last = self.column + 1 == self.bytes().len() && self.next < self.lines.len();
        if last {
            self.next += 1;
            self.column = 0;
            self.joined = true;
        }
        last
    }

    /// The place of the byte here.
    pub(super) fn at(&self) -> Span {
        let start = u32::try_from(self.column + 1).unwrap_or(u32::MAX);
        Span { file: self.file, line: self.line(), start, end: start.saturating_add(1) }
    }
}
