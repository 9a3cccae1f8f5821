//! Stick tables as streams use them: what they track, and the servers that they remember.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use lb_conf::model::{KeyType, StickRule};
use lb_core::stick::{Entry, Key, Metric, StickTable, Tracker};
use lb_core::{Backend, Server, Snapshot, Tick};
use lb_expr::Ctx;
use lb_expr::ctx::Tracked;
use lb_expr::sample::Sample;
use lb_expr::world::{Counter, TableId};

use crate::stream::Stream;

/// Stick counters: HAProxy's `MAX_SESS_STKCTR`.
const COUNTERS: usize = 3;

/// An entry that a stick counter is on.
#[derive(Debug)]
struct Counted {
    table: Arc<StickTable>,
    tracker: Tracker,
}

/// The stick counters of a stream or of a connection.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    slots: RefCell<[Option<Counted>; COUNTERS]>,
}

/// The counters that expressions see: a stream's own, and those of its connection.
pub(crate) struct Seen<'a> {
    pub(crate) stream: Option<&'a Counters>,
    pub(crate) session: &'a Counters,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) now: Tick,
}

/// The key of a sample, in the form that a table wants.
fn key_of(kind: KeyType, sample: &Sample<'_>) -> Option<Key> {
    match (kind, sample) {
        (KeyType::Ipv4 | KeyType::Ipv6, sample) => {
            let text =
                || sample.data().and_then(|data| std::str::from_utf8(data).ok()?.parse::<IpAddr>().ok());
            Key::ip(kind, sample.ip().or_else(text)?)
        }
        (KeyType::Integer, Sample::Int(number)) => Some(Key::integer(u32::try_from(*number).ok()?)),
        (KeyType::Integer, other) => {
            Some(Key::integer(std::str::from_utf8(other.data()?).ok()?.trim().parse().ok()?))
        }
        (_, Sample::Int(number)) => Key::bytes(kind, number.to_string().as_bytes()),
        (_, sample) => match sample.ip() {
            Some(ip) => Key::bytes(kind, ip.to_string().as_bytes()),
            None => Key::bytes(kind, sample.data()?),
        },
    }
}

/// The metric of a figure that expressions ask for. None: it is none of an entry's columns.
fn metric(counter: Counter) -> Option<Metric> {
    Some(match counter {
        Counter::BytesInRate => Metric::BytesInRate,
        Counter::BytesOutRate => Metric::BytesOutRate,
        Counter::KbytesIn => Metric::BytesInCnt,
        Counter::KbytesOut => Metric::BytesOutCnt,
        Counter::ConnCnt | Counter::TouchConnCnt => Metric::ConnCnt,
        Counter::ConnCur => Metric::ConnCur,
        Counter::ConnRate => Metric::ConnRate,
        Counter::Gpc(n) | Counter::IncGpc(n) | Counter::ClearGpc(n) => Metric::Gpc(n),
        Counter::Gpc01(n) | Counter::IncGpc01(n) | Counter::ClearGpc01(n) => Metric::Gpc(n),
        Counter::GpcRate(n) | Counter::Gpc01Rate(n) => Metric::GpcRate(n),
        Counter::Gpt(n) => Metric::Gpt(n),
        Counter::Gpt0 => Metric::Gpt(0),
        Counter::HttpErrCnt => Metric::HttpErrCnt,
        Counter::HttpErrRate => Metric::HttpErrRate,
        Counter::HttpFailCnt => Metric::HttpFailCnt,
        Counter::HttpFailRate => Metric::HttpFailRate,
        Counter::HttpReqCnt => Metric::HttpReqCnt,
        Counter::HttpReqRate => Metric::HttpReqRate,
        Counter::SessCnt => Metric::SessCnt,
        Counter::SessRate => Metric::SessRate,
        Counter::ServerId => Metric::ServerId,
        Counter::Trackers | Counter::Expire | Counter::Idle | Counter::Present => return None,
    })
}

/// A figure of an entry, changed first where the question says so.
fn figure(table: &StickTable, entry: &Entry, what: Counter, now: Tick) -> Option<i64> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let millis = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let Some(metric) = metric(what) else {
        return Some(match what {
            Counter::Trackers => i64::from(entry.trackers()),
            Counter::Expire => millis(table.remaining(entry, now)),
            Counter::Idle => millis(now.since(entry.used())),
            _ => 1,
        });
    };
    if let Counter::IncGpc(n) | Counter::IncGpc01(n) = what {
        // As in HAProxy it comes to nought, rather than to nothing, where neither is stored.
        let [rate, count] = [Metric::GpcRate(n), metric].map(|m| Some(entry.add(table.slot(m)?, 1, now)));
        return Some(number(count.or(rate).unwrap_or(0)));
    }
    let slot = table.slot(metric)?;
    Some(match what {
        Counter::TouchConnCnt => number(entry.add(slot, 1, now)),
        Counter::ClearGpc(_) | Counter::ClearGpc01(_) => number(entry.set(slot, 0, now)),
        Counter::KbytesIn | Counter::KbytesOut => number(entry.get(slot, now) / 1024),
        _ => number(entry.get(slot, now)),
    })
}

fn add(table: &StickTable, entry: &Entry, metric: Metric, more: u64, now: Tick) {
    if let Some(slot) = table.slot(metric) {
        entry.add(slot, more, now);
    }
}

/// A figure of the entry of a key, for expressions that name the table. What does not exist has counted nothing, but
/// tells no times; what changes it makes it.
pub(crate) fn entry_figure(
    snapshot: &Snapshot,
    id: TableId,
    key: &Sample<'_>,
    what: Counter,
    now: Tick,
) -> Option<i64> {
    let table = snapshot.tables.get(id.0 as usize)?;
    let key = key_of(table.config.key, key)?;
    let makes = matches!(
        what,
        Counter::TouchConnCnt
            | Counter::IncGpc(_)
            | Counter::IncGpc01(_)
            | Counter::ClearGpc(_)
            | Counter::ClearGpc01(_)
    );
    let entry = if makes { table.enter(&key, now) } else { table.look_up(&key, now) };
    match entry {
        Some(entry) => figure(table, &entry, what, now),
        None => absent(what),
    }
}

/// A figure of an entry that does not exist.
fn absent(what: Counter) -> Option<i64> {
    (!matches!(what, Counter::Expire | Counter::Idle)).then_some(0)
}

impl Counters {
    /// Puts a counter on the entry of a key, unless it is on one already; whether it was free.
    pub(crate) fn track(&self, index: u8, table: &Arc<StickTable>, sample: &Sample<'_>, now: Tick) -> bool {
        let mut slots = self.slots.borrow_mut();
        let Some(slot @ None) = slots.get_mut(usize::from(index)) else { return false };
        let Some(tracker) = key_of(table.config.key, sample).and_then(|key| table.track(&key, now)) else {
            return false;
        };
        for metric in [Metric::ConnCur, Metric::ConnCnt, Metric::ConnRate] {
            add(table, tracker.entry(), metric, 1, now);
        }
        *slot = Some(Counted { table: Arc::clone(table), tracker });
        true
    }

    /// Whether a counter is on an entry.
    pub(crate) fn tracks(&self, index: u8) -> bool {
        self.slots.borrow().get(usize::from(index)).is_some_and(Option::is_some)
    }

    /// Adds to a metric of what one counter is on, or of what all are on.
    pub(crate) fn add(&self, index: Option<u8>, metrics: &[Metric], more: u64, now: Tick) {
        for (at, counted) in self.slots.borrow().iter().enumerate() {
            if let Some(counted) = counted
                && index.is_none_or(|index| usize::from(index) == at)
            {
                metrics.iter().for_each(|m| add(&counted.table, counted.tracker.entry(), *m, more, now));
            }
        }
    }

    /// Sets a tag of what a counter is on.
    pub(crate) fn set_tag(&self, index: u8, tag: u8, value: u64, now: Tick) {
        if let Some(Some(counted)) = self.slots.borrow().get(usize::from(index))
            && let Some(slot) = counted.table.slot(Metric::Gpt(tag))
        {
            counted.tracker.entry().set(slot, value, now);
        }
    }

    fn figure(&self, seen: &Seen<'_>, index: u8, table: Option<TableId>, what: Counter) -> Option<i64> {
        let slots = self.slots.borrow();
        let counted = slots.get(usize::from(index))?.as_ref()?;
        let Some(id) = table else {
            return figure(&counted.table, counted.tracker.entry(), what, seen.now);
        };
        let table = seen.snapshot.tables.get(id.0 as usize)?;
        match table.look_up(&counted.tracker.entry().key, seen.now) {
            Some(entry) => figure(table, &entry, what, seen.now),
            None => absent(what),
        }
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        for counted in self.slots.get_mut().iter().flatten() {
            if let Some(slot) = counted.table.slot(Metric::ConnCur) {
                counted.tracker.entry().decrement(slot);
            }
        }
    }
}

impl Tracked for Seen<'_> {
    fn counter(&self, slot: u8, table: Option<TableId>, what: Counter) -> Option<i64> {
        let own = self.stream.filter(|counters| counters.tracks(slot));
        own.unwrap_or(self.session).figure(self, slot, table, what)
    }
}

/// A stream's own account in the entries that it and its connection track, once it has ended.
pub(crate) fn settle(stream: &Stream, now: Tick) {
    add_to_all(stream, [Metric::BytesInCnt, Metric::BytesInRate], stream.received, now);
    add_to_all(stream, [Metric::BytesOutCnt, Metric::BytesOutRate], stream.sent, now);
}

fn add_to_all(stream: &Stream, metrics: [Metric; 2], more: u64, now: Tick) {
    for counters in [&stream.tracked, &stream.session.tracked] {
        counters.add(None, &metrics, more, now);
    }
}

/// Who did something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The client: its request is malformed or denied, or the server refuses it.
    Client,
    /// The server: it fails to answer, or says that it failed.
    Server,
}

impl Blame {
    /// What a status of a server's says. That it does not know a method or a version is no failure.
    fn of(status: u16) -> Option<Self> {
        match status {
            400..=499 => Some(Self::Client),
            501 | 505 => None,
            500.. => Some(Self::Server),
            _ => None,
        }
    }
}

/// Counts at once what went wrong, so that rules on the response see it.
pub(crate) fn blame(stream: &Stream, whom: Blame) {
    let metrics = match whom {
        Blame::Client => [Metric::HttpErrCnt, Metric::HttpErrRate],
        Blame::Server => [Metric::HttpFailCnt, Metric::HttpFailRate],
    };
    add_to_all(stream, metrics, 1, stream.session.worker.tick());
}

/// The same for what a server answers.
pub(crate) fn blame_by_status(stream: &Stream, status: u16) {
    if let Some(whom) = Blame::of(status) {
        blame(stream, whom);
    }
}

/// A key that the server of a stream is to be remembered with.
pub(crate) type Memory = (Arc<StickTable>, Key);

/// `stick match` and `stick on`: the server that a key of the request is remembered with, if it can be reached.
pub(crate) fn remembered<'a>(stream: &Stream, backend: &'a Backend, ctx: &Ctx<'a>) -> Option<Arc<Server>> {
    let now = stream.session.worker.tick();
    let rules = backend.config.stick.iter().filter(|rule| rule.matches);
    let server = |rule: &'a StickRule| {
        let (table, key) = key_by(rule, &stream.front.snapshot, ctx)?;
        let entry = table.look_up(&key, now)?;
        entry.touch(now);
        let id = entry.get(table.slot(Metric::ServerId)?, now);
        backend.servers.iter().find(|s| u64::from(s.config.id) == id && s.persistent()).cloned()
    };
    rules.filter(|rule| holds(rule, ctx)).find_map(|rule| server(rule))
}

/// `stick on` and `stick store-request`, or `stick store-response`: the keys that the server is to be remembered with.
pub(crate) fn memories<'a>(
    stream: &Stream,
    backend: &'a Backend,
    ctx: &Ctx<'a>,
    response: bool,
) -> Vec<Memory> {
    let wanted = |rule: &&Arc<StickRule>| if response { rule.stores_response } else { rule.stores_request };
    let rules = backend.config.stick.iter().filter(wanted).filter(|rule| holds(rule, ctx));
    rules.filter_map(|rule| key_by(rule, &stream.front.snapshot, ctx)).collect()
}

/// Remembers the server of a stream.
pub(crate) fn remember(memories: &[Memory], server: &Server, now: Tick) {
    for (table, key) in memories {
        if let (Some(entry), Some(slot)) = (table.enter(key, now), table.slot(Metric::ServerId)) {
            entry.set(slot, u64::from(server.config.id), now);
        }
    }
}

fn holds<'a>(rule: &'a StickRule, ctx: &Ctx<'a>) -> bool {
    rule.condition.as_ref().is_none_or(|condition| condition.holds(ctx))
}

fn key_by<'a>(rule: &'a StickRule, snapshot: &Snapshot, ctx: &Ctx<'a>) -> Option<Memory> {
    let table = snapshot.tables.get(rule.table.0 as usize)?;
    let key = key_of(table.config.key, &rule.key.eval(ctx)?)?;
    Some((Arc::clone(table), key))
}
