//! Loading the BPF object.

use std::path::Path;

use anyhow::{Context, anyhow};
use aya::maps::ProgramArray;
use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader};
use lb_common::address::{V4, V6};
use lb_common::counter::{Count, ServerCounters, ServiceCounters};
use lb_common::key::FlowKey;
use lb_common::names;
use lb_common::rule::{Rule, Tracked};
use lb_common::value::{Flow, Jiffies, Retired, Server, ServerLoad, Service, ServiceLoad};
use lb_conf::model::{Config, KeyType};
use serde::{Deserialize, Serialize};

/// The object, aligned as its parser wants it.
#[cfg(lbx_object)]
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/lbx.bpf.o"));

/// The BPF object that was embedded when this was built. None: there was none, and only user space can serve.
pub fn embedded() -> Option<&'static [u8]> {
    #[cfg(lbx_object)]
    return Some(OBJECT);
    #[cfg(not(lbx_object))]
    None
}

/// The most flows of an address family: 6 GiB of memory for IPv6.
pub const MAX_FLOWS: u32 = 1 << 24;
/// The most prefixes: 1 GiB of tries.
const MAX_PREFIXES: u32 = 1 << 23;
/// The share of the room for flows that those of a service which are half open may take in a second: they stay for five,
/// as long as `timeout connect` says nothing else, and for one when the table fills up.
const HALF_OPEN_SHARE: u32 = 8;
/// The most steps of rules.
const MAX_RULES: u32 = 1 << 16;

/// Maps whose size nobody sets, in bytes: two ring buffers, the buckets of labels, and SYNs that were turned away.
const FIXED: u64 = (2 << 20) + (1 << 17) * HASH_BUCKET + (1 << 15) * 8;
/// What the kernel keeps with each entry of a hash (kernel/bpf/hashtab.c, `struct htab_elem`), in bytes.
const HASH_ENTRY: u64 = 48;
/// What it keeps for each bucket (the same, `struct bucket`); there are as many as entries, rounded up to a power of two.
const HASH_BUCKET: u64 = 16;

/// How many entries the maps have room for, and for how long. Maps that are pinned already keep what they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Flows of each address family; each takes two entries.
    pub flows: u32,
    /// Addresses of services of each address family.
    pub addresses: u32,
    /// Numbers of services, with 0, which is none.
    pub services: u32,
    /// Numbers of servers, with 0, which is none.
    pub servers: u32,
    /// Source addresses that are counted, of each address family.
    pub sources: u32,
    /// Prefixes of all lists of each address family.
    pub prefixes: u32,
    /// Steps of all rules.
    pub rules: u32,
    /// How long closed flows stay for stragglers, in jiffies.
    pub linger: Jiffies,
    /// A second, in jiffies.
    pub second: Jiffies,
}

impl Default for Settings {
    /// What suits a host of some gigabytes: 50 MiB, most of it for flows.
    fn default() -> Self {
        Self {
            flows: 1 << 16,
            addresses: 4096,
            services: 1024,
            servers: 8192,
            sources: 1 << 16,
            prefixes: 1 << 21,
            rules: 8192,
            linger: 1000,
            second: 1000,
        }
    }
}

impl Settings {
    /// Flows of a service that may be half open of those opened in a second, where `xdp-syn-rate` does not say: as many
    /// as leave room for others, for as long as they stay.
    pub fn half_open(&self) -> u32 {
        self.flows / HALF_OPEN_SHARE
    }

    /// What a configuration asks for.
    pub fn of(config: &Config) -> Self {
        let default = Self::default();
        // What a table of addresses has room for, the kernel has.
        let of_addresses = config.tables.iter().filter(|t| matches!(t.key, KeyType::Ipv4 | KeyType::Ipv6));
        let sources = of_addresses.fold(0_u32, |sum, table| sum.saturating_add(table.size));
        Self {
            flows: config.global.xdp_flows.unwrap_or(default.flows),
            sources: sources.clamp(default.sources, MAX_FLOWS),
            ..default
        }
    }

    /// The memory that the maps take with so many processors, in bytes, but for selection tables, which grow with the
    /// servers' weights.
    pub fn memory(&self, processors: u64) -> u64 {
        let hash = |entries: u32, pair: usize| {
            let entries = u64::from(entries);
            entries * (HASH_ENTRY + pair as u64) + entries.next_power_of_two() * HASH_BUCKET
        };
        let array = |entries: u32, value: usize| u64::from(entries) * value as u64;
        let flows = self.flows.saturating_mul(2);
        let flow4 = size_of::<FlowKey<V4>>() + size_of::<Flow<V4>>();
        let flow6 = size_of::<FlowKey<V6>>() + size_of::<Flow<V6>>();
        // Keys are rounded up to eight bytes.
        let service4 = 8 + size_of::<Service>().next_multiple_of(8);
        let service6 = 24 + size_of::<Service>().next_multiple_of(8);
        hash(flows, flow4)
            + hash(flows, flow6)
            + array(self.flows, size_of::<Retired<V4>>())
            + array(self.flows, size_of::<Retired<V6>>())
            + hash(self.addresses, service4)
            + hash(self.addresses, service6)
            // Four maps of sources, whose entries take memory once they are there only.
            + 4 * u64::from(self.sources.next_power_of_two()) * HASH_BUCKET
            + array(self.rules, size_of::<Rule>())
            + array(self.rules, size_of::<Count>()) * processors
            + array(self.services, size_of::<Tracked>())
            + array(self.servers, size_of::<Server>() + size_of::<ServerLoad>())
            + array(self.services, size_of::<ServiceLoad>())
            + array(self.servers, size_of::<ServerCounters>()) * processors
            + array(self.services, size_of::<ServiceCounters>()) * processors
            + FIXED
    }

    /// The same within what a kernel gives in one piece: whoever asks for more gets that.
    #[must_use]
    pub fn bounded(&self) -> Self {
        Self {
            flows: self.flows.clamp(1, MAX_FLOWS),
            addresses: self.addresses.clamp(1, u32::from(u16::MAX)),
            services: self.services.clamp(2, u32::from(u16::MAX)),
            servers: self.servers.clamp(2, u32::from(u16::MAX)),
            sources: self.sources.clamp(1, MAX_FLOWS),
            prefixes: self.prefixes.clamp(1, MAX_PREFIXES),
            rules: self.rules.clamp(2, MAX_RULES),
            linger: self.linger,
            second: self.second,
        }
    }

    /// The maps with their numbers of entries.
    fn entries(&self) -> [(&'static str, u32); 21] {
        let flows = self.flows.saturating_mul(2);
        [
            (names::FLOWS, flows),
            (names::FLOWS6, flows),
            (names::RETIRED, self.flows),
            (names::RETIRED6, self.flows),
            (names::SERVICES, self.addresses),
            (names::SERVICES6, self.addresses),
            (names::TABLES, self.services),
            (names::SERVICE_LOAD, self.services),
            (names::COUNTERS, self.services),
            (names::SERVERS, self.servers),
            (names::SERVER_LOAD, self.servers),
            (names::SERVER_COUNTERS, self.servers),
            (names::RATES, self.sources),
            (names::RATES6, self.sources),
            (names::HOST_RATES, self.sources),
            (names::HOST_RATES6, self.sources),
            (names::SOURCES, self.prefixes),
            (names::SOURCES6, self.prefixes),
            (names::TRACKED, self.services),
            (names::RULES, self.rules),
            (names::RULE_COUNTERS, self.rules),
        ]
    }
}

/// Makes an object's maps, or opens those that are pinned in the folder `pins`, and loads all its programs.
///
/// # Errors
///
/// The object is none, the kernel refuses a map (no memory, no privileges) or a program (the verifier's log is in the
/// error), or the folder is not on a BPF file system.
pub fn load(object: &[u8], pins: Option<&Path>, settings: &Settings) -> anyhow::Result<Ebpf> {
    let mut loader = EbpfLoader::new();
    for (name, entries) in settings.entries() {
        loader.map_max_entries(name, entries);
    }
    loader.override_global(names::LINGER, &settings.linger, true);
    loader.override_global(names::SECOND, &settings.second, true);
    if let Some(folder) = pins {
        for name in names::PINNED {
            loader.map_pin_path(name, folder.join(name));
        }
    }
    let mut ebpf = loader.load(object).context("loading the BPF object's maps")?;
    for (name, program) in ebpf.programs_mut() {
        let name = name.to_owned();
        let program: &mut Xdp = program.try_into().with_context(|| format!("the BPF program {name}"))?;
        program.load().with_context(|| format!("loading the BPF program {name}"))?;
    }
    connect_stages(&mut ebpf)?;
    Ok(ebpf)
}

/// Tells the first program which one it goes on with. A program that is in use finds its successor then, too: maps of one
/// ABI are shared by programs that are of one as well.
fn connect_stages(ebpf: &mut Ebpf) -> anyhow::Result<()> {
    // An object for measuring has but one program.
    if ebpf.program(names::DIRECT_PROGRAM).is_none() {
        return Ok(());
    }
    let stage = program(ebpf, names::DIRECT_PROGRAM)?.fd()?.try_clone()?;
    let stages =
        ebpf.map_mut(names::STAGES).ok_or_else(|| anyhow!("the BPF object has no map {}", names::STAGES))?;
    let mut stages = ProgramArray::try_from(stages)?;
    stages.set(names::DIRECT_STAGE, &stage, 0).context("connecting the BPF programs")
}

/// A program of a loaded object.
///
/// # Errors
///
/// The object has no XDP program of this name.
pub fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> anyhow::Result<&'a mut Xdp> {
    let program = ebpf.program_mut(name).ok_or_else(|| anyhow!("the BPF object has no program {name}"))?;
    program.try_into().with_context(|| format!("the BPF program {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_the_room_that_tables_of_addresses_have() {
        let of = |text: &str| Settings::of(&lb_conf::load_text("test.cfg", text).config.unwrap()).sources;
        let table =
            |name: &str, of: &str| format!("backend {name}\n  stick-table type {of} store conn_cnt\n");
        assert_eq!(of(&table("a", "ip size 200")), 1 << 16);
        let (v4, v6, other) =
            (table("a", "ip size 200k"), table("b", "ipv6 size 100k"), table("c", "string size 9m"));
        assert_eq!(of(&(v4 + &v6 + &other)), 300 << 10);
    }
}
