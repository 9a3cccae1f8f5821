//! The arguments of an action.

use lb_expr::vars::VarId;
use lb_expr::{Expr, LogFormat, Style};
use regex::bytes::Regex;

use crate::compile::{Compiler, bytes_in_http};
use crate::diag::{Code, Diagnostic};
use crate::keyword::Args;
use crate::lex::Word;
use crate::model::{Name, Number};
use crate::span::Span;

/// The words of a rule, and what its names mean.
pub(crate) struct RuleArgs<'a, 'd> {
    pub(crate) args: Args<'a>,
    pub(crate) compiler: &'a mut Compiler<'d>,
    /// The action.
    pub(crate) word: Option<&'a Word>,
}

impl<'a> RuleArgs<'a, '_> {
    /// Whether arguments are left before the condition.
    pub(crate) fn more(&self) -> bool {
        self.args.peek().is_some_and(|w| w.text != "if" && w.text != "unless")
    }

    /// An expression, which may take several words.
    pub(crate) fn expr(&mut self) -> Result<Expr, Diagnostic> {
        let (expr, words) = self.compiler.expr(self.args.rest(), self.args.last())?;
        self.args.skip(words);
        Ok(expr)
    }

    /// A format of part of an HTTP message, in one word.
    pub(crate) fn format(&mut self, expected: &str) -> Result<LogFormat, Diagnostic> {
        let word = self.args.word(expected)?;
        let format = self.compiler.format(word, &word.text, Style::Http)?;
        self.note_bytes(&format, word);
        Ok(format)
    }

    /// Warns of what looks at bytes, which parts of HTTP messages have not.
    pub(super) fn note_bytes(&mut self, format: &LogFormat, word: &Word) {
        let of_bytes = format.expressions().find(|expr| expr.source().is_bytes());
        if let Some(expr) = of_bytes {
            self.args.note(bytes_in_http(expr.text(), word.span));
        }
    }

    /// A format of a value, in one word.
    pub(crate) fn verbatim(&mut self, expected: &str) -> Result<LogFormat, Diagnostic> {
        let word = self.args.word(expected)?;
        self.compiler.format(word, &word.text, Style::Verbatim)
    }

    /// The name of a header.
    pub(crate) fn header(&mut self) -> Result<Name, Diagnostic> {
        Ok(self.args.word("the name of a header")?.text.as_str().into())
    }

    /// A regular expression.
    pub(crate) fn regex(&mut self) -> Result<Regex, Diagnostic> {
        let word = self.args.word("a regular expression")?;
        crate::keyword::regex(word)
    }

    /// What stands between the brackets of the action, with its place.
    pub(crate) fn inside(&self) -> Result<(&'a str, Span), Diagnostic> {
        let word = self.word.unwrap_or_else(|| self.args.head());
        let missing = || {
            let error = Diagnostic::alert(Code::Syntax, format!("'{}' is not closed by ')'", word.text));
            error.at(word.span)
        };
        let open = word.find('(').ok_or_else(missing)? + 1;
        let inside = word.get(open..).and_then(|rest| rest.strip_suffix(')')).ok_or_else(missing)?;
        Ok((inside, word.part(open..open + inside.len())))
    }

    /// The variable that the brackets name, and what follows it between commas.
    pub(crate) fn variable(&mut self) -> Result<(VarId, Vec<&'a str>, Span), Diagnostic> {
        let (inside, span) = self.inside()?;
        let mut parts = inside.split(',').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let var = self.compiler.variable(name, span)?;
        Ok((var, parts.collect(), span))
    }

    /// A number, or an expression.
    pub(crate) fn number(&mut self) -> Result<Number, Diagnostic> {
        match self.args.peek().and_then(|w| w.parse().ok()) {
            Some(number) => {
                self.args.skip(1);
                Ok(Number::Fixed(number))
            }
            None => self.expr().map(Number::Computed),
        }
    }
}
