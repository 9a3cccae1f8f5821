//! A hash of three words, short enough to be inlined into the packet path.

/// An arbitrary start that keeps all-zero input from hashing to zero.
const START: u32 = 0xdead_beef + 12;

/// Bob Jenkins' final mix of `lookup3` over three words: every input bit reaches every output bit.
#[inline(always)]
pub const fn words3(a: u32, b: u32, c: u32, seed: u32) -> u32 {
    let start = START.wrapping_add(seed);
    let (mut a, mut b, mut c) = (start.wrapping_add(a), start.wrapping_add(b), start.wrapping_add(c));
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// Maps a hash to `0..n` evenly without a division; 0 if `n` is 0.
#[inline(always)]
pub const fn scale(hash: u32, n: u32) -> u32 {
    ((hash as u64 * n as u64) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_inputs_spread_evenly() {
        let mut buckets = [0_u32; 16];
        for i in 0..16_000 {
            buckets[scale(words3(i, 0, 0, 1), 16) as usize] += 1;
        }
        for count in buckets {
            assert!((850..1150).contains(&count), "{buckets:?}");
        }
    }

    #[test]
    fn scale_stays_in_range() {
        assert_eq!(scale(u32::MAX, 10), 9);
        assert_eq!(scale(0, 10), 0);
        assert_eq!(scale(u32::MAX, 0), 0);
    }
}
