//! Where patterns live: sets that are named by their file or by an id, and that the runtime socket edits.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;

use super::versions::{Edit, EditError, Versions, Which};
use super::{Method, Operator, Set, prepare};
use crate::sample::{Sample, SampleType};

/// A pattern, and in a map the value that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The pattern as it was written.
    pub pattern: Box<str>,
    /// The value, in a map.
    pub value: Option<Box<str>>,
    /// `-i`.
    pub icase: bool,
    /// `eq`, `gt` and so on.
    pub operator: Option<Operator>,
    /// The line of the file, counted from 1; 0 where it comes from no file.
    pub line: u32,
    /// By what the runtime socket knows it within its set; 0 until it belongs to one.
    pub number: u64,
}

impl Entry {
    /// A pattern as the runtime socket gives it: case counts, and there is no value.
    pub fn from_word(pattern: &str) -> Self {
        Self::new(pattern, false)
    }

    pub(crate) fn new(pattern: &str, icase: bool) -> Self {
        Self { pattern: pattern.into(), value: None, icase, operator: None, line: 0, number: 0 }
    }
}

/// What a set of patterns is called on the runtime socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReferenceName {
    /// The file that it was read from.
    File(Arc<str>),
    /// `#id`: patterns in the configuration itself.
    Id(u32),
}

impl fmt::Display for ReferenceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Id(id) => write!(f, "#{id}"),
        }
    }
}

/// What one use of a set makes of a text: `get map`, `get acl`.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it is compared.
    pub method: Method,
    /// Whether without regard to case.
    pub icase: bool,
    /// The entry that matches.
    pub entry: Option<Entry>,
    /// The type of its value, in a map.
    pub value: Option<SampleType>,
}

/// A set of patterns as it was written, and everything that was compiled from it.
pub struct Reference {
    id: u32,
    file: Option<Arc<str>>,
    is_map: bool,
    /// Where it was first used, for `show acl`.
    description: Box<str>,
    state: Mutex<State>,
}

struct State {
    entries: Versions,
    compiled: Vec<Weak<Compiled>>,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").field("id", &self.id).field("file", &self.file).finish_non_exhaustive()
    }
}

impl Reference {
    /// Its number: `#id` on the runtime socket.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name on the runtime socket.
    pub fn name(&self) -> ReferenceName {
        match &self.file {
            Some(path) => ReferenceName::File(path.clone()),
            None => ReferenceName::Id(self.id),
        }
    }

    /// The file that it was read from.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Whether its entries have values.
    pub fn is_map(&self) -> bool {
        self.is_map
    }

    /// Where it was first used.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The entries as they are now.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.live().to_vec()
    }

    /// The entries of a version; those that are in force without one.
    pub fn entries_of(&self, version: Option<u32>) -> Vec<Entry> {
        self.lock().entries.of(version).to_vec()
    }

    /// The version that is in force, the latest one that was prepared, and how many entries all versions have.
    pub fn versions(&self) -> (u32, u32, usize) {
        self.lock().entries.numbers()
    }

    /// Applies changes, all or none: where the result does not compile, nothing changes and the reason is
    /// returned. Requests see either the old set or the new one.
    pub fn edit(&self, edits: impl IntoIterator<Item = Edit>) -> Result<(), EditError> {
        let mut state = self.lock();
        let mut entries = state.entries.clone();
        for edit in edits {
            if let Edit::Add(entry, Some(_)) = &edit {
                // Of a version that is not in force yet: better now than when it is to be.
                state.try_one(entry)?;
            }
            entries.apply(edit)?;
        }
        state.publish(entries)
    }

    /// `prepare map`, `prepare acl`: the number of a new version without entries.
    pub fn prepare(&self) -> u32 {
        self.lock().entries.prepare()
    }

    /// Puts a prepared version in force, and forgets those before it.
    pub fn commit(&self, version: u32) -> Result<(), EditError> {
        let mut state = self.lock();
        let mut entries = state.entries.clone();
        entries.commit(version)?;
        state.publish(entries)
    }

    /// What each use of the set makes of a text.
    pub fn report(&self, key: &str) -> Vec<Report> {
        let state = self.lock();
        state.users().iter().map(|user| user.report(key, state.entries.live())).collect()
    }

    /// Makes sure that there is an entry of this pattern, and in a map that all of them have this value. The error says
    /// what is wrong with it.
    pub fn put(&self, pattern: &str, value: Option<&str>) -> Result<(), EditError> {
        let (is_there, is_same) = {
            let state = self.lock();
            let mut named = state.entries.live().iter().filter(|e| &*e.pattern == pattern).peekable();
            (named.peek().is_some(), named.all(|e| e.value.as_deref() == value))
        };
        match value {
            _ if is_there && is_same => Ok(()),
            Some(value) if is_there => self.edit([Edit::Set(Which::Pattern(pattern.into()), value.into())]),
            value => self.edit([Edit::add(pattern, value)]),
        }
    }

    /// Compiles it for one use. The error names the entry.
    pub(crate) fn compile(
        &self,
        method: Method,
        values: MapValue,
        icase: bool,
    ) -> Result<Arc<Compiled>, (usize, String)> {
        let mut state = self.lock();
        let table = Compiled::build(method, values, icase, state.entries.live())?;
        let compiled = Arc::new(Compiled { method, values, icase, current: ArcSwap::from_pointee(table) });
        state.compiled.retain(|c| c.strong_count() > 0);
        state.compiled.push(Arc::downgrade(&compiled));
        Ok(compiled)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // An edit that panicked left the old entries in place.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn users(&self) -> Vec<Arc<Compiled>> {
        self.compiled.iter().filter_map(Weak::upgrade).collect()
    }

    fn try_one(&self, entry: &Entry) -> Result<(), EditError> {
        let alone = std::slice::from_ref(entry);
        let tried = self.users().iter().try_for_each(|user| user.table(alone).map(drop));
        tried.map_err(|(_, reason)| EditError::Useless(reason))
    }

    /// Compiles entries for everybody who uses them, or changes nothing.
    fn publish(&mut self, entries: Versions) -> Result<(), EditError> {
        let users = self.users();
        let tables = users.iter().map(|c| c.table(entries.live())).collect::<Result<Vec<_>, _>>();
        for (user, table) in users.iter().zip(tables.map_err(|(_, reason)| EditError::Useless(reason))?) {
            user.current.store(Arc::new(table));
        }
        self.entries = entries;
        Ok(())
    }
}

/// What the value of a map's entry becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapValue {
    /// Nothing: it is an ACL.
    None,
    Str,
    Int,
    Ip,
}

/// A set of patterns, compiled for one use. Requests read it; edits replace it.
pub(crate) struct Compiled {
    method: Method,
    values: MapValue,
    /// `-i` before the `-f` of this use: other uses of the file may have none.
    icase: bool,
    current: ArcSwap<Table>,
}

/// What [`Compiled`] holds at a time.
struct Table {
    set: Set,
    values: Vec<crate::vars::Value>,
    /// The patterns as they are written, where a look-up needs them: regular expressions of maps.
    patterns: Vec<Box<str>>,
}

impl Compiled {
    fn build(
        method: Method,
        values: MapValue,
        icase: bool,
        entries: &[Entry],
    ) -> Result<Table, (usize, String)> {
        let set = match icase {
            false => Set::compile(method, entries)?,
            true => {
                let folded: Vec<_> = entries.iter().map(|e| Entry { icase: true, ..e.clone() }).collect();
                Set::compile(method, &folded)?
            }
        };
        let values = match values {
            MapValue::None => Vec::new(),
            kind => entries
                .iter()
                .enumerate()
                .map(|(i, e)| map_value(kind, e.value.as_deref().unwrap_or_default()).map_err(|e| (i, e)))
                .collect::<Result<_, _>>()?,
        };
        let patterns = match (method, values.is_empty()) {
            (Method::Reg, false) => entries.iter().map(|e| e.pattern.clone()).collect(),
            _ => Vec::new(),
        };
        Ok(Table { set, values, patterns })
    }

    fn table(&self, entries: &[Entry]) -> Result<Table, (usize, String)> {
        Self::build(self.method, self.values, self.icase, entries)
    }

    /// Whether a sample of the method's input type matches.
    #[inline]
    pub(crate) fn matches(&self, sample: &Sample<'_>) -> bool {
        self.current.load().set.find(sample).is_some()
    }

    fn report(&self, key: &str, entries: &[Entry]) -> Report {
        let table = self.current.load();
        let found = prepare(Sample::str(key), self.method).and_then(|sample| table.set.find(&sample));
        let found = found.map(|at| at as usize);
        let entry = found.and_then(|at| entries.get(at));
        Report {
            method: self.method,
            icase: self.icase || entries.iter().any(|entry| entry.icase),
            value: found.and_then(|at| table.values.get(at)).map(|value| value.sample().kind()),
            entry: entry.cloned(),
        }
    }

    /// The networks of a set of addresses.
    pub(crate) fn networks(&self) -> Option<Networks> {
        let table = self.current.load_full();
        matches!(table.set, Set::Ip(_)).then_some(Networks(table))
    }

    /// The ranges of a set of integers.
    pub(crate) fn ranges(&self) -> Option<Vec<(i64, i64)>> {
        match &self.current.load().set {
            Set::Int(set) => Some(set.ranges().collect()),
            _ => None,
        }
    }

    /// Pattern and value of the entry that a sample of the method's input type matches.
    pub(crate) fn entry(&self, sample: &Sample<'_>) -> Option<(Box<str>, Vec<u8>)> {
        let table = self.current.load();
        let at = table.set.find(sample)? as usize;
        let value = table.values.get(at)?.sample().data()?.to_vec();
        Some((table.patterns.get(at)?.clone(), value))
    }

    /// The value of the entry that a sample matches.
    pub(crate) fn lookup<'a>(&self, sample: Sample<'_>) -> Option<Sample<'a>> {
        let sample = prepare(sample, self.method)?;
        let table = self.current.load();
        let entry = table.set.find(&sample)?;
        table.values.get(entry as usize).map(crate::vars::Value::sample)
    }
}

/// The networks of a set of patterns, as they were when it was asked for them.
#[derive(Clone)]
pub struct Networks(Arc<Table>);

impl Networks {
    /// Whether both are of one set between the same two changes of it.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether all of them have a prefix: none a mask whose ones are not all in front.
    pub fn have_prefixes(&self) -> bool {
        matches!(&self.0.set, Set::Ip(set) if set.have_prefixes())
    }

    /// The networks, in the order of their addresses: the first address and the length of the prefix. None: a mask is
    /// among them whose ones are not all in front.
    pub fn prefixes(&self) -> Option<Vec<(IpAddr, u8)>> {
        match &self.0.set {
            Set::Ip(set) => set.prefixes(),
            _ => None,
        }
    }
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Networks").field(&self.prefixes().map(|prefixes| prefixes.len())).finish()
    }
}

fn map_value(kind: MapValue, text: &str) -> Result<crate::vars::Value, String> {
    use crate::vars::Value;
    match kind {
        MapValue::None | MapValue::Str => Ok(Value::Str(bytes::Bytes::copy_from_slice(text.as_bytes()))),
        MapValue::Int => {
            crate::cast::parse_int(text).map(Value::Int).ok_or_else(|| format!("`{text}` is not an integer"))
        }
        MapValue::Ip => match text.parse() {
            Ok(IpAddr::V4(a)) => Ok(Value::Ipv4(a)),
            Ok(IpAddr::V6(a)) => Ok(Value::Ipv6(a)),
            Err(_) => Err(format!("`{text}` is not an IP address")),
        },
    }
}

/// All sets of patterns of a configuration.
#[derive(Default)]
pub struct Patterns {
    all: Vec<Arc<Reference>>,
    files: HashMap<Arc<str>, Arc<Reference>>,
    /// Ids that `-u` took.
    forced: HashMap<u32, Arc<Reference>>,
    next_id: u32,
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

impl Patterns {
    /// Every set, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Reference>> {
        self.all.iter()
    }

    /// The set of this name: a file's path, or `#id`.
    pub fn find(&self, name: &str) -> Option<&Arc<Reference>> {
        match name.strip_prefix('#').and_then(|n| n.parse().ok()) {
            Some(id) => self.forced.get(&id).or_else(|| self.all.iter().find(|r| r.id == id)),
            None => self.files.get(name),
        }
    }

    /// The set that was read from a file, if one was.
    pub(crate) fn file(&self, path: &str) -> Option<Arc<Reference>> {
        self.files.get(path).cloned()
    }

    /// Adds a set that was read from a file.
    pub(crate) fn add_file(&mut self, path: &str, is_map: bool, entries: Vec<Entry>) -> Arc<Reference> {
        let path: Arc<str> = path.into();
        let id = self.free_id();
        let description = format!("pattern loaded from file '{path}'").into();
        let reference = self.add(id, Some(path.clone()), is_map, entries, description);
        self.files.insert(path, reference.clone());
        reference
    }

    /// Adds the patterns of a line of the configuration, under the id of `-u` or a free one.
    pub(crate) fn add_inline(
        &mut self,
        forced: Option<u32>,
        criterion: &str,
        entries: Vec<Entry>,
    ) -> Result<Arc<Reference>, String> {
        let description = format!("acl '{criterion}'").into();
        let Some(id) = forced else {
            let id = self.free_id();
            return Ok(self.add(id, None, false, entries, description));
        };
        if self.all.iter().any(|r| r.id == id) {
            return Err(format!("the id {id} is already used"));
        }
        let reference = self.add(id, None, false, entries, description);
        self.forced.insert(id, reference.clone());
        Ok(reference)
    }

    fn add(
        &mut self,
        id: u32,
        file: Option<Arc<str>>,
        is_map: bool,
        entries: Vec<Entry>,
        description: Box<str>,
    ) -> Arc<Reference> {
        let state = Mutex::new(State { entries: Versions::new(entries), compiled: Vec::new() });
        let reference = Arc::new(Reference { id, file, is_map, description, state });
        self.all.push(reference.clone());
        reference
    }

    fn free_id(&mut self) -> u32 {
        while self.all.iter().any(|r| r.id == self.next_id) {
            self.next_id += 1;
        }
        self.next_id
    }
}

/// The entries in the text of a file of patterns or of a map. Empty lines and those that begin with `#` are
/// skipped; blanks in front are not part of the pattern.
pub(crate) fn parse_file(text: &str, is_map: bool) -> Vec<Entry> {
    let blank = [' ', '\t'];
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            continue;
        }
        let line = line.trim_start_matches(blank).trim_end_matches('\r');
        if line.is_empty() {
            continue;
        }
        let (pattern, value) = match is_map {
            false => (line, None),
            true => {
                let (key, value) = line.split_once(blank).unwrap_or((line, ""));
                (key, Some(value.trim_matches(blank).into()))
            }
        };
        let line = number as u32 + 1;
        entries.push(Entry { value, line, ..Entry::new(pattern, false) });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_the_manual_says() {
        let list = parse_file("a\n#c\n  #d\n  e f  \n\n", false);
        let patterns: Vec<_> = list.iter().map(|e| &*e.pattern).collect();
        assert_eq!(patterns, ["a", "#d", "e f  "]);
        let map = parse_file("  2.22.246.0/23    United Kingdom  \nk\n", true);
        assert_eq!((&*map[0].pattern, map[0].value.as_deref()), ("2.22.246.0/23", Some("United Kingdom")));
        assert_eq!((&*map[1].pattern, map[1].value.as_deref()), ("k", Some("")));
    }
}
