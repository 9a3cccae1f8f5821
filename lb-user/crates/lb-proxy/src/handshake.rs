//! What a connection goes through before its first byte counts: the PROXY protocol and TLS, where they are configured.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lb_conf::model::ProxyOption;
use lb_core::counters::Traffic;
use lb_expr::hello::{Greeting, Opening};
use tokio::time::timeout;

use crate::logs;
use crate::net::proxy_header::{MOST_BYTES, Parsed, Received, parse};
use crate::net::timer::refresh_now;
use crate::net::{Socket, Transport};
use crate::session::Session;
use crate::tcp::rules::{Outcome, dismiss, on_connection, on_session};
use crate::tls::{Connector, HandshakeError, TlsInfo};

/// Makes a client's socket what its bytes go through. None: the client is not welcome, or no hands can be shaken with
/// it, of which it has been told.
pub(crate) async fn admit(session: &Session, socket: Socket) -> Option<Transport> {
    // A session has one socket.
    let _ = session.socket.set(socket.view());
    let expects = match on_connection(session) {
        outcome @ (Outcome::Reject | Outcome::Vanish) => {
            dismiss(session, outcome, Some(&socket));
            return None;
        }
        outcome => outcome == Outcome::ExpectProxy,
    };
    if expects || session.endpoint.front().accept_proxy {
        // Boxed: few addresses have clients that speak for others.
        if let Err(error) = Box::pin(take_header(session, &socket)).await {
            refused(session, error.words(), error == HeaderError::Empty);
            return None;
        }
    }
    let transport = match with_client(session, socket).await {
        Ok(transport) => transport,
        Err(error) => {
            let nothing = matches!(error, HandshakeError::Closed);
            refused(session, error.words(), nothing);
            return None;
        }
    };
    match on_session(session) {
        outcome @ (Outcome::Reject | Outcome::Vanish) => {
            dismiss(session, outcome, transport.socket());
            None
        }
        _ => Some(transport),
    }
}

/// Why there is no PROXY protocol header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeaderError {
    /// The client closed without a byte.
    Empty,
    /// The client closed in the middle.
    CutShort,
    /// The client sent something else.
    Wrong,
    /// The client was silent for too long.
    Timeout,
}

impl HeaderError {
    /// The words for logs.
    fn words(self) -> &'static str {
        match self {
            Self::Empty => "Connection closed before a PROXY protocol header",
            Self::CutShort => "PROXY protocol header cut short",
            Self::Wrong => "No valid PROXY protocol header",
            Self::Timeout => "Timeout while waiting for a PROXY protocol header",
        }
    }
}

/// Reads the header that begins a connection, and takes the client for who it says.
async fn take_header(session: &Session, socket: &Socket) -> Result<(), HeaderError> {
    let limit = session.endpoint.front().frontend.config.timeout_client;
    let received = match limit {
        Some(limit) => timeout(limit, read_header(socket)).await.unwrap_or(Err(HeaderError::Timeout)),
        None => read_header(socket).await,
    }?;
    if let Some((from, to)) = received.addresses {
        session.client.set(Some(from));
        session.local.set(Some(to));
    }
    // A connection begins with one header.
    let _ = session.proxied.set(received);
    Ok(())
}

/// Reads as many bytes as the header has: what follows is for others.
async fn read_header(socket: &Socket) -> Result<Received, HeaderError> {
    let mut header = Vec::new();
    loop {
        let more = socket.peek_all().await.map_err(|_| HeaderError::CutShort)?;
        if more.is_empty() {
            return Err(if header.is_empty() { HeaderError::Empty } else { HeaderError::CutShort });
        }
        let known = header.len();
        header.extend_from_slice(&more);
        match parse(&header) {
            Parsed::Header(length, received) => {
                socket.consume(length.saturating_sub(known)).await.map_err(|_| HeaderError::CutShort)?;
                return Ok(received);
            }
            Parsed::Incomplete if header.len() < MOST_BYTES => {
                // All of it belongs to the header: it is taken, so that what comes next is seen as new.
                socket.consume(more.len()).await.map_err(|_| HeaderError::CutShort)?;
            }
            Parsed::Incomplete | Parsed::Wrong => return Err(HeaderError::Wrong),
        }
    }
}

async fn with_client(session: &Session, socket: Socket) -> Result<Transport, HandshakeError> {
    let front = session.endpoint.front();
    let Some(acceptor) = &front.acceptor else { return Ok(Transport::Plain(socket)) };
    let limit = front.frontend.config.timeout_client;
    let room = front.snapshot.config.global.tls.capture;
    let handshake = async {
        let greeting = if room > 0 { read_greeting(&socket, room).await } else { None };
        let (stream, info) = acceptor.accept(socket).await?;
        Ok((stream, info.with_greeting(greeting)))
    };
    let shaken = within(limit, handshake).await;
    count(front.frontend.traffic(), shaken.as_ref().ok().map(|(_, info)| info));
    let (stream, info) = shaken?;
    session.handshake.set(refresh_now().saturating_duration_since(session.accepted));
    // A session shakes hands once.
    let _ = session.tls.set(info);
    Ok(Transport::secured(stream.into()))
}

/// Counts a handshake, of which `info` tells if hands were shaken.
pub(crate) fn count(traffic: &Traffic, info: Option<&TlsInfo>) {
    match info {
        None => traffic.tls_failed.inc(),
        Some(info) => {
            traffic.tls_handshakes.inc();
            if info.is_resumed() {
                traffic.tls_resumed.inc();
            }
        }
    }
}

/// The longest record of TLS, with its header (RFC 8446, section 5.1).
const LONGEST_RECORD: usize = 5 + 16_384;

/// Looks at the client's hello, which stays in the socket, and keeps so many bytes of what it lists.
async fn read_greeting(socket: &Socket, room: u32) -> Option<Box<Greeting>> {
    let mut bytes = Vec::with_capacity(LONGEST_RECORD);
    let mut seen = None;
    loop {
        let n = socket.peek(&mut bytes, seen).await.ok()?;
        match Greeting::read(&bytes, room as usize) {
            Opening::Hello(greeting) => return Some(Box::new(greeting)),
            // At the end, or where it is longer than it may be, the handshake itself finds what is wrong.
            Opening::Partial if n > 0 && n < LONGEST_RECORD && seen != Some(n) => seen = Some(n),
            Opening::Partial | Opening::Other => return None,
        }
    }
}

/// Makes a socket that is connected to a server what its bytes go through: `tls` shakes hands, and asks for a name. `ip` is
/// the server's. The caller bounds the time.
pub(crate) async fn with_server(
    tls: Option<(&Connector, Option<&str>)>,
    ip: Option<IpAddr>,
    socket: Socket,
) -> Result<(Transport, Option<TlsInfo>), HandshakeError> {
    let Some((connector, name)) = tls else { return Ok((Transport::Plain(socket), None)) };
    let ip = ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let (stream, info) = connector.connect(socket, name, ip).await?;
    Ok((Transport::secured(stream.into()), Some(info)))
}

/// A client with which no hands could be shaken.
fn refused(session: &Session, words: &'static str, nothing: bool) {
    let front = session.endpoint.front();
    log::debug!("{}: {words}", front.frontend.config.proxy.name);
    // Load balancers in front connect and leave to see whether somebody is here.
    let options = front.frontend.config.proxy.options;
    if !(nothing && options.has(ProxyOption::DontLogNull)) {
        logs::access::refused(session, &front, words);
    }
}

async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, HandshakeError>>,
) -> Result<T, HandshakeError> {
    match limit {
        Some(limit) => timeout(limit, work).await.unwrap_or(Err(HandshakeError::Timeout)),
        None => work.await,
    }
}
