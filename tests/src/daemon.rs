//! The load balancer as a child process: `lbx` as it was built, or haproxy to compare with.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::netns::Netns;
use crate::{cpu, listening, ports, privilege, wait};

/// How long a daemon may take until it serves. A debug build with a large BPF object on a busy machine needs seconds.
pub const START: Duration = Duration::from_secs(30);

/// Which program plays the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The one that this workspace builds.
    Lbx,
    /// The one to compare with.
    Haproxy,
    /// Another one to compare with, in benchmarks; its configuration is its own.
    Nginx,
}

impl Program {
    /// Where it is. `LBX_BIN` overrides the place of `lbx`, which is the build's folder otherwise.
    pub fn path(self) -> Result<PathBuf> {
        match self {
            Program::Lbx => match std::env::var_os("LBX_BIN") {
                Some(path) => Ok(path.into()),
                None => built("lbx"),
            },
            Program::Haproxy => privilege::find_program("haproxy").context("haproxy is not installed"),
            Program::Nginx => privilege::find_program("nginx").context("nginx is not installed"),
        }
    }
}

/// A program from the folder that this test was built into.
fn built(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let found = this.ancestors().skip(1).take(2).map(|dir| dir.join(name)).find(|file| file.is_file());
    found.with_context(|| format!("{name} is not built: run `cargo build --package lbx`"))
}

/// A daemon to be started: its configuration as a template, and where it runs.
///
/// In the configuration `{dir}` stands for a folder of its own, `{pins}` for a folder of its own for pinned maps, and
/// what [`Setup::port`] and [`Setup::set`] define for what they define.
#[derive(Debug)]
pub struct Setup<'a> {
    program: Program,
    template: String,
    netns: Option<&'a Netns>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    values: BTreeMap<String, String>,
    ready: Vec<SocketAddr>,
    dir: Home,
    background: bool,
}

/// What outlives one daemon and is there for the next: its folder and its pinned maps.
#[derive(Clone, Debug)]
pub struct Home(Arc<HomeDirs>);

#[derive(Debug)]
struct HomeDirs {
    dir: TempDir,
    pins: PathBuf,
}

impl Home {
    /// Folders that no other daemon uses.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir()?;
        Ok(Self(Arc::new(HomeDirs { dir, pins: Path::new(BPF_FS).join(name) })))
    }

    /// The folder for files and sockets.
    pub fn dir(&self) -> &Path {
        self.0.dir.path()
    }

    /// The folder for pinned maps and links; the daemon makes it.
    pub fn pins(&self) -> &Path {
        &self.0.pins
    }
}

impl Drop for HomeDirs {
    fn drop(&mut self) {
        // Absent when the daemon had no kernel plane.
        let _ = fs::remove_dir_all(&self.pins);
    }
}

/// Where pins are kept.
const BPF_FS: &str = "/sys/fs/bpf";

/// What the names of all folders begin with; the number of the process that made them follows.
const PREFIX: &str = "lbx-test-";

/// Removes the folders of every process that is gone: one that was killed could not do it itself.
pub fn remove_leftovers() {
    remove_folders(|pid| !Path::new("/proc").join(pid).exists());
}

/// Removes the folders of this process, for when it ends before their owners are dropped.
pub fn remove_own() {
    let own = std::process::id().to_string();
    remove_folders(|pid| pid == own);
}

fn remove_folders(of: impl Fn(&str) -> bool) {
    for place in [Path::new(BPF_FS), &std::env::temp_dir()] {
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|n| n.strip_prefix(PREFIX)).and_then(|n| n.split('-').next());
            if pid.is_some_and(&of) {
                // Somebody else's, or removed by its owner in this moment.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// What a daemon that ended said.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed, both streams.
    pub output: String,
}

impl<'a> Setup<'a> {
    /// `program` with the configuration `template`.
    pub fn new(program: Program, template: &str) -> Result<Self> {
        Ok(Self {
            program,
            template: template.to_owned(),
            netns: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            values: BTreeMap::new(),
            ready: Vec::new(),
            dir: Home::new()?,
            background: false,
        })
    }

    /// Runs it inside a namespace.
    pub fn netns(mut self, netns: &'a Netns) -> Self {
        self.netns = Some(netns);
        self
    }

    /// Uses the folders of an earlier daemon.
    pub fn home(mut self, home: &Home) -> Self {
        self.dir = home.clone();
        self
    }

    /// `{name}` in the configuration stands for a free port of loopback, on which the daemon will listen.
    pub fn port(mut self, name: &str) -> Self {
        let port = ports::free();
        self.ready.push(SocketAddr::from(([127, 0, 0, 1], port)));
        self.set(name, port)
    }

    /// `{name}` stands for a free port of loopback, on which a later configuration will listen.
    pub fn port_for_later(self, name: &str) -> Self {
        self.set(name, ports::free())
    }

    /// `{name}` in the configuration stands for `value`.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }

    /// The daemon is ready when it listens on `address` (TCP).
    pub fn ready_on(mut self, address: SocketAddr) -> Self {
        self.ready.push(address);
        self
    }

    /// A further command line argument.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Lets the configuration say whether HAProxy goes into the background; it stays in the foreground otherwise.
    pub fn may_go_to_background(mut self) -> Self {
        self.background = true;
        self
    }

    /// A variable of the daemon's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Its folder, `{dir}` in the configuration.
    pub fn dir(&self) -> &Path {
        self.dir.dir()
    }

    /// Its folders, to keep them for longer than the daemon.
    pub fn folders(&self) -> Home {
        self.dir.clone()
    }

    /// The address on loopback of a port that [`Setup::port`] named.
    ///
    /// # Panics
    /// When the configuration has no such port.
    pub fn address(&self, port: &str) -> SocketAddr {
        loopback(&self.values, port)
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Result<Daemon> {
        let mut daemon = self.spawn()?;
        daemon.wait_ready()?;
        Ok(daemon)
    }

    /// Starts it in the foreground without waiting.
    pub fn spawn(self) -> Result<Daemon> {
        let file = self.write_config()?;
        let mut command = self.command(&file)?;
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let output = Output::default();
        output.collect(child.stdout.take());
        output.collect(child.stderr.take());
        let Self { values, ready, dir, .. } = self;
        Ok(Daemon { child, output, values, ready, home: dir })
    }

    /// Starts it and waits until it ends by itself, as it does with `-c` or when its configuration is wrong.
    pub fn run_to_end(self) -> Result<Ended> {
        let mut daemon = self.spawn()?;
        let status = daemon.wait_end(START)?;
        Ok(Ended { status, output: daemon.output() })
    }

    fn write_config(&self) -> Result<PathBuf> {
        let file = self.dir.dir().join(CONFIG);
        fs::write(&file, fill(&self.template, &self.values, &self.dir))?;
        Ok(file)
    }

    fn command(&self, file: &Path) -> Result<Command> {
        let mut command = Command::new(self.program.path()?);
        match self.program {
            Program::Lbx => command.arg("-f").arg(file),
            Program::Haproxy if self.background => command.arg("-f").arg(file),
            // Stay in the foreground, one process.
            Program::Haproxy => command.args(["-db", "-f"]).arg(file),
            Program::Nginx => command.args(["-e", "stderr", "-p"]).arg(self.dir.dir()).arg("-c").arg(file),
        };
        command.args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.dir.dir());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(netns) = self.netns {
            netns.enter(&mut command);
        }
        die_with_parent(&mut command);
        Ok(command)
    }
}

/// The name of the configuration in the daemon's folder.
const CONFIG: &str = "test.cfg";

/// A template with what its names stand for.
fn fill(template: &str, values: &BTreeMap<String, String>, home: &Home) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text.replace("{dir}", &home.dir().display().to_string())
        .replace("{pins}", &home.pins().display().to_string())
}

/// Lets the kernel kill the child when the thread that starts it ends, however it ends.
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: prctl is a plain system call and may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

/// What a child prints, collected while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    text: Arc<Mutex<String>>,
    /// Streams that have not ended yet.
    open: Arc<AtomicUsize>,
}

impl Output {
    pub(crate) fn collect(&self, stream: Option<impl Read + Send + 'static>) {
        let Some(stream) = stream else { return };
        let (text, open) = (Arc::clone(&self.text), Arc::clone(&self.open));
        open.fetch_add(1, Ordering::Relaxed);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            // A character may come in two pieces.
            let mut pending = Vec::new();
            while let Ok(bytes) = reader.fill_buf()
                && !bytes.is_empty()
            {
                let n = bytes.len();
                pending.extend_from_slice(bytes);
                reader.consume(n);
                let whole = std::str::from_utf8(&pending).map_or_else(complete, str::len);
                let rest = pending.split_off(whole);
                let piece = String::from_utf8_lossy(&pending);
                text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&piece);
                pending = rest;
            }
            open.fetch_sub(1, Ordering::Release);
        });
    }

    /// What a program has printed so far.
    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until everything that a program printed before its end is read: the threads that do so may be behind.
    pub(crate) fn wait_end(&self, limit: Duration) -> Result<()> {
        wait::until("the end of the output", limit, || self.open.load(Ordering::Acquire) == 0)
    }
}

/// How many bytes to take of text that is none: all but a character whose end may still come.
fn complete(error: std::str::Utf8Error) -> usize {
    match error.error_len() {
        None => error.valid_up_to(),
        Some(length) => error.valid_up_to() + length,
    }
}

fn loopback(values: &BTreeMap<String, String>, port: &str) -> SocketAddr {
    let port = values.get(port).and_then(|p| p.parse().ok());
    SocketAddr::from(([127, 0, 0, 1], port.expect("a port that the setup names")))
}

/// Sends one line to a runtime socket and returns the answer.
pub fn command(socket: &Path, line: &str) -> Result<String> {
    // A daemon that has just begun to listen may not have this socket yet.
    let connect = || UnixStream::connect(socket).ok();
    let mut socket = wait::value(&socket.display().to_string(), wait::SOON, connect)?;
    socket.set_read_timeout(Some(wait::SOON))?;
    socket.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).with_context(|| format!("the answer to {line:?}"))?;
    Ok(answer)
}

/// A running daemon, killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    output: Output,
    values: BTreeMap<String, String>,
    ready: Vec<SocketAddr>,
    home: Home,
}

impl Daemon {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folders that it uses.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The address on loopback of a port that [`Setup::port`] named.
    ///
    /// # Panics
    /// When the configuration has no such port.
    pub fn address(&self, port: &str) -> SocketAddr {
        loopback(&self.values, port)
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Waits until it has printed `text`.
    pub fn wait_output(&self, text: &str) -> Result<()> {
        wait::until(&format!("{text:?} in the output"), wait::SOON, || self.output().contains(text))
            .with_context(|| self.output())
    }

    /// Waits until it listens on a port that the setup named.
    pub fn wait_port(&mut self, port: &str) -> Result<()> {
        let (pid, address) = (self.pid(), self.address(port));
        wait::until(port, START, || listening::is_listening(pid, address)).with_context(|| self.output())
    }

    /// Waits until it listens on every address that the setup named.
    pub fn wait_ready(&mut self) -> Result<()> {
        let (pid, ready) = (self.pid(), self.ready.clone());
        let mut ended = None;
        let all = wait::until("the daemon to listen", START, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some() || ready.iter().all(|address| listening::is_listening(pid, *address))
        });
        match ended {
            Some(status) => bail!("the daemon ended with {status}:\n{}", self.output_after_end()),
            None => all.with_context(|| self.output()),
        }
    }

    /// Replaces the configuration file; names stand for the same as at the start.
    pub fn rewrite(&self, template: &str) -> Result<()> {
        Ok(fs::write(self.home.dir().join(CONFIG), fill(template, &self.values, &self.home))?)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid())?);
        kill(pid, signal).with_context(|| format!("kill({pid}, {signal})"))
    }

    /// Kills it as a crash would, and returns when it is gone. Its folders stay as long as somebody holds [`Home`].
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it ends by itself.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let status = wait::value("the daemon to end", limit, || self.child.try_wait().transpose());
        let status = status.with_context(|| self.output())??;
        self.output_after_end();
        Ok(status)
    }

    /// The output of a process that has ended.
    fn output_after_end(&self) -> String {
        // A grandchild may hold the streams open for longer.
        let _ = self.output.wait_end(Duration::from_secs(1));
        self.output()
    }

    /// Sends one line to the runtime socket, `{dir}/sock` in the configuration, and returns the answer.
    pub fn cli(&self, line: &str) -> Result<String> {
        command(&self.home.dir().join("sock"), line)
    }

    /// The CPU time that the process and its descendants have used, to the nanosecond.
    pub fn tree_cpu_time(&self) -> Result<Duration> {
        cpu::tree(self.pid())
    }

    /// The memory that the process and its descendants hold, in bytes.
    pub fn tree_resident(&self) -> Result<u64> {
        cpu::resident(self.pid())
    }

    /// The CPU time that the process has used, user and system.
    pub fn cpu_time(&self) -> Result<Duration> {
        cpu::process(self.pid())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the daemon's output\n{}---", self.output());
        }
    }
}
