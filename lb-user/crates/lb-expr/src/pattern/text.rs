//! Sets of strings: exact ones, prefixes and suffixes, and strings that occur somewhere.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use aho_corasick::{AhoCorasick, MatchKind};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::store::Entry;

/// Hashes with XXH3: what is hashed comes from the configuration, and requests only look it up.
#[derive(Clone, Copy, Default)]
pub(crate) struct XxHasher(u64);

impl Hasher for XxHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_usize(&mut self, n: usize) {
        self.0 ^= n as u64;
    }
}

type Exact = HashMap<Box<[u8]>, u32, BuildHasherDefault<XxHasher>>;

/// Lower-case copies of samples are built here; what fits needs no allocation.
type Lowered = SmallVec<[u8; 256]>;

fn lower(bytes: &[u8]) -> Lowered {
    let mut out = Lowered::from_slice(bytes);
    out.make_ascii_lowercase();
    out
}

/// The lower one of two entries.
fn first(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    a.into_iter().chain(b).min()
}

/// Whole strings.
pub(crate) struct ExactSet {
    exact: Exact,
    folded: Exact,
}

impl ExactSet {
    pub(crate) fn compile(
        entries: &[Entry],
        parse: fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, (usize, String)> {
        let mut set = Self { exact: Exact::default(), folded: Exact::default() };
        for (i, entry) in entries.iter().enumerate() {
            let mut bytes = parse(&entry.pattern).map_err(|e| (i, e))?;
            if entry.icase {
                bytes.make_ascii_lowercase();
                set.folded.entry(bytes.into()).or_insert(i as u32);
            } else {
                set.exact.entry(bytes.into()).or_insert(i as u32);
            }
        }
        Ok(set)
    }

    #[inline]
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<u32> {
        let exact = self.exact.get(bytes).copied();
        if self.folded.is_empty() {
            return exact;
        }
        first(exact, self.folded.get(&*lower(bytes)).copied())
    }
}

/// Which end of a sample is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Start,
    End,
}

/// Prefixes or suffixes.
pub(crate) struct AffixSet {
    side: Side,
    exact: Affixes,
    folded: Affixes,
}

impl AffixSet {
    pub(crate) fn compile(entries: &[Entry], side: Side) -> Self {
        let affixes = |icase: bool| {
            let wanted = entries.iter().enumerate().filter(|(_, e)| e.icase == icase);
            Affixes::new(wanted.map(|(i, e)| {
                let mut key = e.pattern.as_bytes().to_vec();
                if icase {
                    key.make_ascii_lowercase();
                }
                if side == Side::End {
                    key.reverse();
                }
                (key.into(), i as u32)
            }))
        };
        Self { side, exact: affixes(false), folded: affixes(true) }
    }

    pub(crate) fn find(&self, bytes: &[u8]) -> Option<u32> {
        let exact = self.find_in(&self.exact, bytes);
        if self.folded.keys.is_empty() {
            return exact;
        }
        first(exact, self.find_in(&self.folded, &lower(bytes)))
    }

    fn find_in(&self, affixes: &Affixes, bytes: &[u8]) -> Option<u32> {
        match self.side {
            Side::Start => affixes.longest(bytes),
            Side::End if affixes.keys.is_empty() => None,
            Side::End => {
                // No more than the longest suffix can match.
                let tail = &bytes[bytes.len().saturating_sub(affixes.longest)..];
                let mut reversed = Lowered::from_slice(tail);
                reversed.reverse();
                affixes.first(&reversed)
            }
        }
    }
}

/// Strings in order. Whatever prefix of a text is among them, the last string that is not behind the text is
/// one of them or has the longest of them as a prefix of its own; `parents` leads there.
struct Affixes {
    keys: Vec<(Box<[u8]>, u32)>,
    /// For each, the longest other one that it begins with; [`NO_PARENT`] where there is none.
    parents: Vec<u32>,
    /// The length of the longest.
    longest: usize,
}

const NO_PARENT: u32 = u32::MAX;

impl Affixes {
    fn new(keys: impl Iterator<Item = (Box<[u8]>, u32)>) -> Self {
        let mut keys: Vec<_> = keys.collect();
        keys.sort();
        keys.dedup_by(|b, a| a.0 == b.0);
        let mut parents: Vec<u32> = Vec::with_capacity(keys.len());
        for i in 0..keys.len() {
            let mut parent = i.checked_sub(1).map_or(NO_PARENT, |p| p as u32);
            while parent != NO_PARENT && !keys[i].0.starts_with(&keys[parent as usize].0) {
                parent = parents[parent as usize];
            }
            parents.push(parent);
        }
        let longest = keys.iter().map(|(k, _)| k.len()).max().unwrap_or(0);
        Self { keys, parents, longest }
    }

    /// Every string that `text` begins with, longest first.
    fn all<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let behind = self.keys.partition_point(|(key, _)| &**key <= text);
        let mut at = behind.checked_sub(1).map_or(NO_PARENT, |i| i as u32);
        std::iter::from_fn(move || {
            while at != NO_PARENT {
                let (key, entry) = &self.keys[at as usize];
                at = self.parents[at as usize];
                if text.starts_with(key) {
                    return Some(*entry);
                }
            }
            None
        })
    }

    fn longest(&self, text: &[u8]) -> Option<u32> {
        self.all(text).next()
    }

    fn first(&self, text: &[u8]) -> Option<u32> {
        self.all(text).min()
    }
}

/// Strings that occur somewhere, perhaps between delimiters.
pub(crate) struct SearchSet {
    exact: Option<Searcher>,
    folded: Option<Searcher>,
}

struct Searcher {
    automaton: AhoCorasick,
    entries: Vec<u32>,
    delimiters: Option<&'static [u8]>,
}

impl SearchSet {
    pub(crate) fn compile(
        entries: &[Entry],
        delimiters: Option<&'static [u8]>,
    ) -> Result<Self, (usize, String)> {
        let searcher = |icase: bool| {
            let wanted = entries.iter().enumerate().filter(|(_, e)| e.icase == icase);
            let (ids, texts): (Vec<u32>, Vec<&[u8]>) = wanted
                .map(|(i, e)| (i as u32, trim(e.pattern.as_bytes(), delimiters)))
                // What is only delimiters matches nothing.
                .filter(|(_, text)| !text.is_empty() || delimiters.is_none())
                .unzip();
            Searcher::new(ids, &texts, icase, delimiters)
        };
        Ok(Self { exact: searcher(false)?, folded: searcher(true)? })
    }

    pub(crate) fn find(&self, bytes: &[u8]) -> Option<u32> {
        let find = |s: &Option<Searcher>| s.as_ref().and_then(|s| s.find(bytes));
        first(find(&self.exact), find(&self.folded))
    }
}

fn trim<'t>(mut text: &'t [u8], delimiters: Option<&'static [u8]>) -> &'t [u8] {
    let is_one = |b: &u8| delimiters.is_some_and(|d| d.contains(b));
    while let [b, rest @ ..] = text
        && is_one(b)
    {
        text = rest;
    }
    while let [rest @ .., b] = text
        && is_one(b)
    {
        text = rest;
    }
    text
}

impl Searcher {
    fn new(
        entries: Vec<u32>,
        texts: &[&[u8]],
        icase: bool,
        delimiters: Option<&'static [u8]>,
    ) -> Result<Option<Self>, (usize, String)> {
        if texts.is_empty() {
            return Ok(None);
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(icase)
            .build(texts)
            .map_err(|e| (0, format!("the patterns cannot be compiled: {e}")))?;
        Ok(Some(Self { automaton, entries, delimiters }))
    }

    fn find(&self, bytes: &[u8]) -> Option<u32> {
        let is_edge = |at: Option<&u8>| match (at, self.delimiters) {
            (Some(b), Some(delimiters)) => delimiters.contains(b),
            _ => true,
        };
        self.automaton
            .find_overlapping_iter(bytes)
            .filter(|m| is_edge(m.start().checked_sub(1).and_then(|i| bytes.get(i))))
            .filter(|m| is_edge(bytes.get(m.end())))
            .filter_map(|m| self.entries.get(m.pattern().as_usize()).copied())
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(patterns: &[String]) -> Vec<Entry> {
        patterns.iter().map(|p| Entry::new(p, false)).collect()
    }

    proptest! {
        #[test]
        fn affixes_agree_with_looking_at_each(
            patterns in prop::collection::vec("[ab]{0,5}", 0..20),
            text in "[ab]{0,8}",
        ) {
            let set = AffixSet::compile(&entries(&patterns), Side::Start);
            let longest = patterns.iter().filter(|p| text.starts_with(p.as_str())).map(|p| p.len()).max();
            let found = set.find(text.as_bytes()).map(|i| patterns[i as usize].len());
            prop_assert_eq!(found, longest);

            let set = AffixSet::compile(&entries(&patterns), Side::End);
            let first = patterns.iter().position(|p| text.ends_with(p.as_str()));
            prop_assert_eq!(set.find(text.as_bytes()).map(|i| i as usize), first);
        }

        #[test]
        fn searches_agree_with_looking_at_each(
            patterns in prop::collection::vec("[ab]{1,4}", 0..10),
            text in "[ab/]{0,12}",
        ) {
            let set = SearchSet::compile(&entries(&patterns), None).unwrap();
            let first = patterns.iter().position(|p| text.contains(p.as_str()));
            prop_assert_eq!(set.find(text.as_bytes()).map(|i| i as usize), first);

            let set = SearchSet::compile(&entries(&patterns), Some(b"/")).unwrap();
            let first = patterns.iter().position(|p| text.split('/').any(|part| part == p));
            prop_assert_eq!(set.find(text.as_bytes()).map(|i| i as usize), first);
        }
    }
}
