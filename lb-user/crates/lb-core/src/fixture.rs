//! Configurations and events for tests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{
    self, BackendId, Column, Config, FrontendId, KeyType, Mode, PortSpec, Proxy, ProxyId, ServerAddress,
    ServerCheck,
};
use parking_lot::Mutex;

use crate::change::{Applied, Change, Refused, ServerChange};
use crate::check::{CheckReport, CheckStatus};
use crate::event::Event;
use crate::host::{Host, Process, SessionInfo};
use crate::runtime::Runtime;
use crate::server::Server;
use crate::tick::Tick;

/// A server on a port of the loopback address.
pub(crate) fn server(name: &str, port: u16) -> model::Server {
    let address = ServerAddress::Inet(IpAddr::V4(Ipv4Addr::LOCALHOST), PortSpec::Fixed(port));
    model::Server::new(name, address)
}

/// The same, checked with the default times.
pub(crate) fn checked(name: &str, port: u16) -> model::Server {
    model::Server { check: Some(ServerCheck::new(None)), ..server(name, port) }
}

/// A backend of these servers, numbered in their order.
pub(crate) fn backend(name: &str, servers: Vec<model::Server>) -> model::Backend {
    let numbered = servers.into_iter().zip(1..).map(|(server, id)| Arc::new(model::Server { id, ..server }));
    let proxy = Proxy::new(ProxyId(0), name, Mode::Http);
    model::Backend { servers: numbered.collect(), ..model::Backend::new(proxy, BackendId(0)) }
}

/// A configuration of a frontend `f` and these backends.
pub(crate) fn config(backends: Vec<model::Backend>) -> Arc<Config> {
    let backends = backends.into_iter().zip(0..).map(|(backend, index)| {
        let proxy = Proxy { id: ProxyId(index + 3), ..backend.proxy.clone() };
        Arc::new(model::Backend { id: BackendId(index), proxy, ..backend })
    });
    let frontend = model::Frontend::new(Proxy::new(ProxyId(2), "f", Mode::Http), FrontendId(0));
    Arc::new(Config {
        frontends: vec![Arc::new(frontend)],
        backends: backends.collect(),
        ..Config::default()
    })
}

/// A stick table.
pub(crate) fn table(
    name: &str,
    key: KeyType,
    size: u32,
    expire: Option<Duration>,
    columns: &[Column],
) -> Arc<model::StickTable> {
    Arc::new(model::StickTable {
        name: name.into(),
        key,
        size,
        expire,
        no_purge: false,
        server_by_address: false,
        columns: columns.to_vec(),
        span: lb_conf::span::Span::default(),
    })
}

/// A runtime of one backend `b`, with what its subscribers are told.
pub(crate) struct Fixture {
    pub(crate) runtime: Runtime,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    pub(crate) now: Tick,
}

impl Fixture {
    pub(crate) fn new(backend: model::Backend) -> Self {
        let now = Tick::from_millis(1_000_000);
        let runtime = Runtime::new(config(vec![backend]), now);
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&log);
        runtime.subscribe(Box::new(move |event| {
            if let Event::Log(line) = event {
                lines.lock().push(format!("{} {}", line.level as u8, line.text));
            }
        }));
        Self { runtime, log, now }
    }

    pub(crate) fn server(&self, name: &str) -> Arc<Server> {
        let snapshot = self.runtime.snapshot();
        Arc::clone(snapshot.backends[0].server(name).unwrap())
    }

    pub(crate) fn apply(&self, name: &str, change: ServerChange) -> Result<Applied, Refused> {
        self.runtime.apply(Change::Server(self.server(name).id, change), self.now)
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// The lines that were logged since the last call.
    pub(crate) fn logged(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock())
    }
}

/// A check's report without a duration.
pub(crate) fn report(status: CheckStatus, code: Option<u16>, info: &str) -> CheckReport {
    CheckReport { code, info: info.into(), ..CheckReport::new(status, Duration::ZERO) }
}

/// A process for tests.
#[derive(Debug, Default)]
pub(crate) struct TestHost;

impl Host for TestHost {
    fn process(&self) -> Process {
        Process { version: "1.2.3".into(), node: "here".into(), pid: 42, threads: 2, ..Process::default() }
    }

    fn sessions(&self) -> Vec<SessionInfo> {
        vec![SessionInfo {
            id: 7,
            protocol: "tcpv4",
            source: Some(([192, 0, 2, 1], 5000).into()),
            frontend: "f".into(),
            backend: Some("b".into()),
            server: None,
            age: Duration::from_secs(5),
        }]
    }

    fn shutdown_session(&self, id: u64) -> bool {
        id == 7
    }

    fn reload(&self) -> Result<(), String> {
        Ok(())
    }
}
