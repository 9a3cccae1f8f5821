//! Backends at run time.

use std::sync::Arc;

use arc_swap::ArcSwap;
use lb_conf::model::{self, Algorithm, HashKind};

use crate::balance::{Pick, PickInput, Selection};
use crate::counters::Traffic;
use crate::server::Server;

/// A backend of one configuration, with the state that outlives it.
#[derive(Debug)]
pub struct Backend {
    /// As configured.
    pub config: Arc<model::Backend>,
    /// Its servers, in the order of the configuration.
    pub servers: Vec<Arc<Server>>,
    selection: ArcSwap<Selection>,
    live: Arc<Live>,
}

/// What outlives a reload.
#[derive(Debug, Default)]
struct Live {
    traffic: Traffic,
}

impl Backend {
    pub(crate) fn new(config: Arc<model::Backend>, servers: Vec<Arc<Server>>) -> Self {
        Self::with_live(config, servers, Arc::default())
    }

    fn with_live(config: Arc<model::Backend>, servers: Vec<Arc<Server>>, live: Arc<Live>) -> Self {
        let selection = ArcSwap::from_pointee(Selection::new(&config, &servers));
        Self { config, servers, selection, live }
    }

    /// The same backend under another configuration.
    pub(crate) fn carry_over(&self, config: Arc<model::Backend>, servers: Vec<Arc<Server>>) -> Self {
        Self::with_live(config, servers, Arc::clone(&self.live))
    }

    /// The server of this name.
    pub fn server(&self, name: &str) -> Option<&Arc<Server>> {
        self.servers.iter().find(|server| &*server.config.name == name)
    }

    /// Its counters.
    pub fn traffic(&self) -> &Traffic {
        &self.live.traffic
    }

    /// The servers among which load balancing chooses now: what both planes build on.
    pub fn selection(&self) -> Arc<Selection> {
        self.selection.load_full()
    }

    /// `nbsrv`: how many servers load balancing chooses among.
    pub fn usable(&self) -> usize {
        self.selection.load().candidates().len()
    }

    /// Whether weights may not change at run time: the table of a map-based hash would move all clients.
    pub fn fixed_weights(&self) -> bool {
        match self.config.algorithm {
            Algorithm::StaticRr => true,
            Algorithm::Source | Algorithm::Key(_) => self.config.hash_type.kind == HashKind::MapBased,
            Algorithm::RoundRobin | Algorithm::LeastConn | Algorithm::First | Algorithm::Random(_) => false,
        }
    }

    /// How many active and how many backup servers are fit for load balancing.
    pub fn usable_by_kind(&self) -> (usize, usize) {
        let usable = |backup| {
            let of_kind = self.servers.iter().filter(|server| server.config.backup == backup);
            of_kind.filter(|server| server.state().usable()).count()
        };
        (usable(false), usable(true))
    }

    /// Sessions that wait for a server.
    pub fn waiting(&self) -> usize {
        0
    }

    /// Chooses a server and takes a place on it. Takes no lock.
    pub fn pick(&self, input: &PickInput<'_>) -> Pick {
        self.selection.load().pick(input)
    }

    // After a change of a server: builds the selection anew.
    pub(crate) fn refresh(&self) {
        self.selection.store(Arc::new(Selection::new(&self.config, &self.servers)));
    }
}
