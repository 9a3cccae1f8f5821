//! Arguments of fetches and converters: how they are typed, cut out of the text, and resolved.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use crate::acl::{Acl, Acls};
use crate::cast::parse_int;
use crate::error::{ErrorKind, ParseError};
use crate::hint::nearest;
use crate::place::Checkpoint;
use crate::resolve::{Env, Resolver, Unresolved};
use crate::vars::{BadName, VarId, meant};
use crate::world::{BackendId, FrontendId, ServerId, TableId, UserlistId};

/// An argument of a row: its name in the reference, its type, and whether it may be left out.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// The name between `<` and `>`.
    pub name: &'static str,
    /// The type.
    pub kind: ArgKind,
    /// Whether it may be left out.
    pub optional: bool,
}

/// A mandatory argument.
pub(crate) const fn need(name: &'static str, kind: ArgKind) -> Arg {
    Arg { name, kind, optional: false }
}

/// An argument that may be left out.
pub(crate) const fn opt(name: &'static str, kind: ArgKind) -> Arg {
    Arg { name, kind, optional: true }
}

/// The type of an argument: how its text is parsed.
#[derive(Clone, Copy, Debug)]
pub enum ArgKind {
    /// Any text.
    Str,
    /// A decimal integer.
    Int,
    /// A decimal integer between these two.
    IntIn(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A variable.
    Var,
    /// An integer or a variable.
    IntOrVar,
    /// A text or, where it names one, a variable.
    StrOrVar,
    /// A frontend's name.
    Frontend,
    /// A backend's name.
    Backend,
    /// `backend/server` or `server`.
    Server,
    /// A stick table's name.
    Table,
    /// A userlist's name.
    Userlist,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv4 mask, dotted or as a number of bits.
    Mask4,
    /// An IPv6 mask, as an address or as a number of bits.
    Mask6,
}

impl ArgKind {
    /// The name of the type in the reference.
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::Int | Self::IntIn(..) => "integer",
            Self::Word(_) => "keyword",
            Self::Var => "variable",
            Self::IntOrVar => "integer or variable",
            Self::StrOrVar => "string or variable",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Server => "server",
            Self::Table => "table",
            Self::Userlist => "user list",
            Self::Ipv4 => "IPv4 address",
            Self::Ipv6 => "IPv6 address",
            Self::Mask4 => "IPv4 mask",
            Self::Mask6 => "IPv6 mask",
        }
    }
}

/// An argument, resolved.
#[derive(Clone, Debug)]
pub(crate) enum ArgValue {
    Absent,
    Str(Box<str>),
    Int(i64),
    Word(&'static str),
    Var(VarId),
    Frontend(FrontendId),
    Backend(BackendId),
    Server(ServerId),
    Table(TableId),
    Userlist(UserlistId),
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
}

/// The text of an argument and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct RawArg {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
}

/// What a builder says of an argument that it cannot take.
#[derive(Debug)]
pub(crate) struct ArgError {
    pub(crate) index: usize,
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
}

impl ArgError {
    pub(crate) fn new(index: usize, reason: impl ToString) -> Self {
        Self { index, reason: reason.to_string(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl ToString) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

/// What a builder gets: the resolved arguments of its word, and the configuration around it.
pub(crate) struct Args<'e> {
    pub(crate) values: Vec<ArgValue>,
    pub(crate) place: Option<Checkpoint>,
    pub(crate) resolver: &'e mut dyn Resolver,
    pub(crate) acls: Option<(&'e mut Acls, u32)>,
}

impl Args<'_> {
    fn value(&self, index: usize) -> &ArgValue {
        self.values.get(index).unwrap_or(&ArgValue::Absent)
    }

    /// The ACL that an argument names.
    pub(crate) fn acl(&mut self, index: usize, name: &str) -> Result<Arc<Acl>, ArgError> {
        let Some((acls, position)) = &mut self.acls else {
            let hint = "name the ACLs in the condition itself";
            return Err(ArgError::new(index, "no ACLs can be named here").hint(hint));
        };
        acls.named(name, *position, &mut *self.resolver).map_err(|kind| ArgError::new(index, kind))
    }

    /// How many arguments were given.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// The text of an argument, which is empty where it was left out.
    pub(crate) fn str(&self, index: usize) -> &str {
        self.opt_str(index).unwrap_or_default()
    }

    pub(crate) fn opt_str(&self, index: usize) -> Option<&str> {
        match self.value(index) {
            ArgValue::Str(s) => Some(s),
            ArgValue::Word(w) => Some(w),
            _ => None,
        }
    }

    pub(crate) fn int(&self, index: usize, default: i64) -> i64 {
        match self.value(index) {
            ArgValue::Int(i) => *i,
            _ => default,
        }
    }

    pub(crate) fn opt_int(&self, index: usize) -> Option<i64> {
        match self.value(index) {
            ArgValue::Int(i) => Some(*i),
            _ => None,
        }
    }

    pub(crate) fn var(&self, index: usize) -> Option<VarId> {
        match self.value(index) {
            ArgValue::Var(v) => Some(*v),
            _ => None,
        }
    }

    /// The frontend of an argument, or where it was left out the proxy that the expression stands in.
    pub(crate) fn frontend(&self, index: usize) -> Result<FrontendId, ArgError> {
        match self.value(index) {
            ArgValue::Frontend(id) => Ok(*id),
            _ => self.resolver.frontend(None).map_err(|e| unresolved(index, e)),
        }
    }

    /// The backend of an argument, or where it was left out the proxy that the expression stands in.
    pub(crate) fn backend(&self, index: usize) -> Result<BackendId, ArgError> {
        match self.value(index) {
            ArgValue::Backend(id) => Ok(*id),
            _ => self.resolver.backend(None).map_err(|e| unresolved(index, e)),
        }
    }

    pub(crate) fn server(&self, index: usize) -> Result<ServerId, ArgError> {
        match self.value(index) {
            ArgValue::Server(id) => Ok(*id),
            _ => Err(ArgError::new(index, "a server is expected")),
        }
    }

    pub(crate) fn opt_table(&self, index: usize) -> Option<TableId> {
        match self.value(index) {
            ArgValue::Table(id) => Some(*id),
            _ => None,
        }
    }

    /// The table of an argument, or where it was left out that of the proxy.
    pub(crate) fn table(&self, index: usize) -> Result<TableId, ArgError> {
        match self.opt_table(index) {
            Some(id) => Ok(id),
            None => self.resolver.table(None).map_err(|e| unresolved(index, e)),
        }
    }

    pub(crate) fn userlist(&self, index: usize) -> Result<UserlistId, ArgError> {
        match self.value(index) {
            ArgValue::Userlist(id) => Ok(*id),
            _ => Err(ArgError::new(index, "a user list is expected")),
        }
    }

    pub(crate) fn ipv4(&self, index: usize) -> Option<Ipv4Addr> {
        match self.value(index) {
            ArgValue::Ipv4(a) => Some(*a),
            _ => None,
        }
    }

    pub(crate) fn ipv6(&self, index: usize) -> Option<Ipv6Addr> {
        match self.value(index) {
            ArgValue::Ipv6(a) => Some(*a),
            _ => None,
        }
    }
}

pub(crate) fn unresolved(index: usize, e: Unresolved) -> ArgError {
    ArgError { index, reason: e.reason, hint: e.hint }
}

/// Cuts `(a,b,c)` at `from`, the opening parenthesis, into its arguments. Returns them and where the text
/// goes on.
///
/// Quotes protect commas and parentheses and are removed. Outside single quotes a backslash protects a quote,
/// a space or a backslash, and `\n`, `\r` and `\t` are what they are in C.
pub(crate) fn cut(text: &str, from: usize) -> Result<(Vec<RawArg>, usize), ParseError> {
    let mut cutter = Cutter { bytes: text.as_bytes(), at: from + 1, args: Vec::new() };
    loop {
        let end = cutter.argument(from)?;
        cutter.at += 1;
        if end == b')' {
            break;
        }
    }
    Ok((cutter.args, cutter.at))
}

struct Cutter<'t> {
    bytes: &'t [u8],
    at: usize,
    args: Vec<RawArg>,
}

impl Cutter<'_> {
    /// Takes one argument, up to the comma or parenthesis that ends it, which is returned.
    fn argument(&mut self, open: usize) -> Result<u8, ParseError> {
        let start = self.at;
        let mut out = Vec::new();
        let mut quote: Option<(u8, usize)> = None;
        loop {
            let Some(&b) = self.bytes.get(self.at) else {
                let (what, at) = match quote {
                    Some((q, at)) => (format!("unterminated quote {}", q as char), at),
                    None => ("missing closing parenthesis".to_owned(), open),
                };
                return Err(ParseError::new(at..self.at, ErrorKind::Syntax(what)));
            };
            match (b, quote) {
                (b'"' | b'\'', None) => quote = Some((b, self.at)),
                (b, Some((q, _))) if b == q => quote = None,
                (b'\\', None | Some((b'"', _))) if let Some(b) = self.escaped() => {
                    self.at += 1;
                    out.push(b);
                }
                (b',' | b')', None) => {
                    let text = String::from_utf8_lossy(&out).into_owned();
                    self.args.push(RawArg { text, range: start..self.at });
                    return Ok(b);
                }
                _ => out.push(b),
            }
            self.at += 1;
        }
    }

    /// What the backslash at hand and the byte behind it stand for. None: for themselves.
    fn escaped(&self) -> Option<u8> {
        match self.bytes.get(self.at + 1)? {
            b @ (b'\\' | b'"' | b'\'' | b' ') => Some(*b),
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            _ => None,
        }
    }
}

/// Resolves the arguments of a word against what its row declares.
pub(crate) fn resolve(
    name: &str,
    rows: &[Arg],
    raw: &[RawArg],
    call: Range<usize>,
    env: &mut Env<'_>,
) -> Result<Vec<ArgValue>, ParseError> {
    // `name()` is a call without arguments, save where an empty text is one.
    let takes_empty = rows.first().is_some_and(|r| matches!(r.kind, ArgKind::Str));
    let raw = match raw {
        [only] if only.range.is_empty() && !takes_empty => &[],
        raw => raw,
    };
    if let Some(extra) = raw.get(rows.len()) {
        let kind = ErrorKind::TooManyArguments { name: name.to_owned(), most: rows.len() };
        return Err(ParseError::new(extra.range.clone(), kind));
    }
    if let Some(missing) = rows.iter().skip(raw.len()).find(|a| !a.optional) {
        let kind = ErrorKind::MissingArgument { name: name.to_owned(), argument: missing.name };
        return Err(ParseError::new(call, kind));
    }
    let mut values = Vec::with_capacity(raw.len());
    for (index, (row, raw)) in rows.iter().zip(raw).enumerate() {
        let value =
            parse(row, &raw.text, index, env).map_err(|e| bad_argument(name, e, raw.range.clone()))?;
        values.push(value);
    }
    Ok(values)
}

/// The error of an argument, at its place.
pub(crate) fn bad_argument(name: &str, e: ArgError, range: Range<usize>) -> ParseError {
    let kind = ErrorKind::BadArgument { name: name.to_owned(), reason: e.reason };
    ParseError::new(range, kind).with_hint(e.hint)
}

fn parse(row: &Arg, text: &str, index: usize, env: &mut Env<'_>) -> Result<ArgValue, ArgError> {
    // A place that is left empty between commas is an argument that is left out.
    if text.is_empty() && row.optional && !matches!(row.kind, ArgKind::Str | ArgKind::StrOrVar) {
        return Ok(ArgValue::Absent);
    }
    let wrong = |what: &str| ArgError::new(index, format!("<{}> must be {what}, found `{text}`", row.name));
    match row.kind {
        ArgKind::Str => Ok(ArgValue::Str(text.into())),
        ArgKind::Int => parse_int(text).map(ArgValue::Int).ok_or_else(|| wrong("an integer")),
        ArgKind::IntIn(low, high) => match text.parse() {
            Ok(n) if (low..=high).contains(&n) => Ok(ArgValue::Int(n)),
            _ => Err(wrong(&format!("an integer from {low} to {high}"))),
        },
        ArgKind::Word(words) => parse_word(words, text, index, row.name),
        ArgKind::Var => parse_var(text, index, env).map(ArgValue::Var),
        ArgKind::IntOrVar => match parse_int(text) {
            Some(n) => Ok(ArgValue::Int(n)),
            None if text.contains('.') => parse_var(text, index, env).map(ArgValue::Var),
            None => Err(wrong("an integer or a variable")),
        },
        ArgKind::StrOrVar => Ok(match crate::vars::split_name(text) {
            Ok(_) => ArgValue::Var(parse_var(text, index, env)?),
            Err(_) => ArgValue::Str(text.into()),
        }),
        ArgKind::Frontend | ArgKind::Backend | ArgKind::Server | ArgKind::Table | ArgKind::Userlist => {
            parse_name(row.kind, text, env.resolver).map_err(|e| unresolved(index, e))
        }
        ArgKind::Ipv4 => text.parse().map(ArgValue::Ipv4).map_err(|_| wrong("an IPv4 address")),
        ArgKind::Ipv6 => text.parse().map(ArgValue::Ipv6).map_err(|_| wrong("an IPv6 address")),
        ArgKind::Mask4 => parse_mask4(text).map(ArgValue::Ipv4).ok_or_else(|| wrong("an IPv4 mask")),
        ArgKind::Mask6 => parse_mask6(text).map(ArgValue::Ipv6).ok_or_else(|| wrong("an IPv6 mask")),
    }
}

fn parse_word(
    words: &'static [&'static str],
    text: &str,
    index: usize,
    name: &str,
) -> Result<ArgValue, ArgError> {
    match words.iter().find(|w| **w == text) {
        Some(word) => Ok(ArgValue::Word(word)),
        None => {
            let reason = format!("<{name}> must be one of {}, found `{text}`", words.join(", "));
            let e = ArgError::new(index, reason);
            Err(match nearest(text, words.iter().copied()) {
                Some(hint) => e.hint(hint),
                None => e,
            })
        }
    }
}

fn parse_var(text: &str, index: usize, env: &mut Env<'_>) -> Result<VarId, ArgError> {
    env.resolver.variables().resolve(text).map_err(|e| match e {
        BadName::Scope => ArgError::new(index, format!("`{text}` has no scope")).hint(match meant(text) {
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                "a variable is written scope.name, with scope proc, sess, txn, req, res or check".to_owned()
            }
        }),
        BadName::Name => ArgError::new(index, format!("`{text}` is not a variable's name"))
            .hint("letters, digits, `.` and `_` are allowed"),
    })
}

fn parse_name(kind: ArgKind, text: &str, resolver: &dyn Resolver) -> Result<ArgValue, Unresolved> {
    Ok(match kind {
        ArgKind::Frontend => ArgValue::Frontend(resolver.frontend(Some(text))?),
        ArgKind::Backend => ArgValue::Backend(resolver.backend(Some(text))?),
        ArgKind::Table => ArgValue::Table(resolver.table(Some(text))?),
        ArgKind::Userlist => ArgValue::Userlist(resolver.userlist(text)?),
        _ => ArgValue::Server(match text.split_once('/') {
            Some((backend, server)) => resolver.server(Some(backend), server)?,
            None => resolver.server(None, text)?,
        }),
    })
}

fn parse_mask4(text: &str) -> Option<Ipv4Addr> {
    match text.parse::<u32>() {
        Ok(bits) if bits <= 32 => Some(Ipv4Addr::from(u32::MAX.checked_shl(32 - bits).unwrap_or(0))),
        Ok(_) => None,
        Err(_) => text.parse().ok(),
    }
}

fn parse_mask6(text: &str) -> Option<Ipv6Addr> {
    match text.parse::<u32>() {
        Ok(bits) if bits <= 128 => Some(Ipv6Addr::from(u128::MAX.checked_shl(128 - bits).unwrap_or(0))),
        Ok(_) => None,
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        cut(text, 0).unwrap().0.into_iter().map(|a| a.text).collect()
    }

    // Expected values are what haproxy 2.6 prints for str(...) and concat(...).
    #[test]
    fn quotes_and_backslashes_protect() {
        assert_eq!(texts("()"), [""]);
        assert_eq!(texts("(a b)"), ["a b"]);
        assert_eq!(texts(r#"("a,b")"#), ["a,b"]);
        assert_eq!(texts("('a)b',c)"), ["a)b", "c"]);
        assert_eq!(texts(r"(a\\b)"), [r"a\b"]);
        assert_eq!(texts(r#"(a"b"c)"#), ["abc"]);
        assert_eq!(texts(r#"(a\"b)"#), [r#"a"b"#]);
        assert_eq!(texts(r"(a\nb)"), ["a\nb"]);
        assert_eq!(texts(r"('a\\b')"), [r"a\\b"]);
        assert_eq!(texts(r"(a\)"), [r"a\"]);
        assert_eq!(texts("( a )"), [" a "]);
        assert_eq!(texts("(a(b)"), ["a(b"]);
        assert_eq!(texts("(,2,)"), ["", "2", ""]);
    }

    #[test]
    fn unterminated_calls_are_errors_with_a_place() {
        assert_eq!(cut("(a", 0).unwrap_err().range, 0..2);
        assert_eq!(cut("('a)", 0).unwrap_err().range, 1..4);
    }
}
