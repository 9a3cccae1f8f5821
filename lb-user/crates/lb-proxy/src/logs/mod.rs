//! Log lines on their way out.
//!
//! A thread that logs has a [`Journal`] of its own: its sockets, and the lines that were written since it last had
//! nothing else to do. Those go out together, one system call for many.

pub(crate) mod access;
mod date;
mod envelope;
pub(crate) mod flow;
mod journal;
mod ring;
mod sink;

pub(crate) use date::{LocalTime, wall_clock};
pub(crate) use journal::{Journal, ProxyLog};
pub(crate) use ring::{Forwarders, Rings};
pub(crate) use sink::dropped;
