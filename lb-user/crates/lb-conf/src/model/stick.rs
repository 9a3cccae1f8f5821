//! Stick tables and users.

use std::time::Duration;

use super::Name;
use crate::span::Span;

/// A `stick-table`, which has the name of its proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickTable {
    /// The proxy's name.
    pub name: Name,
    /// `type`: what keys are.
    pub key: KeyType,
    /// `size`: entries.
    pub size: u32,
    /// `expire`: how long an entry lives without use. None: until its place is needed.
    pub expire: Option<Duration>,
    /// `nopurge`: a full table refuses new entries rather than drop old ones.
    pub no_purge: bool,
    /// `srvkey addr`: servers are remembered by address rather than by name.
    pub server_by_address: bool,
    /// `store`: the columns.
    pub columns: Vec<Column>,
    /// The place of the line.
    pub span: Span,
}

/// What the keys of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `ip`
    Ipv4,
    /// `ipv6`
    Ipv6,
    /// `integer`: 32 bits.
    Integer,
    /// `string`: at most so many bytes.
    String(u32),
    /// `binary`: that many bytes.
    Binary(u32),
}

/// A column of a table, with the period that a rate is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// `server_id`
    ServerId,
    /// `gpt(n)`: so many tags.
    Gpt(u8),
    /// `gpc(n)`: so many counters.
    Gpc(u8),
    /// `gpc_rate(n,period)`.
    GpcRate(u8, Duration),
    /// `gpt0`
    Gpt0,
    /// `gpc0`
    Gpc0,
    /// `gpc0_rate(period)`
    Gpc0Rate(Duration),
    /// `gpc1`
    Gpc1,
    /// `gpc1_rate(period)`
    Gpc1Rate(Duration),
    /// `conn_cnt`
    ConnCnt,
    /// `conn_cur`
    ConnCur,
    /// `conn_rate(period)`
    ConnRate(Duration),
    /// `sess_cnt`
    SessCnt,
    /// `sess_rate(period)`
    SessRate(Duration),
    /// `http_req_cnt`
    HttpReqCnt,
    /// `http_req_rate(period)`
    HttpReqRate(Duration),
    /// `http_err_cnt`
    HttpErrCnt,
    /// `http_err_rate(period)`
    HttpErrRate(Duration),
    /// `http_fail_cnt`
    HttpFailCnt,
    /// `http_fail_rate(period)`
    HttpFailRate(Duration),
    /// `bytes_in_cnt`
    BytesInCnt,
    /// `bytes_in_rate(period)`
    BytesInRate(Duration),
    /// `bytes_out_cnt`
    BytesOutCnt,
    /// `bytes_out_rate(period)`
    BytesOutRate(Duration),
}

/// A `userlist` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Userlist {
    /// Its name.
    pub name: Name,
    /// Its users.
    pub users: Vec<User>,
    /// The place of its name.
    pub span: Span,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: Name,
    /// How the password is compared. None: no password will do.
    pub password: Option<Password>,
    /// The groups that the user is in.
    pub groups: Vec<Name>,
}

/// The kinds of hashes that crypt(3) makes and that passwords can be compared with (crypt(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CryptKind {
    /// `$1$`
    Md5,
    /// `$5$` and `$6$`
    Sha,
    /// `$2a$`, `$2b$` and `$2y$`
    Bcrypt,
    /// `$y$`
    Yescrypt,
}

impl CryptKind {
    /// The kind of a hash, by what it begins with.
    pub fn of(hash: &str) -> Option<Self> {
        let (id, _) = hash.strip_prefix('$')?.split_once('$')?;
        match id {
            "1" => Some(Self::Md5),
            "5" | "6" => Some(Self::Sha),
            "2a" | "2b" | "2y" => Some(Self::Bcrypt),
            "y" => Some(Self::Yescrypt),
            _ => None,
        }
    }
}

/// A password as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// `insecure-password`: as it is.
    Plain(String),
    /// `password`: as crypt(3) makes it.
    Crypt(String),
}
