//! Statistics as text: CSV, typed lines and JSON.

use std::fmt::Write as _;

use super::column::COLUMNS;
use super::info::{FIELDS, Field, Info};
use super::row::Row;
use super::value::{Tags, Value};

/// The last of the columns that all builds of HAProxy have: CSV sets a dash between them and the others.
const LAST_CORE_COLUMN: &str = "agg_check_status";

/// Rows as CSV, under a head.
pub fn csv(rows: &[Row]) -> String {
    let mut text = String::from("# ");
    for column in COLUMNS {
        text.push_str(column.name);
        text.push_str(if column.name == LAST_CORE_COLUMN { ",-," } else { "," });
    }
    text.push('\n');
    for row in rows {
        for column in COLUMNS {
            push_csv(&mut text, &column.value(row));
            text.push_str(if column.name == LAST_CORE_COLUMN { ",-," } else { "," });
        }
        text.push('\n');
    }
    text
}

// Quotes what would otherwise be read as something else (RFC 4180).
fn push_csv(text: &mut String, value: &Value) {
    match value {
        Value::Text(raw) if raw.contains(['"', ',', '\r', '\n']) => {
            text.push('"');
            text.push_str(&raw.replace('"', "\"\""));
            text.push('"');
        }
        // Writing to a String does not fail.
        value => drop(write!(text, "{value}")),
    }
}

/// Rows as a line for each value.
pub fn typed(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        for (place, column) in COLUMNS.iter().enumerate() {
            let value = column.value(row);
            if value == Value::None {
                continue;
            }
            let (letter, proxy, id) = (row.letter(), row.proxy().id.0, row.numbers().1);
            let (name, tags, kind) = (column.name, column.tags.0, value.kind());
            // Writing to a String does not fail.
            let _ = writeln!(text, "{letter}.{proxy}.{id}.{place}.{name}.1:{tags}:{kind}:{value}");
        }
        text.push('\n');
    }
    text
}

/// Rows as one JSON array.
pub fn json(rows: &[Row]) -> String {
    let rows: Vec<_> = rows.iter().map(json_row).collect();
    format!("[{}]\n", rows.join(","))
}

fn json_row(row: &Row) -> String {
    let head = format!(
        "\"objType\":\"{}\",\"proxyId\":{},\"id\":{},",
        row.kind(),
        row.proxy().id.0,
        row.numbers().1
    );
    let values = COLUMNS.iter().enumerate().map(|(place, column)| (place, column, column.value(row)));
    let present = values.filter(|(_, _, value)| *value != Value::None);
    let values: Vec<_> = present
        .map(|(place, column, value)| json_value(&head, place, column.name, column.tags, &value))
        .collect();
    format!("[{}]", values.join(","))
}

fn json_value(head: &str, place: usize, name: &str, tags: Tags, value: &Value) -> String {
    let shown = match value {
        Value::Text(text) => json_string(text),
        number => number.to_string(),
    };
    format!(
        "{{{head}\"field\":{{\"pos\":{place},\"name\":{}}},\"processNum\":1,\"tags\":{{\"origin\":\"{}\",\
         \"nature\":\"{}\",\"scope\":\"{}\"}},\"value\":{{\"type\":\"{}\",\"value\":{shown}}}}}",
        json_string(name),
        tags.origin(),
        tags.nature(),
        tags.scope(),
        value.kind(),
    )
}

fn json_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Writing to a String does not fail.
            c if c < ' ' => drop(write!(quoted, "\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn fields(info: &Info) -> impl Iterator<Item = (&'static Field, Value)> + '_ {
    FIELDS.iter().map(|field| (field, field.value(info))).filter(|(_, value)| *value != Value::None)
}

/// The process's figures, a line for each.
pub fn info_text(info: &Info, described: bool) -> String {
    fields(info)
        .map(|(field, value)| format!("{}: {value}{}\n", field.name, note(field, described)))
        .collect()
}

/// The same with types.
pub fn info_typed(info: &Info, described: bool) -> String {
    let line = |(field, value): (&Field, Value)| {
        let (place, name, tags, kind) = (field.place, field.name, field.tags.0, value.kind());
        format!("{place}.{name}.1:{tags}:{kind}:{value}{}\n", note(field, described))
    };
    fields(info).map(line).collect()
}

fn note(field: &Field, described: bool) -> String {
    if described { format!(":\"{}\"", field.doc) } else { String::new() }
}

/// The same as one JSON array.
pub fn info_json(info: &Info) -> String {
    let value = |(field, value): (&Field, Value)| {
        json_value("", field.place as usize, field.name, field.tags, &value)
    };
    let values: Vec<_> = fields(info).map(value).collect();
    format!("[{}]\n", values.join(","))
}
