//! Where logs go.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::Name;

/// A `log` line: where messages are sent, and which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    /// Where to.
    pub address: LogAddress,
    /// `len`: the longest line, in bytes; 1024 by default.
    pub max_len: usize,
    /// `format`.
    pub format: LogFraming,
    /// `sample`: which of many messages are sent. None: all.
    pub sample: Option<Sampling>,
    /// The facility, by its name in syslog.
    pub facility: Facility,
    /// The least urgent level that is sent; debug by default.
    pub level: LogLevel,
    /// The most urgent level that is announced: more urgent messages are lowered to it; emerg by default.
    pub min_level: LogLevel,
}

/// `sample RANGES:SIZE`: of each so many messages, those at these places.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// First and last place of each range, counted from 1.
    pub ranges: Vec<(u32, u32)>,
    /// After how many messages it begins again.
    pub size: u32,
    turn: Arc<AtomicU32>,
}

impl Sampling {
    /// Sends what is in `ranges`, of each `size` messages.
    pub fn new(ranges: Vec<(u32, u32)>, size: u32) -> Self {
        Self { ranges, size, turn: Arc::default() }
    }

    /// Counts a message; whether it is to be sent.
    pub fn takes_next(&self) -> bool {
        let next = |turn| Some(if turn + 1 < self.size { turn + 1 } else { 0 });
        let (Ok(turn) | Err(turn)) = self.turn.fetch_update(Relaxed, Relaxed, next);
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&(turn + 1)))
    }
}

/// How far it has come is no setting.
impl PartialEq for Sampling {
    fn eq(&self, other: &Self) -> bool {
        (&self.ranges, self.size) == (&other.ranges, other.size)
    }
}

impl Eq for Sampling {}

/// The receiver of logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAddress {
    /// Syslog over UDP.
    Udp(SocketAddr),
    /// A datagram socket such as `/dev/log`.
    Unix(PathBuf),
    /// An open file descriptor: `stdout` is 1, `stderr` is 2.
    Fd(i32),
    /// A `ring` section, whose format goes before that of the line.
    Ring(Name),
}

/// `format` of a `log` line: the envelope of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFraming {
    /// Where nothing is said: [`Self::Local`], or [`Self::Rfc3164`] where the host's name is sent.
    #[default]
    Unsaid,
    /// RFC 3164 without a host name.
    Local,
    /// RFC 3164.
    Rfc3164,
    /// RFC 5424.
    Rfc5424,
    /// `<priority>` with the facility, and the message.
    Priority,
    /// `<level>` and the message, for systemd.
    Short,
    /// `<level>`, the date and the message.
    Timed,
    /// The date and the message, without a level.
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
