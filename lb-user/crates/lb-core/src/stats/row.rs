//! The rows of `show stat`.

use std::sync::Arc;

use lb_conf::model::{Mode, Proxy};

use crate::backend::Backend;
use crate::counters::Traffic;
use crate::frontend::Frontend;
use crate::runtime::Snapshot;
use crate::server::{Server, State, Status};
use crate::tick::Tick;

/// A row of statistics.
#[derive(Clone, Debug)]
pub struct Row {
    /// Now.
    pub now: Tick,
    /// What it is about.
    pub subject: Subject,
    /// The limit that holds where a frontend has none of its own.
    pub global_maxconn: u64,
    /// Whether servers are left out of the output, so that their backend's row counts them.
    pub counted: bool,
}

/// What a row is about.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A frontend.
    Frontend(Arc<Frontend>),
    /// A server of a backend, in this state.
    Server(Arc<Backend>, Arc<Server>, Box<State>),
    /// A backend.
    Backend(Arc<Backend>),
}

impl Row {
    /// The letter of its kind in typed output.
    pub fn letter(&self) -> char {
        match self.subject {
            Subject::Frontend(_) => 'F',
            Subject::Server(..) => 'S',
            Subject::Backend(_) => 'B',
        }
    }

    /// The name of its kind in JSON.
    pub fn kind(&self) -> &'static str {
        match self.subject {
            Subject::Frontend(_) => "Frontend",
            Subject::Server(..) => "Server",
            Subject::Backend(_) => "Backend",
        }
    }

    /// Its number: `type`, and 0 or the server's.
    pub fn numbers(&self) -> (u32, u32) {
        match &self.subject {
            Subject::Frontend(_) => (0, 0),
            Subject::Backend(_) => (1, 0),
            Subject::Server(_, server, _) => (2, server.config.id),
        }
    }

    /// The proxy that it belongs to.
    pub fn proxy(&self) -> &Proxy {
        match &self.subject {
            Subject::Frontend(frontend) => &frontend.config.proxy,
            Subject::Server(backend, ..) | Subject::Backend(backend) => &backend.config.proxy,
        }
    }

    /// Its counters.
    pub fn traffic(&self) -> &Traffic {
        match &self.subject {
            Subject::Frontend(frontend) => frontend.traffic(),
            Subject::Server(_, server, _) => &server.counters().traffic,
            Subject::Backend(backend) => backend.traffic(),
        }
    }

    /// Whether its proxy speaks HTTP.
    pub fn http(&self) -> bool {
        self.proxy().mode == Mode::Http
    }

    /// The server and its state, if it is about one.
    pub(crate) fn server(&self) -> Option<(&Arc<Server>, &State)> {
        match &self.subject {
            Subject::Server(_, server, state) => Some((server, state)),
            _ => None,
        }
    }

    /// The backend, if it is about one.
    pub(crate) fn backend(&self) -> Option<&Arc<Backend>> {
        match &self.subject {
            Subject::Backend(backend) => Some(backend),
            _ => None,
        }
    }
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this proxy only, by name or by number.
    pub proxy: Option<String>,
    /// Of these kinds only: 1 for frontends, 2 for backends, 4 for servers, added up. None: of all.
    pub kinds: Option<u32>,
    /// The server of this number only.
    pub server: Option<u32>,
    /// Without servers in maintenance.
    pub no_maint: bool,
    /// Without servers that are down.
    pub up: bool,
}

impl Filter {
    fn wants_proxy(&self, proxy: &Proxy) -> bool {
        self.proxy.as_ref().is_none_or(|wanted| *wanted == *proxy.name || *wanted == proxy.id.0.to_string())
    }

    fn wants(&self, row: &Row) -> bool {
        let bit = match row.subject {
            Subject::Frontend(_) => 1,
            Subject::Backend(_) => 2,
            Subject::Server(..) => 4,
        };
        self.kinds.is_none_or(|kinds| kinds & bit != 0) && self.wants_server(row)
    }

    fn wants_server(&self, row: &Row) -> bool {
        let Some((server, state)) = row.server() else { return true };
        let status = Status::of(state);
        let maint = matches!(status, Status::Maint | Status::MaintResolution);
        self.server.is_none_or(|id| id == server.config.id)
            && !(self.no_maint && maint)
            && (!self.up || status.serves())
    }
}

/// The rows of a configuration: by proxy, in its order, the frontend, the servers, the backend.
pub fn rows(snapshot: &Snapshot, filter: &Filter, global_maxconn: u64, now: Tick) -> Vec<Row> {
    let counted = filter.no_maint || filter.up;
    let row = |subject| Row { now, subject, global_maxconn, counted };
    let mut rows: Vec<Row> =
        snapshot.frontends.iter().map(|f| row(Subject::Frontend(Arc::clone(f)))).collect();
    for backend in &snapshot.backends {
        for server in &backend.servers {
            let state = Box::new(server.state());
            rows.push(row(Subject::Server(Arc::clone(backend), Arc::clone(server), state)));
        }
        rows.push(row(Subject::Backend(Arc::clone(backend))));
    }
    // The sort is stable: a frontend was pushed before its backend of the same section.
    rows.sort_by_key(|row| row.proxy().id);
    rows.retain(|row| filter.wants_proxy(row.proxy()) && filter.wants(row));
    rows
}
