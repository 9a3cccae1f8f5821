//! What HTTP mode does beside forwarding: headers for servers, cookies, error answers, captures, statistics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::Name;
use crate::span::Span;

/// What happens to connections between requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionMode {
    /// `option http-keep-alive`: both sides stay open.
    #[default]
    KeepAlive,
    /// `option http-server-close`: the server's side is closed.
    ServerClose,
    /// `option httpclose`: both sides are closed.
    Close,
}

/// `option http-restrict-req-hdr-names`: what happens to headers whose names hold other characters than letters, digits
/// and dashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OddNames {
    /// `preserve`: nothing.
    #[default]
    Preserve,
    /// `delete`: they are taken out.
    Delete,
    /// `reject`: the request is refused.
    Reject,
}

/// `option forwardfor` and `option originalto`: a header that tells servers an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressHeader {
    /// `header`: its name.
    pub name: Name,
    /// `except`: not for these clients, or for these addresses asked.
    pub except: Vec<IpNet>,
    /// `if-none`: not where the request has the header already.
    pub if_none: bool,
}

/// `cookie`: keeps clients on their servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: Name,
    /// Who sets it.
    pub mode: CookieMode,
    /// `indirect`: the server does not see it.
    pub indirect: bool,
    /// `nocache`: responses that set it are marked as private.
    pub nocache: bool,
    /// `postonly`: set on responses to POST only.
    pub post_only: bool,
    /// `preserve`: one that the server sets itself is left alone.
    pub preserve: bool,
    /// `httponly`: hidden from scripts.
    pub http_only: bool,
    /// `secure`: sent over TLS only.
    pub secure: bool,
    /// `domain`.
    pub domains: Vec<Name>,
    /// `maxidle`: the longest time without use.
    pub max_idle: Option<Duration>,
    /// `maxlife`: the longest time in all.
    pub max_life: Option<Duration>,
    /// `dynamic`: values are computed from `dynamic-cookie-key`, the server's name and its address.
    pub dynamic: bool,
    /// `attr`: further attributes.
    pub attributes: Vec<Name>,
}

impl Cookie {
    /// A cookie that is only looked at.
    pub fn passive(name: &str) -> Self {
        Self {
            name: name.into(),
            mode: CookieMode::Passive,
            indirect: false,
            nocache: false,
            post_only: false,
            preserve: false,
            http_only: false,
            secure: false,
            domains: Vec::new(),
            max_idle: None,
            max_life: None,
            dynamic: false,
            attributes: Vec::new(),
        }
    }
}

/// Who sets the persistence cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieMode {
    /// None of the words: the server sets it, and it is only looked at.
    Passive,
    /// `rewrite`: the server sets it, and the value is replaced.
    Rewrite,
    /// `insert`: the proxy sets it.
    Insert,
    /// `prefix`: the server sets it, and the value is prefixed.
    Prefix,
}

/// Answers to errors, by status.
pub type ErrorAnswers = BTreeMap<u16, Arc<ErrorAnswer>>;

/// An `http-errors` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpErrors {
    /// Its name.
    pub name: Name,
    /// Its answers.
    pub answers: ErrorAnswers,
    /// Its lines as they are written.
    pub lines: Arc<[String]>,
    /// The place of its name.
    pub span: Span,
}

/// An answer to an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorAnswer {
    /// `errorfile`: a response as it goes over the wire. Empty: the connection is closed without an answer.
    Raw(Vec<u8>),
    /// `errorloc`, `errorloc302` and `errorloc303`.
    Redirect {
        /// 302 or 303.
        status: u16,
        /// Where to.
        location: String,
    },
}

/// `capture request header` and `capture response header`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderCapture {
    /// The header. None: a slot that rules fill (`declare capture`).
    pub name: Option<Name>,
    /// `len`: bytes that are kept.
    pub len: u32,
    /// A rule made the slot by its own `len`, rather than a line of the frontend.
    pub(crate) by_rule: bool,
}

/// `capture cookie`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieCapture {
    /// The beginning of its name, or with `=` at the end, all of it.
    pub name: Name,
    /// `len`: bytes that are kept of name and value.
    pub len: u32,
}

/// `stats`: the statistics page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsPage {
    /// `stats uri`: the beginning of the targets that it answers.
    pub uri: String,
    /// `stats realm`.
    pub realm: String,
    /// `stats auth`: users and passwords. None: no password is asked for.
    pub users: Vec<(String, String)>,
    /// `stats refresh`.
    pub refresh: Option<Duration>,
    /// `stats scope`: the proxies that are shown. Empty: all.
    pub scope: Vec<Name>,
    /// `stats show-node`: the name that is shown; empty: the global one.
    pub node: Option<String>,
    /// `stats show-desc`: the text that is shown; empty: the global one.
    pub description: Option<String>,
    /// `stats show-legends`.
    pub legends: bool,
    /// `stats hide-version`.
    pub hide_version: bool,
}

impl Default for StatsPage {
    fn default() -> Self {
        Self {
            uri: "/haproxy?stats".into(),
            realm: "HAProxy Statistics".into(),
            users: Vec::new(),
            refresh: None,
            scope: Vec::new(),
            node: None,
            description: None,
            legends: false,
            hide_version: false,
        }
    }
}

/// `http-reuse`: which requests may use an idle connection to a server that another client opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpReuse {
    /// `never`
    Never,
    /// `safe`: all but a client's first one.
    #[default]
    Safe,
    /// `aggressive`: a client's first one too, where the connection has been used more than once.
    Aggressive,
    /// `always`
    Always,
}
