//! Pipes for splice(2), kept for reuse: making one costs as much as moving a few kilobytes.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;

use super::settings::Settings;

/// Bytes that a pipe holds: larger ones move no more per call on a loaded link, and the kernel counts pages of
/// unprivileged users against a limit.
const PIPE_BYTES: u32 = 256 * 1024;

/// Empty pipes that a worker keeps.
const SPARE_PIPES: usize = 64;

/// Pipes of all workers, and those of them that are spare.
static PIPES: AtomicU64 = AtomicU64::new(0);
static SPARES: AtomicU64 = AtomicU64::new(0);

/// Pipes in use, and spare ones.
pub(crate) fn pipes() -> (u64, u64) {
    let spare = SPARES.load(Relaxed);
    (PIPES.load(Relaxed).saturating_sub(spare), spare)
}

thread_local! {
    static SPARE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A pipe and how much is in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    filled: usize,
}

impl Pipe {
    /// A spare pipe, or a new one.
    pub(crate) fn take() -> io::Result<Self> {
        match SPARE.with_borrow_mut(Vec::pop) {
            Some(pipe) => {
                SPARES.fetch_sub(1, Relaxed);
                Ok(pipe)
            }
            None => Self::new(),
        }
    }

    fn new() -> io::Result<Self> {
        let (read, write) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        // Beyond the user's limit the pipe stays as large as it is by default.
        let _ = fcntl(&write, FcntlArg::F_SETPIPE_SZ(i32::try_from(size()).unwrap_or(i32::MAX)));
        PIPES.fetch_add(1, Relaxed);
        Ok(Self { read, write, filled: 0 })
    }

    /// Gives an empty pipe back; one with bytes of a broken connection in it is closed.
    pub(crate) fn put_back(self) {
        if self.filled == 0 {
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < SPARE_PIPES {
                    SPARES.fetch_add(1, Relaxed);
                    spare.push(self);
                }
            });
        }
    }

    /// Whether all that went in has come out.
    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Moves what `from` has into the pipe; 0 at its end.
    pub(crate) fn fill(&mut self, from: impl AsFd) -> io::Result<usize> {
        let n = splice(from, None, &self.write, None, size(), flags())?;
        self.filled += n;
        Ok(n)
    }

    /// Moves what the pipe holds to `to`.
    pub(crate) fn drain(&mut self, to: impl AsFd) -> io::Result<usize> {
        let n = splice(&self.read, None, to, None, self.filled, flags())?;
        self.filled -= n;
        Ok(n)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        PIPES.fetch_sub(1, Relaxed);
    }
}

/// `tune.pipesize`, or [`PIPE_BYTES`].
fn size() -> usize {
    Settings::current().pipe.unwrap_or(PIPE_BYTES) as usize
}

fn flags() -> SpliceFFlags {
    SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE
}
