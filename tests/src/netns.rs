//! Network namespaces and the veth pairs between them.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, setns, unshare};

use crate::xdp_pass::{self, XdpPass};

/// A network namespace that lives as long as this value and whatever process or socket is in it.
#[derive(Debug)]
pub struct Netns {
    name: String,
    file: File,
}

impl Netns {
    /// A new namespace whose loopback device is up. The name is for messages only.
    pub fn new(name: &str) -> Result<Self> {
        let file = in_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).context("unshare(CLONE_NEWNET)")?;
            File::open("/proc/thread-self/ns/net").context("/proc/thread-self/ns/net")
        })?;
        let netns = Self { name: name.to_owned(), file };
        netns.ip("link set lo up")?;
        Ok(netns)
    }

    /// What it was called when made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A path under which other processes can open the namespace while this value lives.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Runs `f` in a thread that is inside the namespace. Sockets made there stay in it wherever they go.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T> {
        in_thread(|| {
            setns(&self.file, CloneFlags::CLONE_NEWNET).with_context(|| format!("setns to {}", self.name))?;
            Ok(f())
        })
    }

    /// A command that will run inside the namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.enter(&mut command);
        command
    }

    /// Lets `command` run inside the namespace.
    pub fn enter(&self, command: &mut Command) {
        let fd = self.file.as_raw_fd();
        // SAFETY: setns is a plain system call and allocates nothing, so it may be called between fork and exec; the
        // descriptor is open in the child as long as it is here.
        unsafe {
            command.pre_exec(move || {
                if libc::setns(fd, libc::CLONE_NEWNET) == 0 {
                    Ok(())
                } else {
                    Err(std::io::Error::last_os_error())
                }
            });
        }
    }

    /// Runs a program with arguments that are separated by spaces, and returns what it printed.
    pub fn exec(&self, line: &str) -> Result<String> {
        let mut words = line.split_whitespace();
        let program = words.next().context("an empty command")?;
        let output =
            self.command(program).args(words).output().with_context(|| format!("starting {program}"))?;
        if !output.status.success() {
            bail!(
                "`{line}` in {}: {}: {}",
                self.name,
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs `ip` with arguments that are separated by spaces.
    pub fn ip(&self, arguments: &str) -> Result<String> {
        self.exec(&format!("ip {arguments}"))
    }

    /// Sets a sysctl of the namespace, such as `net.ipv4.ip_forward`.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        self.run(|| fs::write(&path, value))?.with_context(|| format!("{path} = {value}"))
    }

    /// Adds an address with its prefix length. IPv6 addresses are usable at once (no duplicate address detection).
    pub fn address(&self, device: &str, address: &str) -> Result<()> {
        let nodad = if address.contains(':') { "nodad" } else { "" };
        self.ip(&format!("address add {address} dev {device} {nodad}")).map(drop)
    }

    /// The hardware address of a device.
    pub fn mac(&self, device: &str) -> Result<[u8; 6]> {
        let link = self.ip(&format!("-o link show dev {device}"))?;
        let mut words = link.split_whitespace().skip_while(|word| *word != "link/ether");
        let text = words.nth(1).with_context(|| format!("the address of {device}: {link}"))?;
        let bytes =
            text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<Vec<_>, _>>()?;
        bytes.try_into().map_err(|_| anyhow!("the address of {device}: {text}"))
    }

    /// Makes a device that sends into an XDP program compute its checksums itself: a packet with a partial checksum
    /// keeps no mark of it through native XDP.
    pub fn checksum_in_software(&self, device: &str) -> Result<()> {
        self.exec(&format!("ethtool -K {device} tx off")).map(drop)
    }

    /// Puts a passing XDP program on a device, so that its peer may transmit from XDP.
    pub fn xdp_pass(&self, device: &str) -> Result<XdpPass> {
        xdp_pass::attach(self, device)
    }
}

/// Connects two namespaces with a pair of devices, both up.
pub fn veth(a: &Netns, a_device: &str, b: &Netns, b_device: &str) -> Result<()> {
    a.ip(&format!("link add {a_device} type veth peer name {b_device} netns {}", b.path()))?;
    a.ip(&format!("link set {a_device} up"))?;
    b.ip(&format!("link set {b_device} up"))?;
    Ok(())
}

/// Runs `f` in a thread of its own, so that a change of namespace ends with it.
fn in_thread<T: Send>(f: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| match scope.spawn(f).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
