//! The fields of `show info`.

use super::value::{Tags, Value};
use crate::counters::{Rate, Traffic};
use crate::host::Process;
use crate::process::{Limits, Measures, ProcessState};
use crate::runtime::Snapshot;
use crate::tick::Tick;

/// What `show info` prints.
#[derive(Clone, Debug)]
pub struct Info {
    process: Process,
    limits: Limits,
    rates: Rates,
    measures: Measures,
    totals: Totals,
}

/// Events of the last second, and the most in a second.
#[derive(Clone, Copy, Debug)]
struct Speed {
    now: u32,
    max: u32,
}

impl Speed {
    fn of(rate: &Rate, now: Tick) -> Self {
        Self { now: rate.get(now), max: rate.max() }
    }
}

/// What the process counts.
#[derive(Clone, Copy, Debug)]
struct Rates {
    connections: Speed,
    tls: Speed,
    compressed_in: u32,
    compressed_out: u32,
    spliced: u64,
}

impl Rates {
    fn of(state: &ProcessState, now: Tick) -> Self {
        Self {
            connections: Speed::of(&state.connection_rate, now),
            tls: Speed::of(&state.tls_rate, now),
            compressed_in: state.compressed_in.get(now),
            compressed_out: state.compressed_out.get(now),
            spliced: state.spliced.get(),
        }
    }
}

/// Sums over the frontends, and of handshakes over the servers, too.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    connections_now: u64,
    connections: u64,
    requests: u64,
    tls_handshakes: u64,
    bytes_out: u64,
}

impl Totals {
    fn add(mut self, traffic: &Traffic) -> Self {
        self.connections_now += traffic.sessions.get();
        self.connections += traffic.connections.get();
        self.requests += traffic.requests.get();
        self.tls_handshakes += traffic.tls_handshakes.get();
        self.bytes_out += traffic.bytes_out.get();
        self
    }
}

/// A field, at its place.
pub struct Field {
    /// Its place in typed output.
    pub place: u32,
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub tags: Tags,
    /// What it is, in a line.
    pub doc: &'static str,
    value: fn(&Info) -> Value,
}

macro_rules! rows {
    ($($place:literal $name:literal $tags:literal $doc:literal |$info:pat_param| $value:expr;)*) => {
        /// All fields, at HAProxy's places; it leaves two of them out.
        pub const FIELDS: &[Field] = &[$(Field {
            place: $place, name: $name, tags: Tags($tags), doc: $doc, value: |$info| $value,
        }),*];
    };
}

rows! {
    0 "Name" "POS" "The product" |_| Value::text("lbx");
    1 "Version" "POS" "Its version" |info| Value::text(&info.process.version);
    2 "Release_date" "POS" "When that was released" |info| Value::text(&info.process.release_date);
    3 "Nbthread" "CGS" "Worker threads" |info| info.process.threads.into();
    4 "Nbproc" "CGS" "Processes, always one" |_| Value::U32(1);
    5 "Process_num" "KGP" "The number of this process, always one" |_| Value::U32(1);
    6 "Pid" "SGP" "The process id" |info| info.process.pid.into();
    7 "Uptime" "MDP" "Since the start, in days, hours, minutes and seconds" |info| uptime(info);
    8 "Uptime_sec" "MDP" "Since the start, in seconds" |info| Value::small(info.process.uptime.as_secs());
    9 "Memmax_MB" "CLP" "The limit on memory, 0 for none" |_| Value::U32(0);
    10 "PoolAlloc_MB" "MGP" "Megabytes of memory in use" |info| Value::small(info.process.memory >> 20);
    11 "PoolUsed_MB" "MGP" "The same" |info| Value::small(info.process.memory >> 20);
    12 "PoolFailed" "MCP" "Memory that could not be had: the process would end, so always 0" |_| Value::U32(0);
    13 "Ulimit-n" "CLP" "The limit on open files" |info| Value::small(info.process.open_files);
    14 "Maxsock" "CLP" "The limit on sockets" |info| Value::small(info.process.open_files);
    15 "Maxconn" "CLP" "The limit on client connections" |info| info.limits.maxconn.unwrap_or(0).into();
    16 "Hard_maxconn" "CLP" "The limit that cannot be raised at run time" |info| Value::small(info.process.maxconn);
    17 "CurrConns" "MGP" "Client connections now" |info| Value::small(info.totals.connections_now);
    18 "CumConns" "MCP" "Client connections so far" |info| Value::small(info.totals.connections);
    19 "CumReq" "MCP" "Requests so far" |info| Value::small(info.totals.requests);
    20 "MaxSslConns" "MMP" "The limit on client connections over TLS, 0 for none" |info| {
        info.limits.tls_connections.unwrap_or(0).into()
    };
    21 "CurrSslConns" "MGP" "Connections over TLS now, with clients and servers" |info| {
        Value::small(info.process.tls_connections)
    };
    22 "CumSslConns" "MCP" "TLS handshakes with clients and servers so far" |info| Value::small(info.totals.tls_handshakes);
    23 "Maxpipes" "CLP" "The limit on pipes, 0 for none" |_| Value::U32(0);
    24 "PipesUsed" "MGP" "Pipes in use" |info| Value::small(info.process.pipes);
    25 "PipesFree" "MGP" "Pipes kept for the next transfers" |info| Value::small(info.process.spare_pipes);
    26 "ConnRate" "MRP" "Client connections of the last second" |info| info.rates.connections.now.into();
    27 "ConnRateLimit" "CLP" "The limit on that, 0 for none" |info| info.limits.connection_rate.unwrap_or(0).into();
    28 "MaxConnRate" "MMP" "The most client connections in a second" |info| info.rates.connections.max.into();
    29 "SessRate" "MRP" "Sessions of the last second" |info| info.rates.connections.now.into();
    30 "SessRateLimit" "CLP" "The limit on that, 0 for none" |info| info.limits.session_rate.unwrap_or(0).into();
    31 "MaxSessRate" "MRP" "The most sessions in a second" |info| info.rates.connections.max.into();
    32 "SslRate" "MRP" "TLS handshakes with clients in the last second" |info| info.rates.tls.now.into();
    33 "SslRateLimit" "CLP" "The limit on that, 0 for none" |info| info.limits.tls_rate.unwrap_or(0).into();
    34 "MaxSslRate" "MMP" "The most TLS handshakes with clients in a second" |info| info.rates.tls.max.into();
    35 "SslFrontendKeyRate" "MGP" "Full TLS handshakes with clients in the last second" |info| {
        Value::small(info.measures.client_keys.rate)
    };
    36 "SslFrontendMaxKeyRate" "MMP" "The most of them in a second" |info| Value::small(info.measures.client_keys.max);
    37 "SslFrontendSessionReuse_pct" "MGP" "Hundredths of TLS handshakes with clients that resumed a session" |info| {
        Value::U32(resumed_percent(info))
    };
    38 "SslBackendKeyRate" "MRP" "Full TLS handshakes with servers in the last second" |info| {
        Value::small(info.measures.server_keys.rate)
    };
    39 "SslBackendMaxKeyRate" "MMP" "The most of them in a second" |info| Value::small(info.measures.server_keys.max);
    40 "SslCacheLookups" "MCP" "TLS sessions that clients asked for" |info| Value::small(info.process.tls_lookups.0);
    41 "SslCacheMisses" "MCP" "Those that were not there" |info| Value::small(info.process.tls_lookups.1);
    42 "CompressBpsIn" "MRP" "Bytes into compression in the last second" |info| info.rates.compressed_in.into();
    43 "CompressBpsOut" "MRP" "Bytes out of compression in the last second" |info| info.rates.compressed_out.into();
    44 "CompressBpsRateLim" "CLP" "The limit on what goes in, 0 for none" |info| {
        info.limits.compression_rate.unwrap_or(0).into()
    };
    47 "Tasks" "MGP" "One for each client connection, listener and worker" |info| Value::small(tasks(info));
    48 "Run_queue" "MGP" "Tasks that could run now" |info| Value::small(info.process.run_queue);
    49 "Idle_pct" "MaP" "Hundredths of the time with nothing to do" |info| info.process.idle.into();
    50 "node" "COS" "The name of the node" |info| Value::text(&info.process.node);
    51 "description" "COS" "Its description" |info| info.process.description.as_ref().map(Value::text).into();
    52 "Stopping" "MGP" "1 when about to end" |info| Value::U32(u32::from(info.process.stopping));
    53 "Jobs" "MGP" "Client connections and listeners" |info| {
        Value::small(info.totals.connections_now + info.process.listeners)
    };
    54 "Unstoppable Jobs" "MGP" "Those that would keep the process from ending, always 0" |_| Value::U32(0);
    55 "Listeners" "MGP" "Addresses listened on" |info| Value::small(info.process.listeners);
    56 "ActivePeers" "MGP" "Peers that are tried" |_| Value::U32(0);
    57 "ConnectedPeers" "MGP" "Peers that are connected" |_| Value::U32(0);
    58 "DroppedLogs" "MGP" "Log lines that could not be sent" |info| Value::small(info.process.dropped_logs);
    59 "BusyPolling" "MGP" "1 if workers poll without a pause, always 0" |_| Value::U32(0);
    60 "FailedResolutions" "MGP" "Questions that name servers could not be asked" |info| {
        Value::small(info.process.failed_resolutions)
    };
    61 "TotalBytesOut" "MGP" "Bytes sent to clients" |info| info.totals.bytes_out.into();
    62 "TotalSplicdedBytesOut" "MGP" "Bytes relayed without a copy" |info| info.rates.spliced.into();
    63 "BytesOutRate" "MRP" "Bytes sent to clients in the last second" |info| info.measures.bytes_out.rate.into();
    64 "DebugCommandsIssued" "MGP" "Commands for debugging, of which there are none" |_| Value::U32(0);
    65 "CumRecvLogs" "MCP" "Log lines received" |_| Value::U32(0);
    66 "Build info" "POS" "The version that was built" |info| Value::text(&info.process.version);
    67 "Memmax_bytes" "CLP" "The limit on memory, 0 for none" |_| Value::U32(0);
    68 "PoolAlloc_bytes" "MGP" "Bytes of memory in use" |info| info.process.memory.into();
    69 "PoolUsed_bytes" "MGP" "The same" |info| info.process.memory.into();
    70 "Start_time_sec" "MDP" "When it started, in seconds since 1970" |info| Value::small(info.process.started);
    71 "Tainted" "SGP" "What debugging did to the process: nothing" |_| Value::text("0");
}

impl Field {
    /// Its value; None: there is nothing to say.
    pub fn value(&self, info: &Info) -> Value {
        (self.value)(info)
    }
}

impl Info {
    /// Gathers it.
    pub fn new(process: Process, state: &ProcessState, snapshot: &Snapshot, now: Tick) -> Self {
        let fronts = snapshot.frontends.iter().map(|frontend| frontend.traffic());
        let mut totals = fronts.fold(Totals::default(), Totals::add);
        let servers = snapshot.servers().map(|server| server.counters().traffic.tls_handshakes.get());
        totals.tls_handshakes += servers.sum::<u64>();
        let (limits, measures) = (state.limits(), state.measures());
        Self { process, limits, rates: Rates::of(state, now), measures, totals }
    }

    /// The value of a field; None: there is none of this name.
    pub fn named(&self, name: &str) -> Option<Value> {
        FIELDS.iter().find(|field| field.name == name).map(|field| field.value(self))
    }
}

fn resumed_percent(info: &Info) -> u32 {
    let (full, resumed) = (info.measures.client_keys.rate, info.measures.client_resumed.rate);
    let percent = (resumed * 100).checked_div(full + resumed).unwrap_or(0);
    u32::try_from(percent).unwrap_or(100)
}

fn tasks(info: &Info) -> u64 {
    info.totals.connections_now + info.process.listeners + u64::from(info.process.threads)
}

fn uptime(info: &Info) -> Value {
    let all = info.process.uptime.as_secs();
    let (days, hours, minutes, seconds) = (all / 86_400, all / 3600 % 24, all / 60 % 60, all % 60);
    Value::text(format!("{days}d {hours}h{minutes:02}m{seconds:02}s"))
}
