//! Settings of sockets that rules and configurations change.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::{Domain, SockRef};

/// The kernel's mark of what a socket sends, for routing and filters. It takes CAP_NET_ADMIN: without it nothing
/// changes, and the debug log says so.
pub(crate) fn set_mark(fd: BorrowedFd<'_>, mark: u32) {
    note("SO_MARK", SockRef::from(&fd).set_mark(mark));
}

/// The type of service of what a socket sends.
pub(crate) fn set_tos(fd: BorrowedFd<'_>, tos: u8) {
    let socket = SockRef::from(&fd);
    if is_v6(&socket) {
        note("IPV6_TCLASS", socket.set_tclass_v6(tos.into()));
    } else {
        note("IP_TOS", socket.set_tos_v4(tos.into()));
    }
}

/// Lets a socket be bound to an address that the host does not have.
///
/// # Errors
/// It takes CAP_NET_ADMIN or CAP_NET_RAW.
pub(crate) fn set_transparent(fd: BorrowedFd<'_>) -> io::Result<()> {
    if is_v6(&SockRef::from(&fd)) {
        set(fd, libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT)
    } else {
        set(fd, libc::IPPROTO_IP, libc::IP_TRANSPARENT)
    }
}

/// Has the port chosen when the socket is connected and not when it is bound.
pub(crate) fn set_bind_address_no_port(fd: BorrowedFd<'_>) {
    note("IP_BIND_ADDRESS_NO_PORT", set(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT));
}

/// Makes closing a socket say nothing to its other end: in repair mode the kernel forgets it without a word. Where
/// that is not permitted, what it says does not get beyond the first router.
pub(crate) fn vanish(fd: BorrowedFd<'_>) {
    if set(fd, libc::IPPROTO_TCP, libc::TCP_REPAIR).is_err() {
        let socket = SockRef::from(&fd);
        let hops = if is_v6(&socket) { socket.set_unicast_hops_v6(1) } else { socket.set_ttl_v4(1) };
        note("IP_TTL", hops);
        note("SO_LINGER", socket.set_linger(Some(std::time::Duration::ZERO)));
    }
}

/// Switches an option on.
fn set(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of_val(&on)).unwrap_or_default();
    // SAFETY: the option takes a number of this size, which lives until the call returns.
    match unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const on).cast(), size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn is_v6(socket: &SockRef<'_>) -> bool {
    socket.domain().is_ok_and(|domain| domain == Domain::IPV6)
}

fn note(name: &str, result: io::Result<()>) {
    if let Err(error) = result {
        log::debug!("setsockopt({name}): {error}");
    }
}
