//! The daemon on loopback: what needs no privileges.

mod checks;
mod configuration;
mod http;
mod life;
mod memory;
mod operation;
mod tcp;
mod words;

use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};

fn main() {
    let test = |name: &'static str, body: fn() -> anyhow::Result<()>| Case::new(name, &[], body);
    suite::main(vec![
        test("tcp::relays_both_ways", tcp::relays),
        test("tcp::half_closed_connections_go_on", tcp::half_closed),
        test("tcp::taking_is_no_sign_of_life", tcp::independent_streams),
        test("tcp::bulk_is_spliced", tcp::splices),
        test("tcp::retries_on_another_server", tcp::redispatch),
        test("http::keep_alive_on_both_sides", http::keep_alive),
        test("http::bodies_pass_unchanged", http::bodies),
        test("http::no_server_is_503", http::no_server),
        test("http::hop_by_hop_headers_end_here", http::hop_by_hop),
        test("http::nonsense_is_400", http::nonsense),
        Case::new("memory::of_large_transfers", &[Need::Program("curl")], memory::transfers),
        test("memory::of_many_requests", memory::requests),
        test("checks::tcp_rise_and_fall", checks::tcp),
        test("checks::http_status", checks::http),
        test("operation::statistics_page", operation::statistics_page),
        test("operation::sessions_are_shut_down", operation::shutdown_sessions),
        test("operation::sessions_wait_in_turn", operation::queue),
        test("life::reload_keeps_connections", life::reload_keeps_connections),
        test("life::reload_changes_listeners", life::reload_changes_listeners),
        test("life::reload_fails_safely", life::reload_fails_safely),
        test("life::a_pause_ends_nothing", life::pause),
        test("life::soft_stop_waits_for_connections", life::soft_stop),
        test("life::soft_stop_waits_for_responses", life::soft_stop_http),
        test("life::hard_stop_waits_for_nothing", life::hard_stop),
        test("configuration::unknown_words_are_located", configuration::unknown_words),
        test("configuration::every_error_is_reported", configuration::all_errors),
        test("configuration::check_accepts_what_works", configuration::check_mode),
        test("configuration::option_xdp_insists", configuration::option_xdp),
        test("configuration::a_taken_address_is_named", configuration::taken_address),
        test("configuration::a_missing_file_is_named", configuration::missing_file),
        test("words::of_the_command_line", words::command_line),
        test("words::of_checks_in_json_and_in_silence", words::forms),
        Case::new("words::of_debian_s_configuration", &[Need::Program("haproxy")], words::debian),
        test("words::are_complained_about_in_json", words::json),
        test("words::of_userlists", words::userlists),
        test("words::of_resolvers", words::resolvers),
        test("words::of_the_global_section", words::global_words),
        test("words::for_haproxy_s_master", words::master_socket),
        test("words::that_limit_connections", words::limits),
    ]);
}

/// What most configurations here begin with.
pub(crate) const DEFAULTS: &str = "
global
    stats socket {dir}/sock level admin
defaults
    timeout connect 2s
    timeout client 10s
    timeout server 10s
";

/// A configuration of [`DEFAULTS`] and `sections`.
pub(crate) fn lbx(sections: &str) -> anyhow::Result<lbx_tests::daemon::Setup<'static>> {
    lbx_tests::daemon::Setup::new(lbx_tests::daemon::Program::Lbx, &format!("{DEFAULTS}{sections}"))
}
