//! Fetches, converters, ACLs, variables, maps and log formats through HAProxy and through this program, on the same
//! requests: they must come to the same. Where they differ on purpose, docs/differences.md says why.

mod acls;
mod converters;
mod requests;
mod table;
mod tcp;

use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};

fn main() {
    let tables = [acls::TABLES, converters::TABLES, requests::TABLES, tcp::TABLES].concat();
    let case = |table: &'static table::Table| {
        Case::new(table.name, &[Need::Program("haproxy")], move || table::compare(table))
    };
    suite::main(tables.into_iter().map(case).collect());
}
