//! Streams that wait for a server with room, each line in the order of arrival, across all workers.
//!
//! Only what is beyond `maxconn` comes here, so a lock does not hurt; giving a place back costs one look at a counter
//! while nobody waits.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lb_conf::model::Name;
use lb_core::{Backend, Server, ServerId, ServerLease};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    /// Any server of this backend.
    Backend(Name),
    /// This server and no other.
    Server(ServerId),
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    waiting: AtomicUsize,
    lines: Mutex<HashMap<Line, VecDeque<oneshot::Sender<()>>>>,
}

impl Queues {
    /// Whether anybody stands in this line: who comes now has to queue up even if there is room.
    pub(crate) fn is_empty(&self, line: &Line) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
            || self.lines.lock().get(line).is_none_or(|l| l.iter().all(oneshot::Sender::is_closed))
    }

    /// Queues up; the receiver is served when it may be its turn. `first`: it was its turn already, and somebody
    /// else was faster.
    pub(crate) fn join(&self, line: Line, first: bool) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut lines = self.lines.lock();
        let waiting = lines.entry(line).or_default();
        if first {
            waiting.push_front(sender)
        } else {
            waiting.push_back(sender)
        }
        self.waiting.fetch_add(1, Ordering::Release);
        receiver
    }

    /// A server has room: the first in its line, or else the first in its backend's, may try.
    fn freed(&self, backend: &Backend, server: ServerId) {
        if self.waiting.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut lines = self.lines.lock();
        for line in [Line::Server(server), Line::Backend(Arc::clone(&backend.config.proxy.name))] {
            if self.call_first(&mut lines, &line) {
                return;
            }
        }
    }

    /// Calls the first that still waits.
    fn call_first(&self, lines: &mut HashMap<Line, VecDeque<oneshot::Sender<()>>>, line: &Line) -> bool {
        let Some(waiting) = lines.get_mut(line) else { return false };
        while let Some(first) = waiting.pop_front() {
            self.waiting.fetch_sub(1, Ordering::Release);
            if first.send(()).is_ok() {
                return true;
            }
        }
        lines.remove(line);
        false
    }
}

/// A place on a server; giving it back calls the next in the line.
#[derive(Debug)]
pub(crate) struct Seat {
    lease: Option<ServerLease>,
    server: Arc<Server>,
    backend: Arc<Backend>,
    queues: Arc<Queues>,
}

impl Seat {
    /// A place that was taken on a server of `backend`.
    pub(crate) fn new(lease: ServerLease, backend: &Arc<Backend>, queues: &Arc<Queues>) -> Self {
        let (server, backend) = (Arc::clone(lease.server()), Arc::clone(backend));
        Self { lease: Some(lease), server, backend, queues: Arc::clone(queues) }
    }

    /// The server.
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lease = None;
        self.queues.freed(&self.backend, self.server.id);
    }
}
