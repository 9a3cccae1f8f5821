//! Patterns: what ACLs and maps compare samples with, compiled so that ten thousand of them cost what one
//! does.

mod ip;
mod literals;
mod number;
mod parse;
mod regexes;
mod store;
mod text;
mod versions;

use std::fmt;

pub use number::Operator;
pub use store::{Networks, Patterns, Reference, ReferenceName, Report};
pub use versions::{Edit, EditError, Which};

use crate::cast::{cast, possible};
use crate::sample::{Sample, SampleType};
use ip::IpSet;
use number::IntSet;
use regexes::RegexList;
use text::{AffixSet, ExactSet, SearchSet, Side};

pub(crate) use parse::{digit, hex};
pub(crate) use regexes::compile as compile_regex;
pub use store::Entry;
pub(crate) use store::{Compiled, MapValue, parse_file};

/// How a sample is compared with patterns: `-m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// It is there at all.
    Found,
    /// It is true.
    Bool,
    /// It is one of these integers, or in one of these ranges.
    Int,
    /// It is one of these addresses, or in one of these networks.
    Ip,
    /// It is one of these byte strings, written in hexadecimal.
    Bin,
    /// Its length is one of these integers, or in one of these ranges.
    Len,
    /// It is one of these strings.
    Str,
    /// It has one of these strings in it.
    Sub,
    /// It matches one of these regular expressions.
    Reg,
    /// It begins with one of these strings.
    Beg,
    /// It ends with one of these strings.
    End,
    /// It has one of these strings between slashes.
    Dir,
    /// It has one of these strings between dots, slashes, colons or question marks.
    Dom,
    /// It is one of these versions `major.minor`, or in one of these ranges. ACLs on TLS versions imply it.
    Version,
}

/// A row of the table of match methods.
#[derive(Clone, Copy, Debug)]
pub struct MethodRow {
    /// The word behind `-m`. Empty: only implied by ACL keywords.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// The type that samples are cast to first.
    pub input: SampleType,
    /// One line for the reference.
    pub doc: &'static str,
}

/// The table of match methods.
pub static METHODS: &[MethodRow] = &[
    row("found", Method::Found, SampleType::Any, "the sample is there, whatever its value"),
    row("bool", Method::Bool, SampleType::Sint, "the value is not false and not zero"),
    row("int", Method::Int, SampleType::Sint, "integers, ranges a:b, and eq ge gt le lt"),
    row("ip", Method::Ip, SampleType::Addr, "addresses and networks"),
    row("bin", Method::Bin, SampleType::Bin, "exact bytes, written in hexadecimal"),
    row("len", Method::Len, SampleType::Str, "the length, as with int"),
    row("str", Method::Str, SampleType::Str, "exact strings"),
    row("sub", Method::Sub, SampleType::Str, "strings that occur in it"),
    row("reg", Method::Reg, SampleType::Str, "regular expressions"),
    row("beg", Method::Beg, SampleType::Str, "strings that it begins with"),
    row("end", Method::End, SampleType::Str, "strings that it ends with"),
    row("dir", Method::Dir, SampleType::Str, "whole parts of it between slashes"),
    row("dom", Method::Dom, SampleType::Str, "whole parts of it between dots, slashes, colons"),
    row("", Method::Version, SampleType::Sint, "versions major.minor, as with int"),
];

const fn row(name: &'static str, method: Method, input: SampleType, doc: &'static str) -> MethodRow {
    MethodRow { name, method, input, doc }
}

impl Method {
    /// The method of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        METHODS.iter().find(|r| r.name == word && !word.is_empty()).map(|r| r.method)
    }

    /// Its row.
    pub fn row(self) -> &'static MethodRow {
        let at = METHODS.iter().position(|r| r.method == self);
        &METHODS[at.unwrap_or_default()]
    }

    /// The method that samples of a type have where none is named.
    pub fn default_for(kind: SampleType) -> Option<Self> {
        match kind {
            SampleType::Bool => Some(Self::Bool),
            SampleType::Sint => Some(Self::Int),
            SampleType::Addr | SampleType::Ipv4 | SampleType::Ipv6 => Some(Self::Ip),
            SampleType::Str => Some(Self::Str),
            SampleType::Bin | SampleType::Method | SampleType::Any => None,
        }
    }

    /// Whether samples of a type can be compared in this way.
    pub fn takes(self, kind: SampleType) -> bool {
        possible(kind, self.row().input)
    }

    /// Whether its patterns are numbers, which `eq`, `gt` and so on may precede.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Len | Self::Version)
    }

    /// Whether it has patterns at all.
    pub fn has_patterns(self) -> bool {
        !matches!(self, Self::Found | Self::Bool)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

/// Patterns, compiled for their method.
pub(crate) enum Set {
    Found,
    Bool,
    Int(IntSet),
    Len(IntSet),
    Ip(IpSet),
    Bytes(ExactSet),
    Text(ExactSet),
    Affix(AffixSet),
    Search(SearchSet),
    Regex(RegexList),
}

impl Set {
    /// Compiles entries. The error names the entry and says why it is not a pattern of this method.
    pub(crate) fn compile(method: Method, entries: &[Entry]) -> Result<Self, (usize, String)> {
        Ok(match method {
            Method::Found => Self::Found,
            Method::Bool => Self::Bool,
            Method::Int => Self::Int(IntSet::compile(entries, number::parse_range)?),
            Method::Len => Self::Len(IntSet::compile(entries, number::parse_range)?),
            Method::Version => Self::Int(IntSet::compile(entries, number::parse_version_range)?),
            Method::Ip => Self::Ip(IpSet::compile(entries)?),
            Method::Bin => Self::Bytes(ExactSet::compile(entries, hex)?),
            Method::Str => Self::Text(ExactSet::compile(entries, |t| Ok(t.as_bytes().to_vec()))?),
            Method::Beg => Self::Affix(AffixSet::compile(entries, Side::Start)),
            Method::End => Self::Affix(AffixSet::compile(entries, Side::End)),
            Method::Sub => Self::Search(SearchSet::compile(entries, None)?),
            Method::Dir => Self::Search(SearchSet::compile(entries, Some(b"/?"))?),
            Method::Dom => Self::Search(SearchSet::compile(entries, Some(b"/?.:"))?),
            Method::Reg => Self::Regex(RegexList::compile(entries)?),
        })
    }

    /// The entry that a sample matches: for addresses and prefixes the finest, else the first. `sample` has
    /// the method's input type.
    pub(crate) fn find(&self, sample: &Sample<'_>) -> Option<u32> {
        match (self, sample) {
            (Self::Found, _) => Some(0),
            (Self::Bool, Sample::Int(i)) => (*i != 0).then_some(0),
            (Self::Bool, Sample::Bool(b)) => b.then_some(0),
            (Self::Int(set), Sample::Int(i)) => set.find(*i),
            (Self::Len(set), Sample::Str(d)) => set.find(i64::try_from(d.as_bytes().len()).ok()?),
            (Self::Ip(set), _) => set.find(sample.ip()?),
            (Self::Bytes(set) | Self::Text(set), _) => set.find(sample.data()?),
            (Self::Affix(set), _) => set.find(sample.data()?),
            (Self::Search(set), _) => set.find(sample.data()?),
            (Self::Regex(set), _) => set.find(sample.data()?),
            _ => None,
        }
    }
}

/// Casts a sample to what a method compares. None where it has no such form.
#[inline]
pub(crate) fn prepare<'a>(sample: Sample<'a>, method: Method) -> Option<Sample<'a>> {
    cast(sample, input_of(method))
}

/// [`MethodRow::input`], without a look into the table.
fn input_of(method: Method) -> SampleType {
    match method {
        Method::Found => SampleType::Any,
        Method::Bool | Method::Int | Method::Version => SampleType::Sint,
        Method::Ip => SampleType::Addr,
        Method::Bin => SampleType::Bin,
        _ => SampleType::Str,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole() {
        for row in METHODS {
            assert_eq!(row.method.row().name, row.name);
            assert_eq!(input_of(row.method), row.input, "{}", row.name);
            assert!(!row.doc.is_empty());
        }
        assert_eq!(Method::from_word("beg"), Some(Method::Beg));
        assert_eq!(Method::from_word(""), None);
    }

    fn matches(method: Method, patterns: &[&str], icase: bool, sample: Sample<'_>) -> bool {
        let entries: Vec<Entry> = patterns.iter().map(|p| Entry::new(p, icase)).collect();
        let set = Set::compile(method, &entries).unwrap();
        prepare(sample, method).is_some_and(|s| set.find(&s).is_some())
    }

    // Rows: what haproxy 2.6 answers to the same ACL on the same value.
    #[test]
    fn methods_match_as_haproxys_do() {
        let rows: &[(Method, &[&str], bool, &str, bool)] = &[
            (Method::Beg, &["/a", "/z"], false, "/a/b.html", true),
            (Method::Beg, &[], false, "/a/b.html", false),
            (Method::Beg, &["/A"], true, "/a/b.html", true),
            (Method::Beg, &["/A"], false, "/a/b.html", false),
            (Method::Dir, &["a"], false, "/a/b.html", true),
            (Method::Dir, &["/a"], false, "/a/b.html", true),
            (Method::Dir, &["b.html"], false, "/a/b.html", true),
            (Method::Dir, &["b"], false, "/a/b.html", false),
            (Method::Dir, &["/"], false, "/a/b.html", false),
            (Method::End, &[".html"], false, "/a/b.html", true),
            (Method::Sub, &["b.h"], false, "/a/b.html", true),
            (Method::Reg, &[r"^/a/[bc]\.html$"], false, "/a/b.html", true),
            (Method::Reg, &["^/A"], true, "/a/b.html", true),
            (Method::Reg, &["^/A"], false, "/a/b.html", false),
            (Method::Dom, &["example"], false, "www.example.com:80", true),
            (Method::Dom, &["example.com"], false, "www.example.com:80", true),
            (Method::Dom, &[".example.com."], false, "www.example.com:80", true),
            (Method::Dom, &["exam"], false, "www.example.com:80", false),
            (Method::Dom, &["80"], false, "www.example.com:80", true),
            (Method::Dom, &["EXAMPLE"], true, "www.example.com:80", true),
            (Method::Len, &["9"], false, "/a/b.html", true),
            (Method::Len, &["1:8"], false, "/a/b.html", false),
            (Method::Str, &["b", "a"], false, "a", true),
            (Method::Str, &["A"], false, "a", false),
            (Method::Str, &["A"], true, "a", true),
            (Method::Int, &["5"], false, "5", true),
            (Method::Int, &["1:4", "6:"], false, "5", false),
            (Method::Int, &[":5"], false, "5", true),
            (Method::Ip, &["127.0.0.0/8"], false, "127.0.0.1", true),
            (Method::Bin, &["4142"], false, "AB", true),
            (Method::Found, &[], false, "", true),
        ];
        for (method, patterns, icase, value, expected) in rows {
            let got = matches(*method, patterns, *icase, Sample::str(*value));
            assert_eq!(got, *expected, "{method} {patterns:?} {value}");
        }
    }

    #[test]
    fn bytes_are_text_up_to_nul() {
        assert!(matches(Method::Str, &["A"], false, Sample::bin(&b"A\0"[..])));
        assert!(matches(Method::Bin, &["4100"], false, Sample::bin(&b"A\0"[..])));
    }
}
