//! `cargo xtask bench`: builds optimized and measures.

use std::os::unix::process::CommandExt;

use anyhow::{Result, bail};

use crate::{build_ebpf, packages, shell};

/// What to measure, and how: passed on to the benchmark, whose `--help` knows more.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// `expr`, `http`, `l4` or `packets`, and options such as --json, --rounds N, --seconds N.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Builds the daemon and becomes the benchmark.
pub(crate) fn run(args: &Args) -> Result<()> {
    for tools in [packages::NETWORK, packages::ORACLE, packages::BENCH] {
        packages::ensure(tools)?;
    }
    build_ebpf::run()?;
    let program = shell::build_bins(shell::Profile::Release)?.join("lbx-bench");
    let error = shell::command(&program.display().to_string()).args(&args.arguments).exec();
    bail!("starting {}: {error}", program.display())
}
