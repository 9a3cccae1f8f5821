//! Processes that stay what the daemon was before it gave up its root folder and its user, and do what they are forked
//! for until the daemon is gone.

use anyhow::{Context as _, Result};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{ForkResult, Pid, fork};

/// Signals that are sent to all processes of the program's name, of its control group, or of the terminal, and concern
/// the daemon. A child ends when the daemon does, and not before.
const FOR_THE_DAEMON: [Signal; 5] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];

/// Forks a process for this work, and lets go of `ours` there, the daemon's end of the line to it: with that open, the
/// line would never close. To be called before there are threads or listening sockets, which it would hold open.
///
/// # Errors
/// fork(2) fails.
pub(crate) fn start<T>(ours: T, work: impl FnOnce() -> Result<()>) -> Result<(T, Pid)> {
    // SAFETY: no other thread exists yet, so the child inherits no held lock.
    match unsafe { fork() }.context("fork")? {
        ForkResult::Parent { child } => Ok((ours, child)),
        ForkResult::Child => {
            drop(ours);
            let done = ignore_signals().and_then(|()| work());
            std::process::exit(i32::from(done.is_err()));
        }
    }
}

fn ignore_signals() -> Result<()> {
    for number in FOR_THE_DAEMON {
        // SAFETY: ignoring a signal runs no code.
        unsafe { signal(number, SigHandler::SigIgn) }.context("sigaction")?;
    }
    Ok(())
}
