//! What the programs that measure the decision share with who runs them.

/// Eight-byte words of a frame that are put back before each run: an Ethernet, an IPv6 and most of a TCP header.
pub const FRAME_WORDS: usize = 10;

/// Value of the map `TEMPLATE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Template {
    /// The frame's beginning.
    pub frame: [u64; FRAME_WORDS],
    /// Packets so far.
    pub next: u64,
    /// What a packet's number is multiplied by to choose its client: 1 takes them in their order, a large odd number
    /// leaps about, so that no cache foresees the next.
    pub stride: u64,
    /// Number of clients, a power of two, less one.
    pub mask: u64,
}

const _: () = assert!(size_of::<Template>() == 104);

impl Template {
    /// The number of the next packet's client.
    #[inline(always)]
    pub fn next_client(&mut self) -> u64 {
        let client = self.next.wrapping_mul(self.stride) & self.mask;
        self.next = self.next.wrapping_add(1);
        client
    }
}

// SAFETY: the struct is `repr(C)`, `Copy`, without padding and without pointers.
#[cfg(feature = "aya")]
unsafe impl aya::Pod for Template {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_its_turn() {
        for stride in [1, 0x9e37_79b9_7f4a_7c15] {
            let mut template = Template { stride, mask: 255, ..Template::default() };
            let clients: std::collections::BTreeSet<_> = (0..256).map(|_| template.next_client()).collect();
            assert_eq!(clients.len(), 256);
        }
    }
}
