//! The keeper: a process that stays what the daemon was before it gave up its root folder and its user.
//!
//! A daemon that changed to an ordinary user in a chroot can't read its configuration again. It must not be able to
//! ask for files either, for then the chroot would protect nothing. So the keeper takes one request only, "load": it
//! loads the configuration that the command line named and hands over all that the loader asked of the machine
//! meanwhile. The daemon then loads from these answers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use lb_conf::host::Host;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::child;
use crate::host::System;

/// The one request.
const LOAD: u8 = b'L';

/// The most that an answer may weigh. What a configuration names (certificates, lists) is far below it; a length
/// beyond it means that the two ends lost step.
const MAX_ANSWER: u64 = 4 << 30;

/// An answer of the machine: the value, or the number of the error.
type Answer<T> = Result<T, i32>;

/// All that a loader asked of the machine, with the answers.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Answers {
    files: HashMap<PathBuf, Answer<Vec<u8>>>,
    folders: HashMap<PathBuf, Answer<Option<Vec<PathBuf>>>>,
    variables: HashMap<String, Option<String>>,
    addresses: HashMap<String, Vec<IpAddr>>,
    users: HashMap<String, Option<u32>>,
    groups: HashMap<String, Option<u32>>,
    hostname: String,
}

/// Asks a machine and remembers its answers.
struct Recorder<H> {
    host: H,
    answers: RefCell<Answers>,
}

impl<H: Host> Recorder<H> {
    fn new(host: H) -> Self {
        let answers = Answers { hostname: host.hostname(), ..Answers::default() };
        Self { host, answers: RefCell::new(answers) }
    }
}

fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(nix::libc::EIO)
}

impl<H: Host> Host for Recorder<H> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.host.read(path);
        let answer = found.as_ref().map(Vec::clone).map_err(number);
        self.answers.borrow_mut().files.insert(path.to_owned(), answer);
        found
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        let found = self.host.list(path);
        let answer = found.as_ref().map(Clone::clone).map_err(number);
        self.answers.borrow_mut().folders.insert(path.to_owned(), answer);
        found
    }

    fn variable(&self, name: &str) -> Option<String> {
        let found = self.host.variable(name);
        self.answers.borrow_mut().variables.insert(name.to_owned(), found.clone());
        found
    }

    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let found = self.host.addresses(name);
        self.answers.borrow_mut().addresses.insert(name.to_owned(), found.clone());
        found
    }

    fn user_id(&self, name: &str) -> Option<u32> {
        let found = self.host.user_id(name);
        self.answers.borrow_mut().users.insert(name.to_owned(), found);
        found
    }

    fn group_id(&self, name: &str) -> Option<u32> {
        let found = self.host.group_id(name);
        self.answers.borrow_mut().groups.insert(name.to_owned(), found);
        found
    }

    fn hostname(&self) -> String {
        self.answers.borrow().hostname.clone()
    }
}

fn replay<T: Clone>(answers: &HashMap<PathBuf, Answer<T>>, path: &Path) -> io::Result<T> {
    let missing = io::Error::from_raw_os_error;
    answers.get(path).ok_or_else(|| missing(nix::libc::ENOENT))?.clone().map_err(missing)
}

impl Host for Answers {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        replay(&self.files, path)
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        replay(&self.folders, path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned().flatten()
    }

    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        self.addresses.get(name).cloned().unwrap_or_default()
    }

    fn user_id(&self, name: &str) -> Option<u32> {
        self.users.get(name).copied().flatten()
    }

    fn group_id(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied().flatten()
    }

    fn hostname(&self) -> String {
        self.hostname.clone()
    }
}

/// The daemon's end of the line to its keeper.
pub(crate) struct Keeper(Mutex<File>);

impl Keeper {
    /// Starts the keeper, which serves with `load` until the daemon is gone. To be called before there are threads or
    /// listening sockets: it would hold these open.
    ///
    /// # Errors
    /// socketpair(2) or fork(2) fails.
    pub(crate) fn start(load: impl Fn(&dyn Host)) -> Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
            .context("socketpair")?;
        let (ours, _) = child::start(ours, || keep(theirs, load))?;
        Ok(Self(Mutex::new(File::from(ours))))
    }

    /// What the machine answers to the loader now.
    ///
    /// # Errors
    /// The keeper is gone.
    pub(crate) fn ask(&self) -> Result<Answers> {
        let mut line = self.0.lock();
        line.write_all(&[LOAD]).context("ask the keeper")?;
        read_answers(&mut *line).context("the keeper's answer")
    }
}

/// Answers until the daemon's end of the line closes.
fn keep(line: OwnedFd, load: impl Fn(&dyn Host)) -> Result<()> {
    let mut line = File::from(line);
    let mut request = [0];
    while line.read(&mut request)? == 1 {
        if request != [LOAD] {
            bail!("the daemon asked for what the keeper does not give");
        }
        let recorder = Recorder::new(System);
        load(&recorder);
        write_answers(&mut line, &recorder.answers.into_inner())?;
    }
    Ok(())
}

fn write_answers(line: &mut impl Write, answers: &Answers) -> Result<()> {
    let bytes = postcard::to_stdvec(answers)?;
    line.write_all(&u64::try_from(bytes.len())?.to_be_bytes())?;
    Ok(line.write_all(&bytes)?)
}

fn read_answers(line: &mut impl Read) -> Result<Answers> {
    let mut length = [0; 8];
    line.read_exact(&mut length)?;
    let length = u64::from_be_bytes(length);
    if length > MAX_ANSWER {
        bail!("{length} bytes are announced");
    }
    let mut bytes = Vec::new();
    line.take(length).read_to_end(&mut bytes)?;
    Ok(postcard::from_bytes(&bytes)?)
}

#[cfg(test)]
mod tests {
    use lb_conf::host::MemoryHost;

    use super::*;

    fn machine() -> MemoryHost {
        let mut host = MemoryHost::with_file("/etc/lbx/a.cfg", "global\n");
        host.variables.insert("HOSTNAME".into(), "lb1".into());
        host.users.insert("web".into(), 33);
        host.addresses.insert("db".into(), vec!["192.0.2.7".parse().unwrap()]);
        host
    }

    /// Asks everything that a loader may ask.
    fn ask(host: &dyn Host) -> impl PartialEq + std::fmt::Debug + use<> {
        let kind = |error: io::Error| error.kind();
        (
            ["/etc/lbx/a.cfg", "/none"].map(|path| host.read(Path::new(path)).map_err(kind)),
            ["/etc/lbx", "/none"].map(|path| host.list(Path::new(path)).map_err(kind)),
            ["HOSTNAME", "NONE"].map(|name| host.variable(name)),
            ["db", "none"].map(|name| host.addresses(name)),
            ["web", "none"].map(|name| (host.user_id(name), host.group_id(name))),
            host.hostname(),
        )
    }

    /// The machine, but for errors without a number, which can't go over the line.
    struct Numbered(MemoryHost);

    impl Host for Numbered {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            self.0.read(path).map_err(|_| io::Error::from_raw_os_error(nix::libc::ENOENT))
        }
        fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
            self.0.list(path)
        }
        fn variable(&self, name: &str) -> Option<String> {
            self.0.variable(name)
        }
        fn addresses(&self, name: &str) -> Vec<IpAddr> {
            self.0.addresses(name)
        }
        fn user_id(&self, name: &str) -> Option<u32> {
            self.0.user_id(name)
        }
        fn group_id(&self, name: &str) -> Option<u32> {
            self.0.group_id(name)
        }
        fn hostname(&self) -> String {
            self.0.hostname()
        }
    }

    #[test]
    fn answers_that_went_over_the_line_are_the_machines() {
        let recorder = Recorder::new(Numbered(machine()));
        let told = ask(&recorder);
        let mut line = Vec::new();
        write_answers(&mut line, &recorder.answers.into_inner()).unwrap();
        let answers = read_answers(&mut line.as_slice()).unwrap();
        assert_eq!(ask(&answers), told);
    }

    #[test]
    fn a_line_out_of_step_is_an_error() {
        assert!(read_answers(&mut [0xff; 16].as_slice()).is_err());
        assert!(read_answers(&mut [0, 0, 0].as_slice()).is_err());
    }
}
