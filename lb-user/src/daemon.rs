//! The running daemon: the state, the planes that serve it, and how a configuration takes effect.
//!
//! Start and reload take the same steps: prepare everything that can fail, then commit.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use lb_conf::model::{Config, LogLevel};
use lb_core::change::{Change, FrontendChange};
use lb_core::cli::{self, Output, Session};
use lb_core::event::Event;
use lb_core::host::Host;
use lb_core::{Runtime, Snapshot};
use lb_proxy::{Clock, PrepareError};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::cli_socket::{self, Sockets};
use crate::kernel_plane::{self, KernelPlane};
use crate::load::{Loaded, Loader};
use crate::messages::say;
use crate::states::States;

/// How often a daemon that waits for its last flow looks: the kernel plane's status is renewed once a second.
const FLOW_POLL: Duration = Duration::from_millis(500);

/// A daemon that serves.
pub(crate) struct Daemon {
    loader: Loader,
    clock: Clock,
    runtime: Arc<Runtime>,
    user_plane: lb_proxy::Plane,
    kernel_plane: KernelPlane,
    sockets: Sockets,
    started: Instant,
    stopping: AtomicBool,
    // Held while a configuration is prepared and committed: one reload at a time.
    reloading: Mutex<()>,
}

/// A configuration whose addresses are bound and that nothing serves yet.
pub(crate) struct Prepared {
    config: Arc<Config>,
    user_plane: lb_proxy::Prepared,
    kernel_plane: Option<lb_xdp::Prepared>,
    sockets: Vec<cli_socket::Bound>,
}

impl Prepared {
    /// Binds what the configuration needs, beside what `running` has already.
    ///
    /// # Errors
    /// All addresses that can't be bound, each with its line. Nothing has changed then.
    pub(crate) fn new(
        mut loaded: Loaded,
        kernel_plane: &KernelPlane,
        running: Option<&Daemon>,
    ) -> Result<Self> {
        let tls = std::mem::take(&mut loaded.tls);
        let user_plane = lb_proxy::prepare(&loaded.config, tls, running.map(|daemon| &daemon.user_plane));
        let user_plane = user_plane.map_err(|PrepareError::Bind(errors)| {
            let lines = errors.iter().map(|error| format!("{}: {error}", loaded.place(error.span)));
            anyhow!(lines.collect::<Vec<_>>().join("\n"))
        })?;
        let config = loaded.config;
        let sockets = Sockets::bind(running.map(|daemon| &daemon.sockets), &config.global.stats_sockets)?;
        let kernel_plane = kernel_plane.prepare(&config)?;
        Ok(Self { config, user_plane, kernel_plane, sockets })
    }
}

impl Daemon {
    /// Makes a prepared configuration live, its servers in the states that files hold; the runtime sockets are served on `event_loop`.
    ///
    /// # Errors
    /// A thread can't be started.
    pub(crate) fn start(
        loader: Loader,
        prepared: Prepared,
        kernel_plane: KernelPlane,
        states: States,
        event_loop: Handle,
    ) -> Result<Arc<Self>> {
        let clock = Clock::start();
        let runtime = Arc::new(Runtime::new(Arc::clone(&prepared.config), clock.now()));
        states.restore(&runtime, clock.now());
        runtime.subscribe(Box::new(show_event));
        if let Some(prepared) = &prepared.kernel_plane {
            kernel_plane::recall(prepared, &runtime, clock.now());
        }
        let user_plane = lb_proxy::Plane::start(prepared.user_plane, Arc::clone(&runtime), clock)?;
        let daemon = Arc::new_cyclic(|daemon| Self {
            loader,
            clock,
            runtime,
            user_plane,
            kernel_plane,
            sockets: Sockets::new(event_loop, Weak::clone(daemon)),
            started: Instant::now(),
            stopping: AtomicBool::new(false),
            reloading: Mutex::new(()),
        });
        let host: Arc<dyn Host> = Arc::clone(&daemon) as Arc<dyn Host>;
        daemon.user_plane.introduce(Arc::downgrade(&host));
        daemon.start_kernel_plane(prepared.kernel_plane, &prepared.config)?;
        daemon.sockets.commit(&prepared.config.global.stats_sockets, prepared.sockets)?;
        Ok(daemon)
    }

    /// Reads the configuration anew and puts it in place. Connections, counters and the states of servers stay.
    ///
    /// # Errors
    /// The new configuration is wrong or can't be served; everything is as it was.
    pub(crate) fn reload(&self) -> Result<()> {
        let _one_at_a_time = self.reloading.lock();
        let prepared = Prepared::new(self.loader.load()?, &self.kernel_plane, Some(self))?;
        let config = Arc::clone(&prepared.config);
        // The one thing that can still fail comes first. It follows the state, and with it the new configuration.
        self.start_kernel_plane(prepared.kernel_plane, &config)?;
        self.runtime.reconfigure(prepared.config, self.clock.now());
        self.user_plane.commit(prepared.user_plane);
        if let Err(error) = self.sockets.commit(&config.global.stats_sockets, prepared.sockets) {
            say(LogLevel::Err, format_args!("{error:#}"));
        }
        Ok(())
    }

    fn start_kernel_plane(&self, prepared: Option<lb_xdp::Prepared>, config: &Config) -> Result<()> {
        let Some(prepared) = prepared else { return Ok(()) };
        self.kernel_plane.commit(prepared, &self.runtime, self.clock, config)
    }

    /// Answers a line of a runtime socket.
    pub(crate) fn execute(&self, line: &str, session: &mut Session) -> Output {
        let told = self.kernel_plane.changes();
        let context = cli::Context { runtime: &self.runtime, host: self, now: self.clock.now() };
        let output = cli::execute(line, session, &context);
        // Who was told that a server drains may stop it when its connections are gone: none may come any more, and
        // none may be missing in the count.
        if self.kernel_plane.changes() != told {
            self.kernel_plane.settle();
        }
        output
    }

    /// The configuration that is served.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.runtime.load().config)
    }

    /// The plane that has sockets.
    pub(crate) fn user_plane(&self) -> &lb_proxy::Plane {
        &self.user_plane
    }

    /// The plane that has none.
    pub(crate) fn kernel_plane(&self) -> &KernelPlane {
        &self.kernel_plane
    }

    /// The time since the start.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether it takes no new connections any more.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Closes the addresses; connections go on.
    pub(crate) fn stop_accepting(&self) {
        for frontend in &self.runtime.snapshot().frontends {
            say(LogLevel::Warning, format_args!("Proxy {} stopped", frontend.config.proxy.name));
        }
        self.stopping.store(true, Relaxed);
        self.kernel_plane.close();
        self.user_plane.soft_stop();
    }

    /// Waits until the last connection has ended on both planes, after [`Daemon::stop_accepting`].
    pub(crate) fn wait(&self) {
        self.user_plane.wait();
        while self.kernel_plane.flows() > 0 {
            std::thread::sleep(FLOW_POLL);
        }
        self.leave();
    }

    /// Gives up what outlives a process.
    fn leave(&self) {
        self.kernel_plane.stop();
        self.sockets.close();
    }

    /// Ends everything.
    pub(crate) fn stop_now(&self) {
        self.user_plane.hard_stop();
        self.user_plane.wait();
        self.leave();
    }

    /// `hard-stop-after`.
    pub(crate) fn hard_stop_after(&self) -> Option<Duration> {
        self.runtime.load().config.global.hard_stop_after
    }

    /// SIGTTOU and SIGTTIN: pauses all frontends, or lets them accept again; the runtime tells what that did.
    pub(crate) fn change_frontends(&self, change: FrontendChange) {
        for frontend in &self.runtime.snapshot().frontends {
            // Refused by one that was stopped for good, which stays so.
            let _ = self.runtime.apply(Change::Frontend(frontend.config.id, change), self.clock.now());
        }
    }

    /// SIGHUP: says how every server is.
    pub(crate) fn show_servers(&self) {
        say(LogLevel::Warning, "SIGHUP received, dumping servers states.");
        for line in server_lines(&self.runtime.snapshot()) {
            say(LogLevel::Warning, format_args!("SIGHUP: {line}"));
        }
    }
}

fn server_lines(snapshot: &Snapshot) -> impl Iterator<Item = String> + '_ {
    snapshot.backends.iter().flat_map(|backend| {
        let name = &backend.config.proxy.name;
        backend.servers.iter().map(move |server| {
            let word = if server.state().usable() { "UP" } else { "DOWN" };
            format!("Server {name}/{} is {word}. Conn: {} act.", server.config.name, server.active())
        })
    })
}

/// On the terminal, what happens to servers is a warning, as HAProxy has it; only the loss of the last one is more.
fn show_event(event: &Event) {
    if let Event::Log(log) = event {
        say(if log.level == LogLevel::Emerg { LogLevel::Alert } else { LogLevel::Warning }, &log.text);
    }
}
