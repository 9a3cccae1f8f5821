//! Rules that take their time.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use http::StatusCode;
use hyper::body::{Body, Incoming};
use tokio::time::{sleep, timeout};

use super::Stop;
use crate::http::link::{Link, NoResponse};
use crate::http::upload::{HELD_BYTES, Progress, UploadState};
use crate::stream::{Ahead, Cause, Stage, Stream};
use crate::tcp::peek::Peeked;
use crate::track::{self, Blame};

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Nothing but that time passes: `pause`.
    Time(Duration),
    /// So many bytes of the message's body, or all of it: `wait-for-body`.
    Body { time: Duration, at_least: Option<u64> },
}

impl Wait {
    /// Waits. The error is how the request ends if what it waits for does not come.
    pub(super) async fn carry_out(self, stream: &mut Stream) -> Result<(), Stop> {
        match self {
            Self::Time(time) => {
                sleep(time).await;
                Ok(())
            }
            Self::Body { time, at_least } => body(stream, enough(at_least), Some(time)).await,
        }
    }
}

/// The body of a server's response, and what was read of it for rules to look at.
pub(crate) struct Answered<'l> {
    /// Where it comes from. None: there is no body.
    pub(crate) link: Option<&'l mut Link>,
    /// What is to come.
    pub(crate) body: Incoming,
    /// The longest silence of the server.
    pub(crate) silence: Option<Duration>,
    /// What was read, if it was waited for.
    pub(crate) ahead: Option<Ahead>,
}

impl Answered<'_> {
    async fn read_ahead(&mut self, enough: usize) -> Result<(), NoResponse> {
        let before = self.ahead.take().map(|ahead| ahead.bytes).unwrap_or_default();
        let announced = self.body.size_hint().exact().map(|left| left + before.len() as u64);
        let mut there = BytesMut::from(&before[..]);
        while there.len() < enough.min(HELD_BYTES) && !self.body.is_end_stream() {
            let (Some(link), body, silence) = (&mut self.link, &mut self.body, self.silence) else { break };
            match poll_fn(|cx| link.poll_body(cx, body, silence)).await {
                Some(Ok(frame)) => there.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
                Some(Err(error)) => return Err(error),
                None => break,
            }
        }
        let complete = self.body.is_end_stream();
        self.ahead = Some(Ahead { bytes: there.freeze(), complete, announced, head: Peeked::Nothing });
        Ok(())
    }
}

impl Wait {
    /// The same on a response.
    pub(super) async fn on_response(
        self,
        stream: &mut Stream,
        answered: &mut Answered<'_>,
    ) -> Result<(), Stop> {
        let Self::Body { time, at_least } = self else { return self.carry_out(stream).await };
        let outcome = timeout(time, answered.read_ahead(enough(at_least))).await;
        stream.answer_ahead = answered.ahead.clone();
        let (cause, status) = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(NoResponse::Timeout)) | Err(_) => (Cause::ServerTimeout, StatusCode::GATEWAY_TIMEOUT),
            Ok(Err(_)) => (Cause::Server, StatusCode::BAD_GATEWAY),
        };
        stream.end(cause, Stage::Headers);
        track::blame(stream, Blame::Server);
        Err(Stop::Error(status))
    }
}

/// How many bytes `at-least` waits for: as many as there is room for where it is not there.
fn enough(at_least: Option<u64>) -> usize {
    at_least.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok()).unwrap_or(HELD_BYTES)
}

/// Waits for the body of a request, as `option http-buffer-request` and `wait-for-body` do.
pub(crate) async fn body(stream: &mut Stream, enough: usize, time: Option<Duration>) -> Result<(), Stop> {
    let Some(progress) = stream.turn.as_ref().map(|turn| Rc::clone(turn.progress())) else { return Ok(()) };
    let reading = progress.read_ahead(enough);
    let read = match time {
        Some(time) => timeout(time, reading).await.map_err(|_| Cause::ClientTimeout),
        None => Ok(reading.await),
    };
    match read {
        Ok(Ok(_)) => {
            stream.ahead = Some(ahead(&progress));
            Ok(())
        }
        Ok(Err(())) if progress.state.get() == UploadState::Malformed => {
            Err(failed(stream, Cause::Proxy, StatusCode::BAD_REQUEST))
        }
        Ok(Err(())) => {
            failed(stream, Cause::Client, StatusCode::BAD_REQUEST);
            // Who broke off takes no answer.
            Err(Stop::Silence)
        }
        Err(cause) => Err(failed(stream, cause, StatusCode::REQUEST_TIMEOUT)),
    }
}

fn ahead(progress: &Progress) -> Ahead {
    Ahead {
        bytes: progress.ahead(),
        complete: progress.is_complete(),
        announced: progress.announced(),
        head: Peeked::Nothing,
    }
}

fn failed(stream: &mut Stream, cause: Cause, status: StatusCode) -> Stop {
    stream.front.frontend.traffic().request_errors.inc();
    stream.end(cause, Stage::Body);
    track::blame(stream, Blame::Client);
    Stop::Error(status)
}
