//! `tcp-request connection` rules as a list of steps, for a plane that runs them before there is a connection.
//!
//! A step tests one thing and says where to go on, and the list is in the order of the rules. What such a plane cannot do
//! (other actions, other samples) ends the list: from that rule on user space decides, from the first rule on.

use lb_common::rule::{Column, Op, SLOTS, UNTRACKED};
use lb_conf::model::{self, Action, Config, Frontend, KeyType, Rule, TableId};
use lb_expr::acl::{AclTest, Term};
use lb_expr::pattern::Networks;
use lb_expr::world::Counter;
use lb_expr::{Condition, Figure};

/// What a step does.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Ends, with one of the operations that do.
    End(Op),
    /// Tests whether the client's address is in a set.
    Source(Networks),
    /// Tests whether a column of the client's entry is within a range.
    Value(Value),
    /// Tracks the client by a counter.
    Track(u8, TableId),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The counter that tracks the entry, or [`UNTRACKED`].
    pub slot: u8,
    /// The table.
    pub table: TableId,
    /// What is compared.
    pub column: Column,
    /// The least that passes.
    pub low: u32,
    /// The most that passes.
    pub high: u32,
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub deed: Deed,
    /// The step to go on with if it passes.
    pub yes: usize,
    /// The step to go on with if it fails, or there is no room to track.
    pub no: usize,
    /// The line of its rule.
    pub line: u32,
}

/// A frontend's rules.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The steps, of which the first is the one to begin with.
    pub steps: Vec<Step>,
    /// The tables that counters track in.
    pub tracked: [Option<TableId>; SLOTS],
    /// The rule from which on user space decides. None: all of them are here.
    pub ends_at: Option<u32>,
}

/// Where a test leads; a place that is not known yet has a number.
type Label = usize;

/// The steps of a frontend's rules. `forwards`: connections that pass are forwarded without user space, which would count
/// more of them than this can. None: there are no rules, or the first one is for user space.
pub fn compile(config: &Config, frontend: &Frontend, forwards: bool) -> Option<Admission> {
    let rules = &frontend.proxy.rules.tcp_connection;
    let mut compiler = Compiler { forwards, ..Compiler::new(config) };
    let mut ends_at = None;
    for rule in rules {
        let mark = compiler.steps.len();
        if compiler.rule(rule).is_none() {
            compiler.steps.truncate(mark);
            ends_at = Some(rule.span.line);
            break;
        }
    }
    if compiler.steps.is_empty() {
        return None;
    }
    Some(compiler.finish(ends_at))
}

struct Compiler<'a> {
    config: &'a Config,
    forwards: bool,
    steps: Vec<Step>,
    /// Where each label is.
    labels: Vec<Option<usize>>,
    tracked: [Option<TableId>; SLOTS],
    /// Counters that every connection has come by.
    certain: [bool; SLOTS],
    line: u32,
}

/// A comparison that every connection passes.
const ALWAYS: Value =
    Value { slot: UNTRACKED, table: NO_TABLE, column: Column::Connections, low: 0, high: u32::MAX };
/// The table of a comparison that depends on none.
pub const NO_TABLE: TableId = TableId(u32::MAX);

/// The label of the end that leaves the rest to user space.
const USER_SPACE: Label = 0;

impl<'a> Compiler<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            config,
            forwards: false,
            steps: Vec::new(),
            labels: vec![None],
            tracked: [None; SLOTS],
            certain: [false; SLOTS],
            line: 0,
        }
    }

    fn label(&mut self) -> Label {
        self.labels.push(None);
        self.labels.len() - 1
    }

    /// The label stands before the next step.
    fn put(&mut self, label: Label) {
        self.labels[label] = Some(self.steps.len());
    }

    fn push(&mut self, deed: Deed, yes: Label, no: Label) {
        self.steps.push(Step { deed, yes, no, line: self.line });
    }

    fn end(&mut self, op: Op) {
        self.push(Deed::End(op), USER_SPACE, USER_SPACE);
    }

    fn finish(mut self, ends_at: Option<u32>) -> Admission {
        if ends_at.is_none() {
            self.line = 0;
            self.end(Op::Accept);
        }
        self.put(USER_SPACE);
        self.line = ends_at.unwrap_or(0);
        self.end(Op::UserSpace);
        let last = self.steps.len() - 1;
        let Self { mut steps, labels, tracked, .. } = self;
        let place = |label: Label| labels.get(label).copied().flatten().unwrap_or(last);
        for step in &mut steps {
            (step.yes, step.no) = (place(step.yes), place(step.no));
        }
        Admission { steps, tracked, ends_at }
    }

    /// Adds a rule. None: it cannot be expressed, and what was added of it must go.
    fn rule(&mut self, rule: &Rule) -> Option<()> {
        self.line = rule.span.line;
        let (act, next) = (self.label(), self.label());
        if let Some(condition) = &rule.condition {
            self.condition(condition, act, next)?;
        }
        self.put(act);
        match &rule.action {
            Action::Allow => self.end(Op::Accept),
            Action::Reject => self.end(Op::Reject),
            Action::SilentDrop => self.end(Op::SilentDrop),
            Action::Track { counter, key, table } if key.is_source() => {
                self.track(*counter, *table, rule.condition.is_none(), next)?;
            }
            _ => return None,
        }
        self.put(next);
        Some(())
    }

    fn track(&mut self, counter: u8, table: TableId, always: bool, next: Label) -> Option<()> {
        let slot = usize::from(counter);
        let known = *self.tracked.get(slot)?;
        // A counter is in one table, by which it is taken back when the connection closes.
        if known.is_some_and(|known| known != table) || !self.counts(table) {
            return None;
        }
        self.tracked[slot] = Some(table);
        self.certain[slot] |= always;
        self.push(Deed::Track(counter, table), next, USER_SPACE);
        Some(())
    }

    /// Whether all that the table stores of a connection is counted where connections do not reach user space.
    fn counts(&self, table: TableId) -> bool {
        let Some(table) = self.config.tables.get(table.0 as usize) else { return false };
        let foreign = |column: &model::Column| {
            matches!(
                column,
                model::Column::SessCnt
                    | model::Column::SessRate(_)
                    | model::Column::BytesInCnt
                    | model::Column::BytesInRate(_)
                    | model::Column::BytesOutCnt
                    | model::Column::BytesOutRate(_)
            )
        };
        matches!(table.key, KeyType::Ipv4 | KeyType::Ipv6)
            && !(self.forwards && table.columns.iter().any(foreign))
    }

    fn condition(&mut self, condition: &Condition, act: Label, next: Label) -> Option<()> {
        let (holds, fails) = if condition.is_unless() { (next, act) } else { (act, next) };
        let mut alternatives = condition.alternatives().peekable();
        while let Some(terms) = alternatives.next() {
            let other = if alternatives.peek().is_some() { self.label() } else { fails };
            self.all(terms, holds, other)?;
            self.put_if(other != fails, other);
        }
        Some(())
    }

    /// Goes to `holds` if all terms do, else to `other`.
    fn all(&mut self, terms: &[Term], holds: Label, other: Label) -> Option<()> {
        let mut terms = terms.iter().peekable();
        while let Some(term) = terms.next() {
            let on = if terms.peek().is_some() { self.label() } else { holds };
            let (passes, fails) = if term.negate { (other, on) } else { (on, other) };
            self.any(term, passes, fails)?;
            self.put_if(on != holds, on);
        }
        Some(())
    }

    fn put_if(&mut self, wanted: bool, label: Label) {
        if wanted {
            self.put(label);
        }
    }

    /// Goes to `passes` if any test of an ACL does, else to `fails`.
    fn any(&mut self, term: &Term, passes: Label, fails: Label) -> Option<()> {
        let mut deeds = Vec::new();
        for test in term.acl.tests() {
            self.test(test, &mut deeds)?;
        }
        if deeds.is_empty() {
            // It never passes; a comparison that always does leads on.
            deeds.push(Deed::Value(ALWAYS));
            return self.chain(deeds, fails, fails);
        }
        self.chain(deeds, passes, fails)
    }

    fn chain(&mut self, deeds: Vec<Deed>, passes: Label, fails: Label) -> Option<()> {
        let last = deeds.len() - 1;
        for (index, deed) in deeds.into_iter().enumerate() {
            let no = if index == last { fails } else { self.label() };
            self.push(deed, passes, no);
            self.put_if(index != last, no);
        }
        Some(())
    }

    /// What of a test is to be tried, one after the other.
    fn test(&self, test: &AclTest, deeds: &mut Vec<Deed>) -> Option<()> {
        if test.expr().is_source() {
            for networks in test.networks()? {
                if !networks.have_prefixes() {
                    return None;
                }
                deeds.push(Deed::Source(networks));
            }
            return Some(());
        }
        let figure = test.expr().figure()?;
        for (low, high) in test.ranges()? {
            // What is below zero is no count, and there is none beyond what fits.
            let Ok(high) = u32::try_from(high.min(i64::from(u32::MAX))) else { continue };
            let low = u32::try_from(low.max(0)).unwrap_or(u32::MAX);
            if let Some(value) = self.value(figure, low, high)? {
                deeds.push(Deed::Value(value));
            }
        }
        Some(())
    }

    /// The comparison; within it None: it never passes.
    fn value(&self, figure: Figure, low: u32, high: u32) -> Option<Option<Value>> {
        let column = column(figure.what)?;
        let tracked = |slot: u8| self.tracked.get(usize::from(slot)).copied().flatten();
        let (slot, table) = match (figure.slot, figure.table) {
            (Some(slot), table) => match (tracked(slot), table) {
                // Nothing has been tracked by it so far.
                (None, _) => return Some(None),
                (Some(own), Some(table)) if own != table => return None,
                (Some(own), _) => (slot, own),
            },
            (None, table) => self.source_entry(table?, low)?,
        };
        let stored = self.config.tables.get(table.0 as usize)?.columns.iter().any(|c| is(c, column));
        stored.then_some(Some(Value { slot, table, column, low, high }))
    }

    /// The client's entry in a table in which it may be tracked already: then the connection in hand counts.
    fn source_entry(&self, table: TableId, low: u32) -> Option<(u8, TableId)> {
        let slots = (0..).zip(&self.tracked).zip(self.certain);
        let mut own = slots.filter(|((_, tracked), _)| **tracked == Some(table));
        let wide = self.config.tables.get(table.0 as usize)?.key == KeyType::Ipv6;
        match own.next() {
            None => Some((UNTRACKED, table)),
            Some(((slot, _), true)) if wide || low > 0 => Some((slot, table)),
            Some(_) => None,
        }
    }
}

fn column(counter: Counter) -> Option<Column> {
    match counter {
        Counter::ConnCnt => Some(Column::Connections),
        Counter::ConnCur => Some(Column::Open),
        Counter::ConnRate => Some(Column::Rate),
        _ => None,
    }
}

fn is(stored: &model::Column, column: Column) -> bool {
    match column {
        Column::Connections => *stored == model::Column::ConnCnt,
        Column::Open => *stored == model::Column::ConnCur,
        Column::Rate => matches!(stored, model::Column::ConnRate(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(lines: &[&str], forwards: bool) -> Option<(String, Option<u32>)> {
        let rules: String = lines.iter().map(|line| format!("  tcp-request connection {line}\n")).collect();
        let text = format!(
            "frontend f\n  mode tcp\n  bind :1\n  stick-table type ip size 1k store conn_rate(10s),conn_cur\n  acl ten src 10.0.0.0/8\n{rules}\nbackend t\n  mode tcp\n  stick-table type ipv6 size 1k store conn_cnt,sess_cnt\n"
        );
        let outcome = lb_conf::load_text("test.cfg", &text);
        let problems: Vec<_> = outcome.diagnostics.iter().map(|d| d.message.clone()).collect();
        let config = outcome.config.unwrap_or_else(|| panic!("{text}: {problems:?}"));
        let admission = compile(&config, &config.frontends[0], forwards)?;
        let shown: Vec<_> = admission.steps.iter().map(show).collect();
        Some((shown.join("; "), admission.ends_at))
    }

    fn show(step: &Step) -> String {
        let go = format!("{}/{}", step.yes, step.no);
        match &step.deed {
            Deed::End(op) => format!("{op:?}"),
            Deed::Source(networks) => {
                let prefixes = networks.prefixes().unwrap();
                let prefixes: Vec<_> = prefixes.iter().map(|(ip, bits)| format!("{ip}/{bits}")).collect();
                format!("src {} {go}", prefixes.join(" "))
            }
            Deed::Value(v) => format!("{:?}({}) {}..{} {go}", v.column, v.slot, v.low, v.high),
            Deed::Track(slot, table) => format!("track{slot} {} {go}", table.0),
        }
    }

    #[test]
    fn rules_become_steps() {
        let rows: [(&[&str], &str); 8] = [
            (&["reject"], "Reject; Accept; UserSpace"),
            (
                &["accept if { src 127.0.0.1 ::1 }", "reject unless ten"],
                "src 127.0.0.1/32 ::1/128 1/2; Accept; src 10.0.0.0/8 4/3; Reject; Accept; UserSpace",
            ),
            (
                &["track-sc0 src", "reject if { sc0_conn_rate gt 20 }"],
                "track0 0 1/4; Rate(0) 21..4294967295 2/3; Reject; Accept; UserSpace",
            ),
            (
                &["reject if ten { src_conn_cur ge 5 } or { src 1.1.1.1 }"],
                "src 10.0.0.0/8 1/2; Open(3) 5..4294967295 3/2; src 1.1.1.1/32 3/4; Reject; Accept; UserSpace",
            ),
            (
                &["reject if !ten { src_conn_rate 1:3 7 }"],
                "src 10.0.0.0/8 4/1; Rate(3) 7..7 3/2; Rate(3) 1..3 3/4; Reject; Accept; UserSpace",
            ),
            // What is tracked already counts the connection in hand; what is not tracked matches nothing.
            (
                &["track-sc1 src", "reject if { src_conn_rate gt 2 }", "reject if { sc2_conn_cnt gt 0 }"],
                "track1 0 1/6; Rate(1) 3..4294967295 2/3; Reject; Connections(3) 0..4294967295 5/5; Reject; \
                 Accept; UserSpace",
            ),
            (
                &["reject if { src_conn_cnt(t) lt 0 }"],
                "Connections(3) 0..4294967295 2/2; Reject; Accept; UserSpace",
            ),
            (&["track-sc0 src table t"], "track0 1 1/2; Accept; UserSpace"),
        ];
        for (lines, expected) in rows {
            let (shown, ends_at) = steps(lines, false).unwrap();
            assert_eq!(shown, expected, "{lines:?}");
            assert_eq!(ends_at, None);
        }
    }

    #[test]
    fn what_only_user_space_knows_ends_the_list() {
        let rows: [(&[&str], Option<&str>); 7] = [
            (&["reject if { dst_port 7 }"], None),
            (
                &["accept if ten", "reject if ten { dst_port 7 }"],
                Some("src 10.0.0.0/8 1/2; Accept; UserSpace"),
            ),
            (&["accept if ten", "track-sc0 dst"], Some("src 10.0.0.0/8 1/2; Accept; UserSpace")),
            (
                &["accept if ten", "reject if { src 10.0.0.1/255.0.255.0 }"],
                Some("src 10.0.0.0/8 1/2; Accept; UserSpace"),
            ),
            (
                &["accept if ten", "reject if { src_conn_cnt gt 1 }"],
                Some("src 10.0.0.0/8 1/2; Accept; UserSpace"),
            ),
            (
                &["track-sc0 src if ten", "reject if { src_conn_rate gt 2 }"],
                Some("src 10.0.0.0/8 1/2; track0 0 2/2; UserSpace"),
            ),
            (&["track-sc0 src", "track-sc0 src table t"], Some("track0 0 1/1; UserSpace")),
        ];
        for (lines, expected) in rows {
            let found = steps(lines, false);
            assert_eq!(found.as_ref().map(|(shown, _)| shown.as_str()), expected, "{lines:?}");
            if let Some((_, ends_at)) = found {
                assert_eq!(ends_at, Some(7), "{lines:?}");
            }
        }
    }

    #[test]
    fn what_only_user_space_counts_is_tracked_there_where_there_is_no_other() {
        assert_eq!(steps(&["track-sc0 src table t"], true), None);
        assert_eq!(steps(&["track-sc0 src"], true).map(|(_, ends_at)| ends_at), Some(None));
    }
}
