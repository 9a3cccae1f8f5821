//! What the kernel reports through the `EVENTS` ring buffer.

use crate::address::{Family, Wide};
use crate::counter::Count;
use crate::tcp::TcpState;
use crate::value::{Jiffies, ServerId, ServiceId};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum EventKind {
    /// A flow was opened.
    Opened = 1,
    /// A flow was closed by its ends, or replaced by a new one of the same tuple.
    Closed = 2,
}

/// A flow's opening or closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C, align(8))]
pub struct FlowEvent {
    /// The client's address.
    pub client: Wide,
    /// The service's address.
    pub service_address: Wide,
    /// The address that the balancer sends to the server from.
    pub source: Wide,
    /// The server's address.
    pub server_address: Wide,
    /// Frames towards the server so far.
    pub to_server: Count,
    /// Frames towards the client so far.
    pub to_client: Count,
    /// Ports, in the host's order: the client's,
    pub client_port: u16,
    /// the service's,
    pub service_port: u16,
    /// the one that the balancer sends from,
    pub source_port: u16,
    /// the server's.
    pub server_port: u16,
    /// When the flow was opened.
    pub opened: Jiffies,
    /// When this happened.
    pub now: Jiffies,
    /// The service's number.
    pub service: ServiceId,
    /// The server's number.
    pub server: ServerId,
    /// What happened.
    pub kind: EventKind,
    /// The family of the addresses.
    pub family: Family,
    /// IANA's protocol number.
    pub protocol: u8,
    /// The connection's state before a closing.
    pub state: TcpState,
}

const _: () = assert!(size_of::<FlowEvent>() == 120);

impl FlowEvent {
    /// An event of which nothing is known yet.
    pub const BLANK: Self = Self {
        client: [0; 16],
        service_address: [0; 16],
        source: [0; 16],
        server_address: [0; 16],
        to_server: Count { packets: 0, bytes: 0 },
        to_client: Count { packets: 0, bytes: 0 },
        client_port: 0,
        service_port: 0,
        source_port: 0,
        server_port: 0,
        opened: 0,
        now: 0,
        service: 0,
        server: 0,
        kind: EventKind::Opened,
        family: Family::None,
        protocol: 0,
        state: TcpState::Opening,
    };

    /// Reads an event from the bytes of the ring buffer; none if they are of another size or kind.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let kind_at = core::mem::offset_of!(Self, kind);
        let known = |at: usize, values: &[u8]| bytes.get(at).is_some_and(|byte| values.contains(byte));
        if bytes.len() != size_of::<Self>()
            || !known(kind_at, &[1, 2])
            || !known(core::mem::offset_of!(Self, family), &[0, 4, 6])
            || !known(core::mem::offset_of!(Self, state), &[0, 1, 2, 3, 4, 5])
        {
            return None;
        }
        // SAFETY: the length is right, every enum holds one of its values, and all else may hold any bits.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }
}
