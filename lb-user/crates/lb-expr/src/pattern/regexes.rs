//! Regular expressions: one automaton for many.
//!
//! They are searched in bytes with the `regex` crate, whose time is linear in the text. Back references and
//! look-around, which PCRE has, are refused at load.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::store::Entry;

/// Bytes that a compiled set may take: ten thousand expressions of ordinary length take some tens of
/// megabytes.
const SIZE_LIMIT: usize = 512 << 20;

/// Regular expressions, in their order.
pub(crate) struct RegexList {
    set: RegexSet,
}

impl RegexList {
    pub(crate) fn compile(entries: &[Entry]) -> Result<Self, (usize, String)> {
        let patterns = entries.iter().map(|e| match e.icase {
            true => format!("(?i:{})", e.pattern),
            false => e.pattern.to_string(),
        });
        let set = RegexSetBuilder::new(patterns).unicode(false).size_limit(SIZE_LIMIT).build();
        match set {
            Ok(set) => Ok(Self { set }),
            Err(e) => Err(culprit(entries, &e)),
        }
    }

    /// The first expression that matches.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<u32> {
        // Whether any matches is cheaper than which ones do.
        if !self.set.is_match(bytes) {
            return None;
        }
        self.set.matches(bytes).iter().next().and_then(|i| u32::try_from(i).ok())
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
}
