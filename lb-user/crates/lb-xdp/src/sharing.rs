//! Stick tables that both planes count in: what the kernel counted goes into them, what user space counted into the maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lb_common::rate::Window;
use lb_common::rates::HostRates;
use lb_common::rule::{SLOTS, TableNumber};
use lb_common::value::Jiffies;
use lb_core::stick::{Counts, Key, StickTable};
use lb_core::{Snapshot, Tick};

use crate::flows::Ended;
use crate::plan::Plan;
use crate::rulebook::{self, Rulebook};
use crate::store::{Source, Sources, Write};

/// Entries that are told at once: what bounds how long a tick takes.
const MOST: usize = 4096;

/// The kernel's clock against the daemon's. Fixed, so that a time that goes there and back stays what it was.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    kernel: Jiffies,
    daemon: Tick,
    hz: u32,
}

impl Clocks {
    /// The lower half of the daemon's time at a time of the kernel's.
    fn daemon_low(&self, kernel: Jiffies) -> u32 {
        let since = i64::from(kernel.wrapping_sub(self.kernel) as i32);
        let millis = (since * 1000).div_euclid(i64::from(self.hz.max(1)));
        low(self.daemon.millis()).wrapping_add(millis as u32)
    }

    /// The inverse.
    fn kernel(&self, daemon_low: u32) -> Jiffies {
        let since = i64::from(daemon_low.wrapping_sub(low(self.daemon.millis())) as i32);
        let jiffies = -(-since * i64::from(self.hz)).div_euclid(1000);
        self.kernel.wrapping_add(jiffies as u32)
    }

    fn to_daemon(self, window: Window) -> Window {
        Window { start: self.daemon_low(window.start), ..window }
    }

    fn to_kernel(self, window: Window) -> Window {
        Window { start: self.kernel(window.start), ..window }
    }
}

fn low(millis: u64) -> u32 {
    (millis & u64::from(u32::MAX)) as u32
}

/// The tables that both planes count in.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    clocks: Option<Clocks>,
    tables: BTreeMap<TableNumber, Arc<StickTable>>,
    /// What could not be told at once.
    waiting: Vec<Write>,
}

impl Sharing {
    /// The tables of a plan, from now on.
    pub(crate) fn follow(&mut self, plan: &Plan, book: &Rulebook, snapshot: &Snapshot, now: Tick) {
        let named = |number: TableNumber| snapshot.table_named(book.tables.key(number)?).cloned();
        let numbers = rulebook::tables_of(&plan.rules).into_iter();
        let tables: BTreeMap<_, _> = numbers.filter_map(|number| Some((number, named(number)?))).collect();
        for (number, table) in &self.tables {
            if !tables.contains_key(number) {
                table.share(false, now);
            }
        }
        tables.values().for_each(|table| table.share(true, now));
        self.tables = tables;
    }

    /// The tables' numbers.
    pub(crate) fn numbers(&self) -> BTreeSet<TableNumber> {
        self.tables.keys().copied().collect()
    }

    /// Takes note of what the kernel counted.
    pub(crate) fn take(&mut self, sources: &Sources, hz: u32, now: Tick) {
        let clocks = *self.clocks.get_or_insert(Clocks { kernel: sources.now, daemon: now, hz });
        for source in &sources.changed {
            if let Some(forget) = self.merge(source, sources.now, clocks, now) {
                self.waiting.push(forget);
            }
        }
    }

    /// Gives what the table has no place for.
    fn merge(&self, source: &Source, read: Jiffies, clocks: Clocks, now: Tick) -> Option<Write> {
        let table = self.tables.get(&source.table)?;
        let key = Key::ip(table.config.key, source.ip)?;
        let rates = &source.rates;
        let counts = Counts {
            connections: rates.connections,
            rate: clocks.to_daemon(rates.connection_rate),
            open: rates.open(),
        };
        let age = u64::from(read.wrapping_sub(rates.last)) * 1000 / u64::from(clocks.hz.max(1));
        let used = Tick::from_millis(now.millis().saturating_sub(age));
        (!table.merge(&key, counts, used, now)).then_some(Write::ForgetSource(source.table, source.ip))
    }

    /// Flows ended without the kernel, which counts them as open.
    pub(crate) fn expired(&self, plan: &Plan, ended: &[Ended], now: Tick) {
        for end in ended.iter().filter(|end| end.tracked != 0) {
            let tables = plan.tracked.get(&end.numbers.0).copied().unwrap_or_default().tables;
            for slot in (0..SLOTS).filter(|slot| end.tracked & 1 << slot != 0) {
                let Some(table) = self.tables.get(&tables[slot]) else { continue };
                let key = Key::ip(table.config.key, end.client.ip());
                if let Some(entry) = key.and_then(|key| table.look_up(&key, now)) {
                    entry.expired_elsewhere();
                }
            }
        }
    }

    /// What the kernel is to be told.
    pub(crate) fn changes(&mut self, now: Tick) -> Vec<Write> {
        let Some(clocks) = self.clocks else { return Vec::new() };
        // What waits goes first; the tables keep the rest meanwhile.
        let tables = if self.waiting.is_empty() { Some(&self.tables) } else { None };
        for (&number, table) in tables.into_iter().flatten() {
            let (changed, gone) = table.changes();
            let address = |key: &Key| key.to_ip(table.config.key);
            let forget = |key| Some(Write::ForgetSource(number, address(&key)?));
            self.waiting.extend(gone.into_iter().filter_map(forget));
            let tell = |key: Key| {
                let (own, ignored) = table.own(&key, now)?;
                let rates = HostRates {
                    connections: own.connections,
                    connection_rate: clocks.to_kernel(own.rate),
                    ignored: clocks.to_kernel(ignored),
                    open: own.open,
                    reserved: 0,
                };
                Some(Write::HostRates(number, address(&key)?, rates))
            };
            self.waiting.extend(changed.into_iter().filter_map(tell));
        }
        let count = self.waiting.len().min(MOST);
        self.waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_go_there_and_back_stay() {
        for hz in [100, 250, 300, 1000] {
            let clocks = Clocks { kernel: u32::MAX - 500, daemon: Tick::from_millis(1 << 32), hz };
            for jiffies in [0_u32, 1, 7, 499, 501, 10_000, u32::MAX - 9, u32::MAX - 100_000] {
                let start = clocks.kernel.wrapping_add(jiffies);
                let window = Window { start, current: 1, previous: 2 };
                assert_eq!(clocks.to_kernel(clocks.to_daemon(window)), window, "{hz} {jiffies}");
            }
        }
    }
}
