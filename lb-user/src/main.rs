//! The daemon `lbx`: a load balancer that reads HAProxy's configuration language and forwards TCP in the kernel.

mod args;
mod child;
mod cli_socket;
mod command;
mod daemon;
mod facts;
mod host;
mod keeper;
mod kernel_plane;
mod load;
mod messages;
mod privileges;
mod process;
mod report;
mod serve;
mod states;
mod version;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use lb_conf::model::{Global, LogLevel};
use nix::sys::signal::{SigHandler, Signal, raise, signal};
use sd_notify::NotifyState;

use crate::args::{CommandLine, Run};
use crate::daemon::{Daemon, Prepared};
use crate::kernel_plane::KernelPlane;
use crate::load::{Loaded, Loader, Refused};
use crate::messages::say;
use crate::privileges::Identity;
use crate::process::Readiness;
use crate::serve::{End, Orders};
use crate::states::States;

fn main() -> ExitCode {
    match run(std::env::args_os()) {
        Ok(code) => code,
        Err(error) => {
            // A refused configuration has been reported line by line.
            if !error.is::<Refused>() {
                say(LogLevel::Alert, format_args!("{error:#}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: impl IntoIterator<Item = OsString>) -> Result<ExitCode> {
    let run = match CommandLine::parse_from_os(args) {
        Ok(CommandLine { command: Some(command), .. }) => return command::run(&command),
        Ok(line) => line.run,
        Err(usage) => {
            usage.print().context("write to the terminal")?;
            return Ok(ExitCode::from(u8::from(usage.use_stderr())));
        }
    };
    if run.version || run.build_info {
        messages::answer(format_args!(
            "{}\n",
            if run.build_info { version::long() } else { version::short() }
        ));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(condition) = &run.condition {
        return Ok(answer(condition));
    }
    if run.quiet && !run.verbose && !run.debug {
        messages::quiet();
    }
    if let Some(dir) = &run.directory {
        std::env::set_current_dir(dir).with_context(|| format!("cannot change to {}", dir.display()))?;
    }
    messages::take_reports();
    for (flag, reason) in &run.idle {
        say(LogLevel::Notice, format_args!("{} has no effect: {reason}", flag.display()));
    }
    let loader = Loader::new(&run)?;
    let loaded = loader.load()?;
    list(&run)?;
    if run.check {
        if run.dump {
            messages::answer(lb_conf::dump(&loaded.config));
            return Ok(ExitCode::SUCCESS);
        }
        return Ok(report::valid(&loaded, run.format));
    }
    if !loaded.config.listens() {
        bail!("no enabled listener found (check for 'bind' lines)");
    }
    start(&run, loader, loaded)
}

/// `-dK` and `-dL`: what is asked for is printed once the configuration is read.
fn list(run: &Run) -> Result<()> {
    if let Some(classes) = &run.keywords {
        messages::answer(words::list(classes)?);
    }
    if run.libraries {
        process::libraries()?.iter().for_each(|file| messages::answer(format_args!("{file}\n")));
    }
    Ok(())
}

/// `-cc`: whether a condition of the preprocessor holds, as the exit status: 0, 1, or 2 if it is wrong.
fn answer(condition: &str) -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    match lb_conf::preproc::evaluate_argument(condition, &variable) {
        Ok(holds) => ExitCode::from(u8::from(!holds)),
        Err(error) => {
            say(LogLevel::Alert, format_args!("in the condition: {error}"));
            ExitCode::from(2)
        }
    }
}

/// From a configuration to a daemon that serves it, and to that daemon's end.
fn start(run: &Run, mut loader: Loader, loaded: Loaded) -> Result<ExitCode> {
    let global = loaded.config.global.clone();
    announce(run, &global);
    process::raise_file_limit(&global)?;
    run.memory.map_or(Ok(()), process::limit_memory)?;
    let background = (global.daemon || run.daemon) && !run.foreground && !run.debug;
    let readiness = if background { process::go_to_background()? } else { Readiness::nobody_waits() };
    let kernel_plane = KernelPlane::start_steward(&loaded.config, background)?;
    if global.chroot.is_some() || global.uid.is_some() {
        loader.start_keeper()?;
    }
    let states = States::read(&loaded.config);
    let prepared = Prepared::new(loaded, &kernel_plane, None)?;
    settle(run, &global)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("event loop")?;
    let orders = {
        let _inside = runtime.enter();
        Orders::listen()?
    };
    let daemon = Daemon::start(loader, prepared, kernel_plane, states, runtime.handle().clone())?;
    process::signal_all(&run.finish, Signal::SIGUSR1)?;
    process::signal_all(&run.terminate, Signal::SIGTERM)?;
    readiness.ready()?;
    process::tell_service_manager(&[NotifyState::Ready])?;
    let end = runtime.block_on(serve::serve(&daemon, orders));
    Ok(leave(end))
}

/// What there is to say before anything is served.
fn announce(run: &Run, global: &Global) {
    if global.tuning.quiet && !run.verbose && !run.debug {
        messages::quiet();
    }
    if let Some(limit) = global.file_maxconn.filter(|_| run.verbose || run.debug) {
        messages::complain(format_args!("Note: setting global.maxconn to {limit}."));
    }
    if let Some(socket) = &run.old_process {
        let socket = socket.display();
        say(LogLevel::Notice, format_args!("-x {socket} has no effect: both processes share the addresses"));
    }
    if run.master_socket.is_some() && !run.master_worker {
        say(LogLevel::Warning, "-S is for master-worker mode (-W); its socket is there all the same");
    }
}

/// What needs the privileges that the daemon then gives up.
fn settle(run: &Run, global: &Global) -> Result<()> {
    if let Some(path) = run.pid_file.as_ref().or(global.pidfile.as_ref()) {
        process::write_pid_file(path)?;
    }
    if let Some(dir) = &global.chroot {
        process::enter_chroot(dir)?;
    }
    Identity::of(global).assume()?;
    if global.tuning.dumpable { process::permit_core_dumps() } else { Ok(()) }
}

/// Ends the process as the signal would have, had it not been handled.
fn leave(end: End) -> ExitCode {
    if let End::Killed(number) = end {
        // SAFETY: the default action runs no code of this process.
        if unsafe { signal(number, SigHandler::SigDfl) }.is_ok() {
            let _ = raise(number);
        }
    }
    ExitCode::SUCCESS
}
