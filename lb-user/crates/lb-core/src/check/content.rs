//! What a check looks for in received bytes.

use std::fmt::Write as _;

use regex::bytes::Regex;

/// Something to be found, or not to be found, in received bytes.
#[derive(Debug)]
pub(super) struct Needle {
    what: What,
    negated: bool,
    until: Until,
}

#[derive(Debug)]
enum What {
    Bytes(Vec<u8>),
    Regex(Regex),
    HexRegex(Regex),
}

/// How much must be there before a failure to match is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Anything: more may come, and the end decides.
    Any,
    /// So many bytes.
    Bytes(u32),
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// What was wanted.
    Wanted,
    /// What was not wanted, or not what was wanted.
    Unwanted,
    /// More must come.
    Undecided,
}

impl Needle {
    pub(super) fn bytes(bytes: &[u8]) -> Self {
        Self { what: What::Bytes(bytes.to_vec()), negated: false, until: Until::Any }
    }

    pub(super) fn regex(regex: Regex) -> Self {
        Self { what: What::Regex(regex), negated: false, until: Until::Any }
    }

    pub(super) fn hex_regex(regex: Regex) -> Self {
        Self { what: What::HexRegex(regex), negated: false, until: Until::Any }
    }

    pub(super) fn negated(self, negated: bool) -> Self {
        Self { negated, ..self }
    }

    pub(super) fn after(self, until: Until) -> Self {
        Self { until, ..self }
    }

    pub(super) fn is_negated(&self) -> bool {
        self.negated
    }

    /// Looks at what has come so far; `complete`: no more will.
    pub(super) fn look(&self, hay: &[u8], complete: bool) -> Found {
        if !complete && matches!(self.until, Until::Bytes(least) if hay.len() < least as usize) {
            return Found::Undecided;
        }
        // With a least number of bytes, what is there when they are decides.
        let decided = complete || matches!(self.until, Until::Bytes(_));
        match (self.matches(hay), self.negated) {
            (true, false) => Found::Wanted,
            (true, true) => Found::Unwanted,
            (false, _) if !decided => Found::Undecided,
            (false, true) => Found::Wanted,
            (false, false) => Found::Unwanted,
        }
    }

    fn matches(&self, hay: &[u8]) -> bool {
        match &self.what {
            What::Bytes(bytes) => memchr::memmem::find(hay, bytes).is_some(),
            What::Regex(regex) => regex.is_match(hay),
            What::HexRegex(regex) => regex.is_match(hex(hay).as_bytes()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}
