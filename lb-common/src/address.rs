//! The two address families that the packet path is generic over.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::hash;

/// An IPv4 address as it stands in a packet. A plain array, so that `bpftool` prints `[10,0,0,1]`.
pub type V4 = [u8; 4];
/// An IPv6 address as it stands in a packet.
pub type V6 = [u8; 16];
/// An address of either family: an IPv4 one in the first four octets and zeros after them.
pub type Wide = [u8; 16];

/// The family of an address, where a struct holds a [`Wide`] one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Family {
    /// The entry is unused.
    #[default]
    None = 0,
    /// IPv4.
    V4 = 4,
    /// IPv6.
    V6 = 6,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::V4 {}
    impl Sealed for super::V6 {}
}

/// [`V4`] or [`V6`].
pub trait Address: sealed::Sealed + Copy + Eq + core::hash::Hash + core::fmt::Debug + 'static {
    /// Which family this is.
    const FAMILY: Family;
    /// The unspecified address.
    const ZERO: Self;
    /// The address as it stands in a [`Wide`] one.
    fn from_wide(wide: &Wide) -> Self;
    /// The same address in the width that holds both families.
    fn to_wide(self) -> Wide;
    /// Hashes the address with `seed`.
    fn hash(self, seed: u32) -> u32;
    /// The address's 32-bit words in the host's order, exclusive-or-ed into one.
    fn fold(self) -> u32;
    /// The one's complement sum of the address's 16-bit words, not folded.
    fn sum(&self) -> u32;
    /// Whether it stands for nothing but itself: IPv6 addresses that have an IPv4 one in them match lists of both families.
    fn is_plain(&self) -> bool;
}

impl Address for V4 {
    const FAMILY: Family = Family::V4;
    const ZERO: Self = [0; 4];

    #[inline(always)]
    fn from_wide(wide: &Wide) -> Self {
        [wide[0], wide[1], wide[2], wide[3]]
    }

    #[inline(always)]
    fn to_wide(self) -> Wide {
        let [a, b, c, d] = self;
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    #[inline(always)]
    fn hash(self, seed: u32) -> u32 {
        hash::words3(u32::from_le_bytes(self), 0, 0, seed)
    }

    #[inline(always)]
    fn fold(self) -> u32 {
        u32::from_be_bytes(self)
    }

    #[inline(always)]
    fn sum(&self) -> u32 {
        word_sum(u32::from_le_bytes(*self))
    }

    #[inline(always)]
    fn is_plain(&self) -> bool {
        true
    }
}

impl Address for V6 {
    const FAMILY: Family = Family::V6;
    const ZERO: Self = [0; 16];

    #[inline(always)]
    fn from_wide(wide: &Wide) -> Self {
        *wide
    }

    #[inline(always)]
    fn to_wide(self) -> Wide {
        self
    }

    #[inline(always)]
    fn hash(self, seed: u32) -> u32 {
        let [a, b, c, d] = words(self);
        hash::words3(a, b, c, hash::words3(d, 0, 0, seed))
    }

    #[inline(always)]
    fn fold(self) -> u32 {
        let [a, b, c, d] = words(self);
        (a ^ b ^ c ^ d).swap_bytes()
    }

    #[inline(always)]
    fn is_plain(&self) -> bool {
        // 2002::/16 is 6to4; ::a.b.c.d and ::ffff:a.b.c.d begin with 64 zero bits, as nothing else does.
        let [a, b, _, _] = words(*self);
        a as u16 != 0x0220 && (a | b) != 0
    }

    // Not inlined: the words of several addresses would fill the kernel's short stack, and this is wanted only when a
    // flow opens.
    #[inline(never)]
    fn sum(&self) -> u32 {
        let [a, b, c, d] = words(*self);
        // Eight 16-bit words at most: far from overflowing.
        word_sum(a) + word_sum(b) + word_sum(c) + word_sum(d)
    }
}

#[inline(always)]
fn words(address: V6) -> [u32; 4] {
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = address;
    [
        u32::from_le_bytes([a0, a1, a2, a3]),
        u32::from_le_bytes([b0, b1, b2, b3]),
        u32::from_le_bytes([c0, c1, c2, c3]),
        u32::from_le_bytes([d0, d1, d2, d3]),
    ]
}

#[inline(always)]
fn word_sum(word: u32) -> u32 {
    (word & 0xffff) + (word >> 16)
}

/// The standard library's address in the width that holds both families.
pub fn to_wide(address: IpAddr) -> (Family, Wide) {
    match address {
        IpAddr::V4(v4) => (Family::V4, v4.octets().to_wide()),
        IpAddr::V6(v6) => (Family::V6, v6.octets()),
    }
}

/// The standard library's address of a [`Wide`] one; none if the entry is unused.
pub fn from_wide(family: Family, wide: &Wide) -> Option<IpAddr> {
    match family {
        Family::None => None,
        Family::V4 => Some(IpAddr::V4(Ipv4Addr::from(V4::from_wide(wide)))),
        Family::V6 => Some(IpAddr::V6(Ipv6Addr::from(*wide))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_addresses_survive_the_round_trip() {
        for text in ["192.0.2.7", "0.0.0.0", "2001:db8::1", "::"] {
            let address: IpAddr = text.parse().unwrap();
            let (family, wide) = to_wide(address);
            assert_eq!(from_wide(family, &wide), Some(address));
        }
        assert_eq!(from_wide(Family::None, &[0; 16]), None);
    }
}
