//! One direction of a relay.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::pipe::Pipe;
use crate::net::settings::Settings;
use crate::net::{Socket, Transport};

/// What one read takes. A read that fills it tells of a bulk transfer, for which splice(2) is cheaper than copying;
/// for less the two cost the same, and copying needs no pipe.
const SCRATCH_BYTES: usize = 32 * 1024;

thread_local! {
    /// Bytes are here only between a read and the write behind it: an idle connection holds no buffer.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// Which end of a direction failed.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The one that is read.
    Source,
    /// The one that is written.
    Sink,
}

/// Where bytes are that were read and could not be written at once.
#[derive(Debug)]
enum Held {
    Nothing,
    /// In memory: the rest of one read.
    Bytes(Vec<u8>, usize),
    /// In the kernel.
    Pipe(Pipe),
}

/// Bytes on their way from one end to the other.
#[derive(Debug)]
pub(crate) struct Direction {
    held: Held,
    bulk: Bulk,
    eof: bool,
    moved: u64,
    spliced: u64,
}

/// How the next bytes are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bulk {
    Copy,
    Splice,
    /// One of the ends cannot splice, or must not.
    Never,
}

impl Direction {
    /// A direction in which `early` was read before the relay began.
    pub(crate) fn new(early: Vec<u8>) -> Self {
        let held = if early.is_empty() { Held::Nothing } else { Held::Bytes(early, 0) };
        let bulk = if Settings::current().no_splice { Bulk::Never } else { Bulk::Copy };
        Self { held, bulk, eof: false, moved: 0, spliced: 0 }
    }

    /// A direction that ends behind `bytes`, which were read before the relay began.
    pub(crate) fn last(bytes: Vec<u8>) -> Self {
        Self { eof: true, ..Self::new(bytes) }
    }

    /// Bytes written to the far end so far.
    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }

    /// How many of them never came to user space.
    pub(crate) fn spliced(&self) -> u64 {
        self.spliced
    }

    /// Whether the near end has sent its last byte.
    pub(crate) fn saw_eof(&self) -> bool {
        self.eof
    }

    /// Moves what can be moved; ready when the end of the stream was passed on.
    pub(crate) fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Transport,
        to: &mut Transport,
    ) -> Poll<Result<(), Broken>> {
        loop {
            ready!(self.poll_empty(cx, to)).map_err(|_| Broken::Sink)?;
            if self.eof {
                return Pin::new(to).poll_shutdown(cx).map_err(|_| Broken::Sink);
            }
            let n = ready!(self.poll_fill(cx, from, to))?;
            self.eof = n == 0;
        }
    }

    /// Writes what is held.
    fn poll_empty(&mut self, cx: &mut Context<'_>, to: &mut Transport) -> Poll<io::Result<()>> {
        match &mut self.held {
            Held::Nothing => return Poll::Ready(Ok(())),
            Held::Bytes(bytes, at) => {
                while *at < bytes.len() {
                    let n = ready!(Pin::new(&mut *to).poll_write(cx, &bytes[*at..]))?;
                    *at += n;
                    self.moved += n as u64;
                }
                ready!(Pin::new(&mut *to).poll_flush(cx))?;
            }
            Held::Pipe(pipe) => {
                while !pipe.is_empty() {
                    // What cannot be spliced to is never given a pipe.
                    let Some(socket) = to.plain() else {
                        return Poll::Ready(Err(ErrorKind::Unsupported.into()));
                    };
                    let n = ready!(socket.poll_writing(cx, |fd| pipe.drain(fd)))? as u64;
                    self.moved += n;
                    self.spliced += n;
                }
            }
        }
        if let Held::Pipe(pipe) = std::mem::replace(&mut self.held, Held::Nothing) {
            pipe.put_back();
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once; 0 at the end of the stream.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Transport,
        to: &mut Transport,
    ) -> Poll<Result<usize, Broken>> {
        if self.bulk == Bulk::Splice
            && let (Some(source), Some(_)) = (from.plain(), to.plain())
            && let Some(n) = ready!(self.poll_splice(cx, source)).map_err(|_| Broken::Source)?
        {
            return Poll::Ready(Ok(n));
        }
        SCRATCH.with_borrow_mut(|scratch| self.poll_copy(cx, from, to, scratch))
    }

    /// Fills a pipe; none if that is impossible here.
    fn poll_splice(&mut self, cx: &mut Context<'_>, from: &Socket) -> Poll<io::Result<Option<usize>>> {
        let Ok(mut pipe) = Pipe::take() else {
            self.bulk = Bulk::Never;
            return Poll::Ready(Ok(None));
        };
        match from.poll_reading(cx, |fd| pipe.fill(fd.as_fd())) {
            Poll::Ready(Ok(n)) => {
                // A trickle is cheaper to copy.
                if n < SCRATCH_BYTES / 2 {
                    self.bulk = Bulk::Copy;
                }
                self.held = Held::Pipe(pipe);
                Poll::Ready(Ok(Some(n)))
            }
            Poll::Ready(Err(e)) if e.raw_os_error() == Some(libc::EINVAL) => {
                self.bulk = Bulk::Never;
                Poll::Ready(Ok(None))
            }
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            Poll::Pending => {
                pipe.put_back();
                Poll::Pending
            }
        }
    }

    fn poll_copy(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Transport,
        to: &mut Transport,
        scratch: &mut [u8],
    ) -> Poll<Result<usize, Broken>> {
        let mut buf = ReadBuf::new(scratch);
        ready!(Pin::new(from).poll_read(cx, &mut buf)).map_err(|_| Broken::Source)?;
        let bytes = buf.filled();
        if bytes.len() == SCRATCH_BYTES && self.bulk == Bulk::Copy {
            self.bulk = Bulk::Splice;
        }
        if !bytes.is_empty() {
            self.write_now(cx, bytes, to).map_err(|_| Broken::Sink)?;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    /// Writes `bytes` as far as the socket takes them and holds the rest.
    fn write_now(&mut self, cx: &mut Context<'_>, bytes: &[u8], to: &mut Transport) -> io::Result<()> {
        let mut at = 0;
        while at < bytes.len() {
            match Pin::new(&mut *to).poll_write(cx, &bytes[at..]) {
                Poll::Ready(n) => at += n?,
                Poll::Pending => break,
            }
        }
        self.moved += at as u64;
        // Held even if empty where a flush is due: poll_empty does it.
        if at < bytes.len() || to.plain().is_none() {
            self.held = Held::Bytes(bytes[at..].to_vec(), 0);
        }
        Ok(())
    }
}
