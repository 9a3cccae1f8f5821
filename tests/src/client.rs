//! Clients: a TCP connection from wherever a test wants it, and HTTP/1 on it.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};

use crate::message::{self, Headers, read_head};
use crate::netns::Netns;
use crate::origin::pattern;
use crate::wait;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct From<'a> {
    /// The namespace; the test's own where absent.
    pub netns: Option<&'a Netns>,
    /// The source address; the kernel's choice where absent.
    pub source: Option<IpAddr>,
}

impl<'a> From<'a> {
    /// From inside a namespace.
    pub fn netns(netns: &'a Netns) -> Self {
        Self { netns: Some(netns), source: None }
    }

    /// With this source address.
    pub fn source(self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self }
    }
}

/// Connects; reads and writes then fail after [`wait::SOON`].
pub fn connect(from: From<'_>, to: SocketAddr) -> Result<TcpStream> {
    connect_within(from, to, wait::SOON)
}

/// Connects; that, and each reading and writing then, fails after `limit`.
pub fn connect_within(from: From<'_>, to: SocketAddr, limit: Duration) -> Result<TcpStream> {
    let connect = || connect_here(from.source, to, limit);
    match from.netns {
        Some(netns) => netns.run(connect)?,
        None => connect(),
    }
}

fn connect_here(source: Option<IpAddr>, to: SocketAddr, limit: Duration) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into()).with_context(|| format!("bind({source})"))?;
    }
    socket.connect_timeout(&to.into(), limit).with_context(|| format!("connect({to})"))?;
    socket.set_read_timeout(Some(limit))?;
    socket.set_write_timeout(Some(limit))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// A response as it was on the wire.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status line.
    pub line: String,
    /// The status.
    pub status: u16,
    /// The header lines.
    pub headers: Headers,
    /// The body, whatever its coding was.
    pub body: Vec<u8>,
}

impl Response {
    /// The name of the origin that answered; empty if none did.
    pub fn origin(&self) -> &str {
        self.headers.get("x-origin").unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An HTTP/1 connection.
#[derive(Debug)]
pub struct Http {
    stream: BufReader<TcpStream>,
}

impl Http {
    /// Connects from the test's own namespace.
    pub fn connect(to: SocketAddr) -> Result<Self> {
        Self::connect_from(From::default(), to)
    }

    /// Connects from somewhere.
    pub fn connect_from(from: From<'_>, to: SocketAddr) -> Result<Self> {
        Ok(Self { stream: BufReader::new(connect(from, to)?) })
    }

    /// The client's own address.
    pub fn local_address(&self) -> Result<SocketAddr> {
        Ok(self.stream.get_ref().local_addr()?)
    }

    /// Requests a path and reads the response. The connection can be used again if both sides agree.
    pub fn get(&mut self, path: &str) -> Result<Response> {
        self.request("GET", path, "", b"")
    }

    /// Sends a request with header lines (each ending with CR LF) and a body, and reads the response.
    pub fn request(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Response> {
        let length =
            if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let mut message =
            format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{headers}{length}\r\n").into_bytes();
        message.extend_from_slice(body);
        self.send(&message)?;
        self.response_to(method)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(bytes).context("sending")
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) -> Result<()> {
        Ok(self.stream.get_mut().shutdown(Shutdown::Write)?)
    }

    /// Reads the next response, which answers a request with `method`; interim responses are passed over.
    pub fn response_to(&mut self, method: &str) -> Result<Response> {
        loop {
            let head = read_head(&mut self.stream).context("reading a response")?;
            let head = head.context("the connection was closed before a response")?;
            let status = head.status()?;
            let body = head.read_response_body(method, &mut self.stream).context("reading a body")?;
            if status == 101 || status >= 200 {
                return Ok(Response { line: head.line, status, headers: head.headers, body });
            }
        }
    }

    /// Reads so many bytes.
    pub fn read_exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what is left until the other side closes.
    pub fn read_to_end(&mut self) -> Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }
}

/// One request on a connection of its own.
pub fn get(from: From<'_>, to: SocketAddr, path: &str) -> Result<Response> {
    Http::connect_from(from, to)?.request("GET", path, "connection: close\r\n", b"")
}

/// One request on a connection of its own, of which no step takes longer than `limit`.
pub fn get_within(from: From<'_>, to: SocketAddr, path: &str, limit: Duration) -> Result<Response> {
    let mut http = Http { stream: BufReader::new(connect_within(from, to, limit)?) };
    http.request("GET", path, "connection: close\r\n", b"")
}

/// How long one of many downloads may get nothing, because all the others are served first.
const SHARE: Duration = Duration::from_secs(60);

/// Reads once; a call that a signal or a stop of the process interrupted is made again.
pub fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Downloads `/bytes/LENGTH` of an HTTP origin and checks every byte as it comes. Returns the origin's name.
pub fn download(from: From<'_>, to: SocketAddr, length: usize) -> Result<String> {
    let mut stream = BufReader::new(connect(from, to)?);
    stream.get_ref().set_read_timeout(Some(SHARE))?;
    let request = format!("GET /bytes/{length} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    let head = read_head(&mut stream)?.context("closed before a response")?;
    let mut expected = pattern(length);
    let mut buffer = vec![0; 64 * 1024];
    while !expected.is_empty() {
        let n = read_some(&mut stream, &mut buffer)
            .with_context(|| format!("{} bytes before the end", expected.len()))?;
        ensure!(n > 0, "closed {} bytes before the end", expected.len());
        let (now, rest) = expected.split_at_checked(n).context("more than was announced")?;
        ensure!(buffer.get(..n) == Some(now), "wrong bytes {} before the end", expected.len());
        expected = rest;
    }
    Ok(head.headers.get("x-origin").unwrap_or_default().to_owned())
}

/// A connection to a TCP origin: the server's name, and an echo.
#[derive(Debug)]
pub struct Echo {
    stream: BufReader<TcpStream>,
    /// The server that this connection leads to.
    pub server: String,
}

impl Echo {
    /// Connects and reads the server's name.
    pub fn connect(from: From<'_>, to: SocketAddr) -> Result<Self> {
        let mut stream = BufReader::new(connect(from, to)?);
        let server = message::read_line(&mut stream).context("reading the server's name")?;
        let server = server.context("closed before the server's name")?;
        Ok(Self { stream, server })
    }

    /// Sends `bytes` and checks that the same come back.
    pub fn check(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(bytes).context("sending to the echo")?;
        let mut back = vec![0; bytes.len()];
        self.stream.read_exact(&mut back).context("reading the echo")?;
        ensure!(back == bytes, "the echo differs from what was sent");
        Ok(())
    }

    /// The client's own address.
    pub fn local_address(&self) -> Result<SocketAddr> {
        Ok(self.stream.get_ref().local_addr()?)
    }
}
