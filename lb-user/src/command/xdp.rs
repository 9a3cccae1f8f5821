//! `lbx xdp attach` and `lbx xdp detach`.

use anyhow::{Result, bail};
use lb_xdp::inspect::Inspector;

use super::args::{Attach, Detach};
use super::print;

/// Puts the program of the pinned maps on interfaces.
pub(super) fn attach(attach: &Attach) -> Result<()> {
    let inspector = attach.place.inspect()?;
    warn_of_daemon(&inspector, "'xdp-interface' names interfaces to it")?;
    for interface in &attach.interfaces {
        print(&format!("{interface}: {}\n", inspector.attach(interface, attach.mode.into())?))?;
    }
    Ok(())
}

/// Takes the program off interfaces.
pub(super) fn detach(detach: &Detach) -> Result<()> {
    let inspector = detach.place.inspect()?;
    warn_of_daemon(&inspector, "stop it, or take 'xdp-interface' out of its configuration and reload")?;
    let pinned = inspector.attached()?;
    let wanted = if detach.interfaces.is_empty() { pinned.clone() } else { detach.interfaces.clone() };
    if let Some(stranger) = wanted.iter().find(|name| !pinned.contains(name)) {
        bail!("{stranger}: the program is not there; it is on {}", pinned.join(", "));
    }
    for interface in &wanted {
        inspector.detach(interface)?;
        print(&format!("{interface}: detached\n"))?;
    }
    Ok(())
}

/// Who follows the maps up decides about interfaces: two would undo each other's work.
fn warn_of_daemon(inspector: &Inspector, how: &str) -> Result<()> {
    if inspector.has_daemon() {
        bail!("a daemon follows this kernel plane up: {how}");
    }
    Ok(())
}
