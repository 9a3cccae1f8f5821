//! The sessions of a worker, so that a stop can wake the idle ones and wait for the rest, and an operator can list and
//! end them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};

use tokio::sync::Notify;

use crate::session::Session;

/// Sessions that are open.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    inner: Rc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By number; None until the session has been polled for the first time.
    wakers: RefCell<HashMap<u64, Option<Waker>>>,
    /// By number.
    sessions: RefCell<HashMap<u64, Weak<Session>>>,
    next: Cell<u64>,
    stopping: Cell<bool>,
    ended: Notify,
}

/// An open session; dropping it takes it off the list.
#[derive(Debug)]
pub(crate) struct Open {
    inner: Rc<Inner>,
    number: u64,
    known: Cell<bool>,
}

impl Sessions {
    /// One more.
    pub(crate) fn open(&self) -> Open {
        let number = self.inner.next.get();
        self.inner.next.set(number + 1);
        self.inner.wakers.borrow_mut().insert(number, None);
        Open { inner: Rc::clone(&self.inner), number, known: Cell::new(false) }
    }

    /// Those that are open.
    pub(crate) fn all(&self) -> Vec<Rc<Session>> {
        self.inner.sessions.borrow().values().filter_map(Weak::upgrade).collect()
    }

    /// The one of this number.
    pub(crate) fn find(&self, number: u64) -> Option<Rc<Session>> {
        self.inner.sessions.borrow().get(&number)?.upgrade()
    }

    /// Wakes all sessions: something that they wait for without a waker changed.
    pub(crate) fn wake_all(&self) {
        for waker in self.inner.wakers.borrow().values().flatten() {
            waker.wake_by_ref();
        }
    }

    /// From now on the worker ends with its last session.
    pub(crate) fn stop(&self) {
        self.inner.stopping.set(true);
    }

    /// Whether the worker is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.stopping.get()
    }

    /// Waits for the last session.
    pub(crate) async fn ended(&self) {
        while !self.inner.wakers.borrow().is_empty() {
            self.inner.ended.notified().await;
        }
    }
}

impl Open {
    /// Its number in its worker.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Makes the session known to those who list them.
    pub(crate) fn list(&self, session: &Rc<Session>) {
        self.inner.sessions.borrow_mut().insert(self.number, Rc::downgrade(session));
    }

    /// Called whenever the session is polled; only the first time does anything, since a task's waker never changes.
    pub(crate) fn polled(&self, cx: &Context<'_>) {
        if !self.known.replace(true) {
            self.inner.wakers.borrow_mut().insert(self.number, Some(cx.waker().clone()));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.inner.wakers.borrow_mut().remove(&self.number);
        self.inner.sessions.borrow_mut().remove(&self.number);
        self.inner.ended.notify_one();
    }
}
