//! What frontends and backends have in common.

use std::sync::Arc;
use std::time::Duration;

use super::{
    AddressHeader, Compression, ConnectionMode, ErrorAnswers, LogTarget, Name, OddNames, ProxyId,
    ProxyOptions, Rules, StatsPage, TableId,
};
use crate::span::Span;

/// The head of a `frontend`, `backend` or `listen` section.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// The section.
    pub id: ProxyId,
    /// The name behind the section's keyword.
    pub name: Name,
    /// `mode`.
    pub mode: Mode,
    /// `description`: free text in statistics.
    pub description: Option<String>,
    /// `log`: where its traffic is logged, with `log global` filled in.
    pub logs: Vec<LogTarget>,
    /// `log-tag`: the program's name in its logs; the global one where absent.
    pub log_tag: Option<String>,
    /// `option` words that are on.
    pub options: ProxyOptions,
    /// `option http-keep-alive` and its siblings. None: nothing is said, which keeps connections open.
    pub connection: Option<ConnectionMode>,
    /// `option forwardfor`.
    pub forward_for: Option<AddressHeader>,
    /// `option originalto`.
    pub original_to: Option<AddressHeader>,
    /// `compression`.
    pub compression: Option<Arc<Compression>>,
    /// `option http-restrict-req-hdr-names`.
    pub odd_names: OddNames,
    /// `timeout tarpit`, or `timeout connect`: how long a tarpitted client waits.
    pub timeout_tarpit: Option<Duration>,
    /// `errorfile`, `errorloc` and their siblings.
    pub errors: ErrorAnswers,
    /// `tcp-request`, `http-request` and so on.
    pub rules: Arc<Rules>,
    /// `stick-table`.
    pub table: Option<TableId>,
    /// `stats`.
    pub stats: Option<Arc<StatsPage>>,
    /// The lines that hold expressions or name files, in their order and as they are written: what they come to
    /// cannot be turned back into text.
    pub lines: Arc<[String]>,
    /// Where the section begins.
    pub span: Span,
}

impl Proxy {
    /// A proxy with the default settings.
    pub fn new(id: ProxyId, name: impl Into<Name>, mode: Mode) -> Self {
        Self {
            id,
            name: name.into(),
            mode,
            description: None,
            logs: Vec::new(),
            log_tag: None,
            options: ProxyOptions::default(),
            connection: None,
            forward_for: None,
            original_to: None,
            compression: None,
            odd_names: OddNames::default(),
            timeout_tarpit: None,
            errors: ErrorAnswers::new(),
            rules: Arc::default(),
            table: None,
            stats: None,
            lines: Arc::default(),
            span: Span::default(),
        }
    }
}

/// `mode`: what a proxy understands of its traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A stream of bytes.
    #[default]
    Tcp,
    /// Requests and responses.
    Http,
}

/// `option xdp`: whether a TCP-mode frontend may be served by the kernel plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpUse {
    /// In the kernel where that is possible.
    #[default]
    Auto,
    /// `option xdp`: in the kernel, and an error where that is not possible.
    Required,
    /// `no option xdp`: in user space.
    Off,
}
