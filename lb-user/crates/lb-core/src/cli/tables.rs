//! Commands for stick tables.

use std::fmt::Write as _;
use std::sync::Arc;

use lb_conf::model::{KeyType, StickRule};

use super::command::Call;
use crate::runtime::Snapshot;
use crate::stick::{Entry, Key, Slot, StickTable};
use crate::tick::Tick;

/// Conditions of one command.
const MAX_FILTERS: usize = 4;

/// What follows `clear table`.
const CLEAR: &str = "<table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>";

/// What follows `set table`.
const SET: &str = "<table> key <key> [data.<store_data_type> <value>]*";

/// What a command is about.
enum Wanted {
    All,
    Key(Key),
    Data(Vec<Condition>),
}

struct Condition {
    slot: Slot,
    holds: fn(&u64, &u64) -> bool,
    value: u64,
}

impl Condition {
    fn holds(&self, entry: &Entry, now: Tick) -> bool {
        (self.holds)(&entry.get(self.slot, now), &self.value)
    }
}

fn find(call: &Call<'_, '_>, usage: &str) -> Result<Arc<StickTable>, String> {
    if call.word(2).is_empty() {
        return Err(format!("Required arguments: {usage}\n"));
    }
    let snapshot = call.context.runtime.snapshot();
    snapshot.table_named(call.word(2)).cloned().ok_or_else(|| "No such table\n".to_owned())
}

fn wanted(call: &Call<'_, '_>, table: &StickTable) -> Result<Wanted, String> {
    match call.word(3) {
        "" => Ok(Wanted::All),
        "key" => key(call, table).map(Wanted::Key),
        data if data.starts_with("data.") => conditions(call, table).map(Wanted::Data),
        _ => Err(
            "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>\n"
                .into(),
        ),
    }
}

fn key(call: &Call<'_, '_>, table: &StickTable) -> Result<Key, String> {
    match call.word(4) {
        "" => Err("Key value expected\n".into()),
        text => Key::parse(table.config.key, text).map_err(|error| format!("{error}\n")),
    }
}

fn conditions(call: &Call<'_, '_>, table: &StickTable) -> Result<Vec<Condition>, String> {
    let words = call.words.get(3..).unwrap_or_default();
    let conditions = words.chunks(3).take(MAX_FILTERS).zip(1..);
    conditions
        .map(|(words, n)| condition(words, table).map_err(|error| format!("Filter entry #{n}: {error}\n")))
        .collect()
}

fn condition(words: &[&str], table: &StickTable) -> Result<Condition, &'static str> {
    let slot = slot(words.first().copied().unwrap_or_default(), table)?;
    let holds: fn(&u64, &u64) -> bool = match words.get(1).copied().unwrap_or_default() {
        "eq" => u64::eq,
        "ne" => u64::ne,
        "le" => u64::le,
        "ge" => u64::ge,
        "lt" => u64::lt,
        "gt" => u64::gt,
        _ => return Err("Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\""),
    };
    let value = words.get(2).and_then(|word| word.parse().ok());
    Ok(Condition { slot, holds, value: value.ok_or("Require a valid integer value to compare against")? })
}

fn slot(word: &str, table: &StickTable) -> Result<Slot, &'static str> {
    let name = word.strip_prefix("data.").ok_or("\"data.<type>\" followed by a value expected")?;
    if !StickTable::knows(name) {
        return Err("Unknown data type");
    }
    table.slot_named(name).ok_or("Data type not stored in this table")
}

pub(super) fn show(call: &mut Call<'_, '_>) -> String {
    if call.word(2).is_empty() {
        let snapshot = call.context.runtime.snapshot();
        return snapshot.tables.iter().map(|table| head(table)).collect();
    }
    let now = call.context.now;
    let found = find(call, CLEAR).and_then(|table| wanted(call, &table).map(|wanted| (table, wanted)));
    let (table, wanted) = match found {
        Ok(found) => found,
        Err(text) => return text,
    };
    let mut entries = match wanted {
        Wanted::All => table.entries(now),
        Wanted::Key(key) => match table.look_up(&key, now) {
            Some(entry) => vec![entry],
            None => return String::new(),
        },
        Wanted::Data(conditions) => {
            let matches = |entry: &Arc<Entry>| conditions.iter().all(|condition| condition.holds(entry, now));
            table.entries(now).into_iter().filter(matches).collect()
        }
    };
    let snapshot = call.context.runtime.snapshot();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let server_key = |id| server_key(&snapshot, &table, id);
    entries.iter().fold(head(&table), |text, entry| text + &line(&table, entry, &server_key, now))
}

/// By what a server is known whose number a table holds: by its name or, with `srvkey addr`, by its address.
fn server_key(snapshot: &Snapshot, table: &StickTable, id: u64) -> Option<String> {
    let of_table = |rule: &Arc<StickRule>| {
        snapshot.config.tables.get(rule.table.0 as usize).is_some_and(|t| t.name == table.config.name)
    };
    let users = snapshot.backends.iter().filter(|backend| backend.config.stick.iter().any(of_table));
    let server = users.flat_map(|b| &b.servers).find(|server| u64::from(server.config.id) == id)?;
    Some(match table.config.server_by_address {
        true => server.address_text(),
        false => server.config.name.to_string(),
    })
}

fn head(table: &StickTable) -> String {
    let kind = match table.config.key {
        KeyType::Ipv4 => "ip",
        KeyType::Ipv6 => "ipv6",
        KeyType::Integer => "integer",
        KeyType::String(_) => "string",
        KeyType::Binary(_) => "binary",
    };
    let used = table.used();
    format!("# table: {}, type: {kind}, size:{}, used:{}\n", table.config.name, used.size, used.used)
}

fn line(table: &StickTable, entry: &Entry, server_key: &impl Fn(u64) -> Option<String>, now: Tick) -> String {
    let key = entry.key.show(table.config.key);
    let left = table.remaining(entry, now).as_millis();
    let mut text = format!("{:#x}: key={key} use={} exp={left}", entry.id, entry.trackers());
    for (name, slot) in table.columns() {
        let value = entry.get(slot, now);
        // Writing to a String does not fail.
        let _ = match slot.period {
            Some(period) => write!(text, " {name}({})={value}", period.as_millis()),
            None => write!(text, " {name}={value}"),
        };
        if let Some(key) = (name == "server_id").then(|| server_key(value)).flatten() {
            text.push_str(&format!(" server_key={key}"));
        }
    }
    text.push('\n');
    text
}

pub(super) fn clear(call: &mut Call<'_, '_>) -> String {
    let now = call.context.now;
    let found = find(call, CLEAR).and_then(|table| wanted(call, &table).map(|wanted| (table, wanted)));
    match found {
        Err(text) => return text,
        Ok((table, Wanted::All)) => table.clear(|_| true),
        Ok((table, Wanted::Data(conditions))) => {
            table.clear(|entry| conditions.iter().all(|condition| condition.holds(entry, now)));
        }
        Ok((table, Wanted::Key(key))) if !table.clear_key(&key) => {
            return "Entry currently in use, cannot remove\n".into();
        }
        Ok((_, Wanted::Key(_))) => {}
    }
    String::new()
}

pub(super) fn set(call: &mut Call<'_, '_>) -> String {
    try_set(call).err().unwrap_or_default()
}

// Everything is looked at before anything is set.
fn try_set(call: &Call<'_, '_>) -> Result<(), String> {
    let table = find(call, SET)?;
    if call.word(3) != "key" {
        return Err(format!("Required arguments: {SET}\n"));
    }
    let key = key(call, &table)?;
    let pairs = call.words.get(5..).unwrap_or_default().chunks(2);
    let values = pairs.map(|pair| value(pair, &table)).collect::<Result<Vec<_>, _>>();
    let values = values.map_err(|error| format!("{error}\n"))?;
    let now = call.context.now;
    let entry = table.enter(&key, now).ok_or("Unable to allocate a new entry\n")?;
    for (slot, value) in values {
        entry.set(slot, value, now);
    }
    Ok(())
}

fn value(pair: &[&str], table: &StickTable) -> Result<(Slot, u64), &'static str> {
    let slot = slot(pair.first().copied().unwrap_or_default(), table)?;
    let value = pair.get(1).and_then(|value| value.parse().ok());
    Ok((slot, value.ok_or("Require a valid integer value to store")?))
}
