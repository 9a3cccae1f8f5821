//! Changes of a server, by what they touch.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use lb_conf::model::{PortSpec, ServerAddress};

use super::{Operational, Server, State};
use crate::backend::Backend;
use crate::change::{Refused, ServerChange};
use crate::check::{AgentReport, CheckReport, Verdict};
use crate::tick::Tick;

impl Server {
    /// Makes a change to `state`, a copy of its state, and to its settings; whether a setting changed.
    pub(crate) fn change(
        &self,
        backend: &Backend,
        state: &mut State,
        change: ServerChange,
        now: Tick,
    ) -> Result<bool, Refused> {
        match change {
            ServerChange::Check(report) => self.checked(state, report, now)?,
            ServerChange::Agent(report) => return self.agent_checked(backend, state, report, now),
            ServerChange::Admin(wanted) => state.order(wanted, now),
            ServerChange::Health(health) => state.force_health(health, now),
            ServerChange::AgentHealth(up) => state.force_agent(up, now)?,
            ServerChange::Weight(weight) => state.set_weight(weight, backend.fixed_weights())?,
            ServerChange::Maxconn(limit) => return Ok(self.set_maxconn(limit)),
            ServerChange::Address { ip, port } => return self.set_address(ip, port),
            ServerChange::Resolved(ip) => {
                state.resolved(ip.is_some(), now);
                return match ip {
                    Some(ip) => self.set_address(Some(ip), None),
                    None => Ok(false),
                };
            }
            ServerChange::Aim(aim) => state.aim(aim)?,
            ServerChange::ChecksEnabled(enabled) => {
                state.check.as_mut().ok_or(Refused::NoCheck)?.enabled = enabled;
            }
            ServerChange::AgentEnabled(enabled) => {
                state.agent.as_mut().ok_or(Refused::NoAgent)?.enabled = enabled;
            }
            // Sessions are no part of the state: whoever has them is told.
            ServerChange::ShutdownSessions => {}
            ServerChange::Restore(saved) => {
                state.restore(&saved, backend.fixed_weights(), now);
                return self.restore_port(saved.port);
            }
            ServerChange::SlowStartStep => state.slow_start_step(now),
        }
        Ok(false)
    }

    /// A port that was set at run time, for a server that has one of its own.
    fn restore_port(&self, port: Option<u16>) -> Result<bool, Refused> {
        match *self.address() {
            ServerAddress::Inet(_, PortSpec::Fixed(_)) => self.set_address(None, port),
            _ => Ok(false),
        }
    }

    fn checked(&self, state: &mut State, report: CheckReport, now: Tick) -> Result<(), Refused> {
        let up = state.check.as_ref().is_some_and(|check| check.health >= check.rise);
        if up && report.status.verdict() == Verdict::Failed {
            self.counters().check_failures.inc();
        }
        let was_stopped = state.operational == Operational::Stopped;
        state.health_checked(report, now)?;
        if !was_stopped && state.operational == Operational::Stopped {
            self.counters().downs.inc();
        }
        Ok(())
    }

    fn agent_checked(
        &self,
        backend: &Backend,
        state: &mut State,
        report: AgentReport,
        now: Tick,
    ) -> Result<bool, Refused> {
        let maxconn = report.maxconn;
        let was_stopped = state.operational == Operational::Stopped;
        state.agent_checked(report, backend.fixed_weights(), now)?;
        if !was_stopped && state.operational == Operational::Stopped && !state.admin.maint() {
            self.counters().downs.inc();
        }
        Ok(maxconn.is_some_and(|limit| self.set_maxconn(limit)))
    }

    fn set_maxconn(&self, limit: u32) -> bool {
        self.live.maxconn.swap(limit, Relaxed) != limit
    }

    fn set_address(&self, ip: Option<IpAddr>, port: Option<u16>) -> Result<bool, Refused> {
        let ServerAddress::Inet(old_ip, old_port) = *self.address() else {
            return Err(Refused::AddressFamily);
        };
        let new = ServerAddress::Inet(ip.unwrap_or(old_ip), port.map_or(old_port, PortSpec::Fixed));
        let changed = new != ServerAddress::Inet(old_ip, old_port);
        self.live.address.store(Arc::new(new));
        Ok(changed)
    }

    /// Its network address for a client that connected to `port`; None: it listens on a Unix socket, or the port
    /// that its offset gives does not exist.
    pub fn socket_address(&self, port: u16) -> Option<SocketAddr> {
        match *self.address() {
            ServerAddress::Inet(ip, PortSpec::Fixed(port)) => Some(SocketAddr::new(ip, port)),
            ServerAddress::Inet(ip, PortSpec::Offset(by)) => {
                let port = u16::try_from(i32::from(port).checked_add(by)?).ok()?;
                Some(SocketAddr::new(ip, port))
            }
            ServerAddress::Unix(_) => None,
        }
    }

    /// Its address and port, as statistics show them.
    pub fn address_text(&self) -> String {
        match &*self.address() {
            ServerAddress::Inet(ip, port) if ip.is_ipv6() => format!("[{ip}]:{}", port_text(*port)),
            ServerAddress::Inet(ip, port) => format!("{ip}:{}", port_text(*port)),
            ServerAddress::Unix(_) => "unix".into(),
        }
    }
}

fn port_text(port: PortSpec) -> String {
    match port {
        PortSpec::Fixed(port) => port.to_string(),
        PortSpec::Offset(by) => format!("{by:+}"),
    }
}
