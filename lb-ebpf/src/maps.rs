//! The maps. Numbers of entries are what fits small hosts; the loader may set others (`lb_xdp::loader::Settings`).

use aya_ebpf::btf_maps::{Array, ArrayOfMaps, HashMap, LpmTrie, PerCpuArray, ProgramArray, Queue, RingBuf};
use aya_ebpf::macros::btf_map;
use lb_common::address::{V4, V6};
use lb_common::counter::{Count, ServerCounters, ServiceCounters};
use lb_common::decap;
use lb_common::key::{FlowKey, RateKey, ServiceKey};
use lb_common::label::Label;
use lb_common::rates::{HostRates, Rates};
use lb_common::rule::{Rule, SourceKey, Tracked};
use lb_common::trace::Filter;
use lb_common::value::{
    Draft, Flow, Jiffies, Pending, Retired, Server, ServerLoad, Service, ServiceLoad, Slots, TABLE_ELEMENTS,
};

/// Lets inner maps be as long as their tables; without it all would have to be of one length.
const BPF_F_INNER_MAP: usize = 1 << 12;

/// One for each number of a service and of a server.
const LABEL_ENTRIES: usize = 1 << 17;
/// Addresses that clients connect to.
const SERVICE_ENTRIES: usize = 4096;
/// Service numbers.
const SERVICE_IDS: usize = 1024;
/// Server numbers.
const SERVER_IDS: usize = 8192;
/// Two for each flow.
const FLOW_ENTRIES: usize = 1 << 17;
/// Sources that are counted.
const RATE_ENTRIES: usize = 1 << 16;
/// Steps of rules.
const RULE_ENTRIES: usize = 8192;
/// Prefixes of all lists.
const SOURCE_ENTRIES: usize = 1 << 21;
/// Services of a server.
const DECAP_ENTRIES: usize = 1024;
/// Memory for entries that are there only: tables of sources are large, and most are empty.
const BPF_F_NO_PREALLOC: usize = 1;
/// Places of fingerprints; a power of two.
pub const RECENT_ENTRIES: usize = 1 << 15;
/// Bytes of events that user space has not read yet; a power of two.
const EVENT_BYTES: usize = 1 << 20;

/// Where IPv4 clients connect to. Written by user space.
#[btf_map]
pub static SERVICES: HashMap<ServiceKey<V4>, Service, SERVICE_ENTRIES> = HashMap::new();

/// Where IPv6 clients connect to. Written by user space.
#[btf_map]
pub static SERVICES6: HashMap<ServiceKey<V6>, Service, SERVICE_ENTRIES> = HashMap::new();

/// The slots of each service, replaced whole by user space.
#[btf_map]
pub static TABLES: ArrayOfMaps<Array<Slots, { TABLE_ELEMENTS as usize }, BPF_F_INNER_MAP>, SERVICE_IDS> =
    ArrayOfMaps::new();

/// Servers by number. Written by user space.
#[btf_map]
pub static SERVERS: Array<Server, SERVER_IDS> = Array::new();

/// Servers' flow counts.
#[btf_map]
pub static SERVER_LOAD: Array<ServerLoad, SERVER_IDS> = Array::new();

/// Services' flow counts and turns.
#[btf_map]
pub static SERVICE_LOAD: Array<ServiceLoad, SERVICE_IDS> = Array::new();

/// Both entries of every IPv4 flow.
#[btf_map]
pub static FLOWS: HashMap<FlowKey<V4>, Flow<V4>, FLOW_ENTRIES> = HashMap::new();

/// Both entries of every IPv6 flow.
#[btf_map]
pub static FLOWS6: HashMap<FlowKey<V6>, Flow<V6>, FLOW_ENTRIES> = HashMap::new();

/// IPv4 flows that have closed, in their order.
#[btf_map]
pub static RETIRED: Queue<Retired<V4>, FLOW_ENTRIES> = Queue::new();

/// IPv6 flows that have closed, in their order.
#[btf_map]
pub static RETIRED6: Queue<Retired<V6>, FLOW_ENTRIES> = Queue::new();

/// How long closed flows stay, in jiffies; the loader, who knows how many a second has, sets it.
#[unsafe(no_mangle)]
pub static LINGER: Jiffies = 1000;

/// A second, in jiffies; the loader sets it.
#[unsafe(no_mangle)]
pub static SECOND: Jiffies = 1000;

/// The IPv4 entry that is being made.
#[btf_map]
pub static DRAFT: PerCpuArray<Draft<V4>, 1> = PerCpuArray::new();

/// The IPv6 entry that is being made.
#[btf_map]
pub static DRAFT6: PerCpuArray<Draft<V6>, 1> = PerCpuArray::new();

/// The IPv4 packet that is about to open a flow.
#[btf_map]
pub static PENDING: PerCpuArray<Pending<V4>, 1> = PerCpuArray::new();

/// The IPv6 packet that is about to open a flow.
#[btf_map]
pub static PENDING6: PerCpuArray<Pending<V6>, 1> = PerCpuArray::new();

/// A word that is written and read back ([`lb_common::tables::CommonTables::forget`]).
#[btf_map]
pub static SCRATCH: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Steps of the services' rules. Written by user space.
#[btf_map]
pub static RULES: Array<Rule, RULE_ENTRIES> = Array::new();

/// How often each step decided.
#[btf_map]
pub static RULE_COUNTERS: PerCpuArray<Count, RULE_ENTRIES> = PerCpuArray::new();

/// The tables that services' rules track clients in. Written by user space.
#[btf_map]
pub static TRACKED: Array<Tracked, SERVICE_IDS> = Array::new();

/// Lists of IPv4 prefixes. Written by user space. What belongs to a prefix is of no concern: that it is there is all.
#[btf_map]
pub static SOURCES: LpmTrie<SourceKey<V4>, u32, SOURCE_ENTRIES> = LpmTrie::new();

/// Lists of IPv6 prefixes. Written by user space.
#[btf_map]
pub static SOURCES6: LpmTrie<SourceKey<V6>, u32, SOURCE_ENTRIES> = LpmTrie::new();

/// What IPv4 sources did that the kernel decided about. User space removes what has expired.
#[btf_map]
pub static RATES: HashMap<RateKey<V4>, Rates, RATE_ENTRIES, BPF_F_NO_PREALLOC> = HashMap::new();

/// What IPv6 sources did that the kernel decided about.
#[btf_map]
pub static RATES6: HashMap<RateKey<V6>, Rates, RATE_ENTRIES, BPF_F_NO_PREALLOC> = HashMap::new();

/// What IPv4 sources did in user space. Written by user space.
#[btf_map]
pub static HOST_RATES: HashMap<RateKey<V4>, HostRates, RATE_ENTRIES, BPF_F_NO_PREALLOC> = HashMap::new();

/// What IPv6 sources did in user space. Written by user space.
#[btf_map]
pub static HOST_RATES6: HashMap<RateKey<V6>, HostRates, RATE_ENTRIES, BPF_F_NO_PREALLOC> = HashMap::new();

/// Fingerprints of SYNs that were turned away, each in the place that itself decides.
#[btf_map]
pub static RECENT: Array<u64, RECENT_ENTRIES> = Array::new();

/// Resets that this CPU sent in a tick: the tick in the upper half, their number in the lower.
#[btf_map]
pub static ANSWERS: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Decisions by service and reason.
#[btf_map]
pub static COUNTERS: PerCpuArray<ServiceCounters, SERVICE_IDS> = PerCpuArray::new();

/// Packets to and from each server.
#[btf_map]
pub static SERVER_COUNTERS: PerCpuArray<ServerCounters, SERVER_IDS> = PerCpuArray::new();

/// Events for user space. The element type is left open, for libbpf takes ring buffers that have one for broken.
#[btf_map]
pub static EVENTS: RingBuf<(), EVENT_BYTES> = RingBuf::new();

/// Programs that the first one goes on with. Written by user space.
#[btf_map]
pub static STAGES: ProgramArray<1> = ProgramArray::new();

/// Services whose packets come in tunnels. Written by user space, but for the counts.
#[btf_map]
pub static DECAP: HashMap<decap::Service, Count, DECAP_ENTRIES> = HashMap::new();

/// The UDP port that packets in GUE come to; the loader sets it.
#[unsafe(no_mangle)]
pub static DECAP_PORT: u32 = 6080;

/// The jiffies that the clock program read last.
#[btf_map]
pub static CLOCK: Array<u64, 1> = Array::new();

/// Whose the numbers are. Written and read by user space.
#[btf_map]
pub static LABELS: HashMap<u32, Label, LABEL_ENTRIES, BPF_F_NO_PREALLOC> = HashMap::new();

/// Which decisions an operator wants to see. Written by user space.
#[btf_map]
pub static TRACE: Array<Filter, 1> = Array::new();

/// Decisions for operators.
#[btf_map]
pub static TRACES: RingBuf<(), EVENT_BYTES> = RingBuf::new();
