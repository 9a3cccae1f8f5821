//! Frontends at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use lb_conf::model::{self, BindAddress};

use crate::change::FrontendChange;
use crate::counters::Traffic;

/// A frontend of the configuration, with the state that outlives a reload.
#[derive(Debug)]
pub struct Frontend {
    /// As configured.
    pub config: Arc<model::Frontend>,
    live: Arc<Live>,
}

/// What outlives a reload.
#[derive(Debug)]
struct Live {
    traffic: Traffic,
    state: AtomicU8,
    /// `maxconn`; 0: none of its own.
    maxconn: AtomicU32,
    /// Lines of its log so far: `%lc`.
    log_lines: AtomicU64,
}

/// Whether a frontend accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontendState {
    /// It does.
    Open,
    /// It does not, but keeps its addresses.
    Paused,
    /// It gave its addresses up for good.
    Stopped,
}

impl Frontend {
    pub(crate) fn new(config: Arc<model::Frontend>) -> Self {
        let live = Live {
            traffic: Traffic::default(),
            state: AtomicU8::new(FrontendState::Open as u8),
            maxconn: AtomicU32::new(config.maxconn.unwrap_or(0)),
            log_lines: AtomicU64::new(0),
        };
        Self { config, live: Arc::new(live) }
    }

    /// The same frontend under another configuration, which sets its limit anew.
    pub(crate) fn carry_over(&self, config: Arc<model::Frontend>) -> Self {
        self.live.maxconn.store(config.maxconn.unwrap_or(0), Ordering::Relaxed);
        Self { config, live: Arc::clone(&self.live) }
    }

    /// Counts a line of its log.
    pub fn count_log_line(&self) {
        self.live.log_lines.fetch_add(1, Ordering::Relaxed);
    }

    /// Lines of its log so far.
    pub fn log_lines(&self) -> u64 {
        self.live.log_lines.load(Ordering::Relaxed)
    }

    /// Its counters.
    pub fn traffic(&self) -> &Traffic {
        &self.live.traffic
    }

    /// `maxconn` as it is now; None: no limit of its own.
    pub fn maxconn(&self) -> Option<u32> {
        Some(self.live.maxconn.load(Ordering::Relaxed)).filter(|&limit| limit > 0)
    }

    /// Whether it accepts.
    pub fn state(&self) -> FrontendState {
        match self.live.state.load(Ordering::Relaxed) {
            0 => FrontendState::Open,
            1 => FrontendState::Paused,
            _ => FrontendState::Stopped,
        }
    }

    /// Makes a change; whether it changed anything.
    pub(crate) fn change(&self, change: FrontendChange) -> bool {
        let state = match change {
            FrontendChange::Enable => FrontendState::Open,
            FrontendChange::Disable => FrontendState::Paused,
            FrontendChange::Shutdown => FrontendState::Stopped,
            FrontendChange::Maxconn(limit) => {
                return self.live.maxconn.swap(limit, Ordering::Relaxed) != limit;
            }
        };
        self.live.state.swap(state as u8, Ordering::Relaxed) != state as u8
    }

    /// What the log says of a change.
    pub(crate) fn announcement(&self, change: FrontendChange) -> Option<String> {
        let name = &self.config.proxy.name;
        match change {
            FrontendChange::Enable => Some(format!("Resumed frontend {name}.")),
            FrontendChange::Disable => Some(format!("Paused frontend {name}.")),
            FrontendChange::Shutdown => {
                let connections = self.traffic().connections.get();
                Some(format!("Proxy {name} stopped (cumulated conns: FE: {connections}, BE: 0)."))
            }
            FrontendChange::Maxconn(_) => None,
        }
    }
}

/// An address with its family, as operators write it.
pub(crate) fn address_text(address: &BindAddress) -> String {
    match address {
        BindAddress::Inet(address) if address.is_ipv6() => format!("ipv6@{address}"),
        BindAddress::Inet(address) => format!("ipv4@{address}"),
        BindAddress::Unix(path) => format!("unix@{}", path.display()),
        BindAddress::Inherited(number) => format!("fd@{number}"),
    }
}
