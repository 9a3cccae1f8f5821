//! A deadline that moves with every byte, at the price of one timer per timeout and not one per byte.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

thread_local! {
    static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time at which the current task was polled: exact enough for whatever is measured in milliseconds, and a tenth
/// of the price of asking the clock each time.
pub(crate) fn now() -> Instant {
    NOW.get().unwrap_or_else(refresh_now)
}

/// Asks the clock, at the beginning of whatever a task does.
pub(crate) fn refresh_now() -> Instant {
    let now = Instant::now();
    NOW.set(Some(now));
    now
}

/// A timer whose deadline is moved often and reached seldom.
///
/// A later deadline costs nothing: the timer fires at the old one, sees the new one, and is set again. Only an
/// earlier deadline is set at once.
#[derive(Debug, Default)]
pub(crate) struct LazyTimer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl LazyTimer {
    /// Whether `deadline` is reached; if not, the task is woken when it may be.
    pub(crate) fn poll_reached(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// When a side that was last heard of at `since` has been silent for too long.
pub(crate) fn after(since: Instant, timeout: Option<Duration>) -> Option<Instant> {
    since.checked_add(timeout?)
}
