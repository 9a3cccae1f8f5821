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
    /// `dontlog-normal`
    DontLogNormal,
    /// `dontlognull`
    DontLogNull,
    /// `http-buffer-request`
    BufferRequest,
    /// `http-ignore-probes`
    IgnoreProbes,
    /// `http-no-delay`
    NoDelay,
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
