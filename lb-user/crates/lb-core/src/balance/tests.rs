use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use lb_conf::model::{self, Algorithm, HashKind, HashType, Mode};
use proptest::prelude::*;

use super::*;
use crate::change::{AdminState, ServerChange};
use crate::fixture::{Fixture, backend, server};

fn weighted(algorithm: Algorithm, weights: &[u32]) -> model::Backend {
    let servers = weights.iter().zip(1..).map(|(&weight, port)| {
        let name = format!("{port:02}");
        model::Server { weight, ..server(&name, port) }
    });
    model::Backend { algorithm, ..backend("b", servers.collect()) }
}

fn consistent(backend: model::Backend) -> model::Backend {
    model::Backend { hash_type: HashType::of(HashKind::Consistent), ..backend }
}

// By the table that the kernel plane has too.
fn shared(mut backend: model::Backend) -> model::Backend {
    backend.proxy.mode = Mode::Tcp;
    consistent(backend)
}

fn pick(fixture: &Fixture, input: &PickInput<'_>) -> Pick {
    fixture.runtime.load().backends[0].pick(input)
}

fn input(n: u32) -> PickInput<'static> {
    PickInput { random: n, ..PickInput::client(Tick::ZERO, IpAddr::V4(Ipv4Addr::from(n))) }
}

// The name of the chosen server, whose place is given back at once.
fn name(pick: Pick) -> String {
    match pick {
        Pick::Server(lease) => lease.config.name.to_string(),
        Pick::Full(server) => format!("full {}", server.config.name),
        Pick::AllFull => "all full".into(),
        Pick::None => "none".into(),
    }
}

fn names(fixture: &Fixture, n: u32) -> Vec<String> {
    (0..n).map(|n| name(pick(fixture, &input(n)))).collect()
}

#[test]
fn turns_are_haproxys() {
    let order = |algorithm, n| names(&Fixture::new(weighted(algorithm, &[1, 1, 2])), n).join(" ");
    assert_eq!(order(Algorithm::RoundRobin, 8), "03 01 03 02 03 01 03 02");
    assert_eq!(order(Algorithm::StaticRr, 8), "01 03 02 03 01 03 02 03");
}

#[test]
fn leastconn_follows_load_and_weight() {
    let fixture = Fixture::new(weighted(Algorithm::LeastConn, &[1, 1, 2]));
    let leases: Vec<_> = (0..40).map(|n| pick(&fixture, &input(n))).collect();
    let active = |name| fixture.server(name).active();
    assert_eq!((active("01"), active("02"), active("03")), (10, 10, 20));
    drop(leases);
    // Idle servers take turns.
    let seen: std::collections::BTreeSet<_> = names(&fixture, 6).into_iter().collect();
    assert_eq!(seen.len(), 3);
}

#[test]
fn first_fills_one_server_after_the_other() {
    let mut config = weighted(Algorithm::First, &[1, 1]);
    config.servers = config
        .servers
        .iter()
        .map(|s| Arc::new(model::Server { maxconn: Some(2), ..(**s).clone() }))
        .collect();
    let fixture = Fixture::new(config);
    let mut leases = Vec::new();
    let mut order = Vec::new();
    for n in 0..5 {
        let pick = pick(&fixture, &input(n));
        order.push(match &pick {
            Pick::Server(lease) => lease.config.name.to_string(),
            other => name_of(other),
        });
        leases.push(pick);
    }
    assert_eq!(order, ["01", "01", "02", "02", "all full"]);
}

fn name_of(pick: &Pick) -> String {
    if matches!(pick, Pick::AllFull) { "all full".into() } else { format!("{pick:?}") }
}

#[test]
fn a_hash_wants_its_own_server_even_if_it_is_full() {
    let mut config = weighted(Algorithm::Source, &[1, 1]);
    config.servers = config
        .servers
        .iter()
        .map(|s| Arc::new(model::Server { maxconn: Some(1), ..(**s).clone() }))
        .collect();
    let fixture = Fixture::new(config);
    let held = pick(&fixture, &input(7));
    let Pick::Server(lease) = &held else { panic!("{held:?}") };
    let again = name(pick(&fixture, &input(7)));
    assert_eq!(again, format!("full {}", lease.config.name));
}

#[test]
fn what_failed_is_avoided_while_there_is_another() {
    for algorithm in [
        Algorithm::RoundRobin,
        Algorithm::StaticRr,
        Algorithm::LeastConn,
        Algorithm::First,
        Algorithm::Random(2),
        Algorithm::Source,
    ] {
        let fixture = Fixture::new(weighted(algorithm.clone(), &[1, 1, 1]));
        let avoid = Some(fixture.server("01").id);
        for n in 0..50 {
            assert_ne!(name(pick(&fixture, &PickInput { avoid, ..input(n) })), "01", "{algorithm:?}");
        }
        let alone = Fixture::new(weighted(algorithm, &[1]));
        let avoid = Some(alone.server("01").id);
        assert_eq!(name(pick(&alone, &PickInput { avoid, ..input(1) })), "01");
    }
}

#[test]
fn backups_come_last() {
    for (all_backups, expected) in [(false, vec!["02"; 4]), (true, vec!["02", "03", "02", "03"])] {
        let mut config = weighted(Algorithm::RoundRobin, &[1, 1, 1]);
        config.all_backups = all_backups;
        config.servers = config
            .servers
            .iter()
            .map(|s| Arc::new(model::Server { backup: s.id > 1, ..(**s).clone() }))
            .collect();
        let fixture = Fixture::new(config);
        assert_eq!(names(&fixture, 3), ["01"; 3]);
        fixture.apply("01", ServerChange::Admin(AdminState::Maint)).unwrap();
        assert_eq!(names(&fixture, 4), expected);
        for backup in ["02", "03"] {
            fixture.apply(backup, ServerChange::Admin(AdminState::Drain)).unwrap();
        }
        assert_eq!(names(&fixture, 1), ["none"]);
        fixture.apply("01", ServerChange::Admin(AdminState::Ready)).unwrap();
        assert_eq!(names(&fixture, 1), ["01"]);
    }
}

#[test]
fn keys_are_hashed_and_their_lack_takes_turns() {
    let key = Algorithm::Key(model::BalanceKey::Header { name: "x".into(), domain_only: false });
    let fixture = Fixture::new(consistent(weighted(key, &[1, 1, 1])));
    let with = |key: &'static [u8]| name(pick(&fixture, &PickInput { key: Some(key), ..input(1) }));
    assert!((0..20).all(|_| with(b"alpha") == with(b"alpha")));
    let others: std::collections::BTreeSet<_> =
        [&b"a"[..], b"b", b"c", b"d", b"e", b"f", b"g", b"h"].into_iter().map(with).collect();
    assert_eq!(others.len(), 3);
    assert_eq!(names(&fixture, 30).into_iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
}

#[test]
fn a_balance_factor_bounds_the_load() {
    let key = Algorithm::Key(model::BalanceKey::RdpCookie("mstshash".into()));
    let mut config = consistent(weighted(key, &[1, 1, 1, 1]));
    config.hash_balance_factor = Some(150);
    let fixture = Fixture::new(config);
    let one = PickInput { key: Some(b"popular"), ..input(1) };
    let leases: Vec<_> = (0..100).map(|_| pick(&fixture, &one)).collect();
    let most = fixture.runtime.load().backends[0].servers.iter().map(|server| server.active()).max();
    assert!(most <= Some(38), "{most:?}");
    drop(leases);
}

#[test]
fn only_the_clients_of_a_server_that_leaves_are_moved() {
    for by_source in [consistent, shared] {
        let fixture = Fixture::new(by_source(weighted(Algorithm::Source, &[1; 5])));
        let before = names(&fixture, 5000);
        fixture.apply("03", ServerChange::Admin(AdminState::Maint)).unwrap();
        let after = names(&fixture, 5000);
        assert!(before.iter().zip(&after).all(|(before, after)| before == after || before == "03"));
        fixture.apply("03", ServerChange::Admin(AdminState::Ready)).unwrap();
        assert_eq!(names(&fixture, 5000), before);
    }
}

#[test]
fn a_mapped_address_is_the_address() {
    let fixture = Fixture::new(weighted(Algorithm::Source, &[1; 7]));
    for n in 0..100 {
        let v4 = Ipv4Addr::from(n * 7919);
        let mapped = PickInput::client(Tick::ZERO, IpAddr::V6(v4.to_ipv6_mapped()));
        let plain = PickInput::client(Tick::ZERO, IpAddr::V4(v4));
        assert_eq!(name(pick(&fixture, &mapped)), name(pick(&fixture, &plain)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn everyone_gets_a_fair_share(weights in proptest::collection::vec(1_u32..=16, 1..8), which in 0..4_usize) {
        let config = match which {
            0 => weighted(Algorithm::RoundRobin, &weights),
            1 => weighted(Algorithm::Random(1), &weights),
            2 => weighted(Algorithm::Source, &weights),
            _ => shared(weighted(Algorithm::Source, &weights)),
        };
        let fixture = Fixture::new(config);
        let mut counts = BTreeMap::new();
        for n in 0..20_000_u32 {
            *counts.entry(name(pick(&fixture, &input(n.wrapping_mul(2_654_435_761))))).or_insert(0.0) += 1.0;
        }
        let total: u32 = weights.iter().sum();
        for (weight, n) in weights.iter().zip(1..) {
            let wanted = 20_000.0 * f64::from(*weight) / f64::from(total);
            let got = counts.get(&format!("{n:02}")).copied().unwrap_or(0.0);
            // Six deviations of a binomial distribution, and a table's granularity.
            prop_assert!((got - wanted).abs() <= 6.0 * wanted.sqrt() + 0.02 * wanted + 1.0, "{got} for {wanted}");
        }
    }
}
