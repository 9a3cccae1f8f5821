//! Rules of the services that have some.

use lb_common::rule::{Column, ListNumber, MAX_STEPS, Op, Rule, TableNumber, Tracked, UNTRACKED};

use super::world::At;

/// The list that client 1 is in.
pub(super) const WELCOME: ListNumber = 1;
/// The list of the clients' network.
pub(super) const NETWORK: ListNumber = 2;
/// The list that client 3 is in.
pub(super) const DROPPED: ListNumber = 3;
/// The table of [`At::Guarded`].
pub(super) const GUARDED_TABLE: TableNumber = 4;
/// The table of [`At::OneEach`].
const ONE_TABLE: TableNumber = 5;
/// The table of [`At::Paced`].
const PACED_TABLE: TableNumber = 6;
/// The table of [`At::Narrow`].
const NARROW_TABLE: TableNumber = 7;
/// A window in which every row ends, in jiffies.
const PERIOD: u32 = 1 << 29;

fn end(op: Op) -> Rule {
    Rule { op, ..Rule::default() }
}

/// A test: goes on with the next step if it passes, else with the one behind that.
fn source(list: ListNumber) -> Rule {
    Rule { op: Op::Source, list, yes: 1, no: 2, ..Rule::default() }
}

/// Goes on with the next step, or with the step `no` if there is no room.
fn track(slot: u8, table: TableNumber, wide: bool, no: u16) -> Rule {
    Rule { op: Op::Track, slot, table, wide: wide.into(), yes: 1, no, ..Rule::default() }
}

/// As [`source`].
fn more_than(slot: u8, table: TableNumber, column: Column, most: u32) -> Rule {
    let (low, high) = (most + 1, u32::MAX);
    Rule {
        op: Op::Value,
        slot,
        column,
        wide: 1,
        table,
        yes: 1,
        no: 2,
        period: PERIOD,
        low,
        high,
        ..Rule::default()
    }
}

/// The programs.
pub(super) fn all() -> Vec<(At, Vec<Rule>)> {
    let narrow = |rule| Rule { wide: 0, ..rule };
    let mut endless = vec![track(0, ONE_TABLE, true, 1); MAX_STEPS as usize];
    endless.push(end(Op::SilentDrop));
    vec![
        (
            At::Listed,
            vec![
                source(WELCOME),
                end(Op::Accept),
                source(DROPPED),
                end(Op::SilentDrop),
                source(NETWORK),
                end(Op::Reject),
                end(Op::Accept),
            ],
        ),
        (
            At::OneEach,
            vec![
                track(0, ONE_TABLE, true, 4),
                more_than(0, ONE_TABLE, Column::Open, 1),
                end(Op::SilentDrop),
                end(Op::Accept),
                end(Op::UserSpace),
            ],
        ),
        (
            At::Paced,
            vec![
                // A counter that tracks nothing passes no test.
                more_than(2, PACED_TABLE, Column::Rate, 0),
                end(Op::SilentDrop),
                track(1, PACED_TABLE, true, 4),
                more_than(1, PACED_TABLE, Column::Rate, 2),
                end(Op::Reject),
                end(Op::Accept),
                end(Op::UserSpace),
            ],
        ),
        (
            At::Guarded,
            vec![
                more_than(UNTRACKED, GUARDED_TABLE, Column::Connections, 49),
                end(Op::SilentDrop),
                end(Op::Accept),
            ],
        ),
        (At::Partial, vec![source(NETWORK), end(Op::Reject), end(Op::UserSpace)]),
        (At::Endless, endless),
        (
            At::Narrow,
            vec![
                track(0, NARROW_TABLE, false, 4),
                narrow(more_than(0, NARROW_TABLE, Column::Connections, 0)),
                end(Op::SilentDrop),
                end(Op::Accept),
                end(Op::UserSpace),
            ],
        ),
    ]
}

/// The tables of a program's counters.
pub(super) fn tracked(at: At) -> Tracked {
    let (slot, table) = match at {
        At::OneEach | At::Endless => (0, ONE_TABLE),
        At::Paced => (1, PACED_TABLE),
        At::Narrow => (0, NARROW_TABLE),
        _ => return Tracked::default(),
    };
    let mut tracked = Tracked::default();
    (tracked.tables[slot], tracked.periods[slot]) = (table, PERIOD);
    tracked
}
