//! Conditions: `if` or `unless`, and ACLs joined by AND, `or` and `!`.

use std::sync::Arc;

use super::{Acl, AclTest, Acls, Verdict};
use crate::ctx::Ctx;
use crate::error::{ErrorKind, ParseError};
use crate::place::Checkpoint;
use crate::resolve::Env;

/// A compiled condition: alternatives, each a list of ACLs that must all match.
#[derive(Debug)]
pub struct Condition {
    unless: bool,
    alternatives: Vec<Vec<Term>>,
}

/// An ACL in a condition.
#[derive(Debug)]
pub struct Term {
    /// `!`: it must not match.
    pub negate: bool,
    /// The ACL.
    pub acl: Arc<Acl>,
    /// The word that it begins at.
    word: usize,
}

/// An ACL whose tests look at what is not there where the condition stands. HAProxy warns, and the test
/// fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// The word of the condition.
    pub word: usize,
    /// The ACL: its name, or that it has none.
    pub acl: String,
    /// The fetch.
    pub fetch: &'static str,
    /// Whether every line of the ACL is affected, so that it never matches.
    pub never: bool,
}

impl Condition {
    /// Parses the words of a condition, of which the first is `if` or `unless`. `position` is that of the
    /// line, as in
    /// [`Acls::declare`].
    pub fn parse(
        words: &[&str],
        acls: &mut Acls,
        position: u32,
        env: &mut Env<'_>,
    ) -> Result<Self, ParseError> {
        let unless = match words.first().copied() {
            Some("if") => false,
            Some("unless") => true,
            other => {
                let found = other.unwrap_or_default().to_owned();
                return Err(ParseError::new(0..found.len(), ErrorKind::NotACondition(found)));
            }
        };
        let mut parser = Parser { words, at: 1, acls, position, alternatives: vec![Vec::new()] };
        parser.run(env)?;
        let mut alternatives = parser.alternatives;
        alternatives.retain(|terms| !terms.is_empty());
        if alternatives.is_empty() {
            return Err(ParseError::new(0..0, ErrorKind::MissingAcl).in_word(words.len()));
        }
        Ok(Self { unless, alternatives })
    }

    /// What it comes to, `unless` included.
    #[inline]
    pub fn eval<'a>(&'a self, ctx: &Ctx<'a>) -> Verdict {
        let mut verdict = Verdict::Fail;
        for terms in &self.alternatives {
            verdict = verdict.max(all(terms, ctx));
            if verdict == Verdict::Pass {
                break;
            }
        }
        if self.unless { verdict.not() } else { verdict }
    }

    /// Whether it holds: what is not known counts as not matching.
    #[inline]
    pub fn holds<'a>(&'a self, ctx: &Ctx<'a>) -> bool {
        self.eval(ctx) == Verdict::Pass
    }

    /// Whether it begins with `unless`.
    pub fn is_unless(&self) -> bool {
        self.unless
    }

    /// The alternatives, of each of which all terms must hold.
    pub fn alternatives(&self) -> impl Iterator<Item = &[Term]> {
        self.alternatives.iter().map(Vec::as_slice)
    }

    /// Every test of every ACL in it.
    pub fn tests(&self) -> impl Iterator<Item = &AclTest> {
        self.alternatives.iter().flatten().flat_map(|t| t.acl.tests())
    }

    /// Whether it tests something that exists in HTTP mode only.
    pub fn needs_http(&self) -> bool {
        self.tests().any(|t| t.expr().needs_http())
    }

    /// Tests that look at what is not there at a place.
    pub fn misuses(&self, place: Checkpoint) -> Vec<Misuse> {
        let terms = self.alternatives.iter().flatten();
        terms.filter_map(|term| misuse(term, place)).collect()
    }

    /// Tests of bytes that are buffered, which HTTP mode does not look at: the words and the fetches.
    pub fn tests_of_bytes(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let terms = self.alternatives.iter().flatten();
        terms.filter_map(|term| {
            let tests = term.acl.tests();
            let row = tests.iter().map(|t| t.expr().fetch_row()).find(|row| row.source.is_bytes())?;
            Some((term.word, row.names[0]))
        })
    }
}

fn all<'a>(terms: &'a [Term], ctx: &Ctx<'a>) -> Verdict {
    let mut verdict = Verdict::Pass;
    for term in terms {
        let one = term.acl.eval(ctx);
        verdict = verdict.min(if term.negate { one.not() } else { one });
        if verdict == Verdict::Fail {
            break;
        }
    }
    verdict
}

fn misuse(term: &Term, place: Checkpoint) -> Option<Misuse> {
    let wrong = |t: &&AclTest| !t.expr().source().exists_at(place);
    let tests = term.acl.tests();
    let fetch = tests.iter().find(wrong)?.expr().fetch_row().names[0];
    let never = tests.iter().all(|t| wrong(&t));
    Some(Misuse { word: term.word, acl: term.acl.to_string(), fetch, never })
}

struct Parser<'p> {
    words: &'p [&'p str],
    at: usize,
    acls: &'p mut Acls,
    position: u32,
    alternatives: Vec<Vec<Term>>,
}

impl Parser<'_> {
    fn run(&mut self, env: &mut Env<'_>) -> Result<(), ParseError> {
        let mut negate = false;
        while let Some(&word) = self.words.get(self.at) {
            if matches!(word, "or" | "||") {
                self.alternatives.push(Vec::new());
                self.at += 1;
                continue;
            }
            let name = word.trim_start_matches('!');
            let marks = word.len() - name.len();
            negate ^= marks % 2 == 1;
            if name.is_empty() {
                self.at += 1;
                continue;
            }
            let term = self.term(name, marks, negate, env)?;
            if let Some(terms) = self.alternatives.last_mut() {
                terms.push(term);
            }
            negate = false;
        }
        if self.words.last().is_some_and(|w| !w.is_empty() && w.bytes().all(|b| b == b'!')) {
            return Err(ParseError::new(0..0, ErrorKind::MissingAcl).in_word(self.words.len()));
        }
        Ok(())
    }

    fn term(
        &mut self,
        name: &str,
        marks: usize,
        negate: bool,
        env: &mut Env<'_>,
    ) -> Result<Term, ParseError> {
        let word = self.at;
        if name == "{" {
            return Ok(Term { negate, acl: self.anonymous(marks, env)?, word });
        }
        let acl = self.acls.find(name, self.position, env).map_err(|kind| {
            let hint = self.acls.hint(name);
            ParseError::new(marks..marks + name.len(), kind).with_hint(hint).in_word(word)
        })?;
        self.at += 1;
        Ok(Term { negate, acl, word })
    }

    /// `{ criterion … }`.
    fn anonymous(&mut self, marks: usize, env: &mut Env<'_>) -> Result<Arc<Acl>, ParseError> {
        let open = self.at;
        let rest = &self.words[open + 1..];
        let Some(len) = rest.iter().position(|w| *w == "}") else {
            return Err(ParseError::new(marks..marks + 1, ErrorKind::MissingBrace).in_word(open));
        };
        let test = AclTest::parse(&rest[..len], env).map_err(|e| {
            let word = e.word + open + 1;
            e.in_word(word)
        })?;
        self.at = open + len + 2;
        Ok(Arc::new(Acl { name: "".into(), tests: vec![test] }))
    }
}
