//! What may change the state of a running configuration, and how that can be refused.

use std::net::IpAddr;

use lb_conf::model::FrontendId;

use crate::check::{AgentReport, CheckReport};
use crate::process::LimitChange;
use crate::server::{SavedState, ServerId};

/// A change to the run-time state, for [`crate::Runtime::apply`].
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Of one server.
    Server(ServerId, ServerChange),
    /// Of one frontend.
    Frontend(FrontendId, FrontendChange),
    /// Of a limit of the process.
    Limit(LimitChange),
}

/// A change of a server.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerChange {
    /// A health check ended.
    Check(CheckReport),
    /// An agent check ended.
    Agent(AgentReport),
    /// `set server B/S state ready|drain|maint`, `enable server`, `disable server`.
    Admin(AdminState),
    /// `set server B/S health up|stopping|down`.
    Health(ForcedHealth),
    /// `set server B/S agent up|down`.
    AgentHealth(bool),
    /// `set server B/S weight`, `set weight`.
    Weight(WeightChange),
    /// `set maxconn server B/S N`; 0: no limit.
    Maxconn(u32),
    /// `set server B/S addr A [port P]`: a part that is absent stays.
    Address {
        /// The new address.
        ip: Option<IpAddr>,
        /// The new port.
        port: Option<u16>,
    },
    /// The name of the server has this address now; None: it has none, and the server is in maintenance.
    Resolved(Option<IpAddr>),
    /// `set server B/S check-addr`, `check-port` and their like for the agent.
    Aim(Aim),
    /// `enable health`, `disable health`: whether health checks run.
    ChecksEnabled(bool),
    /// `enable agent`, `disable agent`: whether agent checks run.
    AgentEnabled(bool),
    /// `shutdown sessions server B/S`: ends its sessions.
    ShutdownSessions,
    /// What a file of server states says of it.
    Restore(SavedState),
    /// A step of the weight ramp of `slowstart`: to be sent once a second while a server is starting.
    SlowStartStep,
}

/// Where a check goes, or what an agent is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Health checks go to this address.
    CheckAddress(IpAddr),
    /// Health checks go to this port.
    CheckPort(u16),
    /// The agent is at this address.
    AgentAddress(IpAddr),
    /// The agent is at this port.
    AgentPort(u16),
    /// The agent is sent this.
    AgentSend(String),
}

/// What an operator or an agent wants of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminState {
    /// Serves if it is healthy.
    Ready,
    /// Serves what persistence sends it, gets nothing new.
    Drain,
    /// Serves nothing and is not checked.
    Maint,
}

/// A health that an operator declares; the next checks go on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcedHealth {
    /// Fully up.
    Up,
    /// Up for established sessions only.
    Stopping,
    /// Down.
    Down,
}

/// A new weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightChange {
    /// From 0 to 256.
    Absolute(u32),
    /// So many hundredths of the configured weight; at most 256 results.
    Percent(u32),
}

/// A change of a frontend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontendChange {
    /// `enable frontend`: accepts again.
    Enable,
    /// `disable frontend`: stops accepting and keeps its addresses.
    Disable,
    /// `shutdown frontend`: gives its addresses up.
    Shutdown,
    /// `set maxconn frontend`.
    Maxconn(u32),
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Something is different now.
    Changed,
    /// Everything was as wanted already.
    Unchanged,
}

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The server left with a reload, or never was.
    #[error("No such server.")]
    NoSuchServer,
    /// The frontend left with a reload, or never was.
    #[error("No such frontend.")]
    NoSuchFrontend,
    /// Weights go from 0 to 256.
    #[error("Absolute weight can only be between 0 and 256 inclusive.")]
    WeightRange,
    /// The algorithm's table is fixed, save for leaving servers out.
    #[error("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")]
    StaticWeight,
    /// The server has no health checks.
    #[error("Health check was not configured on this server, cannot enable.")]
    NoCheck,
    /// The server has no agent check.
    #[error("Agent was not configured on this server, cannot enable.")]
    NoAgent,
    /// A frontend that is shut down stays so.
    #[error("Frontend was previously shut down, cannot be changed.")]
    FrontendStopped,
    /// A limit beyond that of the configuration.
    #[error("Value out of range.")]
    OutOfRange,
    /// A server on a Unix socket has no network address to change.
    #[error("Update for the current server address family is only supported through configuration file.")]
    AddressFamily,
}
