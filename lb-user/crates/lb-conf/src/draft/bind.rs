//! `bind` lines.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::BindTlsDraft;
use crate::keyword::KeepsWords;
use crate::model::{BindAddress, BindSocket, CommandLevel, SocketFile};
use crate::span::Span;

/// One address of a `bind` line.
#[derive(Clone, Debug)]
pub(crate) struct BindDraft {
    pub(crate) address: BindAddress,
    pub(crate) settings: BindSettings,
    pub(crate) span: Span,
}

impl BindDraft {
    /// The addresses of a port range.
    pub(crate) fn of_range(
        ip: std::net::IpAddr,
        ports: RangeInclusive<u16>,
        span: Span,
    ) -> impl Iterator<Item = (BindAddress, Span)> {
        ports.map(move |port| (BindAddress::Inet((ip, port).into()), span))
    }
}

/// What follows the addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct BindSettings {
    pub(crate) id: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) maxconn: Option<u32>,
    pub(crate) socket: BindSocket,
    pub(crate) file: SocketFile,
    pub(crate) accept_proxy: bool,
    pub(crate) speaks_h2: bool,
    pub(crate) level: Option<CommandLevel>,
    /// What the addresses of a line share is resolved once.
    pub(crate) tls: Arc<BindTlsDraft>,
    /// Words that the model cannot be turned back into.
    pub(crate) words: Vec<String>,
}

impl KeepsWords for BindSettings {
    fn keep(&mut self, text: String) {
        self.words.push(text);
    }
}
