//! `cargo xtask test`: everything that is checked before a change is taken, on a machine that has only Rust.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::{ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{build_ebpf, fuzz, licences, packages, shell, tidy};

/// Options of the task.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the steps whose name contains this.
    #[arg(long)]
    step: Option<String>,
}

/// How many checks ended how. A step without tests of its own counts as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: u32,
    failed: u32,
    skipped: u32,
}

const PASSED: Totals = Totals { passed: 1, failed: 0, skipped: 0 };
const FAILED: Totals = Totals { passed: 0, failed: 1, skipped: 0 };
const SKIPPED: Totals = Totals { passed: 0, failed: 0, skipped: 1 };

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// One step: its name, and what it does.
struct Step(&'static str, fn() -> Result<Totals>);

/// In the order in which they run: set-up, then what fails fastest.
const STEPS: &[Step] = &[
    Step("packages", install),
    Step("bpf objects", bpf_objects),
    Step("formatting", formatting),
    Step("tidiness", tidiness),
    Step("dependencies", dependencies),
    Step("lints", lints),
    Step("documentation", documentation),
    Step("fuzzing", fuzzing),
    Step("tests", tests),
];

/// Runs the steps, all of them even if one fails, and prints the totals as the last line.
pub(crate) fn run(args: &Args) -> ExitCode {
    let selected = |step: &&Step| args.step.as_ref().is_none_or(|part| step.0.contains(part.as_str()));
    let mut totals = Totals::default();
    for step in STEPS.iter().filter(selected) {
        totals += run_step(step);
    }
    println!("\n{totals}");
    if totals.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_step(Step(name, work): &Step) -> Totals {
    println!("\n=== {name}");
    let start = Instant::now();
    let totals = work().unwrap_or_else(|error| {
        println!("error: {error:#}");
        FAILED
    });
    println!("=== {name}: {totals} ({:.1} s)", start.elapsed().as_secs_f64());
    totals
}

/// Without the packages the tests that need them are skipped, and say so.
fn install() -> Result<Totals> {
    set_up(
        [packages::NETWORK, packages::ORACLE, packages::ARTICLE].into_iter().try_for_each(packages::ensure),
    )
}

/// Without them the tests that load them are skipped, and say so.
fn bpf_objects() -> Result<Totals> {
    set_up(build_ebpf::run())
}

/// What fails to be set up is passed over on a machine on which it can't be, and an error where it can.
fn set_up(outcome: Result<()>) -> Result<Totals> {
    match outcome {
        Ok(()) => Ok(PASSED),
        Err(error) if packages::can_install() => Err(error),
        Err(error) => {
            println!("{error:#}");
            Ok(SKIPPED)
        }
    }
}

fn formatting() -> Result<Totals> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(PASSED)
}

fn tidiness() -> Result<Totals> {
    tidy::check()?;
    Ok(PASSED)
}

/// cargo-deny checks more than licences, but takes longer to build than this workspace: it runs where it is installed.
/// Advisories are left out, because their list has to be fetched.
fn dependencies() -> Result<Totals> {
    licences::check()?;
    if shell::find("cargo-deny").is_some() {
        shell::run(shell::cargo().args(["deny", "check", "bans", "licenses", "sources"]))?;
    }
    Ok(PASSED)
}

fn lints() -> Result<Totals> {
    shell::run(shell::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ]))?;
    Ok(PASSED)
}

/// Each target counts as one check.
fn fuzzing() -> Result<Totals> {
    let mut totals = Totals::default();
    for target in fuzz::targets()? {
        totals += match fuzz::run(&fuzz::Args::for_target(&target)) {
            Ok(()) => PASSED,
            Err(error) => {
                println!("error: {error:#}");
                FAILED
            }
        };
    }
    Ok(totals)
}

/// Private items are documented too, so links to them lead somewhere.
const RUSTDOCFLAGS: &str = "-D warnings -A rustdoc::private_intra_doc_links";

fn documentation() -> Result<Totals> {
    let mut doc = shell::cargo();
    doc.args(["doc", "--no-deps", "--locked", "--document-private-items"]).env("RUSTDOCFLAGS", RUSTDOCFLAGS);
    shell::run(&mut doc)?;
    Ok(PASSED)
}

/// Builds everything and runs all tests; what they print is passed on and counted, and what failed is said again at the
/// end, where it is found.
fn tests() -> Result<Totals> {
    // Tests start the daemon, and `cargo test` builds a binary only for the tests of its own package.
    shell::run(shell::cargo().args(["build", "--locked"]))?;
    let mut test = shell::cargo();
    test.args(["test", "--locked", "--no-fail-fast"]);
    if packages::can_install() {
        // What could be installed is no reason to skip a test.
        test.env("LBX_TEST_STRICT", "1");
    }
    let mut child = test.stdout(Stdio::piped()).spawn().context("starting cargo test")?;
    let (mut totals, mut failures) = (Totals::default(), Failures::default());
    for line in BufReader::new(child.stdout.take().context("no output to read")?).lines() {
        let line = line?;
        println!("{line}");
        totals += summary(&line).unwrap_or_default();
        failures.read(line);
    }
    let status = child.wait()?;
    failures.lines.iter().for_each(|line| println!("{line}"));
    if !status.success() && totals.failed == 0 {
        bail!("cargo test ended with {status}, though no test failed");
    }
    Ok(totals)
}

/// What test binaries say of the tests that failed: all between their lines `failures:` and `test result:`.
#[derive(Default)]
struct Failures {
    inside: bool,
    lines: Vec<String>,
}

impl Failures {
    fn read(&mut self, line: String) {
        self.inside = (self.inside || line == "failures:") && !line.starts_with("test result: ");
        if self.inside {
            self.lines.push(line);
        }
    }
}

/// The numbers in the line with which a test binary ends: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn summary(line: &str) -> Option<Totals> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count =
        |word: &str| counts.split("; ").find_map(|part| part.strip_suffix(word)?.trim().parse::<u32>().ok());
    Some(Totals { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_counted() {
        let line = "test result: FAILED. 12 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.70s";
        assert_eq!(summary(line), Some(Totals { passed: 12, failed: 1, skipped: 3 }));
        assert_eq!(summary("test a ... ok"), None);
    }

    #[test]
    fn what_failed_is_said_again() {
        let mut failures = Failures::default();
        let output = [
            "test a ... FAILED",
            "failures:",
            "---- a ----",
            "no",
            "failures:",
            "    a",
            "test result: FAILED. 0",
        ];
        output.into_iter().chain(["test b ... ok"]).for_each(|line| failures.read(line.to_owned()));
        assert_eq!(failures.lines, ["failures:", "---- a ----", "no", "failures:", "    a"]);
    }

    #[test]
    fn the_last_line_has_only_the_totals() {
        assert_eq!(Totals { passed: 2, failed: 0, skipped: 1 }.to_string(), "2 passed, 0 failed, 1 skipped");
    }
}
