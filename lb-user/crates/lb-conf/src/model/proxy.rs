//! What frontends and backends have in common.

use super::{Name, ProxyId};
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
    /// Where the section begins.
    pub span: Span,
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
