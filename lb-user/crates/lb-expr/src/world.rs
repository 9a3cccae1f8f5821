//! What expressions ask of the running daemon: proxies, servers, tables, users, clocks.
//!
//! Names are resolved to these ids when the configuration is loaded; a running expression carries ids only.

use std::net::IpAddr;

use crate::ctx::CaptureRoom;
use crate::sample::Sample;

/// A frontend, by its position in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrontendId(pub u32);

/// A backend, by its position in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendId(pub u32);

/// A server, by its backend and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId {
    /// The backend.
    pub backend: BackendId,
    /// Its position, counted from 0.
    pub index: u32,
}

/// A stick table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u32);

/// A `userlist` section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserlistId(pub u32);

/// Figures of a frontend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontendStat {
    /// Connections that are open.
    Connections,
    /// Requests in the last second.
    RequestRate,
    /// Sessions opened in the last second.
    SessionRate,
    /// HAProxy's `iid`.
    Id,
    /// `timeout client`, milliseconds.
    ClientTimeout,
}

/// Figures of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendStat {
    /// Connections that are open.
    Connections,
    /// Connections that its servers could still take; -1 where one has no limit.
    ConnectionsFree,
    /// Connections and queue places that its servers could still take; -1 where one has no limit.
    Slots,
    /// Sessions opened in the last second.
    SessionRate,
    /// Usable servers.
    UsableServers,
    /// Waiting requests, in the backend's queue and in its servers'.
    Queue,
    /// Waiting requests for each usable server.
    AverageQueue,
    /// HAProxy's `iid`.
    Id,
    /// `timeout server`, milliseconds.
    ServerTimeout,
    /// `timeout tunnel`, milliseconds.
    TunnelTimeout,
}

/// Figures of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerStat {
    /// Connections that are open.
    Connections,
    /// Connections that it could still take; -1 where it has no limit.
    ConnectionsFree,
    /// 1 where it is up, 0 where it is down or in maintenance.
    IsUp,
    /// Requests that wait for it.
    Queue,
    /// Sessions opened in the last second.
    SessionRate,
    /// The weight of the configuration.
    InitialWeight,
    /// The weight in effect, in the scale of the balancing algorithm.
    Weight,
    /// The weight that the operator set, in the scale of the configuration.
    UserWeight,
    /// HAProxy's `sid`.
    Id,
}

/// A column of a stick table, and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Bytes from clients, per period.
    BytesInRate,
    /// Bytes to clients, per period.
    BytesOutRate,
    /// Connections, ever.
    ConnCnt,
    /// Connections that are open.
    ConnCur,
    /// Connections, per period.
    ConnRate,
    /// General purpose counter of this index.
    Gpc(u8),
    /// Its increments, per period.
    GpcRate(u8),
    /// General purpose tag of this index.
    Gpt(u8),
    /// The separate column `gpc0` or `gpc1`.
    Gpc01(u8),
    /// The separate column `gpc0_rate` or `gpc1_rate`.
    Gpc01Rate(u8),
    /// The separate column `gpt0`.
    Gpt0,
    /// Adds one to [`Counter::Gpc`] and returns the result.
    IncGpc(u8),
    /// Sets [`Counter::Gpc`] to zero and returns what it was.
    ClearGpc(u8),
    /// Adds one to [`Counter::Gpc01`] and returns the result.
    IncGpc01(u8),
    /// Sets [`Counter::Gpc01`] to zero and returns what it was.
    ClearGpc01(u8),
    /// HTTP errors (4xx) of clients, ever.
    HttpErrCnt,
    /// HTTP errors of clients, per period.
    HttpErrRate,
    /// HTTP failures (5xx) of servers, ever.
    HttpFailCnt,
    /// HTTP failures of servers, per period.
    HttpFailRate,
    /// HTTP requests, ever.
    HttpReqCnt,
    /// HTTP requests, per period.
    HttpReqRate,
    /// Kilobytes from clients, ever.
    KbytesIn,
    /// Kilobytes to clients, ever.
    KbytesOut,
    /// Sessions, ever.
    SessCnt,
    /// Sessions, per period.
    SessRate,
    /// The server that `stick` rules stored.
    ServerId,
    /// Sessions that track the entry now.
    Trackers,
    /// Adds one to [`Counter::ConnCnt`], making the entry where it is absent, and returns the result.
    TouchConnCnt,
    /// Milliseconds until the entry expires.
    Expire,
    /// Milliseconds since the entry was used.
    Idle,
    /// 1 where the entry exists.
    Present,
}

/// Figures of a whole stick table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableStat {
    /// Entries in use.
    Used,
    /// Entries that are free.
    Available,
}

/// Whose capture slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureOf {
    /// `declare capture request`, `capture request header`.
    Request,
    /// `declare capture response`, `capture response header`.
    Response,
}

/// The daemon, as expressions see it. Every method is cheap and takes no lock that a request could wait for.
pub trait World {
    /// A figure of a frontend.
    fn frontend(&self, id: FrontendId, stat: FrontendStat) -> Option<i64>;
    /// The name of a frontend.
    fn frontend_name(&self, id: FrontendId) -> Option<&str>;
    /// The name of the backend that a frontend uses where no rule chooses one.
    fn default_backend_name(&self, id: FrontendId) -> Option<&str>;
    /// A figure of a backend.
    fn backend(&self, id: BackendId, stat: BackendStat) -> Option<i64>;
    /// The name of a backend.
    fn backend_name(&self, id: BackendId) -> Option<&str>;
    /// The backend of this name: for names that come with a request.
    fn backend_named(&self, name: &[u8]) -> Option<BackendId>;
    /// A figure of a server.
    fn server(&self, id: ServerId, stat: ServerStat) -> Option<i64>;
    /// The name of a server.
    fn server_name(&self, id: ServerId) -> Option<&str>;
    /// The server of this name in that backend: for names that come with a request.
    fn server_named(&self, backend: BackendId, name: &[u8]) -> Option<ServerId>;
    /// A figure of a stick table.
    fn table(&self, id: TableId, stat: TableStat) -> Option<i64>;
    /// A figure of the entry of a stick table that has this key; what does not exist has counted nothing. None: no such
    /// column, or the key is none of the table's, or there is no entry to tell times of.
    fn table_entry(&self, id: TableId, key: &Sample<'_>, what: Counter) -> Option<i64>;
    /// The room of a capture slot of a frontend. None: there is no such slot.
    fn capture_room(&self, id: FrontendId, of: CaptureOf, slot: usize) -> Option<CaptureRoom>;
    /// What the converter `debug` has to say.
    fn debug(&self, text: &str);
    /// Whether a userlist has this user with this password.
    fn authenticate(&self, list: UserlistId, user: &[u8], password: &[u8]) -> bool;
    /// Whether a user of a userlist is in that group.
    fn in_group(&self, list: UserlistId, user: &[u8], group: &[u8]) -> bool;
    /// Whether an address belongs to this host.
    fn is_local(&self, ip: IpAddr) -> bool;
    /// Seconds that local time is ahead of UTC at that time, in seconds since 1970.
    fn utc_offset(&self, at: i64) -> i32;
    /// 64 random bits, for `rand` and `uuid`.
    fn random(&self) -> u64;
    /// Which worker evaluates, counted from 0.
    fn thread(&self) -> u32;
    /// Whether the process is on its way out.
    fn stopping(&self) -> bool;
}

/// A daemon with nothing in it: for expressions that are evaluated while there is none, as `set-var` in
/// `global` is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl World for Nowhere {
    fn frontend(&self, _: FrontendId, _: FrontendStat) -> Option<i64> {
        None
    }
    fn frontend_name(&self, _: FrontendId) -> Option<&str> {
        None
    }
    fn default_backend_name(&self, _: FrontendId) -> Option<&str> {
        None
    }
    fn backend(&self, _: BackendId, _: BackendStat) -> Option<i64> {
        None
    }
    fn backend_name(&self, _: BackendId) -> Option<&str> {
        None
    }
    fn backend_named(&self, _: &[u8]) -> Option<BackendId> {
        None
    }
    fn server(&self, _: ServerId, _: ServerStat) -> Option<i64> {
        None
    }
    fn server_name(&self, _: ServerId) -> Option<&str> {
        None
    }
    fn server_named(&self, _: BackendId, _: &[u8]) -> Option<ServerId> {
        None
    }
    fn table(&self, _: TableId, _: TableStat) -> Option<i64> {
        None
    }
    fn table_entry(&self, _: TableId, _: &Sample<'_>, _: Counter) -> Option<i64> {
        None
    }
    fn capture_room(&self, _: FrontendId, _: CaptureOf, _: usize) -> Option<CaptureRoom> {
        None
    }
    fn debug(&self, _: &str) {}
    fn authenticate(&self, _: UserlistId, _: &[u8], _: &[u8]) -> bool {
        false
    }
    fn in_group(&self, _: UserlistId, _: &[u8], _: &[u8]) -> bool {
        false
    }
    fn is_local(&self, _: IpAddr) -> bool {
        false
    }
    fn utc_offset(&self, _: i64) -> i32 {
        0
    }
    fn random(&self) -> u64 {
        0
    }
    fn thread(&self) -> u32 {
        0
    }
    fn stopping(&self) -> bool {
        false
    }
}
