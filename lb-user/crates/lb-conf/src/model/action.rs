//! What rules do.

use std::time::Duration;

use lb_expr::pattern::Reference;
use lb_expr::vars::VarId;
use lb_expr::world::TableId;
use lb_expr::{Expr, LogFormat, SetVarCondition};
use regex::bytes::Regex;
use std::sync::{Arc, OnceLock};

use super::{LogLevel, Name, Reply, TextMatch};

/// The action of a rule, with everything that it names resolved.
#[derive(Debug)]
pub enum Action {
    /// `allow`, `accept`: the rules behind it are passed over.
    Allow,
    /// `deny`: answers with an error and ends the request.
    Deny(Box<Reply>),
    /// `tarpit`: the same after `timeout tarpit`.
    Tarpit(Box<Reply>),
    /// `return`: answers.
    Return(Box<Reply>),
    /// `redirect`: answers with a redirect.
    Redirect(Box<Redirect>),
    /// `auth`: asks for a user and a password.
    Auth {
        /// What the browser shows. None: the proxy's name.
        realm: Option<String>,
    },
    /// `reject`: closes the connection without an answer.
    Reject,
    /// `close`, of `tcp-response content`: closes the connection to the server.
    Close,
    /// `silent-drop`: forgets the connection without telling the client.
    SilentDrop,
    /// `expect-proxy layer4`: a PROXY protocol header must come first.
    ExpectProxy,
    /// `add-header`.
    AddHeader(Name, LogFormat),
    /// `set-header`: removes the header first.
    SetHeader(Name, LogFormat),
    /// `del-header`.
    DelHeader(TextMatch),
    /// `replace-header`: in whole fields.
    ReplaceHeader(Name, Regex, LogFormat),
    /// `replace-value`: in each of the comma-separated values.
    ReplaceValue(Name, Regex, LogFormat),
    /// `early-hint`: a header of a 103 response.
    EarlyHint(Name, LogFormat),
    /// `set-method`.
    SetMethod(LogFormat),
    /// `set-path`: keeps the query.
    SetPath(LogFormat),
    /// `set-pathq`: path and query.
    SetPathq(LogFormat),
    /// `set-query`.
    SetQuery(LogFormat),
    /// `set-uri`: the whole target.
    SetUri(LogFormat),
    /// `replace-path`: without the query.
    ReplacePath(Regex, LogFormat),
    /// `replace-pathq`.
    ReplacePathq(Regex, LogFormat),
    /// `replace-uri`.
    ReplaceUri(Regex, LogFormat),
    /// `normalize-uri`.
    NormalizeUri(Normalizer),
    /// `set-status`.
    SetStatus {
        /// 100 to 999.
        status: u16,
        /// The text behind it. None: the standard one.
        reason: Option<String>,
    },
    /// `set-var`.
    SetVar {
        /// The variable.
        var: VarId,
        /// All of them must hold.
        conditions: Vec<SetVarCondition>,
        /// The value.
        value: Expr,
    },
    /// `set-var-fmt`.
    SetVarFmt {
        /// The variable.
        var: VarId,
        /// All of them must hold.
        conditions: Vec<SetVarCondition>,
        /// The value.
        value: LogFormat,
    },
    /// `unset-var`.
    UnsetVar(VarId),
    /// `capture`: fills a slot of the frontend's captures.
    Capture {
        /// The value.
        value: Expr,
        /// Position in `request_captures` or `response_captures` of the frontend.
        slot: u32,
    },
    /// `track-sc0` and so on.
    Track {
        /// Which counter.
        counter: u8,
        /// The key.
        key: Expr,
        /// The table.
        table: TableId,
    },
    /// `sc-inc-gpc0`, `sc-inc-gpc1` and `sc-inc-gpc`.
    IncGpc {
        /// Which of the entry's counters.
        index: u8,
        /// Whether the array is meant rather than the columns `gpc0` and `gpc1`.
        array: bool,
        /// The tracked counter.
        counter: u8,
    },
    /// `sc-set-gpt0` and `sc-set-gpt`.
    SetGpt {
        /// Which of the entry's tags.
        index: u8,
        /// Whether the array is meant rather than the column `gpt0`.
        array: bool,
        /// The tracked counter.
        counter: u8,
        /// The value.
        value: Number,
    },
    /// `set-log-level`. None: `silent`, nothing is logged.
    SetLogLevel(Option<LogLevel>),
    /// `sc-add-gpc`.
    AddGpc {
        /// Which of the entry's counters.
        index: u8,
        /// The tracked counter.
        counter: u8,
        /// How much.
        value: Number,
    },
    /// `set-mark` and `set-fc-mark`: of the client's connection.
    SetMark(u32),
    /// `set-tos` and `set-fc-tos`: of the client's connection.
    SetTos(u8),
    /// `set-bc-mark`: of the server's connection.
    SetServerMark(u32),
    /// `set-bc-tos`: of the server's connection.
    SetServerTos(u8),
    /// `set-retries`.
    SetRetries(Number),
    /// `pause`: milliseconds.
    Pause(Number),
    /// `set-src`.
    SetSrc(Expr),
    /// `set-src-port`.
    SetSrcPort(Expr),
    /// `set-dst`.
    SetDst(Expr),
    /// `set-dst-port`.
    SetDstPort(Expr),
    /// `set-priority-class`.
    SetPriorityClass(Expr),
    /// `set-priority-offset`.
    SetPriorityOffset(Expr),
    /// `set-timeout`.
    SetTimeout {
        /// Which.
        timeout: RequestTimeout,
        /// Milliseconds.
        value: Number,
    },
    /// `set-map`.
    SetMap {
        /// The map.
        map: PatternSet,
        /// The pattern.
        key: LogFormat,
        /// The value.
        value: LogFormat,
    },
    /// `del-map`, `del-acl`.
    DelPattern(PatternSet, LogFormat),
    /// `add-acl`.
    AddPattern(PatternSet, LogFormat),
    /// `wait-for-body`.
    WaitForBody {
        /// The longest wait.
        time: Duration,
        /// Bytes that are enough. None: as many as fit.
        at_least: Option<u64>,
    },
    /// `wait-for-handshake`: of early data.
    WaitForHandshake,
    /// `strict-mode`: whether a rewrite that fails is an error.
    StrictMode(bool),
    /// `disable-l7-retry`.
    DisableRetry,
    /// `switch-mode http`: goes on as an HTTP connection.
    SwitchToHttp,
}

/// A set of patterns that is read from a file by some other line, which may stand behind the rule.
pub type PatternSet = Arc<OnceLock<Arc<Reference>>>;

/// A number that is known or computed.
#[derive(Debug)]
pub enum Number {
    /// Known.
    Fixed(i64),
    /// Computed.
    Computed(Expr),
}

/// A timeout that a rule can change for its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestTimeout {
    /// `server`
    Server,
    /// `tunnel`
    Tunnel,
}

/// `redirect`.
#[derive(Debug)]
pub struct Redirect {
    /// How the location is made.
    pub to: RedirectTo,
    /// `code`: 301, 302, 303, 307 or 308; 302 by default.
    pub status: u16,
    /// `drop-query`.
    pub drop_query: bool,
    /// `append-slash`.
    pub append_slash: bool,
    /// `ignore-empty`: an empty location redirects nowhere.
    pub ignore_empty: bool,
    /// `set-cookie`: the field's value.
    pub set_cookie: Option<String>,
}

/// How the location of a redirect is made.
#[derive(Debug)]
pub enum RedirectTo {
    /// `location`: this.
    Location(LogFormat),
    /// `prefix`: this before the request's target.
    Prefix(LogFormat),
    /// `scheme`: this before `://`, the host and the request's target.
    Scheme(LogFormat),
}

/// `normalize-uri`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalizer {
    /// `fragment-encode`
    FragmentEncode,
    /// `fragment-strip`
    FragmentStrip,
    /// `path-merge-slashes`
    MergeSlashes,
    /// `path-strip-dot`
    StripDot,
    /// `path-strip-dotdot`
    StripDotDot {
        /// `full`: also what leads above the root.
        full: bool,
    },
    /// `percent-decode-unreserved`
    DecodeUnreserved {
        /// `strict`: a wrong encoding is an error.
        strict: bool,
    },
    /// `percent-to-uppercase`
    ToUppercase {
        /// `strict`: a wrong encoding is an error.
        strict: bool,
    },
    /// `query-sort-by-name`
    SortQuery,
}
