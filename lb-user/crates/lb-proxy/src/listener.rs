//! Listening sockets: bound before anything changes, kept as long as their address stays configured.

use std::fmt;
use std::fs::{File, Permissions};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lb_conf::model::{Bind, BindAddress, BindSocket, Name, SocketFile};
use lb_core::counters::Gauge;
use lb_core::frontend::FrontendState;
use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::display;

/// Connections that the kernel completes before they are accepted; `net.core.somaxconn` caps it.
const BACKLOG: u32 = 4096;

/// How long the kernel waits for the first data with `defer-accept`, in seconds: then it lets the connection be
/// accepted without them.
const DEFER_ACCEPT: i32 = 1;

/// Where network namespaces are found by name (ip-netns(8)).
const NAMESPACES: &str = "/var/run/netns";

/// A bound address with one listening socket for each worker.
///
/// It outlives a reload that keeps the address, so that no connection waiting to be accepted is lost.
#[derive(Debug)]
pub(crate) struct Bound {
    address: BindAddress,
    settings: BindSocket,
    sockets: Vec<Socket>,
    listening: AtomicBool,
    /// Sessions of the address. They hold this and not the sockets, which would listen until the last of them ends.
    pub(crate) sessions: Arc<Gauge>,
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

/// A system call that failed while an address was bound.
pub(crate) type CallError = (&'static str, io::Error);

impl Bound {
    /// Binds an address with a socket for each of `workers`.
    pub(crate) fn bind(bind: &Bind, workers: usize) -> Result<Arc<Self>, CallError> {
        let make = || match &bind.address {
            BindAddress::Inet(addr) => bind_inet(*addr, &bind.socket, workers),
            BindAddress::Unix(path) => bind_unix(path, bind, workers),
            BindAddress::Inherited(number) => {
                let socket = inherited(*number).map_err(|e| ("inherited socket", e))?;
                shared(Socket::from(socket), &bind.socket, workers)
            }
        };
        let sockets = match &bind.socket.namespace {
            None => make()?,
            Some(name) => inside(name, make)?,
        };
        let (address, settings) = (bind.address.clone(), bind.socket.clone());
        let listening = AtomicBool::new(true);
        Ok(Arc::new(Self { address, settings, sockets, listening, sessions: Arc::default() }))
    }

    /// Whether it is what another configuration asks for. The file of a Unix socket is taken away with the socket, which
    /// is therefore kept as it is.
    pub(crate) fn serves(&self, bind: &Bind) -> bool {
        self.address == bind.address
            && (!matches!(self.address, BindAddress::Inet(_)) || self.settings == bind.socket)
    }

    /// The address as the kernel has it, which tells the port where port 0 was asked for.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.sockets.first()?.local_addr().ok()?.as_socket()
    }

    /// Listens while its frontend is open, and refuses connections else. Unix sockets go on listening, since they could
    /// not begin again, inherited ones, since they are others' as well, and those whose port the kernel chose, since it
    /// would choose another one: who connects to one of these waits.
    pub(crate) fn follow(&self, state: FrontendState) {
        let listen = state == FrontendState::Open;
        let can_begin_again = matches!(self.address, BindAddress::Inet(address) if address.port() != 0);
        if !can_begin_again || self.listening.swap(listen, Ordering::Relaxed) == listen {
            return;
        }
        for socket in &self.sockets {
            let done = match listen {
                true => socket.listen(backlog(&self.settings)),
                // The address stays bound. Copies of one socket are shut with the first of them.
                false => socket.shutdown(Shutdown::Read),
            };
            if let Err(e) = done.or_else(unless_shut) {
                log::error!("{}: {e}", display(&self.address));
            }
        }
    }

    /// The socket of a worker, as a descriptor of its own.
    pub(crate) fn socket(&self, worker: usize) -> io::Result<OwnedFd> {
        let socket = self.sockets.get(worker).ok_or(io::ErrorKind::NotFound)?;
        socket.as_fd().try_clone_to_owned()
    }
}

fn unless_shut(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotConnected { Ok(()) } else { Err(error) }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let BindAddress::Unix(path) = &self.address {
            // A path that somebody removed already is as good as removed.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Runs `make` in a thread of its own, which enters the network namespace and never comes back.
fn inside<T: Send>(name: &str, make: impl FnOnce() -> Result<T, CallError> + Send) -> Result<T, CallError> {
    let work = || {
        let namespace = File::open(Path::new(NAMESPACES).join(name)).map_err(|e| ("network namespace", e))?;
        setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|e| ("setns", e.into()))?;
        make()
    };
    let ended = std::thread::scope(|scope| scope.spawn(work).join());
    ended.unwrap_or_else(|_| Err(("network namespace", io::ErrorKind::Other.into())))
}

/// Every worker has a socket of its own, so that accepting takes no shared lock.
fn bind_inet(addr: SocketAddr, settings: &BindSocket, workers: usize) -> Result<Vec<Socket>, CallError> {
    let first = inet_socket(addr, settings)?;
    // With port 0 the others follow the port that the first one got.
    let addr = first.local_addr().ok().and_then(|a| a.as_socket()).unwrap_or(addr);
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(inet_socket(addr, settings)?);
    }
    // All are bound before the first listens: a connection is spread over the sockets that listen when it comes.
    for socket in &sockets {
        socket.listen(backlog(settings)).map_err(|e| ("listen", e))?;
    }
    Ok(sockets)
}

fn inet_socket(addr: SocketAddr, settings: &BindSocket) -> Result<Socket, CallError> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket =
        Socket::new(Domain::for_address(addr), kind, Some(Protocol::TCP)).map_err(|e| ("socket", e))?;
    socket.set_reuse_address(true).map_err(|e| ("setsockopt(SO_REUSEADDR)", e))?;
    socket.set_reuse_port(true).map_err(|e| ("setsockopt(SO_REUSEPORT)", e))?;
    socket.set_tcp_nodelay(true).map_err(|e| ("setsockopt(TCP_NODELAY)", e))?;
    for (call, set) in SETTERS {
        set(&socket, addr, settings).map_err(|e| (*call, e))?;
    }
    socket.bind(&addr.into()).map_err(|e| ("bind", e))?;
    Ok(socket)
}

/// Sets what a bind line asks for.
type Setter = fn(&Socket, SocketAddr, &BindSocket) -> io::Result<()>;

/// What bind lines can ask for.
const SETTERS: &[(&str, Setter)] = &[
    ("setsockopt(IPV6_V6ONLY)", |socket, addr, settings| match settings.v6_only {
        Some(only) if addr.is_ipv6() => socket.set_only_v6(only),
        _ => Ok(()),
    }),
    ("setsockopt(SO_BINDTODEVICE)", |socket, _, settings| match &settings.interface {
        Some(name) => socket.bind_device(Some(name.as_bytes())),
        None => Ok(()),
    }),
    ("setsockopt(IP_TRANSPARENT)", |socket, addr, settings| match (settings.transparent, addr) {
        (false, _) => Ok(()),
        (true, SocketAddr::V4(_)) => socket.set_ip_transparent_v4(true),
        (true, SocketAddr::V6(_)) => set_option(socket, libc::SOL_IPV6, libc::IPV6_TRANSPARENT, 1),
    }),
    ("setsockopt(TCP_DEFER_ACCEPT)", |socket, _, settings| match settings.defer_accept {
        true => set_option(socket, libc::SOL_TCP, libc::TCP_DEFER_ACCEPT, DEFER_ACCEPT),
        false => Ok(()),
    }),
    ("setsockopt(TCP_FASTOPEN)", |socket, _, settings| match settings.fast_open {
        true => set_option(socket, libc::SOL_TCP, libc::TCP_FASTOPEN, backlog(settings)),
        false => Ok(()),
    }),
    ("setsockopt(TCP_MAXSEG)", |socket, _, settings| match settings.mss {
        Some(bytes) if bytes > 0 => socket.set_tcp_mss(bytes.unsigned_abs()),
        Some(less) => socket.set_tcp_mss(socket.tcp_mss()?.saturating_sub(less.unsigned_abs())),
        None => Ok(()),
    }),
    ("setsockopt(TCP_USER_TIMEOUT)", |socket, _, settings| match settings.user_timeout {
        Some(time) => socket.set_tcp_user_timeout(Some(time)),
        None => Ok(()),
    }),
];

/// Sets an option whose value is a number.
fn set_option(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the value outlives the call, and its size is the one that is said.
    let failed = unsafe {
        let size = size_of::<i32>() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size)
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn backlog(settings: &BindSocket) -> i32 {
    i32::try_from(settings.backlog.unwrap_or(BACKLOG)).unwrap_or(i32::MAX)
}

/// A Unix socket cannot be shared by address: the workers share one socket.
fn bind_unix(path: &Path, bind: &Bind, workers: usize) -> Result<Vec<Socket>, CallError> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let first = Socket::new(Domain::UNIX, kind, None).map_err(|e| ("socket", e))?;
    bind_over(&first, path, bind.file)?;
    shared(first, &bind.socket, workers)
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
fn shared(first: Socket, settings: &BindSocket, workers: usize) -> Result<Vec<Socket>, CallError> {
    first.listen(backlog(settings)).map_err(|e| ("listen", e))?;
    let copies: io::Result<Vec<Socket>> = (1..workers).map(|_| first.try_clone()).collect();
    let mut sockets = copies.map_err(|e| ("dup", e))?;
    sockets.push(first);
    Ok(sockets)
}

/// Binds beside the path and renames over it once owner and permissions are right, so that a client never finds the path
/// missing or dead.
fn bind_over(socket: &Socket, path: &Path, file: SocketFile) -> Result<(), CallError> {
    let beside = PathBuf::from(format!("{}.{}.tmp", path.display(), std::process::id()));
    let _ = std::fs::remove_file(&beside);
    let addr = SockAddr::unix(&beside).map_err(|e| ("bind", e))?;
    socket.bind(&addr).map_err(|e| ("bind", e))?;
    chown(&beside, file.uid, file.gid).map_err(|e| ("chown", e))?;
    if let Some(mode) = file.mode {
        std::fs::set_permissions(&beside, Permissions::from_mode(mode)).map_err(|e| ("chmod", e))?;
    }
    std::fs::rename(&beside, path).map_err(|e| ("rename", e))
}
