//! Backends: groups of servers and how one of them is chosen.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lb_expr::Expr;

use super::{
    BackendId, CheckSpec, Cookie, HttpReuse, KeepAlive, Mode, Name, Proxy, Server, StickRule, UseServer,
};

/// The serving half of a `backend` or `listen` section.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Name, mode and place.
    pub proxy: Proxy,
    /// Position in [`super::Config::backends`].
    pub id: BackendId,
    /// `server` lines in their order.
    pub servers: Vec<Arc<Server>>,
    /// `balance`.
    pub algorithm: Algorithm,
    /// `hash-type`.
    pub hash_type: HashType,
    /// `hash-balance-factor`: hundredths of the average load above which a consistent hash goes on to the next
    /// server. None: it does not.
    pub hash_balance_factor: Option<u32>,
    /// How servers that have `check` are checked.
    pub check: CheckSpec,
    /// `srvtcpka-*`: how silent servers are probed with `option srvtcpka`.
    pub keep_alive: KeepAlive,
    /// `timeout connect`.
    pub timeout_connect: Option<Duration>,
    /// `timeout server`: the longest that a server may be silent.
    pub timeout_server: Option<Duration>,
    /// `timeout server-fin`: the same on a half-closed connection.
    pub timeout_server_fin: Option<Duration>,
    /// `timeout check`: for the answer to a check once connected.
    pub timeout_check: Option<Duration>,
    /// `timeout queue`: the longest wait for a server; `timeout connect` where absent.
    pub timeout_queue: Option<Duration>,
    /// `timeout tunnel`: silence in both directions once a connection carries no HTTP any more, or in TCP mode.
    pub timeout_tunnel: Option<Duration>,
    /// `retries`: attempts to connect beyond the first; 3 by default.
    pub retries: u32,
    /// `option redispatch [INTERVAL]`: after which failed attempts another server is tried. None: after none.
    pub redispatch: Option<Redispatch>,
    /// `retry-on`: which failures are tried again.
    pub retry_on: RetryOn,
    /// `fullconn`: concurrent connections at which `minconn` has grown to `maxconn`. None: a tenth of the sum of
    /// the `maxconn` of the frontends that lead here.
    pub fullconn: Option<u32>,
    /// `option allbackups`: all backup servers share the load, not only the first.
    pub all_backups: bool,
    /// `option abortonclose`: a client that goes away leaves the queue.
    pub abort_on_close: bool,
    /// `disabled`: takes no traffic.
    pub disabled: bool,
    /// `cookie`.
    pub cookie: Option<Cookie>,
    /// `dynamic-cookie-key`.
    pub dynamic_cookie_key: Option<String>,
    /// `use-server`, in their order.
    pub use_server: Vec<Arc<UseServer>>,
    /// `stick`, in their order.
    pub stick: Vec<Arc<StickRule>>,
    /// `http-send-name-header`: the header that tells a server its name.
    pub send_name_header: Option<Name>,
    /// `balance hash` and `balance rdp-cookie`: what is hashed.
    pub balance_expr: Option<Arc<Expr>>,
    /// `http-reuse`.
    pub http_reuse: HttpReuse,
    /// `xdp-forward`.
    pub forward: Forward,
    /// `max-keep-alive-queue`: above that many waiting requests a kept connection's client goes to another server.
    /// None: never.
    pub max_keep_alive_queue: Option<u32>,
    /// `load-server-state-from-file`: the file that states of its servers are taken from at the start.
    pub state_file: Option<PathBuf>,
}

impl Backend {
    /// A backend with the default settings and no servers.
    pub fn new(proxy: Proxy, id: BackendId) -> Self {
        Self {
            proxy,
            id,
            servers: Vec::new(),
            algorithm: Algorithm::default(),
            hash_type: HashType::default(),
            hash_balance_factor: None,
            check: CheckSpec::default(),
            keep_alive: KeepAlive::default(),
            timeout_connect: None,
            timeout_server: None,
            timeout_server_fin: None,
            timeout_check: None,
            timeout_queue: None,
            timeout_tunnel: None,
            retries: 3,
            redispatch: None,
            retry_on: RetryOn::default(),
            fullconn: None,
            all_backups: false,
            abort_on_close: false,
            disabled: false,
            cookie: None,
            dynamic_cookie_key: None,
            use_server: Vec::new(),
            stick: Vec::new(),
            send_name_header: None,
            balance_expr: None,
            http_reuse: HttpReuse::default(),
            max_keep_alive_queue: None,
            state_file: None,
            forward: Forward::default(),
        }
    }
}

/// `xdp-forward`: how the kernel plane sends packets to servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forward {
    /// `nat`: from the balancer's address.
    #[default]
    Nat,
    /// `transparent`: from the client's.
    Transparent,
    /// `dsr`: as they came, to the server's MAC address.
    Dsr,
    /// `ipip`: as they came, inside of other packets.
    Ipip,
    /// `gue`: the same with UDP, to this port.
    Gue(u16),
}

impl Forward {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nat => "nat",
            Self::Transparent => "transparent",
            Self::Dsr => "dsr",
            Self::Ipip => "ipip",
            Self::Gue(_) => "gue",
        }
    }

    /// Whether servers answer clients directly, on the port that clients connect to.
    pub fn is_direct(self) -> bool {
        matches!(self, Self::Dsr | Self::Ipip | Self::Gue(_))
    }

    /// Whether packets are put into others.
    pub fn is_tunnel(self) -> bool {
        matches!(self, Self::Ipip | Self::Gue(_))
    }
}

/// `retry-on`: which failures are tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// `conn-failure`: the connection could not be opened.
    pub failed_connections: bool,
    /// `empty-response`: the connection ended without a response.
    pub empty_responses: bool,
    /// `junk-response`: what came is no response.
    pub junk_responses: bool,
    /// `response-timeout`: nothing came in time.
    pub timeouts: bool,
    /// Responses of these statuses.
    pub statuses: Vec<u16>,
}

impl Default for RetryOn {
    fn default() -> Self {
        Self {
            failed_connections: true,
            empty_responses: false,
            junk_responses: false,
            timeouts: false,
            statuses: Vec::new(),
        }
    }
}

impl RetryOn {
    /// Whether requests are tried again that were sent already.
    pub fn has_responses(&self) -> bool {
        self.empty_responses || self.junk_responses || self.timeouts || !self.statuses.is_empty()
    }
}

/// `option redispatch`: on which attempts to connect another server is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redispatch {
    /// On the last one.
    Last,
    /// On each so many-th one.
    Every(u32),
    /// On that many-th one counted from the last.
    FromLast(u32),
}

/// `balance`: how a server is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Each in turn, by weight.
    #[default]
    RoundRobin,
    /// The same with weights that do not change at run time.
    StaticRr,
    /// The one with the fewest sessions for its weight.
    LeastConn,
    /// The first that has room.
    First,
    /// The least loaded of so many drawn by lot.
    Random(u32),
    /// By a hash of the client's address.
    Source,
    /// By a hash of a part of the request, which the user plane takes from it.
    Key(BalanceKey),
}

/// What `balance` hashes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalanceKey {
    /// `uri`: the path, or all of it.
    Uri {
        /// `len`: of its first bytes only.
        len: Option<u32>,
        /// `depth`: of its first directories only.
        depth: Option<u32>,
        /// `whole`: with the query.
        whole: bool,
        /// `path-only`: without scheme and authority.
        path_only: bool,
    },
    /// `url_param NAME`.
    UrlParam {
        /// The parameter.
        name: Name,
        /// `check_post`: in the body of a POST too.
        check_post: bool,
    },
    /// `hdr(NAME)`.
    Header {
        /// The header field.
        name: Name,
        /// `use_domain_only`: of a host only the part before the top-level domain.
        domain_only: bool,
    },
    /// `rdp-cookie(NAME)`.
    RdpCookie(Name),
    /// `hash EXPRESSION`, as it is written.
    Expression(String),
}

/// `hash-type`: from a hash to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashType {
    /// The method.
    pub kind: HashKind,
    /// The function.
    pub function: HashFunction,
    /// `avalanche`: the hash is mixed once more.
    pub avalanche: bool,
}

impl HashType {
    /// What is meant where the method alone is named.
    pub fn of(kind: HashKind) -> Self {
        Self { kind, function: HashFunction::Sdbm, avalanche: kind == HashKind::Consistent }
    }
}

/// How a hash is turned into a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashKind {
    /// `map-based`: a table of all usable servers by weight; changes move most clients.
    #[default]
    MapBased,
    /// `consistent`: a ring of many places for each server; a server that leaves moves its own clients.
    Consistent,
}

/// The hash of `hash-type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashFunction {
    /// `sdbm`
    #[default]
    Sdbm,
    /// `djb2`
    Djb2,
    /// `wt6`
    Wt6,
    /// `crc32`
    Crc32,
}

impl HashFunction {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 4] =
        [("sdbm", Self::Sdbm), ("djb2", Self::Djb2), ("wt6", Self::Wt6), ("crc32", Self::Crc32)];
}

impl Backend {
    /// Whether the servers of a consistent hash are found in a table that the kernel plane has too, and not on the ring:
    /// where the kernel plane may choose them, both must choose the same.
    pub fn shares_table(&self) -> bool {
        self.algorithm == Algorithm::Source
            && self.proxy.mode == Mode::Tcp
            && self.hash_type.kind == HashKind::Consistent
            && self.hash_balance_factor.is_none()
    }
}

impl BalanceKey {
    /// The word of `balance`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uri { .. } => "uri",
            Self::UrlParam { .. } => "url_param",
            Self::Header { .. } => "hdr",
            Self::RdpCookie(_) => "rdp-cookie",
            Self::Expression(_) => "hash",
        }
    }
}
