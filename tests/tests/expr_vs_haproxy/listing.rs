//! The words that HAProxy lists (`-dK`), with their types and places: each must be known here, and be the same.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result, bail};
use lb_expr::acl::keywords;
use lb_expr::{Checkpoint, FetchRow, converters, fetches};

/// Fetches whose type or places differ: its name, and why.
static FETCHES: &[(&str, &str)] = &[
    ("bc_src", "an address is listed as a number"),
    ("bc_dst", "an address is listed as a number"),
    ("sc_kbytes_in", "the other counters are there for the runtime socket, too"),
    ("sc_kbytes_out", "the other counters are there for the runtime socket, too"),
    ("sc0_kbytes_in", "the other counters are there for the runtime socket, too"),
    ("sc0_kbytes_out", "the other counters are there for the runtime socket, too"),
    ("sc1_kbytes_in", "the other counters are there for the runtime socket, too"),
    ("sc1_kbytes_out", "the other counters are there for the runtime socket, too"),
    ("sc2_kbytes_in", "the other counters are there for the runtime socket, too"),
    ("sc2_kbytes_out", "the other counters are there for the runtime socket, too"),
];

/// Converters whose types differ.
static CONVERTERS: &[(&str, &str)] = &[("ipmask", "an IPv6 address stays one")];

/// What `haproxy -dK` prints of a kind, without comments.
fn listed(kind: &str) -> Result<Vec<String>> {
    let mut command = Command::new("haproxy");
    command.args([&format!("-dK{kind}"), "-c", "-f", "/dev/null"]);
    let output = command.output().context("haproxy")?;
    let text = String::from_utf8(output.stdout)?;
    // Behind the list stands what it says of the empty configuration.
    let lines = text.lines().filter(|line| !line.starts_with(['#', 'C']) && !line.trim().is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// The words of a kind that HAProxy has.
pub(crate) fn listed_names(kind: &str) -> Result<Vec<String>> {
    let name = |line: String| {
        let word = line.split_once("] ").map_or(line.as_str(), |(_, word)| word);
        word.trim().split(['(', ':']).next().unwrap_or_default().to_owned()
    };
    Ok(listed(kind)?.into_iter().map(name).collect())
}

fn fetch(name: &str) -> Option<&'static FetchRow> {
    fetches().find(|row| row.names.contains(&name))
}

/// The places of a row in the way of HAProxy's list.
fn places(row: &FetchRow) -> String {
    Checkpoint::ALL.iter().map(|place| if row.source.exists_at(*place) { 'Y' } else { '.' }).collect()
}

/// `[ Y . … ] name(arguments): type`
pub(crate) fn fetches_are_listed() -> Result<()> {
    let mut wrong = String::new();
    for line in listed("smp")? {
        let (matrix, word) = line.trim_start_matches('[').split_once(']').context("a matrix")?;
        let (word, kind) = word.rsplit_once(": ").context("a type")?;
        let name = word.trim().split('(').next().unwrap_or_default();
        let matrix: String = matrix.split_whitespace().collect();
        let Some(row) = fetch(name) else {
            writeln!(wrong, "{name} is missing")?;
            continue;
        };
        let (theirs, ours) = (format!("{matrix} {kind}"), format!("{} {}", places(row), row.output));
        note(&mut wrong, FETCHES, name, &theirs, &ours)?;
    }
    done(&wrong)
}

/// `name(arguments): made => taken`, the wrong way round.
pub(crate) fn converters_are_listed() -> Result<()> {
    let mut wrong = String::new();
    for line in listed("cnv")? {
        let (word, types) = line.rsplit_once(": ").context("types")?;
        let name = word.trim().split('(').next().unwrap_or_default();
        let Some(row) = converters().find(|row| row.name == name) else {
            writeln!(wrong, "{name} is missing")?;
            continue;
        };
        note(&mut wrong, CONVERTERS, name, types, &format!("{} => {}", row.output, row.input))?;
    }
    done(&wrong)
}

/// `name = fetch -m method`
pub(crate) fn acl_keywords_are_listed() -> Result<()> {
    let mut wrong = String::new();
    for line in listed("acl")? {
        let (name, meaning) = line.split_once(" = ").context("an ACL keyword")?;
        let (of, method) = meaning.split_once(" -m ").context("a method")?;
        match keywords().iter().find(|keyword| *keyword.name == *name) {
            Some(keyword) if keyword.fetch == of => {
                // Versions of TLS have a form of their own, which no `-m` names.
                let ours = keyword.method.row().name;
                if ours != method && !ours.is_empty() {
                    writeln!(wrong, "{line}: -m {ours}")?;
                }
            }
            Some(keyword) => writeln!(wrong, "{line}: {}", keyword.fetch)?,
            None => writeln!(wrong, "{name} is missing")?,
        }
    }
    done(&wrong)
}

fn note(wrong: &mut String, known: &[(&str, &str)], name: &str, theirs: &str, ours: &str) -> Result<()> {
    // Addresses of either family are listed as those of IPv4.
    let ours = if theirs.contains("addr") { ours } else { &ours.replace("addr", "ipv4") };
    match known.iter().find(|(known, _)| *known == name) {
        None if theirs != ours => writeln!(wrong, "{name}\n  haproxy: {theirs}\n  lbx:     {ours}")?,
        Some(_) if theirs == ours => writeln!(wrong, "{name}: a difference that is no more")?,
        _ => {}
    }
    Ok(())
}

fn done(wrong: &str) -> Result<()> {
    if !wrong.is_empty() {
        bail!("{wrong}");
    }
    Ok(())
}
