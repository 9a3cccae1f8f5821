//! The first byte chooses a style and whether there is a response, the rest of the first line is a log format, and what
//! follows is a request. A format that parses is written in bounded length; one that does not names a place inside of it.

#![no_main]

use lb_expr::{Env, LogFormat, Style};
use lbx_fuzz::{MOST, Names, Scene, placed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, input)) = input.split_first() else { return };
    let end = input.iter().position(|b| *b == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(end);
    let Ok(line) = std::str::from_utf8(line) else { return };
    let style = if choice & 1 == 0 { Style::Log } else { Style::Http };
    let mut names = Names::default();
    match LogFormat::parse(line, style, &mut Env::anywhere(&mut names)) {
        Ok(format) => {
            let scene = Scene::read(rest.get(1..).unwrap_or_default());
            assert!(format.format(&scene.ctx(choice & 2 != 0)).len() < MOST * (1 + line.len()));
        }
        Err(error) => placed(&error, &[line]),
    }
});
