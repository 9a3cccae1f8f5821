//! Commands for maps and for the patterns of ACLs.

use std::fmt::Write as _;
use std::sync::Arc;

use lb_expr::pattern::{Edit, EditError, Entry, Method, Reference, Report, Which};

use super::command::Call;

/// What the commands of a family are about, and the words of their answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Acl,
    Map,
}

use Kind::{Acl, Map};

impl Kind {
    /// How answers call it.
    fn title(self) -> &'static str {
        match self {
            Acl => "ACL",
            Map => "map",
        }
    }
}

type Answer = Result<String, String>;

pub(super) fn show_acl(call: &mut Call<'_, '_>) -> String {
    told(show(call, Acl))
}

pub(super) fn show_map(call: &mut Call<'_, '_>) -> String {
    told(show(call, Map))
}

pub(super) fn add_acl(call: &mut Call<'_, '_>) -> String {
    told(add(call, Acl))
}

pub(super) fn add_map(call: &mut Call<'_, '_>) -> String {
    told(add(call, Map))
}

pub(super) fn del_acl(call: &mut Call<'_, '_>) -> String {
    told(delete(call, Acl))
}

pub(super) fn del_map(call: &mut Call<'_, '_>) -> String {
    told(delete(call, Map))
}

pub(super) fn get_acl(call: &mut Call<'_, '_>) -> String {
    told(get(call, Acl))
}

pub(super) fn get_map(call: &mut Call<'_, '_>) -> String {
    told(get(call, Map))
}

pub(super) fn clear_acl(call: &mut Call<'_, '_>) -> String {
    told(clear(call, Acl))
}

pub(super) fn clear_map(call: &mut Call<'_, '_>) -> String {
    told(clear(call, Map))
}

pub(super) fn prepare_acl(call: &mut Call<'_, '_>) -> String {
    told(prepare(call, Acl))
}

pub(super) fn prepare_map(call: &mut Call<'_, '_>) -> String {
    told(prepare(call, Map))
}

pub(super) fn commit_acl(call: &mut Call<'_, '_>) -> String {
    told(commit(call, Acl))
}

pub(super) fn commit_map(call: &mut Call<'_, '_>) -> String {
    told(commit(call, Map))
}

fn told(answer: Answer) -> String {
    answer.unwrap_or_else(|error| error)
}

/// The words behind a command: an optional version, the set, and what follows it.
struct Arguments<'w> {
    version: Option<&'w str>,
    set: &'w str,
    rest: &'w [&'w str],
}

impl<'w> Arguments<'w> {
    fn of(call: &Call<'w, '_>) -> Self {
        let words: &'w [&'w str] = call.words;
        let words = words.get(2..).unwrap_or_default();
        let (version, words) = match words {
            [first, rest @ ..] => match first.strip_prefix('@') {
                Some(version) => (Some(version), rest),
                None => (None, words),
            },
            [] => (None, words),
        };
        let (set, rest) = words.split_first().map_or(("", &[] as &[&str]), |(set, rest)| (*set, rest));
        Self { version, set, rest }
    }

    /// The version; what is no number is version 0, as it is for HAProxy.
    fn version(&self) -> Option<u32> {
        self.version.map(|version| version.parse().unwrap_or(0))
    }
}

fn find(call: &Call<'_, '_>, name: &str, kind: Kind) -> Result<Arc<Reference>, String> {
    let snapshot = call.context.runtime.snapshot();
    let found = snapshot.config.patterns.find(name).filter(|set| set.is_map() == (kind == Map));
    found
        .cloned()
        .ok_or_else(|| format!("Unknown {} identifier. Please use #<id> or <file>.\n", kind.title()))
}

fn show(call: &Call<'_, '_>, kind: Kind) -> Answer {
    let arguments = Arguments::of(call);
    if arguments.set.is_empty() {
        return Ok(list(call, kind));
    }
    let set = find(call, arguments.set, kind)?;
    Ok(set.entries_of(arguments.version()).iter().map(line).collect())
}

fn list(call: &Call<'_, '_>, kind: Kind) -> String {
    let snapshot = call.context.runtime.snapshot();
    let mut text = "# id (file) description\n".to_owned();
    for set in snapshot.config.patterns.iter().filter(|set| set.is_map() == (kind == Map)) {
        let (current, latest, count) = set.versions();
        let (id, file, description) = (set.id(), set.file().unwrap_or_default(), set.description());
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "{id} ({file}) {description}. curr_ver={current} next_ver={latest} entry_cnt={count}"
        );
    }
    text
}

fn line(entry: &Entry) -> String {
    match &entry.value {
        Some(value) => format!("{:#x} {} {value}\n", entry.number, entry.pattern),
        None => format!("{:#x} {}\n", entry.number, entry.pattern),
    }
}

fn add(call: &Call<'_, '_>, kind: Kind) -> Answer {
    let arguments = Arguments::of(call);
    let entries = match (kind, arguments.rest, call.payload) {
        (Acl, [pattern, ..], _) => vec![Entry::from_word(pattern)],
        (Map, [key, value, ..], _) => vec![with_value(key, value)],
        (Map, [], Some(payload)) if !arguments.set.is_empty() => pairs(payload)?,
        (Acl, ..) => return Err("'add acl' expects two parameters: ACL identifier and pattern.\n".into()),
        (Map, ..) => {
            return Err("'add map' expects three parameters (map identifier, key and value) or one \
                        parameter (map identifier) and a payload\n"
                .into());
        }
    };
    let set = find(call, arguments.set, kind)?;
    let edits = entries.into_iter().map(|entry| Edit::Add(entry, arguments.version()));
    set.edit(edits).map(|()| String::new()).map_err(|error| match error {
        EditError::InTheFuture => {
            let kind = if kind == Map { "map" } else { "acl" };
            format!("Version number in the future, please use 'prepare {kind}' before.\n")
        }
        error => format!("{error}\n"),
    })
}

fn with_value(key: &str, value: &str) -> Entry {
    Entry { value: Some(value.into()), ..Entry::from_word(key) }
}

/// The entries of a payload: a key in each line, and the value behind it.
fn pairs(payload: &str) -> Result<Vec<Entry>, String> {
    let blank = [' ', '\t', '\r'];
    let lines = payload.lines().map(|line| line.trim_matches(blank)).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once([' ', '\t']) {
            Some((key, value)) => Ok(with_value(key, value.trim_start_matches(blank))),
            None => Err(format!("Missing value for key '{line}'.\n")),
        })
        .collect()
}

fn which(word: &str) -> Which {
    let number = word.strip_prefix("#").and_then(|number| number.strip_prefix("0x"));
    let number = number.and_then(|number| u64::from_str_radix(number, 16).ok());
    number.map_or_else(|| Which::Pattern(word.into()), Which::Number)
}

fn delete(call: &Call<'_, '_>, kind: Kind) -> Answer {
    let (set, key) = (call.word(2), call.word(3));
    if key.is_empty() {
        return Err(format!("This command expects two parameters: {} identifier and key.\n", kind.title()));
    }
    let edited = find(call, set, kind)?.edit([Edit::Delete(which(key))]);
    edited.map(|()| String::new()).map_err(|error| match error {
        EditError::NotFound => "Key not found.\n".into(),
        error => format!("{error}\n"),
    })
}

pub(super) fn set_map(call: &mut Call<'_, '_>) -> String {
    let [set, key, value, ..] = call.words.get(2..).unwrap_or_default() else {
        return "'set map' expects three parameters: map identifier, key and value.\n".into();
    };
    let edited = |set: Arc<Reference>| {
        set.edit([Edit::Set(which(key), (*value).into())]).map_err(|error| format!("{error}\n"))
    };
    told(find(call, set, Map).and_then(edited).map(|()| String::new()))
}

fn clear(call: &Call<'_, '_>, kind: Kind) -> Answer {
    let arguments = Arguments::of(call);
    if arguments.set.is_empty() {
        return Err(format!("Missing {} identifier.\n", kind.title()));
    }
    let edited = find(call, arguments.set, kind)?.edit([Edit::Clear(arguments.version())]);
    edited.map(|()| String::new()).map_err(|error| format!("{error}\n"))
}

fn prepare(call: &Call<'_, '_>, kind: Kind) -> Answer {
    Ok(format!("New version created: {}\n", find(call, call.word(2), kind)?.prepare()))
}

fn commit(call: &Call<'_, '_>, kind: Kind) -> Answer {
    let arguments = Arguments::of(call);
    let Some(version) = arguments.version() else { return Err("Missing version number.\n".into()) };
    let committed = find(call, arguments.set, kind)?.commit(version);
    committed.map(|()| String::new()).map_err(|error| format!("{error}\n"))
}

fn get(call: &Call<'_, '_>, kind: Kind) -> Answer {
    let (set, key) = (call.word(2), call.word(3));
    if key.is_empty() {
        return Err(format!("Missing {} identifier and/or key.\n", kind.title()));
    }
    let reports = find(call, set, kind)?.report(key);
    Ok(reports.iter().map(|report| told_of(report, kind)).collect())
}

fn told_of(report: &Report, kind: Kind) -> String {
    let case = if report.icase { "insensitive" } else { "sensitive" };
    let word = if kind == Map { "found" } else { "match" };
    let mut text = format!("type={}, case={case}, {word}=", report.method.row().name);
    match &report.entry {
        None => text.push_str("no"),
        Some(entry) => {
            let name = if kind == Map { "key" } else { "pattern" };
            // Writing to a String does not fail.
            let _ = write!(text, "yes, idx={}, {name}=\"{}\"", index(report), entry.pattern);
            if let (Some(value), Some(kind)) = (&entry.value, report.value) {
                let _ = write!(text, ", value=\"{value}\", type=\"{}\"", kind.name());
            }
        }
    }
    text.push('\n');
    text
}

/// What HAProxy would look the pattern up in: what scripts read there is of no consequence here.
fn index(report: &Report) -> &'static str {
    match report.method {
        Method::Ip => "tree",
        Method::Str | Method::Beg if !report.icase => "tree",
        _ => "list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_keys_with_values() {
        let read = |text: &str| pairs(text).map(|p| p.iter().map(line).collect::<String>());
        assert_eq!(read("a b c\r\n\n d\te \n"), Ok("0x0 a b c\n0x0 d e\n".into()));
        assert_eq!(read("a b\nonly\n"), Err("Missing value for key 'only'.\n".into()));
    }

    #[test]
    fn entries_are_named_by_pattern_or_number() {
        assert_eq!(which("#0x1f"), Which::Number(31));
        assert_eq!((which("#12"), which("x")), (Which::Pattern("#12".into()), Which::Pattern("x".into())));
    }
}
