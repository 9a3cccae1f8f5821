//! ACLs and the conditions that are made of them.

mod condition;
mod keyword;
mod predefined;
mod test;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use condition::{Condition, Misuse, Term};
pub use keyword::{AclKeyword, keywords};
pub use predefined::{PREDEFINED, Predefined};
pub use test::AclTest;
pub(crate) use test::read_text;

use crate::ctx::Ctx;
use crate::error::{ErrorKind, ParseError};
use crate::hint::nearest;
use crate::resolve::{Env, Resolver};

/// What a test comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It does not match.
    Fail,
    /// More bytes may decide: content inspection waits, and everything else takes it for [`Verdict::Fail`].
    Unknown,
    /// It matches.
    Pass,
}

impl Verdict {
    fn not(self) -> Self {
        match self {
            Self::Fail => Self::Pass,
            Self::Unknown => Self::Unknown,
            Self::Pass => Self::Fail,
        }
    }
}

/// A named ACL: its lines are ORed.
#[derive(Debug)]
pub struct Acl {
    name: Box<str>,
    tests: Vec<AclTest>,
}

impl Acl {
    /// The name; empty for an anonymous one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its tests, one for each line.
    pub fn tests(&self) -> &[AclTest] {
        &self.tests
    }

    /// Whether any line matches.
    #[inline]
    pub fn eval<'a>(&'a self, ctx: &Ctx<'a>) -> Verdict {
        let mut verdict = Verdict::Fail;
        for test in &self.tests {
            verdict = verdict.max(test.eval(ctx));
            if verdict == Verdict::Pass {
                break;
            }
        }
        verdict
    }
}

/// The ACLs of a proxy.
///
/// Declare all `acl` lines of the proxy first, then parse its conditions: HAProxy lets a line add to an ACL
/// behind rules that use it. A rule that stands before the first line of its ACL is an error, which the
/// positions tell.
#[derive(Debug, Default)]
pub struct Acls {
    /// While lines are declared.
    pending: HashMap<Box<str>, Pending>,
    /// Once a condition used it.
    shared: HashMap<Box<str>, (Arc<Acl>, u32)>,
    predefined: HashMap<&'static str, Arc<Acl>>,
}

#[derive(Debug)]
struct Pending {
    acl: Acl,
    position: u32,
}

impl Acls {
    /// Takes the words behind `acl`: name, criterion, flags and patterns. `position` grows from line to line.
    /// Returns the ACL with all lines that it has so far.
    pub fn declare(&mut self, words: &[&str], position: u32, env: &mut Env<'_>) -> Result<&Acl, ParseError> {
        let Some((&name, rest)) = words.split_first() else {
            return Err(ParseError::new(0..0, ErrorKind::MissingAcl));
        };
        check_name(name)?;
        let test = AclTest::parse(rest, env).map_err(|e| {
            let word = e.word + 1;
            e.in_word(word)
        })?;
        let pending = self
            .pending
            .entry(name.into())
            .or_insert_with(|| Pending { acl: Acl { name: name.into(), tests: Vec::new() }, position });
        pending.acl.tests.push(test);
        Ok(&pending.acl)
    }

    /// Names and lines of all declared ACLs that no condition used so far.
    pub fn unused(&self) -> impl Iterator<Item = &Acl> {
        self.pending.values().map(|p| &p.acl)
    }

    /// The ACL of this name, as a condition at that position finds it.
    fn find(&mut self, name: &str, position: u32, env: &mut Env<'_>) -> Result<Arc<Acl>, ErrorKind> {
        let unknown = || ErrorKind::UnknownAcl(name.to_owned());
        if let Some((key, pending)) = self.pending.remove_entry(name) {
            self.shared.insert(key, (Arc::new(pending.acl), pending.position));
        }
        if let Some((acl, declared)) = self.shared.get(name) {
            return if *declared <= position { Ok(acl.clone()) } else { Err(unknown()) };
        }
        let row = PREDEFINED.iter().find(|p| p.name == name).ok_or_else(unknown)?;
        if let Some(acl) = self.predefined.get(row.name) {
            return Ok(acl.clone());
        }
        let mut env = Env::anywhere(&mut *env.resolver);
        let test = AclTest::parse(row.words, &mut env).map_err(|e| e.kind)?;
        let acl = Arc::new(Acl { name: row.name.into(), tests: vec![test] });
        self.predefined.insert(row.name, acl.clone());
        Ok(acl)
    }

    /// The same for an expression.
    pub(crate) fn named(
        &mut self,
        name: &str,
        position: u32,
        resolver: &mut dyn Resolver,
    ) -> Result<Arc<Acl>, ErrorKind> {
        self.find(name, position, &mut Env::anywhere(resolver))
    }

    /// What might have been meant by an unknown name.
    fn hint(&self, name: &str) -> Option<String> {
        if self.shared.contains_key(name) {
            return Some("it is declared further down".to_owned());
        }
        match name {
            "and" | "&&" => return Some("ACLs that follow one another are ANDed without a word".to_owned()),
            "|" => return Some("alternatives are separated by `||` or `or`".to_owned()),
            _ => {}
        }
        let own = self.pending.keys().chain(self.shared.keys()).map(|k| &**k);
        let hint = nearest(name, own.chain(PREDEFINED.iter().map(|p| p.name)));
        let is_test =
            || keyword::is_criterion(name).then(|| format!("an ACL on the spot is written `{{ {name} … }}`"));
        hint.or_else(is_test)
    }
}

fn check_name(name: &str) -> Result<(), ParseError> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    let bad = name.bytes().position(|b| !ok(b));
    if let Some(at) = bad {
        let len = name[at..].chars().next().map_or(1, char::len_utf8);
        let kind = ErrorKind::BadAclName(name.to_owned());
        let hint = Some("letters, digits, `-`, `_`, `.` and `:` are allowed".to_owned());
        return Err(ParseError::new(at..at + len, kind).with_hint(hint));
    }
    if matches!(name, "or" | "if" | "unless") || name.is_empty() {
        return Err(ParseError::new(0..name.len(), ErrorKind::BadAclName(name.to_owned())));
    }
    Ok(())
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.is_empty() {
            true => f.write_str("anonymous acl"),
            false => write!(f, "acl '{}'", self.name),
        }
    }
}
