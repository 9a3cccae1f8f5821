//! A worker thread: its listeners, its sessions and its idle server connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};

use lb_conf::model::{FrontendId, Mode};
use lb_core::event::{EndedBy, LogEvent};
use lb_core::host::{Host, Process, SessionInfo};
use lb_core::{FlowEnd, Frontend, Runtime, ServerId, Snapshot, Tick};
use lb_expr::vars::ProcVars;
use socket2::{SockAddr, SockAddrStorage};
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;

use crate::clock::Clock;
use crate::http::pages::Pages;
use crate::http::pool::Pool;
use crate::listener::{BindName, Bound};
use crate::logs::{Journal, Rings, flow};
use crate::net::settings::{Settings, set_buffers};
use crate::net::timer::now;
use crate::net::{Socket, register};
use crate::places::Places;
use crate::resolver::Sections;
use crate::session::{Accepted, Endpoint, Front, Session};
use crate::sessions::Sessions;
use crate::tls::{Acceptor, Site};
use crate::{http, tcp};

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The state of the daemon.
    pub(crate) runtime: Arc<Runtime>,
    /// The daemon's clock.
    pub(crate) clock: Clock,
    /// Limits on connections.
    pub(crate) places: Arc<Places>,
    /// The process around, once it has introduced itself.
    pub(crate) host: OnceLock<Weak<dyn Host>>,
    /// What name servers answered.
    pub(crate) resolvers: Sections,
    /// Where log messages wait.
    pub(crate) rings: Rings,
    /// Streams so far: `%rt`.
    pub(crate) streams: AtomicU64,
    /// The machine's name: `%H`.
    pub(crate) hostname: String,
}

impl Shared {
    /// What is known of the process.
    pub(crate) fn process(&self) -> Process {
        let host = self.host.get().and_then(Weak::upgrade);
        host.map(|host| host.process()).unwrap_or_default()
    }
}

/// What a worker is told.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Serve this from now on.
    Serve(Arc<Setup>),
    /// Accept nothing more, and end when the last session has ended.
    SoftStop,
    /// End at once.
    HardStop,
    /// Give up the addresses of this frontend.
    Close(FrontendId),
    /// Write to a proxy's log.
    Log(LogEvent),
    /// Write the line of a session that the kernel plane has served.
    LogFlow(Arc<FlowEnd>),
    /// Tell of the sessions.
    ListSessions(mpsc::UnboundedSender<SessionInfo>),
    /// End the session of this number, and say so if there is one.
    KillSession(u64, mpsc::UnboundedSender<()>),
    /// End the sessions of this server.
    EndSessions(ServerId, EndedBy),
}

/// What is to be served.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Variables of scope `proc`.
    pub(crate) proc_vars: Arc<ProcVars>,
    /// The configuration and its state.
    pub(crate) snapshot: Arc<Snapshot>,
    /// The addresses and whose they are.
    pub(crate) addresses: Vec<Address>,
    /// What hands are shaken with.
    pub(crate) tls: Arc<Site>,
}

/// A listening address.
#[derive(Debug)]
pub(crate) struct Address {
    /// Its sockets.
    pub(crate) bound: Arc<Bound>,
    /// The frontend that it leads to.
    pub(crate) frontend: FrontendId,
    /// `maxconn` of its line.
    pub(crate) maxconn: Option<u32>,
    /// What it is called.
    pub(crate) name: BindName,
    /// `accept-proxy`: clients begin with a PROXY protocol header.
    pub(crate) accept_proxy: bool,
    /// `proto h2`: clients speak HTTP/2 without saying so.
    pub(crate) speaks_h2: bool,
    /// `ssl`: what its clients shake hands with.
    pub(crate) acceptor: Option<Arc<Acceptor>>,
}

/// Room for the worker's number in the number of a session.
const WORKER_BITS: u32 = 12;

/// A worker thread's own state.
#[derive(Debug)]
pub(crate) struct Worker {
    index: usize,
    /// What all workers share.
    pub(crate) shared: Arc<Shared>,
    /// Idle connections to servers.
    pub(crate) pool: Pool,
    /// Sessions that are open.
    pub(crate) sessions: Sessions,
    /// What it logs.
    pub(crate) journal: Journal,
    listeners: RefCell<Vec<Listener>>,
    random: Cell<u64>,
}

/// A listening address and how to stop listening.
#[derive(Debug)]
struct Listener {
    bound: Arc<Bound>,
    endpoint: Rc<Endpoint>,
    stop: Rc<Notify>,
}

/// The main function of a worker thread; returns when it has been stopped and its sessions have ended.
pub(crate) async fn run(index: usize, shared: Arc<Shared>, mut commands: mpsc::UnboundedReceiver<Command>) {
    let worker = Rc::new(Worker {
        index,
        shared,
        pool: Pool::default(),
        sessions: Sessions::default(),
        journal: Journal::default(),
        listeners: RefCell::default(),
        random: Cell::new(seed(index)),
    });
    spawn_local(http::pool::sweep(Rc::downgrade(&worker)));
    while let Some(command) = commands.recv().await {
        match command {
            Command::Serve(setup) => worker.serve(&setup),
            Command::Close(frontend) => worker.close_all_of(frontend),
            Command::SoftStop => worker.soft_stop(),
            Command::HardStop => return,
            // That is for the thread of the checks.
            Command::Log(_) => {}
            Command::LogFlow(flow) => flow::write(&worker, &flow),
            Command::ListSessions(reply) => worker.list_sessions(&reply),
            Command::KillSession(id, reply) => worker.kill_session(id, &reply),
            Command::EndSessions(server, by) => worker.end_sessions(server, by),
        }
        if worker.listeners.borrow().is_empty() && worker.sessions.is_stopping() {
            break;
        }
    }
    let last = async {
        // Sessions can still be listed and ended, and a hard stop may come.
        while let Some(command) = commands.recv().await {
            match command {
                Command::ListSessions(reply) => worker.list_sessions(&reply),
                Command::KillSession(id, reply) => worker.kill_session(id, &reply),
                Command::EndSessions(server, by) => worker.end_sessions(server, by),
                Command::HardStop => return,
                Command::LogFlow(flow) => flow::write(&worker, &flow),
                Command::Serve(_) | Command::SoftStop | Command::Close(_) | Command::Log(_) => {}
            }
        }
    };
    tokio::select! {
        () = worker.sessions.ended() => {}
        () = last => {}
    }
}

/// Different for each worker and each start; nothing secret depends on it.
fn seed(index: usize) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as u64 ^ (index as u64) << 56) | 1
}

impl Worker {
    /// Its number, counted from 0.
    pub(crate) fn index(&self) -> u32 {
        u32::try_from(self.index).unwrap_or(u32::MAX)
    }

    /// The tick of now.
    pub(crate) fn tick(&self) -> Tick {
        self.shared.clock.at(now().into_std())
    }

    /// A random word (xorshift64*, Vigna 2014), good enough to spread load.
    pub(crate) fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Takes another set of addresses: those that stay go on with their sockets, others open or close.
    fn serve(self: &Rc<Self>, setup: &Setup) {
        Settings::install(&setup.snapshot.config.global.tuning);
        let mut old = self.listeners.take();
        let mut new = Vec::with_capacity(setup.addresses.len());
        let backend_pages: Rc<[Pages]> =
            setup.snapshot.backends.iter().map(|b| Pages::new(&b.config.proxy.errors)).collect();
        for address in &setup.addresses {
            let Some(frontend) = setup.snapshot.frontend(address.frontend) else { continue };
            let bound = &address.bound;
            let front = self.front(setup, frontend, address, &backend_pages);
            match old.iter().position(|listener| Arc::ptr_eq(&listener.bound, bound)) {
                Some(at) => {
                    let kept = old.swap_remove(at);
                    kept.endpoint.replace(front);
                    new.push(kept);
                }
                None => new.extend(self.listen(bound, front)),
            }
        }
        *self.listeners.borrow_mut() = new;
        old.into_iter().for_each(|listener| self.close(&listener));
        self.pool.retain_known(&setup.snapshot);
        // Those who wait for room under the old limits look at the new ones.
        self.shared.places.look_again();
    }

    fn front(
        &self,
        setup: &Setup,
        frontend: &Arc<Frontend>,
        address: &Address,
        backend_pages: &Rc<[Pages]>,
    ) -> Front {
        let proxy = &frontend.config.proxy;
        Front {
            snapshot: Arc::clone(&setup.snapshot),
            frontend: Arc::clone(frontend),
            of_address: Arc::clone(&address.bound.sessions),
            maxconn: address.maxconn,
            listener: address.name.clone(),
            accept_proxy: address.accept_proxy,
            speaks_h2: address.speaks_h2,
            acceptor: address.acceptor.clone(),
            tls: Arc::clone(&setup.tls),
            log: self.journal.open(proxy, &setup.snapshot.config.global, &self.shared.rings),
            pages: Pages::new(&proxy.errors),
            backend_pages: Rc::clone(backend_pages),
            proc_vars: Arc::clone(&setup.proc_vars),
        }
    }

    fn listen(self: &Rc<Self>, bound: &Arc<Bound>, front: Front) -> Option<Listener> {
        let socket = match bound.socket(self.index) {
            Ok(socket) => socket,
            Err(e) => {
                log::error!("{}: no socket for worker {}: {e}", front.frontend.config.proxy.name, self.index);
                return None;
            }
        };
        let (endpoint, stop) = (Rc::new(Endpoint::new(bound, front)), Rc::new(Notify::new()));
        spawn_local(accept_until_stopped(Rc::clone(self), socket, Rc::clone(&endpoint), Rc::clone(&stop)));
        Some(Listener { bound: Arc::clone(bound), endpoint, stop })
    }

    fn close(&self, listener: &Listener) {
        listener.endpoint.close();
        listener.stop.notify_one();
        self.sessions.wake_all();
    }

    fn close_all_of(&self, frontend: FrontendId) {
        let is_of = |listener: &mut Listener| listener.endpoint.front().frontend.config.id == frontend;
        let gone: Vec<_> = self.listeners.borrow_mut().extract_if(.., is_of).collect();
        gone.iter().for_each(|listener| self.close(listener));
    }

    /// The daemon-wide number of a session: its number in its worker with the worker's behind it.
    pub(crate) fn session_id(&self, number: u64) -> u64 {
        number << WORKER_BITS | self.index as u64
    }

    fn list_sessions(&self, reply: &mpsc::UnboundedSender<SessionInfo>) {
        for session in self.sessions.all() {
            // Who asked may have gone.
            let _ = reply.send(session.info());
        }
    }

    fn kill_session(&self, id: u64, reply: &mpsc::UnboundedSender<()>) {
        if self.session_id(id >> WORKER_BITS) == id
            && let Some(session) = self.sessions.find(id >> WORKER_BITS)
        {
            session.kill(EndedBy::Operator);
            let _ = reply.send(());
        }
    }

    fn end_sessions(&self, server: ServerId, by: EndedBy) {
        let is_there =
            |session: &Session| session.route.borrow().server.as_ref().is_some_and(|s| s.id == server);
        self.sessions.all().iter().filter(|session| is_there(session)).for_each(|session| session.kill(by));
    }

    fn soft_stop(&self) {
        self.sessions.stop();
        for listener in self.listeners.take() {
            self.close(&listener);
        }
    }
}

async fn accept_until_stopped(worker: Rc<Worker>, socket: OwnedFd, endpoint: Rc<Endpoint>, stop: Rc<Notify>) {
    let socket = Rc::new(socket2::Socket::from(socket));
    tokio::select! {
        () = accept_all(&worker, &socket, &endpoint) => {}
        () = stop.notified() => {}
    }
    // What the kernel has completed for this socket already would be reset with it.
    while let Ok(accepted) = accept_now(&socket) {
        begin(&worker, &endpoint, accepted).await;
    }
}

/// Registers the socket anew after each pause: what ceased to listen is at its end for the event loop, and would seem
/// to be ready for ever.
async fn accept_all(worker: &Rc<Worker>, socket: &Rc<socket2::Socket>, endpoint: &Rc<Endpoint>) {
    loop {
        room(worker, endpoint).await;
        match register(Rc::clone(socket)) {
            Ok(listener) => accept_while_listening(worker, &listener, endpoint).await,
            Err(e) => return log::error!("epoll of a listening socket: {e}"),
        }
        // A frontend is enabled a moment before its sockets listen again.
        tokio::time::sleep(SHUT_PAUSE).await;
    }
}

/// How long a socket that does not listen is left alone.
const SHUT_PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

async fn accept_while_listening(worker: &Rc<Worker>, listener: &Listening, endpoint: &Rc<Endpoint>) {
    loop {
        room(worker, endpoint).await;
        match accept(listener).await {
            Ok(accepted) => begin(worker, endpoint, accepted).await,
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => return,
            Err(e) => pause_after(&e).await,
        }
    }
}

async fn room(worker: &Worker, endpoint: &Endpoint) {
    worker.shared.places.room(|| endpoint.front(), || worker.shared.clock.now()).await;
}

/// A listening socket that is registered with the event loop.
type Listening = AsyncFd<Rc<socket2::Socket>>;

/// Accepts a connection. EINVAL: the socket has ceased to listen since it was registered, though it may listen again.
async fn accept(listener: &Listening) -> io::Result<Accepted> {
    loop {
        let mut guard = listener.readable().await?;
        let ceased = guard.ready().is_read_closed();
        match guard.try_io(|fd| accept_now(fd.get_ref())) {
            Ok(result) => return result,
            // It would be ready for ever, without a connection to accept.
            Err(_) if ceased => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
            Err(_) => {}
        }
    }
}

fn accept_now(listener: &socket2::Socket) -> io::Result<Accepted> {
    let (socket, client) = accept4(listener)?;
    set_buffers(&socket, Settings::current().client)?;
    Ok(Accepted { socket: Socket::new(socket)?, client: client.as_socket() })
}

/// One system call where the safe wrappers need three or more: the address and both flags come with it.
fn accept4(listener: &socket2::Socket) -> io::Result<(socket2::Socket, SockAddr)> {
    let accept = |storage: *mut SockAddrStorage, len: *mut libc::socklen_t| {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: `storage` points to as many bytes as `len` says.
        match unsafe { libc::accept4(listener.as_raw_fd(), storage.cast(), len, flags) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: the call succeeded, so that this is an open descriptor that nobody else owns.
            fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        }
    };
    // SAFETY: accept4(2) writes an address of the length that it stores.
    let (fd, address) = unsafe { SockAddr::try_init(accept) }?;
    Ok((socket2::Socket::from(fd), address))
}

/// Out of descriptors or memory, trying again at once would only burn the processor. A connection that was gone
/// before it was accepted is nobody's trouble.
async fn pause_after(error: &io::Error) {
    let exhausted = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    if error.raw_os_error().is_some_and(|code| exhausted.contains(&code)) {
        log::error!("accept: {error}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn begin(worker: &Rc<Worker>, endpoint: &Rc<Endpoint>, accepted: Accepted) {
    let front = endpoint.front();
    let place = worker.shared.places.enter(&front, || worker.shared.clock.now()).await;
    accepted.socket.wish(&front.wishes());
    let session = Session::new(worker, endpoint, place, &accepted);
    match front.frontend.config.proxy.mode {
        Mode::Http => {
            let serving = http::serve::serve(Rc::clone(&session), accepted.socket);
            drop(spawn_local(session.run(serving)));
        }
        Mode::Tcp => {
            let serving = tcp::serve::serve(Rc::clone(&session), accepted.socket);
            drop(spawn_local(session.run(serving)));
        }
    }
}
