//! Bodies of requests on their way to a server.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::compress::Coder;
use super::link::NoResponse;

/// The most of a request's body that is held, to look at it or to send it again: what HAProxy's buffer has room for.
pub(crate) const HELD_BYTES: usize = 15 * 1024;

/// How long a client that waits to be asked for its body waits for a server that does not ask. The server may be one
/// that never does, and the client waits no longer by itself.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// How far a request's body has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UploadState {
    /// The next piece is not asked for: the server is slower than the client.
    #[default]
    Unasked,
    /// The client is waited for.
    Waiting,
    /// The client broke off.
    Failed,
    /// The client sent something that is no body.
    Malformed,
    /// It was answered before anybody asked for it.
    Ignored,
    /// All of it is through.
    Done,
}

/// A request's body, and what is known of it while it goes through.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How far it has come.
    pub(crate) state: Cell<UploadState>,
    /// Its bytes so far.
    pub(crate) bytes: Cell<u64>,
    body: RefCell<Option<Incoming>>,
    /// What was read before it could be sent.
    ahead: RefCell<Bytes>,
    /// Whether what is sent is kept, so that it can be sent again.
    keeps: Cell<bool>,
    kept: RefCell<BytesMut>,
    held_back: RefCell<Option<HeldBack>>,
}

/// A body that is not asked for until the server wants it.
#[derive(Debug)]
struct HeldBack {
    until: Pin<Box<Sleep>>,
    waker: Option<Waker>,
}

/// Whether a body is against the protocol. hyper says that a chunk is none by the kind of an I/O error.
pub(super) fn is_malformed(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    let kind = io.map(std::io::Error::kind);
    matches!(kind, Some(ErrorKind::InvalidInput | ErrorKind::InvalidData))
}

/// What an error of a request's body tells.
fn failure(error: &hyper::Error) -> UploadState {
    if is_malformed(error) { UploadState::Malformed } else { UploadState::Failed }
}

impl Progress {
    /// The body of the request that has arrived.
    pub(crate) fn hold(&self, body: Incoming) {
        if body.is_end_stream() {
            self.state.set(UploadState::Done);
        }
        *self.body.borrow_mut() = Some(body);
    }

    /// The client waits to be asked for it: that is left to the server, unless some of it is here already.
    pub(crate) fn hold_back(&self) {
        if self.state.get() == UploadState::Unasked && self.bytes.get() == 0 && self.ahead.borrow().is_empty()
        {
            let until = Box::pin(sleep(CONTINUE_WAIT));
            *self.held_back.borrow_mut() = Some(HeldBack { until, waker: None });
        }
    }

    /// The server wants it.
    pub(crate) fn grant(&self) {
        if let Some(waker) = self.held_back.take().and_then(|held| held.waker) {
            waker.wake();
        }
    }

    fn poll_granted(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut held_back = self.held_back.borrow_mut();
        if let Some(held) = held_back.as_mut() {
            held.waker = Some(cx.waker().clone());
            ready!(held.until.as_mut().poll(cx));
            *held_back = None;
        }
        Poll::Ready(())
    }

    /// The request is answered without it.
    pub(crate) fn ignore(&self) {
        if self.state.get() == UploadState::Unasked {
            self.state.set(UploadState::Ignored);
        }
    }

    /// Nobody will read the rest.
    pub(crate) fn discard(&self) {
        *self.body.borrow_mut() = None;
    }

    /// From now on what is sent is kept as long as it is short enough, so that it can be sent again.
    pub(crate) fn keep(&self) {
        self.keeps.set(true);
    }

    /// No more than what is needed to send it once.
    pub(crate) fn keep_no_more(&self) {
        self.keeps.set(false);
        self.kept.borrow_mut().clear();
    }

    /// Begins again with what was sent; whether all of it is still there.
    pub(crate) fn rewind(&self) -> bool {
        let whole =
            self.keeps.get() && !matches!(self.state.get(), UploadState::Failed | UploadState::Malformed);
        if whole {
            let kept = std::mem::take(&mut *self.kept.borrow_mut());
            let ahead = std::mem::take(&mut *self.ahead.borrow_mut());
            *self.ahead.borrow_mut() = [&kept[..], &ahead[..]].concat().into();
            self.bytes.set(0);
        }
        whole
    }

    /// Whether all of it has been read.
    pub(crate) fn is_complete(&self) -> bool {
        self.state.get() == UploadState::Done
    }

    /// Its length as the client announced it, and what has been read of it.
    pub(crate) fn announced(&self) -> Option<u64> {
        let left = self.body.borrow().as_ref().map_or(Some(0), |body| body.size_hint().exact());
        Some(left? + self.ahead.borrow().len() as u64)
    }

    /// Reads until `enough` bytes are there, or all, or as many as there is room for. Returns what is there.
    ///
    /// # Errors
    /// The client breaks off, or what it sends is no body: the state says which.
    pub(crate) async fn read_ahead(&self, enough: usize) -> Result<Bytes, ()> {
        let enough = enough.min(HELD_BYTES);
        let mut there = BytesMut::from(&self.ahead.borrow()[..]);
        while there.len() < enough && !self.is_complete() {
            let frame = poll_fn(|cx| self.poll_body(cx)).await;
            match frame {
                Some(Ok(frame)) => there.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
                Some(Err(_)) => return Err(()),
                None => break,
            }
            // Kept at once: who waits may stop waiting at any time.
            *self.ahead.borrow_mut() = Bytes::copy_from_slice(&there);
        }
        Ok(there.freeze())
    }

    /// What was read ahead.
    pub(crate) fn ahead(&self) -> Bytes {
        self.ahead.borrow().clone()
    }

    fn poll_body(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut body = self.body.borrow_mut();
        let Some(body) = body.as_mut() else { return Poll::Ready(None) };
        self.state.set(UploadState::Waiting);
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        self.state.set(match &frame {
            Some(Ok(_)) if body.is_end_stream() => UploadState::Done,
            Some(Ok(_)) => UploadState::Unasked,
            Some(Err(error)) => failure(error),
            None => UploadState::Done,
        });
        Poll::Ready(frame)
    }

    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NoResponse>>> {
        ready!(self.poll_granted(cx));
        let ahead = std::mem::take(&mut *self.ahead.borrow_mut());
        let frame = match ahead.is_empty() {
            false => Some(Ok(Frame::data(ahead))),
            true => ready!(self.poll_body(cx)),
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.bytes.set(self.bytes.get() + data.len() as u64);
            self.note_kept(data);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(NoResponse::Http)))
    }

    fn note_kept(&self, data: &[u8]) {
        if self.keeps.get() {
            let mut kept = self.kept.borrow_mut();
            if kept.len() + data.len() > HELD_BYTES {
                self.keeps.set(false);
                kept.clear();
            } else {
                kept.extend_from_slice(data);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.ahead.borrow().is_empty() && self.body.borrow().as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match self.announced() {
            Some(length) => SizeHint::with_exact(length),
            None => SizeHint::default(),
        }
    }
}

/// A request's body on its way to a server.
#[derive(Debug)]
pub(crate) struct Upload {
    progress: Rc<Progress>,
    coder: Option<Box<Coder>>,
}

impl Upload {
    /// Sends what `progress` holds, through an encoder where there is one.
    pub(crate) fn new(progress: &Rc<Progress>, coder: Option<Box<Coder>>) -> Self {
        Self { progress: Rc::clone(progress), coder }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // The client's connection waits for somebody to take the rest, or to give it up.
        if !self.progress.keeps.get() {
            self.progress.discard();
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = NoResponse;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NoResponse>>> {
        let this = &mut *self;
        match &mut this.coder {
            None => this.progress.poll_frame(cx),
            Some(coder) => coder.poll_frame(
                cx,
                &mut this.progress,
                |body, cx| body.poll_frame(cx),
                |body| body.is_over(),
            ),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.coder {
            None => self.progress.is_over(),
            Some(coder) => coder.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.coder {
            None => self.progress.size_hint(),
            Some(_) => SizeHint::default(),
        }
    }
}
