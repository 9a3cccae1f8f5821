//! Which plane serves a frontend, and what prevents the kernel plane from serving it.
//!
//! Computed from the configuration alone, so that a check of the configuration prints what a running daemon does. What
//! only the host can tell (privileges, drivers, routes) comes on top of it at run time.

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use lb_conf::model::{
    Algorithm, Backend, Bind, BindAddress, Config, Frontend, FrontendId, Mode, Name, Server, ServerAddress,
    XdpUse,
};
use lb_conf::span::Span;

/// Where a frontend is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The frontend.
    pub frontend: FrontendId,
    /// Its name.
    pub name: Name,
    /// What keeps all of it in user space. Empty: the kernel takes the binds that have no obstacle of their own.
    pub obstacles: Vec<Obstacle>,
    /// For each bind of the frontend what keeps it in user space.
    pub binds: Vec<Option<Obstacle>>,
    /// `option xdp` is set.
    pub required: bool,
}

/// Something that keeps a frontend, or one of its addresses, in user space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is.
    pub kind: ObstacleKind,
    /// The place in the configuration that is responsible.
    pub span: Span,
}

/// What keeps a frontend in user space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObstacleKind {
    /// Requests are read and answered in user space.
    HttpMode,
    /// `no option xdp`.
    TurnedOff,
    /// `disabled`: nothing is served.
    Disabled,
    /// No `xdp-interface` in `global`.
    NoInterface,
    /// Connections are closed as soon as they are accepted.
    NoBackend,
    /// The backend has no server.
    NoServer(Name),
    /// `balance` with an algorithm that needs what only user space knows.
    Algorithm(&'static str),
    /// A bind on a Unix socket.
    UnixBind,
    /// A bind on a socket that the process was started with: where it listens is not known before it is used.
    InheritedBind,
    /// `interface` on a bind line: services of the kernel plane are the same on all interfaces.
    BindInterface,
    /// `maxconn` on a bind line: the kernel plane counts by frontend.
    BindLimit,
    /// A server on a Unix socket.
    UnixServer(Name),
    /// No server has an address of the bind's family.
    OtherFamily,
}

impl fmt::Display for ObstacleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HttpMode => f.write_str("mode http is served in user space"),
            Self::TurnedOff => f.write_str("'no option xdp' keeps it in user space"),
            Self::Disabled => f.write_str("it is disabled"),
            Self::NoInterface => f.write_str("there is no 'xdp-interface' in the global section"),
            Self::NoBackend => f.write_str("it has no default_backend"),
            Self::NoServer(backend) => write!(f, "backend '{backend}' has no server"),
            Self::Algorithm(name) => write!(f, "'{name}' is done in user space"),
            Self::UnixBind => f.write_str("a Unix socket is served in user space"),
            Self::InheritedBind => f.write_str("an inherited socket is served in user space"),
            Self::BindInterface => f.write_str("'interface' on a bind line is served in user space"),
            Self::BindLimit => f.write_str("'maxconn' on a bind line is served in user space"),
            Self::UnixServer(server) => write!(f, "server '{server}' is on a Unix socket"),
            Self::OtherFamily => f.write_str("no server has an address of this family"),
        }
    }
}

impl Placement {
    /// Whether the kernel takes at least one bind of the frontend.
    pub fn in_kernel(&self) -> bool {
        self.obstacles.is_empty() && self.binds.iter().any(Option::is_none)
    }

    /// The indices of the binds that the kernel takes.
    pub fn kernel_binds(&self) -> impl Iterator<Item = usize> + '_ {
        let open = self.obstacles.is_empty();
        self.binds.iter().enumerate().filter(move |(_, o)| open && o.is_none()).map(|(index, _)| index)
    }

    /// Everything that keeps something in user space.
    pub fn all_obstacles(&self) -> impl Iterator<Item = &Obstacle> {
        self.obstacles.iter().chain(self.binds.iter().flatten())
    }

    /// `option xdp` wants the kernel plane, and this is why it cannot be had.
    pub fn refusal(&self) -> Option<&Obstacle> {
        self.all_obstacles().next().filter(|_| self.required)
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plane = if self.in_kernel() { "kernel" } else { "user space" };
        write!(f, "{}: {plane}", self.name)
    }
}

/// The placement of each frontend, in their order.
pub fn place(config: &Config) -> Vec<Placement> {
    config.frontends.iter().map(|frontend| place_frontend(config, frontend)).collect()
}

fn place_frontend(config: &Config, frontend: &Frontend) -> Placement {
    let backend = frontend.default_backend.and_then(|id| config.backend(id));
    let mut obstacles = Vec::new();
    let head = frontend.proxy.span;
    let mut add = |kind, span| obstacles.push(Obstacle { kind, span });
    let global = [
        (frontend.disabled, ObstacleKind::Disabled),
        (frontend.proxy.mode == Mode::Http, ObstacleKind::HttpMode),
        (frontend.xdp == XdpUse::Off, ObstacleKind::TurnedOff),
        (config.global.xdp_interfaces.is_empty(), ObstacleKind::NoInterface),
    ];
    global.into_iter().filter(|(is, _)| *is).for_each(|(_, kind)| add(kind, head));
    match backend {
        None => add(ObstacleKind::NoBackend, head),
        Some(backend) => backend_obstacles(backend, &mut add),
    }
    let binds = frontend.binds.iter().map(|bind| {
        let kind = bind_obstacle(bind, backend.map(|b| &**b))?;
        Some(Obstacle { kind, span: bind.span })
    });
    Placement {
        frontend: frontend.id,
        name: frontend.proxy.name.clone(),
        binds: binds.collect(),
        obstacles,
        required: frontend.xdp == XdpUse::Required,
    }
}

fn backend_obstacles(backend: &Backend, add: &mut impl FnMut(ObstacleKind, Span)) {
    if backend.servers.is_empty() {
        add(ObstacleKind::NoServer(backend.proxy.name.clone()), backend.proxy.span);
    }
    if let Some(name) = user_space_algorithm(backend) {
        add(ObstacleKind::Algorithm(name), backend.proxy.span);
    }
    for server in &backend.servers {
        if matches!(server.address, ServerAddress::Unix(_)) {
            add(ObstacleKind::UnixServer(server.name.clone()), server.span);
        }
    }
}

/// The word that makes the choice of a server depend on what the kernel plane does not know.
fn user_space_algorithm(backend: &Backend) -> Option<&'static str> {
    match &backend.algorithm {
        Algorithm::Source if backend.hash_balance_factor.is_some() => Some("hash-balance-factor"),
        Algorithm::RoundRobin | Algorithm::StaticRr | Algorithm::Source => None,
        Algorithm::LeastConn => Some("balance leastconn"),
        Algorithm::First => Some("balance first"),
        Algorithm::Random(_) => Some("balance random"),
        Algorithm::Key(_) => Some("a balance by parts of the request"),
    }
}

fn bind_obstacle(bind: &Bind, backend: Option<&Backend>) -> Option<ObstacleKind> {
    match &bind.address {
        BindAddress::Unix(_) => Some(ObstacleKind::UnixBind),
        BindAddress::Inherited(_) => Some(ObstacleKind::InheritedBind),
        BindAddress::Inet(_) if bind.interface.is_some() => Some(ObstacleKind::BindInterface),
        BindAddress::Inet(_) if bind.maxconn.is_some() => Some(ObstacleKind::BindLimit),
        BindAddress::Inet(address) => {
            // An IPv6 wildcard takes IPv4 too, unless it is told not to.
            let both = address.ip() == Ipv6Addr::UNSPECIFIED && bind.v6_only != Some(true);
            let servers = &backend?.servers;
            let fits = |server: &Arc<Server>| both || server_is_v4(server) == Some(address.is_ipv4());
            (!servers.is_empty() && !servers.iter().any(fits)).then_some(ObstacleKind::OtherFamily)
        }
    }
}

fn server_is_v4(server: &Server) -> Option<bool> {
    match &server.address {
        ServerAddress::Inet(ip, _) => Some(ip.is_ipv4()),
        ServerAddress::Unix(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use lb_conf::model::{BackendId, Global, PortSpec, Proxy, ProxyId, XdpInterface, XdpMode};

    use super::*;

    fn line(line: u32) -> Span {
        Span { line, start: 1, end: 2, ..Span::default() }
    }

    fn proxy(name: &str, at: u32) -> Proxy {
        Proxy { span: line(at), ..Proxy::new(ProxyId(at), name, Mode::Tcp) }
    }

    fn server(name: &str, address: &str, at: u32) -> Arc<Server> {
        let address = match address.parse::<SocketAddr>() {
            Ok(inet) => ServerAddress::Inet(inet.ip(), PortSpec::Fixed(inet.port())),
            Err(_) => ServerAddress::Unix(address.into()),
        };
        Arc::new(Server { span: line(at), ..Server::new(name, address) })
    }

    fn backend(servers: &[&str]) -> Backend {
        let servers = servers.iter().zip(20..).map(|(address, at)| server(&format!("s{at}"), address, at));
        Backend { servers: servers.collect(), ..Backend::new(proxy("back", 19), BackendId(0)) }
    }

    fn bind(address: &str, at: u32) -> Bind {
        let address = match address.parse() {
            Ok(inet) => BindAddress::Inet(inet),
            Err(_) => BindAddress::Unix(address.into()),
        };
        Bind { span: line(at), ..Bind::new(address) }
    }

    fn frontend(binds: &[&str]) -> Frontend {
        Frontend {
            binds: binds.iter().zip(11..).map(|(address, at)| bind(address, at)).collect(),
            default_backend: Some(BackendId(0)),
            ..Frontend::new(proxy("front", 10), FrontendId(0))
        }
    }

    fn config(frontend: Frontend, backend: Backend) -> Config {
        let interface = XdpInterface { name: "eth0".into(), mode: XdpMode::Auto };
        Config {
            global: Global { xdp_interfaces: vec![interface], ..Global::default() },
            frontends: vec![Arc::new(frontend)],
            backends: vec![Arc::new(backend)],
            ..Config::default()
        }
    }

    fn only(config: &Config) -> Placement {
        place(config).remove(0)
    }

    fn kinds(placement: &Placement) -> Vec<(ObstacleKind, u32)> {
        placement.all_obstacles().map(|o| (o.kind.clone(), o.span.line)).collect()
    }

    #[test]
    fn a_plain_tcp_frontend_is_taken() {
        let placement = only(&config(frontend(&["0.0.0.0:80", "10.0.0.1:81"]), backend(&["10.0.1.2:80"])));
        assert!(placement.in_kernel());
        assert_eq!(placement.kernel_binds().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(placement.to_string(), "front: kernel");
    }

    #[test]
    fn each_obstacle_names_the_line_that_is_responsible() {
        let servers = ["10.0.1.2:80"];
        let plain = || frontend(&["10.0.0.1:80"]);
        let mut http = plain();
        http.proxy.mode = Mode::Http;
        let off = Frontend { xdp: XdpUse::Off, ..plain() };
        let homeless = Frontend { default_backend: None, ..plain() };
        let disabled = Frontend { disabled: true, ..plain() };
        let mut one_interface = plain();
        one_interface.binds[0].interface = Some("eth0".into());
        let mut limited = plain();
        limited.binds[0].maxconn = Some(5);
        let balanced = Backend { algorithm: Algorithm::First, ..backend(&servers) };
        let mut bare = config(plain(), backend(&servers));
        bare.global.xdp_interfaces.clear();
        let rows = [
            (config(http, backend(&servers)), ObstacleKind::HttpMode, 10),
            (config(off, backend(&servers)), ObstacleKind::TurnedOff, 10),
            (config(homeless, backend(&servers)), ObstacleKind::NoBackend, 10),
            (config(disabled, backend(&servers)), ObstacleKind::Disabled, 10),
            (config(one_interface, backend(&servers)), ObstacleKind::BindInterface, 11),
            (config(limited, backend(&servers)), ObstacleKind::BindLimit, 11),
            (bare, ObstacleKind::NoInterface, 10),
            (config(plain(), balanced), ObstacleKind::Algorithm("balance first"), 19),
            (config(plain(), backend(&[])), ObstacleKind::NoServer("back".into()), 19),
            (config(plain(), backend(&["10.0.1.2:80", "/s"])), ObstacleKind::UnixServer("s21".into()), 21),
            (config(plain(), backend(&["[::1]:80"])), ObstacleKind::OtherFamily, 11),
        ];
        for (config, kind, at) in rows {
            let placement = only(&config);
            assert_eq!(kinds(&placement), [(kind, at)]);
            assert!(!placement.in_kernel());
            assert_eq!(placement.refusal(), None);
            assert_eq!(placement.to_string(), "front: user space");
        }
    }

    #[test]
    fn a_bind_that_stays_behind_does_not_hold_the_others() {
        let placement = only(&config(frontend(&["/run/s", "10.0.0.1:80"]), backend(&["10.0.1.2:80"])));
        assert!(placement.in_kernel());
        assert_eq!(placement.kernel_binds().collect::<Vec<_>>(), [1]);
        assert_eq!(kinds(&placement), [(ObstacleKind::UnixBind, 11)]);
    }

    #[test]
    fn an_ipv6_wildcard_serves_ipv4_servers_unless_it_is_ipv6_only() {
        let mut config = config(frontend(&["[::]:80"]), backend(&["10.0.1.2:80"]));
        assert!(only(&config).in_kernel());
        let mut narrow = frontend(&["[::]:80"]);
        narrow.binds[0].v6_only = Some(true);
        config.frontends[0] = Arc::new(narrow);
        assert_eq!(kinds(&only(&config)), [(ObstacleKind::OtherFamily, 11)]);
    }

    #[test]
    fn option_xdp_turns_each_obstacle_into_a_refusal() {
        let wanted = |binds: &[&str]| Frontend { xdp: XdpUse::Required, ..frontend(binds) };
        let placement = only(&config(wanted(&["10.0.0.1:80", "/run/s"]), backend(&["10.0.1.2:80"])));
        assert_eq!(placement.refusal().map(|o| o.span.line), Some(12));
        let placement = only(&config(wanted(&["10.0.0.1:80"]), backend(&["10.0.1.2:80"])));
        assert_eq!(placement.refusal(), None);
    }

    #[test]
    fn several_obstacles_are_all_reported() {
        let mut http = frontend(&["/run/s"]);
        http.proxy.mode = Mode::Http;
        let placement = only(&config(http, backend(&["/s"])));
        let expected = [
            (ObstacleKind::HttpMode, 10),
            (ObstacleKind::UnixServer("s20".into()), 20),
            (ObstacleKind::UnixBind, 11),
        ];
        assert_eq!(kinds(&placement), expected);
    }
}
