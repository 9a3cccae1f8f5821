//! The kernel plane's maps as bpftool prints them: by the names of their fields.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::privilege;

/// The entries of a pinned map: objects with `key` and `value` (`values`, one for each processor, in per-CPU maps).
pub fn dump(pins: &Path, map: &str) -> Result<Vec<Value>> {
    let text = bpftool(&["--json", "map", "dump", "pinned", &pins.join(map).display().to_string()])?;
    let whole: Value = serde_json::from_str(&text).with_context(|| format!("the dump of {map}: {text}"))?;
    let entries = whole.as_array().with_context(|| format!("the dump of {map}: {whole}"))?;
    // bpftool prints raw bytes beside what it knows from BTF under `formatted`, which is what people look at.
    Ok(entries.iter().map(|entry| entry.get("formatted").unwrap_or(entry).clone()).collect())
}

/// How many entries a pinned map has.
pub fn count(pins: &Path, map: &str) -> Result<usize> {
    Ok(dump(pins, map)?.len())
}

/// Runs bpftool and returns what it printed.
pub fn bpftool(arguments: &[&str]) -> Result<String> {
    let program = privilege::find_program("bpftool").context("bpftool is not installed")?;
    let output = std::process::Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        bail!("bpftool {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stdout));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
