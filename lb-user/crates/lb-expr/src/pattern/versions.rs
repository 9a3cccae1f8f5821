//! The entries of a set: those that are in force, and versions of them that are being prepared.

use std::collections::BTreeMap;

use super::store::Entry;

/// Which entries a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of this pattern.
    Pattern(Box<str>),
    /// The one of this number.
    Number(u64),
}

impl Which {
    fn is(&self, entry: &Entry) -> bool {
        match self {
            Self::Pattern(pattern) => entry.pattern == *pattern,
            Self::Number(number) => entry.number == *number,
        }
    }
}

/// A change of the runtime socket or of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// `add acl`, `add map`: an entry more, of a version that is being prepared or of the one in force.
    Add(Entry, Option<u32>),
    /// `del acl`, `del map`: none of these any more, in any version.
    Delete(Which),
    /// `set map`: another value for these, in all versions.
    Set(Which, Box<str>),
    /// `clear acl`, `clear map`: no entries any more, of a version that is being prepared or of the one in force.
    Clear(Option<u32>),
}

impl Edit {
    /// Adds a pattern to those in force.
    pub fn add(pattern: &str, value: Option<&str>) -> Self {
        Self::Add(Entry { value: value.map(Into::into), ..Entry::from_word(pattern) }, None)
    }
}

/// Why a set stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The version is not prepared, or is no longer.
    #[error("Version number out of range.")]
    OutOfRange,
    /// The version is not prepared yet.
    #[error("Version number in the future, please use 'prepare' before.")]
    InTheFuture,
    /// No entry is meant.
    #[error("entry not found.")]
    NotFound,
    /// A pattern or a value is of no use.
    #[error("{0}.")]
    Useless(String),
}

/// Entries by version.
#[derive(Clone, Debug)]
pub(super) struct Versions {
    current: u32,
    latest: u32,
    next_number: u64,
    live: Vec<Entry>,
    prepared: BTreeMap<u32, Vec<Entry>>,
}

impl Versions {
    pub(super) fn new(mut live: Vec<Entry>) -> Self {
        for (entry, number) in live.iter_mut().zip(1..) {
            entry.number = number;
        }
        Self { current: 0, latest: 0, next_number: live.len() as u64 + 1, live, prepared: BTreeMap::new() }
    }

    /// Those in force.
    pub(super) fn live(&self) -> &[Entry] {
        &self.live
    }

    pub(super) fn of(&self, version: Option<u32>) -> &[Entry] {
        match version {
            Some(version) if version != self.current => {
                self.prepared.get(&version).map_or(&[], Vec::as_slice)
            }
            _ => &self.live,
        }
    }

    pub(super) fn numbers(&self) -> (u32, u32, usize) {
        (self.current, self.latest, self.live.len() + self.prepared.values().map(Vec::len).sum::<usize>())
    }

    pub(super) fn prepare(&mut self) -> u32 {
        self.latest = self.latest.saturating_add(1);
        self.latest
    }

    pub(super) fn commit(&mut self, version: u32) -> Result<(), EditError> {
        if !self.is_prepared(version) {
            return Err(EditError::OutOfRange);
        }
        let later = self.prepared.split_off(&version);
        self.prepared = later;
        self.live = self.prepared.remove(&version).unwrap_or_default();
        self.current = version;
        Ok(())
    }

    fn is_prepared(&self, version: u32) -> bool {
        version > self.current && version <= self.latest
    }

    pub(super) fn apply(&mut self, edit: Edit) -> Result<(), EditError> {
        match edit {
            Edit::Add(entry, version) => self.add(entry, version),
            Edit::Clear(version) => {
                match version {
                    Some(version) if version != self.current => drop(self.prepared.remove(&version)),
                    _ => self.live.clear(),
                }
                Ok(())
            }
            Edit::Delete(which) => {
                let before = self.numbers().2;
                self.all().for_each(|entries| entries.retain(|entry| !which.is(entry)));
                if self.numbers().2 == before { Err(EditError::NotFound) } else { Ok(()) }
            }
            Edit::Set(which, value) => {
                let mut found = false;
                for entry in self.all().flatten().filter(|entry| which.is(entry)) {
                    entry.value = Some(value.clone());
                    found = true;
                }
                if found { Ok(()) } else { Err(EditError::NotFound) }
            }
        }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Vec<Entry>> {
        std::iter::once(&mut self.live).chain(self.prepared.values_mut())
    }

    fn add(&mut self, mut entry: Entry, version: Option<u32>) -> Result<(), EditError> {
        entry.number = self.next_number;
        match version.unwrap_or(self.current) {
            version if version == self.current => self.live.push(entry),
            version if self.is_prepared(version) => self.prepared.entry(version).or_default().push(entry),
            version if version > self.latest => return Err(EditError::InTheFuture),
            _ => return Err(EditError::OutOfRange),
        }
        self.next_number += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MapValue, Method, Patterns, parse_file};
    use super::*;
    use crate::sample::Sample;

    #[test]
    fn edits_reach_what_was_compiled_or_change_nothing() {
        let mut patterns = Patterns::default();
        let reference = patterns.add_file("ips", false, parse_file("10.0.0.0/8\n", false));
        let compiled = reference.compile(Method::Ip, MapValue::None, false).unwrap();
        let ten = Sample::Ipv4([10, 1, 1, 1].into());
        let local = Sample::Ipv4([127, 0, 0, 1].into());
        assert!(compiled.matches(&ten) && !compiled.matches(&local));

        reference.edit([Edit::add("127.0.0.0/8", None)]).unwrap();
        assert!(compiled.matches(&ten) && compiled.matches(&local));

        let bad = [Edit::Clear(None), Edit::add("not an address", None)];
        assert!(reference.edit(bad).is_err());
        assert!(compiled.matches(&ten) && reference.entries().len() == 2);

        reference.edit([Edit::Delete(Which::Pattern("10.0.0.0/8".into()))]).unwrap();
        assert!(!compiled.matches(&ten) && compiled.matches(&local));
        assert_eq!(patterns.find("ips").map(|r| r.id()), Some(reference.id()));
    }

    #[test]
    fn versions_replace_one_another() {
        let mut patterns = Patterns::default();
        let set = patterns.add_file("m", true, parse_file("a 1\nb 2\n", true));
        let add = |key: &str, version| set.edit([Edit::Add(Entry::from_word(key), version)]);
        let names =
            |version| set.entries_of(version).iter().map(|e| e.pattern.to_string()).collect::<Vec<_>>();
        assert_eq!(add("x", Some(1)), Err(EditError::InTheFuture));
        assert_eq!((set.prepare(), set.prepare(), set.prepare()), (1, 2, 3));
        for (key, version) in [("one", 1), ("two", 2), ("three", 3)] {
            add(key, Some(version)).unwrap();
        }
        assert_eq!((names(None), names(Some(2))), (vec!["a".into(), "b".into()], vec!["two".to_owned()]));
        assert_eq!(set.commit(4), Err(EditError::OutOfRange));
        set.commit(2).unwrap();
        assert_eq!((set.versions(), names(None)), ((2, 3, 2), vec!["two".to_owned()]));
        assert_eq!(add("late", Some(1)), Err(EditError::OutOfRange));
        assert_eq!(set.commit(1), Err(EditError::OutOfRange));
        set.edit([Edit::Clear(Some(3))]).unwrap();
        set.commit(3).unwrap();
        assert_eq!(set.versions(), (3, 3, 0));
    }

    #[test]
    fn entries_have_numbers() {
        let mut patterns = Patterns::default();
        let set = patterns.add_file("m", true, parse_file("a 1\na 2\n", true));
        let second = set.entries()[1].number;
        set.edit([Edit::Set(Which::Number(second), "3".into())]).unwrap();
        let values =
            |set: &super::super::Reference| set.entries().iter().map(|e| e.value.clone()).collect::<Vec<_>>();
        assert_eq!(values(&set), [Some("1".into()), Some("3".into())]);
        set.edit([Edit::Delete(Which::Number(second))]).unwrap();
        assert_eq!(set.edit([Edit::Delete(Which::Number(second))]), Err(EditError::NotFound));
        assert_eq!(values(&set), [Some("1".into())]);
    }
}
