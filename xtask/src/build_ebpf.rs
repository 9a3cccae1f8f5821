//! `cargo xtask build-ebpf`: the BPF objects from source, on a machine that has nothing for it yet.

mod linker;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;

/// Where objects are built, below the workspace's folder.
const TARGET: &str = "target/bpf-build";
/// Where they are left: a path that does not depend on how they are built.
const OBJECTS: &str = "target/bpf";
/// Built objects, and what they are called there.
const BINARIES: &[(&str, &str)] = &[("lbx-bpf", "lbx.bpf.o"), ("lbx-bench-bpf", "bench.bpf.o")];

/// Version 3 of the instruction set brings 32-bit registers and atomics with results (kernel 5.12). x86-64 and arm64 load
/// words from any address, and so does BPF there; without leave to do so, every field of a packet would be put together
/// from bytes. The linker is told, for it generates the code, and the compiler would warn of an unstable feature.
const RUSTFLAGS: &str = "-C debuginfo=2 -C target-cpu=v3 -C link-arg=--btf \
                         -C link-arg=--cpu-features=+allows-misaligned-mem-access";

/// Builds the objects; fast if nothing has changed.
pub(crate) fn run() -> Result<()> {
    let toolchain = toolchain::find_or_install()?;
    let linker = linker::find_or_install()?;
    // Not on standard output: what asked for the objects may print figures for programs there.
    eprintln!("building the BPF objects with {toolchain}");
    let mut build = toolchain.cargo();
    build.env("RUSTFLAGS", RUSTFLAGS).env("PATH", path_with(&linker)?).args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "lb-ebpf",
        "--bins",
        "--profile",
        "bpf",
        "-Z",
        "build-std=core",
        "--target",
        "bpfel-unknown-none",
        "--target-dir",
        TARGET,
    ]);
    shell::run(&mut build)?;
    BINARIES.iter().try_for_each(|(binary, object)| deliver(binary, object))
}

/// Puts an object where it is looked for, unless the same is there: who embeds it would be built again.
fn deliver(binary: &str, object: &str) -> Result<()> {
    let root = shell::root();
    let built = root.join(TARGET).join("bpfel-unknown-none/bpf").join(binary);
    let place = root.join(OBJECTS).join(object);
    let bytes = fs::read(&built).with_context(|| built.display().to_string())?;
    if fs::read(&place).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::create_dir_all(root.join(OBJECTS)).context(OBJECTS)?;
    // By renaming, so that nobody reads half of it.
    let draft = place.with_extension("new");
    fs::write(&draft, bytes).with_context(|| draft.display().to_string())?;
    fs::rename(&draft, &place).with_context(|| place.display().to_string())?;
    eprintln!("{OBJECTS}/{object}");
    Ok(())
}

/// `PATH` with a program's folder in front.
fn path_with(program: &Path) -> Result<std::ffi::OsString> {
    let folder = program.parent().map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(folder.into_iter().chain(std::env::split_paths(&path)))?)
}
