//! The kernel plane with the real daemon, over veth in network namespaces.

mod balance;
mod commands;
mod failures;
mod fixture;
mod flood;
mod frames;
mod interfaces;
mod logs;
mod modes;
mod planes;
mod privileges;
mod reload;
mod rules;
mod traffic;

use std::time::Duration;

use lbx_tests::lab::Family;
use lbx_tests::privilege::{KERNEL, KERNEL_BOND, KERNEL_VLAN};
use lbx_tests::suite::{self, Case};

fn main() {
    let test = |name: &'static str, body: fn() -> anyhow::Result<()>| Case::new(name, KERNEL, body);
    suite::main(vec![
        test("frames::other_traffic_is_untouched", frames::untouched),
        test("traffic::ipv4", traffic::ipv4),
        test("traffic::ipv6", traffic::ipv6),
        test("traffic::generic_mode", traffic::generic),
        test("traffic::many_downloads_without_the_daemon", traffic::downloads)
            .within(Duration::from_secs(240)),
        test("planes::no_option_xdp_is_user_space", planes::excluded),
        test("planes::without_servers_the_daemon_answers", planes::fall_through),
        test("planes::a_client_gets_the_same_server_from_both", planes::same_server),
        test("balance::the_fewest_connections_by_weight", || balance::least(Family::V4)),
        test("balance::the_same_over_ipv6", || balance::least(Family::V6)),
        test("balance::the_first_with_room", balance::first),
        test("balance::the_better_of_two_drawn", balance::random),
        test("balance::a_client_waits_for_its_own_server", balance::source_full),
        test("balance::flows_leave_from_their_pool", balance::source_pool),
        test("balance::backups_by_each_algorithm", balance::backups).within(Duration::from_secs(120)),
        test("balance::a_server_that_starts_slowly", balance::slow_start).within(Duration::from_secs(180)),
        test("flood::a_million_syns", flood::million).within(Duration::from_secs(300)),
        test("logs::sessions_are_logged_once", logs::tcplog),
        test("privileges::an_ordinary_user_in_a_chroot", privileges::chroot),
        test("privileges::in_the_background", privileges::background),
        test("privileges::the_stewards_end_is_reported", privileges::steward_killed),
        test("planes::a_full_table_falls_through", planes::table_full),
        test("planes::pins_have_one_owner", planes::pins_have_one_owner),
        test("rules::the_connection_beyond_the_rate_is_rejected", rules::rate4),
        test("rules::the_same_over_ipv6", rules::rate6),
        test("rules::what_user_space_counts_the_kernel_rejects", rules::rate_of_http)
            .within(Duration::from_secs(120)),
        test("rules::a_long_list_in_tcp_mode", rules::listed_tcp).within(Duration::from_secs(120)),
        test("rules::a_long_list_in_http_mode", rules::listed_http).within(Duration::from_secs(120)),
        test("rules::a_long_list_over_ipv6", rules::listed_http6).within(Duration::from_secs(120)),
        test("modes::transparent_over_ipv4", modes::transparent4),
        test("modes::transparent_over_ipv6", modes::transparent6),
        test("modes::direct_return_over_ipv4", modes::dsr4),
        test("modes::direct_return_over_ipv6", modes::dsr6),
        test("modes::ipv4_in_ipv4", modes::ipip4),
        test("modes::ipv6_in_ipv6", modes::ipip6),
        test("modes::ipv4_in_ipv6", modes::ipip_mixed),
        test("modes::ipv4_in_gue", modes::gue4),
        test("modes::ipv6_in_gue", modes::gue6),
        test("reload::connections_to_a_removed_server_go_on", reload::server_removed),
        test("reload::a_proxy_moves_to_user_space", reload::moved_to_user_space),
        test("reload::a_listener_is_added", reload::listener_added),
        Case::new("interfaces::a_server_behind_a_vlan", KERNEL_VLAN, interfaces::vlan),
        test("interfaces::unplugged_and_back", interfaces::replugged),
        test("interfaces::another_mtu", interfaces::mtu),
        test("interfaces::ways_change", interfaces::ways),
        Case::new("interfaces::a_bond", KERNEL_BOND, interfaces::bond),
        test("interfaces::the_hook_is_taken", interfaces::taken),
        test("commands::status", commands::status),
        test("commands::sessions", commands::sessions),
        test("commands::flows", commands::flows),
        test("commands::explain", commands::explain),
        test("commands::trace", commands::trace),
        test("commands::a_tracer_that_is_killed", commands::trace_killed),
        test("commands::attach_and_detach", commands::by_hand),
        test("commands::doctor", commands::doctor),
        test("commands::without_a_kernel_plane", commands::without),
        test("commands::each_map_reads_like_a_table", commands::dumps),
        test("failures::a_dead_server_gets_no_connection", failures::server_killed),
        test("failures::a_drained_server_gets_no_connection", failures::drained_at_once),
        test("failures::a_dead_server_is_remembered", failures::dead_server_remembered),
        test("failures::a_dead_daemon_breaks_nothing", failures::daemon_killed),
    ]);
}
