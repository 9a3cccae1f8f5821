//! The folder of pins: what of the kernel plane outlives the daemon.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use lb_common::names;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::sys;

/// The symbolic link whose target is the ABI of the pinned maps: bpffs has no ordinary files.
const ABI: &str = "abi";
/// What the names of pinned links begin with.
const LINK: &str = "link_";

/// How long the owner of a folder may take to end: the process that owns it learns of its daemon's death before it ends
/// itself, and a machine that is busy takes its time.
const PATIENCE: Duration = Duration::from_secs(2);

/// The right to use a folder of pins. The kernel takes it back when the process ends, however that comes about.
#[derive(Debug)]
pub struct Ownership(#[expect(dead_code, reason = "held for what dropping it does")] Flock<File>);

/// A folder on a BPF file system.
#[derive(Clone, Debug)]
pub struct Pins {
    folder: PathBuf,
}

impl Pins {
    /// The folder, made if it is not there; the BPF file system is mounted at its usual place if need be.
    ///
    /// # Errors
    ///
    /// It cannot be made, or is on no BPF file system.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let usual = Path::new(names::BPF_FS);
        if folder.starts_with(usual) && !is_bpffs(usual) {
            mount(Some("bpf"), usual, Some("bpf"), MsFlags::empty(), Some("mode=0700"))
                .with_context(|| format!("mounting a BPF file system at {}", usual.display()))?;
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)
            .with_context(|| format!("making the folder of pins {}", folder.display()))?;
        if !is_bpffs(folder) {
            bail!("{} is on no BPF file system", folder.display());
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder that a daemon made.
    ///
    /// # Errors
    ///
    /// Nothing is pinned there, or what is pinned is of another version of this program.
    pub fn existing(folder: &Path, abi: &str) -> anyhow::Result<Self> {
        let pins = Self { folder: folder.to_owned() };
        let shown = folder.display();
        match fs::read_dir(folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                bail!("there is no kernel plane: nothing is pinned in {shown} (--pins names another folder)")
            }
            Err(e) => return Err(e).with_context(|| format!("reading the pins in {shown}")),
            Ok(_) => {}
        }
        match pins.abi() {
            Some(found) if found == abi => Ok(pins),
            Some(_) => bail!("the maps in {shown} are of another version of lbx"),
            None => bail!("there is no kernel plane: {shown} holds no maps of lbx's"),
        }
    }

    /// Whether a process owns the folder now: a daemon follows it up.
    pub fn is_owned(&self) -> bool {
        let Ok(folder) = File::open(&self.folder) else { return false };
        matches!(Flock::lock(folder, FlockArg::LockSharedNonblock), Err((_, Errno::EWOULDBLOCK)))
    }

    /// Makes the folder this process's own for as long as the result lives: two daemons would write the same maps.
    /// Waits a moment for an owner that is about to end.
    ///
    /// # Errors
    ///
    /// Another process owns it.
    pub fn own(&self) -> anyhow::Result<Ownership> {
        let mut folder = File::open(&self.folder).with_context(|| self.folder.display().to_string())?;
        let patience = Instant::now() + PATIENCE;
        loop {
            folder = match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Ownership(lock)),
                Err((folder, Errno::EWOULDBLOCK)) if Instant::now() < patience => folder,
                Err((_, Errno::EWOULDBLOCK)) => bail!(
                    "another daemon uses the pins in {}; 'xdp-pin-path' gives one of them a folder of its own",
                    self.folder.display()
                ),
                Err((_, errno)) => return Err(anyhow!("flock of {}: {errno}", self.folder.display())),
            };
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a map is pinned.
    pub fn map(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the link to an interface is pinned. Names on bpffs hold no dots, names of interfaces no colons.
    pub fn link(&self, interface: &str) -> PathBuf {
        self.folder.join(format!("{LINK}{}", interface.replace('.', ":")))
    }

    /// The interfaces that links are pinned of.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn links(&self) -> io::Result<Vec<String>> {
        let interface = |name: OsString| Some(name.to_str()?.strip_prefix(LINK)?.replace(':', "."));
        Ok(self.entries()?.into_iter().filter_map(interface).collect())
    }

    /// What the pinned maps' ABI was called by who made them. None: there are none, or they are incomplete.
    pub fn abi(&self) -> Option<String> {
        let complete = names::PINNED.iter().all(|name| self.map(name).exists());
        let target = fs::read_link(self.folder.join(ABI)).ok()?;
        target.into_os_string().into_string().ok().filter(|_| complete)
    }

    /// Says what the pinned maps' ABI is.
    ///
    /// # Errors
    ///
    /// The file system refuses.
    pub fn set_abi(&self, abi: &str) -> io::Result<()> {
        let path = self.folder.join(ABI);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        symlink(abi, path)
    }

    /// Pins something under this name, in place of what was there.
    ///
    /// # Errors
    ///
    /// The file system refuses.
    pub fn replace(&self, what: BorrowedFd<'_>, name: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
        Ok(sys::pin(what, &path)?)
    }

    /// Whether nothing is pinned.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.entries()?.is_empty())
    }

    /// Removes all pins: links first, so that no packet meets a program whose maps are going. The folder stays.
    ///
    /// # Errors
    ///
    /// A pin cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        for interface in self.links()? {
            self.detach(&interface)?;
        }
        self.entries()?.into_iter().try_for_each(|name| fs::remove_file(self.folder.join(name)))
    }

    /// Takes the program off an interface and removes the pin of its link; if there is none, that is as well.
    ///
    /// # Errors
    ///
    /// The pin cannot be removed.
    pub fn detach(&self, interface: &str) -> io::Result<()> {
        let path = self.link(interface);
        if let Ok(link) = sys::open_pinned(&path) {
            // A link whose interface is gone is detached already, which is an error to the kernel.
            let _ = sys::detach_link(link.as_fd());
        }
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Removes all pins and the folder.
    ///
    /// # Errors
    ///
    /// A pin or the folder cannot be removed.
    pub fn remove(self) -> io::Result<()> {
        self.clear()?;
        fs::remove_dir(self.folder)
    }

    fn entries(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.folder)?.map(|entry| entry.map(|e| e.file_name())).collect()
    }
}

/// Whether there is a BPF file system at its usual place.
pub fn bpf_fs_is_mounted() -> bool {
    is_bpffs(Path::new(names::BPF_FS))
}

fn is_bpffs(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| fs.filesystem_type() == BPF_FS_MAGIC)
}
