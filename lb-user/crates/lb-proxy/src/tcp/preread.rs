//! What is read of a connection before it is known where it goes.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, timeout_at};

use crate::net::Transport;

/// The most that is read ahead: HAProxy's buffer less what it keeps free.
const MOST: usize = 15 * 1024;

/// A client's connection with what was read from it already.
#[derive(Debug)]
pub(crate) struct Preread {
    transport: Transport,
    bytes: BytesMut,
    ended: bool,
    broken: bool,
}

impl Preread {
    /// A connection of which nothing was read.
    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport, bytes: BytesMut::new(), ended: false, broken: false }
    }

    /// What was read.
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes)
    }

    /// Whether the client has sent its last byte.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether the client broke the connection.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether no more will be read.
    pub(crate) fn is_over(&self) -> bool {
        self.ended || self.bytes.len() >= MOST
    }

    /// Reads once, until `deadline` at the longest; whether something came of it.
    pub(crate) async fn read_until(&mut self, deadline: Option<Instant>) -> bool {
        let reading = self.read();
        match deadline {
            Some(deadline) => timeout_at(deadline, reading).await.is_ok(),
            None => {
                reading.await;
                true
            }
        }
    }

    async fn read(&mut self) {
        let mut room = [0; 4096];
        let room_len = room.len().min(MOST.saturating_sub(self.bytes.len()));
        let mut buf = ReadBuf::new(&mut room[..room_len]);
        let read = poll_fn(|cx| Pin::new(&mut self.transport).poll_read(cx, &mut buf)).await;
        self.broken = read.is_err();
        self.ended = self.broken || buf.filled().is_empty();
        self.bytes.extend_from_slice(buf.filled());
    }

    /// The connection, and what was read.
    pub(crate) fn into_parts(self) -> (Transport, BytesMut) {
        (self.transport, self.bytes)
    }

    /// The connection.
    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }
}
