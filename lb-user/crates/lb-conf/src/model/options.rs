//! `option` words that are on or off.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ProxyOption {
    /// `abortonclose`
    AbortOnClose,
    /// `allbackups`
    AllBackups,
    /// `checkcache`
    CheckCache,
    /// `clitcpka`, or `tcpka` in a frontend.
    ClientKeepAliveProbes,
    /// `disable-h2-upgrade`
    DisableH2Upgrade,
    /// `dontlog-normal`
    DontLogNormal,
    /// `dontlognull`
    DontLogNull,
    /// `http-buffer-request`
    BufferRequest,
    /// `http-ignore-probes`
    IgnoreProbes,
    /// `http-pretend-keepalive`
    PretendKeepAlive,
    /// `independent-streams`
    IndependentStreams,
    /// `log-health-checks`
    LogHealthChecks,
    /// `log-separate-errors`
    LogSeparateErrors,
    /// `logasap`
    LogAsap,
    /// `nolinger`
    NoLinger,
    /// `persist`
    Persist,
    /// `prefer-last-server`
    PreferLastServer,
    /// `socket-stats`
    SocketStats,
    /// `srvtcpka`, or `tcpka` in a backend.
    ServerKeepAliveProbes,
    /// `transparent`
    Transparent,
}

impl ProxyOption {
    /// All of them with their names.
    pub const ALL: [(Self, &'static str); 20] = [
        (Self::AbortOnClose, "abortonclose"),
        (Self::AllBackups, "allbackups"),
        (Self::CheckCache, "checkcache"),
        (Self::ClientKeepAliveProbes, "clitcpka"),
        (Self::DisableH2Upgrade, "disable-h2-upgrade"),
        (Self::DontLogNormal, "dontlog-normal"),
        (Self::DontLogNull, "dontlognull"),
        (Self::BufferRequest, "http-buffer-request"),
        (Self::IgnoreProbes, "http-ignore-probes"),
        (Self::PretendKeepAlive, "http-pretend-keepalive"),
        (Self::IndependentStreams, "independent-streams"),
        (Self::LogHealthChecks, "log-health-checks"),
        (Self::LogSeparateErrors, "log-separate-errors"),
        (Self::LogAsap, "logasap"),
        (Self::NoLinger, "nolinger"),
        (Self::Persist, "persist"),
        (Self::PreferLastServer, "prefer-last-server"),
        (Self::SocketStats, "socket-stats"),
        (Self::ServerKeepAliveProbes, "srvtcpka"),
        (Self::Transparent, "transparent"),
    ];
}

/// Those that are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyOptions(u64);

impl ProxyOptions {
    /// Whether it is on.
    pub fn has(self, option: ProxyOption) -> bool {
        self.0 & (1 << option as u8) != 0
    }

    /// Switches it.
    pub fn set(&mut self, option: ProxyOption, on: bool) {
        let bit = 1 << option as u8;
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }
}
