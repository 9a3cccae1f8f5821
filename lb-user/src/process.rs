//! What makes the program a daemon: limits, the background, the pid file, the chroot and who it runs as.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, chdir, chroot, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe, setsid};
use sd_notify::NotifyState;

/// File descriptors beyond those of connections: listeners, maps, logs, and the pipes that relays borrow while data
/// passes. A relay that gets no pipe copies.
const SPARE_FDS: u64 = 128;

/// File descriptors that one connection takes: the client's and the server's.
const FDS_PER_CONNECTION: u64 = 2;

/// Sets the limit of open files: to `ulimit-n`, or to what `maxconn` connections need, or to the hard limit.
///
/// # Errors
/// The limit can't be read or set, or the hard limit is too low and the process may not raise it.
pub(crate) fn raise_file_limit(ulimit_n: Option<u32>, maxconn: Option<u32>) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
    let need = match (ulimit_n, maxconn) {
        (Some(files), _) => u64::from(files),
        (None, Some(maxconn)) => soft.max(u64::from(maxconn) * FDS_PER_CONNECTION + SPARE_FDS),
        (None, None) => hard,
    };
    setrlimit(Resource::RLIMIT_NOFILE, need, hard.max(need)).with_context(|| {
        format!("{need} open files are needed and the limit is {hard}: setrlimit RLIMIT_NOFILE")
    })
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
