//! The user plane: listeners, HTTP proxy, TCP relay, TLS, and the I/O of health checks.

mod checker;
mod clock;
mod connect;
mod error;
mod eval;
mod handshake;
mod http;
mod listener;
mod logs;
mod net;
mod passwords;
mod places;
mod plane;
mod resolver;
mod server_side;
mod session;
mod sessions;
mod stream;
mod tcp;
pub mod tls;
mod track;
mod worker;

pub use clock::Clock;
pub use error::{BindError, PrepareError};
pub use listener::inherited;
pub use plane::{Plane, Prepared, prepare};
