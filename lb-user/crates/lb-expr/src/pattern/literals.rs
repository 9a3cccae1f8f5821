//! Texts without which regular expressions cannot match.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};

use super::store::Entry;

/// The shortest text that is worth a search: shorter ones are found everywhere.
const SHORTEST: usize = 3;
/// The most texts of one expression, any of which it needs.
const MOST_TEXTS: usize = 8;
/// How many expressions may need the same text: where it is found, all of them are tried.
const MOST_SHARING: usize = 16;

/// A search for texts of many expressions. Case does not count: what is found is tried after that.
pub(super) struct Literals {
    automaton: AhoCorasick,
    /// The entries that need each text.
    needed_by: Vec<Vec<u32>>,
    /// Whether an entry has texts, by its number.
    has: Vec<bool>,
}

impl Literals {
    /// The search for those of the expressions that have such texts; None where none has. The error says which
    /// expression is none.
    pub(super) fn compile(entries: &[Entry]) -> Result<Option<Self>, (usize, String)> {
        let mut texts: Vec<Vec<Vec<u8>>> = Vec::with_capacity(entries.len());
        let mut sharing: HashMap<Vec<u8>, usize> = HashMap::new();
        for (i, entry) in entries.iter().enumerate() {
            let of_entry = texts_of(entry).map_err(|error| (i, error))?;
            for text in &of_entry {
                *sharing.entry(text.clone()).or_default() += 1;
            }
            texts.push(of_entry);
        }
        let crowded = |text: &Vec<u8>| sharing.get(text).is_some_and(|n| *n > MOST_SHARING);
        let has: Vec<bool> = texts.iter().map(|all| !all.is_empty() && !all.iter().any(crowded)).collect();
        let mut needed_by: HashMap<Vec<u8>, Vec<u32>> = HashMap::new();
        for (i, all) in texts.into_iter().enumerate().filter(|(i, _)| has.get(*i) == Some(&true)) {
            all.into_iter().for_each(|text| needed_by.entry(text).or_default().push(i as u32));
        }
        if needed_by.is_empty() {
            return Ok(None);
        }
        let (texts, needed_by): (Vec<_>, Vec<_>) = needed_by.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(&texts)
            .map_err(|e| (0, format!("the regular expressions cannot be compiled: {e}")))?;
        Ok(Some(Self { automaton, needed_by, has }))
    }

    /// Whether this finds that entry.
    pub(super) fn has(&self, entry: usize) -> bool {
        self.has.get(entry) == Some(&true)
    }

    /// The entries of which a text occurs, in their order.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<u32> {
        let found = self.automaton.find_overlapping_iter(bytes);
        let mut entries: Vec<u32> =
            found.filter_map(|m| self.needed_by.get(m.pattern().as_usize())).flatten().copied().collect();
        entries.sort_unstable();
        entries.dedup();
        entries
    }
}

/// Texts in lower case of which one is in whatever the expression matches; none where that cannot be said.
fn texts_of(entry: &Entry) -> Result<Vec<Vec<u8>>, String> {
    // Case is left to the search, which keeps the number of texts small.
    let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(&entry.pattern);
    let hir = parsed.map_err(|_| {
        // The crate that will search says what is wrong.
        super::compile_regex(&entry.pattern, entry.icase).err().unwrap_or_else(|| "it is too large".into())
    })?;
    if entry.pattern.contains('{') {
        // Only repetitions can make an expression larger than it may be, which must show now.
        super::compile_regex(&entry.pattern, entry.icase)?;
    }
    let [prefixes, suffixes] = [ExtractKind::Prefix, ExtractKind::Suffix].map(|kind| lowered(&hir, kind));
    let shortest = |texts: &Vec<Vec<u8>>| texts.iter().map(Vec::len).min().unwrap_or(0);
    let best = if shortest(&prefixes) >= shortest(&suffixes) { prefixes } else { suffixes };
    Ok(if shortest(&best) >= SHORTEST && best.len() <= MOST_TEXTS { best } else { Vec::new() })
}

fn lowered(hir: &Hir, kind: ExtractKind) -> Vec<Vec<u8>> {
    let seq: Seq = Extractor::new().kind(kind).extract(hir);
    let literals = seq.literals().unwrap_or_default();
    let mut texts: Vec<_> = literals.iter().map(|l| l.as_bytes().to_ascii_lowercase()).collect();
    texts.sort();
    texts.dedup();
    texts
}
