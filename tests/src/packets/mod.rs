//! Packet tests: rows of packets with what must become of them, run through the decision on the host and through the
//! loaded program, which must agree in every respect.

mod kernel;
pub mod layers;
mod programs;
pub mod rig;
pub mod rows;
pub mod world;

pub use kernel::Kernel;
