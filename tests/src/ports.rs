//! Free ports on loopback, each given out once.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// First port given out. Below the ephemeral range (32768 on), so that no outgoing connection takes one of them first.
const FIRST: u32 = 10_000;

/// Number of ports to choose from, which ends below the ephemeral range.
const COUNT: u32 = 22_000;

/// A TCP port on which nothing listens, and which no later call in this process returns again until all were used.
///
/// # Panics
/// When none of the range is free.
pub fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that run at the same time start at different places.
    let start = std::process::id().wrapping_mul(127);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("the range ends below 65536");
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
