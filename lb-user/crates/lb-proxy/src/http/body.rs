//! Bodies of responses on their way to a client.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use lb_conf::model::ConnectionMode;

use super::compress::{self, Coder};
use super::link::{Link, NoResponse};
use super::serve::HttpSession;
use super::upload::is_malformed;
use crate::net::SocketView;
use crate::stream::{Cause, Stage, Stream};

/// Where a response's body comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A server, of whose response some was read ahead; the connection is given back at the end.
    Server { link: Option<Box<Link>>, ahead: Bytes, body: Incoming, silence: Option<Duration> },
    /// The daemon itself.
    Own(Bytes),
}

impl Source {
    /// A server's response, `ahead` of which was read already. `silence` is its timeout.
    pub(super) fn server(link: Box<Link>, ahead: Bytes, body: Incoming, silence: Option<Duration>) -> Self {
        Self::Server { link: Some(link), ahead, body, silence }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NoResponse>>> {
        match self {
            Self::Own(body) if body.is_empty() => Poll::Ready(None),
            Self::Own(body) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
            Self::Server { ahead, .. } if !ahead.is_empty() => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(ahead)))))
            }
            Self::Server { link: None, .. } => Poll::Ready(None),
            Self::Server { link: Some(link), body, silence, .. } => link.poll_body(cx, body, *silence),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Own(body) => body.is_empty(),
            Self::Server { ahead, body, .. } => ahead.is_empty() && body.is_end_stream(),
        }
    }
}

/// A response's body on its way to the client. Its stream ends with it.
#[derive(Debug)]
pub(crate) struct Download {
    source: Source,
    /// An error that is told once what came before it is on its way.
    error: Option<NoResponse>,
    http: Rc<HttpSession>,
    stream: Option<Box<Stream>>,
    coder: Option<Box<Coder>>,
}

impl Download {
    /// The body of a server's response.
    pub(crate) fn from_server(
        source: Source,
        http: &Rc<HttpSession>,
        stream: Box<Stream>,
        coder: Option<Box<Coder>>,
    ) -> Self {
        let mut download = Self { source, error: None, http: Rc::clone(http), stream: Some(stream), coder };
        download.finish_if_over();
        download
    }

    /// Nothing, ahead of what comes in another protocol; the stream goes on there.
    pub(crate) fn nothing(http: &Rc<HttpSession>) -> Self {
        Self {
            source: Source::Own(Bytes::new()),
            error: None,
            http: Rc::clone(http),
            stream: None,
            coder: None,
        }
    }

    /// A body of the daemon's own.
    pub(crate) fn own(body: Bytes, http: &Rc<HttpSession>, stream: Box<Stream>) -> Self {
        let (source, stream) = (Source::Own(body), Some(stream));
        let mut download = Self { source, error: None, http: Rc::clone(http), stream, coder: None };
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
            match stream.session.socket.get().is_some_and(SocketView::is_reset) {
                // Nobody is there to take it.
                true => stream.end(Cause::Client, Stage::Data),
                false => stream.stage = Stage::Done,
            }
        }
        if let Source::Server { link, .. } = &mut self.source
            && let (Some(mut link), Some(server)) = (link.take(), &stream.server)
            // The end of the response makes the connection ready for the next request, unless either end is to
            // close or the request is not through yet.
            && stream.mode() == ConnectionMode::KeepAlive
            && link.is_alive()
        {
            stream.session.worker.pool.put(server, link);
        }
    }

    fn fail(&mut self, error: &NoResponse) {
        if let Some(stream) = &mut self.stream {
            let cause = match error {
                NoResponse::Http(e) if is_malformed(e) => Cause::Proxy,
                NoResponse::Http(_) | NoResponse::NoSwitch => Cause::Server,
                NoResponse::Timeout => Cause::ServerTimeout,
                NoResponse::Coder(_) => Cause::Proxy,
            };
            stream.end(cause, Stage::Data);
        }
    }

    fn count(&mut self, n: usize) {
        let Some(stream) = &mut self.stream else { return };
        stream.sent += n as u64;
        if let Some(coder) = &mut self.coder {
            compress::count(stream, coder.take_count(), n);
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
        let this = &mut *self;
        let frame = match &mut this.coder {
            None => ready!(this.source.poll_frame(cx)),
            Some(coder) => {
                let source = &mut this.source;
                ready!(coder.poll_frame(cx, source, Source::poll_frame, Source::is_over))
            }
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
        match &self.coder {
            None => self.source.is_over(),
            Some(coder) => coder.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            _ if self.coder.is_some() => SizeHint::default(),
            Source::Own(body) => SizeHint::with_exact(body.len() as u64),
            Source::Server { ahead, body, .. } => match body.size_hint().exact() {
                Some(left) => SizeHint::with_exact(left + ahead.len() as u64),
                None => SizeHint::default(),
            },
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
