//! The demonstration that `cargo xtask demo` runs: real traffic through the real daemon, told step by step.

mod kernel;
mod loopback;
mod network;
mod tell;

use std::process::ExitCode;

use lbx_tests::privilege::Missing;
use lbx_tests::{daemon, privilege};
use tokio::signal::unix::{SignalKind, signal};

/// The exit status of a program that a signal ended (the convention of shells: 128 and SIGINT's number).
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    daemon::remove_leftovers();
    std::thread::spawn(clean_up_on_signal);
    let result = match privilege::first_missing(privilege::KERNEL, false) {
        None => kernel::run(),
        Some(Missing::Unable(reason) | Missing::Absent(reason)) => {
            println!("The kernel plane cannot be shown here ({reason}): user space on loopback instead.");
            loopback::run()
        }
    };
    match result {
        Ok(()) => {
            println!("\nAll that was shown happened, and nothing of it is left.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nNot what was to be shown: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ends the process on Ctrl-C. Namespaces and child processes end with it by themselves, files and pins do not.
fn clean_up_on_signal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let waited = runtime.map(|runtime| {
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                result = tokio::signal::ctrl_c() => result,
                _ = terminate.recv() => Ok(()),
            }
        })
    });
    if matches!(waited, Ok(Ok(()))) {
        daemon::remove_own();
        println!("\nInterrupted; nothing is left.");
        std::process::exit(INTERRUPTED);
    }
}
