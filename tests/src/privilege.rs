//! What a test needs of the machine, and whether it is there.

use std::path::Path;

use nix::sched::{CloneFlags, unshare};

/// Something that a test cannot run without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Being root, who may become anybody and change the root folder.
    Root,
    /// Making network namespaces and veth pairs.
    Namespaces,
    /// Loading BPF programs and pinning them below `/sys/fs/bpf`.
    Bpf,
    /// The BPF object in what was built (`cargo xtask build-ebpf`).
    BpfObject,
    /// Network devices of this kind, as `ip link add type` names them.
    Device(&'static str),
    /// A program in `PATH`.
    Program(&'static str),
}

/// What network tests of the kernel plane need.
pub const KERNEL: &[Need] = &[
    Need::Namespaces,
    Need::Bpf,
    Need::BpfObject,
    Need::Program("ip"),
    Need::Program("ethtool"),
    Need::Program("bpftool"),
];

/// The same for tests over VLAN devices.
pub const KERNEL_VLAN: &[Need] = &[
    Need::Namespaces,
    Need::Bpf,
    Need::BpfObject,
    Need::Program("ip"),
    Need::Program("ethtool"),
    Need::Program("bpftool"),
    Need::Device("vlan"),
];

/// The same for tests over bonds.
pub const KERNEL_BOND: &[Need] = &[
    Need::Namespaces,
    Need::Bpf,
    Need::BpfObject,
    Need::Program("ip"),
    Need::Program("ethtool"),
    Need::Program("bpftool"),
    Need::Device("bond"),
];

/// What network tests of the user plane need that use namespaces.
pub const NETNS: &[Need] = &[Need::Namespaces, Need::Program("ip")];

impl Need {
    /// Whether it is there for who installs or builds it, whatever the machine.
    fn can_be_installed(self) -> bool {
        matches!(self, Need::Program(_) | Need::BpfObject)
    }

    /// Why this need is not met; `None` where it is.
    pub fn missing(self) -> Option<String> {
        match self {
            Need::Root => (!nix::unistd::Uid::effective().is_root()).then(|| "not root".into()),
            Need::Namespaces => namespaces().err().map(|e| format!("no network namespaces: {e}")),
            Need::Bpf => bpf().err(),
            Need::BpfObject => {
                lb_xdp::loader::embedded().is_none().then(|| "built without the BPF object".into())
            }
            Need::Device(kind) => device(kind).err(),
            Need::Program(name) => find_program(name).is_none().then(|| format!("{name} is not installed")),
        }
    }
}

/// Why a test cannot run.
#[derive(Debug, PartialEq, Eq)]
pub enum Missing {
    /// The machine cannot do it: the test is skipped.
    Unable(String),
    /// It could be installed, and is to be there (`LBX_TEST_STRICT`): the test fails.
    Absent(String),
}

/// The first of `needs` that is not met. Whoever installs what tests need, as `cargo xtask test` does where it can, sets
/// `strict`: what is not there then was forgotten.
pub fn first_missing(needs: &[Need], strict: bool) -> Option<Missing> {
    let missing = |need: &Need| match need.missing()? {
        reason if strict && need.can_be_installed() => Some(Missing::Absent(reason)),
        reason => Some(Missing::Unable(reason)),
    };
    needs.iter().find_map(missing)
}

/// Whether programs that are not installed are errors.
pub fn is_strict() -> bool {
    std::env::var_os("LBX_TEST_STRICT").is_some()
}

/// The path of a program, as a shell would find it; system folders are searched also where `PATH` lacks them.
pub fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(Into::into))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

fn namespaces() -> nix::Result<()> {
    // In a thread of its own, which takes the namespace with it when it ends.
    std::thread::scope(|s| s.spawn(|| unshare(CloneFlags::CLONE_NEWNET)).join())
        .unwrap_or(Err(nix::errno::Errno::EPERM))
}

/// Makes one in a namespace that goes at once. A VLAN needs a device to be one of.
fn device(kind: &str) -> Result<(), String> {
    let of = if kind == "vlan" { " link lo" } else { "" };
    let id = if kind == "vlan" { " id 7" } else { "" };
    let netns = crate::netns::Netns::new("device").map_err(|e| format!("{e:#}"))?;
    let made = netns.ip(&format!("link add{of} name probe type {kind}{id}"));
    made.map(drop).map_err(|e| format!("no {kind} devices: {e:#}"))
}

fn bpf() -> Result<(), String> {
    crate::xdp_pass::load().map_err(|e| format!("no BPF: {e}"))?;
    if !Path::new("/sys/fs/bpf").is_dir() {
        return Err("no BPF: /sys/fs/bpf is missing".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_installed_is_no_reason_to_skip_where_it_should_be() {
        let needs = [Need::Program("sh"), Need::Program("no-such-program")];
        let reason = "no-such-program is not installed".to_owned();
        assert_eq!(first_missing(&needs, false), Some(Missing::Unable(reason.clone())));
        assert_eq!(first_missing(&needs, true), Some(Missing::Absent(reason)));
        let device = [Need::Device("no-such-device")];
        assert!(matches!(first_missing(&device, true), Some(Missing::Unable(_))));
        assert_eq!(first_missing(&[Need::Program("sh")], true), None);
    }
}
