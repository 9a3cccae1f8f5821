//! The cases in `conformance/`, in the language of varnishtest, whose runs of HAProxy they describe. Each must hold for
//! HAProxy, so that it says something, and for this program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use lbx_tests::daemon::Program;
use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};

/// Without haproxy a case would not be known to be right.
const NEEDS: &[Need] = &[Need::Program("varnishtest"), Need::Program("haproxy")];

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of the cases")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "vtc"))
        .collect();
    files.sort();
    let cases =
        files.iter().flat_map(|file| [Program::Haproxy, Program::Lbx].map(|program| case(file, program)));
    suite::main_waiting(cases.collect());
}

fn case(file: &Path, program: Program) -> Case {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let file = file.to_owned();
    Case::new(format!("{name}::{program:?}").to_lowercase(), NEEDS, move || run(&file, program))
}

fn run(file: &Path, program: Program) -> Result<()> {
    // -t: seconds that a case may take.
    let output = Command::new("varnishtest")
        .args(["-t", "60"])
        .arg(file)
        .env("HAPROXY_PROGRAM", program.path()?)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}
