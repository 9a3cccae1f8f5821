//! What the program does beside being the daemon: it looks at the kernel plane, and puts it on interfaces.

pub(crate) mod args;
mod decap;
mod doctor;
mod explain;
mod flows;
mod place;
mod status;
mod table;
mod trace;
mod xdp;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde::Serialize;

use self::args::{Command, Xdp};

/// Carries a command out.
///
/// # Errors
/// What failed, and of what.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Xdp(Xdp::Status(look)) => status::run(look),
        Command::Xdp(Xdp::Attach(attach)) => xdp::attach(attach),
        Command::Xdp(Xdp::Detach(detach)) => xdp::detach(detach),
        Command::Xdp(Xdp::Flows(flows)) => flows::run(flows),
        Command::Explain(explain) => explain::run(explain),
        Command::Trace(trace) => trace::run(trace),
        Command::Decap(wanted) => decap::run(wanted),
        Command::Doctor(doctor) => return doctor::run(doctor),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Prints a text. A reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.context("write to the terminal"),
    }
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl Serialize) -> Result<()> {
    print(&(serde_json::to_string(value)? + "\n"))
}
