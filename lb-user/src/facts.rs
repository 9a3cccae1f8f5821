//! What the runtime socket and the statistics page ask of the process.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lb_core::host::{Certificates, Host, Process, ResolversInfo, SessionInfo};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::daemon::Daemon;
use crate::host::System;
use crate::version;

impl Host for Daemon {
    fn certificates(&self) -> Option<Arc<dyn Certificates>> {
        Some(self.user_plane().certificates())
    }

    fn process(&self) -> Process {
        let config = self.config();
        let global = &config.global;
        let uptime = self.uptime();
        let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Process {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            release_date: version::RELEASE_DATE.to_owned(),
            node: global.node.clone().unwrap_or_else(|| lb_conf::Host::hostname(&System)),
            description: global.description.clone(),
            pid: std::process::id(),
            threads: u32::try_from(self.user_plane().workers()).unwrap_or(u32::MAX),
            uptime,
            started: started.saturating_sub(uptime).as_secs(),
            open_files: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft),
            maxconn: global.connection_limit().unwrap_or_default().into(),
            memory: resident_bytes(),
            stopping: self.is_stopping(),
            idle: idle_percent(uptime, self.user_plane().workers()),
            listeners: self.user_plane().listeners() as u64,
            dropped_logs: 0,
            ..Process::default()
        }
    }

    fn sessions(&self) -> Vec<SessionInfo> {
        let mut sessions = self.user_plane().sessions();
        sessions.extend(self.kernel_plane().sessions());
        sessions
    }

    fn shutdown_session(&self, id: u64) -> bool {
        self.user_plane().shutdown_session(id)
    }

    fn resolvers(&self) -> Vec<ResolversInfo> {
        self.user_plane().resolvers()
    }

    fn reload(&self) -> Result<(), String> {
        Daemon::reload(self).map_err(|error| format!("{error:#}"))
    }
}

/// Hundredths of the time since the start that the workers had nothing to do.
fn idle_percent(uptime: Duration, workers: usize) -> u32 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0 };
    let busy = usage.user_time() + usage.system_time();
    let share = busy.num_milliseconds() as f64 / (uptime.as_millis() as f64 * workers as f64).max(1.0);
    (100.0 * (1.0 - share)).clamp(0.0, 100.0) as u32
}

/// The memory that the process occupies (proc(5), `statm`); 0 where /proc can't be read.
fn resident_bytes() -> u64 {
    let pages = || std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse::<u64>().ok();
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    pages().unwrap_or(0) * u64::try_from(size).unwrap_or(4096)
}
