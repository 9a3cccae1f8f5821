//! Lines whose meaning depends on names of other sections: they are compiled once all are known.

use crate::lex::Word;

/// A line of a proxy that holds an expression or a condition.
#[derive(Clone, Debug)]
pub(crate) struct RuleDraft {
    pub(crate) kind: RuleKind,
    /// The words behind the keyword.
    pub(crate) words: Vec<Word>,
    /// The keyword.
    pub(crate) head: Word,
}

/// What kind of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleKind {
    Acl,
    TcpRequest,
    TcpResponse,
    HttpRequest,
    HttpResponse,
    HttpAfterResponse,
    Redirect,
    UseBackend,
    UseServer,
    Stick,
    MonitorFail,
    HttpError,
    ForcePersist,
    IgnorePersist,
    Check,
    StatsRequest,
    StatsAdmin,
}

/// A format that is compiled later, with the place of its line.
#[derive(Clone, Debug)]
pub(crate) enum FormatDraft {
    /// A word of the configuration.
    Text(Word),
    /// One that an option stands for.
    Named(&'static str, crate::span::Span),
}
