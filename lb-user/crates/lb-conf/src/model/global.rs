//! The `global` section.

use std::path::PathBuf;

/// Process-wide settings (configuration.txt, section 3).
#[derive(Clone, Debug, Default)]
pub struct Global {
    /// `maxconn`: connections of all frontends together; beyond it they wait in the listen queue.
    pub maxconn: Option<u32>,
    /// `nbthread`: worker threads of the user plane; one per core where absent.
    pub nbthread: Option<u32>,
    /// `xdp-interface`: where the kernel plane attaches. None: everything is served in user space.
    pub xdp_interfaces: Vec<XdpInterface>,
    /// `xdp-pin-path DIR`: where maps and links are pinned, `/sys/fs/bpf/lbx` where absent. Two daemons on one machine,
    /// in different network namespaces, must not adopt each other's.
    pub xdp_pin_path: Option<PathBuf>,
}

/// `xdp-interface NAME [native|generic|auto]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpInterface {
    /// The interface's name.
    pub name: String,
    /// How to attach.
    pub mode: XdpMode,
}

/// How an XDP program is attached (if_link.h, `XDP_FLAGS_DRV_MODE` and `XDP_FLAGS_SKB_MODE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver.
    Native,
    /// In the stack, on socket buffers.
    Generic,
    /// In the driver where it can, else in the stack.
    #[default]
    Auto,
}
