//! What the log says when a server's state changes. Its wording is part of the interface: alerting rules match it.

use std::fmt::Write as _;
use std::sync::Arc;

use lb_conf::model::LogLevel;

use super::{Admin, Operational, Server, State};
use crate::backend::Backend;
use crate::change::ServerChange;
use crate::check::{CheckReport, Verdict};

/// What made a server change, as far as the log names it.
#[derive(Debug)]
pub(crate) enum Cause {
    Check(CheckReport),
    Agent(CheckReport),
    Operator,
    Other,
}

impl Cause {
    pub(crate) fn of(change: &ServerChange) -> Self {
        match change {
            ServerChange::Check(report) => Self::Check(report.clone()),
            ServerChange::Agent(report) => Self::Agent(report.check.clone()),
            ServerChange::Health(_) | ServerChange::AgentHealth(_) => Self::Operator,
            _ => Self::Other,
        }
    }
}

/// A change of a server's state, once it is made.
#[derive(Debug)]
pub(crate) struct Announcement<'a> {
    pub(crate) backend: &'a Arc<Backend>,
    pub(crate) server: &'a Arc<Server>,
    pub(crate) cause: &'a Cause,
    pub(crate) before: &'a State,
    pub(crate) after: &'a State,
    /// Waiting sessions that went back to the backend's queue.
    pub(crate) requeued: usize,
}

type Line = (LogLevel, String);

impl Announcement<'_> {
    /// The lines, in their order.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.check_line().into_iter().chain(self.state_line()).collect()
    }

    // `option log-health-checks`: each outcome that moves the counter or is of another kind than the last.
    fn check_line(&self) -> Option<Line> {
        let Cause::Check(report) = self.cause else { return None };
        let (before, after) = (self.before.check.as_ref()?, self.after.check.as_ref()?);
        let news = before.health != after.health || before.last.status != after.last.status;
        if !self.backend.config.check.log || !news {
            return None;
        }
        let outcome = match report.status.verdict() {
            Verdict::Neutral => return None,
            Verdict::Passed => "succeeded",
            Verdict::Conditional => "conditionally succeeded",
            Verdict::Failed => "failed",
        };
        let backup = if self.server.config.backup { "backup " } else { "" };
        let up = after.health >= after.rise;
        let (count, of, state) = match up {
            true => (after.health - after.rise + 1, after.fall, "UP"),
            false => (after.health, after.rise, "DOWN"),
        };
        let text = format!(
            "Health check for {backup}server {} {outcome}{}, status: {count}/{of} {state}.",
            self.path(),
            reason(report)
        );
        Some((LogLevel::Notice, text))
    }

    fn state_line(&self) -> Option<Line> {
        let (before, after) = (self.before, self.after);
        match (before.admin.maint(), after.admin.maint()) {
            (false, true) => return Some(self.maintenance_line()),
            (true, false) => return Some(self.ready_line()),
            (true, true) => return None,
            (false, false) => {}
        }
        match (before.admin.any(Admin::DRAIN), after.admin.any(Admin::DRAIN)) {
            (false, true) => return Some(self.notice(&format!("enters drain state.{}", self.rest()))),
            (true, false) => return Some(self.notice(&format!("is {} (leaving forced drain).", self.up()))),
            _ => {}
        }
        self.operational_line()
    }

    fn maintenance_line(&self) -> Line {
        if self.before.operational == Operational::Stopped {
            return self.notice("was DOWN and now enters maintenance.");
        }
        self.line(self.loss(), &format!("is going DOWN for maintenance.{}", self.rest()))
    }

    fn ready_line(&self) -> Line {
        self.notice(&format!("is {}/READY (leaving forced maintenance).", self.up()))
    }

    fn operational_line(&self) -> Option<Line> {
        let serves =
            |state: &State| matches!(state.operational, Operational::Running | Operational::Starting);
        if self.before.operational == self.after.operational || (serves(self.before) && serves(self.after)) {
            return None;
        }
        let (level, now) = match self.after.operational {
            Operational::Stopped => (self.loss(), "DOWN"),
            Operational::Stopping => (LogLevel::Notice, "stopping"),
            Operational::Running | Operational::Starting => (LogLevel::Notice, "UP"),
        };
        Some(self.line(level, &format!("is {now}{}.{}", self.because(), self.rest())))
    }

    // The reason, unless the line about the check has given it.
    fn because(&self) -> String {
        match self.cause {
            Cause::Check(_) if self.backend.config.check.log => String::new(),
            Cause::Check(report) | Cause::Agent(report) => reason(report),
            Cause::Operator => ", changed from CLI".to_owned(),
            Cause::Other => String::new(),
        }
    }

    // A server that took new sessions and no longer does is worth an alert.
    fn loss(&self) -> LogLevel {
        if self.before.usable() { LogLevel::Alert } else { LogLevel::Notice }
    }

    fn up(&self) -> &'static str {
        if self.after.operational == Operational::Stopped { "DOWN" } else { "UP" }
    }

    // How things stand for the backend.
    fn rest(&self) -> String {
        let (active, backup) = self.backend.usable_by_kind();
        let fallback = if active == 0 && backup > 0 { " Running on backup." } else { "" };
        let (requeued, waiting) = (self.requeued, self.server.counters().traffic.waiting.get());
        if self.after.operational == Operational::Stopped {
            let sessions = self.server.active();
            return format!(
                " {active} active and {backup} backup servers left.{fallback} {sessions} sessions active, \
                 {requeued} requeued, {waiting} remaining in queue."
            );
        }
        format!(
            " {active} active and {backup} backup servers online.{fallback} {requeued} sessions requeued, \
             {waiting} total in queue."
        )
    }

    fn notice(&self, what: &str) -> Line {
        self.line(LogLevel::Notice, what)
    }

    fn line(&self, level: LogLevel, what: &str) -> Line {
        let kind = if self.server.config.backup { "Backup Server" } else { "Server" };
        (level, format!("{kind} {} {what}", self.path()))
    }

    fn path(&self) -> String {
        format!("{}/{}", self.backend.config.proxy.name, self.server.config.name)
    }
}

fn reason(report: &CheckReport) -> String {
    let mut text = format!(", reason: {}", report.status.description());
    // Writing to a String does not fail.
    if let Some(code) = report.code {
        let _ = write!(text, ", code: {code}");
    }
    if !report.info.is_empty() {
        let _ = write!(text, ", info: \"{}\"", report.info);
    }
    let _ = write!(text, ", check duration: {}ms", report.duration.as_millis());
    text
}
