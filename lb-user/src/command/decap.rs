//! `lbx decap`: the servers' side of `xdp-forward ipip` and `gue`.

use std::path::Path;

use anyhow::Result;
use lb_xdp::decap::{self, PIN_FOLDER};

use super::args::Decap;
use super::print;

/// Puts the program on interfaces, or takes it off.
pub(super) fn run(wanted: &Decap) -> Result<()> {
    let folder = wanted.pins.as_deref().unwrap_or(Path::new(PIN_FOLDER));
    let addresses = wanted.addresses.iter().copied().collect();
    let on = decap::Decap { folder, addresses: &addresses, port: wanted.port };
    for interface in &wanted.interfaces {
        if wanted.detach {
            decap::detach(folder, interface)?;
            print(&format!("{interface}: detached\n"))?;
        } else {
            print(&format!("{interface}: {}\n", on.attach(interface, wanted.mode.into())?))?;
        }
    }
    Ok(())
}
