//! Variables: `scope.name`, resolved to a scope and an index when the configuration is loaded.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use bytes::Bytes;

use crate::sample::{Data, Sample};

/// Bytes that the variables of one scope may hold together. HAProxy has no limit by default; 1 MiB is far
/// above what rules of a request store and bounds what a client can make the daemon keep.
pub const SCOPE_LIMIT: usize = 1 << 20;

/// Bytes that a variable itself counts for, besides its text or bytes: what HAProxy's `tune.vars.*` count
/// likewise.
const VALUE_OVERHEAD: usize = 64;

/// How long a variable lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// As long as the process.
    Proc,
    /// As long as the client's connection.
    Sess,
    /// As long as a request and its response.
    Txn,
    /// While the request is processed.
    Req,
    /// While the response is processed.
    Res,
    /// While a health check runs.
    Check,
}

impl Scope {
    /// The scope of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// The word before the dot.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proc => "proc",
            Self::Sess => "sess",
            Self::Txn => "txn",
            Self::Req => "req",
            Self::Res => "res",
            Self::Check => "check",
        }
    }

    /// All scopes.
    pub const ALL: [Self; 6] = [Self::Proc, Self::Sess, Self::Txn, Self::Req, Self::Res, Self::Check];
}

/// A variable, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VarId {
    /// Its scope.
    pub scope: Scope,
    /// Its position in the scope.
    pub index: u32,
}

/// Why a variable's name is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// Nothing before the dot, or no scope.
    Scope,
    /// A character other than letters, digits, `.` and `_`, or nothing behind the dot.
    Name,
}

/// The names that a configuration uses: where indexes come from.
#[derive(Clone, Debug, Default)]
pub struct VarNames {
    by_name: HashMap<(Scope, Box<str>), u32>,
    counts: [u32; 6],
}

impl VarNames {
    /// The variable of this name, which gets an index on its first use.
    pub fn resolve(&mut self, name: &str) -> Result<VarId, BadName> {
        let (scope, rest) = split_name(name)?;
        let next = &mut self.counts[scope as usize];
        let index = *self.by_name.entry((scope, rest.into())).or_insert_with(|| {
            *next += 1;
            *next - 1
        });
        Ok(VarId { scope, index })
    }

    /// How many variables a scope has.
    pub fn count(&self, scope: Scope) -> usize {
        self.counts[scope as usize] as usize
    }

    /// Every variable of a scope with its name, without the scope: for `get var` and for carrying `proc`
    /// variables over a reload.
    pub fn iter(&self, scope: Scope) -> impl Iterator<Item = (&str, VarId)> {
        self.by_name
            .iter()
            .filter(move |((s, _), _)| *s == scope)
            .map(|((scope, name), index)| (&**name, VarId { scope: *scope, index: *index }))
    }
}

/// The variable that a name without a scope is meant for, if its scope is but misspelt.
pub fn meant(name: &str) -> Option<String> {
    let (scope, rest) = name.split_once('.')?;
    let scopes = Scope::ALL.map(Scope::word);
    let near = crate::hint::nearest_of(scope, &scopes)?;
    Some(format!("{near}.{rest}"))
}

/// Scope and rest of `scope.name`.
pub fn split_name(name: &str) -> Result<(Scope, &str), BadName> {
    let (scope, rest) = name.split_once('.').ok_or(BadName::Scope)?;
    let scope = Scope::from_word(scope).ok_or(BadName::Scope)?;
    let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'_';
    if rest.is_empty() || !rest.bytes().all(ok) {
        return Err(BadName::Name);
    }
    Ok((scope, rest))
}

/// What a variable holds: a sample that outlives the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// Text.
    Str(Bytes),
    /// Bytes.
    Bin(Bytes),
    /// An HTTP method.
    Method(Bytes),
}

impl Value {
    /// A sample of it.
    pub fn sample<'a>(&self) -> Sample<'a> {
        match self {
            Self::Bool(b) => Sample::Bool(*b),
            Self::Int(i) => Sample::Int(*i),
            Self::Ipv4(a) => Sample::Ipv4(*a),
            Self::Ipv6(a) => Sample::Ipv6(*a),
            Self::Str(b) => Sample::Str(Data::Shared(b.clone())),
            Self::Bin(b) => Sample::Bin(Data::Shared(b.clone())),
            Self::Method(b) => Sample::Method(Data::Shared(b.clone())),
        }
    }

    /// Bytes that it counts for.
    fn cost(&self) -> usize {
        match self {
            Self::Str(b) | Self::Bin(b) | Self::Method(b) => VALUE_OVERHEAD + b.len(),
            _ => VALUE_OVERHEAD,
        }
    }
}

impl From<Sample<'_>> for Value {
    fn from(sample: Sample<'_>) -> Self {
        match sample {
            Sample::Bool(b) => Self::Bool(b),
            Sample::Int(i) => Self::Int(i),
            Sample::Ipv4(a) => Self::Ipv4(a),
            Sample::Ipv6(a) => Self::Ipv6(a),
            Sample::Str(d) => Self::Str(d.into_bytes()),
            Sample::Bin(d) => Self::Bin(d.into_bytes()),
            Sample::Method(d) => Self::Method(d.into_bytes()),
        }
    }
}

/// The variables of one scope that belongs to one worker: `sess`, `txn`, `req`, `res` or `check`.
#[derive(Debug, Default)]
pub struct VarStore {
    inner: RefCell<Store>,
}

#[derive(Debug, Default)]
struct Store {
    slots: Vec<Option<Value>>,
    used: usize,
}

impl VarStore {
    /// What a variable holds.
    pub fn get(&self, index: u32) -> Option<Value> {
        self.inner.borrow().slots.get(index as usize)?.clone()
    }

    /// Sets a variable, or clears it. False where the scope is full: the variable then keeps what it held.
    pub fn set(&self, index: u32, value: Option<Value>) -> bool {
        let mut store = self.inner.borrow_mut();
        let index = index as usize;
        if store.slots.len() <= index {
            if value.is_none() {
                return true;
            }
            store.slots.resize(index + 1, None);
        }
        let old = store.slots[index].as_ref().map_or(0, Value::cost);
        let used = store.used - old + value.as_ref().map_or(0, Value::cost);
        if used > SCOPE_LIMIT && used > store.used {
            return false;
        }
        store.used = used;
        store.slots[index] = value;
        true
    }

    /// Forgets everything: at the end of the request for `req`, and so on.
    pub fn clear(&self) {
        *self.inner.borrow_mut() = Store::default();
    }
}

/// The variables of scope `proc`, which all workers share without a lock.
pub struct ProcVars {
    slots: Box<[ArcSwapOption<Value>]>,
    used: AtomicUsize,
}

impl fmt::Debug for ProcVars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcVars").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}

impl ProcVars {
    /// Room for that many variables.
    pub fn new(count: usize) -> Self {
        Self { slots: (0..count).map(|_| ArcSwapOption::empty()).collect(), used: AtomicUsize::new(0) }
    }

    /// What a variable holds.
    pub fn get(&self, index: u32) -> Option<Value> {
        self.slots.get(index as usize)?.load().as_deref().cloned()
    }

    /// Sets a variable, or clears it. False where the scope is full.
    pub fn set(&self, index: u32, value: Option<Value>) -> bool {
        let Some(slot) = self.slots.get(index as usize) else { return false };
        let cost = value.as_ref().map_or(0, Value::cost);
        if self.used.load(Ordering::Relaxed).saturating_add(cost) > SCOPE_LIMIT && cost > 0 {
            return false;
        }
        self.used.fetch_add(cost, Ordering::Relaxed);
        let old = slot.swap(value.map(Arc::new));
        self.used.fetch_sub(old.map_or(0, |v| v.cost()), Ordering::Relaxed);
        true
    }
}

/// The stores of the scopes that exist in an evaluation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vars<'a> {
    /// `proc`.
    pub proc: Option<&'a ProcVars>,
    /// `sess`.
    pub sess: Option<&'a VarStore>,
    /// `txn`.
    pub txn: Option<&'a VarStore>,
    /// `req`.
    pub req: Option<&'a VarStore>,
    /// `res`.
    pub res: Option<&'a VarStore>,
    /// `check`.
    pub check: Option<&'a VarStore>,
}

impl Vars<'_> {
    /// What a variable holds. None: nothing, or its scope does not exist here.
    pub fn get(&self, id: VarId) -> Option<Value> {
        match id.scope {
            Scope::Proc => self.proc?.get(id.index),
            scope => self.store(scope)?.get(id.index),
        }
    }

    /// Sets a variable, or clears it. False where its scope does not exist here or is full.
    pub fn set(&self, id: VarId, value: Option<Value>) -> bool {
        match id.scope {
            Scope::Proc => self.proc.is_some_and(|p| p.set(id.index, value)),
            scope => self.store(scope).is_some_and(|s| s.set(id.index, value)),
        }
    }

    fn store(&self, scope: Scope) -> Option<&VarStore> {
        match scope {
            Scope::Proc => None,
            Scope::Sess => self.sess,
            Scope::Txn => self.txn,
            Scope::Req => self.req,
            Scope::Res => self.res,
            Scope::Check => self.check,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_stable_indexes() {
        let mut names = VarNames::default();
        let a = names.resolve("txn.a").unwrap();
        let b = names.resolve("txn.b_1.c").unwrap();
        assert_eq!((a.index, b.index), (0, 1));
        assert_eq!(names.resolve("txn.a").unwrap(), a);
        assert_eq!(names.resolve("req.a").unwrap().index, 0);
        assert_eq!(names.resolve("foo.a"), Err(BadName::Scope));
        assert_eq!(names.resolve("txn."), Err(BadName::Name));
        assert_eq!(names.resolve("txn.a-b"), Err(BadName::Name));
    }

    #[test]
    fn a_full_scope_keeps_what_it_has() {
        let store = VarStore::default();
        let big = |n: usize| Some(Value::Str(Bytes::from(vec![b'x'; n])));
        assert!(store.set(0, big(SCOPE_LIMIT / 2)));
        assert!(!store.set(1, big(SCOPE_LIMIT / 2)));
        assert_eq!(store.get(1), None);
        assert!(store.set(0, big(10)));
        assert!(store.set(1, big(SCOPE_LIMIT / 2)));
        store.clear();
        assert_eq!(store.get(0), None);
    }
}
