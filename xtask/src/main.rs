//! Development tasks. `cargo xtask help` lists them.

mod bench;
mod build_ebpf;
mod demo;
mod fuzz;
mod licences;
mod packages;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Development tasks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the BPF objects into target/bpf, with all that this takes.
    BuildEbpf,
    /// Measures, beside haproxy and nginx.
    Bench(bench::Args),
    /// Feeds inputs that the fuzz targets have not seen to them, for a bounded time.
    Fuzz(fuzz::Args),
    /// Shows both planes at work: real traffic in network namespaces, or on loopback without root.
    Demo,
    /// Runs every check: set-up, formatting, lints, tests, documentation, licences.
    Test(test::Args),
    /// Checks rules about the sources that neither the compiler nor clippy knows.
    Tidy,
    /// Checks the licence of every dependency against deny.toml.
    Licences,
}

fn main() -> ExitCode {
    match run(Args::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::BuildEbpf => build_ebpf::run().map(|()| ExitCode::SUCCESS),
        Task::Bench(args) => bench::run(&args).map(|()| ExitCode::SUCCESS),
        Task::Fuzz(args) => fuzz::run(&args).map(|()| ExitCode::SUCCESS),
        Task::Demo => demo::run().map(|()| ExitCode::SUCCESS),
        Task::Test(args) => Ok(test::run(&args)),
        Task::Tidy => tidy::check().map(|()| ExitCode::SUCCESS),
        Task::Licences => licences::check().map(|()| ExitCode::SUCCESS),
    }
}
