//! The state of the daemon, its one writer, and what readers see.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use lb_conf::model::{self, Config, FrontendId, LogLevel, Name, ServerRef};
use parking_lot::Mutex;

use crate::backend::{Backend, Live};
use crate::change::{Applied, Change, FrontendChange, Refused, ServerChange};
use crate::dataplane::FlowEnd;
use crate::event::{EndedBy, Event, LogEvent, ServerEvent, Subscriber, Subscribers};
use crate::frontend::{Frontend, FrontendState};
use crate::process::{LimitChange, Limits, ProcessState};
use crate::server::{Announcement, Cause, Server, ServerId, State, Status};
use crate::stick::StickTable;
use crate::tick::Tick;

/// A configuration and its state. Those who hold one see the same proxies and servers until they load another; the
/// state of these is always the newest.
#[derive(Debug)]
pub struct Snapshot {
    /// The configuration.
    pub config: Arc<Config>,
    /// Counts from 1 for the first configuration.
    pub generation: u64,
    /// By [`FrontendId`].
    pub frontends: Vec<Arc<Frontend>>,
    /// By [`model::BackendId`].
    pub backends: Vec<Arc<Backend>>,
    /// In the order of [`Config::tables`].
    pub tables: Vec<Arc<StickTable>>,
    by_id: HashMap<ServerId, ServerRef>,
}

impl Snapshot {
    /// The frontend with this id.
    pub fn frontend(&self, id: FrontendId) -> Option<&Arc<Frontend>> {
        self.frontends.get(id.0 as usize)
    }

    /// The frontend of this name.
    pub fn frontend_named(&self, name: &str) -> Option<&Arc<Frontend>> {
        self.frontends.iter().find(|frontend| &*frontend.config.proxy.name == name)
    }

    /// The backend with this id.
    pub fn backend(&self, id: model::BackendId) -> Option<&Arc<Backend>> {
        self.backends.get(id.0 as usize)
    }

    /// The backend of this name.
    pub fn backend_named(&self, name: &str) -> Option<&Arc<Backend>> {
        self.backends.iter().find(|backend| &*backend.config.proxy.name == name)
    }

    /// The stick table of this name.
    pub fn table_named(&self, name: &str) -> Option<&Arc<StickTable>> {
        self.tables.iter().find(|table| &*table.config.name == name)
    }

    /// The server at this place.
    pub fn server_at(&self, at: ServerRef) -> Option<&Arc<Server>> {
        self.backend(at.backend)?.servers.get(at.index as usize)
    }

    /// The server with this id.
    pub fn server(&self, id: ServerId) -> Option<&Arc<Server>> {
        self.server_at(*self.by_id.get(&id)?)
    }

    /// All servers.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.backends.iter().flat_map(|backend| &backend.servers)
    }
}

/// The state of the daemon, shared by everything in it.
#[derive(Debug)]
pub struct Runtime {
    snapshot: ArcSwap<Snapshot>,
    process: ProcessState,
    writer: Mutex<Writer>,
    subscribers: Subscribers,
}

// What only the writer needs; holding it is the right to write.
#[derive(Debug)]
struct Writer {
    next_server: u32,
}

impl Runtime {
    /// The state of a configuration that has just been loaded.
    pub fn new(config: Arc<Config>, now: Tick) -> Self {
        let mut writer = Writer { next_server: 1 };
        let process = ProcessState::new(&config);
        let snapshot = build(config, None, &mut writer, now);
        Self {
            process,
            snapshot: ArcSwap::from_pointee(snapshot),
            writer: Mutex::new(writer),
            subscribers: Subscribers::default(),
        }
    }

    /// The current snapshot, for a moment: takes no lock and counts no reference.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// The current snapshot, to keep.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// What is limited and counted for the process as a whole.
    pub fn process(&self) -> &ProcessState {
        &self.process
    }

    /// From now on `subscriber` learns of each change.
    pub fn subscribe(&self, subscriber: Subscriber) {
        self.subscribers.add(subscriber);
    }

    /// Tells those who log that a session of another plane has ended. It changes nothing.
    pub fn flow_ended(&self, flow: FlowEnd) {
        self.subscribers.tell(&Event::Flow(Arc::new(flow)));
    }

    /// Makes a change. This is the only way to change the state of a server or a frontend.
    ///
    /// # Errors
    ///
    /// The change cannot be made; nothing changed.
    pub fn apply(&self, change: Change, now: Tick) -> Result<Applied, Refused> {
        let _writer = self.writer.lock();
        let snapshot = self.snapshot();
        match change {
            Change::Server(id, change) => self.apply_to_server(&snapshot, id, change, now),
            Change::Frontend(id, change) => self.apply_to_frontend(&snapshot, id, change),
            Change::Limit(change) => self.apply_limit(&snapshot, change),
        }
    }

    fn apply_limit(&self, snapshot: &Snapshot, change: LimitChange) -> Result<Applied, Refused> {
        let configured = Limits::of(&snapshot.config.global);
        if !self.process.limit(change, &configured).ok_or(Refused::OutOfRange)? {
            return Ok(Applied::Unchanged);
        }
        self.subscribers.tell(&Event::Limit);
        Ok(Applied::Changed)
    }

    fn apply_to_server(
        &self,
        snapshot: &Snapshot,
        id: ServerId,
        change: ServerChange,
        now: Tick,
    ) -> Result<Applied, Refused> {
        let server = snapshot.server(id).ok_or(Refused::NoSuchServer)?;
        let backend = snapshot.backend(server.at.backend).ok_or(Refused::NoSuchServer)?;
        if change == ServerChange::ShutdownSessions {
            self.subscribers.tell(&Event::ShutdownSessions(Arc::clone(server), EndedBy::Operator));
            return Ok(Applied::Changed);
        }
        let before = server.state();
        let mut after = before.clone();
        let cause = Cause::of(&change);
        let settings = server.change(backend, &mut after, change, now)?;
        if after == before && !settings {
            return Ok(Applied::Unchanged);
        }
        *server.live.state.lock() = after.clone();
        server.publish(&after);
        let had_servers = backend.usable() > 0;
        if selects_otherwise(&before, &after) {
            backend.refresh(now);
        }
        // The other plane's tables follow the weights of servers that start slowly, too.
        let weight = |state: &State| (state.weight, state.throttle);
        if settings || weight(&before) != weight(&after) {
            self.subscribers.tell(&Event::Settings(Arc::clone(backend), Arc::clone(server)));
        }
        let requeued =
            if after.persistent() { 0 } else { backend.live().queue.disperse(backend.live(), server) };
        // There may be places now for those who wait.
        backend.fill();
        let (before, after) = (&before, &after);
        self.tell(&Announcement { backend, server, cause: &cause, before, after, requeued }, had_servers);
        Ok(Applied::Changed)
    }

    fn tell(&self, what: &Announcement<'_>, had_servers: bool) {
        let (before, after) = (Status::of(what.before), Status::of(what.after));
        if before != after {
            let (backend, server) = (Arc::clone(what.backend), Arc::clone(what.server));
            self.subscribers.tell(&Event::Server(ServerEvent { backend, server, before, after }));
            self.end_sessions(what, before, after);
        }
        let proxy = &what.backend.config.proxy.name;
        for (level, text) in what.lines() {
            self.log(proxy, level, text);
        }
        if had_servers && what.backend.usable() == 0 {
            let kind = if self.is_listen(what.backend) { "proxy" } else { "backend" };
            self.log(proxy, LogLevel::Emerg, format!("{kind} {proxy} has no server available!"));
        }
    }

    // Whether a backend is half of a `listen` section.
    fn is_listen(&self, backend: &Backend) -> bool {
        self.snapshot().frontends.iter().any(|f| f.config.proxy.id == backend.config.proxy.id)
    }

    /// `on-marked-down` and `on-marked-up`.
    fn end_sessions(&self, what: &Announcement<'_>, before: Status, after: Status) {
        let config = &what.server.config;
        match (before.serves(), after.serves()) {
            (true, false) if config.shutdown_on_down => {
                let server = Arc::clone(what.server);
                self.subscribers.tell(&Event::ShutdownSessions(server, EndedBy::ServerDown));
            }
            (false, true) if config.shutdown_backups_on_up && !config.backup => {
                for server in what.backend.servers.iter().filter(|server| server.config.backup) {
                    self.subscribers.tell(&Event::ShutdownSessions(Arc::clone(server), EndedBy::ServerUp));
                }
            }
            _ => {}
        }
    }

    fn log(&self, proxy: &Name, level: LogLevel, text: String) {
        self.subscribers.tell(&Event::Log(LogEvent { proxy: Arc::clone(proxy), level, text }));
    }

    fn apply_to_frontend(
        &self,
        snapshot: &Snapshot,
        id: FrontendId,
        change: FrontendChange,
    ) -> Result<Applied, Refused> {
        let frontend = snapshot.frontend(id).ok_or(Refused::NoSuchFrontend)?;
        if frontend.state() == FrontendState::Stopped {
            return Err(Refused::FrontendStopped);
        }
        if !frontend.change(change) {
            return Ok(Applied::Unchanged);
        }
        self.subscribers.tell(&Event::Frontend(Arc::clone(frontend), change));
        if let Some(text) = frontend.announcement(change) {
            self.log(&frontend.config.proxy.name, LogLevel::Warning, text);
        }
        Ok(Applied::Changed)
    }

    /// Puts another configuration in place. Backends, servers and frontends of the same name keep their state and
    /// counters; what was set at run time stays unless the configuration says otherwise than it did before.
    pub fn reconfigure(&self, config: Arc<Config>, now: Tick) -> Arc<Snapshot> {
        let mut writer = self.writer.lock();
        let old = self.snapshot();
        self.process.set_limits(Limits::of(&config.global));
        let new = Arc::new(build(config, Some(&old), &mut writer, now));
        self.snapshot.store(Arc::clone(&new));
        new.backends.iter().for_each(|backend| backend.fill());
        self.subscribers.tell(&Event::Reconfigured(Arc::clone(&new)));
        new
    }
}

// Whether load balancing has others to choose from, or other weights.
fn selects_otherwise(before: &State, after: &State) -> bool {
    let view = |state: &State| (state.usable(), state.effective_weight());
    view(before) != view(after)
}

fn build(config: Arc<Config>, old: Option<&Snapshot>, writer: &mut Writer, now: Tick) -> Snapshot {
    let frontends = config.frontends.iter().map(|frontend| {
        let before = old.and_then(|old| old.frontend_named(&frontend.proxy.name));
        let config = Arc::clone(frontend);
        Arc::new(
            before.map_or_else(|| Frontend::new(Arc::clone(&config)), |f| f.carry_over(Arc::clone(&config))),
        )
    });
    let frontends = frontends.collect();
    let backends: Vec<_> =
        config.backends.iter().map(|backend| build_backend(&config, backend, old, writer, now)).collect();
    let by_id = backends.iter().flat_map(|b| &b.servers).map(|server| (server.id, server.at)).collect();
    let tables = config.tables.iter().map(|table| {
        let before = old.and_then(|old| old.table_named(&table.name));
        let config = Arc::clone(table);
        Arc::new(
            before
                .map_or_else(|| StickTable::new(Arc::clone(&config)), |t| t.carry_over(Arc::clone(&config))),
        )
    });
    let tables = tables.collect();
    let generation = old.map_or(1, |old| old.generation + 1);
    Snapshot { config, generation, frontends, backends, tables, by_id }
}

// `fullconn`, or a tenth of what all frontends together let through to the backend.
fn fullconn(config: &Config, backend: &model::Backend) -> u64 {
    if let Some(fullconn) = backend.fullconn {
        return u64::from(fullconn);
    }
    let leading = config.frontends.iter().filter(|frontend| frontend.default_backend == Some(backend.id));
    let limits =
        leading.map(|frontend| frontend.maxconn.or(config.global.connection_limit()).map_or(0, u64::from));
    limits.sum::<u64>().div_ceil(10).max(1)
}

fn build_backend(
    all: &Config,
    config: &Arc<model::Backend>,
    old: Option<&Snapshot>,
    writer: &mut Writer,
    now: Tick,
) -> Arc<Backend> {
    let before = old.and_then(|old| old.backend_named(&config.proxy.name));
    let live = before.map_or_else(|| Arc::new(Live::new(now)), |before| Arc::clone(before.live()));
    let servers = config.servers.iter().zip(0..).map(|(server, index)| {
        let at = ServerRef { backend: config.id, index };
        let known = before.and_then(|before| before.server(&server.name));
        Arc::new(match known {
            Some(known) => known.carry_over(at, Arc::clone(server), now),
            None => Server::new(writer.server_id(), at, Arc::clone(server), &live, now),
        })
    });
    let servers = servers.collect();
    let backend = Backend::new(Arc::clone(config), servers, fullconn(all, config), Arc::clone(&live), now);
    let backend = Arc::new(backend);
    before.into_iter().for_each(|before| before.dismiss(&backend));
    backend
}

impl Writer {
    fn server_id(&mut self) -> ServerId {
        let id = ServerId(self.next_server);
        self.next_server += 1;
        id
    }
}
