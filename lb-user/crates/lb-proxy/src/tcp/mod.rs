//! TCP mode: a stream of bytes between a client and a server.

mod direction;
mod gate;
pub(crate) mod peek;
pub(crate) mod preread;
pub(crate) mod relay;
pub(crate) mod rules;
pub(crate) mod serve;
