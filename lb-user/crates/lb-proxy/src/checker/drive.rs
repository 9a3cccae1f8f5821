//! The sockets of checks.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use lb_conf::model::{Backend, CheckConnect, ServerAddress, ServerCheck};
use lb_core::Server;
use lb_core::check::{Action, CheckRun, Failure};
use lb_core::server::Aims;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::handshake::with_server;
use crate::net::socket::Binding;
use crate::net::{Socket, Transport};
use crate::tls::Upstream;

/// What one read of an answer takes.
const READ_BYTES: usize = 4096;

/// How long the parts of a check may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    connect: Duration,
    /// For the rest, once connected; None: it counts from the start with the connection.
    answer: Option<Duration>,
}

impl Limits {
    /// With `timeout check`, connecting has the time of `timeout connect` or `inter` and the answer its own; without
    /// it, `inter` is for both together.
    pub(super) fn of(backend: &Backend, server: &Server) -> Self {
        let inter = server.config.check.as_ref().map_or(Duration::from_secs(2), |check| check.inter);
        match backend.timeout_check {
            None => Self::all_within(inter),
            Some(answer) => {
                let connect = backend.timeout_connect.map_or(inter, |limit| limit.min(inter));
                Self { connect, answer: Some(answer) }
            }
        }
    }

    /// Everything within this time.
    pub(super) fn all_within(limit: Duration) -> Self {
        Self { connect: limit, answer: None }
    }
}

/// Whom a check asks.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Inet(SocketAddr),
    Unix(PathBuf),
    /// Its address leads nowhere.
    None,
}

impl Target {
    /// The target of a server's health check: where the configuration says, unless that is the server itself and
    /// its address was changed at run time.
    pub(super) fn of_check(server: &Server, check: &ServerCheck, aims: &Aims) -> Self {
        let address = server.address();
        let own = |address: &ServerAddress| match address {
            ServerAddress::Inet(ip, _) => Some(*ip),
            ServerAddress::Unix(_) => None,
        };
        match (check.target, &*address) {
            (None, ServerAddress::Unix(path)) => Self::Unix(path.clone()),
            (None, ServerAddress::Inet(..)) => Self::None,
            (Some(target), now) if own(&server.config.address) == Some(target.ip()) => {
                Self::Inet(aims.check(SocketAddr::new(own(now).unwrap_or(target.ip()), target.port())))
            }
            (Some(target), _) => Self::Inet(aims.check(target)),
        }
    }

    /// What TLS knows the server by where no name is asked for.
    fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet(addr) => Some(addr.ip()),
            Self::Unix(_) | Self::None => None,
        }
    }

    async fn connect(&self, to: CheckConnect) -> io::Result<Socket> {
        match (self, to.address) {
            (Self::Inet(addr), address) => {
                let (ip, port) = (address.unwrap_or(addr.ip()), to.port.unwrap_or(addr.port()));
                let addr = SocketAddr::new(ip, port);
                Socket::connect_inet(addr, &Binding::default()).await
            }
            (Self::Unix(path), None) => Socket::connect_unix(path).await,
            (Self::Unix(_) | Self::None, Some(ip)) if to.port.is_some() => {
                let addr = SocketAddr::new(ip, to.port.unwrap_or_default());
                Socket::connect_inet(addr, &Binding::default()).await
            }
            (Self::Unix(_) | Self::None, _) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }
}

/// The connection of a check.
struct Line<'t> {
    target: &'t Target,
    tls: Option<&'t Upstream>,
    transport: Option<Transport>,
    /// Whether it is shaking hands.
    securing: bool,
}

/// Runs a check to its end.
pub(super) async fn drive(run: &mut CheckRun, target: &Target, tls: Option<&Upstream>, limits: Limits) {
    let mut deadline = Instant::now() + limits.connect;
    let mut line = Line { target, tls, transport: None, securing: false };
    loop {
        let step = match run.action() {
            Action::Done => break,
            action => timeout_at(deadline, line.perform(run, action)).await,
        };
        match step {
            Ok(Ok(true)) => deadline = limits.answer.map_or(deadline, |answer| Instant::now() + answer),
            Ok(Ok(false)) => {}
            Ok(Err(failure)) => run.failed(failure),
            Err(_elapsed) if line.securing => run.failed(Failure::TlsTimeout),
            Err(_elapsed) => run.failed(Failure::Timeout),
        }
    }
    // A reset spares both ends the waiting states of a connection that nobody uses any more. Some
    // services would count the reset as an error of their client's.
    if let Some(transport) = line.transport.as_ref().filter(|_| !run.lingers()) {
        transport.reset_on_close();
    }
}

impl Line<'_> {
    /// One step; whether it opened a connection.
    async fn perform(&mut self, run: &mut CheckRun, action: Action) -> Result<bool, Failure> {
        match (action, self.transport.as_mut()) {
            (Action::Connect(to), _) => {
                self.open(to).await?;
                run.connected(self.tls.is_some());
                return Ok(true);
            }
            (Action::Send(bytes), Some(transport)) => {
                let sent = write(transport, &bytes).await;
                sent.map_err(|e| Failure::Broken(Failure::text(&e)))?;
                run.sent();
            }
            (Action::Receive, Some(transport)) => {
                let mut buf = [0; READ_BYTES];
                match transport.read(&mut buf).await {
                    Ok(0) => run.closed(),
                    Ok(n) => run.received(buf.get(..n).unwrap_or_default()),
                    Err(e) => return Err(Failure::Broken(Failure::text(&e))),
                }
            }
            (Action::Send(_) | Action::Receive, None) => {
                return Err(Failure::Socket("not connected".to_owned()));
            }
            (Action::Done, _) => {}
        }
        Ok(false)
    }

    async fn open(&mut self, to: CheckConnect) -> Result<(), Failure> {
        let connected = self.target.connect(to).await;
        let socket = connected.map_err(|e| Failure::Connect(Failure::text(&e)))?;
        self.securing = self.tls.is_some();
        let tls = self.tls.map(|tls| (&tls.connector, tls.sni.as_deref()));
        let transport = with_server(tls, self.target.ip(), socket).await;
        self.securing = false;
        let (transport, _) = transport.map_err(|e| Failure::Tls(e.words().to_owned()))?;
        self.transport = Some(transport);
        Ok(())
    }
}

async fn write(transport: &mut Transport, bytes: &[u8]) -> io::Result<()> {
    transport.write_all(bytes).await?;
    transport.flush().await
}
