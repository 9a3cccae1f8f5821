//! What a connection goes through before its first byte counts: TLS, where it is configured.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lb_conf::model::ProxyOption;
use lb_expr::hello::{Greeting, Opening};
use tokio::time::timeout;

use crate::logs;
use crate::net::timer::refresh_now;
use crate::net::{Socket, Transport};
use crate::session::Session;
use crate::tcp::rules::{on_connection, on_session};
use crate::tls::{HandshakeError, TlsInfo, Upstream};

/// Makes a client's socket what its bytes go through. None: the client is not welcome, or no hands can be shaken with
/// it, of which it has been told.
pub(crate) async fn admit(session: &Session, socket: Socket) -> Option<Transport> {
    if !on_connection(session) {
        socket.reset_on_close();
        return None;
    }
    let transport = match with_client(session, socket).await {
        Ok(transport) => transport,
        Err(error) => {
            refused(session, &error);
            return None;
        }
    };
    if !on_session(session) {
        transport.socket().reset_on_close();
        return None;
    }
    Some(transport)
}

async fn with_client(session: &Session, socket: Socket) -> Result<Transport, HandshakeError> {
    // A session has one socket.
    let _ = session.socket.set(socket.view());
    let front = session.endpoint.front();
    let Some(acceptor) = &front.acceptor else { return Ok(Transport::Plain(socket)) };
    let limit = front.frontend.config.timeout_client;
    let room = front.snapshot.config.global.tls.capture;
    let handshake = async {
        let greeting = if room > 0 { read_greeting(&socket, room).await } else { None };
        let (stream, info) = acceptor.accept(socket).await?;
        Ok((stream, info.with_greeting(greeting)))
    };
    let (stream, info) = within(limit, handshake).await?;
    session.handshake.set(refresh_now().saturating_duration_since(session.accepted));
    // A session shakes hands once.
    let _ = session.tls.set(info);
    Ok(Transport::Tls(Box::new(stream.into())))
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

/// Makes a socket that is connected to a server what its bytes go through. `ip` is the server's. The caller bounds the
/// time.
pub(crate) async fn with_server(
    upstream: Option<&Upstream>,
    ip: Option<IpAddr>,
    socket: Socket,
) -> Result<(Transport, Option<TlsInfo>), HandshakeError> {
    let Some(upstream) = upstream else { return Ok((Transport::Plain(socket), None)) };
    let ip = ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let (stream, info) = upstream.connector.connect(socket, upstream.sni.as_deref(), ip).await?;
    Ok((Transport::Tls(Box::new(stream.into())), Some(info)))
}

/// A client with which no hands could be shaken.
fn refused(session: &Session, error: &HandshakeError) {
    let front = session.endpoint.front();
    log::debug!("{}: {}: {error}", front.frontend.config.proxy.name, error.words());
    // Load balancers in front connect and leave to see whether somebody is here.
    let nothing = matches!(error, HandshakeError::Closed);
    let options = front.frontend.config.proxy.options;
    if !(nothing && options.has(ProxyOption::DontLogNull)) {
        logs::access::refused(session, &front, error.words());
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
