//! The same configuration and traffic through HAProxy and through this program, which must agree on what clients and
//! servers see.

mod cli;
mod counters;
mod ends;
mod hash;
mod http;
mod logs;
mod raw;
mod rings;
mod states;
mod tcp;

use lbx_tests::oracle::{self, Scenario, Side};
use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};

/// The configuration of HTTP mode that most scenarios use.
const WEB: &str = "
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 1s
listen web
    bind 127.0.0.1:{web}
    balance roundrobin
    server s1 {s1}
    server s2 {s2}
";

fn main() {
    let test = |name: &'static str, config, traffic: fn(&mut Side) -> anyhow::Result<()>| {
        Case::new(name, &[Need::Program("haproxy")], move || oracle::compare(&Scenario { config, traffic }))
    };
    let end = |group: &'static ends::Group| {
        Case::new(group.name, &[Need::Program("haproxy")], move || ends::compare(group))
    };
    let mut cases: Vec<_> = ends::GROUPS.iter().map(end).collect();
    cases.extend(
        logs::ROWS
            .iter()
            .map(|row| Case::new(row.name, &[Need::Program("haproxy")], move || logs::compare(row))),
    );
    cases.extend([
        Case::new("rings::are_forwarded_and_shown", &[Need::Program("haproxy")], rings::forwarded),
        Case::new("states::of_one_file", &[Need::Program("haproxy")], || states::restored(&states::GLOBAL)),
        Case::new("states::of_a_file_for_each_backend", &[Need::Program("haproxy")], || {
            states::restored(&states::LOCAL)
        }),
        test("cli::states_of_servers", cli::CONFIG, cli::states),
        test("cli::weights", cli::CONFIG, cli::weights),
        test("cli::frontends", cli::CONFIG, cli::frontends),
        test("cli::wrong_commands", cli::CONFIG, cli::wrong),
        test("hash::servers_of_keys", &hash::CONFIG, hash::servers),
        test("counters::errors_of_clients_and_servers", counters::ERRORS, counters::errors),
        test("http::methods_and_bodies", WEB, http::methods),
        test("http::requests_on_one_connection", WEB, http::keep_alive),
        test("http::old_clients", WEB, http::old_clients),
        test("http::hop_by_hop_headers", WEB, http::hop_by_hop),
        test("http::malformed_requests", WEB, http::malformed),
        test("http::odd_but_allowed_requests", WEB, http::odd),
        test("http::errors_of_servers", WEB, http::server_errors),
        test("http::a_slow_server", WEB, http::slow_server),
        test("http::server_that_died", WEB, http::dead_server),
        test("tcp::round_robin", tcp::RELAY, tcp::round_robin),
        test("tcp::source_map_based", tcp::SOURCE, tcp::sources),
        test("tcp::weights", tcp::WEIGHTS, tcp::weights),
        test("tcp::backup_servers", tcp::BACKUP, tcp::backup),
    ]);
    suite::main_waiting(cases);
}
