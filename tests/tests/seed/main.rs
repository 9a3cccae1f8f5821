//! The article that the project began with, chapter by chapter: its configurations (config/seed), its examples and its
//! sentences, with Debian's haproxy beside this program wherever both can be asked. docs/seed.md says which test proves
//! what.
//!
//! Each file has a list of its own, `cases`.

mod balancing;
mod base;
mod check_rules;
mod checks;
mod deployment;
mod document;
mod https;
mod keepalived;
mod limits;
mod logs;
mod many;
mod modes;
mod page;
mod persistence;
mod planes;
mod rates;
mod routing;
mod runtime;
mod sample;
mod security;
mod services;
mod syslog;
mod tables;
mod tls;
mod tools;
mod websocket;

use lbx_tests::{crowd, suite};

fn main() {
    crowd::take_part();
    let chapters = [
        modes::cases(),
        base::cases(),
        balancing::cases(),
        planes::cases(),
        checks::cases(),
        routing::cases(),
        persistence::cases(),
        rates::cases(),
        tls::cases(),
        logs::cases(),
        limits::cases(),
        runtime::cases(),
        security::cases(),
        keepalived::cases(),
        syslog::cases(),
        page::cases(),
        tools::cases(),
        deployment::cases(),
        services::cases(),
        websocket::cases(),
        many::cases(),
        check_rules::cases(),
    ];
    let mut cases: Vec<_> = chapters.into_iter().flatten().collect();
    cases.extend(document::cases(&cases));
    suite::main_waiting(cases);
}
