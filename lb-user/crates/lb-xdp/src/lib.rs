//! The kernel plane: loads the XDP program, plans its maps and keeps them in step.

pub mod attach;
pub mod control;
pub mod counters;
#[cfg(test)]
mod fixture;
pub mod flows;
pub mod label;
pub mod loader;
#[cfg(test)]
mod memory;
pub mod neigh;
pub mod numbers;
pub mod pins;
pub mod plan;
pub mod store;
pub mod sync;
mod sys;

pub use sys::BpfError;
