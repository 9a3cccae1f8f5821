//! The configurations.

mod checks;
mod doubtful;
mod global;
mod listeners;
mod rules;
mod sections;
mod servers;
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
    let tables = [
        sections::ROWS,
        global::ROWS,
        listeners::ROWS,
        servers::ROWS,
        checks::ROWS,
        rules::ROWS,
        words::ROWS,
        doubtful::ROWS,
    ];
    tables.into_iter().flatten()
}
