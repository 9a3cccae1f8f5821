//! What `show table` says, without what changes from run to run.

use std::sync::LazyLock;

use anyhow::Result;
use lbx_tests::oracle::Side;
use regex::Regex;

/// Addresses in memory, the time that an entry has left, and whether a connection that is just closing still uses it.
static CHANGING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"0x[0-9a-f]+|exp=\d+|use=\d+").expect("a pattern of this file"));

/// Writes down the entries of a table, in their alphabetical order, and returns what was said.
pub(crate) fn note_table(side: &mut Side, name: &str) -> Result<String> {
    let said = side.daemon.cli(&format!("show table {name}"))?;
    let mut lines: Vec<String> =
        said.lines().map(|line| CHANGING.replace_all(line, "-").into_owned()).collect();
    lines.sort();
    lines.into_iter().for_each(|line| side.note(line));
    Ok(said)
}
