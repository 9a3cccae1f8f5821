//! The article that the project began with, chapter by chapter: its configurations (config/seed), its examples and its
//! sentences, with Debian's haproxy beside this program wherever both can be asked. docs/seed.md says which test proves
//! what.
//!
//! Each file has a list of its own, `cases`.

mod balancing;
mod base;
mod checks;
mod document;
mod https;
mod limits;
mod logs;
mod persistence;
mod rates;
mod routing;
mod runtime;
mod sample;
mod security;
mod tables;
mod tls;

use lbx_tests::suite;

fn main() {
    let chapters = [
        document::cases(),
        base::cases(),
        balancing::cases(),
        checks::cases(),
        routing::cases(),
        persistence::cases(),
        rates::cases(),
        tls::cases(),
        logs::cases(),
        limits::cases(),
        runtime::cases(),
        security::cases(),
    ];
    suite::main(chapters.into_iter().flatten().collect());
}
