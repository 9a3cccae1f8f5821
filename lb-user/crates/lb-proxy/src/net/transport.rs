//! What carries a connection's bytes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

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

    /// The socket, for what concerns the connection and not its bytes.
    pub(crate) fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream, _) => stream.get_ref().0,
        }
    }

    /// The socket, if its bytes are the connection's bytes.
    pub(crate) fn plain(&self) -> Option<&Socket> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(..) => None,
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream, _) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream, _) => Pin::new(stream).poll_write(cx, buf),
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
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream, _) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream, _) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
