//! What the packet path reports, as it comes.

use std::io;

use aya::maps::{MapData, RingBuf};
use lb_common::event::FlowEvent;
use tokio::io::unix::AsyncFd;

/// The reader of the ring buffer.
pub(crate) struct Events(AsyncFd<RingBuf<MapData>>);

impl Events {
    /// Reads this ring buffer. Within a tokio runtime.
    pub(crate) fn new(ring: RingBuf<MapData>) -> io::Result<Self> {
        // SAFETY: the descriptor is the ring's own: open for as long as the ring lives, which nobody takes out again.
        Ok(Self(unsafe { AsyncFd::register(ring) }?))
    }

    /// Waits for the next event. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> io::Result<FlowEvent> {
        loop {
            while let Some(item) = self.0.get_mut().next() {
                // What is no event was written by another program than ours.
                if let Some(event) = FlowEvent::from_bytes(&item) {
                    return Ok(event);
                }
            }
            // An event that came since is seen in the next round: readiness is forgotten before the ring is read.
            self.0.readable_mut().await?.clear_ready();
        }
    }
}
