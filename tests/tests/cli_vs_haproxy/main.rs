//! The runtime socket beside HAProxy's: the same configuration, the same commands, the same answers.

mod patterns;
mod process;
mod script;
mod servers;

use lbx_tests::oracle;
use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};

use script::Script;

fn main() {
    let scripts = [patterns::scripts(), process::scripts(), servers::scripts()];
    let case = |script: Script| {
        Case::new(script.name, &[Need::Program("haproxy")], move || {
            oracle::compare_sides(|program| script.start(program), |side| script.run(side))
        })
    };
    suite::main_waiting(scripts.into_iter().flatten().map(case).collect());
}
