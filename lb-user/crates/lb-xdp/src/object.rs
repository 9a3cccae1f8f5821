//! The object in the kernel: its maps pinned, its programs checked.

use std::os::fd::AsFd;

use anyhow::Context;
use aya::Ebpf;
use aya::maps::MapInfo;
use lb_common::address::{V4, V6};
use lb_common::counter::{ServerCounters, ServiceCounters};
use lb_common::event::FlowEvent;
use lb_common::key::{FlowKey, RateKey, ServiceKey};
use lb_common::label::Label;
use lb_common::names;
use lb_common::rates::{HostRates, Rates};
use lb_common::rule::{Rule, SourceKey, Tracked};
use lb_common::trace::{Filter, Traced};
use lb_common::value::{Flow, Server, ServerLoad, Service, ServiceLoad, Slots};
use serde::{Deserialize, Serialize};

use crate::loader::{self, Settings};
use crate::pins::Pins;

/// Raised when a field changes its meaning without changing any size.
const ABI_VERSION: usize = 2;

/// The ABI of the maps: its version, then the size of each structure in them.
pub fn abi() -> String {
    let sizes = [
        ABI_VERSION,
        size_of::<ServiceKey<V4>>(),
        size_of::<ServiceKey<V6>>(),
        size_of::<Service>(),
        size_of::<Slots>(),
        size_of::<Server>(),
        size_of::<ServerLoad>(),
        size_of::<ServiceLoad>(),
        size_of::<FlowKey<V4>>(),
        size_of::<Flow<V4>>(),
        size_of::<FlowKey<V6>>(),
        size_of::<Flow<V6>>(),
        size_of::<RateKey<V4>>(),
        size_of::<RateKey<V6>>(),
        size_of::<Rates>(),
        size_of::<HostRates>(),
        size_of::<Rule>(),
        size_of::<Tracked>(),
        size_of::<SourceKey<V4>>(),
        size_of::<SourceKey<V6>>(),
        size_of::<ServiceCounters>(),
        size_of::<ServerCounters>(),
        size_of::<FlowEvent>(),
        size_of::<Filter>(),
        size_of::<Traced>(),
        size_of::<Label>(),
    ];
    sizes.map(|size| size.to_string()).join("-")
}

/// What became of the maps that were pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inheritance {
    /// There were none.
    None,
    /// They are taken over.
    Adopted,
    /// They were of another ABI and have been replaced, and with them all flows.
    Replaced {
        /// What their ABI was, if they said.
        abi: Option<String>,
    },
}

/// Makes the folder ready for maps of this ABI.
///
/// # Errors
///
/// The folder cannot be read or written.
pub fn inherit(pins: &Pins) -> anyhow::Result<Inheritance> {
    let found = pins.abi();
    if found.as_deref() == Some(abi().as_str()) {
        return Ok(Inheritance::Adopted);
    }
    if pins.is_empty()? {
        return Ok(Inheritance::None);
    }
    pins.clear().context("removing the pins of another ABI")?;
    Ok(Inheritance::Replaced { abi: found })
}

/// Loads the object with its maps pinned in the folder: those that are there, or new ones of these sizes.
///
/// # Errors
///
/// The kernel refuses a map, or the verifier a program: then the error holds its log.
pub fn load(object: &[u8], pins: &Pins, sizes: &Settings) -> anyhow::Result<Ebpf> {
    let mut ebpf = loader::load(object, Some(pins.folder()), &pinned_sizes(pins, sizes))?;
    for name in [names::PROGRAM, names::CLOCK_PROGRAM] {
        let program = loader::program(&mut ebpf, name)?.fd()?.as_fd();
        pins.replace(program, name).with_context(|| format!("pinning the program {name}"))?;
    }
    pins.set_abi(&abi()).context("noting the maps' ABI")?;
    Ok(ebpf)
}

/// The sizes of the maps that are pinned: aya believes what the object says, be the pinned map shorter or longer.
fn pinned_sizes(pins: &Pins, wanted: &Settings) -> Settings {
    let entries = |name, wanted| MapInfo::from_pin(pins.map(name)).map_or(wanted, |info| info.max_entries());
    Settings {
        flows: entries(names::FLOWS, wanted.flows.saturating_mul(2)) / 2,
        addresses: entries(names::SERVICES, wanted.addresses),
        services: entries(names::TABLES, wanted.services),
        servers: entries(names::SERVERS, wanted.servers),
        sources: entries(names::RATES, wanted.sources),
        prefixes: entries(names::SOURCES, wanted.prefixes),
        rules: entries(names::RULES, wanted.rules),
        linger: wanted.linger,
        second: wanted.second,
    }
}
