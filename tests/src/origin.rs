//! Servers to balance: an HTTP/1.1 origin that answers what its path asks for, and a TCP echo that says its name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::client::read_some;
use crate::message::{Headers, read_head};
use crate::netns::Netns;

/// How long a connection may be idle before the origin gives it up, so that no thread outlives its test for long.
const IDLE: Duration = Duration::from_secs(60);

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Number of the connection, from 0 in the order of arrival.
    pub connection: u64,
    /// Where the connection came from.
    pub peer: SocketAddr,
    /// The request line.
    pub line: String,
    /// The header lines.
    pub headers: Headers,
    /// The body, whatever its coding was.
    pub body: Vec<u8>,
}

impl Request {
    /// The second word of the request line.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The first word of the request line.
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }
}

/// What an origin speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http,
    Tcp,
}

/// A running server. Dropping it closes its listener and all its connections.
#[derive(Debug)]
pub struct Origin {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    name: String,
    protocol: Protocol,
    healthy: AtomicBool,
    released: AtomicBool,
    connections: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    listener: Option<TcpListener>,
    open: BTreeMap<u64, TcpStream>,
    requests: Vec<Request>,
    /// Of checks, which are too many to keep them all.
    last_check: Option<Request>,
}

impl Origin {
    /// An HTTP server on a port of loopback. See [`Origin::http_on`].
    pub fn http(name: &str) -> Result<Self> {
        Self::start(Protocol::Http, name, None, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// A TCP server on a port of loopback. See [`Origin::tcp_on`].
    pub fn tcp(name: &str) -> Result<Self> {
        Self::start(Protocol::Tcp, name, None, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// An HTTP server inside a namespace. Each response carries its name in `x-origin`. Paths:
    ///
    /// - `/bytes/N`: a body of N bytes (see [`pattern`]); `/chunked/N`: the same in chunks;
    /// - `/status/CODE`: that status; `/delay/MS`: answers after so many milliseconds; `/close`: no keep-alive;
    /// - `/held`: answers after [`Origin::release`];
    /// - `/echo`: the request's body; `/hangup`: nothing at all; `/short/N`: half of the N bytes that are announced;
    /// - `/health` and `/healthz`: 200, or 503 after [`Origin::set_healthy`];
    /// - `/api/health`: 200 with `{"status":"ok"}`, and after that with `{"status":"failing"}`;
    /// - `/fresh`: its name, for caches to keep; anything else: its name.
    pub fn http_on(name: &str, netns: &Netns, address: SocketAddr) -> Result<Self> {
        Self::start(Protocol::Http, name, Some(netns), address)
    }

    /// A TCP server inside a namespace: sends its name and a line feed, then sends back what arrives.
    pub fn tcp_on(name: &str, netns: &Netns, address: SocketAddr) -> Result<Self> {
        Self::start(Protocol::Tcp, name, Some(netns), address)
    }

    fn start(protocol: Protocol, name: &str, netns: Option<&Netns>, address: SocketAddr) -> Result<Self> {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            protocol,
            healthy: AtomicBool::new(true),
            released: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            state: Mutex::default(),
        });
        let address = listen(&shared, netns, address)?;
        Ok(Self { shared, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What the paths of checks answer from now on.
    pub fn set_healthy(&self, healthy: bool) {
        self.shared.healthy.store(healthy, Ordering::Relaxed);
    }

    /// Lets requests for `/held` be answered, those that wait and those to come.
    pub fn release(&self) {
        self.shared.released.store(true, Ordering::Relaxed);
    }

    /// Refuses new connections; open ones go on.
    pub fn refuse(&self) {
        if let Some(listener) = self.shared.state().listener.take() {
            // Closing alone does not wake a thread that is in accept; shutting down does.
            // SAFETY: shutdown takes a descriptor, which is open as long as `listener` lives.
            unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) };
        }
    }

    /// Dies: refuses new connections and resets the open ones.
    pub fn die(&self) {
        self.refuse();
        self.release();
        for stream in std::mem::take(&mut self.shared.state().open).into_values() {
            // The connection may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Listens again on the same address after [`Origin::refuse`] or [`Origin::die`].
    pub fn revive(&self, netns: Option<&Netns>) -> Result<()> {
        listen(&self.shared, netns, self.address()).map(drop)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.shared.state().open.len()
    }

    /// The requests so far, without those of checks.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// The last request of a check.
    pub fn last_check(&self) -> Option<Request> {
        self.shared.state().last_check.clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.die();
    }
}

impl Shared {
    /// Waits for [`Origin::release`].
    fn hold(&self) {
        let since = Instant::now();
        while !self.released.load(Ordering::Relaxed) && since.elapsed() < IDLE {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest body of `/bytes/N` and `/chunked/N`.
pub const LONGEST: usize = 16 << 20;

/// Bytes after which bodies repeat: no power of two, so that a lost, repeated or moved segment shows.
const PERIOD: u8 = 251;

/// The first `length` bytes of every body that an origin makes; at most [`LONGEST`].
pub fn pattern(length: usize) -> &'static [u8] {
    // Made once: two hundred clients must not need two hundred copies.
    static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let period: Vec<u8> = (0..PERIOD).collect();
        period.repeat(LONGEST / period.len() + 1)
    });
    WHOLE.get(..length).unwrap_or(&WHOLE)
}

fn listen(shared: &Arc<Shared>, netns: Option<&Netns>, address: SocketAddr) -> Result<SocketAddr> {
    let bind = || TcpListener::bind(address).with_context(|| format!("bind({address})"));
    let listener = match netns {
        Some(netns) => netns.run(bind)??,
        None => bind()?,
    };
    let address = listener.local_addr()?;
    shared.state().listener = Some(listener.try_clone()?);
    let shared = Arc::clone(shared);
    thread::spawn(move || accept(&shared, &listener));
    Ok(address)
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    while let Ok((stream, peer)) = listener.accept() {
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        let Ok(copy) = stream.try_clone() else { continue };
        shared.state().open.insert(number, copy);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // An error here is the peer's: it closed, or it was silent for too long. The test sees its side of it.
            let _ = serve(&shared, number, peer, &stream);
            shared.state().open.remove(&number);
        });
    }
}

fn serve(shared: &Shared, number: u64, peer: SocketAddr, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    match shared.protocol {
        Protocol::Tcp => echo(shared, stream),
        Protocol::Http => serve_http(shared, number, peer, stream),
    }
}

fn echo(shared: &Shared, mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(format!("{}\n", shared.name).as_bytes())?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = read_some(&mut stream, &mut buffer)?;
        if n == 0 {
            return stream.shutdown(Shutdown::Write);
        }
        stream.write_all(buffer.get(..n).unwrap_or_default())?;
    }
}

fn serve_http(shared: &Shared, number: u64, peer: SocketAddr, stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let Some(head) = read_head(&mut reader)? else { return Ok(()) };
        if head.headers.has_word("expect", "100-continue") {
            (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = head.read_request_body(&mut reader)?;
        let request = Request { connection: number, peer, line: head.line, headers: head.headers, body };
        match request.target().split('/').nth(1) {
            Some("hangup") => return stream.shutdown(Shutdown::Both),
            Some("short") => return write_half(shared, stream, &request),
            _ => {}
        }
        let reply = answer(shared, &request);
        let close = reply.close || request.headers.has_word("connection", "close");
        match is_check(&request) {
            true => shared.state().last_check = Some(request.clone()),
            false => shared.state().requests.push(request.clone()),
        }
        write_reply(shared, stream, &request, reply)?;
        if close {
            return stream.shutdown(Shutdown::Write);
        }
    }
}

fn is_check(request: &Request) -> bool {
    matches!(request.target(), "/health" | "/healthz" | "/api/health")
}

/// Announces a body and ends in the middle of it.
fn write_half(shared: &Shared, mut stream: &TcpStream, request: &Request) -> io::Result<()> {
    let number = request.target().trim_start_matches("/short/").split('?').next().unwrap_or_default();
    let length: usize = number.parse().unwrap_or(0);
    shared.state().requests.push(request.clone());
    let head =
        format!("HTTP/1.1 200 Origin\r\nx-origin: {}\r\ncontent-length: {length}\r\n\r\n", shared.name);
    stream.write_all(&[head.as_bytes(), pattern(length / 2)].concat())?;
    stream.shutdown(Shutdown::Both)
}

/// What to send back.
struct Reply {
    status: u16,
    body: Cow<'static, [u8]>,
    chunked: bool,
    close: bool,
}

/// `/api/health` tells in its body what the others tell by their status.
fn health(shared: &Shared, path: &str) -> Reply {
    let healthy = shared.healthy.load(Ordering::Relaxed);
    let body: &[u8] = if healthy { br#"{"status":"ok"}"# } else { br#"{"status":"failing"}"# };
    let status = if healthy || path == "/api/health" { 200 } else { 503 };
    Reply { status, body: body.into(), chunked: false, close: false }
}

fn answer(shared: &Shared, request: &Request) -> Reply {
    if is_check(request) {
        return health(shared, request.target());
    }
    let path = request.target().split('?').next().unwrap_or_default();
    let mut parts = path.trim_start_matches('/').split('/');
    let (word, number) = (parts.next(), parts.next().and_then(|n| n.parse::<usize>().ok()));
    let reply = |body: Cow<'static, [u8]>| Reply { status: 200, body, chunked: false, close: false };
    let named = || reply(shared.name.clone().into_bytes().into());
    match (word, number) {
        (Some("bytes"), Some(length)) => reply(pattern(length).into()),
        (Some("chunked"), Some(length)) => Reply { chunked: true, ..reply(pattern(length).into()) },
        (Some("status"), Some(code)) => Reply { status: u16::try_from(code).unwrap_or(500), ..named() },
        (Some("delay"), Some(ms)) => {
            thread::sleep(Duration::from_millis(ms as u64));
            named()
        }
        (Some("held"), _) => {
            shared.hold();
            named()
        }
        (Some("close"), _) => Reply { close: true, ..named() },
        (Some("echo"), _) => reply(request.body.clone().into()),
        _ => named(),
    }
}

fn write_reply(shared: &Shared, mut stream: &TcpStream, request: &Request, reply: Reply) -> io::Result<()> {
    let Reply { status, body, chunked, close } = reply;
    let framing = match (status, chunked) {
        (204 | 304, _) => String::new(),
        (_, true) => "transfer-encoding: chunked\r\n".into(),
        (_, false) => format!("content-length: {}\r\n", body.len()),
    };
    let connection = if close { "connection: close\r\n" } else { "" };
    let cache = if request.target() == "/fresh" { "cache-control: max-age=60\r\n" } else { "" };
    let name = &shared.name;
    let head = format!("HTTP/1.1 {status} Origin\r\nx-origin: {name}\r\n{framing}{connection}{cache}\r\n");
    if request.method() == "HEAD" || matches!(status, 204 | 304) {
        return stream.write_all(head.as_bytes());
    }
    match (chunked, body.len()) {
        (true, _) => stream.write_all(&[head.as_bytes(), &in_chunks(&body)].concat()),
        // In one segment where possible, without a copy where it matters.
        (false, 0..4096) => stream.write_all(&[head.as_bytes(), &body].concat()),
        (false, _) => stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)),
    }
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let chunk = |data: &[u8]| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    let mut coded: Vec<u8> = body.chunks(1000).flat_map(chunk).collect();
    coded.extend_from_slice(b"0\r\n\r\n");
    coded
}
