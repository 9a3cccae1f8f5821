//! What makes the program a daemon: limits, the background, the pid file, the chroot and who it runs as.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use lb_conf::model::{Global, LogLevel};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, chdir, chroot, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe, setsid};
use sd_notify::NotifyState;

use crate::messages::say;

/// File descriptors beyond those of connections: listeners, maps, logs, and the pipes that relays borrow while data
/// passes. A relay that gets no pipe copies.
const SPARE_FDS: u64 = 128;

/// File descriptors that one connection takes: the client's and the server's.
const FDS_PER_CONNECTION: u64 = 2;

/// The fewest connections that a limit of open files is taken to permit, as HAProxy has it.
const LEAST_CONNECTIONS: u64 = 100;

/// The connections that a limit of open files permits: `ulimit-n`, or the hard limit, but no more than `most` files.
///
/// # Errors
/// The limit can't be read.
pub(crate) fn connections_of_files(ulimit_n: Option<u32>, most: Option<u32>) -> Result<u32> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
    let files = ulimit_n.map_or(hard, u64::from).min(most.map_or(u64::MAX, u64::from));
    let connections = files.saturating_sub(SPARE_FDS) / FDS_PER_CONNECTION;
    Ok(u32::try_from(connections.max(LEAST_CONNECTIONS)).unwrap_or(u32::MAX))
}

/// Sets the limit of open files: to `ulimit-n`, or to what `maxconn` connections need, or to the hard limit. With
/// `no strict-limits`, what can't be had is a warning.
///
/// # Errors
/// The limit can't be read or set, or the hard limit is too low and the process may not raise it.
pub(crate) fn raise_file_limit(global: &Global) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
    let need = match (global.ulimit_n, global.maxconn) {
        (Some(files), _) => u64::from(files),
        (None, Some(maxconn)) => soft.max(u64::from(maxconn) * FDS_PER_CONNECTION + SPARE_FDS),
        (None, None) => hard.min(global.tuning.fd_hard_limit.map_or(u64::MAX, u64::from)),
    };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, need, hard.max(need)).with_context(|| {
        format!("{need} open files are needed and the limit is {hard}: setrlimit RLIMIT_NOFILE")
    });
    match raised {
        Err(error) if global.tuning.lenient_limits => {
            say(LogLevel::Warning, format_args!("{error:#}"));
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("setrlimit RLIMIT_NOFILE")
        }
        other => other,
    }
}

/// `-m`: the memory that the process may have, in megabytes.
///
/// # Errors
/// The limit can't be set.
pub(crate) fn limit_memory(megabytes: u64) -> Result<()> {
    let bytes = megabytes.saturating_mul(1 << 20);
    setrlimit(Resource::RLIMIT_DATA, bytes, bytes).context("setrlimit RLIMIT_DATA")
}

/// `set-dumpable`: core dumps are permitted, though the process changed its user.
///
/// # Errors
/// prctl(2) fails.
pub(crate) fn permit_core_dumps() -> Result<()> {
    nix::sys::prctl::set_dumpable(true).context("prctl PR_SET_DUMPABLE")?;
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).context("getrlimit RLIMIT_CORE")?;
    setrlimit(Resource::RLIMIT_CORE, hard, hard).context("setrlimit RLIMIT_CORE")
}

/// `-dL`: the shared libraries that are loaded, the program first (proc(5), `maps`).
///
/// # Errors
/// /proc can't be read.
pub(crate) fn libraries() -> Result<Vec<String>> {
    let maps = fs::read_to_string("/proc/self/maps").context("/proc/self/maps")?;
    let mut files: Vec<String> = maps
        .lines()
        .filter_map(|line| line.find('/').and_then(|at| line.get(at..)).map(str::to_owned))
        .collect();
    files.dedup();
    Ok(files)
}

/// The end of the background process by which it tells the one that started it how starting went.
pub(crate) struct Readiness(Option<Waiting>);

struct Waiting {
    pipe: OwnedFd,
    // Opened before a chroot, which has no /dev.
    null: fs::File,
}

impl Readiness {
    /// For a process in the foreground, where nobody waits.
    pub(crate) fn nobody_waits() -> Self {
        Self(None)
    }

    /// Everything is ready: the process that started this one exits with 0, and the terminal is let go.
    ///
    /// # Errors
    /// /dev/null can't take the place of the standard streams.
    pub(crate) fn ready(self) -> Result<()> {
        let Some(Waiting { pipe, null }) = self.0 else { return Ok(()) };
        dup2_stdin(&null).context("dup2 stdin")?;
        dup2_stdout(&null).context("dup2 stdout")?;
        dup2_stderr(&null).context("dup2 stderr")?;
        fs::File::from(pipe).write_all(&[1]).context("tell the starting process")
    }
}

/// Goes to the background. Returns in the child only; the parent waits for [`Readiness::ready`] and exits, with 1 if
/// the child ends before. Errors of start-up thus reach the terminal and the exit status.
///
/// # Errors
/// /dev/null can't be opened, or pipe(2), fork(2) or setsid(2) fails.
pub(crate) fn go_to_background() -> Result<Readiness> {
    let null = open_null()?;
    let (read, write) = pipe().context("pipe")?;
    // SAFETY: no other thread exists yet (the runtimes are made later), so the child inherits no held lock.
    match unsafe { fork() }.context("fork")? {
        ForkResult::Parent { .. } => {
            drop(write);
            let mut byte = [0];
            let ready = fs::File::from(read).read(&mut byte).is_ok_and(|n| n == 1);
            std::process::exit(i32::from(!ready));
        }
        ForkResult::Child => {
            setsid().context("setsid")?;
            Ok(Readiness(Some(Waiting { pipe: write, null })))
        }
    }
}

/// Lets go of the terminal: nothing is read or written there any more.
///
/// # Errors
/// /dev/null can't take the place of the standard streams.
pub(crate) fn leave_terminal() -> Result<()> {
    let null = open_null()?;
    dup2_stdin(&null).context("dup2 stdin")?;
    dup2_stdout(&null).context("dup2 stdout")?;
    dup2_stderr(&null).context("dup2 stderr")
}

fn open_null() -> Result<fs::File> {
    fs::OpenOptions::new().read(true).write(true).open("/dev/null").context("open /dev/null")
}

/// Writes the process's id to `path`, the old content gone.
///
/// # Errors
/// The file can't be written.
pub(crate) fn write_pid_file(path: &Path) -> Result<()> {
    fs::write(path, format!("{}\n", std::process::id()))
        .with_context(|| format!("cannot write the pid file {}", path.display()))
}

/// Makes `dir` the root folder.
///
/// # Errors
/// chroot(2) or chdir(2) fails.
pub(crate) fn enter_chroot(dir: &Path) -> Result<()> {
    chroot(dir).with_context(|| format!("chroot {}", dir.display()))?;
    chdir("/").context("chdir / in the chroot")
}

/// Sends `signal` to each process. One that is gone is what was wanted.
///
/// # Errors
/// A process exists and may not be signalled.
pub(crate) fn signal_all(pids: &[i32], signal: Signal) -> Result<()> {
    for &pid in pids {
        if pid <= 0 {
            bail!("{pid} is no process id");
        }
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
            Err(e) => return Err(e).with_context(|| format!("kill {pid} {signal}")),
        }
    }
    Ok(())
}

/// Tells systemd, if it waits to be told (`Type=notify`).
///
/// # Errors
/// Its socket can't be written to.
pub(crate) fn tell_service_manager(state: &[NotifyState<'_>]) -> Result<()> {
    sd_notify::notify(state).context("notify the service manager")
}
