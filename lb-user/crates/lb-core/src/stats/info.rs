//! The fields of `show info`.

use super::value::{Tags, Value};
use crate::counters::Traffic;
use crate::host::Process;
use crate::runtime::Snapshot;
use crate::tick::Tick;

/// What `show info` prints.
#[derive(Clone, Debug)]
pub struct Info {
    process: Process,
    totals: Totals,
}

/// Sums over the frontends of the configuration.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    connections_now: u64,
    connections: u64,
    requests: u64,
    connection_rate: u64,
    session_rate: u64,
    tls_handshakes: u64,
    bytes_out: u64,
}

impl Totals {
    fn add(mut self, traffic: &Traffic, now: Tick) -> Self {
        self.connections_now += traffic.sessions.get();
        self.connections += traffic.connections.get();
        self.requests += traffic.requests.get();
        self.connection_rate += u64::from(traffic.connection_rate.get(now));
        self.session_rate += u64::from(traffic.session_rate.get(now));
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
        /// All fields. Places are HAProxy's; those of figures that we do not have are left out.
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
    13 "Ulimit-n" "CLP" "The limit on open files" |info| Value::small(info.process.open_files);
    14 "Maxsock" "CLP" "The limit on sockets" |info| Value::small(info.process.open_files);
    15 "Maxconn" "CLP" "The limit on client connections" |info| Value::small(info.process.maxconn);
    16 "Hard_maxconn" "CLP" "The limit that cannot be raised at run time" |info| Value::small(info.process.maxconn);
    17 "CurrConns" "MGP" "Client connections now" |info| Value::small(info.totals.connections_now);
    18 "CumConns" "MCP" "Client connections so far" |info| Value::small(info.totals.connections);
    19 "CumReq" "MCP" "Requests so far" |info| Value::small(info.totals.requests);
    22 "CumSslConns" "MCP" "TLS handshakes with clients so far" |info| Value::small(info.totals.tls_handshakes);
    23 "Maxpipes" "CLP" "The limit on pipes, 0 for none" |_| Value::U32(0);
    24 "PipesUsed" "MGP" "Pipes in use" |info| Value::small(info.process.pipes);
    26 "ConnRate" "MRP" "Client connections of the last second" |info| Value::small(info.totals.connection_rate);
    27 "ConnRateLimit" "CLP" "The limit on that, 0 for none" |_| Value::U32(0);
    29 "SessRate" "MRP" "Sessions of the last second" |info| Value::small(info.totals.session_rate);
    30 "SessRateLimit" "CLP" "The limit on that, 0 for none" |_| Value::U32(0);
    47 "Tasks" "MGP" "One for each client connection, listener and worker" |info| Value::small(tasks(info));
    48 "Run_queue" "MGP" "Tasks that could run now" |info| Value::small(info.process.run_queue);
    49 "Idle_pct" "MaP" "Hundredths of the time with nothing to do" |info| info.process.idle.into();
    50 "node" "COS" "The name of the node" |info| Value::text(&info.process.node);
    51 "description" "COS" "Its description" |info| info.process.description.as_ref().map(Value::text).into();
    52 "Stopping" "MGP" "1 when about to end" |info| Value::U32(u32::from(info.process.stopping));
    53 "Jobs" "MGP" "Client connections and listeners" |info| {
        Value::small(info.totals.connections_now + info.process.listeners)
    };
    55 "Listeners" "MGP" "Addresses listened on" |info| Value::small(info.process.listeners);
    58 "DroppedLogs" "MGP" "Log lines that could not be sent" |info| Value::small(info.process.dropped_logs);
    61 "TotalBytesOut" "MGP" "Bytes sent to clients" |info| info.totals.bytes_out.into();
    70 "Start_time_sec" "MDP" "When it started, in seconds since 1970" |info| Value::small(info.process.started);
}

impl Field {
    /// Its value; None: there is nothing to say.
    pub fn value(&self, info: &Info) -> Value {
        (self.value)(info)
    }
}

impl Info {
    /// Gathers it.
    pub fn new(process: Process, snapshot: &Snapshot, now: Tick) -> Self {
        let add = |totals: Totals, traffic: &Traffic| totals.add(traffic, now);
        let totals =
            snapshot.frontends.iter().map(|frontend| frontend.traffic()).fold(Totals::default(), add);
        Self { process, totals }
    }

    /// The value of a field; None: there is none of this name.
    pub fn named(&self, name: &str) -> Option<Value> {
        FIELDS.iter().find(|field| field.name == name).map(|field| field.value(self))
    }
}

fn tasks(info: &Info) -> u64 {
    info.totals.connections_now + info.process.listeners + u64::from(info.process.threads)
}

fn uptime(info: &Info) -> Value {
    let all = info.process.uptime.as_secs();
    let (days, hours, minutes, seconds) = (all / 86_400, all / 3600 % 24, all / 60 % 60, all % 60);
    Value::text(format!("{days}d {hours}h{minutes:02}m{seconds:02}s"))
}
