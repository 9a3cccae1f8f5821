//! Log formats: text, `%` variables and `%[expressions]`.

mod encode;
mod facts;
mod json;
mod parse;
mod variable;

use std::fmt;

pub use facts::{Connections, FactSource, LogFacts, Termination, Timers};
pub use variable::{VARIABLES, VariableRow};
pub(crate) use variable::{path_only, version_name};

use crate::ctx::Ctx;
use crate::error::ParseError;
use crate::expr::Expr;
use crate::resolve::Env;
use crate::sample::Data;

/// What a format is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A log line or a unique id: blanks are merged, and what is empty is a dash.
    Log,
    /// A part of an HTTP message: text stays as it is, and control characters are percent-encoded.
    Http,
    /// A value of a variable, or what a check sends: nothing is merged or encoded.
    Verbatim,
}

/// Flags of a variable or expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `Q`: in double quotes.
    pub quote: bool,
    /// `E`: `"`, `\` and `]` behind a backslash.
    pub escape: bool,
    /// `X`: numbers and addresses in hexadecimal.
    pub hex: bool,
    /// `M`: a dash where there is nothing.
    pub mandatory: bool,
    /// As it is: what it is written into has an encoding of its own.
    raw: bool,
}

/// A compiled format.
pub struct LogFormat {
    parts: Vec<Part>,
    /// Of a JSON object: the names of the parts.
    members: Option<Vec<json::Member>>,
    style: Style,
    /// Whether a variable in it asks for facts of the log.
    needs_facts: bool,
}

enum Part {
    Text(Box<[u8]>),
    /// A blank of a log line: at the beginning, or behind another one, it is left out.
    Blank,
    Variable(&'static VariableRow, Flags),
    Expr(Box<Expr>, Flags),
}

impl fmt::Debug for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for part in &self.parts {
            match part {
                Part::Text(text) => list.entry(&String::from_utf8_lossy(text)),
                Part::Blank => list.entry(&" "),
                Part::Variable(row, _) => list.entry(&row.name),
                Part::Expr(expr, _) => list.entry(expr),
            };
        }
        list.finish()
    }
}

impl LogFormat {
    /// Parses a format. The error's range counts bytes of `text`.
    pub fn parse(text: &str, style: Style, env: &mut Env<'_>) -> Result<Self, ParseError> {
        parse::parse(text, style, env)
    }

    /// Appends what the format comes to.
    pub fn write<'a>(&'a self, ctx: &Ctx<'a>, out: &mut Vec<u8>) {
        let facts = match ctx.facts.filter(|_| self.needs_facts) {
            Some(source) => source.log_facts(),
            None => LogFacts::default(),
        };
        match &self.members {
            Some(members) => json::write(members, &self.parts, &facts, ctx, out),
            None => self.write_text(&facts, ctx, out),
        }
    }

    fn write_text<'a>(&'a self, facts: &LogFacts<'_>, ctx: &Ctx<'a>, out: &mut Vec<u8>) {
        let mut after_blank = true;
        for part in &self.parts {
            let before = out.len();
            match part {
                Part::Blank if after_blank => continue,
                Part::Blank => out.push(b' '),
                Part::Text(text) => out.extend_from_slice(text),
                Part::Variable(row, flags) => row.write(ctx, facts, *flags, out),
                Part::Expr(expr, flags) => self.write_value(expr.eval_str(ctx), *flags, out),
            }
            let optional = matches!(part, Part::Variable(row, _) if row.is_optional());
            let nothing = optional && out.len() == before;
            after_blank = matches!(part, Part::Blank) || after_blank && nothing;
        }
    }

    fn write_value(&self, value: Option<Data<'_>>, flags: Flags, out: &mut Vec<u8>) {
        let bytes = value.as_ref().map(Data::as_bytes).unwrap_or_default();
        match self.style {
            Style::Log | Style::Verbatim => encode::text(bytes, flags, out),
            Style::Http => encode::http(bytes, flags, out),
        }
    }

    /// What the format comes to.
    pub fn format<'a>(&'a self, ctx: &Ctx<'a>) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(ctx, &mut out);
        out
    }

    /// The text, where nothing in it varies.
    pub fn constant(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            _ if self.members.is_some() => None,
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it has something that exists in HTTP mode only.
    pub fn needs_http(&self) -> bool {
        self.parts.iter().any(|p| match p {
            Part::Text(_) | Part::Blank => false,
            Part::Variable(row, _) => row.http,
            Part::Expr(expr, _) => expr.needs_http(),
        })
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|p| match p {
            Part::Expr(expr, _) => Some(&**expr),
            _ => None,
        })
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = &'static VariableRow> {
        self.parts.iter().filter_map(|p| match p {
            Part::Variable(row, _) => Some(*row),
            _ => None,
        })
    }
}
