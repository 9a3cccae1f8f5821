//! What only the log knows: times, timers, byte counts, the state at the end.

use std::time::Duration;

use crate::ctx::Timestamp;

/// Facts about a request, or about a connection in TCP mode, for its log line.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogFacts<'a> {
    /// When the connection was accepted.
    pub accepted: Timestamp,
    /// When the first byte of the request came.
    pub requested: Timestamp,
    /// Timers.
    pub timers: Timers,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// The status that the client got. None: -1.
    pub status: Option<u16>,
    /// Attempts to connect to a server beyond the first.
    pub retries: u32,
    /// Whether the request went to another server than it was meant for: `+` before the retries.
    pub redispatched: bool,
    /// Requests that were before it in the server's queue.
    pub server_queue: u32,
    /// Requests that were before it in the backend's queue.
    pub backend_queue: u32,
    /// Connections of the process, of the frontend, of the backend and of the server.
    pub connections: Connections,
    /// How it ended.
    pub termination: Termination,
    /// Whether the line is written before the end (`option logasap`): `+` before what is not final.
    pub early: bool,
    /// Log lines of the frontend so far.
    pub log_counter: u64,
    /// Requests of the process so far.
    pub request_counter: u64,
    /// The daemon's process.
    pub pid: u32,
    /// The host's name.
    pub hostname: &'a str,
    /// What answered in the place of a server: `<STATS>`, `<CACHE>` and the like.
    pub service: Option<&'a str>,
}

/// Who can say what only the log knows, once somebody asks: few formats outside of logs do.
pub trait FactSource {
    /// The facts as they are at the moment.
    fn log_facts(&self) -> LogFacts<'_>;
}

impl FactSource for LogFacts<'_> {
    fn log_facts(&self) -> LogFacts<'_> {
        *self
    }
}

/// Concurrent connections at the time of the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connections {
    /// Of the process.
    pub process: u32,
    /// Of the frontend.
    pub frontend: u32,
    /// Of the backend.
    pub backend: u32,
    /// Of the server.
    pub server: u32,
}

/// Timers (configuration.txt, section 8.4). None: the event did not happen, which is logged as -1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timers {
    /// `Th`: handshakes.
    pub handshake: Option<Duration>,
    /// `Ti`: from the handshakes to the first byte of the request.
    pub idle: Option<Duration>,
    /// `TR`: from the first byte of the request to the end of its head.
    pub request: Option<Duration>,
    /// `Tw`: in queues.
    pub queue: Option<Duration>,
    /// `Tc`: connecting to the server.
    pub connect: Option<Duration>,
    /// `Tr`: from the connection to the end of the response's head.
    pub response: Option<Duration>,
    /// `Tt`: from accepting the connection to the end.
    pub total: Option<Duration>,
}

impl Timers {
    /// `Tq`: Th + Ti + TR.
    pub fn to_request(&self) -> Option<Duration> {
        Some(self.handshake? + self.idle? + self.request?)
    }

    /// `Ta`: what of Tt follows the first byte of the request.
    pub fn active(&self) -> Option<Duration> {
        let before = self.handshake.unwrap_or_default() + self.idle.unwrap_or_default();
        Some(self.total?.saturating_sub(before))
    }

    /// `Tu`: what of Tt follows the handshakes and the idle time of the connection's first request.
    pub fn user(&self) -> Option<Duration> {
        Some(self.total?.saturating_sub(self.idle.unwrap_or_default()))
    }

    /// `Td`: what of Ta is the transfer of data.
    pub fn data(&self) -> Option<Duration> {
        let before = [self.request, self.queue, self.connect, self.response];
        let before = before.into_iter().flatten().sum();
        self.response.or(self.connect)?;
        Some(self.active()?.saturating_sub(before))
    }
}

/// The four letters of `%tsc` (configuration.txt, section 8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termination {
    /// What ended it first.
    pub cause: u8,
    /// In which state.
    pub state: u8,
    /// The persistence cookie of the client.
    pub client_cookie: u8,
    /// What was done to the server's cookie.
    pub server_cookie: u8,
}

impl Default for Termination {
    fn default() -> Self {
        Self { cause: b'-', state: b'-', client_cookie: b'-', server_cookie: b'-' }
    }
}
