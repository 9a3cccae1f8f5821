//! The configurations.

mod base;
mod rules;
mod words;

use crate::Row;

const fn same(name: &'static str, text: &'static str) -> Row {
    Row { name, text, differs: None }
}

const fn differs(name: &'static str, topic: &'static str, text: &'static str) -> Row {
    Row { name, text, differs: Some(topic) }
}

/// All of them.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    base::ROWS.iter().chain(rules::ROWS).chain(words::ROWS)
}
