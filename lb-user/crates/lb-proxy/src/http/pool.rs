//! Idle connections to servers, kept by each worker for itself.

use std::cell::RefCell;
use std::rc::Weak;
use std::time::Duration;

use lb_core::{Server, ServerId, Snapshot};
use tokio::time::{Instant, sleep};

use super::link::Link;
use crate::worker::Worker;

/// How often those that have been kept too long, or were closed by their server, are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Idle connections by server. Server ids are small numbers that count up, so that a vector serves as the map.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "a connection moves by its pointer between here and the exchanges")]
    idle: RefCell<Vec<Vec<Box<Link>>>>,
}

impl Pool {
    /// Of the connections to `server` with this tag the one that was used last, if it still lives; of this version of
    /// HTTP where that matters.
    pub(crate) fn take(&self, server: &Server, tag: u64, h2: Option<bool>) -> Option<Box<Link>> {
        let mut idle = self.idle.borrow_mut();
        let links = idle.get_mut(server.id.0 as usize)?;
        // One that goes to where the server was before its address changed is of no use either.
        let fits = |link: &Link| link.tag() == tag && h2.is_none_or(|h2| link.is_h2() == h2);
        while let Some(at) = links.iter().rposition(|link| fits(link)) {
            let mut link = links.remove(at);
            if link.is_alive() && *link.address() == server.address() {
                return Some(link);
            }
        }
        None
    }

    /// Puts a connection aside for the next request to `server`, unless the server wants no more of them.
    pub(crate) fn put(&self, server: &Server, mut link: Box<Link>) {
        link.rest(server.config.pool.keep);
        let mut idle = self.idle.borrow_mut();
        let at = server.id.0 as usize;
        if idle.len() <= at {
            idle.resize_with(at + 1, Vec::new);
        }
        let worn = server.config.pool.max_reuse.is_some_and(|most| link.uses() > most);
        let full = server.config.pool.max_idle.is_some_and(|most| idle[at].len() >= most as usize);
        if !worn && !full {
            idle[at].push(link);
        }
    }

    /// Closes connections to servers that left with a reload.
    pub(crate) fn retain_known(&self, snapshot: &Snapshot) {
        for (id, links) in (0..).zip(self.idle.borrow_mut().iter_mut()) {
            if snapshot.server(ServerId(id)).is_none() {
                links.clear();
            }
        }
    }

    fn sweep(&self, now: Instant) {
        for links in self.idle.borrow_mut().iter_mut() {
            links.retain_mut(|link| link.may_rest(now) && link.is_alive());
        }
    }
}

/// Keeps the pool of a worker clean for as long as the worker lives.
pub(crate) async fn sweep(worker: Weak<Worker>) {
    while let Some(worker) = worker.upgrade() {
        worker.pool.sweep(Instant::now());
        drop(worker);
        sleep(SWEEP).await;
    }
}
