//! The program on the interfaces: pinned links, in the driver or in the stack.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use lb_conf::model::XdpMode;
use serde::{Deserialize, Serialize};

use crate::neigh::{IfIndex, LinkXdp};
use crate::pins::Pins;
use crate::sys::{self, BpfError, XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Hook {
    /// In the driver.
    Native,
    /// In the stack, on socket buffers.
    Generic,
}

impl Hook {
    /// Whether it is what the configuration wants.
    pub fn suits(self, mode: XdpMode) -> bool {
        match mode {
            XdpMode::Native => self == Self::Native,
            XdpMode::Generic => self == Self::Generic,
            XdpMode::Auto => true,
        }
    }

    fn flags(self) -> u32 {
        match self {
            Self::Native => XDP_FLAGS_DRV_MODE,
            Self::Generic => XDP_FLAGS_SKB_MODE,
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

/// Why the program is not on an interface.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// Somebody else's program is there.
    #[error(
        "{interface}: its XDP hook is taken by program {program}; detach that \
         ('bpftool net detach xdp dev {interface}', or remove its pinned link) or name another interface"
    )]
    Taken {
        /// The interface.
        interface: String,
        /// The program's id, 0 if it is not known.
        program: u32,
    },
    /// The driver cannot.
    #[error(
        "{interface}: its driver cannot run XDP ({reason}); 'xdp-interface {interface} generic' would do"
    )]
    NoNative {
        /// The interface.
        interface: String,
        /// What the kernel says.
        reason: String,
    },
    /// Something else.
    #[error("{interface}: {source}")]
    Failed {
        /// The interface.
        interface: String,
        /// The system call.
        #[source]
        source: BpfError,
    },
    /// The link cannot be pinned or unpinned.
    #[error("{interface}: {source}")]
    Pin {
        /// The interface.
        interface: String,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
}

/// An interface as netlink knows it.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its index.
    pub index: IfIndex,
    /// The program on it.
    pub xdp: Option<LinkXdp>,
}

/// The program on an interface.
#[derive(Debug)]
pub struct Attachment {
    /// The interface's index.
    pub index: IfIndex,
    /// How.
    pub hook: Hook,
    /// Why it is not in the driver although it was to be if possible.
    pub fallback: Option<String>,
    /// The link of the daemon before was taken over.
    pub adopted: bool,
    _link: OwnedFd,
}

/// Puts the program on an interface: on the link that is pinned there, with no packet in between that meets none, or on
/// a new one.
///
/// # Errors
///
/// The hook is taken, the driver cannot, or a system call fails.
pub fn attach(
    pins: &Pins,
    program: BorrowedFd<'_>,
    interface: Interface<'_>,
    mode: XdpMode,
) -> Result<Attachment, AttachError> {
    if let Some(adopted) = adopt(pins, program, interface, mode)? {
        return Ok(adopted);
    }
    let (link, hook, fallback) = attach_anew(program, interface, mode)?;
    sys::pin(link.as_fd(), &pins.link(interface.name)).map_err(|e| failed(interface, e))?;
    Ok(Attachment { index: interface.index, hook, fallback, adopted: false, _link: link })
}

/// Takes over the pinned link, if it still joins this interface, in a mode that will do.
fn adopt(
    pins: &Pins,
    program: BorrowedFd<'_>,
    interface: Interface<'_>,
    mode: XdpMode,
) -> Result<Option<Attachment>, AttachError> {
    let path = pins.link(interface.name);
    let Ok(link) = sys::open_pinned(&path) else { return Ok(None) };
    let hook = match interface.xdp {
        Some(LinkXdp { native: false, .. }) => Hook::Generic,
        _ => Hook::Native,
    };
    let info = sys::xdp_link_info(link.as_fd()).map_err(|e| failed(interface, e))?;
    if hook.suits(mode) && info.is_some_and(|info| info.ifindex == interface.index) {
        sys::update_link(link.as_fd(), program).map_err(|e| failed(interface, e))?;
        let index = interface.index;
        return Ok(Some(Attachment { index, hook, fallback: None, adopted: true, _link: link }));
    }
    detach(pins, interface.name)?;
    Ok(None)
}

fn attach_anew(
    program: BorrowedFd<'_>,
    interface: Interface<'_>,
    mode: XdpMode,
) -> Result<(OwnedFd, Hook, Option<String>), AttachError> {
    let try_hook = |hook: Hook| sys::attach_xdp(program, interface.index, hook.flags());
    let explain = |hook, error| explain(interface, hook, error);
    match mode {
        XdpMode::Native => {
            try_hook(Hook::Native).map(|l| (l, Hook::Native, None)).map_err(|e| explain(Hook::Native, e))
        }
        XdpMode::Generic => {
            try_hook(Hook::Generic).map(|l| (l, Hook::Generic, None)).map_err(|e| explain(Hook::Generic, e))
        }
        XdpMode::Auto => match try_hook(Hook::Native) {
            Ok(link) => Ok((link, Hook::Native, None)),
            Err(e) if is_taken(&e) => Err(explain(Hook::Native, e)),
            Err(native) => match try_hook(Hook::Generic) {
                Ok(link) => Ok((link, Hook::Generic, Some(reason(&native)))),
                Err(e) => Err(explain(Hook::Generic, e)),
            },
        },
    }
}

/// Takes the program off an interface; none is there any more is as well.
///
/// # Errors
///
/// The pin cannot be removed.
pub fn detach(pins: &Pins, interface: &str) -> Result<(), AttachError> {
    pins.detach(interface).map_err(|source| AttachError::Pin { interface: interface.into(), source })
}

fn is_taken(error: &BpfError) -> bool {
    matches!(error.errno(), libc::EBUSY | libc::EEXIST)
}

fn explain(interface: Interface<'_>, hook: Hook, error: BpfError) -> AttachError {
    let name = || interface.name.to_owned();
    if is_taken(&error) {
        return AttachError::Taken { interface: name(), program: interface.xdp.map_or(0, |xdp| xdp.program) };
    }
    match hook {
        Hook::Native => AttachError::NoNative { interface: name(), reason: reason(&error) },
        Hook::Generic => failed(interface, error),
    }
}

fn failed(interface: Interface<'_>, source: BpfError) -> AttachError {
    AttachError::Failed { interface: interface.name.into(), source }
}

/// What usually lies behind an error of attaching in the driver.
fn reason(error: &BpfError) -> String {
    match error.errno() {
        libc::EOPNOTSUPP => "it does not support it".into(),
        libc::EINVAL | libc::ERANGE | libc::E2BIG => {
            "it refuses, as drivers do when the MTU is too large or offloads like LRO are on".into()
        }
        libc::ENOSPC => {
            "it has too few queues: a veth needs as many receive queues as its peer has transmit queues"
                .into()
        }
        _ => error.source.to_string(),
    }
}
