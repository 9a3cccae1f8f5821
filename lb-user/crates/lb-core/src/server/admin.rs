//! What operators, agents and the configuration want of a server.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// Reasons for maintenance and drain, any number at a time; the bits are those of `show servers state`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Admin(u8);

impl Admin {
    /// Maintenance ordered at the runtime socket or by an agent.
    pub const FORCED_MAINT: Self = Self(0x01);
    /// Maintenance of the server that this one tracks.
    pub const INHERITED_MAINT: Self = Self(0x02);
    /// `disabled` in the configuration.
    pub const CONFIG_MAINT: Self = Self(0x04);
    /// Drain ordered at the runtime socket or by an agent.
    pub const FORCED_DRAIN: Self = Self(0x08);
    /// Drain of the server that this one tracks.
    pub const INHERITED_DRAIN: Self = Self(0x10);
    /// Maintenance because its name resolves to no address.
    pub const RESOLUTION_MAINT: Self = Self(0x20);
    /// Any maintenance.
    pub const MAINT: Self = Self(0x27);
    /// Any drain.
    pub const DRAIN: Self = Self(0x18);

    /// What these bits of a file mean, as far as they mean anything here; None if they contradict each other.
    pub fn from_bits(bits: u8) -> Option<Self> {
        let known = Self(bits & (Self::MAINT.0 | Self::DRAIN.0));
        let both = known.any(Self::FORCED_MAINT) && known.any(Self::FORCED_DRAIN);
        (!both).then_some(known)
    }

    /// The bits as `show servers state` prints them.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether any of the reasons of `other` is here.
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Without the reasons of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the server is in maintenance.
    pub fn maint(self) -> bool {
        self.any(Self::MAINT)
    }

    /// Whether the server is draining: maintenance is stronger.
    pub fn drain(self) -> bool {
        self.any(Self::DRAIN) && !self.maint()
    }
}

impl BitOr for Admin {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Admin {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admin({:#04x})", self.0)
    }
}
