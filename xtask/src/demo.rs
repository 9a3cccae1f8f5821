//! `cargo xtask demo`: builds everything and shows it at work.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result, bail};

use crate::{packages, shell};

/// Builds the daemon and becomes the demonstration, which gets Ctrl-C directly and cleans up itself.
pub(crate) fn run() -> Result<()> {
    if let Err(error) = packages::ensure(packages::NETWORK) {
        println!("{error:#}");
    }
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--package",
        "lbx",
        "--package",
        "lbx-tests",
        "--bins",
    ]))?;
    let program = shell::target().context("where cargo builds")?.join("debug/lbx-demo");
    let error = shell::command(&program.display().to_string()).exec();
    bail!("starting {}: {error}", program.display())
}
