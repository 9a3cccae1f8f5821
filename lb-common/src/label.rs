//! Whose the numbers in the maps are. No program reads it: it is for a daemon that takes over from one that was killed.

use crate::address::Wide;

/// The longest name that fits, in bytes.
pub const NAME_MAX: usize = 120;

/// Value of `LABELS`. Keys are numbers of services, and those of servers with the bit 2^16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Label {
    /// The frontend of a service, the backend of a server; zeros follow.
    pub proxy: [u8; NAME_MAX],
    /// The server; zeros follow.
    pub server: [u8; NAME_MAX],
    /// The server's address.
    pub address: Wide,
    /// The server's port; of a service the port that clients connect to, if it has its number for that alone.
    pub port: u16,
    /// The number of the address's [`crate::address::Family`].
    pub family: u8,
    /// Padding, zero.
    pub reserved: [u8; 5],
}

const _: () = assert!(size_of::<Label>() == 264);

// SAFETY: the structure is `repr(C)` without implicit padding, holds plain numbers, and any bits are valid for them.
#[cfg(feature = "aya")]
unsafe impl aya::Pod for Label {}
