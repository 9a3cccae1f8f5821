//! The first line is an expression, or a condition where it begins with `if`; the rest is a request. What parses is
//! evaluated on it; what does not names a place inside of the line.

#![no_main]

use lb_expr::{Acls, Condition, Env, Expr};
use lbx_fuzz::{MOST, Names, Scene, placed};
use libfuzzer_sys::fuzz_target;

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
