//! Benchmarks that `cargo xtask bench` runs, beside haproxy and nginx on the same machine. The contestants take turns,
//! so that what else the machine does meets all of them, and what counts are ratios.

mod expr;
mod http;
mod l4;
mod packets;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

#[derive(Parser)]
struct Args {
    /// What to measure.
    what: What,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// How often each contestant has its turn; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Only the rows of `http` whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Seconds of a turn.
    #[arg(long, default_value_t = 3)]
    seconds: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Expressions, conditions and log formats: nanoseconds for an evaluation.
    Expr,
    /// HTTP mode: CPU time for a request.
    Http,
    /// TCP mode: CPU time for connections and bytes.
    L4,
    /// The XDP program: nanoseconds for a packet.
    Packets,
}

fn main() -> ExitCode {
    lbx_tests::daemon::remove_leftovers();
    let args = Args::parse();
    let turn = Duration::from_secs(args.seconds.into());
    let result = match args.what {
        What::Expr => expr::run(args.rounds),
        What::Http => http::run(args.rounds, turn, args.only.as_deref()),
        What::L4 => l4::run(args.rounds, turn),
        What::Packets => packets::run(args.rounds),
    };
    match result {
        Ok(report) => {
            report.print(args.json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
