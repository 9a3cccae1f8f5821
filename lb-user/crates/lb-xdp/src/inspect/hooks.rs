//! The program on interfaces, by an operator's hand where there is no daemon.

use std::os::fd::AsFd as _;

use anyhow::Context;
use lb_common::names;
use lb_conf::model::XdpMode;

use super::Inspector;
use crate::attach::{self, Interface};
use crate::neigh;
use crate::sys;

impl Inspector {
    /// Puts the program on an interface, and says how.
    ///
    /// # Errors
    ///
    /// There is no such interface, its hook is taken, or its driver cannot.
    pub fn attach(&self, name: &str, mode: XdpMode) -> anyhow::Result<String> {
        let network = neigh::read().context("reading the host's network")?;
        let found = network.link_named(name).map(|(index, link)| (index, link.xdp));
        let (index, xdp) = found.with_context(|| format!("{name}: there is no such interface"))?;
        let program = sys::open_pinned(&self.pins.map(names::PROGRAM)).context("the program of the maps")?;
        let attached = attach::attach(&self.pins, program.as_fd(), Interface { name, index, xdp }, mode)?;
        let reason = attached.fallback.map(|reason| format!(", not native: {reason}")).unwrap_or_default();
        Ok(format!("attached, {}{reason}", attached.hook))
    }

    /// Takes the program off an interface.
    ///
    /// # Errors
    ///
    /// The pin cannot be removed.
    pub fn detach(&self, name: &str) -> anyhow::Result<()> {
        Ok(attach::detach(&self.pins, name)?)
    }
}
