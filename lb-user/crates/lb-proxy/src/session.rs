//! A client's connection, from its acceptance to its end.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use lb_conf::model::{Mode, ProxyOption};
use lb_core::counters::Gauge;
use lb_core::event::EndedBy;
use lb_core::host::SessionInfo;
use lb_core::{Backend, Frontend, Server, Snapshot};
use lb_expr::vars::{ProcVars, VarStore};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::http::pages::Pages;
use crate::listener::{BindName, Bound};
use crate::logs::{ProxyLog, wall_clock};
use crate::net::proxy_header::Received;
use crate::net::settings::Wishes;
use crate::net::timer::refresh_now;
use crate::net::{Socket, SocketView};
use crate::places::Place;
use crate::sessions::Open;
use crate::tls::{Acceptor, Site, TlsInfo};
use crate::track::Counters;
use crate::worker::Worker;

/// What a listening address serves at the moment. A reload replaces it whole; who holds one goes on with it.
#[derive(Debug)]
pub(crate) struct Front {
    /// The configuration and the state that belong together.
    pub(crate) snapshot: Arc<Snapshot>,
    /// The frontend of the address.
    pub(crate) frontend: Arc<Frontend>,
    /// Sessions of the address.
    pub(crate) of_address: Arc<Gauge>,
    /// `maxconn` of the address.
    pub(crate) maxconn: Option<u32>,
    /// What the address is called.
    pub(crate) listener: BindName,
    /// Whether clients begin with a PROXY protocol header.
    pub(crate) accept_proxy: bool,
    /// Whether clients speak HTTP/2 without saying so.
    pub(crate) speaks_h2: bool,
    /// What clients of the address shake hands with.
    pub(crate) acceptor: Option<Arc<Acceptor>>,
    /// What hands are shaken with servers with.
    pub(crate) tls: Arc<Site>,
    /// Where its traffic is logged.
    pub(crate) log: ProxyLog,
    /// What it answers to errors.
    pub(crate) pages: Pages,
    /// What backends answer to errors, by their ids.
    pub(crate) backend_pages: Rc<[Pages]>,
    /// Variables of scope `proc`.
    pub(crate) proc_vars: Arc<ProcVars>,
}

impl Front {
    /// What the frontend wants of its clients' connections.
    pub(crate) fn wishes(&self) -> Wishes {
        let config = &self.frontend.config;
        let has = |option| config.proxy.options.has(option);
        Wishes {
            probes: has(ProxyOption::ClientKeepAliveProbes).then_some(config.keep_alive),
            no_linger: has(ProxyOption::NoLinger),
            user_timeout: None,
        }
    }

    /// Where requests go that no rule sends elsewhere.
    pub(crate) fn default_backend(&self) -> Option<&Arc<Backend>> {
        self.snapshot.backend(self.frontend.config.default_backend?)
    }
}

/// A listening address in a worker.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The address itself, unless it is a wildcard.
    address: Option<SocketAddr>,
    /// Its sessions in all workers.
    pub(crate) of_address: Arc<Gauge>,
    front: RefCell<Rc<Front>>,
    closing: Cell<bool>,
}

impl Endpoint {
    /// An address that serves `front`.
    pub(crate) fn new(bound: &Arc<Bound>, front: Front) -> Self {
        let address = bound.local_addr().filter(|address| !address.ip().is_unspecified());
        Self {
            address,
            of_address: Arc::clone(&bound.sessions),
            front: RefCell::new(Rc::new(front)),
            closing: Cell::new(false),
        }
    }

    /// What it serves now.
    pub(crate) fn front(&self) -> Rc<Front> {
        Rc::clone(&self.front.borrow())
    }

    /// From the next request on it serves something else.
    pub(crate) fn replace(&self, front: Front) {
        *self.front.borrow_mut() = Rc::new(front);
    }

    /// Whether connections are to end after what they are doing: the address was given up.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// No more requests after the current ones.
    pub(crate) fn close(&self) {
        self.closing.set(true);
    }
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// The thread that serves it.
    pub(crate) worker: Rc<Worker>,
    /// The address that it came in on.
    pub(crate) endpoint: Rc<Endpoint>,
    /// What the address is called.
    pub(crate) listener: BindName,
    /// Whether it began in HTTP mode.
    pub(crate) is_http: bool,
    /// The client; None on a Unix socket.
    pub(crate) client: Cell<Option<SocketAddr>>,
    /// Where the client connected to; None on a Unix socket.
    pub(crate) local: Cell<Option<SocketAddr>>,
    /// Client and destination as the socket has them, or as `tcp-request connection` rules say: what neither the PROXY
    /// protocol nor later rules change.
    pub(crate) wire: Cell<[Option<SocketAddr>; 2]>,
    /// When it was accepted.
    pub(crate) accepted: Instant,
    /// The same by the wall clock, since 1970.
    pub(crate) accepted_at: Duration,
    /// How long its handshakes took.
    pub(crate) handshake: Cell<Duration>,
    /// Requests so far.
    pub(crate) requests: Cell<u32>,
    /// Stick counters of the connection, which all of its streams see.
    pub(crate) tracked: Counters,
    /// Variables of scope `sess`.
    pub(crate) vars: VarStore,
    /// Where its current request, or its connection, went.
    pub(crate) route: RefCell<Route>,
    /// TLS with the client, once hands are shaken.
    pub(crate) tls: OnceCell<TlsInfo>,
    /// Its socket, once it is admitted.
    pub(crate) socket: OnceCell<SocketView>,
    /// What the PROXY protocol brought, where it was used.
    pub(crate) proxied: OnceCell<Received>,
    open: Open,
    killed: Notify,
    /// Who ended it before its time.
    ended_by: Cell<Option<EndedBy>>,
    _place: Place,
}

/// Where a stream went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    /// The backend, once it is chosen.
    pub(crate) backend: Option<Arc<Backend>>,
    /// The server, once it is chosen.
    pub(crate) server: Option<Arc<Server>>,
}

impl Session {
    /// A session of a connection that was just accepted.
    pub(crate) fn new(
        worker: &Rc<Worker>,
        endpoint: &Rc<Endpoint>,
        place: Place,
        socket: &Accepted,
    ) -> Rc<Self> {
        // The kernel need not be asked where a client of a certain address connected to.
        let local = endpoint.address.or_else(|| socket.socket.local_addr());
        let session = Rc::new(Self {
            worker: Rc::clone(worker),
            endpoint: Rc::clone(endpoint),
            listener: endpoint.front.borrow().listener.clone(),
            is_http: endpoint.front.borrow().frontend.config.proxy.mode == Mode::Http,
            client: Cell::new(socket.client),
            local: Cell::new(local),
            wire: Cell::new([socket.client, local]),
            accepted: refresh_now(),
            accepted_at: wall_clock(),
            handshake: Cell::default(),
            requests: Cell::new(0),
            tracked: Counters::default(),
            vars: VarStore::default(),
            route: RefCell::default(),
            tls: OnceCell::new(),
            socket: OnceCell::new(),
            proxied: OnceCell::new(),
            open: worker.sessions.open(),
            killed: Notify::new(),
            ended_by: Cell::new(None),
            _place: place,
        });
        session.open.list(&session);
        session
    }

    /// Ends it as soon as its task runs.
    pub(crate) fn kill(&self, by: EndedBy) {
        self.ended_by.set(Some(by));
        self.killed.notify_one();
    }

    /// Who ended it so, if somebody did.
    pub(crate) fn ended_by(&self) -> Option<EndedBy> {
        self.ended_by.get()
    }

    /// Its number in its worker.
    pub(crate) fn number(&self) -> u64 {
        self.open.number()
    }

    /// Whether the client speaks HTTP/2.
    pub(crate) fn is_h2(&self) -> bool {
        match self.tls.get().and_then(|tls| tls.alpn()) {
            Some(agreed) => agreed == b"h2",
            None => self.endpoint.front.borrow().speaks_h2,
        }
    }

    /// Serves it to its end, or until it is killed.
    pub(crate) async fn run(self: Rc<Self>, serve: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = self.killed.notified() => {}
            () = serve => {}
        }
    }

    /// Does something to the client's socket, if that is still open.
    pub(crate) fn with_socket(&self, act: impl FnOnce(BorrowedFd<'_>)) {
        if let Some(socket) = self.socket.get() {
            socket.with(act);
        }
    }

    /// Waits until the client has sent its end, or is gone.
    pub(crate) async fn left(&self) {
        match self.socket.get() {
            Some(socket) => socket.left().await,
            None => std::future::pending().await,
        }
    }

    /// What there is to say about it.
    pub(crate) fn info(&self) -> SessionInfo {
        let route = self.route.borrow();
        SessionInfo {
            id: self.worker.session_id(self.open.number()),
            protocol: match self.client.get() {
                None => "unix_stream",
                Some(SocketAddr::V4(_)) => "tcpv4",
                Some(SocketAddr::V6(_)) => "tcpv6",
            },
            source: self.client.get(),
            frontend: self.endpoint.front().frontend.config.proxy.name.to_string(),
            backend: route.backend.as_ref().map(|backend| backend.config.proxy.name.to_string()),
            server: route.server.as_ref().map(|server| server.config.name.to_string()),
            age: self.accepted.elapsed(),
        }
    }

    /// To be called whenever the session's task is polled: the worker wakes it when it is to look at
    /// [`Session::is_ending`] again.
    pub(crate) fn polled(&self, cx: &Context<'_>) {
        refresh_now();
        self.open.polled(cx);
    }

    /// Whether no request is to follow the current one.
    pub(crate) fn is_ending(&self) -> bool {
        self.endpoint.is_closing()
    }
}

/// A connection as it was accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Its socket.
    pub(crate) socket: Socket,
    /// Who opened it; None on a Unix socket.
    pub(crate) client: Option<SocketAddr>,
}
