//! The health counter of a check.

use crate::check::{CheckReport, CheckStatus, Verdict};

/// A health or agent check of a server: what it found last, and the counter that `rise` and `fall` bound.
///
/// The counter goes from 0 to `rise + fall - 1`; from `rise` on the server is up. A first failure of a server that
/// is surely up takes one off, and a failure at `rise` takes all; a success of a server that is down adds one, and
/// the one that reaches `rise` adds the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Whether checks run; `disable health` stops them.
    pub enabled: bool,
    /// Successes that bring the server up.
    pub rise: u32,
    /// Failures that bring it down.
    pub fall: u32,
    /// The counter.
    pub health: u32,
    /// How the last check ended.
    pub last: CheckReport,
    /// Whether a check is under way.
    pub in_progress: bool,
}

/// What a report did to the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Nothing that the server's state depends on.
    None,
    /// It is 0 now: the server is down, as far as this check knows.
    Fell,
    /// It is at its top: the server is up, as far as this check knows.
    Up,
}

impl Probe {
    /// As checks begin: up, but down at the first failure.
    pub fn new(rise: u32, fall: u32) -> Self {
        let (rise, fall) = (rise.max(1), fall.max(1));
        let last = CheckReport::new(CheckStatus::Initializing, std::time::Duration::ZERO);
        Self { enabled: true, rise, fall, health: rise, last, in_progress: false }
    }

    /// The highest value of the counter.
    pub fn top(&self) -> u32 {
        self.rise.saturating_add(self.fall) - 1
    }

    /// Whether the server is up as far as this check knows. A check that does not run has no objection.
    pub fn good(&self) -> bool {
        !self.enabled || self.health >= self.rise
    }

    /// Whether the server is up and the counter at its top.
    pub fn sure(&self) -> bool {
        self.health == self.top()
    }

    /// As after maintenance: up, but down at the first failure.
    pub fn restart(&mut self) {
        self.health = self.rise;
    }

    /// As an operator declares.
    pub fn force(&mut self, up: bool) {
        self.health = if up { self.top() } else { 0 };
    }

    /// Takes the outcome of a check.
    pub fn report(&mut self, report: CheckReport) -> Edge {
        let verdict = report.status.verdict();
        self.last = report;
        self.in_progress = false;
        match verdict {
            Verdict::Neutral => Edge::None,
            Verdict::Passed | Verdict::Conditional => self.passed(),
            Verdict::Failed => self.failed(),
        }
    }

    /// One success more.
    pub fn passed(&mut self) -> Edge {
        if self.health < self.top() {
            self.health += 1;
        }
        if self.health < self.rise {
            return Edge::None;
        }
        self.health = self.top();
        Edge::Up
    }

    /// One failure more.
    pub fn failed(&mut self) -> Edge {
        if self.health > self.rise {
            self.health -= 1;
            return Edge::None;
        }
        self.health = 0;
        Edge::Fell
    }

    /// Under another configuration: the same state between other bounds.
    pub fn rebound(&mut self, rise: u32, fall: u32) {
        let (was_good, was_sure) = (self.health >= self.rise, self.sure());
        (self.rise, self.fall) = (rise.max(1), fall.max(1));
        self.health = match (was_good, was_sure) {
            (true, true) => self.top(),
            (true, false) => self.health.clamp(self.rise, self.top()),
            (false, _) => self.health.min(self.rise - 1),
        };
    }
}
