//! TLS of a whole configuration.

use std::collections::HashMap;
use std::sync::Arc;

use lb_conf::diag::Diagnostic;
use lb_conf::host::Host;
use lb_conf::model::{BindTls, Config, FrontendId, Server, ServerRef, ServerTls};

use super::{Acceptor, Connector, Loader, Shared, Store};

/// What the addresses and the servers of a configuration shake hands with. The default has none of it.
#[derive(Debug, Default)]
pub struct Site {
    acceptors: HashMap<(FrontendId, usize), Arc<Acceptor>>,
    connectors: HashMap<ServerRef, Links>,
    store: Arc<Store>,
}

/// How a server is connected to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    /// For traffic.
    pub(crate) traffic: Option<Upstream>,
    /// For checks.
    pub(crate) check: Option<Upstream>,
}

/// What shakes hands with a server, and the name that it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) connector: Connector,
    /// For WebSocket, which goes over one version of HTTP.
    pub(crate) websocket: Connector,
    pub(crate) sni: Option<Arc<str>>,
}

impl Site {
    /// Reads all files that the configuration names, and says everything that is wrong with them. The result is meant
    /// for use only if nothing of that is an alert.
    pub fn load(config: &Config, host: &dyn Host, shared: &Shared) -> (Self, Vec<Diagnostic>) {
        let mut reader = Reader {
            loader: Loader::new(host, &config.global.tls, shared),
            acceptors: HashMap::new(),
            connectors: HashMap::new(),
        };
        let mut site = Self::default();
        for frontend in &config.frontends {
            for (index, bind) in frontend.binds.iter().enumerate() {
                let acceptor = bind.tls.as_ref().and_then(|tls| reader.acceptor(tls));
                site.acceptors.extend(acceptor.map(|acceptor| ((frontend.id, index), acceptor)));
            }
        }
        for backend in &config.backends {
            for (server, index) in backend.servers.iter().zip(0..) {
                let links = reader.links(server);
                if links.traffic.is_some() || links.check.is_some() {
                    site.connectors.insert(ServerRef { backend: backend.id, index }, links);
                }
            }
        }
        let (store, mut notes, errors) = reader.loader.finish();
        notes.extend(errors.iter().map(super::TlsError::diagnostic));
        (Self { store: Arc::new(store), ..site }, notes)
    }

    /// The certificates, for commands that replace them.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What the clients of an address shake hands with.
    pub(crate) fn acceptor(&self, frontend: FrontendId, bind: usize) -> Option<&Arc<Acceptor>> {
        self.acceptors.get(&(frontend, bind))
    }

    /// How the traffic of a server goes through TLS.
    pub(crate) fn upstream(&self, server: ServerRef) -> Option<&Upstream> {
        self.connectors.get(&server)?.traffic.as_ref()
    }

    /// How the checks of a server go through TLS.
    pub(crate) fn check(&self, server: ServerRef) -> Option<&Upstream> {
        self.connectors.get(&server)?.check.as_ref()
    }
}

/// Loads what several addresses or servers share once.
struct Reader<'a> {
    loader: Loader<'a>,
    acceptors: HashMap<*const BindTls, Option<Arc<Acceptor>>>,
    connectors: HashMap<*const ServerTls, Option<Connector>>,
}

impl Reader<'_> {
    fn acceptor(&mut self, tls: &Arc<BindTls>) -> Option<Arc<Acceptor>> {
        let loader = &mut self.loader;
        self.acceptors.entry(Arc::as_ptr(tls)).or_insert_with(|| Acceptor::load(tls, loader).ok()).clone()
    }

    fn connector(&mut self, tls: &Arc<ServerTls>) -> Option<Connector> {
        let loader = &mut self.loader;
        self.connectors.entry(Arc::as_ptr(tls)).or_insert_with(|| Connector::load(tls, loader).ok()).clone()
    }

    fn links(&mut self, server: &Server) -> Links {
        let traffic = server.tls.as_ref().and_then(|tls| {
            let connector = self.connector(tls)?;
            let version = if server.websocket_over_h2() { "h2" } else { "http/1.1" };
            // Where nothing is offered, nothing is agreed on.
            let websocket =
                if tls.alpn.is_empty() { connector.clone() } else { connector.with_alpn(&[version]) };
            Some(Upstream { connector, websocket, sni: tls.sni.clone() })
        });
        let check = server.check.as_ref().and_then(|check| check.tls.as_ref()).and_then(|check| {
            let connector = self.connector(&check.tls)?;
            let connector = check.alpn.iter().fold(connector, |c, names| c.with_alpn(names));
            Some(Upstream { websocket: connector.clone(), connector, sni: check.sni.clone() })
        });
        Links { traffic, check }
    }
}
