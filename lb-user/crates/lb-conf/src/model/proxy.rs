//! What frontends and backends have in common.

use super::{LogTarget, Name, ProxyId};
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
    /// Where the section begins.
    pub span: Span,
}

impl Proxy {
    /// A proxy with the default settings.
    pub fn new(id: ProxyId, name: impl Into<Name>, mode: Mode) -> Self {
        let (description, log_tag) = (None, None);
        Self { id, name: name.into(), mode, description, logs: Vec::new(), log_tag, span: Span::default() }
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
