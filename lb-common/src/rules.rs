//! `tcp-request connection` rules on the packet path: before there is any state of a connection.
//!
//! What the kernel decides, it counts; what goes on to user space is counted there, once it is a connection. Rules look
//! at the sum of both, with the connection in hand on top of it where they track it.

use crate::address::{Address, Family};
use crate::answer;
use crate::counter::Reason;
use crate::forward::{Decision, Verdict};
use crate::key::RateKey;
use crate::packet::{Network, Packet};
use crate::rates;
use crate::rule::{MAX_STEPS, Op, Rule, SLOTS, UNTRACKED};
use crate::tables::{CommonTables, FamilyTables};
use crate::value::{Direction, FLOW_TRACKED, FLOW_TRACKED_SHIFT, Flow, Pending, Segment, Service, ServiceId};

/// Runs the rules from a place on for the pending packet: the number of the operation that they end with. Leaves in
/// `pending` which rule that was and which counters track the connection.
#[inline(always)]
pub fn judge<A, T>(tables: &T, first: u32) -> u32
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let mut place = first;
    let mut left = MAX_STEPS;
    while left > 0 {
        left -= 1;
        let Some(rule) = tables.rule(place) else { return Op::UserSpace as u32 };
        let passes = match rule.op {
            Op::Source | Op::Value | Op::Track => FamilyTables::<A>::passes(tables, place),
            end => {
                if let Some(mut pending) = FamilyTables::<A>::pending(tables) {
                    pending.rule = place;
                }
                return end as u32;
            }
        };
        place = place.wrapping_add(if passes { rule.yes } else { rule.no } as u32);
    }
    Op::UserSpace as u32
}

/// What a service's rules say about the pending packet.
#[inline(always)]
pub(crate) fn verdict<A, T>(tables: &T, segment: &Segment<A>, service: &Service) -> u32
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    // An address that stands for one of the other family as well would have to be looked up in both families' lists.
    if segment.key.src.is_plain() {
        FamilyTables::<A>::judge(tables, service.rules)
    } else {
        Op::UserSpace as u32
    }
}

/// Whether the pending packet passes the test at a place. A
/// counter goes on to `no` where there is no room for it.
#[inline(always)]
pub fn passes<A, T>(tables: &T, place: u32) -> bool
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let Some(rule) = tables.rule(place) else { return false };
    let Some(mut pending) = FamilyTables::<A>::pending(tables) else { return false };
    match rule.op {
        Op::Source => tables.listed(rule.list, &pending.segment.key.src),
        Op::Track => track(tables, &mut pending, rule),
        _ => compare(tables, &pending, rule),
    }
}

/// Whether a table can have an entry for addresses of this family.
#[inline(always)]
fn fits<A: Address>(rule: &Rule) -> bool {
    rule.wide != 0 || A::FAMILY as u8 == Family::V4 as u8
}

#[inline(always)]
fn key<A: Network>(pending: &Pending<A>, table: u16) -> RateKey<A> {
    RateKey { source: pending.segment.key.src, table, reserved: 0 }
}

/// Puts a counter on the client's entry, which is made if there is none. False if there is no room for it.
#[inline(always)]
fn track<A, T>(tables: &T, pending: &mut Pending<A>, rule: &Rule) -> bool
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let bit = 1_u8 << (rule.slot & 3);
    // A counter stays where it is, and addresses of which the table knows nothing are not tracked.
    if pending.tracked & bit != 0 || !fits::<A>(rule) {
        return true;
    }
    pending.tracked |= bit;
    tables.make_rates(&key(pending, rule.table), tables.now())
}

/// Compares a column.
#[inline(always)]
fn compare<A, T>(tables: &T, pending: &Pending<A>, rule: &Rule) -> bool
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let tracked = pending.tracked & 1 << (rule.slot & 3) != 0;
    if rule.slot != UNTRACKED && !tracked {
        return false;
    }
    let mut value = 0;
    if fits::<A>(rule) {
        let key = key(pending, rule.table);
        let own = tables.rates(&key).unwrap_or_default();
        let host = tables.host_rates(&key).unwrap_or_default();
        value = rates::value(&own, &host, rule.column, tables.now(), rule.period, tracked as u32);
    }
    value >= rule.low && value <= rule.high
}

/// Counts the pending packet as a connection that was decided about, in the entries that track it.
#[inline(always)]
pub fn count<A, T>(tables: &T, service: ServiceId, opened: bool)
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let Some(pending) = FamilyTables::<A>::pending(tables) else { return };
    let tracked = tables.tracked(service);
    let mut slot = 0;
    while slot < SLOTS {
        if pending.tracked & 1 << slot != 0 {
            let key = key(&*pending, tracked.tables[slot]);
            tables.count_connection(&key, tables.now(), tracked.periods[slot], opened);
        }
        slot += 1;
    }
}

/// Counts a flow as closed in the entries that track it. Not inlined: in the kernel it needs a
/// stack frame of its own.
#[inline(never)]
pub(crate) fn uncount<A, T>(tables: &T, client: &A, flow: &Flow<A>)
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    let tracked = tables.tracked(flow.service);
    let mut slot = 0;
    while slot < SLOTS {
        if flow.marks & FLOW_TRACKED & 1 << (FLOW_TRACKED_SHIFT + slot as u16) != 0 {
            let key = RateKey { source: *client, table: tracked.tables[slot], reserved: 0 };
            tables.count_closed(&key, tables.now());
        }
        slot += 1;
    }
}

/// The marks of a flow that is tracked.
#[inline(always)]
pub(crate) fn marks(tracked: u8) -> u16 {
    (tracked as u16) << FLOW_TRACKED_SHIFT & FLOW_TRACKED
}

/// The client of a flow: whose packets an entry of this direction is for, or whom it sends to.
#[inline(always)]
pub(crate) fn client<A: Network>(flow: &Flow<A>, source: A) -> A {
    match flow.direction {
        Direction::ToServer => source,
        Direction::ToClient => flow.dst,
    }
}

/// What became of a packet that was turned away: bits of what [`deny`] returns.
const ANSWERED: u32 = 1 << 0;
/// It is a copy of one that was turned away before.
const REPEATED: u32 = 1 << 1;

/// Turns the pending packet away. A client that is rejected is told, as long as few are: a flood is dropped where it
/// comes in, rather than answered to addresses that may be others'. Not inlined: in the kernel it needs a stack frame of
/// its own.
#[inline(never)]
pub(crate) fn deny<A, P, T>(packet: &mut P, tables: &T, reject: bool) -> u32
where
    A: Network,
    P: Packet,
    T: CommonTables + FamilyTables<A>,
{
    let pending = FamilyTables::<A>::pending(tables).map(|pending| (pending.segment, pending.rule));
    let Some((segment, rule)) = pending else { return 0 };
    // A client that hears nothing sends its SYN again; that is the same connection still.
    let print = answer::fingerprint(packet, &segment);
    let repeated = print.is_some_and(|print| tables.repeated(print));
    if !repeated {
        tables.count_rule(rule, packet.length());
    }
    let answered = reject && tables.may_answer(tables.now()) && answer::reset(packet, &segment).is_some();
    (if repeated { REPEATED } else { 0 }) | if answered { ANSWERED } else { 0 }
}

/// The decision about a packet that was turned away, which is counted unless it is a copy. Not in [`deny`]: the stack
/// frames of the two together would be more than kernel 6.1 allows.
#[inline(always)]
pub(crate) fn denied<A, T>(tables: &T, how: u32, service: ServiceId, ingress: u32) -> Decision
where
    A: Network,
    T: CommonTables + FamilyTables<A>,
{
    if how & REPEATED == 0 {
        FamilyTables::<A>::count_pending(tables, service, false);
    }
    let answered = how & ANSWERED != 0;
    let reason = match (how & REPEATED != 0, answered) {
        (true, _) => Reason::Repeated,
        (false, true) => Reason::Rejected,
        (false, false) => Reason::Denied,
    };
    if answered {
        Decision { verdict: Verdict::Transmit, reason, service, egress: ingress }
    } else {
        Decision::drop(reason, service)
    }
}
