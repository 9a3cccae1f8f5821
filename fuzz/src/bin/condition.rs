//! Any text is a condition of the preprocessor, or is complained about with a place inside of it.

#![no_main]

use lb_conf::preproc;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let set = |name: &str| name.starts_with('A').then(|| "one two".to_owned());
    if let Err(error) = preproc::evaluate(text, &set) {
        assert!(error.offset <= text.len(), "{error} at {} of {}", error.offset, text.len());
    }
});
