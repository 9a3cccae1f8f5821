//! Rules: actions, switching and persistence, each with its condition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lb_expr::world::TableId;
use lb_expr::{Condition, Expr, LogFormat};

use super::{Action, BackendId, Name};
use crate::span::Span;

/// The rules of a section, in their order. A `listen` section's are run once, for both of its halves.
#[derive(Debug, Default)]
pub struct Rules {
    /// `tcp-request connection`: as soon as a connection is accepted.
    pub tcp_connection: Vec<Rule>,
    /// `tcp-request session`: once handshakes are over.
    pub tcp_session: Vec<Rule>,
    /// `tcp-request content`.
    pub tcp_content: Vec<Rule>,
    /// `tcp-request inspect-delay`: the longest that content rules wait for bytes.
    pub inspect_delay: Option<Duration>,
    /// `tcp-response content`.
    pub tcp_response: Vec<Rule>,
    /// `tcp-response inspect-delay`.
    pub response_inspect_delay: Option<Duration>,
    /// `http-request`, with `redirect` lines behind them.
    pub http_request: Vec<Rule>,
    /// `http-response`: what servers answer.
    pub http_response: Vec<Rule>,
    /// `http-after-response`: whatever is answered.
    pub http_after_response: Vec<Rule>,
    /// `http-error`: answers to errors, by status.
    pub http_errors: BTreeMap<u16, Reply>,
    /// `force-persist` and `ignore-persist`, in their order.
    pub persist: Vec<PersistRule>,
    /// `stats http-request`: who may see the statistics page.
    pub stats_request: Vec<Rule>,
    /// `stats admin`: who may change servers on it, if any of them holds.
    pub stats_admin: Vec<Condition>,
}

/// `force-persist` and `ignore-persist`.
#[derive(Debug)]
pub struct PersistRule {
    /// Whether servers that are down are used all the same; else persistence is disregarded.
    pub force: bool,
    /// `if` or `unless`.
    pub condition: Condition,
}

/// An action and when it is done.
#[derive(Debug)]
pub struct Rule {
    /// The action.
    pub action: Action,
    /// `if` or `unless`. None: always.
    pub condition: Option<Condition>,
    /// The place of the line.
    pub span: Span,
}

/// `http-request return`, `deny` and their like: an answer.
#[derive(Debug)]
pub struct Reply {
    /// `status`.
    pub status: u16,
    /// `content-type`.
    pub content_type: Option<String>,
    /// The message or its body.
    pub body: ReplyBody,
    /// `hdr`: further header fields.
    pub headers: Vec<(Name, LogFormat)>,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// Nothing is said: the error answer of the status for `deny` and `tarpit`, an empty body for `return`.
    None,
    /// `default-errorfiles`: the proxy's error answer of the status.
    ErrorAnswer,
    /// `errorfile`: a whole response as it goes over the wire.
    Message(Vec<u8>),
    /// `file`, `string`.
    Bytes(Vec<u8>),
    /// `lf-file`, `lf-string`.
    Format(LogFormat),
}

/// `use_backend`.
#[derive(Debug)]
pub struct UseBackend {
    /// The backend.
    pub backend: BackendChoice,
    /// `if` or `unless`. None: always.
    pub condition: Option<Condition>,
    /// The place of the line.
    pub span: Span,
}

/// The backend of a `use_backend` rule.
#[derive(Debug)]
pub enum BackendChoice {
    /// Known.
    Fixed(BackendId),
    /// A name that is computed; if there is no such backend, the next rule counts.
    Named(LogFormat),
}

/// `use-server`.
#[derive(Debug)]
pub struct UseServer {
    /// The server.
    pub server: ServerChoice,
    /// `if` or `unless`.
    pub condition: Option<Condition>,
    /// The place of the line.
    pub span: Span,
}

/// The server of a `use-server` rule.
#[derive(Debug)]
pub enum ServerChoice {
    /// Position in the backend.
    Fixed(u32),
    /// A name that is computed.
    Named(LogFormat),
}

/// `stick`.
#[derive(Debug)]
pub struct StickRule {
    /// `on` and `match`: requests whose key is known go to its server.
    pub matches: bool,
    /// `on` and `store-request`: the server of a request is remembered.
    pub stores_request: bool,
    /// `store-response`: the server of a response is remembered by a key of the response.
    pub stores_response: bool,
    /// The key.
    pub key: Expr,
    /// The table.
    pub table: TableId,
    /// `if` or `unless`. None: always.
    pub condition: Option<Condition>,
    /// The place of the line.
    pub span: Span,
}

/// How a frontend's traffic is logged.
#[derive(Clone, Debug, Default)]
pub struct LogFormats {
    /// `log-format`, `option httplog` or `option tcplog`. None: no more than that there was a connection.
    pub format: Option<Arc<LogFormat>>,
    /// `error-log-format`: connections that failed before a request.
    pub error: Option<Arc<LogFormat>>,
    /// `log-format-sd`: the structured part of RFC 5424.
    pub structured: Option<Arc<LogFormat>>,
    /// `unique-id-format`.
    pub unique_id: Option<Arc<LogFormat>>,
    /// `unique-id-header`: where servers are told the unique id.
    pub unique_id_header: Option<Name>,
}
