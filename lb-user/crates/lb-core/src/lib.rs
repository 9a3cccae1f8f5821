//! The run-time state: servers, balancing, checks, counters and the changes to them.
//!
//! A [`Runtime`] is built from a configuration and shared by everything that serves it. Its state has one writer,
//! [`Runtime::apply`]; worker threads read a [`Snapshot`], atomics, and selection tables that are replaced whole.
//! Nothing here opens a socket or reads a clock: a [`Tick`] and random words come in as parameters.

pub mod admission;
pub mod backend;
pub mod balance;
pub mod change;
pub mod check;
pub mod cli;
pub mod counters;
pub mod dataplane;
pub mod event;
#[cfg(test)]
mod fixture;
pub mod frontend;
pub mod host;
pub mod placement;
pub mod process;
pub mod queue;
pub mod runtime;
#[cfg(test)]
mod runtime_tests;
pub mod server;
pub mod stats;
pub mod stick;
pub mod tick;

pub use backend::Backend;
pub use balance::{Pick, PickInput, Slots, lot};
pub use change::{Applied, Change, FrontendChange, Refused, ServerChange};
pub use dataplane::{FlowEnd, Served};
pub use event::Event;
pub use frontend::Frontend;
pub use process::{LimitChange, Limits, ProcessState};
pub use runtime::{Runtime, Snapshot};
pub use server::{Server, ServerId, ServerLease};
pub use tick::Tick;
