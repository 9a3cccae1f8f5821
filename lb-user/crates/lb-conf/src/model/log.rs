//! Where logs go.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A `log` line: where messages are sent, and which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    /// Where to.
    pub address: LogAddress,
    /// `len`: the longest line, in bytes; 1024 by default.
    pub max_len: usize,
    /// `format`.
    pub format: LogFraming,
    /// The facility, by its name in syslog.
    pub facility: Facility,
    /// The least urgent level that is sent; debug by default.
    pub level: LogLevel,
    /// The most urgent level that is announced: more urgent messages are lowered to it; emerg by default.
    pub min_level: LogLevel,
}

/// The receiver of logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAddress {
    /// Syslog over UDP.
    Udp(SocketAddr),
    /// A datagram socket such as `/dev/log`.
    Unix(PathBuf),
    /// An open file descriptor: `stdout` is 1, `stderr` is 2.
    Fd(i32),
}

/// `format` of a `log` line: the envelope of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFraming {
    /// RFC 3164 without a host name; the default.
    #[default]
    Local,
    /// RFC 3164.
    Rfc3164,
    /// RFC 5424.
    Rfc5424,
    /// `<level>`, the tag, the process id and the message.
    Priority,
    /// `<level>` and the message, for systemd.
    Short,
    /// The date and the message.
    Timed,
    /// RFC 5424 in ISO time, without priority.
    Iso,
    /// The message alone.
    Raw,
}

/// The urgency of a message, as syslog numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// 0
    Emerg,
    /// 1
    Alert,
    /// 2
    Crit,
    /// 3
    Err,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6
    Info,
    /// 7
    Debug,
}

impl LogLevel {
    /// All of them, in the order of their numbers.
    pub const ALL: [(&'static str, Self); 8] = [
        ("emerg", Self::Emerg),
        ("alert", Self::Alert),
        ("crit", Self::Crit),
        ("err", Self::Err),
        ("warning", Self::Warning),
        ("notice", Self::Notice),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];
}

/// A syslog facility by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(pub u8);

impl Facility {
    /// Names in the order of their numbers.
    pub const NAMES: [&'static str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp",
        "ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4", "local5",
        "local6", "local7",
    ];

    /// The facility of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|n| *n == name).and_then(|i| u8::try_from(i).ok()).map(Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.get(usize::from(self.0)).copied().unwrap_or("user")
    }
}
