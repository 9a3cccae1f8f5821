//! The serving half of a proxy.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::Numbers;
use crate::compile::Compiled;
use crate::diag::{Code, Diagnostic};
use crate::draft::{CheckDraft, CheckKind, CheckSettings, ProxyDraft, ServerDraft};
use crate::model::{
    AgentCheck, Backend, BackendId, CheckProtocol, CheckRule, CheckSpec, CheckStep, HttpCheck, PortSpec,
    Proxy, ProxyOption, Server, ServerAddress, ServerCheck,
};
use crate::span::Span;

pub(super) fn resolve(
    draft: &ProxyDraft,
    proxy: Proxy,
    id: BackendId,
    compiled: &mut Compiled,
    notes: &mut Vec<Diagnostic>,
) -> Backend {
    let base = Backend::new(proxy, id);
    let check = CheckSpec {
        protocol: protocol(&draft.check, std::mem::take(&mut compiled.check_rules)),
        log: draft.option(ProxyOption::LogHealthChecks),
    };
    let mut numbers =
        Numbers::new(draft.servers.iter().filter_map(|s| s.settings.id.as_ref().map(|id| id.value)));
    Backend {
        servers: draft
            .servers
            .iter()
            .zip(compiled.sni.drain(..))
            .map(|(s, sni)| Arc::new(Server { sni, ..server(s, draft, &check, &mut numbers, notes) }))
            .collect(),
        algorithm: draft.algorithm.as_ref().map(|a| a.value.clone()).unwrap_or_default(),
        hash_type: draft.hash_type,
        hash_balance_factor: draft.hash_balance_factor,
        check,
        keep_alive: draft.server_keep_alive,
        timeout_connect: draft.timeouts.connect,
        timeout_server: draft.timeouts.server,
        timeout_server_fin: draft.timeouts.server_fin,
        timeout_check: draft.timeouts.check,
        timeout_queue: draft.timeouts.queue,
        timeout_tunnel: draft.timeouts.tunnel,
        retries: draft.retries.unwrap_or(base.retries),
        redispatch: draft.redispatch,
        retry_on: draft.retry_on.clone(),
        fullconn: draft.fullconn,
        all_backups: draft.option(ProxyOption::AllBackups),
        abort_on_close: draft.option(ProxyOption::AbortOnClose),
        disabled: draft.disabled,
        cookie: draft.cookie.as_ref().map(|c| c.value.clone()),
        dynamic_cookie_key: draft.dynamic_cookie_key.clone(),
        use_server: std::mem::take(&mut compiled.use_server),
        stick: std::mem::take(&mut compiled.stick),
        send_name_header: draft.send_name_header.clone(),
        balance_expr: compiled.balance_expr.take(),
        http_reuse: draft.http_reuse,
        forward: draft.forward.as_ref().map(|f| f.value).unwrap_or_default(),
        max_keep_alive_queue: draft.max_keep_alive_queue.and_then(|n| u32::try_from(n).ok()),
        ..base
    }
}

fn protocol(draft: &CheckDraft, rules: Vec<CheckRule>) -> CheckProtocol {
    match draft.kind.as_ref().map(|k| &k.value) {
        Some(CheckKind::Service(service)) => CheckProtocol::Service(service.clone()),
        Some(CheckKind::Http) => CheckProtocol::Http(http(draft)),
        // Without steps, too: failures are then told as those of the script's connection.
        Some(CheckKind::Tcp) => CheckProtocol::Script(rules),
        None => CheckProtocol::Tcp,
    }
}

/// `http-check send` goes before what `option httpchk` says.
fn http(draft: &CheckDraft) -> HttpCheck {
    let base = HttpCheck::default();
    let (line, send) = (draft.line.clone(), draft.send.clone().unwrap_or_default());
    HttpCheck {
        method: send.method.or(line.method).unwrap_or(base.method),
        uri: send.uri.or(line.uri).unwrap_or(base.uri),
        version: send.version.or(line.version).unwrap_or(base.version),
        headers: line.headers.into_iter().chain(send.headers).collect(),
        body: send.body.or(line.body).unwrap_or_default().into_bytes(),
        expect: draft.expect.iter().map(|e| e.value.clone()).collect(),
        disable_on_404: draft.disable_on_404,
        send_state: draft.send_state,
    }
}

fn server(
    draft: &ServerDraft,
    proxy: &ProxyDraft,
    spec: &CheckSpec,
    numbers: &mut Numbers,
    notes: &mut Vec<Diagnostic>,
) -> Server {
    let settings = &draft.settings;
    let base = Server::new(draft.name.value.as_str(), draft.address.clone());
    Server {
        id: numbers.of(settings.id.as_ref().map(|id| id.value)),
        hostname: draft.hostname.as_deref().map(Into::into),
        unresolved: draft.unresolved,
        init_addr: settings.init_addr.clone(),
        weight: settings.weight.unwrap_or(base.weight),
        backup: settings.backup,
        maxconn: settings.maxconn,
        minconn: settings.minconn,
        maxqueue: settings.maxqueue,
        slowstart: settings.slowstart,
        user_timeout: settings.user_timeout,
        // The servers of a disabled backend take nothing, and are not checked.
        disabled: settings.disabled || proxy.disabled,
        cookie: settings.cookie.clone().or_else(|| dynamic_cookie(draft, proxy)).map(|c| c.as_str().into()),
        check: settings.check.enabled.map(|_| check(draft, spec, notes)),
        agent: settings.agent.enabled.and_then(|span| agent(draft, span, notes)),
        shutdown_on_down: settings.shutdown_on_down,
        shutdown_backups_on_up: settings.shutdown_backups_on_up,
        pool: settings.pool,
        speaks_h2: settings.speaks_h2,
        websocket: settings.websocket,
        send_proxy: settings.send_proxy.clone(),
        source: settings.source.clone().or_else(|| proxy.source.clone()).map(Arc::new),
        words: settings.words.clone(),
        span: draft.span,
        ..base
    }
}

/// The value of `cookie … dynamic`: a hash of the key and of the server's address, which every instance computes alike.
fn dynamic_cookie(draft: &ServerDraft, proxy: &ProxyDraft) -> Option<String> {
    let key = proxy.cookie.as_ref().filter(|c| c.value.dynamic).and(proxy.dynamic_cookie_key.as_ref())?;
    let ServerAddress::Inet(ip, port) = &draft.address else { return None };
    let PortSpec::Fixed(port) = port else { return None };
    let mut bytes = key.clone().into_bytes();
    match ip {
        IpAddr::V4(ip) => bytes.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => bytes.extend_from_slice(&ip.octets()),
    }
    // HAProxy hashes it as it lies in memory.
    bytes.extend_from_slice(&u32::from(*port).to_le_bytes());
    Some(format!("{:016x}", xxhash_rust::xxh64::xxh64(&bytes, 0)))
}

fn check(draft: &ServerDraft, spec: &CheckSpec, notes: &mut Vec<Diagnostic>) -> ServerCheck {
    let settings = &draft.settings.check;
    let base = ServerCheck::new(target(&draft.address, settings));
    if base.target.is_none() && !needs_no_port(&draft.address, spec) {
        let message = format!("the check of server '{}' has no port", draft.name.value);
        let error =
            Diagnostic::alert(Code::MissingArgument, message).at(settings.enabled.unwrap_or(draft.span));
        notes.push(error.help("give the server a port, or write 'port' for the check alone"));
    }
    ServerCheck {
        inter: settings.inter.unwrap_or(base.inter),
        fastinter: settings.fastinter,
        downinter: settings.downinter,
        rise: settings.rise.unwrap_or(base.rise),
        fall: settings.fall.unwrap_or(base.fall),
        ..base
    }
}

/// Time between two questions to an agent where none is set.
const AGENT_INTER: Duration = Duration::from_secs(2);

fn agent(draft: &ServerDraft, span: Span, notes: &mut Vec<Diagnostic>) -> Option<AgentCheck> {
    let settings = &draft.settings.agent;
    let Some(port) = settings.port else {
        let message = format!("the agent of server '{}' has no port", draft.name.value);
        notes.push(Diagnostic::alert(Code::MissingArgument, message).at(span).help("write 'agent-port'"));
        return None;
    };
    let own = match &draft.address {
        ServerAddress::Inet(ip, _) => Some(*ip),
        ServerAddress::Unix(_) => None,
    };
    let Some(ip) = settings.addr.or(own) else {
        let message = format!("the agent of server '{}' has no address", draft.name.value);
        notes.push(Diagnostic::alert(Code::MissingArgument, message).at(span).help("write 'agent-addr'"));
        return None;
    };
    let inter = settings.inter.unwrap_or(AGENT_INTER);
    Some(AgentCheck { inter, target: (ip, port).into(), send: settings.send.clone().into_bytes() })
}

fn target(address: &ServerAddress, settings: &CheckSettings) -> Option<SocketAddr> {
    match address {
        ServerAddress::Unix(_) => settings.addr.zip(settings.port).map(Into::into),
        ServerAddress::Inet(ip, port) => {
            let own = match port {
                PortSpec::Fixed(port) => Some(*port),
                PortSpec::Offset(_) => None,
            };
            Some((settings.addr.unwrap_or(*ip), settings.port.or(own)?).into())
        }
    }
}

/// A socket in the file system has no port; a script may name its own for every connection.
fn needs_no_port(address: &ServerAddress, spec: &CheckSpec) -> bool {
    let connects = |rules: &[CheckRule]| {
        let mut ports = rules.iter().filter_map(|rule| match &rule.step {
            CheckStep::Connect(connect) => Some(connect.port.is_some()),
            _ => None,
        });
        ports.next().is_some_and(|first| first && ports.all(|p| p))
    };
    matches!(address, ServerAddress::Unix(_))
        || matches!(&spec.protocol, CheckProtocol::Script(s) if connects(s))
}
