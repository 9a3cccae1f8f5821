//! A connection to a server that speaks HTTP.
//!
//! No task of its own drives it: whoever waits for a response drives the connection while waiting. A request costs no
//! switch between tasks that way, and an idle connection is a value that can be put aside.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use lb_conf::model::ServerAddress;
use tokio::time::Instant;

use super::carrier::Carrier;
use super::upload::Upload;
use super::wire::{Meter, Wire};
use crate::net::Transport;
use crate::net::timer::{LazyTimer, after, now};
use crate::server_side::ServerSide;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Link {
    carrier: Carrier,
    meter: Rc<Meter>,
    timer: LazyTimer,
    ended: bool,
    /// `option independent-streams`: what the server takes does not keep it alive.
    must_speak: bool,
    /// Where it goes.
    address: Arc<ServerAddress>,
    /// What tells it from others that the same streams may not use.
    tag: u64,
    /// Until when it may lie idle.
    idle_until: Instant,
    /// Requests that it has carried.
    uses: u32,
    /// What there is to know about it.
    side: Option<Rc<ServerSide>>,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoResponse {
    /// hyper's reason.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The server was silent for too long.
    #[error("timeout server")]
    Timeout,
    /// The server cannot switch to WebSocket over HTTP/2, or has not read the key that it was given.
    #[error("no switch to WebSocket")]
    NoSwitch,
    /// The encoder of a body failed.
    #[error("compression: {0}")]
    Coder(#[from] std::io::Error),
}

impl Link {
    /// Speaks HTTP over a new connection, version 2 if `h2`.
    pub(crate) async fn new(
        transport: Transport,
        h2: bool,
        address: Arc<ServerAddress>,
        tag: u64,
        side: Option<Rc<ServerSide>>,
    ) -> hyper::Result<Box<Self>> {
        let meter = Meter::new(false);
        let wire = Wire::new(transport, Rc::clone(&meter));
        let carrier = if h2 { Carrier::h2(wire).await } else { Carrier::h1(wire).await }?;
        let (timer, idle_until) = (LazyTimer::default(), now());
        Ok(Box::new(Self {
            carrier,
            meter,
            timer,
            ended: false,
            must_speak: false,
            address,
            tag,
            idle_until,
            uses: 0,
            side,
        }))
    }

    /// Whether it has carried a request before the current one.
    pub(crate) fn is_reused(&self) -> bool {
        self.uses > 0
    }

    /// Requests that it has carried.
    pub(crate) fn uses(&self) -> u32 {
        self.uses
    }

    /// Where it goes.
    pub(crate) fn address(&self) -> &Arc<ServerAddress> {
        &self.address
    }

    /// What there is to know about it.
    pub(crate) fn side(&self) -> Option<Rc<ServerSide>> {
        self.side.clone()
    }

    /// What tells it from others that the same streams may not use.
    pub(crate) fn tag(&self) -> u64 {
        self.tag
    }

    /// Whether it may go on being idle.
    pub(crate) fn may_rest(&self, now: Instant) -> bool {
        now < self.idle_until
    }

    /// Bytes that the server has sent over it so far.
    pub(crate) fn received(&self) -> u64 {
        self.meter.received()
    }

    /// Sends a request and waits for the head of the response.
    pub(crate) async fn request(
        &mut self,
        request: Request<Upload>,
        limit: Option<Duration>,
    ) -> Result<Response<Incoming>, NoResponse> {
        self.meter.touch();
        let mut response = pin!(self.carrier.send(request));
        poll_fn(|cx| {
            self.poll_drive(cx);
            if let Poll::Ready(result) = response.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(NoResponse::Http));
            }
            self.poll_silence(cx, limit).map(|()| Err(NoResponse::Timeout))
        })
        .await
    }

    /// Moves bytes in both directions.
    pub(crate) fn poll_drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended {
            self.ended = self.carrier.poll(cx).is_ready();
        }
    }

    /// Whether the server has been silent for `limit`.
    pub(crate) fn poll_silence(&mut self, cx: &mut Context<'_>, limit: Option<Duration>) -> Poll<()> {
        let since = if self.must_speak { self.meter.heard() } else { self.meter.active() };
        self.timer.poll_reached(cx, after(since, limit))
    }

    /// Whether it can take a request now.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ended && self.carrier.is_ready()
    }

    /// Looks whether the server has closed it while it was put aside.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.poll_drive(&mut Context::from_waker(Waker::noop()));
        self.is_ready()
    }

    /// Whether what the server takes does not count as a sign of its life.
    pub(crate) fn must_speak(&mut self, must: bool) {
        self.must_speak = must;
    }

    /// Notes that it is put aside, for so long at most.
    pub(crate) fn rest(&mut self, keep: Duration) {
        (self.idle_until, self.uses) = (now() + keep, self.uses.saturating_add(1));
    }

    /// Whether it speaks HTTP/2, over which no other protocol can be switched to.
    pub(crate) fn is_h2(&self) -> bool {
        self.carrier.is_h2()
    }

    /// Whether the server lets WebSocket go over HTTP/2; it says so with its first bytes.
    pub(crate) async fn may_switch(&mut self, limit: Option<Duration>) -> bool {
        self.meter.touch();
        poll_fn(|cx| {
            self.poll_drive(cx);
            self.meter.watch(cx);
            match self.carrier.extended_connect() {
                _ if self.ended => Poll::Ready(false),
                true => Poll::Ready(true),
                false if self.meter.received() > 0 => Poll::Ready(false),
                false => self.poll_silence(cx, limit).map(|()| false),
            }
        })
        .await
    }

    /// What carries the other protocol once it was switched to by `response`, with what the server has sent in it.
    pub(crate) async fn into_transport(
        mut self: Box<Self>,
        response: &mut Response<Incoming>,
    ) -> hyper::Result<(Transport, Bytes)> {
        if !self.is_h2() {
            poll_fn(|cx| {
                self.poll_drive(cx);
                if self.ended { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        match self.carrier {
            Carrier::H1 { connection, .. } => {
                let parts = connection.into_parts();
                Ok((parts.io.into_transport(), parts.read_buf))
            }
            // The stream outlives what opened it; its connection ends with it.
            Carrier::H2 { .. } => {
                let stream = hyper::upgrade::on(response).await?;
                Ok((Transport::Stream(Box::new(stream)), Bytes::new()))
            }
        }
    }

    /// The next piece of a response's body.
    pub(crate) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Incoming,
        limit: Option<Duration>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, NoResponse>>> {
        self.poll_drive(cx);
        if let Poll::Ready(frame) = hyper::body::Body::poll_frame(Pin::new(body), cx) {
            return Poll::Ready(frame.map(|result| result.map_err(NoResponse::Http)));
        }
        self.poll_silence(cx, limit).map(|()| Some(Err(NoResponse::Timeout)))
    }
}
