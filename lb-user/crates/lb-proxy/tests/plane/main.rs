//! The user plane through real sockets on loopback.

mod http;
mod life;
mod site;
mod words;
