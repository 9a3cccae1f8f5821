//! From a backend to a connection: a server is chosen, waited for if it is full, and connected to, again if need be.

pub(crate) mod outgoing;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::request;
use lb_conf::model::{Algorithm, Mode, ProxyOption, Redispatch, ServerAddress};
use lb_core::counters::Gauge;
use lb_core::queue::{Line, Priority, QueueFull, Ticket, Turn};
use lb_core::{Backend, Pick, PickInput, Server, ServerLease};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout, timeout_at};

use crate::handshake::{count, with_server};
use crate::http::websocket::wants_websocket;
use crate::net::settings::Wishes;
use crate::net::timer::now;
use crate::net::{Socket, Transport};
use crate::server_side::ServerSide;
use crate::session::Session;
use crate::stream::{Cause, Stage, Stream};

/// The longest pause before a server is tried again; a shorter connect timeout shortens it.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Why there is no connection. The stream knows the termination code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoConnection {
    /// No server is usable.
    NoServer,
    /// None had room within `timeout queue`.
    QueueTimeout,
    /// Every attempt failed.
    Failed,
}

/// `option abortonclose`: does `work` for a client as long as that one is there. None: it left.
pub(crate) async fn while_there<T>(session: &Session, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = session.left() => None,
    }
}

/// Takes a place on a server of the stream's backend, waiting in line if all are full.
pub(crate) async fn take_seat(stream: &mut Stream, backend: &Arc<Backend>) -> Result<(), NoConnection> {
    match pick(stream, backend) {
        Ok(lease) => stream.enter_server(lease),
        Err(None) => return Err(no_server(stream)),
        // Boxed, since hardly any request waits and all of them carry the room for it.
        Err(Some(line)) => Box::pin(wait_in_line(stream, backend, line)).await?,
    }
    stream.times.queued = Some(now());
    Ok(())
}

fn no_server(stream: &mut Stream) -> NoConnection {
    stream.end(Cause::Server, Stage::Connect);
    NoConnection::NoServer
}

async fn wait_in_line(stream: &mut Stream, backend: &Arc<Backend>, line: Line) -> Result<(), NoConnection> {
    stream.stage = Stage::Queue;
    let deadline = queue_timeout(backend).map(|limit| now() + limit);
    let priority = priority(stream);
    let mut line = line;
    loop {
        note_line(stream, backend, &line);
        let waits_for = match &line {
            Line::Server(server) => Some(Arc::clone(server)),
            Line::Backend => None,
        };
        let turn = match (join(backend, line, priority), deadline) {
            (Ok((ticket, turn)), Some(deadline)) => timeout_at(deadline, keeping(ticket, turn)).await.ok(),
            (Ok((ticket, turn)), None) => Some(keeping(ticket, turn).await),
            // Who is bound to a server may be freed of it, and others have nowhere else to go.
            (Err(QueueFull), _) if stream.wanted.is_some() && backend.config.redispatch.is_some() => {
                stream.wanted = None;
                Some(Ok(Turn::ChooseAgain))
            }
            (Err(QueueFull), _) => return Err(no_server(stream)),
        };
        match turn {
            Some(Ok(Turn::Server(lease))) => {
                lease.begin(stream.session.worker.tick());
                stream.enter_server(lease);
                return Ok(());
            }
            None => {
                // All of the time went by in the line.
                stream.times.queued = Some(now());
                stream.end(Cause::ServerTimeout, Stage::Queue);
                return Err(NoConnection::QueueTimeout);
            }
            // The server that it waited for went away.
            Some(Ok(Turn::ChooseAgain) | Err(_)) => {}
        }
        match pick(stream, backend) {
            Ok(lease) => {
                stream.enter_server(lease);
                if let Some(server) = waits_for {
                    note_move(stream, backend, &server);
                }
                return Ok(());
            }
            Err(None) => return Err(no_server(stream)),
            Err(Some(next)) => line = next,
        }
    }
}

/// For the log: the place in line, of which the first is 1.
fn note_line(stream: &mut Stream, backend: &Backend, line: &Line) {
    let count = |waiting: &Gauge| u32::try_from(waiting.get() + 1).unwrap_or(u32::MAX);
    match line {
        Line::Server(server) => stream.queued_behind.server = count(&server.counters().traffic.waiting),
        Line::Backend => stream.queued_behind.backend = count(&backend.traffic().waiting),
    }
}

/// `set-priority-class` and `set-priority-offset`.
fn priority(stream: &Stream) -> Priority {
    let arrival = i64::try_from(stream.session.worker.tick().millis()).unwrap_or(i64::MAX);
    Priority {
        class: stream.kept.priority_class,
        moment: arrival.saturating_add(i64::from(stream.kept.priority_offset)),
    }
}

/// Waits in line.
async fn keeping(ticket: Ticket, turn: oneshot::Receiver<Turn>) -> Result<Turn, oneshot::error::RecvError> {
    let turn = turn.await;
    drop(ticket);
    turn
}

/// Queues up.
fn join(
    backend: &Backend,
    line: Line,
    priority: Priority,
) -> Result<(Ticket, oneshot::Receiver<Turn>), QueueFull> {
    let (sender, receiver) = oneshot::channel();
    // Who gave up in the meantime drops the place, and it goes to the next.
    let call = Box::new(move |turn| drop(sender.send(turn)));
    backend.wait(line, priority, call).map(|ticket| (ticket, receiver))
}

fn queue_timeout(backend: &Backend) -> Option<Duration> {
    backend.config.timeout_queue.or(backend.config.timeout_connect)
}

/// A place, or the line to wait in, or nothing where no server is usable.
fn pick(stream: &Stream, backend: &Backend) -> Result<ServerLease, Option<Line>> {
    // Persistence and `use-server` are stronger than load balancing, as long as the server can be reached.
    if let Some(server) =
        stream.wanted.as_ref().filter(|s| (stream.insists || s.persistent()) && Some(s.id) != stream.failed)
    {
        let lease = server.lease_if_free(stream.session.worker.tick());
        return lease.ok_or_else(|| Some(Line::Server(Arc::clone(server))));
    }
    match backend.pick(&input(stream, backend)) {
        Pick::Server(lease) => Ok(lease),
        Pick::Full(server) => Err(Some(Line::Server(server))),
        Pick::AllFull => Err(Some(Line::Backend)),
        Pick::None => Err(None),
    }
}

fn input<'a>(stream: &'a Stream, backend: &Backend) -> PickInput<'a> {
    let worker = &stream.session.worker;
    let client = stream.client();
    // A connection's lot is the same in the kernel plane; requests of one connection draw anew.
    let lot = client.filter(|_| backend.config.proxy.mode == Mode::Tcp).map(lb_core::lot);
    PickInput {
        now: worker.tick(),
        client: client.map(|addr| addr.ip()),
        key: stream.balance_key.as_deref(),
        random: lot.unwrap_or_else(|| (worker.random() >> 32) as u32),
        avoid: stream.failed,
    }
}

/// Connects to the server whose place the stream has, as often as `retries` allows. `head` is the request's, where
/// there is one.
pub(crate) async fn connect(
    stream: &mut Stream,
    backend: &Arc<Backend>,
    head: Option<&request::Parts>,
) -> Result<Transport, NoConnection> {
    stream.stage = Stage::Connect;
    let limit = backend.config.timeout_connect;
    loop {
        let Some(server) = stream.server.clone() else { return Err(NoConnection::NoServer) };
        server.counters().traffic.connects.inc();
        let error = match within(limit, attempt(stream, &server, head)).await {
            Ok((transport, side)) => {
                stream.upstream = Some(Rc::new(side));
                stream.times.connected = Some(now());
                return Ok(transport);
            }
            Err(error) => error,
        };
        server.counters().traffic.connect_errors.inc();
        if !backend.config.retry_on.failed_connections || !may_try_again(stream, backend) {
            return Err(give_up(stream, backend, &error));
        }
        if try_again(stream, backend, &server).await? {
            continue;
        }
        // A server that refuses answers at once: trying again at once would find it in the same state. One that is
        // silent has taken its time already.
        if error.kind() != io::ErrorKind::TimedOut {
            sleep(limit.map_or(RETRY_PAUSE, |limit| limit.min(RETRY_PAUSE))).await;
        }
    }
}

/// Whether a stream has a retry left.
pub(crate) fn may_try_again(stream: &Stream, backend: &Backend) -> bool {
    stream.retries < stream.max_retries.unwrap_or(backend.config.retries)
}

/// Takes a retry; whether it goes to another server.
pub(crate) async fn try_again(
    stream: &mut Stream,
    backend: &Arc<Backend>,
    failed: &Arc<Server>,
) -> Result<bool, NoConnection> {
    stream.retries += 1;
    backend.traffic().retries.inc();
    failed.counters().traffic.retries.inc();
    Ok(redispatch_is_due(stream, backend) && redispatch(stream, backend, failed).await?)
}

/// Whether this retry goes to another server.
fn redispatch_is_due(stream: &Stream, backend: &Backend) -> bool {
    let (retry, config) = (stream.retries, &backend.config);
    let last = stream.max_retries.unwrap_or(config.retries);
    let due = match config.redispatch {
        None => return false,
        Some(Redispatch::Last) => retry == last,
        Some(Redispatch::Every(n)) => n > 0 && retry.is_multiple_of(n),
        Some(Redispatch::FromLast(n)) => retry + n == last,
    };
    due || nothing_binds(stream, backend)
}

/// Whether the client may as well have any other server, so that waiting for this one would serve nobody.
fn nothing_binds(stream: &Stream, backend: &Backend) -> bool {
    let in_turn = matches!(
        backend.config.algorithm,
        Algorithm::RoundRobin | Algorithm::StaticRr | Algorithm::Random(_)
    );
    in_turn && stream.wanted.is_none() && backend.usable_by_kind().0 > 1
}

/// Gives the place on the failed server up for one on another; whether it is another.
async fn redispatch(
    stream: &mut Stream,
    backend: &Arc<Backend>,
    failed: &Arc<Server>,
) -> Result<bool, NoConnection> {
    stream.seat = None;
    stream.failed = Some(failed.id);
    take_seat(stream, backend).await?;
    stream.stage = Stage::Connect;
    Ok(note_move(stream, backend, failed))
}

/// Takes note of a server that is not the one before; whether it is another.
fn note_move(stream: &mut Stream, backend: &Backend, before: &Server) -> bool {
    let moved = stream.server.as_ref().is_some_and(|server| server.id != before.id);
    if moved {
        stream.redispatched = true;
        backend.traffic().redispatches.inc();
        before.counters().traffic.redispatches.inc();
        if stream.cookie.client == b'V' {
            // The cookie names a server that could not be had.
            stream.cookie.client = b'D';
        }
    }
    moved
}

fn give_up(stream: &mut Stream, backend: &Backend, error: &io::Error) -> NoConnection {
    let timed_out = error.kind() == io::ErrorKind::TimedOut;
    backend.traffic().connect_errors.inc();
    stream.end(if timed_out { Cause::ServerTimeout } else { Cause::Server }, Stage::Connect);
    NoConnection::Failed
}

async fn attempt(
    stream: &Stream,
    server: &Server,
    head: Option<&request::Parts>,
) -> io::Result<(Transport, ServerSide)> {
    let mut socket = open(stream, server).await?;
    socket.wish(&wishes(stream, server));
    outgoing::introduce(stream, server, &mut socket).await?;
    let peer = server.socket_address(stream.asked().map_or(0, |addr| addr.port()));
    let upstream = stream.front.tls.upstream(server.at);
    let name = outgoing::server_name(stream, server, head);
    let tls = upstream.map(|upstream| {
        let switches = head.is_some_and(|head| wants_websocket(&head.headers));
        let connector = if switches { &upstream.websocket } else { &upstream.connector };
        (connector, name.as_deref().or(upstream.sni.as_deref()))
    });
    let secured = with_server(tls, peer.map(|peer| peer.ip()), socket).await;
    if upstream.is_some() {
        let info = secured.as_ref().ok().and_then(|(_, tls)| tls.as_ref());
        let backend = stream.backend.as_ref().map(|backend| backend.traffic());
        backend.into_iter().chain([&server.counters().traffic]).for_each(|traffic| count(traffic, info));
    }
    let (transport, tls) = secured.map_err(io::Error::other)?;
    let side = ServerSide::new(&transport, peer, tls, stream.is_http);
    Ok((transport, side))
}

async fn open(stream: &Stream, server: &Server) -> io::Result<Socket> {
    if let ServerAddress::Unix(path) = &*server.address() {
        return Socket::connect_unix(path).await;
    }
    let port = stream.asked().map_or(0, |addr| addr.port());
    let mut address = server.socket_address(port).ok_or(io::ErrorKind::AddrNotAvailable)?;
    // A server without an address of its own stands for wherever the client wanted to go.
    if let (true, Some(asked)) = (address.ip().is_unspecified(), stream.asked()) {
        address = SocketAddr::new(asked.ip(), address.port());
    }
    let binding = outgoing::binding(stream, server)?;
    Socket::connect_inet(address, &binding).await
}

/// What the backend wants of its connections to servers.
fn wishes(stream: &Stream, server: &Server) -> Wishes {
    let user_timeout = server.config.user_timeout;
    let Some(backend) = &stream.backend else { return Wishes { user_timeout, ..Wishes::default() } };
    let has = |option| backend.config.proxy.options.has(option);
    Wishes {
        probes: has(ProxyOption::ServerKeepAliveProbes).then_some(backend.config.keep_alive),
        no_linger: has(ProxyOption::NoLinger),
        user_timeout,
    }
}

async fn within<T>(limit: Option<Duration>, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match limit {
        Some(limit) => timeout(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        None => work.await,
    }
}
