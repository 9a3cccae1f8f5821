//! docs/seed.md and the article's configurations: each row names tests that exist, each test of this suite is named, and
//! each directive of the article has a row.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use lbx_tests::suite::Case;
use regex::Regex;

/// The suites: a folder or a file for each.
const SUITES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// The article's configurations.
const CONFIGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/seed");

const DOCUMENT: &str = include_str!("../../../docs/seed.md");

/// The suite that these tests belong to.
const OWN: &str = "seed";

/// The tests about the document, which has to say nothing of them; `others` is the rest of this suite.
pub(crate) fn cases(others: &[Case]) -> Vec<Case> {
    let names: BTreeSet<String> = others.iter().map(|case| case.name().to_owned()).collect();
    vec![
        Case::new("document::names_tests_that_exist_and_all_of_this_suite", &[], move || tests(&names)),
        Case::new("document::has_each_directive_of_the_article", &[], directives),
        Case::new("document::each_configuration_is_tested", &[], files),
    ]
}

/// A test in the last cell of a row: its suite and its name, as in `` `seed: document::…` ``.
static TEST: LazyLock<Regex> = LazyLock::new(|| pattern(r"`(\w+): ([\w:]+)`"));

/// What is between backticks.
static CODE: LazyLock<Regex> = LazyLock::new(|| pattern("`([^`]+)`"));

/// What a word of the language looks like; values that look so, too, are named in the document, or are names.
static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[a-z][a-z0-9_.-]*$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

/// The first and the last cell of each row; a table begins with its heads and a rule.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let rows = rows.filter(|line| !line.ends_with("| test |"));
    rows.map(|row| {
        let row = row.trim_matches(['|', ' ']);
        let first = row.split(" | ").next().unwrap_or_default();
        (first, row.rsplit(" | ").next().unwrap_or_default())
    })
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

/// Whether a suite has a test of this name. Of this one its tests are asked; in the sources of others tests are made by
/// calls whose first argument is the name.
fn exists(suite: &str, name: &str, own: &BTreeSet<String>) -> Result<bool> {
    if suite == OWN {
        return Ok(own.contains(name));
    }
    let made = pattern(&format!(r#"\(\s*"{}",\s"#, regex::escape(name)));
    Ok(made.is_match(&sources(suite)?))
}

fn tests(own: &BTreeSet<String>) -> Result<()> {
    let mut named = BTreeSet::new();
    for (article, cell) in rows() {
        let tests: Vec<_> = TEST.captures_iter(cell).map(|found| found.extract::<2>().1).collect();
        ensure!(!tests.is_empty(), "no test for {article}");
        let words = TEST.replace_all(cell, "");
        ensure!(words.trim_matches([',', ' ']).is_empty(), "{words:?} beside the tests for {article}");
        for [suite, name] in tests {
            ensure!(exists(suite, name, own)?, "there is no test {name} in {suite}, for {article}");
            named.extend((suite == OWN).then(|| name.to_owned()));
        }
    }
    let unnamed: Vec<_> = own.difference(&named).collect();
    ensure!(unnamed.is_empty(), "docs/seed.md does not say what these prove: {unnamed:?}");
    Ok(())
}

/// The files of the article's configurations.
fn configurations() -> Result<Vec<PathBuf>> {
    let mut files: Vec<_> =
        fs::read_dir(CONFIGS)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.sort();
    Ok(files)
}

/// The directives of a file of the balancer's language as words, continued lines joined.
fn lines(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|words| words.first().is_some_and(|first| !first.starts_with('#'))).collect()
}

/// What people called their things: what stands behind the words that name something.
fn names(lines: &[Vec<String>]) -> BTreeSet<String> {
    let naming =
        ["frontend", "backend", "listen", "use_backend", "default_backend", "acl", "server", "cookie"];
    let pairs = lines.iter().flat_map(|words| words.windows(2));
    pairs.filter(|pair| naming.contains(&&*pair[0])).map(|pair| pair[1].clone()).collect()
}

/// Words whose meaning is told by the one behind them.
const FAMILIES: [&str; 9] = [
    "option",
    "timeout",
    "stats",
    "http-request",
    "http-response",
    "http-check",
    "balance",
    "hash-type",
    "stick",
];

/// What is in code in the first cells, as words.
fn told() -> Vec<Vec<&'static str>> {
    let codes =
        rows().flat_map(|(article, _)| CODE.captures_iter(article).map(|found| found.extract::<1>().1[0]));
    let of_word = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    codes.map(|code| code.split(|c| !of_word(c)).filter(|word| !word.is_empty()).collect()).collect()
}

/// Each word of the language that the article's files use has a row, and so has each pair of a family and its member.
fn directives() -> Result<()> {
    let told = told();
    let (mut words_seen, mut missing) = (0, BTreeSet::new());
    for file in configurations()?.iter().filter(|file| file.extension().is_some_and(|e| e == "cfg")) {
        let lines = lines(&fs::read_to_string(file)?);
        let names = names(&lines);
        for words in &lines {
            // What is before a parenthesis is a word as well.
            let plain = words.iter().map(|word| word.split('(').next().unwrap_or_default());
            let of_language: Vec<_> =
                plain.filter(|word| WORD.is_match(word) && !names.contains(*word)).collect();
            words_seen += of_language.len();
            let untold = of_language.iter().filter(|word| !told.iter().any(|row| row.contains(word)));
            missing.extend(untold.map(|word| (*word).to_owned()));
            if let [family, member, ..] = &words[..]
                && FAMILIES.contains(&&**family)
                && !told.iter().any(|row| row.windows(2).any(|pair| pair == [family, member]))
            {
                missing.insert(format!("{family} {member}"));
            }
        }
    }
    ensure!(missing.is_empty(), "docs/seed.md has no row with {missing:?}");
    ensure!(words_seen > 200, "only {words_seen} words in {CONFIGS}");
    Ok(())
}

/// Each of the article's files is read by a test of this suite.
fn files() -> Result<()> {
    let sources = sources(OWN)?;
    for file in configurations()? {
        let name = file.file_name().and_then(|name| name.to_str()).context("a name")?;
        ensure!(
            sources.contains(&format!("include_str!(\"../../../config/seed/{name}\")")),
            "{name} is in no test"
        );
    }
    Ok(())
}
