//! Checkpoints: where expressions are evaluated, and which sources exist there.
//!
//! A fetch names its [`Source`]; a rule names its [`Checkpoint`]. The matrix between the two is HAProxy's, as
//! `haproxy -dK` prints it.

/// Where in the life of a connection an expression is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Checkpoint {
    /// `tcp-request connection` of a frontend.
    TcpConnection,
    /// `tcp-request session` of a frontend.
    TcpSession,
    /// `tcp-request content` of a frontend.
    FrontendTcpContent,
    /// `http-request` of a frontend.
    FrontendHttpRequest,
    /// Rules of a frontend that see the request's body.
    FrontendRequestBody,
    /// `use_backend`.
    UseBackend,
    /// `tcp-request content` of a backend.
    BackendTcpContent,
    /// `http-request` of a backend.
    BackendHttpRequest,
    /// Rules of a backend that see the request's body.
    BackendRequestBody,
    /// `use-server`, `balance`, `stick match`.
    UseServer,
    /// `source` and `sni` of a server: what connecting to it needs.
    ServerConnect,
    /// `tcp-response content` of a backend.
    BackendTcpResponse,
    /// `http-response` of a backend.
    BackendHttpResponse,
    /// Rules of a backend that see the response's body.
    BackendResponseBody,
    /// `stick store-response`.
    StickStore,
    /// `tcp-response content` of a frontend.
    FrontendTcpResponse,
    /// `http-response` and `http-after-response` of a frontend.
    FrontendHttpResponse,
    /// Rules of a frontend that see the response's body.
    FrontendResponseBody,
    /// `log-format` and its siblings.
    Log,
    /// `tcp-check` and `http-check`.
    Check,
    /// `set-var` in `global`: while the configuration is loaded.
    Config,
    /// The runtime socket.
    Cli,
}

impl Checkpoint {
    /// All of them, in the order of [`Checkpoint`]'s variants.
    pub const ALL: [Self; 22] = [
        Self::TcpConnection,
        Self::TcpSession,
        Self::FrontendTcpContent,
        Self::FrontendHttpRequest,
        Self::FrontendRequestBody,
        Self::UseBackend,
        Self::BackendTcpContent,
        Self::BackendHttpRequest,
        Self::BackendRequestBody,
        Self::UseServer,
        Self::ServerConnect,
        Self::BackendTcpResponse,
        Self::BackendHttpResponse,
        Self::BackendResponseBody,
        Self::StickStore,
        Self::FrontendTcpResponse,
        Self::FrontendHttpResponse,
        Self::FrontendResponseBody,
        Self::Log,
        Self::Check,
        Self::Config,
        Self::Cli,
    ];

    /// What diagnostics and the reference call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TcpConnection => "frontend tcp-request connection rule",
            Self::TcpSession => "frontend tcp-request session rule",
            Self::FrontendTcpContent => "frontend tcp-request content rule",
            Self::FrontendHttpRequest => "frontend http-request header rule",
            Self::FrontendRequestBody => "frontend http-request body rule",
            Self::UseBackend => "frontend use-backend rule",
            Self::BackendTcpContent => "backend tcp-request content rule",
            Self::BackendHttpRequest => "backend http-request header rule",
            Self::BackendRequestBody => "backend http-request body rule",
            Self::UseServer => "backend use-server, balance or stick-match rule",
            Self::ServerConnect => "server source selection",
            Self::BackendTcpResponse => "backend tcp-response content rule",
            Self::BackendHttpResponse => "backend http-response header rule",
            Self::BackendResponseBody => "backend http-response body rule",
            Self::StickStore => "backend stick-store rule",
            Self::FrontendTcpResponse => "frontend tcp-response content rule",
            Self::FrontendHttpResponse => "frontend http-response header rule",
            Self::FrontendResponseBody => "frontend http-response body rule",
            Self::Log => "logs",
            Self::Check => "backend tcp-check rule",
            Self::Config => "configuration parser",
            Self::Cli => "CLI parser",
        }
    }

    /// Whether rules there look at the response rather than at the request: `hdr`, `cookie` and `payload`
    /// follow it.
    pub fn is_response(self) -> bool {
        matches!(
            self,
            Self::BackendTcpResponse
                | Self::BackendHttpResponse
                | Self::BackendResponseBody
                | Self::StickStore
                | Self::FrontendTcpResponse
                | Self::FrontendHttpResponse
                | Self::FrontendResponseBody
                | Self::Check
        )
    }
}

/// What a fetch looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Nothing but its arguments and the process.
    Constant,
    /// The state of the process, of proxies and of servers.
    Internal,
    /// The listener and the frontend that accepted the connection.
    Frontend,
    /// The client's connection, layers 3 and 4.
    ClientL4,
    /// The client's connection once handshakes are over.
    ClientL5,
    /// The bytes of the request.
    RequestBuffer,
    /// The head of the request.
    RequestHead,
    /// The body of the request.
    RequestBody,
    /// The bytes or the head of whichever message the rule is about.
    Message,
    /// What the request left behind, up to the log.
    RequestKept,
    /// The backend, once it is chosen.
    Backend,
    /// The server, once it is chosen.
    Server,
    /// The connection to the server.
    ServerL4,
    /// The connection to the server, and what the response left behind.
    ResponseKept,
    /// The bytes of the response.
    ResponseBuffer,
    /// The head of the response.
    ResponseHead,
    /// The body of the response.
    ResponseBody,
}

impl Source {
    /// What diagnostics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "nothing",
            Self::Internal => "internal state",
            Self::Frontend => "the frontend",
            Self::ClientL4 => "the client's connection",
            Self::ClientL5 => "the client's session",
            Self::RequestBuffer => "the request's bytes",
            Self::RequestHead => "the HTTP request",
            Self::RequestBody => "the HTTP request's body",
            Self::Message => "an HTTP message",
            Self::RequestKept => "what is kept of the request",
            Self::Backend => "the backend",
            Self::Server => "the server",
            Self::ServerL4 => "the server's connection",
            Self::ResponseKept => "what is kept of the response",
            Self::ResponseBuffer => "the response's bytes",
            Self::ResponseHead => "the HTTP response",
            Self::ResponseBody => "the HTTP response's body",
        }
    }

    /// Whether it exists in HTTP mode only.
    pub fn needs_http(self) -> bool {
        matches!(
            self,
            Self::RequestHead | Self::RequestBody | Self::ResponseHead | Self::ResponseBody | Self::Message
        )
    }

    /// Whether it is a request, or what is left of one.
    pub fn is_request(self) -> bool {
        matches!(self, Self::RequestHead | Self::RequestBody | Self::Message | Self::RequestKept)
    }

    /// Whether it is bytes as they came, which only TCP mode looks at.
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::RequestBuffer | Self::ResponseBuffer)
    }

    /// Whether it exists at that checkpoint.
    pub fn exists_at(self, place: Checkpoint) -> bool {
        self.mask() & (1 << place as u32) != 0
    }

    /// One bit for each checkpoint, by its position in [`Checkpoint::ALL`].
    fn mask(self) -> u32 {
        match self {
            Self::Constant => ALL,
            Self::Internal => ALL & !bit(Checkpoint::Config),
            Self::ClientL4 => up_to(Checkpoint::Check),
            Self::Frontend => up_to(Checkpoint::Log),
            Self::ClientL5 => up_to(Checkpoint::Log) & !bit(Checkpoint::TcpConnection),
            Self::RequestBuffer | Self::RequestHead | Self::RequestBody => REQUEST,
            Self::Message => REQUEST | RESPONSE,
            Self::RequestKept => REQUEST | RESPONSE & !bit(Checkpoint::Check) | bit(Checkpoint::Log),
            Self::Backend => up_to(Checkpoint::Check) & !(bit(Checkpoint::BackendTcpContent) - 1),
            Self::Server => up_to(Checkpoint::Check) & !(bit(Checkpoint::ServerConnect) - 1),
            Self::ServerL4 | Self::ResponseKept => {
                up_to(Checkpoint::Check) & !(bit(Checkpoint::BackendTcpResponse) - 1)
            }
            Self::ResponseBuffer | Self::ResponseHead | Self::ResponseBody => RESPONSE,
        }
    }
}

const ALL: u32 = (1 << 22) - 1;
const REQUEST: u32 = (bit(Checkpoint::BackendTcpResponse) - 1) & !0b11;
const RESPONSE: u32 =
    (bit(Checkpoint::Log) - 1) & !(bit(Checkpoint::BackendTcpResponse) - 1) | bit(Checkpoint::Check);

const fn bit(place: Checkpoint) -> u32 {
    1 << place as u32
}

const fn up_to(place: Checkpoint) -> u32 {
    (bit(place) << 1) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(source: Source) -> String {
        Checkpoint::ALL.iter().map(|c| if source.exists_at(*c) { 'Y' } else { '.' }).collect()
    }

    // The lines of `haproxy -dKsmp`, with their spaces removed.
    #[test]
    fn matrix_is_haproxys() {
        let rows = [
            (Source::Constant, "YYYYYYYYYYYYYYYYYYYYYY"),
            (Source::Internal, "YYYYYYYYYYYYYYYYYYYY.Y"),
            (Source::ClientL5, ".YYYYYYYYYYYYYYYYYY..."),
            (Source::ClientL4, "YYYYYYYYYYYYYYYYYYYY.."),
            (Source::RequestHead, "..YYYYYYYYY..........."),
            (Source::ResponseHead, "...........YYYYYYY.Y.."),
            (Source::ServerL4, "...........YYYYYYYYY.."),
            (Source::Message, "..YYYYYYYYYYYYYYYY.Y.."),
            (Source::RequestKept, "..YYYYYYYYYYYYYYYYY..."),
            (Source::Frontend, "YYYYYYYYYYYYYYYYYYY..."),
            (Source::Backend, "......YYYYYYYYYYYYYY.."),
            (Source::Server, "..........YYYYYYYYYY.."),
        ];
        for (source, expected) in rows {
            assert_eq!(row(source), expected, "{source:?}");
        }
    }
}
