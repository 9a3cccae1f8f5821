//! A place on a server.

use std::ops::Deref;
use std::sync::Arc;

use super::Server;
use crate::queue;
use crate::tick::Tick;

/// A session on a server, counted from when it was taken until this is dropped. Then its place goes to who waits for it.
#[derive(Debug)]
pub struct ServerLease {
    server: Arc<Server>,
}

impl ServerLease {
    pub(super) fn take(server: &Arc<Server>, now: Tick) -> Option<Self> {
        if !server.counters().traffic.sessions.try_inc(server.limit()) {
            return None;
        }
        server.counters().chosen(now);
        server.home().traffic.chosen.inc();
        Some(Self { server: Arc::clone(server) })
    }

    /// A place that is taken already, of which nobody knows yet when its session begins: see [`ServerLease::begin`].
    pub(crate) fn adopt(server: &Arc<Server>) -> Self {
        Self { server: Arc::clone(server) }
    }

    /// Counts the session of a place that was waited for: the server had its turn, and was not chosen for it.
    pub fn begin(&self, now: Tick) {
        self.server.counters().began(now);
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
        queue::give_back(&self.server);
    }
}
