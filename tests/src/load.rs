//! Connections that are opened all the time while something else happens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::client::Echo;

/// Threads that open connections one after the other.
const OPENERS: usize = 4;

/// Pause of each of them after a connection. Without one they would open thousands in a second, and use up the ports
/// between a balancer and a server while nobody is there to clean up after connections that have ended.
const PAUSE: Duration = Duration::from_millis(4);

/// A connection that was tried.
#[derive(Debug)]
pub struct Attempt {
    /// When it began.
    pub start: Instant,
    /// The name of the server that it led to.
    pub server: Result<String>,
}

/// Calls `open` in several threads until `work` returns, and returns what became of each call.
pub fn during(
    open: impl Fn() -> Result<String> + Sync,
    work: impl FnOnce() -> Result<()>,
) -> Result<Vec<Attempt>> {
    let (stop, attempts) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let opener = || {
        while !stop.load(Ordering::Relaxed) {
            let start = Instant::now();
            let server = open();
            attempts
                .lock()
                .expect("no opener panics while it holds the lock")
                .push(Attempt { start, server });
            thread::sleep(PAUSE);
        }
    };
    thread::scope(|scope| {
        (0..OPENERS).for_each(|_| drop(scope.spawn(opener)));
        let result = work();
        stop.store(true, Ordering::Relaxed);
        result
    })?;
    Ok(attempts.into_inner()?)
}

/// Sends data on all connections for some time; each must bring back what it was sent.
pub fn talk(connections: &mut [Echo], time: Duration) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < time {
        connections.iter_mut().try_for_each(|connection| connection.check(&[3; 2000]))?;
    }
    Ok(())
}
