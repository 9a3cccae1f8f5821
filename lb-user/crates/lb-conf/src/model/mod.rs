//! The resolved configuration: what the daemon runs on.
//!
//! A `listen` section is a [`Frontend`] and a [`Backend`] with the same [`ProxyId`] and name. Ids are positions in
//! the vectors of [`Config`]; they hold within one configuration only, so whatever outlives a reload is matched
//! by name.

mod action;
mod backend;
mod check;
mod compression;
mod frontend;
mod global;
mod http;
mod log;
mod options;
mod outgoing;
mod proxy;
mod resolvers;
mod ring;
mod rules;
mod server;
mod stick;
mod tls;
mod tuning;

use std::sync::Arc;

use lb_expr::pattern::Patterns;
use lb_expr::vars::VarNames;
pub use lb_expr::world::{TableId, UserlistId};

pub use action::{Action, Normalizer, Number, PatternSet, Redirect, RedirectTo, RequestTimeout};
pub use backend::{
    Algorithm, Backend, BalanceKey, Forward, HashFunction, HashKind, HashType, Redispatch, RetryOn,
};
pub use check::{
    CheckConnect, CheckProtocol, CheckRule, CheckSpec, CheckStep, ExpectStatus, ExpectStatuses, HttpCheck,
    HttpExpect, HttpMatch, MysqlUser, ServiceCheck, TcpExpect, TcpMatch, TextMatch, Written,
};
pub use compression::{Compression, CompressionAlgorithm, CompressionSet};
pub use frontend::{Bind, BindAddress, BindSocket, Frontend, SocketFile};
pub use global::{CommandLevel, Global, StatsSocket, XdpInterface, XdpMode};
pub use http::{
    AddressHeader, ConnectionMode, Cookie, CookieCapture, CookieMode, ErrorAnswer, ErrorAnswers,
    HeaderCapture, HttpErrors, HttpReuse, OddNames, StatsPage,
};
pub use log::{Facility, LogAddress, LogFraming, LogLevel, LogTarget, Sampling};
pub use options::{ProxyOption, ProxyOptions};
pub use outgoing::{ProxyFields, SendProxy, ServerPool, Source, SourceSeen};
pub use proxy::{Mode, Proxy, XdpUse};
pub use resolvers::{Hold, InitialAddress, Lookup, NameServer, Resolvers};
pub use ring::{Ring, RingServer, StreamFraming};
pub use rules::{
    BackendChoice, LogFormats, PersistRule, Reply, ReplyBody, Rule, Rules, ServerChoice, StickRule,
    UseBackend, UseServer,
};
pub use server::{AgentCheck, CheckTls, PortSpec, Server, ServerAddress, ServerCheck, WebSocketOver};
pub use stick::{Column, CryptKind, KeyType, Password, StickTable, User, Userlist};
pub use tls::{
    BindTls, BindTlsSettings, CaSource, CertificateUse, ClientVerify, ExtraFiles, IgnoredErrors, ServerTls,
    ServerVerify, SniFilter, TlsSuites, TlsTuning, TlsVersion, TlsVersions,
};
pub use tuning::{H2Tuning, KeepAlive, Limits, SocketBuffers, Tuning};

/// A name as the configuration gives it.
pub type Name = Arc<str>;

/// A section that names a proxy, in the order of the configuration: what HAProxy calls `iid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyId(pub u32);

/// Position in [`Config::frontends`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrontendId(pub u32);

/// Position in [`Config::backends`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendId(pub u32);

impl From<lb_expr::world::FrontendId> for FrontendId {
    fn from(id: lb_expr::world::FrontendId) -> Self {
        Self(id.0)
    }
}

impl From<lb_expr::world::BackendId> for BackendId {
    fn from(id: lb_expr::world::BackendId) -> Self {
        Self(id.0)
    }
}

impl From<FrontendId> for lb_expr::world::FrontendId {
    fn from(id: FrontendId) -> Self {
        Self(id.0)
    }
}

impl From<BackendId> for lb_expr::world::BackendId {
    fn from(id: BackendId) -> Self {
        Self(id.0)
    }
}

/// A server by its backend and its position in [`Backend::servers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerRef {
    /// The backend.
    pub backend: BackendId,
    /// Position in [`Backend::servers`].
    pub index: u32,
}

/// A whole configuration, every name resolved and every default filled in.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Process-wide settings.
    pub global: Global,
    /// The proxies that accept connections.
    pub frontends: Vec<Arc<Frontend>>,
    /// The proxies that own servers.
    pub backends: Vec<Arc<Backend>>,
    /// Stick tables, at the positions that [`TableId`] counts.
    pub tables: Vec<Arc<StickTable>>,
    /// `userlist` sections, at the positions that [`UserlistId`] counts.
    pub userlists: Vec<Arc<Userlist>>,
    /// `resolvers` sections.
    pub resolvers: Vec<Arc<Resolvers>>,
    /// `ring` sections.
    pub rings: Vec<Arc<Ring>>,
    /// `http-errors` sections, whose answers are in the proxies that name them.
    pub http_errors: Vec<Arc<HttpErrors>>,
    /// `set-var` and `set-var-fmt` of `global`: carried out when the configuration takes effect.
    pub start: Arc<[Action]>,
    /// The names of variables, for their number in each scope.
    pub variables: Arc<VarNames>,
    /// The sets of patterns that can be changed at run time.
    pub patterns: Arc<Patterns>,
}

impl Config {
    /// The frontend with this id.
    pub fn frontend(&self, id: FrontendId) -> Option<&Arc<Frontend>> {
        self.frontends.get(id.0 as usize)
    }

    /// The backend with this id.
    pub fn backend(&self, id: BackendId) -> Option<&Arc<Backend>> {
        self.backends.get(id.0 as usize)
    }

    /// Whether anything in it accepts connections.
    pub fn listens(&self) -> bool {
        let serves = self.frontends.iter().any(|frontend| !frontend.disabled && !frontend.binds.is_empty());
        serves || !self.global.stats_sockets.is_empty()
    }

    /// The backend of this name.
    pub fn backend_named(&self, name: &str) -> Option<&Arc<Backend>> {
        self.backends.iter().find(|b| &*b.proxy.name == name)
    }
}
