//! The status of a server as `show stat` prints it.

use std::fmt;

use super::State;
use super::state::Operational;

/// The column `status` of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Up and sure.
    Up,
    /// Up; so many more failures of `fall` bring it down.
    UpGoingDown(u32, u32),
    /// Up and not checked.
    NoCheck,
    /// Down.
    Down,
    /// Down because its agent says so.
    DownAgent,
    /// Down; so many successes of `rise` are made.
    DownGoingUp(u32, u32),
    /// Up for what persistence sends it.
    Nolb,
    /// The same, on its way down.
    NolbGoingDown(u32, u32),
    /// Draining.
    Drain,
    /// Draining and on its way down.
    DrainGoingDown(u32, u32),
    /// Draining, with an agent that is asked.
    DrainAgent,
    /// In maintenance.
    Maint,
    /// In maintenance because its name resolves to no address.
    MaintResolution,
}

impl Status {
    /// The status of a server in this state.
    pub fn of(state: &State) -> Self {
        use super::Admin;
        if state.admin.any(Admin::RESOLUTION_MAINT) {
            return Self::MaintResolution;
        }
        if state.admin.maint() {
            return Self::Maint;
        }
        match state.operational {
            Operational::Running | Operational::Starting => Self::running(state),
            Operational::Stopping => {
                going_down(state).map_or(Self::Nolb, |(n, of)| Self::NolbGoingDown(n, of))
            }
            Operational::Stopped => Self::stopped(state),
        }
    }

    fn running(state: &State) -> Self {
        let going_down = going_down(state);
        if state.admin.drain() {
            return match going_down {
                _ if state.agent.as_ref().is_some_and(|agent| agent.enabled) => Self::DrainAgent,
                Some((n, of)) => Self::DrainGoingDown(n, of),
                None => Self::Drain,
            };
        }
        match going_down {
            Some((n, of)) => Self::UpGoingDown(n, of),
            None if state.checked() => Self::Up,
            None => Self::NoCheck,
        }
    }

    fn stopped(state: &State) -> Self {
        let agent_down = state.agent.as_ref().is_some_and(|agent| agent.enabled && agent.health == 0);
        match &state.check {
            _ if agent_down => Self::DownAgent,
            Some(check) if check.enabled && check.health > 0 => Self::DownGoingUp(check.health, check.rise),
            _ => Self::Down,
        }
    }

    /// Whether the server takes sessions of some kind.
    pub fn serves(self) -> bool {
        !matches!(
            self,
            Self::Down | Self::DownAgent | Self::DownGoingUp(..) | Self::Maint | Self::MaintResolution
        )
    }
}

fn going_down(state: &State) -> Option<(u32, u32)> {
    let check = state.check.as_ref().filter(|check| check.enabled && !check.sure())?;
    Some((check.health.saturating_sub(check.rise) + 1, check.fall))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("UP"),
            Self::UpGoingDown(n, of) => write!(f, "UP {n}/{of}"),
            Self::NoCheck => f.write_str("no check"),
            Self::Down => f.write_str("DOWN"),
            Self::DownAgent => f.write_str("DOWN (agent)"),
            Self::DownGoingUp(n, of) => write!(f, "DOWN {n}/{of}"),
            Self::Nolb => f.write_str("NOLB"),
            Self::NolbGoingDown(n, of) => write!(f, "NOLB {n}/{of}"),
            Self::Drain => f.write_str("DRAIN"),
            Self::DrainGoingDown(n, of) => write!(f, "DRAIN {n}/{of}"),
            Self::DrainAgent => f.write_str("DRAIN (agent)"),
            Self::Maint => f.write_str("MAINT"),
            Self::MaintResolution => f.write_str("MAINT (resolution)"),
        }
    }
}
