//! Where patterns live: sets that are named by their file or by an id, and that the runtime socket edits.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;

use super::{Method, Operator, Set, prepare};
use crate::sample::Sample;

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
}

impl Entry {
    /// A pattern as the runtime socket gives it: case counts, and there is no value.
    pub fn from_word(pattern: &str) -> Self {
        Self::new(pattern, false)
    }

    pub(crate) fn new(pattern: &str, icase: bool) -> Self {
        Self { pattern: pattern.into(), value: None, icase, operator: None, line: 0 }
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
    entries: Vec<Entry>,
    compiled: Vec<Weak<Compiled>>,
}

/// A change of the runtime socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// `add acl`, `add map`.
    Add(Entry),
    /// `del acl`, `del map`: every entry of this pattern.
    Delete(Box<str>),
    /// `set map`: another value for every entry of this pattern.
    Set(Box<str>, Box<str>),
    /// `clear acl`, `clear map`.
    Clear,
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
        self.lock().entries.clone()
    }

    /// Applies changes, all or none: where the result does not compile, nothing changes and the reason is
    /// returned. Requests see either the old set or the new one.
    pub fn edit(&self, edits: impl IntoIterator<Item = Edit>) -> Result<(), String> {
        let mut state = self.lock();
        let mut entries = state.entries.clone();
        for edit in edits {
            apply(&mut entries, edit)?;
        }
        let users: Vec<_> = state.compiled.iter().filter_map(Weak::upgrade).collect();
        let tables = users.iter().map(|c| c.table(&entries)).collect::<Result<Vec<_>, _>>();
        for (user, table) in users.iter().zip(tables.map_err(|(_, reason)| reason)?) {
            user.current.store(Arc::new(table));
        }
        state.entries = entries;
        Ok(())
    }

    /// Makes sure that there is an entry of this pattern, and in a map that all of them have this value. The error says
    /// what is wrong with it.
    pub fn put(&self, pattern: &str, value: Option<&str>) -> Result<(), String> {
        let (is_there, is_same) = {
            let state = self.lock();
            let mut named = state.entries.iter().filter(|e| &*e.pattern == pattern).peekable();
            (named.peek().is_some(), named.all(|e| e.value.as_deref() == value))
        };
        match value {
            _ if is_there && is_same => Ok(()),
            Some(value) if is_there => self.edit([Edit::Set(pattern.into(), value.into())]),
            value => {
                self.edit([Edit::Add(Entry { value: value.map(Into::into), ..Entry::new(pattern, false) })])
            }
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
        let table = Compiled::build(method, values, icase, &state.entries)?;
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

fn apply(entries: &mut Vec<Entry>, edit: Edit) -> Result<(), String> {
    let missing = |pattern: &str| format!("no entry `{pattern}`");
    match edit {
        Edit::Add(entry) => entries.push(entry),
        Edit::Clear => entries.clear(),
        Edit::Delete(pattern) => {
            let before = entries.len();
            entries.retain(|e| e.pattern != pattern);
            if entries.len() == before {
                return Err(missing(&pattern));
            }
        }
        Edit::Set(pattern, value) => {
            let mut found = false;
            for entry in entries.iter_mut().filter(|e| e.pattern == pattern) {
                entry.value = Some(value.clone());
                found = true;
            }
            if !found {
                return Err(missing(&pattern));
            }
        }
    }
    Ok(())
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
        let reference = self.add(id, Some(path.clone()), is_map, entries, "pattern loaded from file");
        self.files.insert(path, reference.clone());
        reference
    }

    /// Adds the patterns of a line of the configuration, under the id of `-u` or a free one.
    pub(crate) fn add_inline(
        &mut self,
        forced: Option<u32>,
        entries: Vec<Entry>,
    ) -> Result<Arc<Reference>, String> {
        let Some(id) = forced else {
            let id = self.free_id();
            return Ok(self.add(id, None, false, entries, "acl"));
        };
        if self.all.iter().any(|r| r.id == id) {
            return Err(format!("the id {id} is already used"));
        }
        let reference = self.add(id, None, false, entries, "acl");
        self.forced.insert(id, reference.clone());
        Ok(reference)
    }

    fn add(
        &mut self,
        id: u32,
        file: Option<Arc<str>>,
        is_map: bool,
        entries: Vec<Entry>,
        description: &str,
    ) -> Arc<Reference> {
        let state = Mutex::new(State { entries, compiled: Vec::new() });
        let reference = Arc::new(Reference { id, file, is_map, description: description.into(), state });
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

    #[test]
    fn edits_reach_what_was_compiled_or_change_nothing() {
        let mut patterns = Patterns::default();
        let reference = patterns.add_file("ips", false, parse_file("10.0.0.0/8\n", false));
        let compiled = reference.compile(Method::Ip, MapValue::None, false).unwrap();
        let ten = Sample::Ipv4([10, 1, 1, 1].into());
        let local = Sample::Ipv4([127, 0, 0, 1].into());
        assert!(compiled.matches(&ten) && !compiled.matches(&local));

        reference.edit([Edit::Add(Entry::new("127.0.0.0/8", false))]).unwrap();
        assert!(compiled.matches(&ten) && compiled.matches(&local));

        let bad = [Edit::Clear, Edit::Add(Entry::new("not an address", false))];
        assert!(reference.edit(bad).is_err());
        assert!(compiled.matches(&ten) && reference.entries().len() == 2);

        reference.edit([Edit::Delete("10.0.0.0/8".into())]).unwrap();
        assert!(!compiled.matches(&ten) && compiled.matches(&local));
        assert_eq!(patterns.find("ips").map(|r| r.id()), Some(reference.id()));
    }
}
