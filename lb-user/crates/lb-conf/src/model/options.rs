//! `option` words that are on or off.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ProxyOption {
    /// `abortonclose`
    AbortOnClose,
    /// `accept-invalid-http-request`
    AcceptInvalidRequest,
    /// `accept-invalid-http-response`
    AcceptInvalidResponse,
    /// `allbackups`
    AllBackups,
    /// `checkcache`
    CheckCache,
    /// `clitcpka`, or `tcpka` in a frontend.
    ClientKeepAliveProbes,
    /// `contstats`
    ContinuousStats,
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
    /// `http-use-proxy-header`
    UseProxyHeader,
    /// `idle-close-on-response`
    IdleCloseOnResponse,
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
    /// `splice-auto`
    SpliceAuto,
    /// `splice-request`
    SpliceRequest,
    /// `splice-response`
    SpliceResponse,
    /// `srvtcpka`, or `tcpka` in a backend.
    ServerKeepAliveProbes,
    /// `tcp-smart-accept`
    SmartAccept,
    /// `tcp-smart-connect`
    SmartConnect,
    /// `transparent`
    Transparent,
}

impl ProxyOption {
    /// All of them with their names.
    pub const ALL: [(Self, &'static str); 30] = [
        (Self::AbortOnClose, "abortonclose"),
        (Self::AcceptInvalidRequest, "accept-invalid-http-request"),
        (Self::AcceptInvalidResponse, "accept-invalid-http-response"),
        (Self::AllBackups, "allbackups"),
        (Self::CheckCache, "checkcache"),
        (Self::ClientKeepAliveProbes, "clitcpka"),
        (Self::ContinuousStats, "contstats"),
        (Self::DisableH2Upgrade, "disable-h2-upgrade"),
        (Self::DontLogNormal, "dontlog-normal"),
        (Self::DontLogNull, "dontlognull"),
        (Self::BufferRequest, "http-buffer-request"),
        (Self::IgnoreProbes, "http-ignore-probes"),
        (Self::PretendKeepAlive, "http-pretend-keepalive"),
        (Self::UseProxyHeader, "http-use-proxy-header"),
        (Self::IdleCloseOnResponse, "idle-close-on-response"),
        (Self::IndependentStreams, "independent-streams"),
        (Self::LogHealthChecks, "log-health-checks"),
        (Self::LogSeparateErrors, "log-separate-errors"),
        (Self::LogAsap, "logasap"),
        (Self::NoLinger, "nolinger"),
        (Self::Persist, "persist"),
        (Self::PreferLastServer, "prefer-last-server"),
        (Self::SocketStats, "socket-stats"),
        (Self::SpliceAuto, "splice-auto"),
        (Self::SpliceRequest, "splice-request"),
        (Self::SpliceResponse, "splice-response"),
        (Self::ServerKeepAliveProbes, "srvtcpka"),
        (Self::SmartAccept, "tcp-smart-accept"),
        (Self::SmartConnect, "tcp-smart-connect"),
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
