//! A stream socket, TCP or Unix, registered with the runtime of its worker.
//!
//! One type for both families, with access by shared reference: a relay polls both directions of a socket at once,
//! and splice(2) needs the descriptor beside its readiness.

use std::borrow::Borrow;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Type};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

use super::option;
use super::settings::{Settings, Wishes, set_buffers};

/// A connected stream socket.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: Rc<AsyncFd<socket2::Socket>>,
}

/// A socket as its session sees it: it asks about the connection, and does not keep it open.
#[derive(Clone, Debug)]
pub(crate) struct SocketView(Weak<AsyncFd<socket2::Socket>>);

impl SocketView {
    /// Does something to the socket, if it is still open.
    pub(crate) fn with(&self, act: impl FnOnce(BorrowedFd<'_>)) {
        if let Some(socket) = self.0.upgrade() {
            act(socket.get_ref().as_fd());
        }
    }

    /// Whether the other end has reset the connection, as far as the event loop knows.
    pub(crate) fn is_reset(&self) -> bool {
        let Some(socket) = self.0.upgrade() else { return true };
        // A future that is polled once and dropped takes nobody's place who waits for the socket.
        let error = pin!(socket.ready(Interest::ERROR));
        error.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Waits until the other end has sent its end, or is gone.
    pub(crate) async fn left(&self) {
        let Some(socket) = self.0.upgrade() else { return };
        loop {
            // Of all interests this one wakes for the end and not for data, which somebody else waits for.
            let Ok(mut guard) = socket.ready(Interest::PRIORITY).await else { return };
            if guard.ready().is_read_closed() {
                return;
            }
            guard.clear_ready_matching(Ready::PRIORITY);
        }
    }

    /// What the kernel measured of the connection, if it is one of TCP that is still there.
    pub(crate) fn tcp_info(&self) -> Option<libc::tcp_info> {
        let socket = self.0.upgrade()?;
        // SAFETY: all zeroes is a valid tcp_info.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut len = libc::socklen_t::try_from(size_of_val(&info)).ok()?;
        let (fd, into) = (socket.get_ref().as_raw_fd(), std::ptr::from_mut(&mut info).cast());
        // SAFETY: `into` is valid for writes of `len` bytes, and the socket is open for as long as it is borrowed.
        let result = unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, into, &raw mut len) };
        (result == 0).then_some(info)
    }
}

/// What a connection is bound to before it is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Binding<'a> {
    /// Where it comes from.
    pub(crate) address: Option<SocketAddr>,
    /// The ports that it may come from.
    pub(crate) ports: Option<(u16, u16)>,
    /// Whether the address may be one that the host does not have.
    pub(crate) transparent: bool,
    /// The interface that it leaves by.
    pub(crate) interface: Option<&'a str>,
    /// The kernel's mark.
    pub(crate) mark: Option<u32>,
    /// The type of service.
    pub(crate) tos: Option<u8>,
}

impl Binding<'_> {
    fn apply(&self, socket: &socket2::Socket, to: SocketAddr) -> io::Result<()> {
        self.mark.into_iter().for_each(|mark| option::set_mark(socket.as_fd(), mark));
        self.tos.into_iter().for_each(|tos| option::set_tos(socket.as_fd(), tos));
        if let Some(interface) = self.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        if self.transparent {
            option::set_transparent(socket.as_fd())?;
        }
        let v4 = to.is_ipv4();
        let any = if v4 { Ipv4Addr::UNSPECIFIED.into() } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        match (self.address, self.ports) {
            (None, None) => Ok(()),
            (address, Some(ports)) => bind_within(socket, address.map_or(any, |a| a.ip()), ports),
            (Some(address), None) => {
                if address.port() == 0 {
                    // The kernel chooses the port when it knows where to: the same one serves many connections.
                    option::set_bind_address_no_port(socket.as_fd());
                }
                socket.bind(&address.into())
            }
        }
    }
}

/// Binds to the first free port of a range.
fn bind_within(socket: &socket2::Socket, ip: IpAddr, (first, last): (u16, u16)) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    let mut result = Err(io::ErrorKind::AddrInUse.into());
    for port in first..=last {
        result = socket.bind(&SocketAddr::new(ip, port).into());
        if !result.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse) {
            break;
        }
    }
    result
}

/// Registers a socket with the event loop of the current thread.
pub(crate) fn register<S: Borrow<socket2::Socket> + AsRawFd>(socket: S) -> io::Result<AsyncFd<S>> {
    // SAFETY: the socket owns its descriptor, and nothing here replaces it while it is registered.
    Ok(unsafe { AsyncFd::register(socket) }?)
}

impl Socket {
    /// Registers a non-blocking socket with the current runtime.
    pub(crate) fn new(socket: socket2::Socket) -> io::Result<Self> {
        Ok(Self { fd: Rc::new(register(socket)?) })
    }

    /// Opens a connection over TCP.
    pub(crate) async fn connect_inet(to: SocketAddr, binding: &Binding<'_>) -> io::Result<Self> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = socket2::Socket::new(Domain::for_address(to), kind, Some(Protocol::TCP))?;
        // What the proxy writes is whole messages already.
        socket.set_tcp_nodelay(true)?;
        set_buffers(&socket, Settings::current().server)?;
        binding.apply(&socket, to)?;
        Self::connect(socket, &to.into()).await
    }

    /// Opens a connection to a Unix socket.
    pub(crate) async fn connect_unix(path: &Path) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
        Self::connect(socket, &SockAddr::unix(path)?).await
    }

    async fn connect(socket: socket2::Socket, to: &SockAddr) -> io::Result<Self> {
        match socket.connect(to) {
            Ok(()) => return Self::new(socket),
            Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(e) => return Err(e),
        }
        let socket = Self::new(socket)?;
        socket.fd.writable().await?.retain_ready();
        match socket.fd.get_ref().take_error()? {
            Some(e) => Err(e),
            None => Ok(socket),
        }
    }

    /// A view of it that does not keep it open.
    pub(crate) fn view(&self) -> SocketView {
        SocketView(Rc::downgrade(&self.fd))
    }

    /// Sets what a proxy wishes for. A connection that is gone already finds that out by itself.
    pub(crate) fn wish(&self, wishes: &Wishes) {
        let _ = wishes.apply(self.fd.get_ref());
    }

    /// Our end, if it has a network address.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.fd.get_ref().local_addr().ok()?.as_socket()
    }

    /// What has arrived and was not read, and which stays unread; empty at the end of the stream.
    pub(crate) async fn peek_all(&self) -> io::Result<Vec<u8>> {
        let mut room = [MaybeUninit::uninit(); 1024];
        let n = poll_fn(|cx| self.poll_socket(cx, |fd| fd.peek(&mut room))).await?;
        // SAFETY: recv(2) has just written `n` bytes.
        Ok(room[..n].iter().map(|byte| unsafe { byte.assume_init() }).collect())
    }

    /// Reads `n` bytes that have arrived already, and forgets them.
    pub(crate) async fn consume(&self, n: usize) -> io::Result<()> {
        let mut left = n;
        while left > 0 {
            let mut room = [MaybeUninit::uninit(); 1024];
            let room = &mut room[..left.min(1024)];
            match poll_fn(|cx| self.poll_socket(cx, |fd| fd.recv(room))).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => left -= n,
            }
        }
        Ok(())
    }

    fn poll_socket<T>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            match guard.try_io(|fd| call(fd.get_ref())) {
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    /// Makes closing send a reset instead of waiting for what is unsent.
    pub(crate) fn reset_on_close(&self) {
        // The connection is given up in any case.
        let _ = SockRef::from(self.fd.get_ref()).set_linger(Some(Duration::ZERO));
    }

    /// Sends the end of the stream; a connection that is gone has no need of it.
    pub(crate) fn shutdown_write(&self) {
        let _ = self.fd.get_ref().shutdown(Shutdown::Write);
    }

    /// Receives into `buf`.
    pub(crate) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            match guard.try_io(|fd| fd.get_ref().recv(buf)) {
                Ok(Ok(n)) => {
                    // A short read has emptied the socket: the next bytes or the end make a new event.
                    if n > 0 && n < buf.len() {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(n));
                }
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(e)) => return Poll::Ready(Err(e)),
                Err(_would_block) => {}
            }
        }
    }

    /// Replaces `bytes` by what has been received and stays to be read, as far as they have room: no less than one
    /// byte, and more than `seen` many where that is given, unless no more will come.
    pub(crate) async fn peek(&self, bytes: &mut Vec<u8>, seen: Option<usize>) -> io::Result<usize> {
        loop {
            let mut guard = self.fd.readable().await?;
            bytes.clear();
            let n = match guard.try_io(|fd| fd.get_ref().peek(bytes.spare_capacity_mut())) {
                Ok(result) => result?,
                Err(_would_block) => continue,
            };
            // SAFETY: recv(2) has just written `n` bytes.
            unsafe { bytes.set_len(n) };
            // The end stays ready for good.
            if Some(n) != seen || guard.ready().is_read_closed() {
                return Ok(n);
            }
            // Nothing new has come: the next bytes or the end make a new event.
            guard.clear_ready();
        }
    }

    /// Sends some of `bufs`.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, |fd| match bufs {
            [one] => fd.send(one),
            many => fd.send_vectored(many),
        })
    }

    /// Runs `call` whenever the socket may have something to read, until it does not block.
    pub(crate) fn poll_reading<T>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            match guard.try_io(|fd| call(fd.as_fd())) {
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    /// Runs `call` whenever the socket may take something, until it does not block.
    pub(crate) fn poll_writing<T>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(cx))?;
            match guard.try_io(|fd| call(fd.get_ref())) {
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // SAFETY: recv(2) only writes to the buffer, so nothing that is initialised becomes uninitialised.
        let room = unsafe { buf.unfilled_mut() };
        let n = ready!(self.poll_recv(cx, room))?;
        // SAFETY: recv(2) has just written `n` bytes.
        unsafe { buf.assume_init(n) };
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdown_write();
        Poll::Ready(Ok(()))
    }
}
