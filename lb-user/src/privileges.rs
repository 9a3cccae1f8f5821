//! Who the daemon runs as once its addresses are bound.

use anyhow::{Context as _, Result};
use caps::{CapSet, Capability, CapsHashSet};
use lb_conf::model::Global;
use nix::sys::prctl::set_keepcaps;
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

/// What the daemon still needs as an ordinary user: addresses that a reload adds, transparent ones included. What the
/// kernel plane needs its steward has.
const KEPT: [Capability; 3] =
    [Capability::CAP_NET_ADMIN, Capability::CAP_NET_BIND_SERVICE, Capability::CAP_NET_RAW];

/// The user and group to become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// None: stay.
    pub(crate) uid: Option<Uid>,
    /// None: stay.
    pub(crate) gid: Option<Gid>,
}

impl Identity {
    /// What `user`, `group`, `uid` and `gid` of the global section say.
    pub(crate) fn of(global: &Global) -> Self {
        Self { uid: global.uid.map(Uid::from_raw), gid: global.gid.map(Gid::from_raw) }
    }

    /// Becomes them, for all threads that start from now on. Of root's powers those over
    /// its own sockets are kept.
    ///
    /// # Errors
    /// The process may not change its user or group.
    pub(crate) fn assume(self) -> Result<()> {
        if let Some(gid) = self.gid {
            setgroups(&[gid]).context("setgroups")?;
            setgid(gid).with_context(|| format!("setgid {gid}"))?;
        }
        let Some(uid) = self.uid.filter(|uid| *uid != Uid::effective()) else { return Ok(()) };
        let permitted = caps::read(None, CapSet::Permitted).context("read capabilities")?;
        let kept: CapsHashSet = KEPT.into_iter().filter(|cap| permitted.contains(cap)).collect();
        set_keepcaps(true).context("prctl PR_SET_KEEPCAPS")?;
        setuid(uid).with_context(|| format!("setuid {uid}"))?;
        caps::set(None, CapSet::Effective, &kept).context("set effective capabilities")?;
        caps::set(None, CapSet::Permitted, &kept).context("set permitted capabilities")
    }
}
