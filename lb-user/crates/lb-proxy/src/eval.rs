//! What expressions see of the daemon, of a connection and of a stream.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use http::request;
use http::response;
use lb_conf::model::{self, User};
use lb_core::{Backend, Frontend, Server, Snapshot, Tick};
use lb_expr::Ctx;
use lb_expr::ctx::{
    CaptureRoom, Connection, ProxyHeader, RequestHead, ResponseHead, ResponseOrigin, TcpInfo, Tls,
};
use lb_expr::hello::Greeting;
use lb_expr::sample::Sample;
use lb_expr::vars::Vars;
use lb_expr::world::{
    BackendId, BackendStat, CaptureOf, Counter, FrontendId, FrontendStat, ServerId, ServerStat, TableId,
    TableStat, UserlistId, World,
};

use crate::checker::random;
use crate::logs::{LocalTime, wall_clock};
use crate::passwords;
use crate::session::{Front, Session};
use crate::stream::{Ahead, Stream};
use crate::tcp::peek::Peeked;
use crate::tls::TlsInfo;
use crate::track::{Counters, Seen, entry_figure};
use crate::worker::Worker;

/// The daemon as a stream sees it: under the configuration that the stream began with.
pub(crate) struct View<'a> {
    snapshot: &'a Snapshot,
    /// None: the checks' thread.
    worker: Option<&'a Worker>,
    seen: Seen<'a>,
}

impl<'a> View<'a> {
    /// The view of a stream.
    pub(crate) fn of(stream: &'a Stream) -> Self {
        let mut view = Self::new(&stream.session, &stream.front);
        view.seen.stream = Some(&stream.tracked);
        view
    }

    /// The view of something that is none of the worker's streams and tracks these counters.
    pub(crate) fn apart(snapshot: &'a Snapshot, worker: &'a Worker, session: &'a Counters) -> Self {
        let seen = Seen { stream: None, session, snapshot, now: worker.tick() };
        Self { snapshot, worker: Some(worker), seen }
    }

    /// The view of a check, which tracks nothing: these counters are empty.
    pub(crate) fn of_check(snapshot: &'a Snapshot, none: &'a Counters, now: Tick) -> Self {
        Self { snapshot, worker: None, seen: Seen { stream: None, session: none, snapshot, now } }
    }

    /// The view of a connection that nothing has come over yet.
    pub(crate) fn new(session: &'a Session, front: &'a Front) -> Self {
        let (snapshot, worker) = (&*front.snapshot, &*session.worker);
        let seen = Seen { stream: None, session: &session.tracked, snapshot, now: worker.tick() };
        Self { snapshot, worker: Some(worker), seen }
    }

    fn front(&self, id: FrontendId) -> Option<&'a Frontend> {
        self.snapshot.frontend(model::FrontendId(id.0)).map(|f| &**f)
    }

    fn back(&self, id: BackendId) -> Option<&'a Backend> {
        self.snapshot.backend(model::BackendId(id.0)).map(|b| &**b)
    }

    fn user(&self, list: UserlistId, name: &[u8]) -> Option<&'a User> {
        let list = self.snapshot.config.userlists.get(list.0 as usize)?;
        list.users.iter().find(|user| user.name.as_bytes() == name)
    }

    fn serv(&self, id: ServerId) -> Option<&'a Server> {
        self.back(id.backend)?.servers.get(id.index as usize).map(|s| &**s)
    }

    /// The context of an evaluation about a connection.
    pub(crate) fn session(&'a self, session: &'a Session, front: &'a Front) -> Ctx<'a> {
        let mut ctx = Ctx::new(self, wall_clock());
        ctx.frontend = Some(FrontendId(front.frontend.config.id.0));
        ctx.client = Some(session);
        ctx.vars.proc = Some(&front.proc_vars);
        ctx.vars.sess = Some(&session.vars);
        ctx.tracked = Some(&self.seen);
        ctx.facts = Some(session);
        ctx
    }

    /// The context of an evaluation about `stream`.
    pub(crate) fn ctx(&'a self, stream: &'a Stream) -> Ctx<'a> {
        let mut ctx = self.session(&stream.session, &stream.front);
        ctx.backend = stream.backend.as_ref().map(|b| BackendId(b.config.id.0));
        ctx.server = stream
            .server
            .as_ref()
            .map(|s| ServerId { backend: BackendId(s.at.backend.0), index: s.at.index });
        ctx.upstream = stream.upstream.as_deref().map(|side| side as &dyn Connection);
        ctx.facts = Some(stream);
        ctx.kept = Some(&stream.kept);
        if stream.src.is_some() || stream.dst.is_some() {
            ctx.client = Some(stream);
        }
        if let Some(ahead) = &stream.ahead {
            ctx.request_data = ahead.buffer();
            match &ahead.head {
                Peeked::Nothing => {}
                Peeked::Unfinished => ctx.request_unfinished = true,
                Peeked::Head(head) => ctx.request = Some(request_head(stream, head)),
            }
        }
        ctx.vars = Vars {
            proc: ctx.vars.proc,
            sess: Some(&stream.session.vars),
            txn: Some(&stream.vars.txn),
            req: Some(&stream.vars.req),
            res: Some(&stream.vars.res),
            check: None,
        };
        ctx
    }

    /// The same with the head of the request.
    pub(crate) fn request(&'a self, stream: &'a Stream, head: &'a request::Parts) -> Ctx<'a> {
        Ctx { request: Some(request_head(stream, head)), ..self.ctx(stream) }
    }

    /// The same with the head of the response; that of the request is gone.
    pub(crate) fn response(&'a self, stream: &'a Stream, head: &'a response::Parts) -> Ctx<'a> {
        let response = ResponseHead {
            status: head.status,
            version: head.version,
            headers: &head.headers,
            origin: ResponseOrigin::Server,
        };
        let response_data = stream.answer_ahead.as_ref().map(Ahead::buffer).unwrap_or_default();
        Ctx { response: Some(response), response_data, on_response: true, ..self.ctx(stream) }
    }
}

fn request_head<'a>(stream: &Stream, head: &'a request::Parts) -> RequestHead<'a> {
    RequestHead {
        method: &head.method,
        uri: &head.uri,
        version: head.version,
        headers: &head.headers,
        first: stream.session.requests.get() <= 1,
    }
}

impl Connection for Session {
    fn src(&self) -> Option<SocketAddr> {
        self.client.get()
    }

    fn dst(&self) -> Option<SocketAddr> {
        self.local.get()
    }

    fn original_src(&self) -> Option<SocketAddr> {
        self.wire.get()[0]
    }

    fn original_dst(&self) -> Option<SocketAddr> {
        self.wire.get()[1]
    }

    fn listener_name(&self) -> Option<&str> {
        self.listener.name.as_deref()
    }

    fn listener_id(&self) -> Option<u32> {
        Some(self.listener.id)
    }

    fn listener_connections(&self) -> Option<u32> {
        u32::try_from(self.endpoint.of_address.get()).ok()
    }

    fn tcp_info(&self) -> Option<TcpInfo> {
        let info = self.socket.get()?.tcp_info()?;
        Some(TcpInfo {
            rtt_us: info.tcpi_rtt,
            rttvar_us: info.tcpi_rttvar,
            unacked: info.tcpi_unacked,
            sacked: info.tcpi_sacked,
            lost: info.tcpi_lost,
            retrans: info.tcpi_retrans,
            fackets: info.tcpi_fackets,
            reordering: info.tcpi_reordering,
        })
    }

    fn http_major(&self) -> Option<u8> {
        let h2 = self.is_h2();
        self.is_http.then_some(if h2 { 2 } else { 1 })
    }

    fn proxy_header(&self) -> Option<ProxyHeader<'_>> {
        let header = self.proxied.get()?;
        Some(ProxyHeader { authority: header.authority.as_deref(), unique_id: header.unique_id.as_deref() })
    }

    fn tls(&self) -> Option<&dyn Tls> {
        self.tls.get().map(|tls| tls as &dyn Tls)
    }
}

/// A connection as rules of its stream have changed it.
impl Connection for Stream {
    fn src(&self) -> Option<SocketAddr> {
        self.client()
    }

    fn dst(&self) -> Option<SocketAddr> {
        self.asked()
    }

    fn original_src(&self) -> Option<SocketAddr> {
        self.session.original_src()
    }

    fn original_dst(&self) -> Option<SocketAddr> {
        self.session.original_dst()
    }

    fn listener_name(&self) -> Option<&str> {
        self.session.listener_name()
    }

    fn listener_id(&self) -> Option<u32> {
        self.session.listener_id()
    }

    fn listener_connections(&self) -> Option<u32> {
        self.session.listener_connections()
    }

    fn http_major(&self) -> Option<u8> {
        self.session.http_major()
    }

    fn error(&self) -> (u32, &str) {
        self.session.error()
    }

    fn proxy_header(&self) -> Option<ProxyHeader<'_>> {
        self.session.proxy_header()
    }

    fn tcp_info(&self) -> Option<TcpInfo> {
        self.session.tcp_info()
    }

    fn tls(&self) -> Option<&dyn Tls> {
        self.session.tls()
    }
}

impl Tls for TlsInfo {
    fn protocol(&self) -> Option<&str> {
        self.protocol()
    }

    fn cipher(&self) -> Option<&str> {
        self.cipher()
    }

    fn key_bits(&self) -> Option<u32> {
        self.key_bits()
    }

    fn sni(&self) -> Option<&str> {
        self.sni()
    }

    fn greeting(&self) -> Option<&Greeting> {
        self.greeting()
    }

    fn alpn(&self) -> Option<&[u8]> {
        self.alpn()
    }

    fn is_resumed(&self) -> Option<bool> {
        Some(self.is_resumed())
    }

    fn has_early_data(&self) -> Option<bool> {
        // Handshakes are over before anything else begins.
        Some(false)
    }

    fn peer_certificate(&self) -> Option<&[u8]> {
        self.peer_chain().first().map(|certificate| &**certificate)
    }

    fn peer_chain(&self) -> Option<Vec<u8>> {
        let chain: Vec<_> = self.peer_chain().iter().map(|certificate| &**certificate).collect();
        (!chain.is_empty()).then(|| chain.concat())
    }

    fn own_certificate(&self) -> Option<&[u8]> {
        self.own_certificate()
    }

    fn certificate_error(&self) -> Option<u32> {
        Some(self.certificate_error())
    }

    fn authority_error(&self) -> Option<(u32, u8)> {
        Some(self.authority_error())
    }

    fn verify_result(&self) -> Option<u32> {
        Some(self.verify_result())
    }
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn millis(timeout: Option<std::time::Duration>) -> i64 {
    timeout.map_or(0, |t| i64::try_from(t.as_millis()).unwrap_or(i64::MAX))
}

/// What is left of a limit. -1: there is none.
fn free(limit: Option<u32>, used: u64) -> i64 {
    limit.map_or(-1, |limit| number(u64::from(limit).saturating_sub(used)))
}

fn backend_free(backend: &Backend) -> i64 {
    let each = backend.servers.iter().map(|s| free(s.maxconn(), s.active()));
    each.fold(0, |sum, n| if sum < 0 || n < 0 { -1 } else { sum + n })
}

impl World for View<'_> {
    fn frontend(&self, id: FrontendId, stat: FrontendStat) -> Option<i64> {
        let frontend = self.front(id)?;
        Some(match stat {
            FrontendStat::Connections => number(frontend.traffic().sessions.get()),
            FrontendStat::RequestRate => i64::from(frontend.traffic().request_rate.get(self.seen.now)),
            FrontendStat::SessionRate => i64::from(frontend.traffic().session_rate.get(self.seen.now)),
            FrontendStat::Id => i64::from(frontend.config.proxy.id.0),
            FrontendStat::ClientTimeout => millis(frontend.config.timeout_client),
        })
    }

    fn frontend_name(&self, id: FrontendId) -> Option<&str> {
        Some(&self.front(id)?.config.proxy.name)
    }

    fn default_backend_name(&self, id: FrontendId) -> Option<&str> {
        let default = self.front(id)?.config.default_backend?;
        Some(&self.snapshot.backend(default)?.config.proxy.name)
    }

    fn backend(&self, id: BackendId, stat: BackendStat) -> Option<i64> {
        let backend = self.back(id)?;
        let usable = backend.usable();
        Some(match stat {
            BackendStat::Connections => number(backend.traffic().sessions.get()),
            BackendStat::ConnectionsFree | BackendStat::Slots => backend_free(backend),
            BackendStat::SessionRate => i64::from(backend.traffic().session_rate.get(self.seen.now)),
            BackendStat::UsableServers => number(usable as u64),
            BackendStat::Queue => number(backend.traffic().waiting.get()),
            BackendStat::AverageQueue => {
                number(backend.traffic().waiting.get().div_ceil(usable.max(1) as u64))
            }
            BackendStat::Id => i64::from(backend.config.proxy.id.0),
            BackendStat::ServerTimeout => millis(backend.config.timeout_server),
            BackendStat::TunnelTimeout => millis(backend.config.timeout_tunnel),
        })
    }

    fn backend_name(&self, id: BackendId) -> Option<&str> {
        Some(&self.back(id)?.config.proxy.name)
    }

    fn backend_named(&self, name: &[u8]) -> Option<BackendId> {
        let name = std::str::from_utf8(name).ok()?;
        Some(BackendId(self.snapshot.backend_named(name)?.config.id.0))
    }

    fn server(&self, id: ServerId, stat: ServerStat) -> Option<i64> {
        let server = self.serv(id)?;
        let state = server.state();
        Some(match stat {
            ServerStat::Connections => number(server.active()),
            ServerStat::ConnectionsFree => free(server.maxconn(), server.active()),
            ServerStat::IsUp => i64::from(state.persistent()),
            ServerStat::Queue => number(server.counters().traffic.waiting.get()),
            ServerStat::SessionRate => i64::from(server.counters().traffic.session_rate.get(self.seen.now)),
            ServerStat::InitialWeight => i64::from(server.config.weight),
            ServerStat::Weight | ServerStat::UserWeight => i64::from(state.weight),
            ServerStat::Id => i64::from(server.config.id),
        })
    }

    fn server_name(&self, id: ServerId) -> Option<&str> {
        Some(&self.serv(id)?.config.name)
    }

    fn server_named(&self, backend: BackendId, name: &[u8]) -> Option<ServerId> {
        let servers = &self.back(backend)?.servers;
        let index = servers.iter().position(|s| s.config.name.as_bytes() == name)?;
        Some(ServerId { backend, index: u32::try_from(index).ok()? })
    }

    fn table(&self, id: TableId, stat: TableStat) -> Option<i64> {
        let used = self.snapshot.tables.get(id.0 as usize)?.used();
        Some(match stat {
            TableStat::Used => number(used.used),
            TableStat::Available => number(used.size.saturating_sub(used.used)),
        })
    }

    fn table_entry(&self, id: TableId, key: &Sample<'_>, what: Counter) -> Option<i64> {
        entry_figure(self.snapshot, id, key, what, self.seen.now)
    }

    fn capture_room(&self, id: FrontendId, of: CaptureOf, slot: usize) -> Option<CaptureRoom> {
        let config = &self.front(id)?.config;
        let slots = match of {
            CaptureOf::Request => &config.request_captures,
            CaptureOf::Response => &config.response_captures,
        };
        Some(CaptureRoom { bytes: slots.get(slot)?.len as usize, slots: slots.len() })
    }

    fn debug(&self, text: &str) {
        log::debug!("{text}");
    }

    fn authenticate(&self, list: UserlistId, user: &[u8], password: &[u8]) -> bool {
        let known = self.user(list, user).and_then(|user| user.password.as_ref());
        known.is_some_and(|known| passwords::is_right(known, password))
    }

    fn in_group(&self, list: UserlistId, user: &[u8], group: &[u8]) -> bool {
        self.user(list, user).is_some_and(|user| user.groups.iter().any(|name| name.as_bytes() == group))
    }

    fn is_local(&self, ip: IpAddr) -> bool {
        // The kernel knows, and tells by whether it lets the address be bound.
        UdpSocket::bind((ip, 0)).is_ok()
    }

    fn utc_offset(&self, at: i64) -> i32 {
        LocalTime::of(u64::try_from(at).unwrap_or(0)).offset
    }

    fn random(&self) -> u64 {
        self.worker.map_or_else(random, Worker::random)
    }

    fn thread(&self) -> u32 {
        self.worker.map_or(0, Worker::index)
    }

    fn stopping(&self) -> bool {
        self.worker.is_some_and(|worker| worker.sessions.is_stopping())
    }
}
