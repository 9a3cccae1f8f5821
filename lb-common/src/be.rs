//! Integers in network byte order, as they stand in headers.

/// A 16-bit integer in network byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Be16([u8; 2]);

/// A 32-bit integer in network byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Be32([u8; 4]);

impl Be16 {
    /// From a value in the host's order.
    #[inline(always)]
    pub const fn new(value: u16) -> Self {
        Self(value.to_be_bytes())
    }

    /// From the octets of a packet.
    #[inline(always)]
    pub const fn from_octets(octets: [u8; 2]) -> Self {
        Self(octets)
    }

    /// The value in the host's order.
    #[inline(always)]
    pub const fn get(self) -> u16 {
        u16::from_be_bytes(self.0)
    }

    /// The octets for a packet.
    #[inline(always)]
    pub const fn octets(self) -> [u8; 2] {
        self.0
    }

    /// The word as checksums sum it: one's complement sums do not care for byte order as long as all words share it.
    #[inline(always)]
    pub const fn raw(self) -> u16 {
        u16::from_le_bytes(self.0)
    }
}

impl Be32 {
    /// From a value in the host's order.
    #[inline(always)]
    pub const fn new(value: u32) -> Self {
        Self(value.to_be_bytes())
    }

    /// From the octets of a packet.
    #[inline(always)]
    pub const fn from_octets(octets: [u8; 4]) -> Self {
        Self(octets)
    }

    /// The value in the host's order.
    #[inline(always)]
    pub const fn get(self) -> u32 {
        u32::from_be_bytes(self.0)
    }

    /// The octets for a packet.
    #[inline(always)]
    pub const fn octets(self) -> [u8; 4] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_in_network_order() {
        assert_eq!(Be16::new(0x1234).octets(), [0x12, 0x34]);
        assert_eq!(Be16::from_octets([0x12, 0x34]).get(), 0x1234);
        assert_eq!(Be32::new(0x0102_0304).octets(), [1, 2, 3, 4]);
        assert_eq!(Be32::from_octets([1, 2, 3, 4]).get(), 0x0102_0304);
        assert_eq!(Be16::new(0x1234).raw(), 0x3412);
    }
}
