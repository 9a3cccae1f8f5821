//! Health and agent checks: a thread that asks servers how they are and tells the [`Runtime`] what it hears.

mod drive;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{Config, Name, Proxy};
use lb_core::check::{CheckRun, Program, Scene, first_check, next_check, state_of};
use lb_core::event::LogEvent;
use lb_core::server::{Admin, Operational};
use lb_core::{Backend, Change, Runtime, Server, ServerChange, ServerId, Tick};
use lb_expr::Ctx;
use lb_expr::ctx::Connection;
use lb_expr::vars::ProcVars;
use lb_expr::world::{BackendId, ServerId as ServerAt};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, interval, sleep};

use crate::clock::Clock;
use crate::eval::View;
use crate::logs::{Forwarders, Journal, ProxyLog, wall_clock};
use crate::resolver::Resolver;
use crate::tls::Upstream;
use crate::track::Counters;
use crate::worker::{Command, Setup, Shared};
use drive::{Limits, Target, drive};

/// How often the weights of servers that are starting are raised (`slowstart`) and stick tables are cleaned.
const TICK: Duration = Duration::from_secs(1);

/// The checks that are under way or waiting for their turn.
struct Checker {
    shared: Arc<Shared>,
    tasks: HashMap<ServerId, Task>,
    resolver: Resolver,
    journal: Journal,
    forwarders: Forwarders,
    logs: HashMap<Name, ProxyLog>,
}

/// The checks of a server.
struct Task {
    server: Arc<Server>,
    backend: Arc<Backend>,
    handles: Vec<AbortHandle>,
}

/// The main function of the checks' thread.
pub(crate) async fn run(shared: Arc<Shared>, mut commands: mpsc::UnboundedReceiver<Command>) {
    let ticks = spawn_local(tick_tock(Arc::clone(&shared)));
    let mut checker = Checker {
        resolver: Resolver::default(),
        shared,
        tasks: HashMap::new(),
        journal: Journal::default(),
        forwarders: Forwarders::default(),
        logs: HashMap::new(),
    };
    while let Some(command) = commands.recv().await {
        match command {
            Command::Serve(setup) => checker.take(&setup),
            // Who is still served is still served by servers that work.
            Command::SoftStop | Command::Close(_) => {}
            // Checks are no sessions.
            Command::ListSessions(_) | Command::KillSession(..) | Command::EndSessions(..) => {}
            Command::HardStop => break,
            Command::Log(line) => checker.log(&line),
            // The workers have what the formats of sessions need.
            Command::LogFlow(_) => {}
        }
    }
    ticks.abort();
}

impl Checker {
    /// Takes another configuration: checks of servers whose settings are the same go on as they were.
    fn take(&mut self, setup: &Setup) {
        let snapshot = &setup.snapshot;
        self.open_logs(&snapshot.config);
        self.resolver.follow(&self.shared, snapshot);
        self.forwarders.follow(&self.shared.rings, &snapshot.config.rings);
        let mut old = std::mem::take(&mut self.tasks);
        let now = self.shared.clock.now();
        let checked: Vec<_> = snapshot.servers().filter(|s| s.config.check.is_some()).collect();
        let shortest = checked.iter().filter_map(|s| Some(s.config.check.as_ref()?.inter));
        let shortest = shortest.chain(snapshot.config.global.tuning.max_spread_checks).min();
        let context = |server: &Arc<Server>| Context {
            shared: Arc::clone(&self.shared),
            server: Arc::clone(server),
            proc_vars: Arc::clone(&setup.proc_vars),
        };
        for (backend, server) in snapshot.backends.iter().flat_map(|b| b.servers.iter().map(move |s| (b, s)))
        {
            // Certificates may have changed in their files.
            let tls = setup.tls.check(server.at);
            let kept = old.remove(&server.id).filter(|task| tls.is_none() && task.fits(backend, server));
            let task = kept.unwrap_or_else(|| {
                let turn = checked.iter().position(|s| s.id == server.id).unwrap_or(0);
                let first = first_check(now, shortest.unwrap_or_default(), turn, checked.len());
                self.begin(context(server), backend, tls, first)
            });
            self.tasks.insert(server.id, task);
        }
    }

    /// Opens the logs of all proxies; a `listen` section is there twice with the same ones.
    fn open_logs(&mut self, config: &Config) {
        let backends = config.backends.iter().map(|b| &b.proxy);
        let proxies = config.frontends.iter().map(|f| &f.proxy).chain(backends);
        let open = |proxy: &Proxy| {
            (Arc::clone(&proxy.name), self.journal.open(proxy, &config.global, &self.shared.rings))
        };
        self.logs = proxies.map(open).collect();
    }

    fn log(&self, line: &LogEvent) {
        if let Some(log) = self.logs.get(&line.proxy) {
            self.journal.write(log, line.level, line.text.as_bytes());
        }
    }

    fn begin(&self, context: Context, backend: &Arc<Backend>, tls: Option<&Upstream>, first: Tick) -> Task {
        let mut handles = Vec::new();
        let server = Arc::clone(&context.server);
        if server.config.check.is_some() {
            match Program::new(&backend.config.check) {
                Ok(program) => {
                    let limits = Limits::of(&backend.config, &server);
                    let work = check_health(context.clone(), Arc::new(program), tls.cloned(), limits, first);
                    handles.push(spawn_local(work).abort_handle());
                }
                Err(e) => log::error!("{}: {e}", server.config.name),
            }
        }
        if server.config.agent.is_some() {
            handles.push(spawn_local(ask_agent(context, first)).abort_handle());
        }
        Task { server, backend: Arc::clone(backend), handles }
    }
}

impl Task {
    /// Whether the server is checked in the same way under another configuration.
    fn fits(&self, backend: &Backend, server: &Server) -> bool {
        let (old, new) = (&self.server.config, &server.config);
        let (was, is) = (&self.backend.config, &backend.config);
        (&old.check, &old.agent, &old.address) == (&new.check, &new.agent, &new.address)
            && (&was.check, was.timeout_check, was.timeout_connect)
                == (&is.check, is.timeout_check, is.timeout_connect)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handles.iter().for_each(AbortHandle::abort);
    }
}

/// What a check needs to know.
#[derive(Clone)]
struct Context {
    shared: Arc<Shared>,
    server: Arc<Server>,
    proc_vars: Arc<ProcVars>,
}

impl Context {
    /// `spread-checks`, in percent.
    fn spread(&self) -> u32 {
        self.shared.runtime.load().config.global.spread_checks
    }

    fn clock(&self) -> Clock {
        self.shared.clock
    }

    fn tell(&self, change: ServerChange) {
        let runtime: &Runtime = &self.shared.runtime;
        if let Err(e) = runtime.apply(Change::Server(self.server.id, change), self.clock().now()) {
            log::debug!("{}: {e}", self.server.config.name);
        }
    }
}

/// What formats see of a check's connection.
struct To(Option<SocketAddr>);

impl Connection for To {
    fn src(&self) -> Option<SocketAddr> {
        None
    }

    fn dst(&self) -> Option<SocketAddr> {
        self.0
    }
}

impl Scene for Context {
    fn show(&self, look: &mut dyn FnMut(Ctx<'_>)) {
        let (snapshot, none) = (self.shared.runtime.snapshot(), Counters::default());
        let view = View::of_check(&snapshot, &none, self.clock().now());
        let mut ctx = Ctx::new(&view, wall_clock());
        let backend = BackendId(self.server.at.backend.0);
        ctx.backend = Some(backend);
        ctx.server = Some(ServerAt { backend, index: self.server.at.index });
        ctx.vars.proc = Some(&self.proc_vars);
        let to = To(self.server.socket_address(0));
        ctx.upstream = Some(&to);
        look(ctx);
    }

    fn state(&self) -> String {
        let node = self.shared.process().node;
        let snapshot = self.shared.runtime.snapshot();
        let backend = snapshot.backend(self.server.at.backend);
        backend.map(|backend| state_of(&self.server, backend, &node)).unwrap_or_default()
    }
}

async fn check_health(
    context: Context,
    program: Arc<Program>,
    tls: Option<Upstream>,
    limits: Limits,
    first: Tick,
) {
    let Some(check) = context.server.config.check.clone() else { return };
    let mut due = first;
    loop {
        sleep(due.since(context.clock().now())).await;
        let began = context.clock().now();
        let state = context.server.state();
        if state.checked() && !state.admin.any(Admin::RESOLUTION_MAINT) {
            let start = Instant::now();
            let mut run = CheckRun::within(Arc::clone(&program), Box::new(context.clone()));
            drive(&mut run, &Target::of_check(&context.server, &check, &state.aims), tls.as_ref(), limits)
                .await;
            context.tell(ServerChange::Check(run.report(start.elapsed())));
        }
        let phase = context.server.state().phase();
        due = next_check(began, &check, phase, context.spread(), random());
    }
}

/// For spreading checks. Without random bytes they are early.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}

async fn ask_agent(context: Context, first: Tick) {
    let Some(agent) = context.server.config.agent.clone() else { return };
    let mut due = first;
    loop {
        sleep(due.since(context.clock().now())).await;
        let began = context.clock().now();
        let state = context.server.state();
        if state.agent.as_ref().is_some_and(|probe| probe.enabled) {
            let agent = state.aims.agent(&agent);
            let program = Arc::new(Program::agent(&agent));
            let start = Instant::now();
            let mut run = CheckRun::new(program);
            drive(&mut run, &Target::Inet(agent.target), None, Limits::all_within(agent.inter)).await;
            context.tell(ServerChange::Agent(run.agent_report(start.elapsed())));
        }
        due = began + agent.inter;
    }
}

/// What is due every second: servers that come up with `slowstart` take their share step by step, and stick tables
/// forget.
async fn tick_tock(shared: Arc<Shared>) {
    let mut step = interval(TICK);
    loop {
        step.tick().await;
        let snapshot = shared.runtime.snapshot();
        shared.runtime.process().sample(&snapshot, shared.clock.now());
        snapshot.tables.iter().for_each(|table| table.expire(shared.clock.now()));
        for server in snapshot.servers().filter(|s| s.config.slowstart.is_some()) {
            if server.state().operational == Operational::Starting {
                let change = Change::Server(server.id, ServerChange::SlowStartStep);
                // A server that left in the meantime needs no weight.
                let _ = shared.runtime.apply(change, shared.clock.now());
            }
        }
    }
}
