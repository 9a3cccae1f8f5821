//! bpf-linker, which links LLVM bitcode into a BPF object.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{packages, shell};

/// The LLVM that it is built with.
pub(super) const LLVM: u32 = 22;
/// Its version.
const VERSION: &str = "0.13.0";
/// Where it is installed, below the workspace's folder.
const ROOT: &str = "target/tools";
/// LLVM's folder in Debian's packages.
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";
/// What building it needs of them: LLVM with its headers, a C++ compiler, and what LLVM itself is linked with.
const PACKAGES: &[&str] = &["llvm-22-dev", "libpolly-22-dev", "g++", "zlib1g-dev", "libzstd-dev"];

/// The linker, which is built if it is not there, is of another version, or does not run.
pub(super) fn find_or_install() -> Result<PathBuf> {
    let linker = shell::root().join(ROOT).join("bin/bpf-linker");
    if version(&linker).as_deref() != Some(VERSION) {
        install()?;
    }
    Ok(linker)
}

fn version(linker: &Path) -> Option<String> {
    let said = shell::output(shell::command(&linker.display().to_string()).arg("--version")).ok()?;
    said.split_whitespace().nth(1).map(str::to_owned)
}

fn install() -> Result<()> {
    if !Path::new(LLVM_PREFIX).join("include/llvm-c/Core.h").is_file() || shell::find("c++").is_none() {
        packages::require(PACKAGES)?;
    }
    eprintln!("building bpf-linker {VERSION}");
    let mut build = shell::cargo();
    build.env("LLVM_PREFIX", LLVM_PREFIX).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    build.args(["install", "bpf-linker", "--version", VERSION, "--locked", "--force", "--quiet"]);
    build.args(["--no-default-features", "--features", "llvm-22", "--root"]).arg(shell::root().join(ROOT));
    shell::run(&mut build)
}
