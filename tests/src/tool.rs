//! Other people's programs as child processes: servers to balance, clients, what watches the daemon.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::{Output, die_with_parent};
use crate::wait;

/// A running program, killed when dropped.
#[derive(Debug)]
pub struct Tool {
    name: String,
    child: Child,
    output: Output,
}

impl Tool {
    /// Starts a program. It does not outlive the thread that starts it.
    pub fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::spawn(command)
    }

    /// Starts a program that reads what is typed.
    pub fn interactive(command: &mut Command) -> Result<(Self, Keys)> {
        command.stdin(Stdio::piped());
        let mut tool = Self::spawn(command)?;
        let keys = tool.child.stdin.take().context("no standard input")?;
        Ok((tool, Keys(keys)))
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        die_with_parent(command);
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let output = Output::default();
        output.collect(child.stdout.take());
        output.collect(child.stderr.take());
        Ok(Self { name, child, output })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, both streams.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// What reads its output while the program itself is in use.
    pub fn output_handle(&self) -> impl Fn() -> String + use<> {
        let output = self.output.clone();
        move || output.text()
    }

    /// Waits until `ready` says so; an error shows what the program printed.
    pub fn wait_until(&mut self, what: &str, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let mut ended = None;
        let came = wait::until(what, limit, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some() || ready()
        });
        match ended {
            Some(status) => bail!("{} ended with {status}: {}", self.name, self.output()),
            None => came.with_context(|| self.output()),
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid())?);
        kill(pid, signal).with_context(|| format!("kill({pid}, {signal})"))
    }

    /// Waits until it ends by itself.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let status =
            wait::value(&format!("{} to end", self.name), limit, || self.child.try_wait().transpose());
        Ok(status.with_context(|| self.output())??)
    }
}

/// What a program reads.
#[derive(Debug)]
pub struct Keys(ChildStdin);

impl Keys {
    /// Types some keys.
    pub fn type_in(&mut self, keys: &str) -> Result<()> {
        self.0.write_all(keys.as_bytes())?;
        Ok(self.0.flush()?)
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and returns what it printed; an error if it fails or takes longer than `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let mut tool = Tool::start(command)?;
    let status = tool.wait_end(limit)?;
    tool.output.wait_end(wait::SOON)?;
    if !status.success() {
        bail!("{command:?}: {status}: {}", tool.output());
    }
    Ok(tool.output())
}
