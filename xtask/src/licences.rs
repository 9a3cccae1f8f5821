//! Licences of dependencies, checked against the list in deny.toml. cargo-deny does this and more, but takes longer to
//! build than everything else together; where it is installed, `cargo xtask test` runs it too.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use spdx::{Expression, ParseMode};

use crate::shell;

/// An error that names every package whose licence is not on the list.
pub(crate) fn check() -> Result<()> {
    let allowed = allowed()?;
    let metadata = shell::output(shell::cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo metadata without packages")?;
    let refused: Vec<String> = packages.iter().filter_map(|package| refusal(package, &allowed)).collect();
    if !refused.is_empty() {
        bail!("licences that deny.toml does not allow:\n{}", refused.join("\n"));
    }
    println!("{} packages, all with a licence that deny.toml allows", packages.len());
    Ok(())
}

/// The names under `[licenses] allow` in deny.toml.
fn allowed() -> Result<BTreeSet<String>> {
    let file = shell::root().join("deny.toml");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let deny: toml::Table = text.parse().with_context(|| file.display().to_string())?;
    let list =
        deny.get("licenses").and_then(|licenses| licenses.get("allow")).and_then(toml::Value::as_array);
    let list = list.context("deny.toml has no `allow` list in [licenses]")?;
    Ok(list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
}

/// Why a package may not be used; `None` if it may.
fn refusal(package: &Value, allowed: &BTreeSet<String>) -> Option<String> {
    let name = format!("{} {}", package["name"].as_str()?, package["version"].as_str()?);
    let Some(licence) = package["license"].as_str() else { return Some(format!("{name}: names no licence")) };
    match Expression::parse_mode(licence, ParseMode::LAX) {
        Ok(expression) if expression.evaluate(|wanted| allowed.contains(&wanted.to_string())) => None,
        Ok(_) => Some(format!("{name}: {licence}")),
        Err(error) => Some(format!("{name}: {error}")),
    }
}
