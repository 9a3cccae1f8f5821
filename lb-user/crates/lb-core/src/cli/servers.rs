//! Commands for servers.

use std::fmt::Write as _;
use std::sync::Arc;

use lb_conf::model::{PortSpec, ServerAddress};

use super::command::Call;
use crate::backend::Backend;
use crate::change::{AdminState, Applied, Change, Refused, ServerChange, WeightChange};
use crate::check::{CheckReport, CheckStatus, Verdict};
use crate::server::{Probe, Server};

pub(super) type Found = Result<(Arc<Backend>, Arc<Server>), &'static str>;

pub(super) fn find(call: &Call<'_, '_>, at: usize) -> Found {
    let (backend, server) = call.word(at).split_once('/').ok_or("Require 'backend/server'.\n")?;
    let snapshot = call.context.runtime.snapshot();
    let backend = snapshot.backend_named(backend).ok_or("No such backend.\n")?;
    let server = backend.server(server).ok_or("No such server.\n")?;
    Ok((Arc::clone(backend), Arc::clone(server)))
}

pub(super) fn change(call: &Call<'_, '_>, at: usize, change: ServerChange) -> String {
    match find(call, at) {
        Ok((_, server)) => {
            apply(call, &server, change).map_or_else(|refused| format!("{refused}\n"), |_| String::new())
        }
        Err(text) => text.to_owned(),
    }
}

pub(super) fn apply(call: &Call<'_, '_>, server: &Server, change: ServerChange) -> Result<Applied, Refused> {
    call.context.runtime.apply(Change::Server(server.id, change), call.context.now)
}

pub(super) fn enable_server(call: &mut Call<'_, '_>) -> String {
    change(call, 2, ServerChange::Admin(AdminState::Ready))
}

pub(super) fn disable_server(call: &mut Call<'_, '_>) -> String {
    change(call, 2, ServerChange::Admin(AdminState::Maint))
}

pub(super) fn enable_health(call: &mut Call<'_, '_>) -> String {
    change(call, 2, ServerChange::ChecksEnabled(true))
}

// Where there is nothing to disable, it is disabled already.
pub(super) fn disable_health(call: &mut Call<'_, '_>) -> String {
    disable(call, ServerChange::ChecksEnabled(false))
}

pub(super) fn enable_agent(call: &mut Call<'_, '_>) -> String {
    change(call, 2, ServerChange::AgentEnabled(true))
}

pub(super) fn disable_agent(call: &mut Call<'_, '_>) -> String {
    disable(call, ServerChange::AgentEnabled(false))
}

fn disable(call: &Call<'_, '_>, change: ServerChange) -> String {
    match find(call, 2).map(|(_, server)| apply(call, &server, change)) {
        Ok(_) => String::new(),
        Err(text) => text.to_owned(),
    }
}

pub(super) fn shutdown_sessions(call: &mut Call<'_, '_>) -> String {
    change(call, 3, ServerChange::ShutdownSessions)
}

pub(super) fn set_maxconn(call: &mut Call<'_, '_>) -> String {
    match (find(call, 3), call.word(4).parse()) {
        (Err(text), _) => text.to_owned(),
        (_, Ok(limit)) => change(call, 3, ServerChange::Maxconn(limit)),
        (_, Err(_)) => "Require <maxconn>.\n".into(),
    }
}

pub(super) fn get_weight(call: &mut Call<'_, '_>) -> String {
    match find(call, 2) {
        Ok((_, server)) => {
            let state = server.state();
            format!("{} (initial {})\n", state.weight, state.initial_weight)
        }
        Err(text) => text.to_owned(),
    }
}

pub(super) fn set_weight(call: &mut Call<'_, '_>) -> String {
    weigh(call, 2, call.word(3))
}

pub(super) fn weigh(call: &Call<'_, '_>, at: usize, weight: &str) -> String {
    match (find(call, at), parse_weight(weight)) {
        (Err(text), _) => text.to_owned(),
        (_, Some(weight)) => change(call, at, ServerChange::Weight(weight)),
        (_, None) => "Require <weight> or <weight%>.\n".into(),
    }
}

fn parse_weight(text: &str) -> Option<WeightChange> {
    match text.strip_suffix('%') {
        Some(percent) => percent.parse().ok().map(WeightChange::Percent),
        None => text.parse().ok().map(WeightChange::Absolute),
    }
}

pub(super) fn host_and_port(server: &Server) -> (String, String) {
    match &*server.address() {
        ServerAddress::Inet(ip, PortSpec::Fixed(port)) => (ip.to_string(), port.to_string()),
        ServerAddress::Inet(ip, PortSpec::Offset(_)) => (ip.to_string(), "0".into()),
        ServerAddress::Unix(_) => ("-".into(), "0".into()),
    }
}

// All backends, or the one that is named or numbered.
fn selected(call: &Call<'_, '_>) -> Result<Vec<Arc<Backend>>, String> {
    let snapshot = call.context.runtime.snapshot();
    let wanted = call.word(3);
    if wanted.is_empty() {
        return Ok(snapshot.backends.clone());
    }
    let is_wanted = |backend: &&Arc<Backend>| {
        *backend.config.proxy.name == *wanted || backend.config.proxy.id.0.to_string() == wanted
    };
    match snapshot.backends.iter().find(is_wanted) {
        Some(backend) => Ok(vec![Arc::clone(backend)]),
        None => Err("Can't find backend.\n".into()),
    }
}

/// The columns of `show servers state`, after the number of their version.
const STATE_HEAD: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
    srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
    srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port \
    srv_check_addr srv_agent_addr srv_agent_port\n";

pub(super) fn show_state(call: &mut Call<'_, '_>) -> String {
    let backends = match selected(call) {
        Ok(backends) => backends,
        Err(text) => return text,
    };
    let mut text = STATE_HEAD.to_owned();
    for backend in backends {
        for server in &backend.servers {
            write_state(&mut text, call, &backend, server);
        }
    }
    text
}

fn write_state(text: &mut String, call: &Call<'_, '_>, backend: &Backend, server: &Server) {
    let state = server.state();
    let unchecked = CheckReport::new(CheckStatus::Initializing, std::time::Duration::ZERO);
    let last = state.check.as_ref().map_or(&unchecked, |check| &check.last);
    let (host, port) = host_and_port(server);
    let agent = server.config.agent.as_ref().map(|agent| state.aims.agent(agent).target);
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "{} {} {} {} {host} {} {} {} {} {} {} {} {} {} {} 0 0 {} {port} - {} {} {} {} {}",
        backend.config.proxy.id.0,
        backend.config.proxy.name,
        server.config.id,
        server.config.name,
        state.operational as u8,
        state.admin.bits(),
        state.weight,
        state.initial_weight,
        call.context.now.since(state.changed).as_secs(),
        last.status.number(),
        result_number(last.status.verdict()),
        state.check.as_ref().map_or(0, |check| check.health),
        state.check.as_ref().map_or(0, |check| probe_bits(check, state.admin.maint())),
        state.agent.as_ref().map_or(0, |agent| probe_bits(agent, false) | 0x10),
        server.config.hostname.as_deref().unwrap_or("-"),
        u8::from(server.config.tls.is_some()),
        state.aims.check_port.or(check_port(server)).unwrap_or(0),
        state.aims.check_address.map_or_else(|| "-".into(), |ip| ip.to_string()),
        agent.map_or("-".into(), |target| target.ip().to_string()),
        agent.map_or(0, |target| target.port()),
    );
}

/// The port of checks where it is not the server's own.
fn check_port(server: &Server) -> Option<u16> {
    let port = server.config.check.as_ref()?.target?.port();
    let own = match server.config.address {
        ServerAddress::Inet(_, PortSpec::Fixed(port)) => Some(port),
        _ => None,
    };
    Some(port).filter(|port| own != Some(*port))
}

fn result_number(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Neutral => 0,
        Verdict::Failed => 2,
        Verdict::Passed => 3,
        Verdict::Conditional => 4,
    }
}

fn probe_bits(probe: &Probe, paused: bool) -> u8 {
    let configured = 0x02;
    configured
        | if probe.in_progress { 0x01 } else { 0 }
        | if probe.enabled { 0x04 } else { 0 }
        | if paused { 0x08 } else { 0 }
}

pub(super) fn show_conn(call: &mut Call<'_, '_>) -> String {
    let backends = match selected(call) {
        Ok(backends) => backends,
        Err(text) => return text,
    };
    let mut text =
        "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb \
                    idle_lim idle_cur idle_per_thr[1]\n"
            .to_owned();
    for backend in backends {
        for server in &backend.servers {
            write_conn(&mut text, &backend, server);
        }
    }
    text
}

fn write_conn(text: &mut String, backend: &Backend, server: &Server) {
    let (host, port) = host_and_port(server);
    let (sessions, idle) = (&server.counters().traffic.sessions, server.counters().idle.get());
    let proxy = &backend.config.proxy;
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "{}/{} {}/{} {host} {port} - 0 {} {} {} 0 {idle} -1 {idle} {idle}",
        proxy.name,
        server.config.name,
        proxy.id.0,
        server.config.id,
        sessions.get(),
        sessions.max(),
        sessions.max(),
    );
}
