//! Putting an XDP program on interfaces, with links that outlive who made them.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use lb_conf::model::XdpMode;
use lb_xdp::attach::{AttachError, Attachment, Hook, Interface, attach, detach};
use lb_xdp::neigh::{Link, Watch};
use lb_xdp::pins::Pins;
use lbx_tests::netns::{Netns, veth};
use lbx_tests::privilege::KERNEL;
use lbx_tests::suite::{self, Case};
use lbx_tests::xdp_pass;

fn main() {
    suite::main(vec![
        Case::new("attach::modes", KERNEL, modes),
        Case::new("attach::falls_back_with_the_reason", KERNEL, fallback),
        Case::new("attach::hook_is_taken", KERNEL, taken),
        Case::new("attach::link_outlives_its_maker", KERNEL, outlives),
        Case::new("attach::another_interface_of_the_name", KERNEL, replaced),
        Case::new("pins::abi_and_order", KERNEL, pins_abi),
    ]);
}

/// A namespace with an interface, and a folder of pins that goes with it.
struct Bed {
    ns: Netns,
    _peer: Netns,
    pins: Pins,
    program: OwnedFd,
}

static BEDS: AtomicU32 = AtomicU32::new(0);

impl Bed {
    fn new() -> Result<Self> {
        let (ns, peer) = (Netns::new("balancer")?, Netns::new("peer")?);
        veth(&ns, "eth0.5", &peer, "eth0")?;
        let number = BEDS.fetch_add(1, Ordering::Relaxed);
        let folder = format!("/sys/fs/bpf/lbx-attach-{}-{number}", std::process::id());
        let pins = Pins::open(Path::new(&folder))?;
        Ok(Self { ns, _peer: peer, pins, program: xdp_pass::load()? })
    }

    fn link(&self, name: &str) -> Result<(u32, Link)> {
        self.ns.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let watch = runtime.block_on(Watch::new())?;
            let (index, link) = watch.network().link_named(name).context("no such interface")?;
            Ok((index, link.clone()))
        })?
    }

    fn attach(&self, name: &str, mode: XdpMode) -> Result<Result<Attachment, AttachError>> {
        let (index, link) = self.link(name)?;
        let interface = Interface { name, index, xdp: link.xdp };
        self.ns.run(|| attach(&self.pins, self.program.as_fd(), interface, mode))
    }

    /// How netlink says that a program is attached.
    fn hook(&self, name: &str) -> Result<Option<Hook>> {
        let hook = |native| if native { Hook::Native } else { Hook::Generic };
        Ok(self.link(name)?.1.xdp.map(|xdp| hook(xdp.native)))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = self.pins.clone().remove();
    }
}

fn modes() -> Result<()> {
    let bed = Bed::new()?;
    for (mode, expected) in
        [(XdpMode::Native, Hook::Native), (XdpMode::Generic, Hook::Generic), (XdpMode::Auto, Hook::Native)]
    {
        let attachment = bed.attach("eth0.5", mode)??;
        ensure!(attachment.hook == expected && attachment.fallback.is_none() && !attachment.adopted);
        ensure!(bed.hook("eth0.5")? == Some(expected), "{mode:?}");
        ensure!(bed.pins.links()? == ["eth0.5"]);
        drop(attachment);
        detach(&bed.pins, "eth0.5")?;
        ensure!(bed.hook("eth0.5")?.is_none(), "{mode:?}");
    }
    Ok(())
}

fn fallback() -> Result<()> {
    let bed = Bed::new()?;
    let error = bed.attach("lo", XdpMode::Native)?.err().context("no error")?;
    ensure!(matches!(error, AttachError::NoNative { .. }), "{error}");
    let attachment = bed.attach("lo", XdpMode::Auto)??;
    ensure!(attachment.hook == Hook::Generic);
    ensure!(attachment.fallback.as_deref() == Some("it does not support it"), "{:?}", attachment.fallback);
    Ok(())
}

fn taken() -> Result<()> {
    let bed = Bed::new()?;
    let _other = xdp_pass::attach(&bed.ns, "eth0.5")?;
    for mode in [XdpMode::Native, XdpMode::Auto] {
        let error = bed.attach("eth0.5", mode)?.err().context("no error")?;
        ensure!(matches!(error, AttachError::Taken { program, .. } if program > 0), "{error}");
        ensure!(error.to_string().contains("taken by program"));
    }
    ensure!(bed.pins.links()?.is_empty());
    Ok(())
}

fn outlives() -> Result<()> {
    let mut bed = Bed::new()?;
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let hook = bed.attach("eth0.5", mode)??.hook;
        ensure!(bed.hook("eth0.5")? == Some(hook), "the program stays when its maker is gone");
        let before = bed.link("eth0.5")?.1.xdp.context("no program")?.program;
        bed.program = xdp_pass::load()?;
        let again = bed.attach("eth0.5", XdpMode::Auto)??;
        ensure!(again.adopted && again.hook == hook);
        let after = bed.link("eth0.5")?.1.xdp.context("no program")?.program;
        ensure!(before != after, "the new program is on the old link");
        drop(again);
        detach(&bed.pins, "eth0.5")?;
    }
    // A mode that the old link does not have needs a new one.
    bed.attach("eth0.5", XdpMode::Generic)??;
    let native = bed.attach("eth0.5", XdpMode::Native)??;
    ensure!(!native.adopted && bed.hook("eth0.5")? == Some(Hook::Native));
    Ok(())
}

/// The link of an interface that is gone joins nothing: the next one of this name gets its own.
fn replaced() -> Result<()> {
    let bed = Bed::new()?;
    drop(bed.attach("eth0.5", XdpMode::Auto)??);
    bed.ns.ip("link del eth0.5")?;
    let peer = Netns::new("another")?;
    veth(&bed.ns, "eth0.5", &peer, "eth0")?;
    let attachment = bed.attach("eth0.5", XdpMode::Auto)??;
    ensure!(!attachment.adopted && bed.hook("eth0.5")? == Some(Hook::Native));
    Ok(())
}

fn pins_abi() -> Result<()> {
    let bed = Bed::new()?;
    ensure!(bed.pins.is_empty()? && bed.pins.abi().is_none());
    bed.pins.set_abi("one")?;
    bed.pins.set_abi("two")?;
    ensure!(bed.pins.abi().is_none(), "without the maps the ABI means nothing");
    drop(bed.attach("eth0.5", XdpMode::Auto)??);
    bed.pins.clear()?;
    ensure!(bed.pins.is_empty()? && bed.hook("eth0.5")?.is_none());
    let nowhere = Pins::open(&std::env::temp_dir().join("lbx-no-bpffs"));
    ensure!(nowhere.is_err_and(|e| e.to_string().contains("no BPF file system")));
    Ok(())
}
