//! A place on a server.

use std::ops::Deref;
use std::sync::Arc;

use super::Server;
use crate::tick::Tick;

/// A session on a server, counted from when it was taken until this is dropped.
#[derive(Debug)]
pub struct ServerLease {
    server: Arc<Server>,
}

impl ServerLease {
    pub(super) fn take(server: &Arc<Server>, now: Tick) -> Option<Self> {
        let limit = server.maxconn().map_or(u64::MAX, u64::from);
        let counters = server.counters();
        if !counters.traffic.sessions.try_inc(limit) {
            return None;
        }
        counters.chosen(now);
        Some(Self { server: Arc::clone(server) })
    }

    /// The server.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }
}

impl Deref for ServerLease {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for ServerLease {
    fn drop(&mut self) {
        self.server.counters().traffic.sessions.dec();
    }
}
