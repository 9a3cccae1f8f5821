//! The user plane as a whole: prepared, made live, replaced, stopped.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::{io, thread};

use lb_conf::model::{Action, Config, FrontendId};
use lb_core::frontend::FrontendState;
use lb_core::host::{Host, ResolversInfo, RingInfo, SessionInfo};
use lb_core::{Event, Frontend, Runtime, Snapshot};
use lb_expr::Ctx;
use lb_expr::sample::{Sample, SampleType};
use lb_expr::vars::{ProcVars, Scope, VarNames};
use lb_expr::world::Nowhere;
use parking_lot::Mutex;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc;

use crate::checker;
use crate::clock::Clock;
use crate::error::{BindError, PrepareError};
use crate::listener::{BindName, Bound};
use crate::logs::{Rings, wall_clock};
use crate::places::Places;
use crate::resolver::Sections;
use crate::tls::{Site, Store};
use crate::worker::{self, Address, Command, Setup, Shared};

/// Worker threads and checks, serving the current configuration.
#[derive(Debug)]
pub struct Plane {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
    checker: Worker,
    live: Arc<Mutex<Live>>,
    variables: Mutex<ProcVariables>,
    tls: Mutex<Arc<Site>>,
}

/// The addresses that are listened on, and whose they are.
type Live = Vec<(FrontendId, Arc<Bound>)>;

/// The variables of scope `proc` with the names that their indexes come from.
#[derive(Debug)]
struct ProcVariables {
    names: Arc<VarNames>,
    values: Arc<ProcVars>,
}

impl ProcVariables {
    fn new(names: &Arc<VarNames>) -> Self {
        let values = Arc::new(ProcVars::new(names.count(Scope::Proc)));
        Self { names: Arc::clone(names), values }
    }

    /// Type and text of the variable of this name, scope included.
    fn show(&self, name: &str) -> Option<(SampleType, String)> {
        let name = name.strip_prefix("proc.")?;
        let (_, id) = self.names.iter(Scope::Proc).find(|(other, _)| *other == name)?;
        let value = self.values.get(id.index)?;
        let text = match value.sample() {
            Sample::Bool(is) => u8::from(is).to_string(),
            Sample::Int(number) => number.to_string(),
            sample => match sample.ip() {
                Some(ip) => ip.to_string(),
                None => String::from_utf8_lossy(sample.data()?).into_owned(),
            },
        };
        Some((value.sample().kind(), text))
    }

    /// The variables of another configuration: those of the same name keep what they hold.
    fn carry_over(&self, names: &Arc<VarNames>) -> Self {
        let new = Self::new(names);
        for (name, old) in self.names.iter(Scope::Proc) {
            if let Some((_, id)) = names.iter(Scope::Proc).find(|(other, _)| *other == name) {
                new.values.set(id.index, self.values.get(old.index));
            }
        }
        new
    }
}

#[derive(Debug)]
struct Worker {
    commands: mpsc::UnboundedSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A configuration whose addresses are bound and whose certificates are read. Dropping it closes those that were not bound before.
#[derive(Debug)]
pub struct Prepared {
    workers: usize,
    addresses: Vec<Address>,
    tls: Arc<Site>,
}

impl Prepared {
    /// Where frontends listen, with the ports that the kernel chose where the configuration says 0.
    pub fn addresses(&self) -> impl Iterator<Item = (FrontendId, std::net::SocketAddr)> {
        self.addresses.iter().filter_map(|address| Some((address.frontend, address.bound.local_addr()?)))
    }
}

/// Binds all addresses of a configuration, beside what `running` listens on already: those are kept as they are.
/// `tls` is what its TLS was loaded to. Privileged ports need the privileges that the daemon drops before [`Plane::start`].
///
/// # Errors
///
/// Names every address that cannot be bound. What runs is untouched.
pub fn prepare(config: &Config, tls: Site, running: Option<&Plane>) -> Result<Prepared, PrepareError> {
    let workers = running.map_or_else(|| worker_count(config), |plane| plane.workers.len());
    let live = running.map(|plane| plane.live.lock().clone()).unwrap_or_default();
    let (mut addresses, mut errors) = (Vec::new(), Vec::new());
    for frontend in &config.frontends {
        for (index, bind) in frontend.binds.iter().enumerate() {
            let kept = live.iter().map(|(_, bound)| bound).find(|bound| bound.serves(bind));
            match kept.map_or_else(|| Bound::bind(bind, workers), |bound| Ok(Arc::clone(bound))) {
                Ok(bound) => addresses.push(Address {
                    bound,
                    frontend: frontend.id,
                    name: BindName { id: bind.id, name: bind.name.clone() },
                    maxconn: bind.maxconn,
                    accept_proxy: bind.accept_proxy,
                    speaks_h2: bind.speaks_h2,
                    acceptor: tls.acceptor(frontend.id, index).cloned(),
                }),
                Err((call, source)) => errors.push(BindError {
                    frontend: Arc::clone(&frontend.proxy.name),
                    address: bind.address.clone(),
                    span: bind.span,
                    call,
                    source,
                }),
            }
        }
    }
    if errors.is_empty() {
        Ok(Prepared { workers, addresses, tls: Arc::new(tls) })
    } else {
        Err(PrepareError::Bind(errors))
    }
}

/// Carries out `set-var` and `set-var-fmt` of `global`, to whose expressions nothing is there yet.
fn set_variables(actions: &[Action], variables: &ProcVars) {
    for action in actions {
        let mut ctx = Ctx::new(&Nowhere, wall_clock());
        ctx.vars.proc = Some(variables);
        let (var, value) = match action {
            Action::SetVar { var, value, .. } => (*var, value.eval(&ctx)),
            Action::SetVarFmt { var, value, .. } => (*var, Some(Sample::str(value.format(&ctx)))),
            _ => continue,
        };
        if let Some(value) = value {
            ctx.vars.set(var, Some(value.into()));
        }
    }
}

/// The machine's name; empty where it has none that is text.
fn hostname() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

/// `nbthread`, or a thread per core.
fn worker_count(config: &Config) -> usize {
    match config.global.nbthread {
        Some(threads) => usize::try_from(threads).unwrap_or(1).max(1),
        None => thread::available_parallelism().map_or(1, usize::from),
    }
}

impl Plane {
    /// Starts the threads on what was prepared from the configuration that `runtime` has.
    ///
    /// # Errors
    ///
    /// A thread or its event loop cannot be made.
    pub fn start(prepared: Prepared, runtime: Arc<Runtime>, clock: Clock) -> io::Result<Self> {
        let places = Places::new(Arc::clone(&runtime));
        let shared = Arc::new(Shared {
            runtime,
            clock,
            places,
            host: OnceLock::new(),
            resolvers: Sections::default(),
            rings: Rings::default(),
            streams: AtomicU64::new(0),
            hostname: hostname(),
        });
        let workers: io::Result<Vec<_>> = (0..prepared.workers).map(|i| start_worker(i, &shared)).collect();
        let checker = start_checker(&shared)?;
        let variables = Mutex::new(ProcVariables::new(&Arc::default()));
        let (live, tls) = (Arc::default(), Mutex::default());
        let plane = Self { shared, workers: workers?, checker, live, variables, tls };
        plane.watch();
        plane.commit(prepared);
        Ok(plane)
    }

    /// Lets the statistics page tell about the process. The first one stays.
    pub fn introduce(&self, host: Weak<dyn Host>) {
        let _ = self.shared.host.set(host);
    }

    /// Makes live what was prepared from the configuration that the [`Runtime`] has now. Connections go on; from
    /// their next request on they are served by the new configuration. Addresses that left are closed.
    pub fn commit(&self, prepared: Prepared) {
        self.shared.places.look_again();
        *self.tls.lock() = Arc::clone(&prepared.tls);
        let snapshot: Arc<Snapshot> = self.shared.runtime.snapshot();
        self.take_over(&prepared.addresses, &snapshot);
        self.shared.rings.replace(&snapshot.config.rings);
        let proc_vars = {
            let mut variables = self.variables.lock();
            *variables = variables.carry_over(&snapshot.config.variables);
            Arc::clone(&variables.values)
        };
        set_variables(&snapshot.config.start, &proc_vars);
        self.tell(&Command::Serve(Arc::new(Setup {
            proc_vars,
            snapshot,
            addresses: prepared.addresses,
            tls: prepared.tls,
        })));
    }

    /// Addresses of frontends that are paused do not listen.
    fn take_over(&self, addresses: &[Address], snapshot: &Snapshot) {
        let mut live = self.live.lock();
        *live = addresses.iter().map(|address| (address.frontend, Arc::clone(&address.bound))).collect();
        for (id, bound) in live.iter() {
            bound.follow(snapshot.frontend(*id).map_or(FrontendState::Open, |frontend| frontend.state()));
        }
    }

    /// Closes the addresses; connections end after what they are doing. See [`Plane::wait`].
    pub fn soft_stop(&self) {
        self.live.lock().clear();
        self.tell(&Command::SoftStop);
    }

    /// Ends all connections.
    pub fn hard_stop(&self) {
        self.tell(&Command::HardStop);
    }

    /// Waits until the threads have ended, after one of the stops.
    pub fn wait(&self) {
        self.workers.iter().for_each(Worker::wait);
        // Servers are checked for as long as somebody is served.
        let _ = self.checker.commands.send(Command::HardStop);
        self.checker.wait();
    }

    /// Whether all workers have ended: [`Plane::wait`] would not block.
    pub fn has_ended(&self) -> bool {
        self.workers.iter().all(|w| w.thread.lock().as_ref().is_none_or(JoinHandle::is_finished))
    }

    /// The certificates of the configuration that is served, for commands that replace them.
    pub fn certificates(&self) -> Arc<Store> {
        Arc::clone(self.tls.lock().store())
    }

    /// Type and text of a variable of scope `proc`, by its name with the scope.
    pub fn variable(&self, name: &str) -> Option<(SampleType, String)> {
        self.variables.lock().show(name)
    }

    /// The `resolvers` sections with what their name servers answered.
    pub fn resolvers(&self) -> Vec<ResolversInfo> {
        self.shared.resolvers.show()
    }

    /// The rings with what they hold.
    pub fn rings(&self) -> Vec<RingInfo> {
        self.shared.rings.show()
    }

    /// Connections of all frontends.
    pub fn connections(&self) -> u64 {
        self.shared.places.current()
    }

    /// The sessions of all workers, in no order. Waits for each worker to answer.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.ask(Command::ListSessions)
    }

    /// Ends a session; whether there is one of this number.
    pub fn shutdown_session(&self, id: u64) -> bool {
        !self.ask(|reply| Command::KillSession(id, reply)).is_empty()
    }

    /// The number of worker threads.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The number of addresses that are listened on.
    pub fn listeners(&self) -> usize {
        self.live.lock().len()
    }

    /// Gives all workers an order and collects what they reply.
    fn ask<T>(&self, order: impl FnOnce(mpsc::UnboundedSender<T>) -> Command) -> Vec<T> {
        let (reply, mut replies) = mpsc::unbounded_channel();
        let command = order(reply);
        for worker in &self.workers {
            // A thread that has ended has no sessions.
            let _ = worker.commands.send(command.clone());
        }
        drop(command);
        std::iter::from_fn(|| replies.blocking_recv()).collect()
    }

    fn tell(&self, command: &Command) {
        for worker in self.workers.iter().chain([&self.checker]) {
            // A thread that has ended needs no orders.
            let _ = worker.commands.send(command.clone());
        }
    }

    /// Addresses open and close with their frontends, accepting goes on when a frontend may take more, sessions end with
    /// their servers, and logs tell what happens to servers.
    fn watch(&self) {
        let (places, logs) = (Arc::clone(&self.shared.places), self.checker.commands.clone());
        let live = Arc::clone(&self.live);
        let workers: Vec<_> = self.workers.iter().map(|worker| worker.commands.clone()).collect();
        self.shared.runtime.subscribe(Box::new(move |event| match event {
            Event::Frontend(frontend, _) => {
                follow(&live, frontend);
                if frontend.state() == FrontendState::Stopped {
                    for worker in &workers {
                        // A thread that has ended has no addresses.
                        let _ = worker.send(Command::Close(frontend.config.id));
                    }
                }
                places.look_again();
            }
            Event::Limit => places.look_again(),
            Event::ShutdownSessions(server, by) => {
                for worker in &workers {
                    // A thread that has ended has no sessions.
                    let _ = worker.send(Command::EndSessions(server.id, *by));
                }
            }
            // A thread that has ended logs no more.
            Event::Log(line) => drop(logs.send(Command::Log(line.clone()))),
            // The formats of their lines need what a worker has.
            Event::Flow(flow) => {
                drop(workers.first().map(|w| w.send(Command::LogFlow(Arc::clone(flow)))));
            }
            _ => {}
        }));
    }
}

/// Lets the addresses of a frontend do as its state says. Those of one that has stopped are given up.
fn follow(live: &Mutex<Live>, frontend: &Frontend) {
    let (state, id) = (frontend.state(), frontend.config.id);
    live.lock().retain(|(of, bound)| {
        if *of == id {
            bound.follow(state);
        }
        *of != id || state != FrontendState::Stopped
    });
}

impl Worker {
    fn wait(&self) {
        let thread = self.thread.lock().take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            log::error!("a thread of the user plane has panicked");
        }
    }
}

fn start_worker(index: usize, shared: &Arc<Shared>) -> io::Result<Worker> {
    let shared = Arc::clone(shared);
    start_thread(format!("lbx-w{index}"), move |commands| worker::run(index, shared, commands))
}

fn start_checker(shared: &Arc<Shared>) -> io::Result<Worker> {
    let shared = Arc::clone(shared);
    start_thread("lbx-check".to_owned(), move |commands| checker::run(shared, commands))
}

fn start_thread<F>(
    name: String,
    main: impl FnOnce(mpsc::UnboundedReceiver<Command>) -> F + Send + 'static,
) -> io::Result<Worker>
where
    F: Future<Output = ()>,
{
    let (commands, receiver) = mpsc::unbounded_channel();
    // Made here and not in the thread, so that a failure is an error of the start.
    let builder = || -> io::Result<LocalRuntime> {
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
    };
    drop(builder()?);
    let body = move || match builder() {
        Ok(runtime) => runtime.block_on(main(receiver)),
        Err(e) => log::error!("event loop: {e}"),
    };
    let thread = thread::Builder::new().name(name).spawn(body)?;
    Ok(Worker { commands, thread: Mutex::new(Some(thread)) })
}
