//! The state of a server and its transitions, as plain data.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lb_conf::model;

use super::{Admin, Edge, Probe, SavedState};
use crate::change::{AdminState, Aim, ForcedHealth, Refused, WeightChange};
use crate::check::{AgentReport, CheckPhase, CheckReport, CheckStatus, Verdict};
use crate::tick::Tick;

/// The highest weight.
pub const WEIGHT_MAX: u32 = 256;

/// The divisions of a weight: what `slowstart` counts in.
pub const FULL_THROTTLE: u32 = 16;

/// What a server does, whatever is wanted of it; the numbers are those of `show servers state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operational {
    /// Nothing.
    Stopped = 0,
    /// It came up and its weight is growing.
    Starting = 1,
    /// It serves.
    Running = 2,
    /// It serves what persistence sends it.
    Stopping = 3,
}

/// The state of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What is wanted of it.
    pub admin: Admin,
    /// What it does.
    pub operational: Operational,
    /// Its health check, if it has one.
    pub check: Option<Probe>,
    /// Its agent check, if it has one.
    pub agent: Option<Probe>,
    /// Where its checks go, as far as that was set at run time.
    pub aims: Aims,
    /// The configured weight, of which percentages are taken.
    pub initial_weight: u32,
    /// The weight wanted now.
    pub weight: u32,
    /// `slowstart`.
    pub slowstart: Duration,
    /// Sixteenths of the weight that a starting server has; 16 for one that runs.
    pub throttle: u32,
    /// When it last went up or down.
    pub changed: Tick,
    /// How long it was down before `changed`.
    pub down_before: Duration,
}

/// Where checks go and what an agent is sent, as far as that was set at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aims {
    /// The address of health checks.
    pub check_address: Option<IpAddr>,
    /// Their port.
    pub check_port: Option<u16>,
    /// The agent's address.
    pub agent_address: Option<IpAddr>,
    /// Its port.
    pub agent_port: Option<u16>,
    /// What it is sent.
    pub agent_send: Option<String>,
}

impl Aims {
    /// Where health checks go that go to `configured` otherwise.
    pub fn check(&self, configured: SocketAddr) -> SocketAddr {
        SocketAddr::new(
            self.check_address.unwrap_or(configured.ip()),
            self.check_port.unwrap_or(configured.port()),
        )
    }

    /// Where the agent is, and what it is sent.
    pub fn agent(&self, configured: &model::AgentCheck) -> model::AgentCheck {
        let (ip, port) = (configured.target.ip(), configured.target.port());
        let target = SocketAddr::new(self.agent_address.unwrap_or(ip), self.agent_port.unwrap_or(port));
        let send =
            self.agent_send.as_ref().map_or_else(|| configured.send.clone(), |s| s.clone().into_bytes());
        model::AgentCheck { target, send, ..configured.clone() }
    }
}

impl State {
    /// Takes a change of where checks go.
    pub(crate) fn aim(&mut self, aim: Aim) -> Result<(), Refused> {
        let of_agent = matches!(aim, Aim::AgentAddress(_) | Aim::AgentPort(_) | Aim::AgentSend(_));
        if of_agent && self.agent.is_none() {
            return Err(Refused::NoAgent);
        }
        if !of_agent && self.check.is_none() {
            return Err(Refused::NoCheck);
        }
        match aim {
            Aim::CheckAddress(ip) => self.aims.check_address = Some(ip),
            Aim::CheckPort(port) => self.aims.check_port = Some(port),
            Aim::AgentAddress(ip) => self.aims.agent_address = Some(ip),
            Aim::AgentPort(port) => self.aims.agent_port = Some(port),
            Aim::AgentSend(text) => self.aims.agent_send = Some(text),
        }
        Ok(())
    }

    /// As a server starts.
    pub fn new(config: &model::Server, now: Tick) -> Self {
        let mut admin = if config.disabled { Admin::CONFIG_MAINT } else { Admin::default() };
        if config.unresolved {
            admin |= Admin::RESOLUTION_MAINT;
        }
        Self {
            admin,
            operational: if admin.maint() { Operational::Stopped } else { Operational::Running },
            check: config.check.as_ref().map(|check| Probe::new(check.rise, check.fall)),
            agent: config.agent.as_ref().map(|_| Probe::new(1, 1)),
            aims: Aims::default(),
            initial_weight: config.weight,
            weight: config.weight,
            slowstart: config.slowstart.unwrap_or_default(),
            throttle: FULL_THROTTLE,
            changed: now,
            down_before: Duration::ZERO,
        }
    }

    /// The same server under another configuration, `new`. A weight or maintenance that was ordered at run time
    /// stays; what the configurations say differently changes.
    pub fn reconfigure(&mut self, old: &model::Server, new: &model::Server, now: Tick) {
        if old.weight != new.weight {
            (self.initial_weight, self.weight) = (new.weight, new.weight);
        }
        self.check = new.check.as_ref().map(|check| {
            let mut probe = self.check.take().unwrap_or_else(|| Probe::new(check.rise, check.fall));
            probe.rebound(check.rise, check.fall);
            probe
        });
        self.agent = new.agent.as_ref().map(|_| self.agent.take().unwrap_or_else(|| Probe::new(1, 1)));
        self.slowstart = new.slowstart.unwrap_or_default();
        if old.disabled && !new.disabled {
            self.set_admin(self.admin.without(Admin::CONFIG_MAINT), now);
        } else if new.disabled && !old.disabled {
            self.set_admin(self.admin | Admin::CONFIG_MAINT, now);
        }
        // A check that is no more can bring no server up again.
        if self.check.is_none() && self.agent.is_none() && !self.admin.maint() {
            self.start(now);
        }
    }

    /// Its name has an address, or has none any more.
    pub(super) fn resolved(&mut self, found: bool, now: Tick) {
        let admin = match found {
            true => self.admin.without(Admin::RESOLUTION_MAINT),
            false => self.admin | Admin::RESOLUTION_MAINT,
        };
        self.set_admin(admin, now);
    }

    /// Whether health checks run.
    pub fn checked(&self) -> bool {
        self.check.as_ref().is_some_and(|check| check.enabled)
    }

    /// Whether load balancing may choose it.
    pub fn usable(&self) -> bool {
        let works = matches!(self.operational, Operational::Running | Operational::Starting);
        works && self.admin == Admin::default() && self.weight > 0
    }

    /// Whether persistence may send it sessions.
    pub fn persistent(&self) -> bool {
        self.operational != Operational::Stopped && !self.admin.maint()
    }

    /// How sure its health is, for the interval of its checks.
    pub fn phase(&self) -> CheckPhase {
        match &self.check {
            Some(check) if check.sure() => CheckPhase::Up,
            Some(check) if check.health == 0 => CheckPhase::Down,
            Some(_) => CheckPhase::Changing,
            None => CheckPhase::Up,
        }
    }

    /// How long it was down altogether.
    pub fn downtime(&self, now: Tick) -> Duration {
        match self.operational {
            Operational::Stopped => self.down_before + now.since(self.changed),
            _ => self.down_before,
        }
    }

    /// Takes the outcome of a health check. One that began before maintenance is remembered, and changes nothing.
    pub fn health_checked(&mut self, mut report: CheckReport, now: Tick) -> Result<(), Refused> {
        // A server that wants no new sessions is no reason to bring it up.
        if report.status == CheckStatus::L7OkConditional && self.operational == Operational::Stopped {
            report.status = CheckStatus::L7Status;
        }
        let verdict = report.status.verdict();
        let edge = self.check.as_mut().ok_or(Refused::NoCheck)?.report(report);
        self.follow(edge, verdict, now);
        Ok(())
    }

    fn follow(&mut self, edge: Edge, verdict: Verdict, now: Tick) {
        if self.admin.maint() {
            return;
        }
        match edge {
            Edge::None => {}
            Edge::Fell => self.turn(Operational::Stopped, now),
            Edge::Up if verdict == Verdict::Conditional => self.stop_gently(now),
            Edge::Up => self.start(now),
        }
    }

    fn stop_gently(&mut self, now: Tick) {
        if matches!(self.operational, Operational::Running | Operational::Starting) {
            self.turn(Operational::Stopping, now);
        }
    }

    // Up only if no check objects.
    fn start(&mut self, now: Tick) {
        let objection = [&self.check, &self.agent].into_iter().flatten().any(|probe| !probe.good());
        if objection || matches!(self.operational, Operational::Running | Operational::Starting) {
            return;
        }
        let to = if self.slowstart.is_zero() { Operational::Running } else { Operational::Starting };
        self.turn(to, now);
    }

    fn turn(&mut self, to: Operational, now: Tick) {
        if self.operational == to {
            return;
        }
        self.down_before = self.downtime(now);
        self.operational = to;
        self.throttle = if to == Operational::Starting { 1 } else { FULL_THROTTLE };
        self.changed = now;
    }

    /// Takes what an agent said.
    pub fn agent_checked(&mut self, report: AgentReport, fixed: bool, now: Tick) -> Result<(), Refused> {
        let agent = self.agent.as_mut().ok_or(Refused::NoAgent)?;
        agent.last = report.check;
        agent.in_progress = false;
        let edge = match report.up {
            Some(true) => agent.passed(),
            Some(false) => agent.failed(),
            None => Edge::None,
        };
        if let Some(admin) = report.admin {
            self.order(admin, now);
        }
        if let Some(weight) = report.weight {
            // What else the agent said counts even if its weight cannot be had.
            let _ = self.set_weight(weight, fixed);
        }
        self.follow(edge, Verdict::Passed, now);
        Ok(())
    }

    /// Goes on from what a file of server states says. A weight that was set at run time counts as long as the
    /// configured one is as it was; a server that no check can bring up again is not left down.
    pub fn restore(&mut self, saved: &SavedState, fixed: bool, now: Tick) {
        if saved.initial_weight == self.initial_weight {
            // A table of fixed weights stays as it is.
            let _ = self.set_weight(WeightChange::Absolute(saved.weight), fixed);
        }
        if saved.admin.any(Admin::FORCED_MAINT) {
            self.order(AdminState::Maint, now);
        } else if saved.admin.any(Admin::FORCED_DRAIN) {
            self.set_admin(self.admin | Admin::FORCED_DRAIN, now);
        }
        if !saved.admin.maint() {
            self.force_health(saved.health(), now);
        }
    }

    /// Does what an operator or an agent wants.
    pub fn order(&mut self, wanted: AdminState, now: Tick) {
        let own = Admin::FORCED_MAINT | Admin::CONFIG_MAINT | Admin::FORCED_DRAIN;
        let admin = match wanted {
            AdminState::Ready => self.admin.without(own),
            AdminState::Drain => self.admin.without(own) | Admin::FORCED_DRAIN,
            AdminState::Maint => self.admin.without(Admin::FORCED_DRAIN) | Admin::FORCED_MAINT,
        };
        self.set_admin(admin, now);
    }

    fn set_admin(&mut self, admin: Admin, now: Tick) {
        let before = std::mem::replace(&mut self.admin, admin);
        match (before.maint(), admin.maint()) {
            (false, true) => self.turn(Operational::Stopped, now),
            (true, false) => self.leave_maintenance(now),
            _ => {}
        }
    }

    fn leave_maintenance(&mut self, now: Tick) {
        for probe in [&mut self.check, &mut self.agent].into_iter().flatten() {
            probe.restart();
        }
        self.start(now);
    }

    /// Declares the health; without health checks it stays as it is.
    pub fn force_health(&mut self, health: ForcedHealth, now: Tick) {
        let Some(check) = self.check.as_mut().filter(|check| check.enabled) else { return };
        check.force(health != ForcedHealth::Down);
        if self.admin.maint() {
            return;
        }
        match health {
            ForcedHealth::Up => self.start(now),
            ForcedHealth::Stopping => self.stop_gently(now),
            ForcedHealth::Down => self.turn(Operational::Stopped, now),
        }
    }

    /// Declares what the agent thinks.
    pub fn force_agent(&mut self, up: bool, now: Tick) -> Result<(), Refused> {
        let agent = self.agent.as_mut().ok_or(Refused::NoAgent)?;
        agent.force(up);
        self.follow(if up { Edge::Up } else { Edge::Fell }, Verdict::Passed, now);
        Ok(())
    }

    /// Sets the weight; with `fixed` ones, which the algorithm's table was made of, only to none of it or all of it.
    pub fn set_weight(&mut self, change: WeightChange, fixed: bool) -> Result<(), Refused> {
        let weight = match change {
            WeightChange::Absolute(weight) if weight > WEIGHT_MAX => return Err(Refused::WeightRange),
            WeightChange::Absolute(weight) => weight,
            WeightChange::Percent(percent) => {
                let weight = u64::from(self.initial_weight) * u64::from(percent) / 100;
                u32::try_from(weight).map_or(WEIGHT_MAX, |weight| weight.min(WEIGHT_MAX))
            }
        };
        if fixed && weight != 0 && weight != self.initial_weight {
            return Err(Refused::StaticWeight);
        }
        self.weight = weight;
        Ok(())
    }

    /// The weight in sixteenths that load balancing gives the server.
    pub fn effective_weight(&self) -> u32 {
        self.weight * self.throttle
    }

    /// Moves the weight of a starting server on, and ends the start when the time of `slowstart` is over.
    pub fn slow_start_step(&mut self, now: Tick) {
        if self.operational != Operational::Starting {
            return;
        }
        let (past, whole) = (now.since(self.changed).as_millis(), self.slowstart.as_millis().max(1));
        if past >= whole {
            self.operational = Operational::Running;
            self.throttle = FULL_THROTTLE;
            return;
        }
        let steps = u128::from(FULL_THROTTLE) * past / whole;
        self.throttle = u32::try_from(steps).map_or(FULL_THROTTLE, |steps| steps.clamp(1, FULL_THROTTLE));
    }
}
