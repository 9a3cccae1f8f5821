//! Formats out of text.

use super::json::{KINDS, Member};
use super::variable::{VARIABLES, named};
use super::{Flags, LogFormat, Part, Style};
use crate::error::{ErrorKind, ParseError};
use crate::expr::Expr;
use crate::hint::nearest;
use crate::resolve::Env;

pub(super) fn parse(text: &str, style: Style, env: &mut Env<'_>) -> Result<LogFormat, ParseError> {
    let defaults = Flags { mandatory: style == Style::Log, ..Flags::default() };
    let mut parser =
        Parser { text, at: 0, style, defaults, parts: Vec::new(), literal: Vec::new(), members: None };
    while parser.at < text.len() {
        parser.step(env)?;
    }
    parser.flush();
    let needs_facts = parser.parts.iter().any(|p| matches!(p, Part::Variable(row, _) if row.needs_facts()));
    Ok(LogFormat { parts: parser.parts, members: parser.members, style, needs_facts })
}

/// Behind a `%` at the beginning: the format is a JSON object.
const JSON: &str = "{+json}o";

struct Parser<'t> {
    text: &'t str,
    at: usize,
    style: Style,
    /// Flags of everything that follows: `%o` changes them.
    defaults: Flags,
    parts: Vec<Part>,
    literal: Vec<u8>,
    /// Of a JSON object, what its parts are called.
    members: Option<Vec<Member>>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self, env: &mut Env<'_>) -> Result<(), ParseError> {
        match self.peek() {
            Some(b'%') => self.directive(env),
            Some(b' ') if self.style == Style::Log && self.members.is_none() => {
                self.flush();
                if !matches!(self.parts.last(), Some(Part::Blank)) {
                    self.parts.push(Part::Blank);
                }
                self.at += 1;
                Ok(())
            }
            Some(b) => {
                self.literal.push(b);
                self.at += 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn directive(&mut self, env: &mut Env<'_>) -> Result<(), ParseError> {
        let start = self.at;
        self.at += 1;
        let truncated = |to: usize| {
            let what = "something must follow `%`; `%%` is a percent sign".to_owned();
            ParseError::new(start..to, ErrorKind::Syntax(what))
        };
        let mut flags = self.defaults;
        let mut member = None;
        if self.members.is_some() && self.peek() == Some(b'(') {
            member = Some(self.member()?);
        }
        if self.text[self.at..].starts_with(JSON) && self.parts.is_empty() && self.literal.is_empty() {
            self.at += JSON.len();
            self.members = Some(Vec::new());
            return Ok(());
        }
        if self.peek() == Some(b'{') {
            self.flags(&mut flags)?;
        }
        match self.peek() {
            None => Err(truncated(self.at)),
            Some(b'%') => {
                self.at += 1;
                self.literal.push(b'%');
                Ok(())
            }
            Some(b'[') => {
                let part = self.expression(flags, env)?;
                self.push(part, member);
                Ok(())
            }
            // As haproxy has it, `%(` is an opening parenthesis.
            Some(b) if !b.is_ascii_alphabetic() => Ok(()),
            Some(_) => {
                if let Some(part) = self.variable(flags)? {
                    self.push(part, member);
                }
                Ok(())
            }
        }
    }

    /// `{+Q,-E}`
    fn flags(&mut self, flags: &mut Flags) -> Result<(), ParseError> {
        let open = self.at;
        let Some(len) = self.text[open..].find('}') else {
            let kind = ErrorKind::Syntax("missing `}`".to_owned());
            return Err(ParseError::new(open..self.text.len(), kind));
        };
        let mut at = open + 1;
        for word in self.text[open + 1..open + len].split(',') {
            set_flag(flags, word).map_err(|e| e.shifted(at))?;
            at += word.len() + 1;
        }
        self.at = open + len + 1;
        Ok(())
    }

    /// `(name)` or `(name:type)`
    fn member(&mut self) -> Result<Member, ParseError> {
        let open = self.at;
        let Some(len) = self.text[open..].find(')') else {
            let kind = ErrorKind::Syntax("missing `)`".to_owned());
            return Err(ParseError::new(open..self.text.len(), kind));
        };
        self.at = open + len + 1;
        let inside = &self.text[open + 1..open + len];
        let (name, kind) = inside.split_once(':').unwrap_or((inside, ""));
        let known = KINDS.iter().find(|(word, _)| *word == kind).map(|(_, kind)| *kind);
        if known.is_none() && !kind.is_empty() {
            let what = format!("unknown type `{kind}`; there are str, sint and bool");
            return Err(ParseError::new(self.at - 1 - kind.len()..self.at - 1, ErrorKind::Syntax(what)));
        }
        Ok(Member { name: name.into(), kind: known })
    }

    /// Of a JSON object, what has no name is left out.
    fn push(&mut self, part: Part, member: Option<Member>) {
        match (&mut self.members, member) {
            (None, _) => self.parts.push(part),
            (Some(members), Some(member)) => {
                members.push(member);
                self.parts.push(part);
            }
            (Some(_), None) => {}
        }
    }

    fn expression(&mut self, flags: Flags, env: &mut Env<'_>) -> Result<Part, ParseError> {
        let open = self.at;
        let (expr, end) = Expr::parse_at(self.text, open + 1, env)?;
        if self.text.as_bytes().get(end) != Some(&b']') {
            let found = self.text[end..].chars().next();
            let what = match found {
                Some(c) => format!("expected `]` behind the expression, found `{c}`"),
                None => "missing `]`".to_owned(),
            };
            let to = end + found.map_or(0, char::len_utf8);
            return Err(ParseError::new(end..to, ErrorKind::Syntax(what)));
        }
        self.at = end + 1;
        self.flush();
        Ok(Part::Expr(Box::new(expr), flags))
    }

    /// None: `%o` has no value.
    fn variable(&mut self, flags: Flags) -> Result<Option<Part>, ParseError> {
        let rest = &self.text[self.at..];
        let len = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let (start, name) = (self.at, &rest[..len]);
        if name == "o" {
            self.defaults = flags;
            self.at += len;
            return Ok(None);
        }
        let Some(row) = named(name) else {
            let hint = nearest(name, VARIABLES.iter().map(|v| v.name));
            let kind = ErrorKind::UnknownVariable(name.to_owned());
            let hint = hint.unwrap_or_else(|| "`%%` is a percent sign".to_owned());
            return Err(ParseError::new(start - 1..start + len, kind).with_hint(Some(hint)));
        };
        self.at += len;
        self.flush();
        Ok(Some(Part::Variable(row, flags)))
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.literal);
        if !text.is_empty() && self.members.is_none() {
            self.parts.push(Part::Text(text.into()));
        }
    }
}

fn set_flag(flags: &mut Flags, word: &str) -> Result<(), ParseError> {
    let trimmed = word.trim();
    let on = !trimmed.starts_with('-');
    let flag = match trimmed.trim_start_matches(['+', '-']) {
        "Q" => &mut flags.quote,
        "E" => &mut flags.escape,
        "X" => &mut flags.hex,
        "M" => &mut flags.mandatory,
        other => {
            let kind = ErrorKind::UnknownFlag(other.to_owned());
            let hint = Some(
                "flags are Q, E, X and M, each behind `+` or `-`; `%{+json}o` stands at the beginning"
                    .to_owned(),
            );
            return Err(ParseError::new(0..word.len(), kind).with_hint(hint));
        }
    };
    // Without a sign, haproxy takes the flag and ignores it.
    if trimmed.starts_with(['+', '-']) {
        *flag = on;
    }
    Ok(())
}
