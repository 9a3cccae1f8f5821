//! That no word goes without a comparison: each fetch and converter that is served stands in a row of the tables, if
//! HAProxy has it, too, or in a row of [`newer`](crate::newer) with the value that it must have.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Result, bail};
use lb_expr::logformat::VARIABLES;
use lb_expr::pattern::METHODS;
use lb_expr::{converters, fetches};

use crate::listing::listed_names;
use crate::newer;
use crate::table::Table;

/// What rows use.
#[derive(Default)]
struct Used<'r> {
    /// Words at the beginning of expressions.
    fetches: BTreeSet<&'r str>,
    /// Words behind a comma of an expression.
    converters: BTreeSet<&'r str>,
    /// Variables of log formats.
    variables: BTreeSet<&'r str>,
    /// What follows `-m`.
    methods: BTreeSet<&'r str>,
}

impl<'r> Used<'r> {
    fn of(rows: impl Iterator<Item = &'r str>) -> Self {
        let mut used = Self::default();
        for row in rows {
            match row {
                _ if row.starts_with("if ") => used.condition(row),
                _ if row.starts_with('%') || row.starts_with("text ") => used.format(row),
                _ => used.expression(row),
            }
        }
        used
    }

    /// `if { fetch,converter -m method pattern }`
    fn condition(&mut self, row: &'r str) {
        let words: Vec<&str> = row.split(' ').collect();
        for pair in words.windows(2) {
            match pair {
                ["{" | "!{", expression] => self.expression(expression),
                ["-m", method] => _ = self.methods.insert(method),
                _ => {}
            }
        }
    }

    /// `text %variable %{+Q}variable %[fetch,converter]`
    fn format(&mut self, row: &'r str) {
        for part in row.split('%').skip(1) {
            let part = part.split_once('}').map_or(part, |(_, behind)| behind);
            match part.strip_prefix('[') {
                Some(expression) => self.expression(expression.strip_suffix(']').unwrap_or(expression)),
                None => _ = self.variables.insert(name(part)),
            }
        }
    }

    fn expression(&mut self, text: &'r str) {
        self.fetches.insert(name(text));
        let mut depth = 0;
        for (at, c) in text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                ',' if depth == 0 => _ = self.converters.insert(name(&text[at + 1..])),
                _ => {}
            }
        }
    }
}

/// The name that a text begins with.
fn name(text: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-+:".contains(c);
    text.split(|c| !is_name(c)).next().unwrap_or_default()
}

/// Whether the reference says so.
fn is_served(page: &str, word: &str) -> bool {
    let begins = |line: &str| line.strip_prefix("| `").is_some_and(|rest| name(rest) == word);
    page.lines().any(|line| begins(line) && line.ends_with("| yes |"))
}

/// All of them, beside what the tables and the rows of newer words use.
pub(crate) fn every_word_is_compared(tables: &[&'static Table]) -> Result<()> {
    let used = Used::of(tables.iter().flat_map(|table| table.rows.iter().copied()));
    let newer = Used::of(newer::rows());
    let mut missing = String::new();
    let known: BTreeSet<String> = listed_names("smp")?.into_iter().collect();
    let page = lb_conf::reference::reference();
    // A fetch has several names for one function.
    for row in fetches().filter(|row| is_served(&page, row.names[0])) {
        let of = if row.names.iter().any(|name| known.contains(*name)) { &used } else { &newer };
        if !row.names.iter().any(|name| of.fetches.contains(name)) {
            writeln!(missing, "fetch {}", row.names[0])?;
        }
    }
    let known: BTreeSet<String> = listed_names("cnv")?.into_iter().collect();
    for row in converters().filter(|row| is_served(&page, row.name)) {
        let of = if known.contains(row.name) { &used } else { &newer };
        if !of.converters.contains(row.name) {
            writeln!(missing, "converter {}", row.name)?;
        }
    }
    for row in VARIABLES.iter().filter(|row| !used.variables.contains(row.name)) {
        writeln!(missing, "variable %{}", row.name)?;
    }
    for row in METHODS.iter().filter(|row| !row.name.is_empty() && !used.methods.contains(row.name)) {
        writeln!(missing, "method -m {}", row.name)?;
    }
    if !missing.is_empty() {
        bail!("no row compares:\n{missing}");
    }
    Ok(())
}
