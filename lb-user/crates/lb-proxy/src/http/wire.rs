//! What hyper reads and writes through: a transport that is watched.
//!
//! hyper tells neither when the first byte of a message came nor how many went by, and it answers malformed requests
//! with words of its own. The wire knows all of it.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::net::Transport;
use crate::net::timer::now;

/// Up to so many bytes it is cheaper to copy the pieces of a message together than to have the kernel gather them.
const GATHER_BYTES: usize = 2048;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing has come since it opened or since the last message ended.
    Idle,
    /// A head is coming in.
    Head,
    /// A message is being dealt with.
    Busy,
}

/// What a wire has seen; shared with the session that owns it.
#[derive(Debug)]
pub(crate) struct Meter {
    speaks_up: bool,
    phase: Cell<Phase>,
    /// When this phase began.
    since: Cell<Instant>,
    /// When bytes last went either way.
    active: Cell<Instant>,
    /// When bytes last came.
    heard: Cell<Instant>,
    received: Cell<u64>,
    /// A write did not go through whole: what follows may still belong to the last message.
    behind: Cell<bool>,
    /// Bytes were swallowed.
    muted: Cell<bool>,
    /// Who waits for the next bytes though others read them.
    watcher: RefCell<Option<Waker>>,
    /// What is to be sent before anything else.
    ahead: RefCell<Vec<u8>>,
}

impl Meter {
    /// Of a connection that has just been opened. `speaks_up`: whether our own words for a malformed head replace
    /// hyper's, as they do towards clients of HTTP/1.
    pub(crate) fn new(speaks_up: bool) -> Rc<Self> {
        let now = now();
        Rc::new(Self {
            speaks_up,
            phase: Cell::new(Phase::Idle),
            since: Cell::new(now),
            active: Cell::new(now),
            heard: Cell::new(now),
            received: Cell::new(0),
            behind: Cell::new(false),
            muted: Cell::new(false),
            watcher: RefCell::default(),
            ahead: RefCell::default(),
        })
    }

    /// What the connection is doing, and since when.
    pub(crate) fn phase(&self) -> (Phase, Instant) {
        (self.phase.get(), self.since.get())
    }

    /// The connection does something else now.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(now());
    }

    /// When bytes last went either way.
    pub(crate) fn active(&self) -> Instant {
        self.active.get()
    }

    /// Counts a moment as activity, such as the end of a wait that was not this side's.
    pub(crate) fn touch(&self) {
        let now = now();
        self.active.set(now);
        self.heard.set(now);
    }

    /// When bytes last came.
    pub(crate) fn heard(&self) -> Instant {
        self.heard.get()
    }

    /// Wakes the task once more bytes have been received.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        *self.watcher.borrow_mut() = Some(cx.waker().clone());
    }

    /// Bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Whether hyper's own answer was swallowed, so that ours is due.
    pub(crate) fn muted(&self) -> bool {
        self.muted.get()
    }

    /// Sends something that hyper knows nothing of, before what hyper sends next.
    pub(crate) fn say_ahead(&self, bytes: &[u8]) {
        self.ahead.borrow_mut().extend_from_slice(bytes);
    }

    /// Whether the other end is slower to take than we are to give.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.get()
    }

    fn read(&self, n: usize) {
        let now = now();
        self.active.set(now);
        self.heard.set(now);
        self.received.set(self.received.get() + n as u64);
        if let Some(watcher) = self.watcher.take() {
            watcher.wake();
        }
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            self.since.set(now);
        }
    }

    fn wrote(&self, n: usize, of: usize) {
        self.active.set(now());
        self.behind.set(n < of);
    }

    /// Whether what is written now is hyper's own answer to a head that it could not parse: nobody else has anything
    /// to say between the first byte of a request and its dispatch.
    fn mute(&self) -> bool {
        let mute = self.speaks_up && self.phase.get() == Phase::Head && !self.behind.get();
        if mute {
            self.muted.set(true);
        }
        mute
    }
}

/// A watched transport.
#[derive(Debug)]
pub(crate) struct Wire {
    transport: Transport,
    meter: Rc<Meter>,
    /// What was read from the transport before it came here.
    early: Bytes,
}

impl Wire {
    /// Watches a transport.
    pub(crate) fn new(transport: Transport, meter: Rc<Meter>) -> Self {
        Self { transport, meter, early: Bytes::new() }
    }

    /// The same with what was read from it already.
    pub(crate) fn with_early(self, early: Bytes) -> Self {
        Self { early, ..self }
    }

    /// The transport again.
    pub(crate) fn into_transport(self) -> Transport {
        self.transport
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let whole = bufs.iter().map(|b| b.len()).sum();
        if self.meter.mute() {
            return Poll::Ready(Ok(whole));
        }
        ready!(self.poll_ahead(cx))?;
        let result = if bufs.len() > 1 && whole <= GATHER_BYTES {
            self.poll_gathered(cx, bufs)
        } else {
            Pin::new(&mut self.transport).poll_write_vectored(cx, bufs)
        };
        match &result {
            Poll::Ready(Ok(n)) => self.meter.wrote(*n, whole),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.meter.behind.set(true),
        }
        result
    }
}

impl Wire {
    /// Sends what is to be sent before anything else.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ahead = self.meter.ahead.borrow_mut();
        while !ahead.is_empty() {
            let n = ready!(Pin::new(&mut self.transport).poll_write(cx, &ahead))?;
            ahead.drain(..n);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends a few short pieces, such as a head and a small body, as one.
    fn poll_gathered(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut all = [0; GATHER_BYTES];
        let mut len = 0;
        for buf in bufs {
            if let Some(room) = all.get_mut(len..len + buf.len()) {
                room.copy_from_slice(buf);
                len += buf.len();
            }
        }
        Pin::new(&mut self.transport).poll_write(cx, &all[..len])
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: ReadBuf writes to the memory and never makes initialised bytes uninitialised.
        let mut buf = ReadBuf::uninit(unsafe { cursor.as_mut() });
        if self.early.is_empty() {
            ready!(Pin::new(&mut self.transport).poll_read(cx, &mut buf))?;
        } else {
            let n = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early.split_to(n));
        }
        let n = buf.filled().len();
        // SAFETY: ReadBuf counts only what it knows to be initialised.
        unsafe { cursor.advance(n) };
        if n > 0 {
            self.meter.read(n);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_ahead(cx))?;
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Our own answer is still to come.
        if self.meter.muted() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
