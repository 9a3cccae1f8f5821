//! Health checks: what they find out and when they are due. The bytes on the wire are the state machines of the
//! sub-modules; whoever owns a socket drives them.

mod agent;
mod body;
mod content;
mod http;
mod program;
mod run;
mod scene;
mod schedule;
mod service;
mod status;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use program::{BadPattern, Program};
pub use run::{Action, CheckRun, Failure};
pub use scene::{Scene, state_of};
pub use schedule::{CheckPhase, first_check, next_check};
pub use status::{CheckStatus, Verdict};

use crate::change::{AdminState, WeightChange};

/// How a health check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The outcome.
    pub status: CheckStatus,
    /// The code of the protocol's answer, such as an HTTP status.
    pub code: Option<u16>,
    /// From the first packet to the outcome.
    pub duration: Duration,
    /// More about it, such as the system's error or the reason phrase; empty where there is none.
    pub info: String,
}

impl CheckReport {
    /// A report without a code or a description.
    pub fn new(status: CheckStatus, duration: Duration) -> Self {
        Self { status, code: None, duration, info: String::new() }
    }
}

/// What an agent said, or why it could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentReport {
    /// The outcome of the check as such.
    pub check: CheckReport,
    /// `ready`, `drain`, `maint`.
    pub admin: Option<AdminState>,
    /// `up`: true, `down`, `fail`, `stopped`: false.
    pub up: Option<bool>,
    /// `N%`.
    pub weight: Option<WeightChange>,
    /// `maxconn:N`.
    pub maxconn: Option<u32>,
}
