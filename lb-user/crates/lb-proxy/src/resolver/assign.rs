//! Which server of a name gets which of its addresses.

use std::net::IpAddr;

use lb_conf::model::Lookup;

/// The address of each server, given those that they have and those that the name has. A server keeps its address as
/// long as the name has it. None: there are fewer addresses than servers, and none may be shared.
pub(super) fn assign(current: &[Option<IpAddr>], found: &[IpAddr], lookup: &Lookup) -> Vec<Option<IpAddr>> {
    let mut candidates = found.to_vec();
    candidates.sort_by_key(|ip| {
        let near = lookup.networks.iter().any(|network| network.contains(ip));
        (!near, ip.is_ipv4() != lookup.prefer_v4, *ip)
    });
    let mut given: Vec<Option<IpAddr>> = Vec::with_capacity(current.len());
    for (at, own) in current.iter().enumerate() {
        let before = current.get(..at).unwrap_or_default();
        let twice = !lookup.allow_duplicates && before.contains(own);
        given.push(own.filter(|ip| found.contains(ip) && !twice));
    }
    for at in 0..given.len() {
        if given.get(at).is_some_and(Option::is_none) {
            let free = |ip: &&IpAddr| lookup.allow_duplicates || !given.contains(&Some(**ip));
            let next = candidates.iter().find(free).copied();
            given.iter_mut().skip(at).take(1).for_each(|slot| *slot = next);
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_keep_their_addresses_and_share_none() {
        let lookup = |allow_duplicates, networks: &[&str]| Lookup {
            resolvers: 0,
            prefer_v4: true,
            allow_duplicates,
            networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
        };
        let ips = |list: &[&str]| list.iter().map(|ip| ip.parse::<IpAddr>().unwrap()).collect::<Vec<_>>();
        let (alone, shared) = (lookup(false, &[]), lookup(true, &[]));
        let (a, b, c) = ("10.0.0.1", "10.0.0.2", "10.0.0.3");
        let some = |list: &[&str]| ips(list).into_iter().map(Some).collect::<Vec<_>>();
        assert_eq!(assign(&[None, None], &ips(&[a, b]), &alone), some(&[a, b]));
        assert_eq!(assign(&some(&[b, a]), &ips(&[a, b, c]), &alone), some(&[b, a]));
        assert_eq!(assign(&some(&[b, a]), &ips(&[a, c]), &alone), some(&[c, a]));
        assert_eq!(assign(&some(&[a, a]), &ips(&[a]), &alone), vec![Some(a.parse().unwrap()), None]);
        assert_eq!(assign(&some(&[a, a]), &ips(&[a]), &shared), some(&[a, a]));
        assert_eq!(assign(&[None], &ips(&["::1", a]), &alone), some(&[a]));
        assert_eq!(assign(&[None], &ips(&[a, b]), &lookup(false, &["10.0.0.2/32"])), some(&[b]));
    }
}
