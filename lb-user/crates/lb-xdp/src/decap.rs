//! The servers' side of `xdp-forward ipip` and `gue`: a program that takes packets for their services out of tunnels.
//! It has a folder of pins of its own, for a server is no balancer, or is one besides.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::path::Path;

use anyhow::{Context, bail};
use aya::EbpfLoader;
use aya::maps::{HashMap, MapData};
use lb_common::counter::Count;
use lb_common::decap::Service;
use lb_common::names;
use lb_conf::model::XdpMode;

use crate::attach::{self, Interface};
use crate::pins::Pins;
use crate::{loader, neigh};

/// Where it is pinned.
pub const PIN_FOLDER: &str = "/sys/fs/bpf/lbx-decap";

/// What is wanted on a server.
#[derive(Clone, Debug)]
pub struct Decap<'a> {
    /// The folder of pins.
    pub folder: &'a Path,
    /// The services' addresses: these, and no others.
    pub addresses: &'a BTreeSet<IpAddr>,
    /// The UDP port of packets in GUE.
    pub port: u16,
}

impl Decap<'_> {
    /// Puts the program on an interface, and says how. Where it is there already it gets these addresses.
    ///
    /// # Errors
    ///
    /// An address is none of this host's, there is no such interface, its hook is taken, its driver cannot, or the kernel
    /// refuses the program.
    pub fn attach(&self, name: &str, mode: XdpMode) -> anyhow::Result<String> {
        let network = neigh::read().context("reading the host's network")?;
        let local: BTreeSet<IpAddr> = network.local_addresses().map(|(_, address)| address).collect();
        if let Some(stranger) = self.addresses.difference(&local).next() {
            bail!(
                "{stranger} is no address of this host, which would not take what is for it; add it first: \
                 ip address add {stranger} dev lo"
            );
        }
        let found = network.link_named(name).map(|(index, link)| (index, link.xdp));
        let (index, xdp) = found.with_context(|| format!("{name}: there is no such interface"))?;
        let object = loader::embedded().context("this lbx was built without the BPF object")?;
        let pins = Pins::open(self.folder)?;
        let mut ebpf = self.load(object, &pins)?;
        self.set_addresses(ebpf.map_mut(names::DECAP).context("the BPF object has no map DECAP")?)?;
        let program = loader::program(&mut ebpf, names::DECAP_PROGRAM)?;
        program.load().context("loading the BPF program")?;
        let program = program.fd()?;
        let attached = attach::attach(&pins, program.as_fd(), Interface { name, index, xdp }, mode)?;
        let reason = attached.fallback.map(|reason| format!(", not native: {reason}")).unwrap_or_default();
        Ok(format!("attached, {}{reason}", attached.hook))
    }

    fn load(&self, object: &[u8], pins: &Pins) -> anyhow::Result<aya::Ebpf> {
        let port = u32::from(self.port);
        let mut loader = EbpfLoader::new();
        // The maps of a balancer, which are of no use here, are made as small as can be.
        for name in names::PINNED.iter().filter(|name| !UNSIZED.contains(name)) {
            loader.map_max_entries(name, 1);
        }
        loader.override_global(names::DECAP_PORT, &port, true);
        loader.map_pin_path(names::DECAP, pins.map(names::DECAP));
        loader.load(object).context("loading the BPF object's maps")
    }

    fn set_addresses(&self, map: &mut aya::maps::Map) -> anyhow::Result<()> {
        let mut map: HashMap<&mut MapData, Service, Count> = map.try_into()?;
        let wanted: Vec<Service> = self.addresses.iter().map(|&address| Service::of(address)).collect();
        let there = map.keys().collect::<Result<Vec<_>, _>>()?;
        for service in there.iter().filter(|service| !wanted.contains(service)) {
            map.remove(service)?;
        }
        for service in wanted.iter().filter(|service| !there.contains(service)) {
            map.insert(service, Count::default(), 0).context("more addresses than there is room for")?;
        }
        Ok(())
    }
}

/// Maps whose sizes are bytes, or belong to their kind.
const UNSIZED: &[&str] = &[names::EVENTS, names::TRACES, names::CLOCK, names::TRACE, names::STAGES];

/// Takes the program off an interface; off the last one its pins go, too.
///
/// # Errors
///
/// It is not there, or a pin cannot be removed.
pub fn detach(folder: &Path, interface: &str) -> anyhow::Result<()> {
    let there = if folder.exists() { Pins::open(folder)?.links()? } else { vec![] };
    if !there.iter().any(|name| name == interface) {
        bail!("{interface}: 'lbx decap' is not there");
    }
    let pins = Pins::open(folder)?;
    attach::detach(&pins, interface)?;
    if there.len() == 1 {
        pins.remove().with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}
