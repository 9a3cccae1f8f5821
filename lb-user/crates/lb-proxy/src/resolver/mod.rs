//! Names of servers are looked up again and again, and the servers follow (configuration.txt, section 5.3).
//!
//! Each name of each backend has a task in the thread of the checks.

mod ask;
mod assign;
mod message;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use lb_conf::model::{BackendId, Lookup, Name, Resolvers, ServerAddress};
use lb_core::host::{NameServerInfo, ResolversInfo};
use lb_core::server::Admin;
use lb_core::{Change, Server, ServerChange, Snapshot};
use parking_lot::Mutex;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep};

use self::ask::{Counters, lookup};
use self::message::Failure;
use crate::worker::Shared;

/// What all sections were answered.
#[derive(Debug, Default)]
pub(crate) struct Sections(Mutex<Vec<Arc<Section>>>);

/// A `resolvers` section at work.
#[derive(Debug)]
struct Section {
    config: Arc<Resolvers>,
    /// For each of its name servers.
    counters: Vec<Arc<Counters>>,
}

impl Sections {
    /// For `show resolvers`.
    pub(crate) fn show(&self) -> Vec<ResolversInfo> {
        self.0.lock().iter().map(|section| section.show()).collect()
    }

    /// Takes the sections of another configuration; name servers that stay go on counting.
    fn replace(&self, configs: &[Arc<Resolvers>]) -> Vec<Arc<Section>> {
        let mut sections = self.0.lock();
        let new = configs.iter().map(|config| Arc::new(Section::new(config, &sections))).collect();
        *sections = new;
        sections.clone()
    }
}

impl Section {
    fn new(config: &Arc<Resolvers>, old: &[Arc<Self>]) -> Self {
        let old = old.iter().find(|section| section.config.name == config.name);
        let counters = config.servers.iter().map(|server| {
            let at = old.and_then(|old| old.config.servers.iter().position(|s| s.name == server.name));
            at.and_then(|at| old?.counters.get(at)).cloned().unwrap_or_default()
        });
        Self { config: Arc::clone(config), counters: counters.collect() }
    }

    fn show(&self) -> ResolversInfo {
        let servers = self.config.servers.iter().zip(&self.counters);
        let servers = servers.map(|(server, counters)| NameServerInfo {
            name: server.name.to_string(),
            counters: counters.show(),
        });
        ResolversInfo { name: self.config.name.to_string(), servers: servers.collect() }
    }
}

/// The tasks that look names up.
#[derive(Default)]
pub(crate) struct Resolver {
    tasks: Vec<AbortHandle>,
}

/// Servers of a backend that share a name.
struct Group {
    shared: Arc<Shared>,
    section: Arc<Section>,
    name: Name,
    lookup: Lookup,
    servers: Vec<Arc<Server>>,
    /// When each address was in an answer last.
    seen: HashMap<IpAddr, Instant>,
    /// When an answer was valid last.
    valid: Instant,
}

impl Resolver {
    /// Looks up what this configuration names.
    pub(crate) fn follow(&mut self, shared: &Arc<Shared>, snapshot: &Snapshot) {
        self.stop();
        let sections = shared.resolvers.replace(&snapshot.config.resolvers);
        let mut groups: BTreeMap<(BackendId, Name), Vec<Arc<Server>>> = BTreeMap::new();
        for server in snapshot.servers().filter(|server| server.config.lookup.is_some()) {
            let Some(name) = &server.config.hostname else { continue };
            groups.entry((server.at.backend, Arc::clone(name))).or_default().push(Arc::clone(server));
        }
        for ((_, name), servers) in groups {
            let Some(lookup) = servers.first().and_then(|s| s.config.lookup.clone()) else { continue };
            let Some(section) = sections.get(lookup.resolvers).map(Arc::clone) else { continue };
            let (shared, seen, valid) = (Arc::clone(shared), HashMap::new(), Instant::now());
            let group = Group { shared, section, name, lookup, servers, seen, valid };
            self.tasks.push(spawn_local(group.follow()).abort_handle());
        }
    }

    fn stop(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Group {
    async fn follow(mut self) {
        loop {
            let config = Arc::clone(&self.section.config);
            match lookup(&config, &self.section.counters, &self.name, self.lookup.prefer_v4).await {
                Ok(found) => self.take(&found),
                Err(failure) => self.fail(failure),
            }
            sleep(config.interval).await;
        }
    }

    /// Gives the servers what the name has.
    fn take(&mut self, found: &[IpAddr]) {
        let now = Instant::now();
        self.valid = now;
        self.seen.extend(found.iter().map(|ip| (*ip, now)));
        let obsolete = self.section.config.hold.obsolete;
        self.seen.retain(|_, seen| now.duration_since(*seen) <= obsolete);
        let known: Vec<IpAddr> = self.seen.keys().copied().collect();
        let current: Vec<_> = self.servers.iter().map(|server| address(server)).collect();
        for (server, (old, new)) in
            self.servers.iter().zip(current.iter().zip(assign::assign(&current, &known, &self.lookup)))
        {
            if *old != new {
                self.tell(server, new);
            }
        }
    }

    /// Takes the servers out once what was found last is too old.
    fn fail(&self, failure: Failure) {
        let hold = &self.section.config.hold;
        let limit = match failure {
            Failure::Nx => hold.nx,
            Failure::Refused => hold.refused,
            Failure::Timeout => hold.timeout,
            Failure::Empty | Failure::Other => hold.other,
        };
        if self.valid.elapsed() > limit {
            let resolved = self.servers.iter().filter(|server| address(server).is_some());
            resolved.for_each(|server| self.tell(server, None));
        }
    }

    fn tell(&self, server: &Server, ip: Option<IpAddr>) {
        let change = Change::Server(server.id, ServerChange::Resolved(ip));
        match self.shared.runtime.apply(change, self.shared.clock.now()) {
            Ok(_) => match ip {
                Some(ip) => log::info!("{} is at {ip} now, server {}", self.name, server.config.name),
                None => log::warn!("{} has no address for server {}", self.name, server.config.name),
            },
            // It left with a reload, which ends this task.
            Err(e) => log::debug!("{}: {e}", server.config.name),
        }
    }
}

/// The address that a server was given, if it has one.
fn address(server: &Server) -> Option<IpAddr> {
    if server.state().admin.any(Admin::RESOLUTION_MAINT) {
        return None;
    }
    match *server.address() {
        ServerAddress::Inet(ip, _) => Some(ip),
        ServerAddress::Unix(_) => None,
    }
}
