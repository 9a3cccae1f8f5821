//! The running daemon: the state, the planes that serve it, and how a configuration takes effect.
//!
//! Start and reload take the same steps: prepare everything that can fail, then commit.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use lb_conf::model::Config;
use lb_conf::model::LogLevel;
use lb_core::event::Event;
use lb_core::{Runtime, Snapshot};
use lb_proxy::Clock;
use parking_lot::Mutex;

use crate::load::Loader;
use crate::messages::say;

/// A daemon that serves.
pub(crate) struct Daemon {
    loader: Loader,
    clock: Clock,
    runtime: Arc<Runtime>,
    user_plane: lb_proxy::Plane,
    // Held while a configuration is prepared and committed: one reload at a time.
    reloading: Mutex<()>,
}

/// A configuration whose addresses are bound and that nothing serves yet.
pub(crate) struct Prepared {
    config: Arc<Config>,
    user_plane: lb_proxy::Prepared,
}

impl Prepared {
    /// Binds what the configuration needs, beside what `running` has already.
    ///
    /// # Errors
    /// All addresses that can't be bound, each with its line. Nothing has changed then.
    pub(crate) fn new(config: Arc<Config>, running: Option<&Daemon>) -> Result<Self> {
        let user_plane = lb_proxy::prepare(&config, running.map(|daemon| &daemon.user_plane))?;
        Ok(Self { config, user_plane })
    }
}

impl Daemon {
    /// Makes a prepared configuration live.
    ///
    /// # Errors
    /// A thread can't be started.
    pub(crate) fn start(loader: Loader, prepared: Prepared) -> Result<Self> {
        let clock = Clock::start();
        let runtime = Arc::new(Runtime::new(Arc::clone(&prepared.config), clock.now()));
        runtime.subscribe(Box::new(show_event));
        let user_plane = lb_proxy::Plane::start(prepared.user_plane, Arc::clone(&runtime), clock)?;
        Ok(Self { loader, clock, runtime, user_plane, reloading: Mutex::new(()) })
    }

    /// Reads the configuration anew and puts it in place. Connections, counters and the states of servers stay.
    ///
    /// # Errors
    /// The new configuration is wrong or can't be served; everything is as it was.
    pub(crate) fn reload(&self) -> Result<()> {
        let _one_at_a_time = self.reloading.lock();
        let config = self.loader.load()?.config;
        let prepared = Prepared::new(config, Some(self))?;
        self.runtime.reconfigure(prepared.config, self.clock.now());
        self.user_plane.commit(prepared.user_plane);
        Ok(())
    }

    /// Closes the addresses; connections go on.
    pub(crate) fn stop_accepting(&self) {
        for frontend in &self.runtime.snapshot().frontends {
            say(LogLevel::Warning, format_args!("Proxy {} stopped", frontend.config.proxy.name));
        }
        self.user_plane.soft_stop();
    }

    /// Waits until the last connection has ended, after one of the stops.
    pub(crate) fn wait(&self) {
        self.user_plane.wait();
    }

    /// Ends everything.
    pub(crate) fn stop_now(&self) {
        self.user_plane.hard_stop();
        self.wait();
    }

    /// `hard-stop-after`.
    pub(crate) fn hard_stop_after(&self) -> Option<Duration> {
        self.runtime.load().config.global.hard_stop_after
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
