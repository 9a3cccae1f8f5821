//! The `global` section.

use std::path::PathBuf;
use std::time::Duration;

use super::{BindAddress, LogTarget, SocketFile, TlsTuning, Tuning};
use crate::span::Span;

/// Process-wide settings (configuration.txt, section 3).
#[derive(Clone, Debug, Default)]
pub struct Global {
    /// `maxconn`: connections of all frontends together; beyond it they wait in the listen queue.
    pub maxconn: Option<u32>,
    /// The connections that the limit of open files permits, where `maxconn` is absent: for the daemon to fill in.
    pub file_maxconn: Option<u32>,
    /// `nbthread`: worker threads of the user plane; one per core where absent.
    pub nbthread: Option<u32>,
    /// `xdp-interface`: where the kernel plane attaches. None: everything is served in user space.
    pub xdp_interfaces: Vec<XdpInterface>,
    /// `xdp-pin-path DIR`: where maps and links are pinned, `/sys/fs/bpf/lbx` where absent. Two daemons on one machine,
    /// in different network namespaces, must not adopt each other's.
    pub xdp_pin_path: Option<PathBuf>,
    /// `xdp-flows NUMBER`: flows that the kernel plane has room for, of each address family; 65,536 where absent.
    pub xdp_flows: Option<u32>,
    /// `xdp-syn-rate NUMBER`: half-open flows of a service in a second, beyond which SYNs are left to the host; 0: no limit;
    /// an eighth of `xdp-flows` where absent.
    pub xdp_syn_rate: Option<u32>,
    /// `daemon`: goes to the background.
    pub daemon: bool,
    /// `pidfile`.
    pub pidfile: Option<PathBuf>,
    /// `uid`, or the id of `user`: changed to once the listeners are bound.
    pub uid: Option<u32>,
    /// `gid`, or the id of `group`.
    pub gid: Option<u32>,
    /// `chroot`: the folder that becomes the root once the listeners are bound.
    pub chroot: Option<PathBuf>,
    /// `log`: where logs go that say `log global`.
    pub logs: Vec<LogTarget>,
    /// `log-tag`: the program's name in logs; `lbx` where absent.
    pub log_tag: Option<String>,
    /// `log-send-hostname`: the name of the host in logs. None: no name is sent.
    pub log_hostname: Option<String>,
    /// `stats socket`: where commands are taken.
    pub stats_sockets: Vec<StatsSocket>,
    /// `stats timeout`: the longest that a client of a stats socket may be silent; 10 s by default.
    pub stats_timeout: Option<Duration>,
    /// `stats maxconn`: concurrent clients of the stats sockets; 10 by default.
    pub stats_maxconn: Option<u32>,
    /// `hard-stop-after`: the longest that a stop waits for connections to end.
    pub hard_stop_after: Option<Duration>,
    /// `ulimit-n`: the limit on open files; computed from `maxconn` where absent.
    pub ulimit_n: Option<u32>,
    /// `node`: the name in statistics; the host's where absent.
    pub node: Option<String>,
    /// `description`: free text in statistics.
    pub description: Option<String>,
    /// `tune.ssl.*` and `ssl-load-*`.
    pub tls: TlsTuning,
    /// `spread-checks`: how much the intervals of checks vary, in percent.
    pub spread_checks: u32,
    /// `setenv`, `presetenv`, `unsetenv` and `resetenv`: variables that are set or, with None, removed.
    pub environment: Vec<(String, Option<String>)>,
    /// Limits, sizes and the start of the process.
    pub tuning: Tuning,
    /// The lines of TLS and of the tuning as they are written.
    pub lines: Vec<String>,
}

impl Global {
    /// Connections of the user plane together: `maxconn`, or what the limit of open files permits.
    pub fn connection_limit(&self) -> Option<u32> {
        self.maxconn.or(self.file_maxconn)
    }
}

/// `stats socket`: an address where commands are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsSocket {
    /// Where to listen.
    pub address: BindAddress,
    /// `level`: what its clients may do.
    pub level: CommandLevel,
    /// Its file.
    pub file: SocketFile,
    /// The place of the line.
    pub span: Span,
}

/// What a client of a stats socket may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandLevel {
    /// Read what is not sensitive.
    User,
    /// Read everything and clear counters.
    #[default]
    Operator,
    /// Everything.
    Admin,
}

/// `xdp-interface NAME [native|generic|auto]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpInterface {
    /// The interface's name.
    pub name: String,
    /// How to attach.
    pub mode: XdpMode,
}

/// How an XDP program is attached (if_link.h, `XDP_FLAGS_DRV_MODE` and `XDP_FLAGS_SKB_MODE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver.
    Native,
    /// In the stack, on socket buffers.
    Generic,
    /// In the driver where it can, else in the stack.
    #[default]
    Auto,
}
