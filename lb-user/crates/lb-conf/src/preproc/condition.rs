//! Conditions: integers, predicates, `!`, `&&`, `||` and parentheses.

use std::fmt;

use super::predicate::{self, PREDICATES};
use crate::lex::{Lexer, Lookup};
use crate::span::FileId;

/// How deep parentheses and negations may nest, so that no input exhausts the stack.
const DEPTH: u32 = 64;

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    /// A sentence.
    pub message: String,
    /// The byte of the text that it concerns.
    pub offset: usize,
    /// The predicate that is not known, if that is what is wrong.
    pub unknown: Option<String>,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConditionError {}

/// Whether the condition that `-cc` gives on the command line holds. It is read as what stands behind `.if` is, with
/// quotes, escapes and variables.
///
/// # Errors
///
/// What is wrong with the text as a line, or with the condition that it comes to.
pub fn evaluate_argument(text: &str, lookup: Lookup<'_>) -> Result<bool, ConditionError> {
    let wrong = |message: String| ConditionError { message, offset: 0, unknown: None };
    let mut lexer = Lexer::new(FileId(0), text.as_bytes()).without_comments();
    let line = lexer.next(lookup).transpose().map_err(|error| wrong(error.message))?;
    if lexer.next(lookup).is_some() {
        return Err(wrong("a condition is one line".into()));
    }
    let words: Vec<_> = line.iter().flat_map(|line| &line.words).map(|word| word.text.as_str()).collect();
    if words.is_empty() && !text.is_empty() {
        return Err(wrong("expected a condition".into()));
    }
    evaluate(&words.join(" "), lookup)
}

/// Whether a condition holds: that of an `.if`, when quotes and variables are resolved. An empty one does not.
///
/// # Errors
///
/// What is wrong, and at which byte.
pub fn evaluate(text: &str, lookup: Lookup<'_>) -> Result<bool, ConditionError> {
    let mut parser = Parser { text, at: 0, lookup };
    parser.blanks();
    if parser.rest().is_empty() {
        return Ok(false);
    }
    let value = parser.either(0)?;
    if parser.rest().is_empty() { Ok(value) } else { Err(parser.error("expected '&&', '||' or the end")) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    lookup: Lookup<'a>,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
            self.blanks();
        }
        found
    }

    fn error(&self, message: impl Into<String>) -> ConditionError {
        ConditionError { message: message.into(), offset: self.at, unknown: None }
    }

    /// Both sides are read, whatever the first one says: a mistake in the second is a mistake.
    fn either(&mut self, depth: u32) -> Result<bool, ConditionError> {
        let mut value = self.both(depth)?;
        while self.take("||") {
            value |= self.both(depth)?;
        }
        Ok(value)
    }

    fn both(&mut self, depth: u32) -> Result<bool, ConditionError> {
        let mut value = self.term(depth)?;
        while self.take("&&") {
            value &= self.term(depth)?;
        }
        Ok(value)
    }

    fn term(&mut self, depth: u32) -> Result<bool, ConditionError> {
        if depth >= DEPTH {
            return Err(self.error("nested too deep"));
        }
        if self.take("!") {
            return Ok(!self.term(depth + 1)?);
        }
        if self.take("(") {
            let value = self.either(depth + 1)?;
            return if self.take(")") { Ok(value) } else { Err(self.error("expected ')'")) };
        }
        self.predicate()
    }

    /// A number with or without a sign, also in hexadecimal or octal digits; all but zero hold.
    fn number(&mut self) -> Option<bool> {
        let start = self.at;
        if self.rest().starts_with(['+', '-']) {
            self.at += 1;
        }
        let digits = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        let Some(value) = whether(digits) else {
            self.at = start;
            return None;
        };
        self.blanks();
        Some(value)
    }

    fn predicate(&mut self) -> Result<bool, ConditionError> {
        if let Some(value) = self.number() {
            return Ok(value);
        }
        let start = self.at;
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        let Some(row) = PREDICATES.iter().find(|p| p.name == name) else {
            self.at = start;
            let unknown = (!name.is_empty()).then(|| name.to_owned());
            let message = match &unknown {
                Some(name) => format!("unknown predicate '{name}'"),
                None => "expected a number, a predicate, '!' or '('".to_owned(),
            };
            return Err(ConditionError { message, offset: start, unknown });
        };
        let arguments = self.arguments()?;
        predicate::call(row, &arguments, self.lookup).map_err(|message| ConditionError {
            message,
            offset: start,
            unknown: None,
        })
    }

    fn word(&mut self, accept: fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let (word, _) = rest.split_at(rest.find(|c| !accept(c)).unwrap_or(rest.len()));
        self.at += word.len();
        word
    }

    /// The arguments between parentheses, separated by commas; quotes and backslashes protect both. Without parentheses
    /// there is one, which is empty.
    fn arguments(&mut self) -> Result<Vec<String>, ConditionError> {
        if !self.rest().starts_with('(') {
            self.blanks();
            return Ok(vec![String::new()]);
        }
        let mut arguments = vec![String::new()];
        let mut quote = None;
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            let last = arguments.last_mut();
            match (quote, c) {
                (None, ')') => {
                    self.at += offset + 1;
                    self.blanks();
                    return Ok(arguments);
                }
                (None, ',') => arguments.push(String::new()),
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), _) if open == c => quote = None,
                (None | Some('"'), '\\') => {
                    last.into_iter().for_each(|l| l.extend(chars.next().map(|(_, c)| c)))
                }
                _ => last.into_iter().for_each(|l| l.push(c)),
            }
        }
        Err(self.error("expected ')' behind the arguments"))
    }
}

/// Whether a number is any but zero; None for what is none.
fn whether(digits: &str) -> Option<bool> {
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(rest) => (rest, 16),
        None if digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    is_number.then(|| digits.bytes().any(|b| b != b'0'))
}
