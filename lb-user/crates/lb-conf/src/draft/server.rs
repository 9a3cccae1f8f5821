//! `server` and `default-server` lines.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::{Placed, ServerTlsDraft};
use crate::keyword::KeepsWords;
use crate::model::{
    InitialAddress, ProxyFields, SendProxy, ServerAddress, ServerPool, Source, WebSocketOver,
};
use crate::span::Span;

/// A `server` line.
#[derive(Clone, Debug)]
pub(crate) struct ServerDraft {
    pub(crate) name: Placed<String>,
    pub(crate) address: ServerAddress,
    pub(crate) hostname: Option<String>,
    /// Whether no address was found for the name.
    pub(crate) unresolved: bool,
    pub(crate) settings: ServerSettings,
    pub(crate) span: Span,
}

/// What follows a server's address, or `default-server`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerSettings {
    pub(crate) id: Option<Placed<u32>>,
    pub(crate) resolvers: Option<Placed<String>>,
    pub(crate) prefer_v4: bool,
    pub(crate) allow_duplicates: bool,
    pub(crate) networks: Vec<IpNet>,
    pub(crate) init_addr: Vec<InitialAddress>,
    pub(crate) weight: Option<u32>,
    pub(crate) backup: bool,
    pub(crate) maxconn: Option<u32>,
    pub(crate) minconn: Option<u32>,
    pub(crate) maxqueue: Option<u32>,
    pub(crate) slowstart: Option<Duration>,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) disabled: bool,
    pub(crate) cookie: Option<String>,
    pub(crate) shutdown_on_down: bool,
    pub(crate) shutdown_backups_on_up: bool,
    pub(crate) check: CheckSettings,
    pub(crate) agent: AgentSettings,
    pub(crate) tls: ServerTlsDraft,
    pub(crate) send_proxy: Option<SendProxy>,
    /// What `proxy-v2-options` asks for, for a `send-proxy-v2` behind it.
    pub(crate) proxy_fields: ProxyFields,
    pub(crate) source: Option<Source>,
    pub(crate) pool: ServerPool,
    pub(crate) speaks_h2: bool,
    pub(crate) websocket: WebSocketOver,
    /// Words that the model cannot be turned back into.
    pub(crate) words: Vec<String>,
}

/// When and where a server is checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckSettings {
    pub(crate) enabled: Option<Span>,
    pub(crate) inter: Option<Duration>,
    pub(crate) fastinter: Option<Duration>,
    pub(crate) downinter: Option<Duration>,
    pub(crate) rise: Option<u32>,
    pub(crate) fall: Option<u32>,
    pub(crate) port: Option<u16>,
    pub(crate) addr: Option<IpAddr>,
}

/// How a server's agent is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentSettings {
    pub(crate) enabled: Option<Span>,
    pub(crate) addr: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    pub(crate) inter: Option<Duration>,
    pub(crate) send: String,
}

impl KeepsWords for ServerSettings {
    fn keep(&mut self, text: String) {
        self.words.push(text);
    }
}
