//! Names of programs, maps and pins.

/// The folder on the BPF file system that maps and links are pinned under.
pub const PIN_FOLDER: &str = "/sys/fs/bpf/lbx";
/// The file system that [`PIN_FOLDER`] needs.
pub const BPF_FS: &str = "/sys/fs/bpf";

/// The forwarding program.
pub const PROGRAM: &str = "lbx";
/// The program that it goes on with for packets of direct return.
pub const DIRECT_PROGRAM: &str = "lbx_direct";
/// The place of [`DIRECT_PROGRAM`] in [`STAGES`].
pub const DIRECT_STAGE: u32 = 0;
/// The program of servers that takes packets out of tunnels.
pub const DECAP_PROGRAM: &str = "lbx_decap";
/// The program that reports the kernel's clock: run once under `BPF_PROG_TEST_RUN`, it writes jiffies to `CLOCK`.
pub const CLOCK_PROGRAM: &str = "lbx_clock";

/// Services of IPv4: [`crate::key::ServiceKey`] → [`crate::value::Service`].
pub const SERVICES: &str = "SERVICES";
/// Services of IPv6.
pub const SERVICES6: &str = "SERVICES6";
/// Service id → selection table (an array of server ids after a length).
pub const TABLES: &str = "TABLES";
/// Server id → [`crate::value::Server`].
pub const SERVERS: &str = "SERVERS";
/// Server id → [`crate::value::ServerLoad`].
pub const SERVER_LOAD: &str = "SERVER_LOAD";
/// Service id → [`crate::value::ServiceLoad`].
pub const SERVICE_LOAD: &str = "SERVICE_LOAD";
/// Flows of IPv4: [`crate::key::FlowKey`] → [`crate::value::Flow`].
pub const FLOWS: &str = "FLOWS";
/// Flows of IPv6.
pub const FLOWS6: &str = "FLOWS6";
/// Flows of IPv4 that have closed, in their order: [`crate::value::Retired`].
pub const RETIRED: &str = "RETIRED";
/// Flows of IPv6 that have closed.
pub const RETIRED6: &str = "RETIRED6";
/// Steps of all services' rules: [`crate::rule::Rule`].
pub const RULES: &str = "RULES";
/// How often each of them decided: [`crate::counter::Count`], per CPU.
pub const RULE_COUNTERS: &str = "RULE_COUNTERS";
/// Service id → [`crate::rule::Tracked`].
pub const TRACKED: &str = "TRACKED";
/// Lists of IPv4 prefixes: [`crate::rule::SourceKey`] → nothing.
pub const SOURCES: &str = "SOURCES";
/// Lists of IPv6 prefixes.
pub const SOURCES6: &str = "SOURCES6";
/// What user space counted of sources of IPv4: [`crate::key::RateKey`] → [`crate::rates::HostRates`].
pub const HOST_RATES: &str = "HOST_RATES";
/// What user space counted of sources of IPv6.
pub const HOST_RATES6: &str = "HOST_RATES6";
/// Sources of IPv4: [`crate::key::RateKey`] → [`crate::rates::Rates`].
pub const RATES: &str = "RATES";
/// Sources of IPv6.
pub const RATES6: &str = "RATES6";
/// Service id → [`crate::counter::ServiceCounters`], per CPU.
pub const COUNTERS: &str = "COUNTERS";
/// Server id → [`crate::counter::ServerCounters`], per CPU.
pub const SERVER_COUNTERS: &str = "SERVER_COUNTERS";
/// Fingerprints of SYNs that were turned away. Of one program, and so not pinned.
pub const RECENT: &str = "RECENT";
/// Ring buffer of [`crate::event::FlowEvent`].
pub const EVENTS: &str = "EVENTS";
/// One entry: the jiffies that [`CLOCK_PROGRAM`] read last.
pub const CLOCK: &str = "CLOCK";

/// Programs that the first one goes on with.
pub const STAGES: &str = "STAGES";
/// Services whose packets a server takes out of tunnels: [`crate::decap::Service`] → [`crate::counter::Count`]. Of that
/// program alone, and so pinned where that is.
pub const DECAP: &str = "DECAP";
/// A constant of the object: the UDP port of packets in GUE.
pub const DECAP_PORT: &str = "DECAP_PORT";
/// Whose a number is: [`crate::label::Label`].
pub const LABELS: &str = "LABELS";
/// One entry: [`crate::trace::Filter`].
pub const TRACE: &str = "TRACE";
/// Ring buffer of [`crate::trace::Traced`].
pub const TRACES: &str = "TRACES";

/// A constant of the object: how long closed flows stay, in jiffies.
pub const LINGER: &str = "LINGER";
/// Another one: a second, in jiffies.
pub const SECOND: &str = "SECOND";

/// Every map that is pinned, by its name, under [`PIN_FOLDER`].
pub const PINNED: &[&str] = &[
    SERVICES,
    SERVICES6,
    TABLES,
    SERVERS,
    SERVER_LOAD,
    SERVICE_LOAD,
    FLOWS,
    FLOWS6,
    RETIRED,
    RETIRED6,
    RULES,
    RULE_COUNTERS,
    TRACKED,
    SOURCES,
    SOURCES6,
    RATES,
    RATES6,
    HOST_RATES,
    HOST_RATES6,
    COUNTERS,
    SERVER_COUNTERS,
    EVENTS,
    CLOCK,
    STAGES,
    LABELS,
    TRACE,
    TRACES,
];
