//! Any bytes are cut into statements, or complained about with a place inside of them.

#![no_main]

use lb_conf::lex::Lexer;
use lb_conf::span::FileId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let set = |name: &str| name.starts_with('A').then(|| "one two".to_owned());
    let lines = bytes.split(|byte| *byte == b'\n').count();
    let mut lexer = Lexer::new(FileId(0), bytes);
    while let Some(outcome) = lexer.next(&set) {
        let line = match outcome {
            Ok(statement) => statement.line,
            Err(complaint) => complaint.span.map_or(1, |span| span.line),
        };
        assert!((1..=lines).contains(&(line as usize)), "line {line} of {lines}");
    }
});
