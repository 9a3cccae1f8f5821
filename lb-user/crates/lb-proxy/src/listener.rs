//! Listening sockets: bound before anything changes, kept as long as their address stays configured.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lb_conf::model::{BindAddress, Name};
use lb_core::counters::Gauge;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Connections that the kernel completes before they are accepted; `net.core.somaxconn` caps it.
const BACKLOG: i32 = 4096;

/// A bound address with one listening socket for each worker.
///
/// It outlives a reload that keeps the address, so that no connection waiting to be accepted is lost.
#[derive(Debug)]
pub(crate) struct Bound {
    address: BindAddress,
    sockets: Vec<Socket>,
    /// Connections that are open, over all workers.
    open: Arc<Gauge>,
}

/// What a `bind` line is called.
#[derive(Clone, Debug)]
pub(crate) struct BindName {
    /// `id`
    pub(crate) id: u32,
    /// `name`
    pub(crate) name: Option<Name>,
}

/// For logs: the name, or the number where there is none.
impl fmt::Display for BindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => self.id.fmt(f),
        }
    }
}

/// An open connection of an address. Dropping it says that it is no more.
#[derive(Debug)]
pub(crate) struct Entered(Arc<Gauge>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A system call that failed while an address was bound.
pub(crate) type CallError = (&'static str, io::Error);

impl Bound {
    /// Binds `address` with a socket for each of `workers`.
    pub(crate) fn bind(address: &BindAddress, workers: usize) -> Result<Arc<Self>, CallError> {
        let sockets = match address {
            BindAddress::Inet(addr) => bind_inet(*addr, workers)?,
            BindAddress::Unix(path) => bind_unix(path, workers)?,
            BindAddress::Inherited(number) => {
                let socket = inherited(*number).map_err(|e| ("inherited socket", e))?;
                shared(Socket::from(socket), workers)?
            }
        };
        Ok(Arc::new(Self { address: address.clone(), sockets, open: Arc::default() }))
    }

    /// What was asked for.
    pub(crate) fn address(&self) -> &BindAddress {
        &self.address
    }

    /// Counts a connection.
    pub(crate) fn enter(&self) -> Entered {
        self.open.inc();
        Entered(Arc::clone(&self.open))
    }

    /// Connections that are open.
    pub(crate) fn connections(&self) -> u64 {
        self.open.get()
    }

    /// The address as the kernel has it, which tells the port where port 0 was asked for.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.sockets.first()?.local_addr().ok()?.as_socket()
    }

    /// The socket of a worker, as a descriptor of its own.
    pub(crate) fn socket(&self, worker: usize) -> io::Result<OwnedFd> {
        let socket = self.sockets.get(worker).ok_or(io::ErrorKind::NotFound)?;
        socket.as_fd().try_clone_to_owned()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let BindAddress::Unix(path) = &self.address {
            // A path that somebody removed already is as good as removed.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Every worker has a socket of its own, so that accepting takes no shared lock.
fn bind_inet(addr: SocketAddr, workers: usize) -> Result<Vec<Socket>, CallError> {
    let first = inet_socket(addr)?;
    // With port 0 the others follow the port that the first one got.
    let addr = first.local_addr().ok().and_then(|a| a.as_socket()).unwrap_or(addr);
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(inet_socket(addr)?);
    }
    // All are bound before the first listens: a connection is spread over the sockets that listen when it comes.
    for socket in &sockets {
        socket.listen(BACKLOG).map_err(|e| ("listen", e))?;
    }
    Ok(sockets)
}

fn inet_socket(addr: SocketAddr) -> Result<Socket, CallError> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket =
        Socket::new(Domain::for_address(addr), kind, Some(Protocol::TCP)).map_err(|e| ("socket", e))?;
    socket.set_reuse_address(true).map_err(|e| ("setsockopt(SO_REUSEADDR)", e))?;
    socket.set_reuse_port(true).map_err(|e| ("setsockopt(SO_REUSEPORT)", e))?;
    socket.set_tcp_nodelay(true).map_err(|e| ("setsockopt(TCP_NODELAY)", e))?;
    socket.bind(&addr.into()).map_err(|e| ("bind", e))?;
    Ok(socket)
}

/// A Unix socket cannot be shared by address: the workers share one socket.
fn bind_unix(path: &Path, workers: usize) -> Result<Vec<Socket>, CallError> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let first = Socket::new(Domain::UNIX, kind, None).map_err(|e| ("socket", e))?;
    bind_over(&first, path)?;
    shared(first, workers)
}

/// A copy of a socket that the process was started with, not blocking. The number itself stays open: after a reload
/// that names it again it is as good as before.
///
/// # Errors
/// There is no such descriptor, or it is no socket.
pub fn inherited(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl looks at the number alone; a number that is no descriptor is an error.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor.
    let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(copy) });
    // Fails unless it is a socket.
    socket.r#type()?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// One socket for all workers: those that wait for a connection are woken together, and one of them gets it.
fn shared(first: Socket, workers: usize) -> Result<Vec<Socket>, CallError> {
    first.listen(BACKLOG).map_err(|e| ("listen", e))?;
    let copies: io::Result<Vec<Socket>> = (1..workers).map(|_| first.try_clone()).collect();
    let mut sockets = copies.map_err(|e| ("dup", e))?;
    sockets.push(first);
    Ok(sockets)
}

/// Binds beside the path and renames over it, so that a client never finds the path missing or dead.
fn bind_over(socket: &Socket, path: &Path) -> Result<(), CallError> {
    let beside = PathBuf::from(format!("{}.{}.tmp", path.display(), std::process::id()));
    let _ = std::fs::remove_file(&beside);
    let addr = SockAddr::unix(&beside).map_err(|e| ("bind", e))?;
    socket.bind(&addr).map_err(|e| ("bind", e))?;
    std::fs::rename(&beside, path).map_err(|e| ("rename", e))
}
