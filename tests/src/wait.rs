//! Waiting for something to become true, with a limit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a test waits for what should happen at once, on a machine that is busy with other tests.
pub const SOON: Duration = Duration::from_secs(30);

/// Pause between two looks: short enough not to slow tests down, long enough not to take a core away from the daemon.
const POLL: Duration = Duration::from_millis(10);

/// Calls `probe` until it returns true; an error that names `what` after `limit`.
pub fn until(what: &str, limit: Duration, mut probe: impl FnMut() -> bool) -> Result<()> {
    value(what, limit, || probe().then_some(()))
}

/// Calls `probe` until it returns a value; an error that names `what` after `limit`.
pub fn value<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if start.elapsed() > limit {
            bail!("waited {limit:?} for {what}");
        }
        std::thread::sleep(POLL);
    }
}
