//! The numbers that stand for servers and services in the maps.
//!
//! A flow refers to its server by number, so a number keeps its meaning for as long as anything in the maps may refer
//! to it: over reloads, and over restarts of the daemon by what is read back from the maps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

/// A number; 0 stands for nothing.
pub type Number = u16;

/// Who has which number.
#[derive(Clone, Debug)]
pub struct Numbers<K> {
    by_key: HashMap<K, Number>,
    by_number: BTreeMap<Number, K>,
    /// Numbers that nobody may get: something refers to them, and it is not known to whom they belonged.
    reserved: BTreeSet<Number>,
    /// The highest number that there is room for.
    last: Number,
    /// The number that was given out last: the next search begins behind it, so that a number rests before it is used
    /// again.
    recent: Number,
}

impl<K: Clone + Eq + Hash> Numbers<K> {
    /// None given out; numbers from 1 to `last` may be.
    pub fn new(last: Number) -> Self {
        Self {
            by_key: HashMap::new(),
            by_number: BTreeMap::new(),
            reserved: BTreeSet::new(),
            last,
            recent: 0,
        }
    }

    /// Takes note of a number that is in use already. False if it or the key is taken.
    pub fn adopt(&mut self, key: K, number: Number) -> bool {
        if number == 0 || self.is_taken(number) || self.by_key.contains_key(&key) {
            return false;
        }
        self.by_key.insert(key.clone(), number);
        self.by_number.insert(number, key);
        true
    }

    /// Keeps a number from being given out.
    pub fn reserve(&mut self, number: Number) {
        if !self.by_number.contains_key(&number) {
            self.reserved.insert(number);
        }
    }

    /// The number of a key, a new one if it has none. None: all are taken.
    pub fn number(&mut self, key: &K) -> Option<Number> {
        if let Some(&number) = self.by_key.get(key) {
            return Some(number);
        }
        let behind = self.recent.saturating_add(1)..=self.last;
        let number = behind.chain(1..=self.recent).find(|&n| !self.is_taken(n))?;
        self.recent = number;
        self.adopt(key.clone(), number).then_some(number)
    }

    /// The number of a key, if it has one.
    pub fn get(&self, key: &K) -> Option<Number> {
        self.by_key.get(key).copied()
    }

    /// Whose number this is.
    pub fn key(&self, number: Number) -> Option<&K> {
        self.by_number.get(&number)
    }

    /// All that are given out, with whose they are.
    pub fn iter(&self) -> impl Iterator<Item = (Number, &K)> {
        self.by_number.iter().map(|(&number, key)| (number, key))
    }

    /// All that are given out or reserved.
    pub fn taken(&self) -> BTreeSet<Number> {
        self.by_number.keys().chain(&self.reserved).copied().collect()
    }

    /// Takes a number back: nothing refers to it any more.
    pub fn release(&mut self, number: Number) {
        self.reserved.remove(&number);
        if let Some(key) = self.by_number.remove(&number) {
            self.by_key.remove(&key);
        }
    }

    fn is_taken(&self, number: Number) -> bool {
        self.by_number.contains_key(&number) || self.reserved.contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_number() {
        let mut numbers = Numbers::new(9);
        let a = numbers.number(&"a").unwrap();
        let b = numbers.number(&"b").unwrap();
        assert_ne!(a, b);
        assert_eq!((numbers.number(&"a"), numbers.number(&"b")), (Some(a), Some(b)));
        assert_eq!((numbers.key(a), numbers.get(&"c")), (Some(&"a"), None));
    }

    #[test]
    fn a_number_that_was_released_rests_until_the_others_are_used_up() {
        let mut numbers = Numbers::new(3);
        let a = numbers.number(&"a").unwrap();
        numbers.release(a);
        assert_eq!(numbers.number(&"b"), Some(2));
        assert_eq!(numbers.number(&"c"), Some(3));
        assert_eq!(numbers.number(&"d"), Some(a));
        assert_eq!(numbers.number(&"e"), None);
        assert_eq!(numbers.taken(), BTreeSet::from([1, 2, 3]));
    }

    #[test]
    fn adopted_and_reserved_numbers_are_not_given_to_others() {
        let mut numbers = Numbers::new(3);
        assert!(numbers.adopt("a", 1));
        assert!(!numbers.adopt("b", 1) && !numbers.adopt("a", 2) && !numbers.adopt("c", 0));
        numbers.reserve(2);
        numbers.reserve(1);
        assert_eq!(numbers.number(&"b"), Some(3));
        assert_eq!(numbers.number(&"c"), None);
        numbers.release(2);
        assert_eq!(numbers.number(&"c"), Some(2));
        assert_eq!(numbers.number(&"a"), Some(1));
    }
}
