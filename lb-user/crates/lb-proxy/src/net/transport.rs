//! What carries a connection's bytes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, Write};
use hyper::upgrade::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use super::Socket;

/// A connection: its socket, with whatever stands between it and the bytes.
#[derive(Debug)]
pub(crate) enum Transport {
    /// The socket itself.
    Plain(Socket),
    /// TLS over it.
    Tls(Box<TlsStream<Socket>>, Secured),
    /// A stream of an HTTP/2 connection that carries more of them.
    Stream(Box<Upgraded>),
}

/// Connections over TLS that are open.
static SECURED: AtomicU64 = AtomicU64::new(0);

/// Counts a connection over TLS for as long as it is there.
#[derive(Debug)]
pub(crate) struct Secured(());

impl Secured {
    /// How many there are.
    pub(crate) fn open() -> u64 {
        SECURED.load(Relaxed)
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        SECURED.fetch_sub(1, Relaxed);
    }
}

impl Transport {
    /// A connection after its handshake.
    pub(crate) fn secured(stream: TlsStream<Socket>) -> Self {
        SECURED.fetch_add(1, Relaxed);
        Self::Tls(Box::new(stream), Secured(()))
    }

    /// The socket, for what concerns the connection and not its bytes. None: it is not this one's alone.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(stream, _) => Some(stream.get_ref().0),
            Self::Stream(_) => None,
        }
    }

    /// Makes closing send a reset instead of waiting for what is unsent. A stream of HTTP/2 is reset in any case where it
    /// has not come to its end.
    pub(crate) fn reset_on_close(&self) {
        if let Some(socket) = self.socket() {
            socket.reset_on_close();
        }
    }

    /// The socket, if its bytes are the connection's bytes.
    pub(crate) fn plain(&self) -> Option<&Socket> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(..) | Self::Stream(_) => None,
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream, _) => Pin::new(stream).poll_read(cx, buf),
            Self::Stream(stream) => read_stream(stream, cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream, _) => Pin::new(stream).poll_write(cx, buf),
            Self::Stream(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => socket.poll_send(cx, bufs),
            Self::Tls(stream, _) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Stream(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream, _) => Pin::new(stream).poll_flush(cx),
            Self::Stream(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream, _) => Pin::new(stream).poll_shutdown(cx),
            Self::Stream(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Reads from a stream of HTTP/2, which knows hyper's buffers only.
fn read_stream(stream: &mut Upgraded, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    let n = {
        let mut inner = hyper::rt::ReadBuf::new(buf.initialize_unfilled());
        ready!(Pin::new(stream).poll_read(cx, inner.unfilled()))?;
        inner.filled().len()
    };
    buf.advance(n);
    Poll::Ready(Ok(()))
}
