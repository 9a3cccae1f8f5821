//! The smallest XDP program, `return XDP_PASS`. veth wants one on the peer of a device that transmits from XDP:
//! without it, frames stay parked in the peer's ring until ordinary traffic wakes it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::netns::Netns;

/// `enum bpf_cmd` (linux/bpf.h).
const BPF_PROG_LOAD: libc::c_long = 5;
/// `enum bpf_cmd` (linux/bpf.h).
const BPF_LINK_CREATE: libc::c_long = 28;
/// `enum bpf_prog_type` (linux/bpf.h).
const BPF_PROG_TYPE_XDP: u32 = 6;
/// `enum bpf_attach_type` (linux/bpf.h).
const BPF_XDP: u32 = 37;
/// `mov r0, 2 (XDP_PASS)`; `exit`.
const PROGRAM: [u64; 2] = [0x0000_0002_0000_00b7, 0x95];

/// The beginning of `union bpf_attr` for `BPF_PROG_LOAD`; the kernel takes what follows as zero.
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
}

/// The beginning of `union bpf_attr` for `BPF_LINK_CREATE`.
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// The program on one device; dropping it takes it off.
#[derive(Debug)]
pub struct XdpPass {
    _link: OwnedFd,
}

/// Loads the program without attaching it.
pub fn load() -> io::Result<OwnedFd> {
    let license = c"GPL";
    let attr = ProgLoad {
        prog_type: BPF_PROG_TYPE_XDP,
        insn_cnt: 2,
        insns: PROGRAM.as_ptr() as u64,
        license: license.as_ptr() as u64,
    };
    bpf(BPF_PROG_LOAD, &attr)
}

/// Attaches the program to `device` in `netns`, in the driver.
pub fn attach(netns: &Netns, device: &str) -> anyhow::Result<XdpPass> {
    let program = load()?;
    let name = CString::new(device)?;
    let link = netns.run(|| {
        // SAFETY: `name` is a string that ends with a zero byte and outlives the call.
        let ifindex = unsafe { libc::if_nametoindex(name.as_ptr()) };
        let attr = LinkCreate {
            prog_fd: program.as_raw_fd().cast_unsigned(),
            target_ifindex: ifindex,
            attach_type: BPF_XDP,
            flags: 0,
        };
        bpf(BPF_LINK_CREATE, &attr)
    })??;
    Ok(XdpPass { _link: link })
}

fn bpf<T>(command: libc::c_long, attr: &T) -> io::Result<OwnedFd> {
    // SAFETY: `attr` is valid for reads of the length given, holds pointers that are valid during the call, and has
    // the layout that the kernel expects for `command`.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), size_of::<T>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
