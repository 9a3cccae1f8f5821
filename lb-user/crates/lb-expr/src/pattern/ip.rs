//! Sets of networks: binary prefix trees, one for each family.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::parse::{Network, as_ipv4, network};
use super::store::Entry;

/// Networks of both families.
pub(crate) struct IpSet {
    v4: PrefixTree,
    v6: PrefixTree,
    /// Masks whose ones are not all in front: rare, and looked at one by one.
    masks: Vec<(Ipv4Addr, Ipv4Addr, u32)>,
}

impl IpSet {
    pub(crate) fn compile(entries: &[Entry]) -> Result<Self, (usize, String)> {
        let mut set = Self { v4: PrefixTree::new(), v6: PrefixTree::new(), masks: Vec::new() };
        for (i, entry) in entries.iter().enumerate() {
            let not_one = || (i, format!("`{}` is not an IPv4 or IPv6 address or network", entry.pattern));
            match network(&entry.pattern).ok_or_else(not_one)? {
                Network::V4(n) => set.v4.insert(key4(n.addr()), n.prefix_len(), i as u32),
                Network::V6(n) => set.v6.insert(u128::from(n.addr()), n.prefix_len(), i as u32),
                Network::V4Mask(a, m) => set.masks.push((a, m, i as u32)),
            }
        }
        Ok(set)
    }

    pub(crate) fn have_prefixes(&self) -> bool {
        self.masks.is_empty()
    }

    /// The networks as prefixes, in order. None: there is a mask that is none.
    pub(crate) fn prefixes(&self) -> Option<Vec<(IpAddr, u8)>> {
        let v4 = |(key, bits)| (IpAddr::V4(Ipv4Addr::from((key >> 96) as u32)), bits);
        let v6 = |(key, bits)| (IpAddr::V6(Ipv6Addr::from(key)), bits);
        let mut prefixes: Vec<_> = self.v4.networks().map(v4).chain(self.v6.networks().map(v6)).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        self.masks.is_empty().then_some(prefixes)
    }

    /// The finest network that has the address.
    pub(crate) fn find(&self, ip: IpAddr) -> Option<u32> {
        let v6 = match ip {
            IpAddr::V4(a) => u128::from(a.to_ipv6_mapped()),
            IpAddr::V6(a) => u128::from(a),
        };
        let by_v4 = || {
            let a = as_ipv4(ip)?;
            self.v4.find(key4(a)).or_else(|| self.by_mask(a))
        };
        // The address's own family goes first.
        match ip {
            IpAddr::V4(_) => by_v4().or_else(|| self.v6.find(v6)),
            IpAddr::V6(_) => self.v6.find(v6).or_else(by_v4),
        }
    }

    fn by_mask(&self, ip: Ipv4Addr) -> Option<u32> {
        self.masks.iter().find(|(a, m, _)| (ip & *m) == (*a & *m)).map(|(.., entry)| *entry)
    }
}

fn key4(ip: Ipv4Addr) -> u128 {
    u128::from(u32::from(ip)) << 96
}

/// A path-compressed binary tree over bit strings of up to 128 bits.
struct PrefixTree {
    nodes: Vec<Node>,
    root: u32,
}

struct Node {
    key: u128,
    bits: u8,
    entry: u32,
    children: [u32; 2],
}

/// No node, no entry.
const NONE: u32 = u32::MAX;

impl PrefixTree {
    fn new() -> Self {
        Self { nodes: Vec::new(), root: NONE }
    }

    fn insert(&mut self, key: u128, bits: u8, entry: u32) {
        let new = self.push(key, bits, entry);
        let mut parent: Option<(u32, usize)> = None;
        let mut at = self.root;
        loop {
            let Some(node) = self.nodes.get(at as usize).filter(|_| at != NONE) else {
                return self.link(parent, new);
            };
            let common = common_bits(node.key, key).min(node.bits).min(bits);
            if common == node.bits && common == bits {
                return self.fill(at, entry);
            }
            if common == node.bits {
                let side = bit(key, common);
                parent = Some((at, side));
                at = node.children[side];
                continue;
            }
            let node_side = bit(node.key, common);
            let top = match common == bits {
                true => new,
                false => self.push(key & mask(common), common, NONE),
            };
            self.nodes[top as usize].children[node_side] = at;
            if top != new {
                self.nodes[top as usize].children[1 - node_side] = new;
            }
            return self.link(parent, top);
        }
    }

    fn push(&mut self, key: u128, bits: u8, entry: u32) -> u32 {
        self.nodes.push(Node { key, bits, entry, children: [NONE; 2] });
        (self.nodes.len() - 1) as u32
    }

    fn link(&mut self, parent: Option<(u32, usize)>, node: u32) {
        match parent {
            Some((at, side)) => self.nodes[at as usize].children[side] = node,
            None => self.root = node,
        }
    }

    /// Gives an inner node an entry of its own; the first one of a network stays.
    fn fill(&mut self, at: u32, entry: u32) {
        let node = &mut self.nodes[at as usize];
        if node.entry == NONE {
            node.entry = entry;
        }
    }

    fn networks(&self) -> impl Iterator<Item = (u128, u8)> {
        // A network that was given twice has a node that leads nowhere.
        let nodes = self.nodes.iter().filter(|node| node.entry != NONE);
        nodes.map(|node| (node.key, node.bits))
    }

    fn find(&self, key: u128) -> Option<u32> {
        let mut best = None;
        let mut at = self.root;
        while let Some(node) = self.nodes.get(at as usize) {
            if (key ^ node.key) & mask(node.bits) != 0 {
                break;
            }
            if node.entry != NONE {
                best = Some(node.entry);
            }
            if node.bits == 128 {
                break;
            }
            at = node.children[bit(key, node.bits)];
        }
        best
    }
}

fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

/// The bit behind the first `at`.
fn bit(key: u128, at: u8) -> usize {
    usize::from(at < 128 && key & (1 << (127 - at.min(127))) != 0)
}

fn common_bits(a: u128, b: u128) -> u8 {
    (a ^ b).leading_zeros() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(patterns: &[&str]) -> IpSet {
        IpSet::compile(&patterns.iter().map(|p| Entry::new(p, false)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_finest_network_wins() {
        let set = set(&["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32", "::1"]);
        let find = |ip: &str| set.find(ip.parse().unwrap());
        assert_eq!(find("10.2.0.1"), Some(0));
        assert_eq!(find("10.1.9.9"), Some(1));
        assert_eq!(find("10.1.2.3"), Some(2));
        assert_eq!(find("8.8.8.8"), Some(3));
        assert_eq!(find("2001:db8::5"), Some(4));
        assert_eq!(find("::1"), Some(5));
        assert_eq!(find("2001:db9::5"), None);
    }

    #[test]
    fn families_meet_as_the_manual_says() {
        let v4 = set(&["127.0.0.1"]);
        for ip in ["::ffff:127.0.0.1", "2002:7f00:1::", "::127.0.0.1"] {
            assert_eq!(v4.find(ip.parse().unwrap()), Some(0), "{ip}");
        }
        assert_eq!(v4.find("::1".parse().unwrap()), None);
        let v6 = set(&["::ffff:0:0/96"]);
        assert_eq!(v6.find("127.0.0.1".parse().unwrap()), Some(0));
    }

    proptest! {
        #[test]
        fn agrees_with_looking_at_each(
            nets in prop::collection::vec((any::<u32>(), 0u8..=32), 0..40),
            ips in prop::collection::vec(any::<u32>(), 20),
        ) {
            // Few high bits, so that networks nest.
            let nets: Vec<(u32, u8)> = nets.into_iter().map(|(a, b)| (a & 0xf00f_0003, b)).collect();
            let texts: Vec<String> =
                nets.iter().map(|(a, b)| format!("{}/{b}", Ipv4Addr::from(*a))).collect();
            let set = set(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            for ip in ips {
                let ip = ip & 0xf00f_0003;
                let holds = |(a, b): &(u32, u8)| (a ^ ip).checked_shr(32 - u32::from(*b)).unwrap_or(0) == 0;
                let best = nets.iter().enumerate().filter(|(_, n)| holds(n))
                    .max_by_key(|(i, n)| (n.1, usize::MAX - i)).map(|(i, _)| i as u32);
                prop_assert_eq!(set.find(Ipv4Addr::from(ip).into()), best);
            }
        }
    }
}
