//! A Rust toolchain that builds for BPF: one that has the standard library's source and may use unstable features.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::linker;
use crate::{packages, shell};

/// Debian's compilers: an own package where the release's compiler is too old, or the release's.
const DEBIAN_PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src"];
/// Where they are, whatever `PATH` says.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
/// The standard library's source, below a toolchain's folder.
const SOURCE: &str = "lib/rustlib/src/rust/library/core/src/lib.rs";
/// What the workspace asks for (`rust-version`).
const OLDEST: (u32, u32) = (1, 95);

/// A toolchain.
pub(super) enum Toolchain {
    /// rustup's nightly.
    Nightly,
    /// Debian's stable one, made to accept what only a nightly would.
    Debian,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nightly => "rustup's nightly toolchain",
            Self::Debian => "Debian's toolchain",
        })
    }
}

impl Toolchain {
    /// Its cargo, free of what the cargo that runs this task has put into the environment.
    pub(super) fn cargo(&self) -> Command {
        let mut command = match self {
            Self::Nightly => {
                let mut command = shell::command("rustup");
                command.args(["run", "nightly", "cargo"]);
                command
            }
            Self::Debian => {
                let mut command = shell::command(DEBIAN_CARGO);
                command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                command
            }
        };
        clean(&mut command);
        command
    }
}

/// Variables that would lead to another toolchain, or to other flags.
fn clean(command: &mut Command) {
    for name in
        ["RUSTUP_TOOLCHAIN", "CARGO", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET"]
    {
        command.env_remove(name);
    }
}

/// What a compiler says of itself.
struct Compiler {
    version: (u32, u32),
    llvm: u32,
    sysroot: PathBuf,
}

impl Compiler {
    /// Asks the compiler that `command` runs; none if it does not run.
    fn ask(command: impl Fn() -> Command) -> Option<Self> {
        let about = shell::output(command().arg("-vV")).ok()?;
        let sysroot = shell::output(command().args(["--print", "sysroot"])).ok()?;
        let field = |name: &str| about.lines().find_map(|line| line.strip_prefix(name));
        let mut release = field("release: ")?.split(['.', '-']).map_while(|part| part.parse().ok());
        let llvm = field("LLVM version: ")?.split('.').next()?.parse().ok()?;
        Some(Self { version: (release.next()?, release.next()?), llvm, sysroot: sysroot.trim().into() })
    }

    /// Why it will not do; none if it will.
    fn unfit(&self) -> Option<String> {
        if self.version < OLDEST {
            return Some(format!(
                "it is {}.{}, older than {}.{}",
                self.version.0, self.version.1, OLDEST.0, OLDEST.1
            ));
        }
        // The linker reads the bitcode of its own LLVM and of older ones.
        if self.llvm > linker::LLVM {
            return Some(format!("its LLVM {} is newer than the linker's LLVM {}", self.llvm, linker::LLVM));
        }
        (!self.sysroot.join(SOURCE).is_file()).then(|| "it lacks the standard library's source".into())
    }
}

fn nightly() -> Option<Compiler> {
    shell::find("rustup")?;
    Compiler::ask(|| {
        let mut command = shell::command("rustup");
        clean(&mut command);
        command.args(["run", "nightly", "rustc"]);
        command
    })
}

fn debian() -> Option<Compiler> {
    Path::new(DEBIAN_RUSTC).is_file().then_some(())?;
    Path::new(DEBIAN_CARGO).is_file().then_some(())?;
    Compiler::ask(|| {
        let mut command = shell::command(DEBIAN_RUSTC);
        clean(&mut command);
        command
    })
}

/// rustup's nightly if it will do, else Debian's, which is installed if need be.
pub(super) fn find_or_install() -> Result<Toolchain> {
    if nightly().is_some_and(|compiler| compiler.unfit().is_none()) {
        return Ok(Toolchain::Nightly);
    }
    if debian().is_none_or(|compiler| compiler.unfit().is_some()) {
        packages::require(DEBIAN_PACKAGES).context(
            "no toolchain for BPF; rustup's would do too: \
             rustup toolchain install nightly --profile minimal --component rust-src",
        )?;
    }
    match debian().map(|compiler| compiler.unfit()) {
        Some(None) => Ok(Toolchain::Debian),
        Some(Some(reason)) => bail!("{DEBIAN_RUSTC} will not do: {reason}"),
        None => bail!("{DEBIAN_RUSTC} does not run"),
    }
}
