//! The kernel plane in the daemon's life: wanted or not, to be had or not, started, told to stop.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lb_conf::model::{Config, LogLevel};
use lb_core::change::{Change, ForcedHealth, ServerChange};
use lb_core::host::SessionInfo;
use lb_core::placement;
use lb_core::{Runtime, Tick};
use lb_proxy::Clock;
use lb_xdp::steward::Listed;
use lb_xdp::{Plane, Prepared, Status, Steward, Unavailable};
use parking_lot::Mutex;

use crate::child;
use crate::messages::say;
use crate::process;

/// The kernel plane, where there is one, and the process that does its work.
pub(crate) struct KernelPlane {
    steward: Steward,
    plane: Mutex<Option<Plane>>,
}

/// Connections that `show sess` lists, at most: they are read one by one, and printed.
const LISTED: u32 = 10_000;

/// How long a command waits for the maps to follow it, at most.
const SETTLE: Duration = Duration::from_secs(2);

/// A connection of the kernel plane, with a number that no session of the user plane has.
fn session(flow: Listed) -> SessionInfo {
    let mut hasher = DefaultHasher::new();
    (flow.client, &flow.frontend).hash(&mut hasher);
    SessionInfo {
        id: hasher.finish() | 1 << 63,
        protocol: if flow.client.is_ipv4() { "tcpv4" } else { "tcpv6" },
        source: Some(flow.client),
        frontend: flow.frontend,
        backend: Some(flow.backend),
        server: Some(flow.server),
        age: flow.age,
    }
}

/// Goes on in user space, unless a proxy insists on the kernel.
fn without(config: &Config, why: &dyn std::fmt::Display) -> Result<()> {
    let required = |frontend| placement::required(config, frontend).map(|word| (&frontend.proxy.name, word));
    if let Some((name, word)) = config.frontends.iter().find_map(|frontend| required(frontend)) {
        bail!("proxy '{name}' has '{word}': {why}");
    }
    say(LogLevel::Warning, format_args!("{why}; TCP mode is served in user space"));
    Ok(())
}

/// A server that the daemon before this one had found dead stays dead until checks find it alive: this one has no
/// opinion of its own yet, and its clients would be sent to a dead server that long.
pub(crate) fn recall(prepared: &Prepared, runtime: &Runtime, now: Tick) {
    let snapshot = runtime.snapshot();
    let unusable: Vec<_> = prepared.unusable().collect();
    let servers = snapshot.backends.iter().flat_map(|backend| {
        let backend_name = &backend.config.proxy.name;
        backend.servers.iter().map(move |server| (backend_name, server))
    });
    for (backend, server) in servers {
        if unusable.iter().any(|name| name.backend == *backend && name.server == server.config.name) {
            // Refused where it is not checked, and so has no health.
            let _ = runtime.apply(Change::Server(server.id, ServerChange::Health(ForcedHealth::Down)), now);
        }
    }
}

impl KernelPlane {
    /// Starts the process that does its work, whatever the configuration wants now: after a reload it may want more, and
    /// the daemon has given up the right to start it. It waits, and takes hardly any memory. To be called before there are
    /// threads.
    ///
    /// # Errors
    /// socketpair(2) or fork(2) fails.
    pub(crate) fn start_steward(config: &Config, background: bool) -> Result<Self> {
        let (steward, line) = lb_xdp::steward::pair(&lb_xdp::pin_folder(config)).context("socketpair")?;
        let (steward, pid) = child::start(steward, || {
            // The terminal is the daemon's to let go of.
            if background {
                process::leave_terminal()?;
            }
            line.serve().context("the line to the daemon")
        })?;
        steward.is_child(pid);
        Ok(Self { steward, plane: Mutex::default() })
    }

    /// Prepares it for a configuration. None: nothing wants it, it runs already, or it can't be had; the last is said.
    ///
    /// # Errors
    /// A proxy insists on it (`option xdp`) and it can't be had.
    pub(crate) fn prepare(&self, config: &Config) -> Result<Option<Prepared>> {
        let folder = lb_xdp::pin_folder(config);
        if folder != self.steward.folder() {
            let (old, new) = (self.steward.folder().display(), folder.display());
            say(LogLevel::Warning, format_args!("xdp-pin-path stays {old}: {new} takes a restart"));
        }
        if self.plane.lock().is_some() {
            return Ok(None);
        }
        match lb_xdp::prepare(config, &self.steward) {
            Ok(prepared) => Ok(Some(prepared)),
            Err(Unavailable::NotWanted) => Ok(None),
            Err(why) => without(config, &why).map(|()| None),
        }
    }

    /// Starts it. `config` is what is about to be served.
    ///
    /// # Errors
    /// A proxy insists on it and it can't be started.
    pub(crate) fn commit(
        &self,
        prepared: Prepared,
        runtime: &Arc<Runtime>,
        clock: Clock,
        config: &Config,
    ) -> Result<()> {
        match prepared.commit(Arc::clone(runtime), Arc::new(move || clock.now())) {
            Ok(plane) => {
                *self.plane.lock() = Some(plane);
                Ok(())
            }
            Err(why) => without(config, &format_args!("the kernel plane can't be started: {why:#}")),
        }
    }

    /// How many changes of the daemon's state it was told of.
    pub(crate) fn changes(&self) -> u64 {
        self.plane.lock().as_ref().map_or(0, Plane::changes)
    }

    /// Waits until the maps follow all of them. One that does not answer is busy or gone, which is said elsewhere.
    pub(crate) fn settle(&self) {
        let settled = self.plane.lock().as_ref().map(Plane::settled);
        let _ended = settled.map(|settled| settled.recv_timeout(SETTLE));
    }

    /// What it does; None where there is none.
    pub(crate) fn status(&self) -> Option<Status> {
        self.plane.lock().as_ref().map(Plane::status)
    }

    /// Opens no flow any more.
    pub(crate) fn close(&self) {
        if let Some(plane) = &*self.plane.lock() {
            plane.close();
        }
    }

    /// Flows that are open.
    pub(crate) fn flows(&self) -> u64 {
        self.status().map_or(0, |status| status.open_flows)
    }

    /// The connections that it forwards, as sessions: of very many some.
    pub(crate) fn sessions(&self) -> Vec<SessionInfo> {
        if self.plane.lock().is_none() {
            return Vec::new();
        }
        // That the steward is gone has been said.
        self.steward.flows(LISTED).unwrap_or_default().into_iter().map(session).collect()
    }

    /// Takes it off the interfaces; its flows end.
    pub(crate) fn stop(&self) {
        if let Some(plane) = self.plane.lock().take() {
            plane.stop();
        }
    }
}
