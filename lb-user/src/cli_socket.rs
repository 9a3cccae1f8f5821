//! The runtime sockets (`stats socket`): they carry lines to [`lb_core::cli`] and its answers back.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use anyhow::{Context as _, Result};
use lb_conf::model::{BindAddress, StatsSocket};
use lb_core::cli::{Output, Session, announces_payload};
use nix::sys::socket::{AddressFamily, Backlog, SockaddrLike as _, SockaddrStorage, getsockname};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::daemon::Daemon;

/// The longest payload: a certificate with a long chain is a tenth of it.
const MAX_PAYLOAD: usize = 256 * 1024;

/// Bytes of one line, as HAProxy's buffers have them (`tune.bufsize`). Payloads come line by line, too.
const MAX_LINE: u64 = 16 * 1024;

/// `stats maxconn` where it is absent.
const DEFAULT_CLIENTS: u32 = 10;

/// The sockets that are listened on.
pub(crate) struct Sockets {
    runtime: Handle,
    // Who executes the commands, and owns this.
    daemon: Weak<Daemon>,
    live: Mutex<Vec<Live>>,
}

struct Live {
    socket: StatsSocket,
    acceptor: AbortHandle,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// A socket that is bound and not served yet.
pub(crate) struct Bound {
    socket: StatsSocket,
    listener: StdListener,
}

enum StdListener {
    Unix(StdUnixListener),
    Inet(StdTcpListener),
}

enum Listener {
    Unix(UnixListener),
    Inet(TcpListener),
}

/// Whether two lines of the configuration mean the same socket.
fn same(a: &StatsSocket, b: &StatsSocket) -> bool {
    StatsSocket { span: b.span, ..a.clone() } == *b
}

impl Sockets {
    /// None yet; connections will be served on `runtime`, by `daemon`.
    pub(crate) fn new(runtime: Handle, daemon: Weak<Daemon>) -> Self {
        Self { runtime, daemon, live: Mutex::default() }
    }

    /// Binds those of `wanted` that are not there yet.
    ///
    /// # Errors
    /// Names the address that can't be bound.
    pub(crate) fn bind(running: Option<&Self>, wanted: &[StatsSocket]) -> Result<Vec<Bound>> {
        let known = |socket: &StatsSocket| {
            running.is_some_and(|sockets| sockets.live.lock().iter().any(|live| same(&live.socket, socket)))
        };
        wanted.iter().filter(|socket| !known(socket)).map(bind).collect()
    }

    /// Serves what was bound, and closes what is no longer `wanted`.
    ///
    /// # Errors
    /// A socket can't be handed to the event loop.
    pub(crate) fn commit(&self, wanted: &[StatsSocket], bound: Vec<Bound>) -> Result<()> {
        let mut live = self.live.lock();
        live.retain(|live| {
            let stays = wanted.iter().any(|socket| same(socket, &live.socket));
            if !stays && !wanted.iter().any(|socket| socket.address == live.socket.address) {
                remove(&live.socket.address);
            }
            stays
        });
        for Bound { socket, listener } in bound {
            let _inside = self.runtime.enter();
            let listener = listener.activate().context("register a runtime socket")?;
            let task = accept(listener, Weak::clone(&self.daemon), socket.clone());
            live.push(Live { socket, acceptor: self.runtime.spawn(task).abort_handle() });
        }
        Ok(())
    }

    /// Closes them all and removes their paths.
    pub(crate) fn close(&self) {
        for live in self.live.lock().drain(..) {
            remove(&live.socket.address);
        }
    }
}

fn remove(address: &BindAddress) {
    if let BindAddress::Unix(path) = address {
        // A path that somebody removed already is as good as removed.
        let _ = std::fs::remove_file(path);
    }
}

impl StdListener {
    fn activate(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Unix(listener) => Listener::Unix(UnixListener::from_std(listener)?),
            Self::Inet(listener) => Listener::Inet(TcpListener::from_std(listener)?),
        })
    }
}

fn bind(socket: &StatsSocket) -> Result<Bound> {
    let listener = match &socket.address {
        BindAddress::Unix(path) => bind_unix(path, socket)
            .map(StdListener::Unix)
            .with_context(|| format!("stats socket {}", path.display()))?,
        BindAddress::Inet(address) => {
            bind_inet(*address).map(StdListener::Inet).with_context(|| format!("stats socket {address}"))?
        }
        BindAddress::Inherited(number) => {
            inherit(*number).with_context(|| format!("stats socket fd@{number}"))?
        }
    };
    Ok(Bound { socket: socket.clone(), listener })
}

fn inherit(number: i32) -> io::Result<StdListener> {
    let socket = lb_proxy::inherited(number)?;
    nix::sys::socket::listen(&socket, Backlog::MAXCONN)?;
    let address = getsockname::<SockaddrStorage>(socket.as_raw_fd())?;
    Ok(match address.family() {
        Some(AddressFamily::Unix) => StdListener::Unix(socket.into()),
        _ => StdListener::Inet(socket.into()),
    })
}

/// Binds beside the path and renames over it once owner and permissions are right: clients find the old socket or the
/// finished new one.
fn bind_unix(path: &Path, socket: &StatsSocket) -> io::Result<StdUnixListener> {
    let beside = PathBuf::from(format!("{}.{}.tmp", path.display(), std::process::id()));
    let _ = std::fs::remove_file(&beside);
    let listener = StdUnixListener::bind(&beside)?;
    listener.set_nonblocking(true)?;
    chown(&beside, socket.file.uid, socket.file.gid)?;
    if let Some(mode) = socket.file.mode {
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(mode))?;
    }
    std::fs::rename(&beside, path)?;
    Ok(listener)
}

fn bind_inet(address: std::net::SocketAddr) -> io::Result<StdTcpListener> {
    let listener = StdTcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn accept(listener: Listener, daemon: Weak<Daemon>, socket: StatsSocket) {
    let Some(daemon) = daemon.upgrade() else { return };
    let clients = daemon.config().global.stats_maxconn.unwrap_or(DEFAULT_CLIENTS);
    let places = Arc::new(Semaphore::new(clients as usize));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let (daemon, session) = (Arc::clone(&daemon), open(&daemon, &socket));
        let accepted = match &listener {
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                tokio::spawn(async move { (talk(stream, daemon, session).await, place) });
            }),
            Listener::Inet(listener) => listener.accept().await.map(|(stream, _)| {
                tokio::spawn(async move { (talk(stream, daemon, session).await, place) });
            }),
        };
        if accepted.is_err() {
            // Out of file descriptors: those that are open will end.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

fn open(daemon: &Daemon, socket: &StatsSocket) -> Session {
    let mut session = Session::new(socket.level);
    session.timeout = daemon.config().global.stats_timeout.unwrap_or(session.timeout);
    session
}

/// Serves one client until it, an error or its silence ends that.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    daemon: Arc<Daemon>,
    mut session: Session,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Ok(line) = timeout(session.timeout, read_line(&mut stream)).await else { return Ok(()) };
        let Some(mut line) = line? else { return Ok(()) };
        if announces_payload(&line) {
            let payload = timeout(session.timeout, read_payload(&mut stream)).await;
            let Ok(payload) = payload else { return Ok(()) };
            line.push_str(&payload?);
        }
        let output;
        (output, session) = execute(line, session, Arc::clone(&daemon)).await?;
        timeout(session.timeout, stream.write_all(output.text.as_bytes()))
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        if output.close {
            return stream.shutdown().await;
        }
    }
}

/// The next line without its end; None at the end of the stream.
async fn read_line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = stream.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    if read == 0 {
        return Ok(None);
    }
    if !line.ends_with(b"\n") && read as u64 == MAX_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Lines up to an empty one, or to the end of the stream.
async fn read_payload(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let mut payload = String::new();
    while let Some(line) = read_line(stream).await?.filter(|line| !line.trim_end().is_empty()) {
        payload.push_str(&line);
        if payload.len() > MAX_PAYLOAD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the payload is too long"));
        }
    }
    Ok(payload)
}

/// Commands may take their time (a reload reads files), so they get a thread.
async fn execute(line: String, mut session: Session, daemon: Arc<Daemon>) -> io::Result<(Output, Session)> {
    tokio::task::spawn_blocking(move || {
        let output = daemon.execute(&line, &mut session);
        (output, session)
    })
    .await
    .map_err(io::Error::other)
}
