//! Configurations, good and bad, through `haproxy -c` and through this program's reader: the verdict and the worst
//! severity must be the same. Where they differ on purpose, docs/differences.md says why.

mod cases;

use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result, bail};
use lb_conf::diag::{Code, Diagnostic, Severity, Style, render};
use lb_conf::host::MemoryHost;
use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};

/// The page that lists what differs on purpose.
const DIFFERENCES: &str = include_str!("../../../docs/differences.md");

/// A configuration and what is compared.
pub(crate) struct Row {
    /// What it shows.
    pub(crate) name: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
    /// The difference on purpose that it shows: the first column of a row of docs/differences.md.
    pub(crate) differs: Option<&'static str>,
}

/// The worst that is said about a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Doubtful,
    Bad,
}

fn main() {
    let case = |row: &'static Row| Case::new(row.name, &[Need::Program("haproxy")], move || compare(row));
    suite::main(cases::rows().map(case).collect());
}

fn compare(row: &Row) -> Result<()> {
    let (theirs, their_text) = haproxy(row.text)?;
    let (ours, our_text) = lbx(row.text);
    let both = format!("{}\nhaproxy: {theirs:?}\n{their_text}\nlbx: {ours:?}\n{our_text}", row.text);
    match row.differs {
        None if ours != theirs => bail!("verdicts differ:\n{both}"),
        Some(_) if ours == theirs => bail!("a difference that is no more:\n{both}"),
        Some(topic) if !DIFFERENCES.contains(&format!("| {topic} |")) => {
            bail!("docs/differences.md lacks '{topic}'")
        }
        _ => Ok(()),
    }
}

fn haproxy(text: &str) -> Result<(Verdict, String)> {
    let mut file = tempfile::NamedTempFile::with_suffix(".cfg")?;
    file.write_all(text.as_bytes())?;
    let output =
        Command::new("haproxy").arg("-c").arg("-f").arg(file.path()).output().context("haproxy -c")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let verdict = match output.status.code() {
        // 2: nothing is wrong, but nothing listens either.
        Some(0 | 2) if said.contains("[WARNING]") || said.contains("[ALERT]") => Verdict::Doubtful,
        Some(0 | 2) => Verdict::Good,
        _ => Verdict::Bad,
    };
    Ok((verdict, said))
}

fn lbx(text: &str) -> (Verdict, String) {
    let mut host = MemoryHost::with_file("test.cfg", text);
    let there = ["/dev/null", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "/var/run/netns/n"];
    host.files.extend(there.map(|file| (file.into(), Vec::new())));
    host.users.extend([("root".into(), 0), ("nobody".into(), 65_534)]);
    let outcome = lb_conf::load(&host, &["test.cfg".into()]);
    // That a word is not served yet says nothing about the configuration.
    let counts = |d: &&Diagnostic| !matches!(d.code, Code::NotServed | Code::Refused);
    let worst = outcome.diagnostics.iter().filter(counts).map(|d| d.severity).min();
    let verdict = match worst {
        Some(Severity::Alert) => Verdict::Bad,
        Some(Severity::Warning) => Verdict::Doubtful,
        _ => Verdict::Good,
    };
    let said: Vec<_> =
        outcome.diagnostics.iter().map(|d| render(d, &outcome.sources, Style::Plain)).collect();
    (verdict, said.join("\n\n"))
}
