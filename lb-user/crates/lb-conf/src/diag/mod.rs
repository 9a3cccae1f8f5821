//! What is wrong with a configuration, where, and what would be right.

mod hint;
mod render;

use crate::span::Span;

pub use hint::nearest;
pub use render::{Style, json, render};

/// How bad it is, in HAProxy's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration cannot be used.
    Alert,
    /// It can, but something in it is doubtful or has no effect.
    Warning,
    /// Something worth knowing.
    Notice,
    /// Said only in diagnostic mode (`-dD`).
    Diag,
}

impl Severity {
    /// The word for it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Diag => "diag",
        }
    }
}

/// What kind of thing is wrong. The names are stable: tools and tests go by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A file could not be read or is not text.
    File,
    /// A line could not be cut into words.
    Syntax,
    /// A preprocessor directive is wrong, or out of place.
    Directive,
    /// The message of a `.notice`, `.warning`, `.alert` or `.diag`.
    Message,
    /// A word that neither HAProxy nor lbx knows.
    UnknownWord,
    /// A word of HAProxy's that lbx does not serve yet.
    NotServed,
    /// A word of HAProxy's that lbx will not serve.
    Refused,
    /// A word in a section where it means nothing.
    Misplaced,
    /// An argument is absent.
    MissingArgument,
    /// An argument too many.
    ExtraArgument,
    /// An argument has the wrong form or is out of range.
    InvalidArgument,
    /// A name that is already taken.
    Duplicate,
    /// A name that is not defined.
    UnknownName,
    /// Two settings that exclude each other.
    Conflict,
    /// A timeout that should be set.
    MissingTimeout,
    /// An old form of a word.
    Deprecated,
    /// A setting that has no effect where it is.
    NoEffect,
    /// A sample expression, ACL or log format is wrong.
    Expression,
    /// The kernel plane cannot do what is asked of it.
    Xdp,
}

impl Code {
    /// The stable name, as the JSON form shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Syntax => "syntax",
            Self::Directive => "directive",
            Self::Message => "message",
            Self::UnknownWord => "unknown-word",
            Self::NotServed => "not-served",
            Self::Refused => "refused",
            Self::Misplaced => "misplaced",
            Self::MissingArgument => "missing-argument",
            Self::ExtraArgument => "extra-argument",
            Self::InvalidArgument => "invalid-argument",
            Self::Duplicate => "duplicate",
            Self::UnknownName => "unknown-name",
            Self::Conflict => "conflict",
            Self::MissingTimeout => "missing-timeout",
            Self::Deprecated => "deprecated",
            Self::NoEffect => "no-effect",
            Self::Expression => "expression",
            Self::Xdp => "xdp",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// What kind.
    pub code: Code,
    /// One sentence without a full stop.
    pub message: String,
    /// The words in question; None for what concerns no line.
    pub span: Option<Span>,
    /// What stands below the mark: usually what was expected.
    pub label: Option<String>,
    /// Other places that matter, each with its reason.
    pub related: Vec<(Span, String)>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Diagnostic {
    fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        let (span, label) = (None, None);
        Self { severity, code, message: message.into(), span, label, related: Vec::new(), help: Vec::new() }
    }

    /// Something that makes the configuration unusable.
    pub fn alert(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Alert, code, message)
    }

    /// Something doubtful.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Something worth knowing.
    pub fn notice(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Notice, code, message)
    }

    /// Something for diagnostic mode.
    pub fn diag(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Diag, code, message)
    }

    /// Marks a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Says below the mark what was expected.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Shows another place.
    #[must_use]
    pub fn related(mut self, span: Span, reason: impl Into<String>) -> Self {
        self.related.push((span, reason.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Proposes the nearest of the known words, if one is near.
    #[must_use]
    pub fn nearest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, known) {
            Some(near) => self.help(format!("did you mean '{near}'?")),
            None => self,
        }
    }
}
