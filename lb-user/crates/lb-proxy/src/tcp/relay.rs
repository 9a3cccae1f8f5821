//! A stream of bytes in both directions, until both have ended or one of the sides is silent for too long.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::direction::{Broken, Direction};
use super::gate::Gate;
use super::rules::Outcome;
use crate::net::timer::{LazyTimer, after, now, refresh_now};
use crate::net::{Transport, option};
use crate::stream::Stream;

/// A side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Who opened the connection to us.
    Client,
    /// Who we opened a connection to.
    Server,
}

/// How a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelayEnd {
    /// Both sides sent all and closed.
    Closed,
    /// A rule wants no more of it.
    Denied,
    /// This side broke the connection.
    Aborted(Side),
    /// This side was silent for too long.
    TimedOut(Side),
}

/// How long the sides may be silent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RelayTimeouts {
    /// `timeout client`.
    pub(crate) client: Option<Duration>,
    /// `timeout client-fin`, once the client has sent its end.
    pub(crate) client_fin: Option<Duration>,
    /// `timeout server`.
    pub(crate) server: Option<Duration>,
    /// `timeout server-fin`, once the server has sent its end.
    pub(crate) server_fin: Option<Duration>,
    /// `timeout tunnel`, which stands for the other two until one side has ended.
    pub(crate) tunnel: Option<Duration>,
    /// `option independent-streams` of the frontend: what the client takes does not keep its side alive.
    pub(crate) client_must_speak: bool,
    /// The same of the backend and the server.
    pub(crate) server_must_speak: bool,
}

/// Bytes moved by a relay.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moved {
    /// From the client to the server.
    pub(crate) to_server: u64,
    /// From the server to the client.
    pub(crate) to_client: u64,
    /// How many of both never came to user space.
    pub(crate) spliced: u64,
}

/// When one direction last moved, and how far it had come.
#[derive(Debug)]
struct Activity {
    at: Instant,
    seen: u64,
}

impl Activity {
    fn new() -> Self {
        Self { at: now(), seen: 0 }
    }

    fn note(&mut self, direction: &Direction) {
        // The ends of the streams count as activity too: the `-fin` timeouts begin there.
        let seen = direction.moved() + u64::from(direction.saw_eof());
        if seen != self.seen {
            (self.at, self.seen) = (now(), seen);
        }
    }
}

/// A relay between two connections.
#[derive(Debug)]
pub(crate) struct Relay {
    client: Transport,
    server: Transport,
    up: Direction,
    down: Direction,
    up_done: bool,
    down_done: bool,
    timeouts: RelayTimeouts,
    sent_up: Activity,
    sent_down: Activity,
    timer: LazyTimer,
}

impl Relay {
    /// Joins two connections; `early` was read from each before.
    pub(crate) fn new(
        client: Transport,
        server: Transport,
        early: (Vec<u8>, Vec<u8>),
        timeouts: RelayTimeouts,
    ) -> Self {
        let (up, down) = (Direction::new(early.0), Direction::new(early.1));
        let (sent_up, sent_down) = (Activity::new(), Activity::new());
        let (up_done, down_done, timer) = (false, false, LazyTimer::default());
        Self { client, server, up, down, up_done, down_done, timeouts, sent_up, sent_down, timer }
    }

    /// Moves bytes until the end.
    pub(crate) async fn run(&mut self) -> RelayEnd {
        poll_fn(|cx| {
            refresh_now();
            self.poll_run(cx)
        })
        .await
    }

    /// The same with what the server sends held until the rules of `gate` let it pass.
    pub(crate) async fn run_behind(&mut self, gate: &mut Gate, stream: &mut Stream) -> RelayEnd {
        let outcome = poll_fn(|cx| {
            refresh_now();
            if let Some(end) = self.poll_up(cx) {
                return Poll::Ready(Err(end));
            }
            if let Poll::Ready(outcome) = gate.poll_open(cx, &mut self.server, stream) {
                return Poll::Ready(Ok(outcome));
            }
            self.note_activity();
            let (deadline, side) = self.deadline();
            self.timer.poll_reached(cx, deadline).map(|()| Err(RelayEnd::TimedOut(side)))
        });
        match outcome.await {
            Err(end) => return end,
            Ok(Outcome::Reject) => return RelayEnd::Denied,
            Ok(Outcome::Vanish) => {
                stream.session.with_socket(option::vanish);
                return RelayEnd::Denied;
            }
            // What is there goes to the client, and nothing behind it.
            Ok(Outcome::Close) => {
                self.down = Direction::last(gate.take_held());
                self.up_done = true;
            }
            Ok(_) => self.down = Direction::new(gate.take_held()),
        }
        self.run().await
    }

    /// What has been moved so far.
    pub(crate) fn moved(&self) -> Moved {
        Moved {
            to_server: self.up.moved(),
            to_client: self.down.moved(),
            spliced: self.up.spliced() + self.down.spliced(),
        }
    }

    /// Makes closing the connections send resets, as is due to a session that is cut short.
    pub(crate) fn reset_on_close(&self) {
        self.client.reset_on_close();
        self.server.reset_on_close();
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<RelayEnd> {
        if let Some(end) = self.poll_up(cx).or_else(|| self.poll_down(cx)) {
            return Poll::Ready(end);
        }
        if self.up_done && self.down_done {
            return Poll::Ready(RelayEnd::Closed);
        }
        self.note_activity();
        let (deadline, side) = self.deadline();
        self.timer.poll_reached(cx, deadline).map(|()| RelayEnd::TimedOut(side))
    }

    fn poll_up(&mut self, cx: &mut Context<'_>) -> Option<RelayEnd> {
        if self.up_done {
            return None;
        }
        match self.up.poll_move(cx, &mut self.client, &mut self.server) {
            Poll::Pending => None,
            Poll::Ready(Ok(())) => {
                self.up_done = true;
                None
            }
            Poll::Ready(Err(Broken::Source)) => Some(RelayEnd::Aborted(Side::Client)),
            Poll::Ready(Err(Broken::Sink)) => Some(RelayEnd::Aborted(Side::Server)),
        }
    }

    fn poll_down(&mut self, cx: &mut Context<'_>) -> Option<RelayEnd> {
        if self.down_done {
            return None;
        }
        match self.down.poll_move(cx, &mut self.server, &mut self.client) {
            Poll::Pending => None,
            Poll::Ready(Ok(())) => {
                self.down_done = true;
                None
            }
            Poll::Ready(Err(Broken::Source)) => Some(RelayEnd::Aborted(Side::Server)),
            Poll::Ready(Err(Broken::Sink)) => Some(RelayEnd::Aborted(Side::Client)),
        }
    }

    fn note_activity(&mut self) {
        self.sent_up.note(&self.up);
        self.sent_down.note(&self.down);
    }

    /// The next moment at which a side has been silent for too long, and whose silence it is.
    fn deadline(&self) -> (Option<Instant>, Side) {
        // A transfer in one direction keeps the other one alive, too, unless its side must speak itself.
        let both = self.sent_up.at.max(self.sent_down.at);
        let client = if self.timeouts.client_must_speak { self.sent_up.at } else { both };
        let server = if self.timeouts.server_must_speak { self.sent_down.at } else { both };
        let (client, server) = (after(client, self.client_timeout()), after(server, self.server_timeout()));
        match (client, server) {
            (Some(client), Some(server)) if server < client => (Some(server), Side::Server),
            (None, Some(server)) => (Some(server), Side::Server),
            (client, _) => (client, Side::Client),
        }
    }

    fn client_timeout(&self) -> Option<Duration> {
        let t = &self.timeouts;
        let open = t.tunnel.or(t.client);
        if self.up.saw_eof() { t.client_fin.or(open) } else { open }
    }

    fn server_timeout(&self) -> Option<Duration> {
        let t = &self.timeouts;
        let open = t.tunnel.or(t.server);
        if self.down.saw_eof() { t.server_fin.or(open) } else { open }
    }
}
