//! Fetches, converters, ACLs, variables, maps and log formats through HAProxy and through this program, on the same
//! requests: they must come to the same. Where they differ on purpose, docs/differences.md says why.

mod acls;
mod content;
mod converters;
mod counters;
mod coverage;
mod formats;
mod listing;
mod newer;
mod requests;
mod table;
mod tcp;
mod tls;

use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};

fn main() {
    let needs: &'static [Need] = &[Need::Program("haproxy")];
    let tables = [
        acls::TABLES,
        content::TABLES,
        converters::TABLES,
        counters::TABLES,
        formats::TABLES,
        requests::TABLES,
        tcp::TABLES,
        tls::TABLES,
    ]
    .concat();
    let case = |table: &'static table::Table| Case::new(table.name, needs, move || table::compare(table));
    let mut cases: Vec<Case> = tables.iter().copied().map(case).collect();
    cases.extend(
        newer::TABLES.iter().map(|newer| {
            Case::new(newer.table.name, needs, move || table::expect(&newer.table, newer.values))
        }),
    );
    cases.extend([
        Case::new("listing::fetches", needs, listing::fetches_are_listed),
        Case::new("listing::converters", needs, listing::converters_are_listed),
        Case::new("listing::acl_keywords", needs, listing::acl_keywords_are_listed),
        Case::new("coverage::every_word_is_compared", needs, move || {
            coverage::every_word_is_compared(&tables)
        }),
    ]);
    suite::main(cases);
}
