//! Errors of expressions in configurations: where, what, and what might have been meant.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use crate::sample::SampleType;

/// An error in the words of an expression, an ACL, a condition or a log format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Which of the words that were handed in, counted from 0. It equals their number where a word is
    /// missing.
    pub word: usize,
    /// The offending bytes of that word.
    pub range: Range<usize>,
    /// What is wrong.
    pub kind: ErrorKind,
    /// What might have been meant: a known word, or a form that is accepted.
    pub hint: Option<String>,
}

impl ParseError {
    /// An error at a stretch of the first word.
    pub fn new(range: Range<usize>, kind: ErrorKind) -> Self {
        Self { word: 0, range, kind, hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The same in another word.
    #[must_use]
    pub fn in_word(mut self, word: usize) -> Self {
        self.word = word;
        self
    }

    /// The same behind that many bytes of its word.
    #[must_use]
    pub fn shifted(mut self, by: usize) -> Self {
        self.range = self.range.start + by..self.range.end + by;
        self
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseError {}

/// What may be wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ErrorKind {
    /// A fetch was expected, and nothing is there.
    #[error("expected a sample expression")]
    MissingExpression,
    /// No such fetch.
    #[error("unknown fetch `{0}`")]
    UnknownFetch(String),
    /// No such converter.
    #[error("unknown converter `{0}`")]
    UnknownConverter(String),
    /// A parenthesis or a quote is not closed, or text follows where none may.
    #[error("{0}")]
    Syntax(String),
    /// Fewer arguments than mandatory ones.
    #[error("`{name}` needs its argument <{argument}>")]
    MissingArgument {
        /// The fetch or converter.
        name: String,
        /// The argument's name in the reference.
        argument: &'static str,
    },
    /// More arguments than it takes.
    #[error("`{name}` takes at most {most} argument(s)")]
    TooManyArguments {
        /// The fetch or converter.
        name: String,
        /// How many it takes.
        most: usize,
    },
    /// An argument that does not parse as its type.
    #[error("`{name}`: {reason}")]
    BadArgument {
        /// The fetch or converter.
        name: String,
        /// Why.
        reason: String,
    },
    /// A converter that cannot take what stands before it.
    #[error("converter `{name}` cannot take a sample of type {found}: it takes {wanted}")]
    BadCast {
        /// The converter.
        name: String,
        /// The type that comes.
        found: SampleType,
        /// The type that it takes.
        wanted: SampleType,
    },
    /// A fetch whose source does not exist at that place.
    #[error("`{name}` needs {needs}, which is not there in a {place}")]
    WrongPlace {
        /// The fetch.
        name: String,
        /// The source.
        needs: &'static str,
        /// The place.
        place: &'static str,
    },
    /// A word that belongs to a layer that is not served.
    #[error("`{name}` is not served: {reason}")]
    NotServed {
        /// The fetch or converter.
        name: String,
        /// Why.
        reason: String,
    },
    /// A log variable that does not exist.
    #[error("unknown log variable `%{0}`")]
    UnknownVariable(String),
    /// A log flag that does not exist.
    #[error("unknown log format flag `{0}`")]
    UnknownFlag(String),
    /// A pattern that does not parse in its match method.
    #[error("{0}")]
    BadPattern(String),
    /// A match method that does not exist.
    #[error("unknown match method `{0}`")]
    UnknownMethod(String),
    /// A match method that cannot take the sample.
    #[error("match method `{method}` cannot be used with samples of type {found}")]
    BadMethod {
        /// The method.
        method: &'static str,
        /// The sample's type.
        found: SampleType,
    },
    /// A sample without a default match method.
    #[error("samples of type {0} need a match method (-m)")]
    MissingMethod(SampleType),
    /// An ACL flag that does not exist.
    #[error("unknown ACL flag `{0}`")]
    UnknownAclFlag(String),
    /// A flag without its argument.
    #[error("`{0}` needs an argument")]
    MissingFlagArgument(&'static str),
    /// A condition that neither begins with `if` nor with `unless`.
    #[error("expected `if` or `unless`, found `{0}`")]
    NotACondition(String),
    /// A condition without an ACL.
    #[error("expected an ACL")]
    MissingAcl,
    /// No such ACL in this proxy.
    #[error("no such ACL `{0}`")]
    UnknownAcl(String),
    /// A name that ACLs may not have.
    #[error("`{0}` cannot be an ACL's name")]
    BadAclName(String),
    /// An anonymous ACL without its closing brace.
    #[error("missing `}}`")]
    MissingBrace,
    /// A file of patterns that cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}
