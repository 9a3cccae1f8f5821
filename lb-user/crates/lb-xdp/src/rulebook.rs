//! From a frontend's rules to what is in the maps: places of steps, numbers of tables and of lists.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use lb_common::rule::{ListNumber, Op, Rule, SLOTS, TableNumber, Tracked};
use lb_conf::model::{Column, Config, KeyType, Name, TableId};
use lb_core::admission::{Admission, Deed, NO_TABLE, Step};
use lb_expr::pattern::Networks;

use crate::numbers::Numbers;

/// A network: its first address and the length of its prefix.
pub type Prefix = (IpAddr, u8);
/// A list of networks.
pub type List = Arc<Vec<Prefix>>;

/// Networks of one list, at most: what one message to the steward holds.
const MAX_PREFIXES: usize = 800_000;

/// What a frontend's rules need in the maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// The place of the first step.
    pub place: u32,
    /// The tables of its counters.
    pub tracked: Tracked,
    /// Its steps.
    pub rules: Vec<Rule>,
}

/// Who has which place and number.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// The tables' numbers.
    pub tables: Numbers<Name>,
    lists: BTreeMap<ListNumber, List>,
    /// Sets of patterns whose list is known: making it again takes time.
    known: Vec<(Networks, ListNumber)>,
    programs: BTreeMap<u32, Vec<Rule>>,
    /// Steps that there is room for.
    room: u32,
    used: BTreeSet<u32>,
    used_lists: BTreeSet<ListNumber>,
    hz: u32,
}

impl Rulebook {
    /// Empty, with room for so many steps; `hz` jiffies are a second.
    pub fn new(room: u32, hz: u32) -> Self {
        Self {
            tables: Numbers::new(TableNumber::MAX),
            lists: BTreeMap::new(),
            known: Vec::new(),
            programs: BTreeMap::new(),
            room,
            used: BTreeSet::new(),
            used_lists: BTreeSet::new(),
            hz,
        }
    }

    /// Takes note of what is in the maps.
    pub fn adopt(&mut self, programs: &BTreeMap<u32, Vec<Rule>>, lists: &BTreeMap<ListNumber, List>) {
        self.programs = programs.clone();
        self.lists = lists.clone();
    }

    /// Begins a plan.
    pub fn begin(&mut self) {
        self.used.clear();
        self.used_lists.clear();
    }

    /// Ends a plan: what it does not use is free. The lists that it uses.
    pub fn end(&mut self) -> BTreeMap<ListNumber, List> {
        self.programs.retain(|place, _| self.used.contains(place));
        self.lists.retain(|number, _| self.used_lists.contains(number));
        self.known.retain(|(_, number)| self.used_lists.contains(number));
        self.lists.clone()
    }

    /// Finds places and numbers for a frontend's rules. None: there is no room.
    pub fn write(&mut self, admission: &Admission, config: &Config) -> Option<Chapter> {
        let steps = admission.steps.iter().enumerate();
        let rules: Vec<_> = steps.map(|(at, step)| self.rule(at, step, config)).collect::<Option<_>>()?;
        let mut tracked = Tracked::default();
        for (slot, table) in admission.tracked.iter().enumerate().take(SLOTS) {
            if let Some(table) = table {
                tracked.tables[slot] = self.table(*table, config)?;
                tracked.periods[slot] = self.period(*table, config);
            }
        }
        let place = self.place(&rules)?;
        self.used.insert(place);
        Some(Chapter { place, tracked, rules })
    }

    fn rule(&mut self, at: usize, step: &Step, config: &Config) -> Option<Rule> {
        let go = |to: usize| u16::try_from(to.checked_sub(at)?).ok();
        let line = u16::try_from(step.line).unwrap_or(0);
        let ends = matches!(step.deed, Deed::End(_));
        let (yes, no) = if ends { (0, 0) } else { (go(step.yes)?, go(step.no)?) };
        let base = Rule { yes, no, line, ..Rule::default() };
        Some(match &step.deed {
            Deed::End(op) => Rule { op: *op, ..base },
            Deed::Source(networks) => Rule { op: Op::Source, list: self.list(networks)?, ..base },
            Deed::Track(slot, table) => Rule { op: Op::Track, slot: *slot, ..self.of(*table, config, base)? },
            Deed::Value(value) => {
                let (slot, column, low, high) = (value.slot, value.column, value.low, value.high);
                let rule = Rule { op: Op::Value, slot, column, low, high, ..base };
                if value.table == NO_TABLE { rule } else { self.of(value.table, config, rule)? }
            }
        })
    }

    /// A rule about a table.
    fn of(&mut self, id: TableId, config: &Config, rule: Rule) -> Option<Rule> {
        let wide = config.tables.get(id.0 as usize)?.key == KeyType::Ipv6;
        let (table, period) = (self.table(id, config)?, self.period(id, config));
        Some(Rule { table, period, wide: wide.into(), ..rule })
    }

    fn table(&mut self, id: TableId, config: &Config) -> Option<TableNumber> {
        self.tables.number(&config.tables.get(id.0 as usize)?.name)
    }

    /// What a table counts connections over, in jiffies; 0: it counts no rate.
    fn period(&self, id: TableId, config: &Config) -> u32 {
        let columns = config.tables.get(id.0 as usize).map(|table| table.columns.as_slice());
        let rate = columns.unwrap_or_default().iter().find_map(|column| match column {
            Column::ConnRate(period) => Some(*period),
            _ => None,
        });
        rate.map_or(0, |period| jiffies(period, self.hz).max(1))
    }

    fn list(&mut self, networks: &Networks) -> Option<ListNumber> {
        let known = self.known.iter().find(|(known, _)| known.is(networks)).map(|(_, number)| *number);
        let number = match known {
            Some(number) => number,
            None => {
                let list = Arc::new(both_families(networks.prefixes()?));
                let number = self.number(list)?;
                self.known.push((networks.clone(), number));
                number
            }
        };
        self.used_lists.insert(number);
        Some(number)
    }

    /// The number of a list: that of the same networks, if they have one.
    fn number(&mut self, list: List) -> Option<ListNumber> {
        if list.len() > MAX_PREFIXES {
            return None;
        }
        if let Some((number, _)) = self.lists.iter().find(|(_, other)| ***other == **list) {
            return Some(*number);
        }
        let number = (1..ListNumber::MAX).find(|number| !self.lists.contains_key(number))?;
        self.lists.insert(number, list);
        Some(number)
    }

    /// Where a program is, or the first gap that takes it. Place 0 is no program's.
    fn place(&mut self, rules: &[Rule]) -> Option<u32> {
        if let Some((place, _)) = self.programs.iter().find(|(_, program)| **program == *rules) {
            return Some(*place);
        }
        let length = u32::try_from(rules.len()).ok()?;
        let mut start = 1_u32;
        for (place, program) in &self.programs {
            if start.checked_add(length)? <= *place {
                break;
            }
            start = place.checked_add(u32::try_from(program.len()).ok()?)?;
        }
        if start.checked_add(length)? > self.room {
            return None;
        }
        self.programs.insert(start, rules.to_vec());
        Some(start)
    }
}

/// How many jiffies a time takes.
pub fn jiffies(time: Duration, hz: u32) -> u32 {
    u32::try_from(time.as_millis() * u128::from(hz) / 1000).unwrap_or(u32::MAX)
}

/// IPv4 clients match IPv6 networks that hold their mapped addresses: as networks of their own.
fn both_families(mut prefixes: Vec<Prefix>) -> Vec<Prefix> {
    const MAPPED: Ipv6Addr = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped();
    let mapped = prefixes.iter().filter_map(|(ip, bits)| match ip {
        IpAddr::V6(ip) if *bits >= 96 => Some((IpAddr::V4(ip.to_ipv4_mapped()?), bits - 96)),
        IpAddr::V6(ip) => {
            let differ = (u128::from(*ip) ^ u128::from(MAPPED)).leading_zeros();
            (differ >= u32::from(*bits)).then_some((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
        }
        IpAddr::V4(_) => None,
    });
    let mapped: Vec<_> = mapped.collect();
    prefixes.extend(mapped);
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// The tables that rules of a plan count in, by their numbers.
pub fn tables_of(rules: &BTreeMap<u32, Vec<Rule>>) -> BTreeSet<TableNumber> {
    let rules = rules.values().flatten().filter(|rule| matches!(rule.op, Op::Track | Op::Value));
    rules.map(|rule| rule.table).filter(|&table| table != 0).collect()
}

/// The steps that turn connections away, by their places.
pub fn deciding(rules: &BTreeMap<u32, Vec<Rule>>) -> BTreeMap<u32, Rule> {
    let steps = rules.iter().flat_map(|(&place, rules)| (place..).zip(rules));
    steps.filter(|(_, rule)| matches!(rule.op, Op::Reject | Op::SilentDrop)).map(|(p, r)| (p, *r)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(line: u16) -> Rule {
        Rule { op: Op::Accept, line, ..Rule::default() }
    }

    #[test]
    fn programs_take_the_first_gap_and_keep_their_place() {
        let mut book = Rulebook::new(10, 100);
        let (long, short, other) = (vec![end(1); 4], vec![end(2); 2], vec![end(3); 3]);
        assert_eq!((book.place(&long), book.place(&short), book.place(&long)), (Some(1), Some(5), Some(1)));
        assert_eq!((book.place(&other), book.place(&[end(9)])), (Some(7), None));
        book.begin();
        book.used = [5, 7].into();
        book.end();
        assert_eq!((book.place(&short), book.place(&[end(9); 4])), (Some(5), Some(1)));
    }

    #[test]
    fn lists_of_the_same_networks_are_one() {
        let mut book = Rulebook::new(10, 100);
        let list = |last: u8| Arc::new(vec![(IpAddr::from([10, 0, 0, last]), 32)]);
        assert_eq!(
            (book.number(list(1)), book.number(list(2)), book.number(list(1))),
            (Some(1), Some(2), Some(1))
        );
    }

    #[test]
    fn mapped_networks_are_for_ipv4_clients_too() {
        let prefix = |text: &str, bits| (text.parse::<IpAddr>().unwrap(), bits);
        let found =
            both_families(vec![prefix("::ffff:10.0.0.0", 104), prefix("2001:db8::", 32), prefix("::", 0)]);
        let expected = [
            prefix("0.0.0.0", 0),
            prefix("10.0.0.0", 8),
            prefix("::", 0),
            prefix("::ffff:10.0.0.0", 104),
            prefix("2001:db8::", 32),
        ];
        assert_eq!(found, expected);
    }
}
