//! Loading the BPF object.

use std::path::Path;

use anyhow::{Context, anyhow};
use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader};
use lb_common::names;
use lb_common::value::Jiffies;
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
    /// How long closed flows stay for stragglers, in jiffies.
    pub linger: Jiffies,
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
            linger: 1000,
        }
    }
}

impl Settings {
    /// The same within what a kernel gives in one piece: whoever asks for more gets that.
    #[must_use]
    pub fn bounded(&self) -> Self {
        Self {
            flows: self.flows.clamp(1, MAX_FLOWS),
            addresses: self.addresses.clamp(1, u32::from(u16::MAX)),
            services: self.services.clamp(2, u32::from(u16::MAX)),
            servers: self.servers.clamp(2, u32::from(u16::MAX)),
            sources: self.sources.clamp(1, MAX_FLOWS),
            linger: self.linger,
        }
    }

    /// The maps with their numbers of entries.
    fn entries(&self) -> [(&'static str, u32); 14] {
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
    Ok(ebpf)
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
