//! One line of an ACL: an expression, and the patterns that its values are compared with.

use std::fmt;
use std::sync::Arc;

use super::Verdict;
use super::keyword;
use crate::ctx::Ctx;
use crate::error::{ErrorKind, ParseError};
use crate::expr::{Expr, identifier};
use crate::fetch;
use crate::hint::nearest;
use crate::pattern::{
    Compiled, Entry, METHODS, MapValue, Method, Networks, Operator, Reference, Set, prepare,
};
use crate::resolve::{Env, Resolver};
use crate::sample::{Sample, SampleType};
use crate::table::converter_named;
use crate::world::UserlistId;

/// A compiled test.
pub struct AclTest {
    expr: Expr,
    method: Method,
    patterns: Vec<Arc<Compiled>>,
    /// `http_auth_group`: the patterns are groups of this list.
    groups: Option<(UserlistId, Vec<Box<[u8]>>)>,
    text: Box<str>,
}

impl fmt::Debug for AclTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AclTest").field(&self.text).finish()
    }
}

impl AclTest {
    /// Parses criterion, flags, operator and patterns.
    pub fn parse(words: &[&str], env: &mut Env<'_>) -> Result<Self, ParseError> {
        let Some(&criterion) = words.first() else {
            return Err(ParseError::new(0..0, ErrorKind::MissingExpression));
        };
        let (expr, implied) = parse_criterion(criterion, env)?;
        let mut parser = Parser {
            folds: if expr.output() == SampleType::Method { |p| !is_known_method(p) } else { |_| true },
            words,
            at: 1,
            method: None,
            icase: false,
            is_method: expr.output() == SampleType::Method,
            lookup: true,
            as_map: false,
            id: None,
            references: Vec::new(),
        };
        parser.flags(&expr, implied, env)?;
        let method = parser.method(&expr, implied)?;
        let entries = parser.patterns(method, env)?;
        if !method.has_patterns() {
            // Values behind `found` and `bool` are ignored, as in HAProxy.
            return parser.finish(expr, method, Vec::new());
        }
        let groups =
            expr.userlist().map(|list| (list, entries.iter().map(|e| e.pattern.as_bytes().into()).collect()));
        let compiled = parser.compile(method, entries, env)?;
        let mut test = parser.finish(expr, method, compiled)?;
        test.groups = groups;
        Ok(test)
    }

    /// Whether a value of the expression matches.
    #[inline]
    pub fn eval<'a>(&'a self, ctx: &Ctx<'a>) -> Verdict {
        ctx.incomplete.set(false);
        if self.expr.any(ctx, |sample| self.matches(sample, ctx)) {
            return Verdict::Pass;
        }
        if ctx.incomplete.get() { Verdict::Unknown } else { Verdict::Fail }
    }

    #[inline]
    fn matches(&self, sample: Sample<'_>, ctx: &Ctx<'_>) -> bool {
        if let Some((list, groups)) = &self.groups {
            let user = sample.data().unwrap_or_default();
            return groups.iter().any(|g| ctx.world.in_group(*list, user, g));
        }
        match (self.method, prepare(sample, self.method)) {
            (_, None) => false,
            (Method::Found, _) => true,
            (Method::Bool, Some(sample)) => Set::Bool.find(&sample).is_some(),
            (_, Some(sample)) => self.patterns.iter().any(|p| p.matches(&sample)),
        }
    }

    /// The expression that is tested.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// How its values are compared.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The sets of networks that an address is compared with, as they are now. None: it compares something else.
    pub fn networks(&self) -> Option<Vec<Networks>> {
        self.patterns.iter().map(|patterns| patterns.networks()).collect()
    }

    /// The ranges that a number is compared with, as they are now, both ends inclusive. None: it compares something else.
    pub fn ranges(&self) -> Option<Vec<(i64, i64)>> {
        let ranges: Option<Vec<_>> = self.patterns.iter().map(|patterns| patterns.ranges()).collect();
        ranges.map(|ranges| ranges.concat()).filter(|_| self.method == Method::Int)
    }

    /// The test as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The expression of a criterion, and the method that an ACL keyword implies.
fn parse_criterion(word: &str, env: &mut Env<'_>) -> Result<(Expr, Option<Method>), ParseError> {
    let end = identifier(word, 0);
    let name = &word[..end];
    if name.is_empty() {
        return Err(ParseError::new(0..word.len(), ErrorKind::MissingExpression));
    }
    // An ACL does not know where it will be used: that is checked at each use.
    let mut env = Env::anywhere(&mut *env.resolver);
    let Some(keyword) = keyword::find(name) else {
        return match Expr::parse(&[word], &mut env) {
            Ok((expr, _)) => Ok((expr, None)),
            Err(e) => Err(with_keyword_hint(e, name)),
        };
    };
    let text = format!("{}{}", keyword.fetch, &word[end..]);
    match Expr::parse(&[&text], &mut env) {
        Ok((expr, _)) => {
            let implied = (!expr.has_converters()).then_some(keyword.method);
            Ok((expr.named(word), implied))
        }
        Err(mut e) => {
            let back = |at: usize| {
                if at <= keyword.fetch.len() { at.min(end) } else { at - keyword.fetch.len() + end }
            };
            e.range = back(e.range.start)..back(e.range.end);
            Err(e)
        }
    }
}

/// Looks for the nearest word among fetches and ACL keywords alike.
fn with_keyword_hint(e: ParseError, name: &str) -> ParseError {
    match e.kind {
        ErrorKind::UnknownFetch(_) if converter_named(name).is_none() => {
            let keywords = keyword::keywords().iter().map(|k| &*k.name);
            let hint = nearest(name, fetch::names().chain(keywords));
            e.with_hint(hint)
        }
        _ => e,
    }
}

struct Parser<'w> {
    /// Whether `-i` has a meaning for a pattern.
    folds: fn(&str) -> bool,
    words: &'w [&'w str],
    at: usize,
    method: Option<Method>,
    icase: bool,
    /// Whether it compares methods, of which the known ones never fold.
    is_method: bool,
    /// Whether names may stand for addresses: no `-n` so far.
    lookup: bool,
    as_map: bool,
    id: Option<u32>,
    /// Sets, the words that name them, and whether `-i` stands before.
    references: Vec<(Arc<Reference>, usize, bool)>,
}

impl<'w> Parser<'w> {
    fn word(&self) -> Option<&'w str> {
        self.words.get(self.at).copied()
    }

    fn error(&self, at: usize, kind: ErrorKind) -> ParseError {
        let len = self.words.get(at).map_or(0, |w| w.len());
        ParseError::new(0..len, kind).in_word(at)
    }

    fn flags(&mut self, expr: &Expr, implied: Option<Method>, env: &mut Env<'_>) -> Result<(), ParseError> {
        while let Some(word) = self.word().filter(|w| w.starts_with('-')) {
            let flag = self.at;
            self.at += 1;
            match word {
                "--" => break,
                "-i" => self.icase = true,
                "-n" => self.lookup = false,
                "-M" => self.as_map = true,
                "-m" => self.method = Some(self.method_flag(expr)?),
                "-u" => self.id = Some(self.id_flag()?),
                "-f" => {
                    let method = self.method(expr, implied)?;
                    self.file(method, env)?;
                }
                other => {
                    let kind = ErrorKind::UnknownAclFlag(other.to_owned());
                    let hint = "put `--` before patterns that begin with `-`".to_owned();
                    return Err(self.error(flag, kind).with_hint(Some(hint)));
                }
            }
        }
        Ok(())
    }

    fn argument(&mut self, flag: &'static str) -> Result<&'w str, ParseError> {
        let at = self.at;
        self.at += 1;
        self.words.get(at).copied().ok_or_else(|| self.error(at - 1, ErrorKind::MissingFlagArgument(flag)))
    }

    fn method_flag(&mut self, expr: &Expr) -> Result<Method, ParseError> {
        let word = self.argument("-m")?.to_owned();
        let at = self.at - 1;
        if !self.references.is_empty() {
            let kind = ErrorKind::Syntax("`-m` must stand before `-f`".to_owned());
            return Err(self.error(at - 1, kind));
        }
        let Some(method) = Method::from_word(&word) else {
            let hint = nearest(&word, METHODS.iter().map(|m| m.name));
            return Err(self.error(at, ErrorKind::UnknownMethod(word)).with_hint(hint));
        };
        if !method.takes(expr.output()) {
            let kind = ErrorKind::BadMethod { method: method.row().name, found: expr.output() };
            return Err(self.error(at, kind));
        }
        Ok(method)
    }

    fn id_flag(&mut self) -> Result<u32, ParseError> {
        let word = self.argument("-u")?;
        match word.parse() {
            Ok(id) => Ok(id),
            Err(_) => {
                let reason = format!("`-u` needs a number, found `{word}`");
                Err(self.error(self.at - 1, ErrorKind::BadPattern(reason)))
            }
        }
    }

    /// The method in effect: `-m`, or what the keyword implies, or what the type of the samples implies.
    fn method(&self, expr: &Expr, implied: Option<Method>) -> Result<Method, ParseError> {
        let default = || Method::default_for(expr.output());
        self.method.or(implied).or_else(default).ok_or_else(|| {
            let hint = "for instance `-m str` or `-m found`".to_owned();
            self.error(0, ErrorKind::MissingMethod(expr.output())).with_hint(Some(hint))
        })
    }

    fn file(&mut self, method: Method, env: &mut Env<'_>) -> Result<(), ParseError> {
        let path = self.argument("-f")?.to_owned();
        let at = self.at - 1;
        let reference = match env.resolver.patterns().file(&path) {
            Some(known) if known.is_map() != self.as_map => {
                let what = if known.is_map() { "a map" } else { "a list of patterns" };
                let kind = ErrorKind::BadPattern(format!("`{path}` is already used as {what}"));
                return Err(self.error(at, kind));
            }
            Some(known) => known,
            None => {
                let text = read_text(&path, env.resolver).map_err(|kind| self.error(at, kind))?;
                let mut entries = crate::pattern::parse_file(&text, self.as_map);
                if method == Method::Ip && self.lookup {
                    resolve_names(&mut entries, env.resolver);
                }
                env.resolver.patterns().add_file(&path, self.as_map, entries)
            }
        };
        self.references.push((reference, at, self.icase));
        Ok(())
    }

    /// Takes operator and patterns that stand in the line itself.
    fn patterns(&mut self, method: Method, env: &mut Env<'_>) -> Result<Vec<Entry>, ParseError> {
        let mut operator = None;
        let mut entries = Vec::new();
        while let Some(word) = self.word() {
            // An operator holds for all numbers behind it, up to the next operator.
            if method.is_numeric()
                && let Some(next) = Operator::from_word(word)
            {
                operator = Some(next);
                self.at += 1;
                continue;
            }
            let entry = Entry { operator, ..Entry::new(word, self.icase && (self.folds)(word)) };
            // Each is checked alone, so that the error names its word.
            if method.has_patterns() && !(method == Method::Ip && self.lookup && is_name(word)) {
                let alone = std::slice::from_ref(&entry);
                Set::compile(method, alone)
                    .map_err(|(_, reason)| self.error(self.at, ErrorKind::BadPattern(reason)))?;
            }
            let mut named = vec![entry];
            if method == Method::Ip && self.lookup && is_name(word) {
                look_up(word, &mut named, env.resolver).map_err(|kind| self.error(self.at, kind))?;
            }
            entries.append(&mut named);
            self.at += 1;
        }
        Ok(entries)
    }

    fn compile(
        &mut self,
        method: Method,
        entries: Vec<Entry>,
        env: &mut Env<'_>,
    ) -> Result<Vec<Arc<Compiled>>, ParseError> {
        // Patterns of the line have a set of their own, empty or not, which the runtime socket can add to.
        if !entries.is_empty() || self.references.is_empty() {
            let criterion = self.words.first().copied().unwrap_or_default();
            let inline = env.resolver.patterns().add_inline(self.id, criterion, entries);
            let inline = inline.map_err(|reason| self.error(0, ErrorKind::BadPattern(reason)))?;
            // Patterns that are added at run time fold their case like those of the line.
            self.references.push((inline, 0, self.icase && !self.is_method));
        }
        let mut compiled = Vec::with_capacity(self.references.len());
        for (reference, word, icase) in &self.references {
            compiled.push(reference.compile(method, MapValue::None, *icase).map_err(|(entry, reason)| {
                let line = reference.entries().get(entry).map_or(0, |e| e.line);
                let reason = match line {
                    0 => reason,
                    line => format!("{reason} at line {line} of `{}`", reference.name()),
                };
                self.error(*word, ErrorKind::BadPattern(reason))
            })?);
        }
        Ok(compiled)
    }

    fn finish(self, expr: Expr, method: Method, patterns: Vec<Arc<Compiled>>) -> Result<AclTest, ParseError> {
        let text = self.words.join(" ").into();
        Ok(AclTest { expr, method, patterns, groups: None, text })
    }
}

/// Whether it is a method that everybody knows, whose case counts even under `-i`.
fn is_known_method(pattern: &str) -> bool {
    const KNOWN: [&str; 8] = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"];
    KNOWN.iter().any(|known| pattern.eq_ignore_ascii_case(known))
}

/// Whether a pattern can only be a host's name.
fn is_name(word: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    word.bytes().all(ok) && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Puts the addresses of a host in the place of its name.
fn look_up(name: &str, entries: &mut Vec<Entry>, resolver: &dyn Resolver) -> Result<(), ErrorKind> {
    let found = resolver.lookup_host(name).map_err(|e| {
        ErrorKind::BadPattern(format!("`{name}` is not an address, and no host of that name: {}", e.reason))
    })?;
    entries.clear();
    entries.extend(found.iter().map(|ip| Entry::new(&ip.to_string(), false)));
    Ok(())
}

/// The same for the entries of a file; those that do not resolve stay, and are refused when they are
/// compiled.
fn resolve_names(entries: &mut Vec<Entry>, resolver: &dyn Resolver) {
    if !entries.iter().any(|e| is_name(&e.pattern)) {
        return;
    }
    let all = std::mem::take(entries);
    for entry in all {
        let mut named = vec![entry];
        let name = named[0].pattern.clone();
        if is_name(&name) {
            // The error of an unknown host is that of a pattern that is no address, at its line.
            _ = look_up(&name, &mut named, resolver);
        }
        entries.append(&mut named);
    }
}

/// A file as text.
pub(crate) fn read_text(path: &str, resolver: &dyn Resolver) -> Result<String, ErrorKind> {
    let file = |reason: String| ErrorKind::File { path: path.to_owned(), reason };
    let bytes = resolver.read_file(path).map_err(|e| file(e.reason))?;
    String::from_utf8(bytes).map_err(|e| file(format!("byte {} is not UTF-8", e.utf8_error().valid_up_to())))
}
