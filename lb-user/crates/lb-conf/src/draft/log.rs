//! `log` lines.

use crate::model::LogTarget;

/// A `log` line of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogDraft {
    /// `log global`
    Global,
    Target(LogTarget),
}
