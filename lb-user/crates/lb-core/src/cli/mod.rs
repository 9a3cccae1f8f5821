//! The runtime socket's commands (management.txt, section 9.3): what to answer, for whoever owns the socket.

mod admin;
mod command;
mod explain;
mod patterns;
mod servers;
mod session;
mod set_server;
mod show;
mod ssl;
mod stats;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

pub use command::{COMMANDS, Command};
pub use session::{DEFAULT_TIMEOUT, Output, Session, announces_payload, execute};

use crate::host::Host;
use crate::runtime::Runtime;
use crate::tick::Tick;

/// What commands work on.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The state.
    pub runtime: &'a Runtime,
    /// The process.
    pub host: &'a dyn Host,
    /// Now.
    pub now: Tick,
}
