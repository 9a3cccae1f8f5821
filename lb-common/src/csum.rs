//! Internet checksums, changed incrementally (RFC 1624).
//!
//! A flow's rewrite always adds the same words and takes the same away, so what it does to a checksum is one 16-bit
//! number that is computed when the flow opens; a packet then costs one addition.

/// Folds a sum of 16-bit words into 16 bits, carries included.
#[inline(always)]
pub const fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// What replacing words that sum to `old` by words that sum to `new` adds to a sum. The two need not be folded.
#[inline(always)]
pub const fn delta(old: u32, new: u32) -> u16 {
    // In one's complement, subtracting is adding the complement.
    fold(!fold(old) as u32 + fold(new) as u32)
}

/// The checksum after a change worth `delta`. Words are taken as little-endian throughout: the sum does not care.
/// Of the two zeros the result is the one that a sender would have computed (RFC 1624, section 3).
#[inline(always)]
pub const fn apply(checksum: u16, delta: u16) -> u16 {
    !fold(!checksum as u32 + delta as u32)
}

/// Adds up `bytes` as 16-bit words, an odd last byte padded with zero, without folding.
pub fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]) as u32).sum()
}

/// The checksum over `bytes`, whose checksum field is zero, with `pseudo` (a pseudo header's sum) added.
pub fn full(bytes: &[u8], pseudo: u32) -> u16 {
    // Folding each part first keeps the additions of 64 KiB of data far from overflowing.
    !fold(fold(sum(bytes)) as u32 + fold(pseudo) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Checksums that mean the same: one's complement has two zeros.
    fn same(a: u16, b: u16) -> bool {
        a == b || (a == 0 && b == 0xffff) || (a == 0xffff && b == 0)
    }

    proptest! {
        #[test]
        fn incremental_equals_recomputed(
            mut data in proptest::collection::vec(any::<u8>(), 8..200),
            replacement in any::<[u8; 4]>(),
            at in 0_usize..100,
        ) {
            let at = (at % (data.len() - 4)) & !1;
            let before = full(&data, 0);
            let old = sum(&data[at..at + 4]);
            data[at..at + 4].copy_from_slice(&replacement);
            let after = apply(before, delta(old, sum(&replacement)));
            prop_assert!(same(after, full(&data, 0)), "{after:#x} {:#x}", full(&data, 0));
        }

        #[test]
        fn deltas_add_up(a in any::<u32>(), b in any::<u32>(), checksum in any::<u16>()) {
            let there = apply(checksum, delta(a, b));
            prop_assert!(same(apply(there, delta(b, a)), checksum));
        }
    }

    #[test]
    fn the_example_of_rfc_1624_section_4() {
        // Big-endian values there; the arithmetic is the same in either order.
        assert_eq!(apply(0xdd2f, delta(0x5555, 0x3285)), 0x0000);
    }

    #[test]
    fn a_known_header() {
        let header =
            [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert_eq!(full(&header, 0).to_le_bytes(), [0xb8, 0x61]);
    }
}
