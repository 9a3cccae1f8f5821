//! The kernel plane in the daemon's life: wanted or not, to be had or not, started, told to stop.

use std::sync::Arc;

use anyhow::{Result, bail};
use lb_conf::model::{Config, LogLevel, XdpUse};
use lb_core::change::{Change, ForcedHealth, ServerChange};
use lb_core::placement::{self, ObstacleKind};
use lb_core::{Runtime, Tick};
use lb_proxy::Clock;
use lb_xdp::{Plane, Prepared, Status, Unavailable};
use parking_lot::Mutex;

use crate::messages::say;

/// The kernel plane, where there is one.
#[derive(Default)]
pub(crate) struct KernelPlane(Mutex<Option<Plane>>);

/// Prepares it for a configuration. None: nothing wants it, it runs already, or it can't be had; the last is said.
///
/// # Errors
/// A proxy insists on it (`option xdp`) and it can't be had.
pub(crate) fn prepare(config: &Config, running: Option<&KernelPlane>) -> Result<Option<Prepared>> {
    if running.is_some_and(|plane| plane.0.lock().is_some()) {
        return Ok(None);
    }
    match lb_xdp::prepare(config) {
        Ok(prepared) => Ok(Some(prepared)),
        Err(Unavailable::NotWanted) => {
            let mut obstacles =
                placement::place(config).into_iter().flat_map(|placement| placement.obstacles);
            let why = obstacles.find(|obstacle| obstacle.kind == ObstacleKind::GivesUpRoot);
            why.map_or(Ok(()), |why| without(config, &why.kind)).map(|()| None)
        }
        Err(why) => without(config, &why).map(|()| None),
    }
}

/// Goes on in user space, unless a proxy insists on the kernel.
fn without(config: &Config, why: &dyn std::fmt::Display) -> Result<()> {
    if let Some(frontend) = config.frontends.iter().find(|frontend| frontend.xdp == XdpUse::Required) {
        bail!("proxy '{}' has 'option xdp': {why}", frontend.proxy.name);
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
    /// Starts it.
    ///
    /// # Errors
    /// A proxy insists on it and it can't be started.
    pub(crate) fn commit(&self, prepared: Prepared, runtime: &Arc<Runtime>, clock: Clock) -> Result<()> {
        match prepared.commit(Arc::clone(runtime), Arc::new(move || clock.now())) {
            Ok(plane) => {
                *self.0.lock() = Some(plane);
                Ok(())
            }
            Err(why) => {
                without(&runtime.load().config, &format_args!("the kernel plane can't be started: {why:#}"))
            }
        }
    }

    /// What it does; None where there is none.
    pub(crate) fn status(&self) -> Option<Status> {
        self.0.lock().as_ref().map(Plane::status)
    }

    /// Opens no flow any more.
    pub(crate) fn close(&self) {
        if let Some(plane) = &*self.0.lock() {
            plane.close();
        }
    }

    /// Flows that are open.
    pub(crate) fn flows(&self) -> u64 {
        self.status().map_or(0, |status| status.open_flows)
    }

    /// Takes it off the interfaces; its flows end.
    pub(crate) fn stop(&self) {
        if let Some(plane) = self.0.lock().take() {
            plane.stop();
        }
    }
}
