//! What the packet path reports, as it comes.

use std::io;

use aya::maps::{MapData, RingBuf};
use lb_common::event::FlowEvent;
use tokio::io::unix::AsyncFd;

/// Events that are given at once: some tens of kilobytes.
const BATCH: usize = 512;

/// The reader of the ring buffer.
pub(crate) struct Events(AsyncFd<RingBuf<MapData>>);

impl Events {
    /// Reads this ring buffer. Within a tokio runtime.
    pub(crate) fn new(ring: RingBuf<MapData>) -> io::Result<Self> {
        // SAFETY: the descriptor is the ring's own: open for as long as the ring lives, which nobody takes out again.
        Ok(Self(unsafe { AsyncFd::register(ring) }?))
    }

    /// Waits for events and gives those that are there, up to a bound. Nothing is lost if the future is dropped.
    pub(crate) async fn next_some(&mut self) -> io::Result<Vec<FlowEvent>> {
        loop {
            let mut events = Vec::new();
            while events.len() < BATCH
                && let Some(item) = self.0.get_mut().next()
            {
                // What is no event was written by another program than ours.
                events.extend(FlowEvent::from_bytes(&item));
            }
            if !events.is_empty() {
                return Ok(events);
            }
            // An event that came since is seen in the next round: readiness is forgotten before the ring is read.
            self.0.readable_mut().await?.clear_ready();
        }
    }
}
