//! Rules that take their time.

use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{sleep, timeout};

use super::Stop;
use crate::http::upload::{HELD_BYTES, Progress, UploadState};
use crate::stream::{Ahead, Cause, Stage, Stream};

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Nothing but that time passes: `pause`.
    Time(Duration),
    /// So many bytes of the request's body, or all of it: `wait-for-body`.
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
            Self::Body { time, at_least } => {
                let enough = at_least.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok());
                body(stream, enough.unwrap_or(HELD_BYTES), Some(time)).await
            }
        }
    }
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
        Ok(Err(())) => Err(failed(stream, Cause::Client, StatusCode::BAD_REQUEST)),
        Err(cause) => Err(failed(stream, cause, StatusCode::REQUEST_TIMEOUT)),
    }
}

fn ahead(progress: &Progress) -> Ahead {
    Ahead { bytes: progress.ahead(), complete: progress.is_complete(), announced: progress.announced() }
}

fn failed(stream: &mut Stream, cause: Cause, status: StatusCode) -> Stop {
    stream.front.frontend.traffic().request_errors.inc();
    stream.end(cause, Stage::Body);
    Stop::Error(status)
}
