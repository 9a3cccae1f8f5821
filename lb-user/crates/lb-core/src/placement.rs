//! Which plane serves a frontend, and what prevents the kernel plane from serving it.
//!
//! Computed from the configuration alone, so that a check of the configuration prints what a running daemon does. What
//! only the host can tell (privileges, drivers, routes) comes on top of it at run time.

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use lb_common::select::MAX_COMPARED;
use lb_conf::model::{
    Algorithm, Backend, BackendChoice, Bind, BindAddress, BindSocket, Config, Forward, Frontend, FrontendId,
    HashKind, Mode, Name, PortSpec, Proxy, ProxyOption, Rules, Server, ServerAddress, Source, XdpUse,
};
use lb_conf::span::Span;

use crate::admission;

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
    /// The words that want the kernel plane, and nothing else: `option xdp`, or an `xdp-forward` of a backend.
    pub required: Option<String>,
    /// The kernel carries out its `tcp-request connection` rules, or the first ones of them, where it does no more.
    pub guarded: bool,
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
    /// A word that only user space does.
    Word(&'static str),
    /// A bind on a Unix socket.
    UnixBind,
    /// A bind on a socket that the process was started with: where it listens is not known before it is used.
    InheritedBind,
    /// `interface` on a bind line: services of the kernel plane are the same on all interfaces.
    BindInterface,
    /// `maxconn` on a bind line: the kernel plane counts by frontend.
    BindLimit,
    /// `ssl` on a bind line.
    BindTls,
    /// `ssl` on a server line.
    ServerTls(Name),
    /// A server on a Unix socket.
    UnixServer(Name),
    /// No server has an address of the bind's family.
    OtherFamily,
    /// A server that gets clients' packets as they are listens on another port.
    OtherPort(Name),
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
            Self::Word(word) => write!(f, "'{word}' is done in user space"),
            Self::UnixBind => f.write_str("a Unix socket is served in user space"),
            Self::InheritedBind => f.write_str("an inherited socket is served in user space"),
            Self::BindInterface => f.write_str("'interface' on a bind line is served in user space"),
            Self::BindLimit => f.write_str("'maxconn' on a bind line is served in user space"),
            Self::BindTls => f.write_str("TLS is terminated in user space"),
            Self::ServerTls(server) => write!(f, "TLS with server '{server}' is spoken in user space"),
            Self::UnixServer(server) => write!(f, "server '{server}' is on a Unix socket"),
            Self::OtherFamily => f.write_str("no server has an address of this family"),
            Self::OtherPort(server) => {
                write!(f, "server '{server}' has another port than clients connect to, which stays as it is")
            }
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

    /// Whether the kernel takes the bind with this index.
    pub fn takes(&self, bind: usize) -> bool {
        self.obstacles.is_empty() && matches!(self.binds.get(bind), Some(None))
    }

    /// Everything that keeps something in user space.
    pub fn all_obstacles(&self) -> impl Iterator<Item = &Obstacle> {
        self.obstacles.iter().chain(self.binds.iter().flatten())
    }

    /// What wants the kernel plane, and why it cannot be had.
    pub fn refusal(&self) -> Option<(&str, &Obstacle)> {
        self.required.as_deref().zip(self.all_obstacles().next())
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
    Placement { guarded: is_guarded(config, frontend), ..place_without_rules(config, frontend) }
}

/// The words that want a frontend to be served in the kernel.
pub fn required(config: &Config, frontend: &Frontend) -> Option<String> {
    if frontend.xdp == XdpUse::Required {
        return Some("option xdp".to_owned());
    }
    let fixed = frontend.use_backend.iter().filter_map(|rule| match rule.backend {
        BackendChoice::Fixed(id) => Some(id),
        BackendChoice::Named(_) => None,
    });
    let backends = frontend.default_backend.into_iter().chain(fixed);
    let forwards = backends.filter_map(|id| config.backend(id)).map(|backend| backend.forward);
    forwards.into_iter().find(|forward| *forward != Forward::Nat).map(|f| format!("xdp-forward {}", f.name()))
}

/// Whether rules of a frontend can be carried out before its connections are accepted.
fn is_guarded(config: &Config, frontend: &Frontend) -> bool {
    !config.global.xdp_interfaces.is_empty()
        && !frontend.disabled
        && frontend.xdp != XdpUse::Off
        && admission::compile(config, frontend, false).is_some()
}

fn place_without_rules(config: &Config, frontend: &Frontend) -> Placement {
    let backend = frontend.default_backend.and_then(|id| config.backend(id));
    let mut obstacles = Vec::new();
    let head = frontend.proxy.span;
    if frontend.proxy.mode == Mode::Http {
        // What else it has is beside the point.
        return http_placement(config, frontend);
    }
    let mut add = |kind, span| obstacles.push(Obstacle { kind, span });
    if config.global.xdp_interfaces.is_empty() {
        add(ObstacleKind::NoInterface, head);
    }
    let limits = config.global.tuning.limits;
    if limits.connection_rate.or(limits.session_rate).is_some() {
        add(ObstacleKind::Word("maxconnrate or maxsessrate"), head);
    }
    frontend_obstacles(frontend, &mut add);
    if let (Some(rule), None) =
        (frontend.proxy.rules.tcp_connection.first(), admission::compile(config, frontend, true))
    {
        add(ObstacleKind::Word("tcp-request connection"), rule.span);
    }
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
        required: required(config, frontend),
        guarded: false,
    }
}

fn http_placement(config: &Config, frontend: &Frontend) -> Placement {
    let obstacle = Obstacle { kind: ObstacleKind::HttpMode, span: frontend.proxy.span };
    Placement {
        frontend: frontend.id,
        name: frontend.proxy.name.clone(),
        obstacles: vec![obstacle],
        binds: vec![None; frontend.binds.len()],
        required: required(config, frontend),
        guarded: false,
    }
}

/// What a frontend has that only user space does. Each field is named, so that one that is added must be thought of here:
/// the kernel plane would silently go without it.
fn frontend_obstacles(frontend: &Frontend, add: &mut impl FnMut(ObstacleKind, Span)) {
    let Frontend {
        proxy,
        xdp,
        disabled,
        use_backend,
        rate_limit,
        id: _,
        binds: _,
        maxconn: _,
        default_backend: _,
        timeout_client: _,
        timeout_client_fin: _,
        keep_alive: _,
        backlog: _,
        log_formats: _,
        // For mode http alone.
        timeout_http_request: _,
        timeout_http_keep_alive: _,
        request_captures: _,
        response_captures: _,
        cookie_capture: _,
        monitor_fail: _,
        monitor_uri: _,
    } = frontend;
    if *disabled {
        add(ObstacleKind::Disabled, proxy.span);
    }
    if *xdp == XdpUse::Off {
        add(ObstacleKind::TurnedOff, proxy.span);
    }
    if rate_limit.is_some() {
        add(ObstacleKind::Word("rate-limit sessions"), proxy.span);
    }
    if let Some(rule) = use_backend.first() {
        add(ObstacleKind::Word("use_backend"), rule.span);
    }
    proxy_obstacles(proxy, add);
}

fn backend_obstacles(backend: &Backend, add: &mut impl FnMut(ObstacleKind, Span)) {
    let Backend {
        proxy,
        servers,
        use_server,
        stick,
        id: _,
        algorithm: _,
        hash_type: _,
        hash_balance_factor: _,
        check: _,
        keep_alive: _,
        timeout_connect: _,
        timeout_server: _,
        timeout_server_fin: _,
        timeout_check: _,
        timeout_tunnel: _,
        all_backups: _,
        // What falls through meets these in user space.
        timeout_queue: _,
        retries: _,
        redispatch: _,
        retry_on: _,
        fullconn: _,
        abort_on_close: _,
        disabled: _,
        // For mode http alone.
        cookie: _,
        dynamic_cookie_key: _,
        send_name_header: _,
        http_reuse: _,
        // Asked of each bind.
        forward: _,
        // The algorithm is in the way already.
        balance_expr: _,
        max_keep_alive_queue: _,
        state_file: _,
    } = backend;
    if servers.is_empty() {
        add(ObstacleKind::NoServer(proxy.name.clone()), proxy.span);
    }
    if let Some(name) = user_space_algorithm(backend) {
        add(ObstacleKind::Algorithm(name), proxy.span);
    }
    if let Some(rule) = use_server.first() {
        add(ObstacleKind::Word("use-server"), rule.span);
    }
    if let Some(rule) = stick.first() {
        add(ObstacleKind::Word("stick"), rule.span);
    }
    proxy_obstacles(proxy, add);
    servers.iter().for_each(|server| server_obstacles(server, add));
}

/// What frontends and backends have in common.
fn proxy_obstacles(proxy: &Proxy, add: &mut impl FnMut(ObstacleKind, Span)) {
    let Rules {
        // Asked of the frontend by itself: the kernel knows some of them.
        tcp_connection: _,
        tcp_session,
        tcp_content,
        tcp_response,
        inspect_delay: _,
        response_inspect_delay: _,
        http_request: _,
        http_response: _,
        http_after_response: _,
        http_errors: _,
        persist: _,
        stats_request: _,
        stats_admin: _,
    } = &*proxy.rules;
    let words = [
        ("tcp-request session", tcp_session),
        ("tcp-request content", tcp_content),
        ("tcp-response content", tcp_response),
    ];
    for (word, rules) in words {
        if let Some(rule) = rules.first() {
            add(ObstacleKind::Word(word), rule.span);
        }
    }
    let options = [
        (ProxyOption::ClientKeepAliveProbes, "option clitcpka"),
        (ProxyOption::ServerKeepAliveProbes, "option srvtcpka"),
        (ProxyOption::IndependentStreams, "option independent-streams"),
        (ProxyOption::Transparent, "option transparent"),
    ];
    for (_, word) in options.into_iter().filter(|(option, _)| proxy.options.has(*option)) {
        add(ObstacleKind::Word(word), proxy.span);
    }
}

fn server_obstacles(server: &Server, add: &mut impl FnMut(ObstacleKind, Span)) {
    let Server {
        words: _,
        name,
        address,
        tls,
        span,
        id: _,
        hostname: _,
        weight: _,
        backup: _,
        maxconn: _,
        slowstart: _,
        disabled: _,
        check: _,
        agent: _,
        shutdown_on_down: _,
        shutdown_backups_on_up: _,
        // What falls through meets these in user space.
        minconn: _,
        maxqueue: _,
        // For mode http alone.
        user_timeout: _,
        unresolved: _,
        init_addr: _,
        lookup: _,
        cookie: _,
        send_proxy,
        pool: _,
        speaks_h2: _,
        websocket: _,
        source,
        // Of TLS, which is in the way already.
        sni: _,
    } = server;
    if send_proxy.is_some() {
        add(ObstacleKind::Word("send-proxy"), *span);
    }
    let in_kernel = |source: &Source| source.is_plain() && source.ports.is_some() == source.flows.is_some();
    if source.as_ref().is_some_and(|source| !in_kernel(source)) {
        add(ObstacleKind::Word("source"), *span);
    }
    if matches!(address, ServerAddress::Unix(_)) {
        add(ObstacleKind::UnixServer(name.clone()), *span);
    }
    if tls.is_some() {
        add(ObstacleKind::ServerTls(name.clone()), *span);
    }
}

/// The word that makes the choice of a server depend on what the kernel plane does not know.
fn user_space_algorithm(backend: &Backend) -> Option<&'static str> {
    let many = backend.servers.len() > MAX_COMPARED as usize;
    match &backend.algorithm {
        Algorithm::Source if backend.hash_type.avalanche && backend.hash_type.kind == HashKind::MapBased => {
            Some("hash-type … avalanche")
        }
        Algorithm::Source if backend.hash_balance_factor.is_some() => Some("hash-balance-factor"),
        Algorithm::RoundRobin | Algorithm::StaticRr | Algorithm::Source => None,
        // What is compared for a connection has an end in the packet path.
        Algorithm::LeastConn => many.then_some("balance leastconn among more than 64 servers"),
        Algorithm::First => many.then_some("balance first among more than 64 servers"),
        Algorithm::Random(draws) => {
            (*draws > MAX_COMPARED).then_some("balance random with more than 64 draws")
        }
        Algorithm::Key(_) => Some("a balance by parts of the request"),
    }
}

fn bind_obstacle(bind: &Bind, backend: Option<&Backend>) -> Option<ObstacleKind> {
    let Bind {
        words: _,
        address,
        socket,
        maxconn,
        accept_proxy,
        speaks_h2: _,
        tls,
        id: _,
        name: _,
        file: _,
        span: _,
    } = bind;
    let BindSocket {
        interface,
        namespace,
        mss,
        v6_only,
        // Packets for any address pass the interface.
        transparent: _,
        // What servers see of a connection is the client's own TCP.
        backlog: _,
        defer_accept: _,
        user_timeout: _,
        fast_open: _,
    } = socket;
    match address {
        BindAddress::Unix(_) => Some(ObstacleKind::UnixBind),
        BindAddress::Inherited(_) => Some(ObstacleKind::InheritedBind),
        BindAddress::Inet(_) if tls.is_some() => Some(ObstacleKind::BindTls),
        BindAddress::Inet(_) if interface.is_some() => Some(ObstacleKind::BindInterface),
        BindAddress::Inet(_) if *accept_proxy => Some(ObstacleKind::Word("accept-proxy")),
        BindAddress::Inet(_) if maxconn.is_some() => Some(ObstacleKind::BindLimit),
        BindAddress::Inet(_) if mss.is_some() => Some(ObstacleKind::Word("mss")),
        BindAddress::Inet(_) if namespace.is_some() => Some(ObstacleKind::Word("namespace")),
        BindAddress::Inet(address) => {
            // An IPv6 wildcard takes IPv4 too, unless it is told not to.
            let both = address.ip() == Ipv6Addr::UNSPECIFIED && *v6_only != Some(true);
            let (servers, forward) = (&backend?.servers, backend?.forward);
            let fits = |server: &Arc<Server>| {
                both || forward.is_tunnel() || server_is_v4(server) == Some(address.is_ipv4())
            };
            if !servers.is_empty() && !servers.iter().any(fits) {
                return Some(ObstacleKind::OtherFamily);
            }
            let other =
                servers.iter().find(|server| forward.is_direct() && !has_port(server, address.port()));
            other.map(|server| ObstacleKind::OtherPort(server.name.clone()))
        }
    }
}

/// Whether a server listens on the port that clients connect to.
fn has_port(server: &Server, port: u16) -> bool {
    match &server.address {
        ServerAddress::Inet(_, PortSpec::Fixed(own)) => *own == port,
        ServerAddress::Inet(_, PortSpec::Offset(offset)) => *offset == 0,
        ServerAddress::Unix(_) => false,
    }
}

fn server_is_v4(server: &Server) -> Option<bool> {
    match &server.address {
        ServerAddress::Inet(ip, _) => Some(ip.is_ipv4()),
        ServerAddress::Unix(_) => None,
    }
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
