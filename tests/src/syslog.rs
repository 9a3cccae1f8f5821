//! A receiver of log lines.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::wait;

/// The longest datagram of UDP.
const MAX_DATAGRAM: usize = 65_536;

/// How often the receiving thread looks whether it is still wanted.
const TICK: Duration = Duration::from_millis(200);

/// A UDP socket on loopback that keeps what arrives.
#[derive(Debug)]
pub struct Syslog {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Syslog {
    /// Starts to receive on a free port.
    pub fn start() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(TICK))?;
        let address = socket.local_addr()?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::downgrade(&lines);
        thread::spawn(move || {
            let mut buffer = vec![0; MAX_DATAGRAM];
            while let Some(lines) = kept.upgrade() {
                // A timeout is the occasion to look whether anybody still wants the lines.
                let Ok(n) = socket.recv(&mut buffer) else { continue };
                let line = String::from_utf8_lossy(buffer.get(..n).unwrap_or_default()).trim_end().to_owned();
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { address, lines })
    }

    /// Where it receives.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a line contains `text`, and returns it.
    pub fn wait_for(&self, text: &str) -> Result<String> {
        wait::value(&format!("{text:?} in the log"), wait::SOON, || {
            self.lines().into_iter().find(|line| line.contains(text))
        })
    }

    /// Waits until no line has come for a while, and returns all.
    pub fn settled(&self) -> Result<Vec<String>> {
        let mut seen = None;
        wait::value("the log to settle", wait::SOON, || {
            let lines = self.lines();
            if seen == Some(lines.len()) {
                return Some(lines);
            }
            seen = Some(lines.len());
            thread::sleep(TICK);
            None
        })
    }
}
