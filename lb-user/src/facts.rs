//! What the runtime socket and the statistics page ask of the process.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lb_core::host::{Certificates, Host, Process, ResolversInfo, RingInfo, SessionInfo};
use lb_expr::sample::SampleType;
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
        let usage = lb_proxy::usage();
        Process {
            pipes: usage.pipes,
            spare_pipes: usage.spare_pipes,
            tls_connections: usage.tls_connections,
            tls_lookups: usage.tls_lookups,
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
            dropped_logs: usage.dropped_logs,
            failed_resolutions: failed_resolutions(&self.user_plane().resolvers()),
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

    fn environment(&self) -> Vec<(String, String)> {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let mut variables: Vec<_> =
            std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        // What the configuration changes is not the process's, for its threads may read that at any time.
        for (name, value) in &self.config().global.environment {
            variables.retain(|(other, _)| other != name);
            variables.extend(value.iter().map(|value| (name.clone(), value.clone())));
        }
        variables
    }

    fn variable(&self, name: &str) -> Option<(SampleType, String)> {
        self.user_plane().variable(name)
    }

    fn rings(&self) -> Vec<RingInfo> {
        self.user_plane().rings()
    }

    fn reload(&self) -> Result<(), String> {
        Daemon::reload(self).map_err(|error| format!("{error:#}"))
    }
}

/// Questions that could not be sent.
fn failed_resolutions(sections: &[ResolversInfo]) -> u64 {
    let counters = sections.iter().flat_map(|section| &section.servers).flat_map(|server| &server.counters);
    counters.filter(|(name, _)| *name == "snd_error").map(|(_, count)| count).sum()
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
