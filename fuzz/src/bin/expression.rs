//! The first line is an expression, a condition where it begins with `if`, or a log format where it begins with `%`; the
//! rest is a request. What parses is evaluated on it; what does not names a place inside of the line.

#![no_main]

use lb_expr::{Acls, Condition, Env, Expr, LogFormat, ParseError, Style};
use lbx_fuzz::{Names, Scene};
use libfuzzer_sys::fuzz_target;

/// What one evaluation may make at most: a converter's limit, and what a single one may add to it.
const MOST: usize = 16 << 20;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|b| *b == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(end);
    let Ok(line) = std::str::from_utf8(line) else { return };
    let scene = Scene::read(rest.get(1..).unwrap_or_default());
    let mut names = Names::default();
    let mut env = Env::anywhere(&mut names);
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    if let ["if" | "unless", ..] = words.as_slice() {
        match Condition::parse(&words, &mut Acls::default(), 0, &mut env) {
            Ok(condition) => {
                condition.eval(&scene.ctx(false));
                condition.eval(&scene.ctx(true));
            }
            Err(error) => placed(&error, &words),
        }
    } else if line.starts_with('%') {
        for style in [Style::Log, Style::Http] {
            match LogFormat::parse(line, style, &mut env) {
                Ok(format) => assert!(format.format(&scene.ctx(false)).len() < MOST * (1 + line.len())),
                Err(error) => placed(&error, &[line]),
            }
        }
    } else {
        match Expr::parse(&words, &mut env) {
            Ok((expr, used)) => {
                assert!(used <= words.len());
                for on_response in [false, true] {
                    let value = expr.eval_str(&scene.ctx(on_response));
                    assert!(value.is_none_or(|value| value.as_bytes().len() < MOST));
                }
            }
            Err(error) => placed(&error, &words),
        }
    }
});

/// An error points into the word that it names.
fn placed(error: &ParseError, words: &[&str]) {
    let length = words.get(error.word).map_or(0, |word| word.len());
    assert!(error.range.start <= error.range.end, "{error}: {:?}", error.range);
    assert!(error.range.end <= length || words.is_empty(), "{error}: {:?} of {length}", error.range);
}
