//! Embeds the BPF object that `cargo xtask build-ebpf` made, if it did.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folder of the object, below the workspace's.
const FOLDER: &str = "target/bpf";
/// Its name.
const OBJECT: &str = "lbx.bpf.o";

fn main() -> io::Result<()> {
    println!("cargo::rustc-check-cfg=cfg(lbx_object)");
    let folder = workspace().join(FOLDER);
    // The folder is watched, so that an object that appears is seen; cargo takes what is missing for changed.
    fs::create_dir_all(&folder)?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let object = folder.join(OBJECT);
    if object.is_file() {
        fs::copy(&object, Path::new(&variable("OUT_DIR")?).join(OBJECT))?;
        println!("cargo::rustc-cfg=lbx_object");
    }
    Ok(())
}

/// The workspace is three folders above this package.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}
