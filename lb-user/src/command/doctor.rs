//! `lbx doctor`: what usually keeps the kernel plane from working, and how to mend it.

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;

use anyhow::Result;
use caps::{CapSet, Capability};
use lb_conf::model::Config;
use lb_xdp::inspect::Overview;
use lb_xdp::neigh::Link;
use lb_xdp::{ethtool, host, loader, neigh, pins};
use nix::sys::resource::{Resource, getrlimit};
use serde::Serialize;

use super::args::Doctor;
use super::table::Table;
use super::{print, print_json};

/// The oldest kernel that the program is tested on.
const KERNEL: (u32, u32) = (6, 1);
/// From this one on the memory of maps is a control group's and not the process's.
const NO_MEMLOCK: (u32, u32) = (5, 11);
/// Longer frames do not fit one page in many drivers, which then refuse native XDP.
const LONGEST_MTU: u32 = 3498;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
    /// It works, but not in each case.
    Warn,
    /// It does not work.
    Bad,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at.
    what: String,
    health: Health,
    /// How it is.
    text: String,
    /// How to mend it.
    mend: Option<String>,
}

impl Finding {
    fn ok(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), health: Health::Ok, text: text.into(), mend: None }
    }

    fn ill(
        health: Health,
        what: impl Into<String>,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), health, text: text.into(), mend: Some(mend.into()) }
    }
}

/// Looks at everything. The exit status is 1 if something does not work.
pub(super) fn run(doctor: &Doctor) -> Result<ExitCode> {
    let config = doctor.look.place.config()?;
    let overview = doctor.look.place.inspect().and_then(|inspector| inspector.overview());
    let mut findings = host_findings();
    findings.push(plane(overview.as_ref()));
    findings.extend(interfaces(doctor, config.as_ref(), overview.as_ref().ok()));
    findings.extend(overview.iter().flat_map(servers));
    if doctor.look.json {
        print_json(&findings)?;
    } else {
        print(&report(&findings))?;
    }
    let bad = findings.iter().any(|finding| finding.health == Health::Bad);
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn report(findings: &[Finding]) -> String {
    let mut table = Table::new(&["WHAT", "HEALTH", "HOW IT IS"]);
    for finding in findings {
        let health = format!("{:?}", finding.health).to_lowercase();
        table.row([finding.what.clone(), health, finding.text.clone()]);
        if let Some(mend) = &finding.mend {
            table.row([String::new(), String::new(), format!("-> {mend}")]);
        }
    }
    table.to_string()
}

fn host_findings() -> Vec<Finding> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = version(release.trim());
    vec![
        object(),
        kernel_version(release.trim(), kernel),
        bpf_fs(),
        capabilities(),
        memlock(kernel),
        jit(),
        ports(),
        forwarding(),
        cookies(),
    ]
}

fn object() -> Finding {
    match loader::embedded() {
        Some(_) => Finding::ok("program", "this build has the XDP program"),
        None => Finding::ill(
            Health::Bad,
            "program",
            "this build has no XDP program",
            "build it with 'cargo xtask build-ebpf' before 'cargo build', or install a release",
        ),
    }
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

fn kernel_version(release: &str, version: Option<(u32, u32)>) -> Finding {
    match version {
        Some(version) if version >= KERNEL => Finding::ok("kernel", release),
        _ => Finding::ill(
            Health::Warn,
            "kernel",
            format!("{release} is older than {}.{}, which is tested", KERNEL.0, KERNEL.1),
            "install a newer kernel; what the program lacks is said at the start",
        ),
    }
}

fn bpf_fs() -> Finding {
    if pins::bpf_fs_is_mounted() {
        return Finding::ok("bpffs", "mounted at /sys/fs/bpf");
    }
    let mend = "mount -t bpf bpf /sys/fs/bpf (a daemon that is root does it itself)";
    Finding::ill(Health::Warn, "bpffs", "not mounted at /sys/fs/bpf", mend)
}

fn capabilities() -> Finding {
    let needed = [Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_SYS_ADMIN];
    let lacking: Vec<_> =
        needed.iter().filter(|cap| !caps::has_cap(None, CapSet::Effective, **cap).unwrap_or(false)).collect();
    if lacking.is_empty() {
        return Finding::ok("capabilities", "all that the kernel plane needs");
    }
    let lacking: Vec<_> = lacking.iter().map(ToString::to_string).collect();
    let mend = "start as root ('user' and 'chroot' give it up later), or set AmbientCapabilities in the unit";
    Finding::ill(Health::Bad, "capabilities", format!("this process lacks {}", lacking.join(", ")), mend)
}

fn memlock(kernel: Option<(u32, u32)>) -> Finding {
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft);
    if kernel >= Some(NO_MEMLOCK) || limit == nix::libc::RLIM_INFINITY {
        return Finding::ok("locked memory", "maps are not bounded by RLIMIT_MEMLOCK");
    }
    let text = format!("maps may take {limit} bytes");
    Finding::ill(
        Health::Bad,
        "locked memory",
        text,
        "LimitMEMLOCK=infinity in the unit, or 'ulimit -l unlimited'",
    )
}

fn sysctl(key: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/sys/{}", key.replace('.', "/"))).ok()?;
    Some(text.trim().to_owned())
}

fn jit() -> Finding {
    match sysctl("net.core.bpf_jit_enable").as_deref() {
        Some("0") => {
            let mend = "sysctl net.core.bpf_jit_enable=1";
            Finding::ill(Health::Warn, "BPF compiler", "off: each packet costs ten times as much", mend)
        }
        // Only the first network namespace has it.
        _ => Finding::ok("BPF compiler", "on"),
    }
}

fn ports() -> Finding {
    match host::source_ports() {
        Ok(ports) => {
            let (first, last) = ports.into_inner();
            Finding::ok("source ports", format!("{first} to {last} for connections to each server"))
        }
        Err(error) => {
            let mend = "sysctl net.ipv4.ip_local_port_range='32768 60999'";
            Finding::ill(Health::Bad, "source ports", format!("{error:#}"), mend)
        }
    }
}

/// The kernel plane sends frames by itself. What it leaves to the host is for the host's own addresses.
fn forwarding() -> Finding {
    let on = sysctl("net.ipv4.ip_forward").as_deref() == Some("1");
    let text = if on { "on: the host routes, too" } else { "off: the kernel plane does not need it" };
    Finding::ok("ip_forward", text)
}

/// SYNs beyond `xdp-syn-rate` are the host's to answer.
fn cookies() -> Finding {
    if sysctl("net.ipv4.tcp_syncookies").as_deref() != Some("0") {
        return Finding::ok(
            "SYN cookies",
            "on: what the kernel plane leaves of a flood is answered with them",
        );
    }
    let text = "off: a flood of SYNs keeps out clients whose connections fall through";
    Finding::ill(Health::Warn, "SYN cookies", text, "sysctl net.ipv4.tcp_syncookies=1")
}

fn plane(overview: Result<&Overview, &anyhow::Error>) -> Finding {
    match overview {
        Err(error) => Finding::ill(
            Health::Warn,
            "kernel plane",
            format!("{error:#}"),
            "start the daemon; 'lbx -c -f FILE' says which proxies it serves in the kernel",
        ),
        Ok(overview) if overview.interfaces.is_empty() => {
            let mend = "name an 'xdp-interface', or use 'lbx xdp attach' where there is no daemon";
            Finding::ill(Health::Bad, "kernel plane", "the program is on no interface", mend)
        }
        Ok(overview) if !overview.daemon => Finding::ill(
            Health::Warn,
            "kernel plane",
            "forwards without a daemon: servers that die are not noticed",
            "start the daemon: it takes over what is there",
        ),
        Ok(overview) => Finding::ok("kernel plane", format!("at work, pinned in {}", overview.pins)),
    }
}

fn interfaces(doctor: &Doctor, config: Option<&Config>, overview: Option<&Overview>) -> Vec<Finding> {
    let mut names: BTreeSet<String> = doctor.interfaces.iter().cloned().collect();
    names.extend(config.iter().flat_map(|c| &c.global.xdp_interfaces).map(|i| i.name.clone()));
    names.extend(overview.iter().flat_map(|o| &o.interfaces).map(|i| i.name.clone()));
    let network = match neigh::read() {
        Ok(network) => network,
        Err(error) => {
            let mend = "netlink sockets are denied: look at the seccomp filter of the unit or container";
            return vec![Finding::ill(Health::Bad, "network", error.to_string(), mend)];
        }
    };
    let look = |name: &String| match network.link_named(name) {
        None => {
            let mend =
                "name another one in 'xdp-interface', or plug it in: the daemon attaches when it comes";
            vec![Finding::ill(Health::Bad, name, "there is no such interface", mend)]
        }
        Some((_, link)) => interface(name, link, overview),
    };
    names.iter().flat_map(look).collect()
}

fn interface(name: &str, link: &Link, overview: Option<&Overview>) -> Vec<Finding> {
    let driver = ethtool::driver(name).unwrap_or_else(|| "unknown".to_owned());
    [
        link_state(name, link, &driver),
        hook(name, link, overview),
        mtu(name, link),
        merging(name),
        filter(name),
    ]
    .into_iter()
    .flatten()
    .chain(veth(name, &driver))
    .collect()
}

fn link_state(name: &str, link: &Link, driver: &str) -> Option<Finding> {
    Some(match (link.up, link.mac) {
        (true, Some(mac)) => Finding::ok(name, format!("up, driver {driver}, {mac}")),
        (false, _) => {
            Finding::ill(Health::Bad, name, "it is down", format!("ip link set {name} up; check the cable"))
        }
        (true, None) => Finding::ill(Health::Bad, name, "it is no Ethernet", "name an Ethernet interface"),
    })
}

fn hook(name: &str, link: &Link, overview: Option<&Overview>) -> Option<Finding> {
    let xdp = link.xdp?;
    let ours = overview.is_some_and(|o| o.interfaces.iter().any(|i| i.program == xdp.program));
    Some(match (ours, xdp.native) {
        (true, true) => Finding::ok(name, "the program is in the driver"),
        (true, false) => Finding::ill(
            Health::Warn,
            name,
            "the program is in the stack (generic), which costs several times as much",
            format!("'xdp-interface {name} native' says why the driver refuses"),
        ),
        (false, _) => Finding::ill(
            Health::Bad,
            name,
            format!("its XDP hook is taken by program {}", xdp.program),
            format!("bpftool net detach xdp dev {name}, or remove that program's pinned link"),
        ),
    })
}

fn mtu(name: &str, link: &Link) -> Option<Finding> {
    (link.mtu > LONGEST_MTU).then(|| {
        let text = format!("an MTU of {} is more than many drivers take with native XDP", link.mtu);
        Finding::ill(Health::Warn, name, text, format!("ip link set {name} mtu {LONGEST_MTU}, or less"))
    })
}

fn merging(name: &str) -> Option<Finding> {
    ethtool::merges_received(name)?.then(|| {
        let mend = format!("ethtool -K {name} lro off");
        Finding::ill(Health::Bad, name, "LRO merges segments, which XDP can't forward", mend)
    })
}

/// What falls through from a client that is reached by another interface is dropped by a strict filter.
fn filter(name: &str) -> Option<Finding> {
    // Not by `sysctl`: names of VLAN devices hold dots.
    let of = |device: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{device}/rp_filter")).ok();
    // The greater of the two counts (ip-sysctl.rst).
    let setting =
        ["all", name].into_iter().filter_map(of).filter_map(|text| text.trim().parse::<u8>().ok()).max();
    (setting == Some(1)).then(|| {
        let text =
            "rp_filter is strict: what falls through is dropped where the way back to the client is another";
        Finding::ill(Health::Warn, name, text, format!("sysctl net.ipv4.conf.{name}.rp_filter=2"))
    })
}

/// A veth's peer, which is in another namespace more often than not.
fn veth(name: &str, driver: &str) -> Option<Finding> {
    (driver == "veth").then(|| {
        Finding::ill(
            Health::Warn,
            name,
            "a veth: its peer takes frames from XDP with NAPI only, and must compute its checksums itself",
            "on the peer: ethtool -K PEER gro on tx off",
        )
    })
}

fn servers(overview: &Overview) -> Vec<Finding> {
    let unknown =
        overview.servers.iter().filter(|server| server.interface.is_none() && server.state != "down");
    let finding = |server: &lb_xdp::inspect::ServerInfo| {
        let address = server.address.map(|at| at.ip().to_string()).unwrap_or_default();
        Finding::ill(
            Health::Bad,
            format!("{}/{}", server.backend, server.server),
            "its next hop is not known, so it is served in user space",
            format!(
                "look at 'ip route get {address}' and 'ip neigh'; its interface must be an 'xdp-interface'"
            ),
        )
    };
    unknown.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_a_version() {
        let rows =
            [("6.18.0-rc1+", Some((6, 18))), ("5.10.0-28-amd64", Some((5, 10))), ("", None), ("x", None)];
        for (release, expected) in rows {
            assert_eq!(version(release), expected, "{release}");
        }
        assert_eq!(kernel_version("6.1.0", version("6.1.0")).health, Health::Ok);
        assert_eq!(kernel_version("5.10.0", version("5.10.0")).health, Health::Warn);
    }

    #[test]
    fn what_is_wrong_stands_with_how_to_mend_it() {
        let findings = [Finding::ok("a", "fine"), Finding::ill(Health::Bad, "b", "broken", "mend it")];
        let expected =
            "WHAT  HEALTH  HOW IT IS\na     ok      fine\nb     bad     broken\n              -> mend it\n";
        assert_eq!(report(&findings), expected);
    }
}
