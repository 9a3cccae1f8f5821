//! Rules about the sources that neither the compiler nor clippy knows.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::shell;

/// A file beyond this asks to be two.
const MAX_FILE_LINES: usize = 600;

/// Tables of test cases, which do not read better in parts.
const TABLES: &[&str] = &["/cases/"];

/// A function beyond this is long; one in ten may be.
const LONG_FUNCTION_LINES: usize = 30;

/// What finished code does not contain, in two halves, so that this file does not contain it either.
const UNFINISHED: &[(&str, &str)] =
    &[("TO", "DO"), ("FIX", "ME"), ("XX", "X:"), ("#[ig", "nore"), ("unimple", "mented!(")];

/// An error that names every place that breaks a rule.
pub(crate) fn check() -> Result<()> {
    let list = shell::output(shell::command("git").args(["ls-files", "*.rs"]))?;
    let (mut complaints, mut lengths) = (Vec::new(), Vec::new());
    for name in list.lines() {
        // A file that was deleted and not yet committed is still on the list.
        let Ok(text) = fs::read_to_string(shell::root().join(name)) else { continue };
        complaints.extend(complaints_about(name, &text));
        lengths.extend(function_lengths(&text));
    }
    println!("{}", summary(&mut lengths)?);
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    Ok(())
}

fn complaints_about(name: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let length = text.lines().count();
    if length > MAX_FILE_LINES && !TABLES.iter().any(|table| name.contains(table)) {
        complaints.push(format!("{name}: {length} lines; {MAX_FILE_LINES} are the limit"));
    }
    for (number, line) in text.lines().enumerate() {
        let unfinished =
            UNFINISHED.iter().map(|(a, b)| [*a, *b].concat()).find(|word| line.contains(word.as_str()));
        complaints.extend(unfinished.map(|word| format!("{name}:{}: {word}", number + 1)));
    }
    complaints
}

/// The lengths of the functions of a formatted file, in lines from `fn` to the closing brace.
fn function_lengths(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let end = |start: usize, indent: usize| {
        let close = format!("{}}}", " ".repeat(indent));
        lines.iter().skip(start).position(|line| *line == close)
    };
    let length = |(start, line): (usize, &&str)| {
        let (indent, code) = (line.len() - line.trim_start().len(), line.trim_start());
        let is_function = code.starts_with("fn ") || (code.starts_with("pub") && code.contains(" fn "));
        let one_line = code.ends_with('}') || code.ends_with(';');
        (is_function && !one_line).then(|| end(start, indent)).flatten().map(|lines| lines + 1)
    };
    lines.iter().enumerate().filter_map(length).collect()
}

fn summary(lengths: &mut [usize]) -> Result<String> {
    lengths.sort_unstable();
    let middle = lengths.get(lengths.len() / 2).context("no functions")?;
    let long = lengths.iter().filter(|lines| **lines > LONG_FUNCTION_LINES).count();
    let share = 100 * long / lengths.len();
    let longest = lengths.last().copied().unwrap_or_default();
    let all = lengths.len();
    Ok(format!(
        "{all} functions, half of them up to {middle} lines, {share} % over {LONG_FUNCTION_LINES}, the longest {longest}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured() {
        let text = "fn a() {\n    x\n}\n\nimpl B {\n    pub fn c() -> u8 {\n        if d {\n        }\n        1\n    }\n    fn e();\n}\n";
        assert_eq!(function_lengths(text), [3, 5]);
    }

    #[test]
    fn unfinished_code_is_found() {
        let word = ["TO", "DO"].concat();
        assert_eq!(complaints_about("a.rs", &format!("x\n// {word}: y\n")), [format!("a.rs:2: {word}")]);
        assert_eq!(complaints_about("a.rs", &"\n".repeat(601)).len(), 1);
        assert!(complaints_about("b/cases/c.rs", &"\n".repeat(601)).is_empty());
        assert!(complaints_about("a.rs", "fn done() {}\n").is_empty());
    }
}
