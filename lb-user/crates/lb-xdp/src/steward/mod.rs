//! The steward: the process that owns what of the kernel plane belongs to the kernel.
//!
//! Pins, maps, links and netlink are root's and outside of a chroot. The daemon plans, and the steward does: it is forked
//! before the daemon gives its privileges up, and takes typed, bounded messages from it ([`message::Call`]). The daemon
//! can't name a file or a program to it. A daemon that stays root has one as well: there is one way to do this.
//!
//! A daemon that dies without a word leaves a steward that ends without one, too: what is pinned goes on forwarding.

mod handle;
mod interfaces;
pub(crate) mod message;
mod process;
mod session;

pub(crate) use handle::RemoteStore;
pub use handle::{Gone, Steward};
pub use message::Listed;
pub use process::Line;

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A steward for this folder of pins, and the line that its process or thread is to [serve](Line::serve).
///
/// # Errors
///
/// There are no more file descriptors.
pub fn pair(folder: &Path) -> io::Result<(Steward, Line)> {
    let (our_calls, their_calls) = UnixStream::pair()?;
    let (our_notices, their_notices) = UnixStream::pair()?;
    Ok((Steward::new(our_calls, our_notices, folder), Line::new(their_calls, their_notices, folder)))
}
