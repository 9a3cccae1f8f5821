//! A plane on loopback, from a configuration that is put together by hand: what is tested here is the plane alone.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{
    Backend, BackendId, Bind, BindAddress, Config, Frontend, FrontendId, Mode, PortSpec, Proxy, ProxyId,
    Server, ServerAddress,
};
use lb_core::Runtime;
use lb_proxy::tls;
use lb_proxy::{Clock, Plane, prepare};

/// A frontend `web` before a backend `app`.
pub(crate) struct Site {
    pub(crate) frontend: Frontend,
    pub(crate) backend: Backend,
    threads: u32,
}

impl Site {
    /// On port 0 of loopback, with short timeouts.
    pub(crate) fn new(mode: Mode, servers: &[SocketAddr]) -> Self {
        let mut frontend = Frontend::new(Proxy::new(ProxyId(2), "web", mode), FrontendId(0));
        frontend.binds.push(Bind::new(BindAddress::Inet(SocketAddr::from(([127, 0, 0, 1], 0)))));
        frontend.default_backend = Some(BackendId(0));
        frontend.timeout_client = Some(Duration::from_secs(10));
        let mut backend = Backend::new(Proxy::new(ProxyId(3), "app", mode), BackendId(0));
        backend.timeout_connect = Some(Duration::from_secs(1));
        backend.timeout_server = Some(Duration::from_secs(10));
        backend.servers = servers.iter().zip(1..).map(|(addr, n)| Arc::new(server(n, *addr))).collect();
        Self { frontend, backend, threads: 2 }
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        let mut config = Config::default();
        config.global.nbthread = Some(self.threads);
        config.frontends = vec![Arc::new(self.frontend.clone())];
        config.backends = vec![Arc::new(self.backend.clone())];
        Arc::new(config)
    }

    /// Changes the only server that there is so far.
    pub(crate) fn edit_server(&mut self, edit: impl FnOnce(&mut Server)) {
        let mut server = (*self.backend.servers[0]).clone();
        edit(&mut server);
        self.backend.servers[0] = Arc::new(server);
    }

    pub(crate) fn start(&self) -> Running {
        serve(self.config())
    }
}

/// Serves what a text says, with `PORT` in it replaced by a free port.
pub(crate) fn serve_text(text: &str) -> Running {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let outcome = lb_conf::load_text("test.cfg", &text.replace("PORT", &free.port().to_string()));
    serve(Arc::new(outcome.config.unwrap_or_else(|| panic!("{:#?}", outcome.diagnostics))))
}

fn serve(config: Arc<Config>) -> Running {
    let clock = Clock::start();
    let runtime = Arc::new(Runtime::new(Arc::clone(&config), clock.now()));
    let prepared = prepare(&config, tls::Site::default(), None).expect("addresses");
    let address = prepared.addresses().next().expect("an address").1;
    let plane = Plane::start(prepared, Arc::clone(&runtime), clock).expect("threads");
    Running { plane, runtime, clock, address }
}

fn server(n: u32, addr: SocketAddr) -> Server {
    Server::new(format!("s{n}"), ServerAddress::Inet(addr.ip(), PortSpec::Fixed(addr.port())))
}

/// A plane that serves; it ends with this.
pub(crate) struct Running {
    pub(crate) plane: Plane,
    pub(crate) runtime: Arc<Runtime>,
    clock: Clock,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Another configuration takes over, as the daemon does it.
    pub(crate) fn reload(&self, site: &Site) {
        let config = site.config();
        let prepared = prepare(&config, tls::Site::default(), Some(&self.plane)).expect("addresses");
        self.runtime.reconfigure(config, self.clock.now());
        self.plane.commit(prepared);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.plane.hard_stop();
        self.plane.wait();
    }
}
