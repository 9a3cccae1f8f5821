//! Lines and their words.

use std::fmt::Display;
use std::time::Duration;

use crate::quote;
use crate::units;

/// Text that grows line by line.
#[derive(Default)]
pub(super) struct Writer {
    out: String,
}

impl Writer {
    pub(super) fn section(&mut self, keyword: &str, name: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(keyword);
        if !name.is_empty() {
            self.out.push(' ');
            self.out.push_str(&quote::word(name));
        }
        self.out.push('\n');
    }

    /// A line as it is.
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str("    ");
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A keyword and its value.
    pub(super) fn value(&mut self, keyword: &str, value: impl Display) {
        self.line(&format!("{keyword} {}", quote::word(&value.to_string())));
    }

    /// The same where there is a value.
    pub(super) fn optional(&mut self, keyword: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(keyword, value);
        }
    }

    pub(super) fn time(&mut self, keyword: &str, time: Option<Duration>) {
        self.optional(keyword, time.map(units::show_time));
    }

    /// A word alone, if it is on.
    pub(super) fn flag(&mut self, keyword: &str, on: bool) {
        if on {
            self.line(keyword);
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// The words of a line, one after the other.
#[derive(Default)]
pub(super) struct Words {
    text: String,
}

impl Words {
    pub(super) fn new(keyword: &str) -> Self {
        Self { text: keyword.to_owned() }
    }

    pub(super) fn word(&mut self, word: impl Display) -> &mut Self {
        self.text.push(' ');
        self.text.push_str(&quote::word(&word.to_string()));
        self
    }

    /// Words as they are.
    pub(super) fn raw(&mut self, words: &str) {
        self.text.push(' ');
        self.text.push_str(words);
    }

    /// A word and its value, where there is one.
    pub(super) fn pair(&mut self, keyword: &str, value: Option<impl Display>) -> &mut Self {
        if let Some(value) = value {
            self.word(keyword).word(value);
        }
        self
    }

    pub(super) fn time(&mut self, keyword: &str, time: Option<Duration>) -> &mut Self {
        self.pair(keyword, time.map(units::show_time))
    }

    pub(super) fn flag(&mut self, keyword: &str, on: bool) -> &mut Self {
        if on {
            self.word(keyword);
        }
        self
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
