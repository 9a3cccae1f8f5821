//! Limits and sizes of the process: the words of `global` whose lines are dumped as they are written.

use std::time::Duration;

/// What `global` says about limits, sizes and the start of the process. None everywhere: the built-in value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// `quiet`: nothing but errors on the terminal, as with `-q`.
    pub quiet: bool,
    /// `zero-warning`: warnings keep the daemon from starting, as with `-dW`.
    pub zero_warning: bool,
    /// `set-dumpable`: core dumps are permitted even after the user changed.
    pub dumpable: bool,
    /// `no strict-limits`: goes on if the limit of open files cannot be raised.
    pub lenient_limits: bool,
    /// `fd-hard-limit`: the most open files that are computed with.
    pub fd_hard_limit: Option<u32>,
    /// `nosplice`: bulk transfers are copied.
    pub no_splice: bool,
    /// `grace`: how long a soft stop waits before it closes the addresses.
    pub grace: Option<Duration>,
    /// `max-spread-checks`: the most that the first checks of servers are spread over.
    pub max_spread_checks: Option<Duration>,
    /// `maxconnrate`, `maxsessrate`, `maxsslconn`, `maxsslrate` and `maxcomprate`.
    pub limits: Limits,
    /// `tune.bufsize` and `tune.maxrewrite`: a request's head may take the difference, in bytes.
    pub buffer: Option<u32>,
    /// `tune.maxrewrite`, in bytes.
    pub max_rewrite: Option<u32>,
    /// `tune.http.maxhdr`: header fields of a message.
    pub http_fields: Option<u32>,
    /// `tune.http.logurilen`: bytes of a request line in logs.
    pub log_uri_bytes: Option<u32>,
    /// `tune.h2.*`.
    pub h2: H2Tuning,
    /// `tune.rcvbuf.client` and `tune.sndbuf.client`: socket buffers towards clients.
    pub client_buffers: SocketBuffers,
    /// `tune.rcvbuf.server` and `tune.sndbuf.server`: socket buffers towards servers.
    pub server_buffers: SocketBuffers,
    /// `tune.pipesize`: bytes of a pipe that data are spliced through.
    pub pipe_bytes: Option<u32>,
}

/// How fast connections are taken, and how many. None: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `maxconnrate`: connections accepted in a second.
    pub connection_rate: Option<u32>,
    /// `maxsessrate`: sessions begun in a second.
    pub session_rate: Option<u32>,
    /// `maxsslconn`: concurrent connections over TLS with clients.
    pub tls_connections: Option<u32>,
    /// `maxsslrate`: TLS handshakes with clients in a second.
    pub tls_rate: Option<u32>,
    /// `maxcomprate`: bytes that go into compression in a second.
    pub compression_rate: Option<u32>,
}

/// `tune.h2.*`: what HTTP/2 clients are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct H2Tuning {
    /// `tune.h2.initial-window-size`: bytes of a request's body that may come unasked.
    pub window: Option<u32>,
    /// `tune.h2.max-concurrent-streams`: requests at a time on one connection.
    pub streams: Option<u32>,
    /// `tune.h2.max-frame-size`, in bytes.
    pub frame: Option<u32>,
    /// `h2-workaround-bogus-websocket-clients`: WebSocket over HTTP/2 is not offered.
    pub no_websocket: bool,
}

/// `SO_RCVBUF` and `SO_SNDBUF` in bytes. None: the system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketBuffers {
    /// For what is received.
    pub receive: Option<u32>,
    /// For what is sent.
    pub send: Option<u32>,
}

/// `tune.bufsize` where it is not set, in bytes.
const BUFFER: u32 = 16_384;
/// `tune.maxrewrite` where it is not set, in bytes.
const MAX_REWRITE: u32 = 1024;

impl Tuning {
    /// The longest head of a request in bytes: a buffer less what is kept for rewriting, which is half of it at most.
    pub fn head_bytes(&self) -> usize {
        let buffer = self.buffer.unwrap_or(BUFFER);
        (buffer - self.max_rewrite.unwrap_or(MAX_REWRITE).min(buffer / 2)) as usize
    }
}

/// `clitcpka-*` and `srvtcpka-*`: how silent peers are probed. None: as the system does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepAlive {
    /// Probes without an answer before a peer counts as gone.
    pub count: Option<u32>,
    /// Silence before the first probe.
    pub idle: Option<Duration>,
    /// Between two probes.
    pub interval: Option<Duration>,
}
