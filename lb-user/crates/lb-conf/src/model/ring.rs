//! `ring` sections: buffers of log messages, which servers are sent.

use std::net::SocketAddr;
use std::time::Duration;

use super::{LogFraming, Name};
use crate::span::Span;

/// A buffer of log messages (configuration.txt, section 3.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The section's name.
    pub name: Name,
    /// `description`: what it is for.
    pub description: Option<String>,
    /// `format`: the envelope of messages whose `log` line names none; the message alone by default.
    pub format: LogFraming,
    /// `maxlen`: the longest message, in bytes; 1024 by default.
    pub max_len: usize,
    /// `size`: bytes of messages that are kept; 16,384 by default.
    pub size: usize,
    /// `timeout connect`: the longest that connecting to a server may take.
    pub timeout_connect: Option<Duration>,
    /// `timeout server`: the longest that a server may take nothing.
    pub timeout_server: Option<Duration>,
    /// `server`: who is sent the messages.
    pub servers: Vec<RingServer>,
    /// The place of the section's name.
    pub span: Span,
}

impl Ring {
    /// A ring without servers.
    pub fn new(name: Name, span: Span) -> Self {
        Self {
            name,
            description: None,
            format: LogFraming::Raw,
            max_len: 1024,
            size: Self::SIZE,
            timeout_connect: None,
            timeout_server: None,
            servers: Vec::new(),
            span,
        }
    }

    /// The smallest size in bytes, and the one where none is set.
    pub const SIZE: usize = 16_384;
}

/// A log server that is sent what a ring holds, over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingServer {
    /// Its name.
    pub name: Name,
    /// Where it listens.
    pub address: SocketAddr,
    /// `log-proto`: how messages are told apart.
    pub framing: StreamFraming,
    /// The place of its name.
    pub span: Span,
}

/// How messages are told apart in a stream (RFC 6587).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamFraming {
    /// `legacy`: a line feed ends each of them.
    #[default]
    Lines,
    /// `octet-count`: its length and a blank go before each of them.
    OctetCount,
}
