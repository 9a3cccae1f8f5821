//! Any bytes load as a configuration or are refused with diagnostics that can be shown; what loads is dumped in a form
//! that loads again and is dumped alike.

#![no_main]

use lb_conf::diag::{self, Style};
use lb_conf::host::MemoryHost;
use lb_conf::{Outcome, dump, load};
use libfuzzer_sys::fuzz_target;

/// How many diagnostics of an input are shown: rendering takes longer than all else.
const SHOWN: usize = 2;

fuzz_target!(|bytes: &[u8]| {
    let outcome = read(bytes);
    show(&outcome);
    let Some(config) = outcome.config else { return };
    let dumped = dump(&config);
    let again = read(dumped.as_bytes());
    match again.config {
        Some(config) => assert_eq!(dumped, dump(&config)),
        None => panic!("what was dumped is refused:\n{dumped}\n{:#?}", again.diagnostics),
    }
});

fn read(bytes: &[u8]) -> Outcome {
    load(&MemoryHost::with_file("f.cfg", bytes), &["f.cfg".into()])
}

fn show(outcome: &Outcome) {
    for diagnostic in outcome.diagnostics.iter().take(SHOWN) {
        assert!(!diag::render(diagnostic, &outcome.sources, Style::Plain).is_empty());
        let line = diag::json(diagnostic, &outcome.sources);
        assert!(!line.contains('\n'), "{line}");
    }
}
