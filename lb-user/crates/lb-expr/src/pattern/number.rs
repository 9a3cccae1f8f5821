//! Sets of integers and ranges.

use std::collections::HashMap;

use super::store::Entry;

/// `eq`, `ge`, `gt`, `le`, `lt` before the integers of an ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal to at least one.
    Eq,
    /// Greater than or equal to at least one.
    Ge,
    /// Greater than at least one.
    Gt,
    /// Less than or equal to at least one.
    Le,
    /// Less than at least one.
    Lt,
}

impl Operator {
    /// The operator of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "eq" => Some(Self::Eq),
            "ge" => Some(Self::Ge),
            "gt" => Some(Self::Gt),
            "le" => Some(Self::Le),
            "lt" => Some(Self::Lt),
            _ => None,
        }
    }
}

type Range = (i64, i64);

/// Integers and ranges. Single integers are hashed; ranges are sorted, with the largest end so far beside
/// each, so that one search tells whether any holds the value.
pub(crate) struct IntSet {
    single: HashMap<i64, u32>,
    ranges: Vec<Span>,
}

struct Span {
    low: i64,
    high: i64,
    /// The largest `high` of this and all before it.
    reach: i64,
    entry: u32,
}

impl IntSet {
    pub(crate) fn compile(
        entries: &[Entry],
        parse: fn(&str, Option<Operator>) -> Result<Range, String>,
    ) -> Result<Self, (usize, String)> {
        let mut single = HashMap::new();
        let mut ranges = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            let (low, high) = parse(&entry.pattern, entry.operator).map_err(|e| (i, e))?;
            let entry = i as u32;
            match low == high {
                true => _ = single.entry(low).or_insert(entry),
                false => ranges.push(Span { low, high, reach: high, entry }),
            }
        }
        ranges.sort_by_key(|s| (s.low, s.entry));
        let mut reach = i64::MIN;
        for span in &mut ranges {
            reach = reach.max(span.high);
            span.reach = reach;
        }
        Ok(Self { single, ranges })
    }

    /// All of them as ranges.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range> {
        let single = self.single.keys().map(|&number| (number, number));
        single.chain(self.ranges.iter().map(|span| (span.low, span.high)))
    }

    /// The first entry that holds the value.
    pub(crate) fn find(&self, value: i64) -> Option<u32> {
        let end = self.ranges.partition_point(|s| s.low <= value);
        let ranges = self.ranges[..end].iter().rev().take_while(|s| s.reach >= value);
        let range = ranges.filter(|s| s.high >= value).map(|s| s.entry).min();
        let single = self.single.get(&value).copied();
        single.into_iter().chain(range).min()
    }
}

/// An integer, `low:high`, `low:` or `:high`.
pub(crate) fn parse_range(text: &str, operator: Option<Operator>) -> Result<Range, String> {
    let number = |t: &str| t.parse().map_err(|_| format!("`{text}` is not a number"));
    bounds(text, number, number, operator)
}

/// `major.minor`, or a range of them; without a minor number, all of that major one.
pub(crate) fn parse_version_range(text: &str, operator: Option<Operator>) -> Result<Range, String> {
    let version = |missing: i64| {
        move |t: &str| {
            let (major, minor) = match t.split_once('.') {
                Some((major, minor)) => (major.parse::<u16>().ok(), minor.parse::<u16>().ok().map(i64::from)),
                None => (t.parse::<u16>().ok(), Some(missing)),
            };
            match (major, minor) {
                (Some(major), Some(minor)) => Ok(i64::from(major) << 16 | minor),
                _ => Err(format!("`{text}` is not a version")),
            }
        }
    };
    bounds(text, version(0), version(0xffff), operator)
}

/// The ends of a range. HAProxy takes a hyphen for a colon; one at the beginning is a minus sign here.
fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').or_else(|| {
        let hyphen = text.get(1..)?.find('-')? + 1;
        Some((&text[..hyphen], &text[hyphen + 1..]))
    })
}

fn bounds(
    text: &str,
    low: impl Fn(&str) -> Result<i64, String>,
    high: impl Fn(&str) -> Result<i64, String>,
    operator: Option<Operator>,
) -> Result<Range, String> {
    let (low, high) = match split(text) {
        Some(("", "")) => return Err(format!("`{text}` is not a range")),
        Some((l, h)) => {
            (if l.is_empty() { i64::MIN } else { low(l)? }, if h.is_empty() { i64::MAX } else { high(h)? })
        }
        None => (low(text)?, high(text)?),
    };
    if low > high {
        return Err(format!("`{text}` ends before it begins"));
    }
    Ok(match operator {
        None | Some(Operator::Eq) => (low, high),
        Some(Operator::Ge) => (low, i64::MAX),
        Some(Operator::Gt) => (low.saturating_add(1), i64::MAX),
        Some(Operator::Le) => (i64::MIN, high),
        Some(Operator::Lt) => (i64::MIN, high.saturating_sub(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_make_ranges() {
        assert_eq!(parse_range("5", Some(Operator::Gt)), Ok((6, i64::MAX)));
        assert_eq!(parse_range("0", Some(Operator::Lt)), Ok((i64::MIN, -1)));
        assert_eq!(parse_range("1:6", Some(Operator::Gt)), Ok((2, i64::MAX)));
        assert_eq!(parse_range("-5:-1", None), Ok((-5, -1)));
        assert_eq!(parse_range("5-10", None), Ok((5, 10)));
        assert_eq!(parse_range("-5", None), Ok((-5, -5)));
        for bad in [":", "5x", "5.5", "abc", "", "1:2:3", "5:3", "9223372036854775808"] {
            assert!(parse_range(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_are_major_and_minor() {
        assert_eq!(parse_version_range("3.1", None), Ok((0x30001, 0x30001)));
        assert_eq!(parse_version_range("3:3.1", None), Ok((0x30000, 0x30001)));
        assert_eq!(parse_version_range("3", None), Ok((0x30000, 0x3ffff)));
    }

    #[test]
    fn overlapping_ranges_are_found() {
        let entries: Vec<Entry> =
            ["1:100", "5:6", "50", "200:"].iter().map(|p| Entry::new(p, false)).collect();
        let set = IntSet::compile(&entries, parse_range).unwrap();
        assert_eq!(set.find(70), Some(0));
        assert_eq!(set.find(50), Some(0));
        assert_eq!(set.find(0), None);
        assert_eq!(set.find(150), None);
        assert_eq!(set.find(i64::MAX), Some(3));
    }
}
