//! What drivers say of themselves (ethtool(8), linux/ethtool.h).

use std::os::fd::AsRawFd as _;

use socket2::{Domain, Socket, Type};

const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GTXCSUM: u32 = 0x16;
const ETHTOOL_GFLAGS: u32 = 0x25;
/// Of [`ETHTOOL_GFLAGS`]: received segments are merged in the device.
const ETH_FLAG_LRO: u32 = 1 << 15;

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    rest: [u8; 160],
}

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// The driver's name. None: it does not say.
pub fn driver(interface: &str) -> Option<String> {
    let mut info = DriverInfo { command: ETHTOOL_GDRVINFO, driver: [0; 32], rest: [0; 160] };
    // SAFETY: the structure is what the command fills in.
    unsafe { ask(interface, &mut info) }?;
    let end = info.driver.iter().position(|&byte| byte == 0).unwrap_or(info.driver.len());
    Some(String::from_utf8_lossy(info.driver.get(..end)?).into_owned())
}

/// Whether the device merges segments that it receives.
pub fn merges_received(interface: &str) -> Option<bool> {
    value(interface, ETHTOOL_GFLAGS).map(|flags| flags & ETH_FLAG_LRO != 0)
}

/// Whether checksums of what is sent are left to the device.
pub fn leaves_checksums(interface: &str) -> Option<bool> {
    value(interface, ETHTOOL_GTXCSUM).map(|on| on != 0)
}

fn value(interface: &str, command: u32) -> Option<u32> {
    let mut value = Value { command, data: 0 };
    // SAFETY: the structure is what the command fills in.
    unsafe { ask(interface, &mut value) }?;
    Some(value.data)
}

/// # Safety
///
/// `question` must be laid out as its command wants it.
unsafe fn ask<T>(interface: &str, question: &mut T) -> Option<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).ok()?;
    // SAFETY: all of it is numbers and pointers that may be zero.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    let room = request.ifr_name.len() - 1;
    if interface.len() > room {
        return None;
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(question).cast();
    // SAFETY: the request names an interface and points to a structure that outlives the call.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &mut request) };
    (answer == 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_says_nothing() {
        assert_eq!(driver("no-such-thing"), None);
        assert_eq!(merges_received("a-name-that-is-much-too-long"), None);
    }
}
