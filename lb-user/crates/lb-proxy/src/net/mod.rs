//! Sockets of the worker threads.

pub(crate) mod option;
pub(crate) mod pipe;
pub(crate) mod proxy_header;
pub(crate) mod settings;
pub(crate) mod socket;
pub(crate) mod timer;
pub(crate) mod transport;

pub(crate) use socket::{Socket, SocketView, register};
pub(crate) use transport::Transport;
