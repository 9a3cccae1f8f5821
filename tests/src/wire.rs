//! Whole frames, sent and received on a device as they are.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::netns::Netns;
use crate::wait;

/// The longest frame that veth carries with its usual MTU, with room for tags.
const MAX_FRAME: usize = 2048;

/// A packet socket on one device.
#[derive(Debug)]
pub struct Wire {
    fd: OwnedFd,
}

impl Wire {
    /// Opens a device. It receives what the device hands to the stack: behind an XDP program, not before it.
    pub fn open(netns: &Netns, device: &str) -> Result<Self> {
        let name = std::ffi::CString::new(device)?;
        let fd = netns.run(|| -> io::Result<OwnedFd> {
            // SAFETY: `name` is a string that ends with a zero byte and outlives the call.
            let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
            packet_socket(index)
        })?;
        Ok(Self { fd: fd.with_context(|| format!("a packet socket on {device}"))? })
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        // SAFETY: the pointer is valid for reads of the length given.
        let n = unsafe { libc::send(self.fd.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        ensure!(usize::try_from(n) == Ok(frame.len()), "sending a frame: {}", io::Error::last_os_error());
        Ok(())
    }

    /// Sends frames with one system call. Those that the device has no room for are lost, as on any wire.
    pub fn send_all(&self, frames: &[Vec<u8>]) -> Result<()> {
        let mut pieces: Vec<_> = frames
            .iter()
            .map(|frame| libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() })
            .collect();
        let message = |piece: &mut libc::iovec| {
            // SAFETY: all zeroes is a valid message without an address, data or control data.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            message.msg_hdr.msg_iov = piece;
            message.msg_hdr.msg_iovlen = 1;
            message
        };
        let mut messages: Vec<_> = pieces.iter_mut().map(message).collect();
        let mut rest = messages.as_mut_slice();
        while !rest.is_empty() {
            let count = libc::c_uint::try_from(rest.len())?;
            // SAFETY: the messages and all that they point to are valid for reads, and outlive the call.
            let sent = unsafe { libc::sendmmsg(self.fd.as_raw_fd(), rest.as_mut_ptr(), count, 0) };
            let lost = || io::Error::last_os_error().raw_os_error() == Some(libc::ENOBUFS);
            let done = if sent < 0 && lost() { Ok(1) } else { usize::try_from(sent) };
            let done = done.map_err(|_| io::Error::last_os_error()).context("sending frames")?;
            rest = rest.get_mut(done..).unwrap_or_default();
        }
        Ok(())
    }

    /// Waits until exactly this frame arrives.
    pub fn expect(&self, frame: &[u8]) -> Result<()> {
        wait::until("the frame", wait::SOON, || self.receive().is_some_and(|got| got == frame))
    }

    /// Waits for a frame that `wanted` accepts.
    pub fn find(&self, what: &str, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
        wait::value(what, wait::SOON, || self.receive().filter(|frame| wanted(frame)))
    }

    /// Fails if a frame that `unwanted` accepts arrives within `time`.
    pub fn silent(&self, what: &str, time: Duration, unwanted: impl Fn(&[u8]) -> bool) -> Result<()> {
        match wait::value(what, time, || self.receive().filter(|frame| unwanted(frame))) {
            Ok(frame) => bail!("{what} arrived: {frame:02x?}"),
            Err(_) => Ok(()),
        }
    }

    /// The next frame that has arrived, without waiting.
    fn receive(&self) -> Option<Vec<u8>> {
        let mut frame = vec![0; MAX_FRAME];
        // SAFETY: the pointer is valid for writes of the length given.
        let n = unsafe {
            libc::recv(self.fd.as_raw_fd(), frame.as_mut_ptr().cast(), frame.len(), libc::MSG_DONTWAIT)
        };
        frame.truncate(usize::try_from(n).ok()?);
        Some(frame)
    }
}

fn packet_socket(index: u32) -> io::Result<OwnedFd> {
    let protocol = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?.to_be();
    // SAFETY: socket takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol.into()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: all zeroes is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    address.sll_protocol = protocol;
    address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
    // SAFETY: the pointer is valid for reads of the length given.
    if unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&address).cast(), length) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(fd)
}
