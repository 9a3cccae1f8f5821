//! The kernel plane: loads the XDP program, plans its maps and keeps them in step.
//!
//! [`prepare`] makes everything ready without any packet noticing, [`Prepared::commit`] starts. From then on one task
//! follows the daemon's state ([`lb_core::Runtime`]) and the host's network, and the daemon has a [`Plane`] to ask and to
//! stop.

mod agent;
pub mod attach;
pub mod bpf;
mod bpf_sources;
pub mod control;
pub mod counters;
pub mod decap;
pub mod ethtool;
mod events;
#[cfg(test)]
mod fixture;
pub mod flows;
pub mod host;
pub mod inspect;
pub mod label;
pub mod loader;
#[cfg(test)]
mod memory;
pub mod neigh;
pub mod numbers;
pub mod object;
pub mod pins;
pub mod plan;
mod plane;
mod record;
mod report;
pub mod reset;
pub mod rulebook;
mod sharing;
pub mod status;
pub mod steward;
pub mod store;
pub mod sync;
mod sys;

pub use plane::{Clock, Plane, Prepared, Unavailable, pin_folder, prepare, wanted};
pub use status::Status;
pub use steward::Steward;
pub use sys::BpfError;
