//! `cargo xtask demo`: builds everything and shows it at work.

use std::os::unix::process::CommandExt;

use anyhow::{Result, bail};

use crate::{build_ebpf, packages, shell};

/// Builds the daemon and becomes the demonstration, which gets Ctrl-C directly and cleans up itself.
pub(crate) fn run() -> Result<()> {
    if let Err(error) = packages::ensure(packages::NETWORK) {
        println!("{error:#}");
    }
    // Without the object the daemon serves in user space, and the demonstration says that it cannot show the rest.
    if let Err(error) = build_ebpf::run() {
        println!("{error:#}");
    }
    let program = shell::build_bins(shell::Profile::Dev)?.join("lbx-demo");
    let error = shell::command(&program.display().to_string()).exec();
    bail!("starting {}: {error}", program.display())
}
