//! docs/seed.md: each row names a test, and each test that is named exists.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use lbx_tests::suite::Case;
use regex::Regex;

/// The suites: a folder or a file for each.
const SUITES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

const DOCUMENT: &str = include_str!("../../../docs/seed.md");

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("document::every_test_that_it_names_exists", &[], names_exist)]
}

/// A test in the last cell of a row: its suite and its name, as in `` `seed: document::…` ``.
static TEST: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"`(\w+): ([\w:]+)`").expect("a pattern"));

/// The last cells of all rows; a table begins with its heads and a rule.
fn last_cells() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let rows = rows.filter(|line| !line.ends_with("| test |"));
    rows.map(|row| (row, row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap_or_default()))
}

fn sources(suite: &str) -> Result<String> {
    let folder = Path::new(SUITES).join(suite);
    let files: Vec<PathBuf> = match folder.is_dir() {
        true => fs::read_dir(&folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?,
        false => vec![folder.with_extension("rs")],
    };
    let read = |file: &PathBuf| fs::read_to_string(file).with_context(|| file.display().to_string());
    files.iter().map(read).collect()
}

fn names_exist() -> Result<()> {
    let mut rows = 0;
    for (row, cell) in last_cells() {
        let mut tests = TEST.captures_iter(cell).map(|found| found.extract::<2>().1).peekable();
        ensure!(tests.peek().is_some(), "no test in {row}");
        for [suite, name] in tests {
            ensure!(sources(suite)?.contains(&format!("\"{name}\"")), "no test {name} in {suite}: {row}");
        }
        rows += 1;
    }
    ensure!(rows > 0, "docs/seed.md has no rows");
    Ok(())
}
