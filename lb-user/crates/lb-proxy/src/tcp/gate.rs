//! What a server sends is held until `tcp-response content` rules let it pass.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lb_conf::model::Rules;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::rules::{Outcome, on_answer};
use crate::net::Transport;
use crate::net::timer::{LazyTimer, now};
use crate::stream::Stream;

/// The most that is held.
const MOST: usize = 15 * 1024;

/// What was held and what the rules say to it.
#[derive(Debug)]
pub(crate) struct Gate {
    rules: Arc<Rules>,
    /// The rule that waits.
    at: usize,
    held: Vec<u8>,
    ended: bool,
    /// When no rule waits any longer. None: nothing has been waited for yet.
    deadline: Option<Instant>,
    timer: LazyTimer,
}

impl Gate {
    /// A gate with these rules.
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        Self { rules, at: 0, held: Vec::new(), ended: false, deadline: None, timer: LazyTimer::default() }
    }

    /// What was held.
    pub(crate) fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// Reads until the rules have come to something.
    pub(crate) fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
        server: &mut Transport,
        stream: &mut Stream,
    ) -> Poll<Outcome> {
        loop {
            let delay = self.rules.response_inspect_delay;
            let expired = match self.deadline {
                Some(deadline) => self.timer.poll_reached(cx, Some(deadline)).is_ready(),
                None => false,
            };
            let last = expired || delay.is_none() || self.ended || self.held.len() >= MOST;
            // Rules begin with the first byte.
            if expired || !self.held.is_empty() || self.ended {
                let rules = Arc::clone(&self.rules);
                let seen = (&self.held[..], last, self.ended);
                if let Some(outcome) = on_answer(&rules.tcp_response, &mut self.at, stream, seen) {
                    return Poll::Ready(outcome);
                }
            }
            if self.deadline.is_none() {
                self.deadline = delay.map(|delay| now() + delay);
            }
            ready!(self.poll_fill(cx, server));
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, server: &mut Transport) -> Poll<()> {
        let mut room = [0; 4096];
        let mut buf = ReadBuf::new(&mut room);
        // What is wrong with the connection shows again when the relay goes on.
        let failed = ready!(Pin::new(server).poll_read(cx, &mut buf)).is_err();
        self.ended = failed || buf.filled().is_empty();
        self.held.extend_from_slice(buf.filled());
        Poll::Ready(())
    }
}
