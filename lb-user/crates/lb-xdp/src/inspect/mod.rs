//! The kernel plane as an operator sees it, from the pinned maps alone: with a daemon or without one.

mod explain;
mod flows;
mod hooks;
mod names;
mod overview;
mod trace;

use std::path::Path;

use anyhow::Context;

pub use explain::{Explanation, OpenFlow, Target};
pub use flows::{FlowFilter, FlowInfo};
pub use overview::{InterfaceInfo, Overview, ReasonCount, RuleInfo, ServerInfo, ServiceInfo};
pub use trace::{Trace, TraceFilter, Tracer};

use self::names::Names;
use crate::bpf::BpfStore;
use crate::host;
use crate::object;
use crate::pins::Pins;
use crate::store::{Contents, Store as _};

/// The pinned maps, to look at.
pub struct Inspector {
    pins: Pins,
    store: BpfStore,
    contents: Contents,
    hz: u32,
}

impl Inspector {
    /// Those in this folder.
    ///
    /// # Errors
    ///
    /// There are none, or they are another version's, or the process may not read them.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let pins = Pins::existing(folder, &object::abi())?;
        let store = BpfStore::existing(&pins).context("opening the maps")?;
        let contents = store.read().context("reading the maps")?;
        Ok(Self { pins, store, contents, hz: host::hz()? })
    }

    fn names(&self) -> Names<'_> {
        Names(&self.contents)
    }
}
