//! `cargo xtask fuzz`: the fuzz targets for a bounded time.
//!
//! libFuzzer follows which code an input reaches. The compiler's pass that reports this is a stable one; sanitizers are
//! not, and what they find can't occur without `unsafe`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::{packages, shell};

/// What to fuzz.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the target of this name.
    #[arg(long)]
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = SECONDS)]
    seconds: u32,
}

impl Args {
    /// This target, for the usual time.
    pub(crate) fn for_target(name: &str) -> Self {
        Self { target: Some(name.to_owned()), seconds: SECONDS }
    }
}

/// Long enough to try the seeds and some ten thousand variations of them.
const SECONDS: u32 = 20;

/// Where targets are, one program each.
const TARGETS: &str = "fuzz/src/bin";
/// Inputs to begin with, in a folder for each target.
const SEEDS: &str = "fuzz/corpus";
/// Whole configurations, which are seeds for whatever reads one.
const CONFIGURATIONS: &[&str] = &["tests/golden", "config"];
/// The words of the language, to put inputs together from: the reference lists them all.
const WORDS: &str = "docs/reference.md";
/// Where the targets are built, and keep what they find.
const WORK: &str = "target/fuzz";

/// Has the code count which of its edges are taken and report what it compares, as libFuzzer wants it.
const RUSTFLAGS: &str = "-C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
                         -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
                         -C llvm-args=-sanitizer-coverage-pc-table \
                         -C llvm-args=-sanitizer-coverage-trace-compares -C codegen-units=1";

/// The longest input, in bytes; a longer one is slower and finds no more.
const MAX_INPUT: u32 = 4 << 10;
/// The most memory of a target, in megabytes, and the longest that one input may take, in seconds: no input may cost
/// without bounds.
const MAX_MEMORY: u32 = 1024;
const MAX_SECONDS_PER_INPUT: u32 = 10;

/// Builds the targets and runs each of them; an error names the target that an input brought down.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut targets = targets()?;
    targets.retain(|name| args.target.as_ref().is_none_or(|only| only == name));
    if targets.is_empty() {
        bail!("no target in {TARGETS} has this name");
    }
    let programs = build()?;
    targets.iter().try_for_each(|target| fuzz(target, &programs.join(target), args.seconds))
}

/// The names of the targets, in order.
pub(crate) fn targets() -> Result<Vec<String>> {
    let folder = shell::root().join(TARGETS);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Builds all of them, and returns the folder that they are in.
fn build() -> Result<PathBuf> {
    packages::ensure(packages::FUZZ)?;
    // With a target named, the flags are not for build scripts, which nothing would link the counters to.
    let host = shell::output(shell::command("rustc").args(["--print", "host-tuple"]))?;
    let mut build = shell::cargo();
    build.env("RUSTFLAGS", RUSTFLAGS).args(["build", "--locked", "--package", "lbx-fuzz", "--bins"]);
    shell::run(build.args(["--profile", "fuzz", "--target", host.trim(), "--target-dir", WORK]))?;
    Ok(shell::root().join(WORK).join(host.trim()).join("fuzz"))
}

fn fuzz(target: &str, program: &Path, seconds: u32) -> Result<()> {
    println!("--- {target}");
    let found = format!("{WORK}/corpus/{target}");
    fs::create_dir_all(shell::root().join(&found)).context(found.clone())?;
    let mut fuzz = shell::command(&program.display().to_string());
    fuzz.args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_INPUT}"),
        format!("-rss_limit_mb={MAX_MEMORY}"),
        format!("-timeout={MAX_SECONDS_PER_INPUT}"),
        format!("-artifact_prefix={WORK}/{target}-"),
        format!("-dict={}", dictionary()?.display()),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
    ]);
    // New inputs go to the first folder.
    fuzz.arg(found).arg(format!("{SEEDS}/{target}")).args(CONFIGURATIONS);
    let output = fuzz.stderr(Stdio::piped()).output().with_context(|| target.to_owned())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("fuzz target {target} ended with {}; the input is in {WORK}\n{said}", output.status);
    }
    // The rest is what it learnt on its way.
    said.lines().filter(|line| line.starts_with("stat::")).for_each(|line| println!("{line}"));
    Ok(())
}

/// The words in the first column of the reference's tables, in libFuzzer's form.
fn dictionary() -> Result<PathBuf> {
    let reference = fs::read_to_string(shell::root().join(WORDS)).context(WORDS)?;
    let rows =
        reference.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '<', '[', '(']).next());
    let words = rows.map(str::trim).filter(|word| !word.is_empty() && word.is_ascii());
    let lines: String = words.map(|word| format!("{word:?}\n")).collect();
    let file = shell::root().join(WORK).join("words.dict");
    fs::write(&file, lines).with_context(|| file.display().to_string())?;
    Ok(file)
}
