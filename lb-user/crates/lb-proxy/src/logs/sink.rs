//! Where log lines end up.

use std::fs::File;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lb_conf::model::{LogAddress, LogFraming};

use super::ring::{Ring, Rings};

/// A receiver. Nothing here waits: a line that is not taken at once is lost, as it is with syslog over UDP anyhow.
#[derive(Debug)]
pub(super) enum Sink {
    Udp(UdpSocket),
    Unix(UnixDatagram, PathBuf),
    File(File),
    Ring(Arc<Ring>),
}

impl Sink {
    /// Opens a receiver.
    pub(super) fn open(address: &LogAddress, rings: &Rings) -> io::Result<Self> {
        match address {
            LogAddress::Udp(addr) => {
                let any: std::net::IpAddr = if addr.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
                let socket = UdpSocket::bind((any, 0))?;
                socket.set_nonblocking(true)?;
                socket.connect(addr)?;
                Ok(Self::Udp(socket))
            }
            LogAddress::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Ok(Self::Unix(socket, path.clone()))
            }
            LogAddress::Fd(fd) => {
                // SAFETY: borrowed for the time of the call only, which fails if nothing is open there.
                let owned: OwnedFd = unsafe { BorrowedFd::borrow_raw(*fd) }.try_clone_to_owned()?;
                Ok(Self::File(File::from(owned)))
            }
            LogAddress::Ring(name) => rings.find(name).map(Self::Ring).ok_or(io::ErrorKind::NotFound.into()),
        }
    }

    /// The envelope that the receiver wants, whatever a `log` line says.
    pub(super) fn framing(&self) -> Option<LogFraming> {
        match self {
            Self::Ring(ring) => Some(ring.config().format),
            _ => None,
        }
    }

    /// Sends lines, each with its line feed.
    pub(super) fn send(&mut self, lines: &[Vec<u8>]) {
        match self {
            Self::Udp(socket) => each(lines, |line| socket.send(line)),
            // By its path each time: the receiver may be started anew.
            Self::Unix(socket, path) => each(lines, |line| socket.send_to(line, &*path)),
            Self::File(file) => each(lines, |line| file.write(line)),
            Self::Ring(ring) => ring.keep(lines),
        }
    }
}

/// Lines that could not be sent.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How many lines could not be sent.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Relaxed)
}

fn each(lines: &[Vec<u8>], mut send: impl FnMut(&[u8]) -> io::Result<usize>) {
    for line in lines {
        // There is nobody to tell that a line of the log was lost: it is counted.
        if send(line).is_err() {
            DROPPED.fetch_add(1, Relaxed);
        }
    }
}
