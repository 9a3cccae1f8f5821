//! Regular expressions: one automaton for some, and for many a search for texts without which they cannot match.
//!
//! They are searched in bytes with the `regex` crate, whose time is linear in the text. Back references and
//! look-around, which PCRE has, are refused at load.
//!
//! An automaton of 100,000 expressions takes minutes to build. But most expressions have a text in them that whatever
//! they match has, too: where there are many, these are searched all at once, and only the expressions whose text is
//! found are tried.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::literals::Literals;
use super::store::Entry;

/// Bytes that a compiled set may take: ten thousand expressions of ordinary length take some tens of
/// megabytes.
const SIZE_LIMIT: usize = 512 << 20;

/// From how many expressions on texts are searched first: up to here one automaton is quick to build and to run.
const MANY: usize = 200;

/// How many expressions stay compiled once they were tried: some kilobytes each.
const KEPT: usize = 10_000;

/// Regular expressions, in their order.
pub(crate) struct RegexList {
    /// Those that are tried all at once.
    set: RegexSet,
    /// The entries of the set.
    of_set: Vec<u32>,
    /// The others, of which each has a text that it needs.
    by_text: Option<ByText>,
}

/// Expressions that are tried where a text is found.
struct ByText {
    texts: Literals,
    lazy: Box<[Lazy]>,
    /// How many are compiled.
    compiled: AtomicUsize,
}

/// An expression that is compiled when it is needed.
struct Lazy {
    entry: u32,
    pattern: Box<str>,
    icase: bool,
    regex: OnceLock<Regex>,
}

impl RegexList {
    pub(crate) fn compile(entries: &[Entry]) -> Result<Self, (usize, String)> {
        let texts = if entries.len() < MANY { None } else { Literals::compile(entries)? };
        let apart = |i: usize| texts.as_ref().is_some_and(|texts| texts.has(i));
        let in_set = || entries.iter().enumerate().filter(|(i, _)| !apart(*i));
        let patterns = in_set().map(|(_, e)| match e.icase {
            true => format!("(?i:{})", e.pattern),
            false => e.pattern.to_string(),
        });
        let set = RegexSetBuilder::new(patterns).unicode(false).size_limit(SIZE_LIMIT).build();
        let set = set.map_err(|e| culprit(entries, &e))?;
        let of_set = in_set().map(|(i, _)| i as u32).collect();
        Ok(Self { set, of_set, by_text: texts.map(|texts| ByText::new(texts, entries)) })
    }

    /// The first expression that matches.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<u32> {
        let by_text = self.by_text.as_ref().and_then(|others| others.find(bytes));
        self.find_in_set(bytes).into_iter().chain(by_text).min()
    }

    fn find_in_set(&self, bytes: &[u8]) -> Option<u32> {
        // Whether any matches is cheaper than which ones do.
        if self.of_set.is_empty() || !self.set.is_match(bytes) {
            return None;
        }
        self.of_set.get(self.set.matches(bytes).iter().next()?).copied()
    }
}

impl ByText {
    fn new(texts: Literals, entries: &[Entry]) -> Self {
        let lazy = |(i, e): (usize, &Entry)| Lazy {
            entry: i as u32,
            pattern: e.pattern.clone(),
            icase: e.icase,
            regex: OnceLock::new(),
        };
        let lazy = entries.iter().enumerate().filter(|(i, _)| texts.has(*i)).map(lazy).collect();
        Self { texts, lazy, compiled: AtomicUsize::new(0) }
    }

    fn find(&self, bytes: &[u8]) -> Option<u32> {
        let candidates = self.texts.find(bytes);
        candidates.into_iter().find(|entry| self.matches(*entry, bytes))
    }

    fn matches(&self, entry: u32, bytes: &[u8]) -> bool {
        let Ok(at) = self.lazy.binary_search_by_key(&entry, |lazy| lazy.entry) else { return false };
        let lazy = &self.lazy[at];
        if let Some(regex) = lazy.regex.get() {
            return regex.is_match(bytes);
        }
        // Loading has shown that it can be compiled.
        let Ok(regex) = compile(&lazy.pattern, lazy.icase) else { return false };
        let matches = regex.is_match(bytes);
        if self.compiled.fetch_add(1, Ordering::Relaxed) < KEPT {
            // Another thread may have been faster.
            _ = lazy.regex.set(regex);
        }
        matches
    }
}

/// Which of the expressions is wrong, and why.
fn culprit(entries: &[Entry], error: &regex::Error) -> (usize, String) {
    for (i, entry) in entries.iter().enumerate() {
        if let Err(reason) = compile(&entry.pattern, entry.icase) {
            return (i, reason);
        }
    }
    (0, format!("the regular expressions cannot be compiled: {error}"))
}

/// One regular expression.
pub(crate) fn compile(pattern: &str, icase: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern).unicode(false).case_insensitive(icase).build().map_err(|e| reason(pattern, &e))
}

fn reason(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    // The crate's message repeats the expression; its last line says what is wrong.
    let last = text.lines().last().unwrap_or_default();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("regular expression `{pattern}`: {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pcre_alone_has_is_refused() {
        for pattern in [r"(a)\1", "a(?=b)", "(?<!a)b", "("] {
            assert!(compile(pattern, false).is_err(), "{pattern}");
            let entries = [Entry::new("ok", false), Entry::new(pattern, false)];
            assert_eq!(RegexList::compile(&entries).err().map(|e| e.0), Some(1));
        }
    }

    /// Expressions of all kinds: with a text and without, with texts that many share, in any case.
    fn many() -> Vec<Entry> {
        let kinds = |n: usize| match n % 6 {
            0 => format!("^/user/{n}/[a-z]+$"),
            1 => format!("[0-9]+-x{n}$"),
            2 => format!("^/shared/[0-9]{{{}}}$", n % 9),
            3 => "[a-c]{9}".to_owned(),
            4 => format!("(?i:PART{n}|other{n})"),
            _ => format!("^/a.*/b{n}\\.html"),
        };
        (0..600).map(|n| Entry::new(&kinds(n), n % 4 == 0)).collect()
    }

    #[test]
    fn many_expressions_match_as_each_of_them_does() {
        let entries = many();
        let list = RegexList::compile(&entries).unwrap();
        assert!(list.by_text.is_some(), "none of them has a text");
        let each: Vec<Regex> = entries.iter().map(|e| compile(&e.pattern, e.icase).unwrap()).collect();
        for text in [
            "/user/6/abc",
            "/USER/12/ABC",
            "/user/18/ABC",
            "9-x7",
            "/shared/12",
            "/shared/12345678",
            "abcabcabc",
            "/x/part10/y",
            "OTHER16",
            "/a/z/b11.html",
            "/a/z/b599.html",
            "nothing",
            "",
            "/user/6/abc 9-x7 abcabcabc",
            "/a/b5.html/b11.html",
            "\u{ff}/user/0/a",
            "/user/0/a",
        ] {
            let expected = each.iter().position(|regex| regex.is_match(text.as_bytes()));
            assert_eq!(list.find(text.as_bytes()).map(|i| i as usize), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_among_many_is_named() {
        let mut entries = many();
        entries[437] = Entry::new("(", false);
        assert_eq!(RegexList::compile(&entries).err().map(|e| e.0), Some(437));
    }
}
