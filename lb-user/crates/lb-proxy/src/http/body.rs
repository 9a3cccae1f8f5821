//! Bodies on their way through.

use std::cell::Cell;
use std::error::Error;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::link::{Link, NoResponse};
use super::serve::HttpSession;
use crate::stream::{Cause, Stage, Stream};

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
    /// All of it is through.
    Done,
}

/// What is known of a request's body while it goes through.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How far it has come.
    pub(crate) state: Cell<UploadState>,
    /// Its bytes so far.
    pub(crate) bytes: Cell<u64>,
}

/// What an error of a request's body tells. hyper says that a chunk is none by the kind of an I/O error.
fn failure(error: &hyper::Error) -> UploadState {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(ErrorKind::InvalidInput | ErrorKind::InvalidData) => UploadState::Malformed,
        _ => UploadState::Failed,
    }
}

/// A request's body on its way to a server.
#[derive(Debug)]
pub(crate) struct Upload {
    body: Incoming,
    progress: Rc<Progress>,
}

impl Upload {
    /// Watches a body.
    pub(crate) fn new(body: Incoming, progress: &Rc<Progress>) -> Self {
        if body.is_end_stream() {
            progress.state.set(UploadState::Done);
        }
        Self { body, progress: Rc::clone(progress) }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.progress.state.set(UploadState::Waiting);
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let progress = &self.progress;
        match &frame {
            Some(Ok(frame)) => {
                let n = frame.data_ref().map_or(0, Bytes::len);
                progress.bytes.set(progress.bytes.get() + n as u64);
                let done = self.body.is_end_stream();
                progress.state.set(if done { UploadState::Done } else { UploadState::Unasked });
            }
            Some(Err(error)) => progress.state.set(failure(error)),
            None => progress.state.set(UploadState::Done),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where a response's body comes from.
#[derive(Debug)]
enum Source {
    /// A server; the connection is given back at the end.
    Server { link: Option<Box<Link>>, body: Incoming, silence: Option<Duration> },
    /// The daemon itself.
    Own(Bytes),
}

/// A response's body on its way to the client. Its stream ends with it.
#[derive(Debug)]
pub(crate) struct Download {
    source: Source,
    /// An error that is told once what came before it is on its way.
    error: Option<NoResponse>,
    http: Rc<HttpSession>,
    stream: Option<Box<Stream>>,
}

impl Download {
    /// The body of a server's response.
    pub(crate) fn from_server(
        link: Box<Link>,
        body: Incoming,
        silence: Option<Duration>,
        http: &Rc<HttpSession>,
        stream: Box<Stream>,
    ) -> Self {
        let source = Source::Server { link: Some(link), body, silence };
        let mut download = Self { source, error: None, http: Rc::clone(http), stream: Some(stream) };
        download.finish_if_over();
        download
    }

    /// Nothing, ahead of what comes in another protocol; the stream goes on there.
    pub(crate) fn nothing(http: &Rc<HttpSession>) -> Self {
        Self { source: Source::Own(Bytes::new()), error: None, http: Rc::clone(http), stream: None }
    }

    /// A body of the daemon's own.
    pub(crate) fn own(body: Bytes, http: &Rc<HttpSession>, stream: Box<Stream>) -> Self {
        let mut download =
            Self { source: Source::Own(body), error: None, http: Rc::clone(http), stream: Some(stream) };
        download.finish_if_over();
        download
    }

    fn finish_if_over(&mut self) {
        if self.is_end_stream() {
            self.finish();
        }
    }

    /// The last byte was handed over.
    fn finish(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        if stream.cause == Cause::Normal {
            stream.stage = Stage::Done;
        }
        if let Source::Server { link, .. } = &mut self.source
            && let (Some(mut link), Some(server)) = (link.take(), &stream.server)
            // The end of the response makes the connection ready for the next request, unless either end is to
            // close or the request is not through yet.
            && link.is_alive()
        {
            stream.session.worker.pool.put(server.id, link);
        }
    }

    fn fail(&mut self, error: &NoResponse) {
        if let Some(stream) = &mut self.stream {
            let cause = match error {
                NoResponse::Http(_) => Cause::Server,
                NoResponse::Timeout => Cause::ServerTimeout,
            };
            stream.end(cause, Stage::Data);
        }
    }

    fn count(&mut self, n: usize) {
        if let Some(stream) = &mut self.stream {
            stream.sent += n as u64;
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = NoResponse;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NoResponse>>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = match &mut self.source {
            Source::Own(body) if body.is_empty() => None,
            Source::Own(body) => Some(Ok(Frame::data(std::mem::take(body)))),
            Source::Server { link: None, .. } => None,
            Source::Server { link: Some(link), body, silence } => ready!(link.poll_body(cx, body, *silence)),
        };
        match frame {
            Some(Ok(frame)) => {
                self.count(frame.data_ref().map_or(0, Bytes::len));
                self.finish_if_over();
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.fail(&error);
                // hyper forgets what it has not sent yet when it hears of an error: it gets a turn to send it first.
                self.error = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.finish();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(body) => body.is_empty(),
            Source::Server { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(body) => SizeHint::with_exact(body.len() as u64),
            Source::Server { body, .. } => body.size_hint(),
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // hyper drops a body before its end when the client is gone.
        if let Some(stream) = &mut self.stream {
            let cause = if self.http.has_timed_out() { Cause::ClientTimeout } else { Cause::Client };
            stream.end(cause, Stage::Data);
        }
    }
}
