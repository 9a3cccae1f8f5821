//! Tells both ends of a flow that it is over.
//!
//! The kernel plane keeps no sequence numbers, so it could send no reset that an end would believe. Once a flow's entries
//! are gone, the host's stack gets what its ends send and answers with a reset of its own, for it knows of no such
//! connection. An end that is idle sends nothing; it is made to by a segment that it must object to: its answer is an
//! acknowledgement (RFC 9293, section 3.10.7.4), and that is reset.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use lb_common::address::Address;
use lb_common::csum;
use lb_common::key::TCP;
use lb_common::tcp::flag;
use socket2::{Domain, Protocol, Socket, Type};

use crate::flows::Ended;

/// A TCP header without options, in bytes.
const HEADER: usize = 20;

/// Makes both ends of each flow send something.
///
/// # Errors
///
/// A raw socket cannot be had, which only root can. Ends that a segment cannot be sent to are left alone.
pub fn prompt(ended: &[Ended]) -> io::Result<()> {
    let mut sockets = HashMap::new();
    for flow in ended {
        // Of direct return the second is the way of the first's answers: a server that is done away with has nobody to
        // tell it.
        let server = (flow.source, flow.server);
        let server = (server != (flow.client, flow.service)).then_some(server);
        for (from, to) in [(flow.service, flow.client)].into_iter().chain(server) {
            let socket = match sockets.entry(from.ip()) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => entry.insert(raw_socket(from.ip())?),
            };
            let to_host = SocketAddr::new(to.ip(), 0);
            if let Err(e) = socket.send_to(&segment(from, to), &to_host.into()) {
                log::debug!("kernel plane: telling {to} that its connection is over: {e}");
            }
        }
    }
    Ok(())
}

/// A socket that sends TCP segments from an address.
fn raw_socket(from: IpAddr) -> io::Result<Socket> {
    let domain = if from.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::TCP))?;
    // Nobody reads what comes in.
    socket.set_recv_buffer_size(1)?;
    // The address may have gone from the host meanwhile; its flows have not.
    match from {
        IpAddr::V4(_) => socket.set_freebind_v4(true)?,
        IpAddr::V6(_) => socket.set_freebind_v6(true)?,
    }
    socket.bind(&SocketAddr::new(from, 0).into())?;
    Ok(socket)
}

/// An acknowledgement of nothing, out of every window but by a chance of one to some thousands.
fn segment(from: SocketAddr, to: SocketAddr) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[0..2].copy_from_slice(&from.port().to_be_bytes());
    bytes[2..4].copy_from_slice(&to.port().to_be_bytes());
    // The header's length in words of four bytes.
    bytes[12] = (HEADER as u8 / 4) << 4;
    bytes[13] = flag::ACK;
    let checksum = csum::full(&bytes, pseudo_header(from.ip(), to.ip()));
    bytes[16..18].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn pseudo_header(from: IpAddr, to: IpAddr) -> u32 {
    let sum = |ip| match ip {
        IpAddr::V4(v4) => v4.octets().sum(),
        IpAddr::V6(v6) => v6.octets().sum(),
    };
    sum(from) + sum(to) + csum::sum(&[0, TCP, 0, HEADER as u8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_carries_its_ports_and_a_right_checksum() {
        for (from, to) in [("10.0.0.1:80", "10.0.0.9:4000"), ("[fd00::1]:80", "[fd00::9]:4000")] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let bytes = segment(from, to);
            assert_eq!((&bytes[0..4], bytes[13]), (&[0, 80, 0x0f, 0xa0][..], flag::ACK));
            // Over a right checksum, the sum is all ones, so that its complement is nothing.
            assert_eq!(csum::full(&bytes, pseudo_header(from.ip(), to.ip())), 0);
        }
    }
}
