//! The form by which an administrator changes servers.

use std::sync::Arc;

use super::Source;
use crate::backend::Backend;
use crate::change::{AdminState, Change, ForcedHealth, ServerChange};

/// What became of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Partly,
    Nothing,
    Wrong,
    TooLong,
    Denied,
}

/// The outcomes by the codes that they have in the page's URI, with what is told to the reader.
const OUTCOMES: &[(Outcome, &str, &str)] = &[
    (Outcome::Done, "DONE", "Done."),
    (Outcome::Partly, "PART", "Not all of it could be done."),
    (Outcome::Nothing, "NONE", "Nothing was changed."),
    (Outcome::Wrong, "ERRP", "The form was not understood."),
    (Outcome::TooLong, "EXCD", "The form was too long: choose fewer servers."),
    (Outcome::Denied, "DENY", "You may not change anything here."),
];

impl Outcome {
    fn row(self) -> Option<&'static (Self, &'static str, &'static str)> {
        OUTCOMES.iter().find(|(outcome, ..)| *outcome == self)
    }

    pub(super) fn code(self) -> &'static str {
        self.row().map_or("UNKN", |(_, code, _)| code)
    }

    pub(super) fn text(self) -> &'static str {
        self.row().map_or("", |(.., text)| text)
    }

    pub(super) fn of(code: &str) -> Option<Self> {
        OUTCOMES.iter().find(|(_, c, _)| *c == code).map(|(outcome, ..)| *outcome)
    }
}

/// What can be done to servers: the form's word, its label, the change.
pub(super) const ACTIONS: &[(&str, &str, ServerChange)] = &[
    ("ready", "Set state to READY", ServerChange::Admin(AdminState::Ready)),
    ("drain", "Set state to DRAIN", ServerChange::Admin(AdminState::Drain)),
    ("maint", "Set state to MAINT", ServerChange::Admin(AdminState::Maint)),
    ("dhlth", "Health: disable checks", ServerChange::ChecksEnabled(false)),
    ("ehlth", "Health: enable checks", ServerChange::ChecksEnabled(true)),
    ("hrunn", "Health: force UP", ServerChange::Health(ForcedHealth::Up)),
    ("hnolb", "Health: force NOLB", ServerChange::Health(ForcedHealth::Stopping)),
    ("hdown", "Health: force DOWN", ServerChange::Health(ForcedHealth::Down)),
    ("dagent", "Agent: disable checks", ServerChange::AgentEnabled(false)),
    ("eagent", "Agent: enable checks", ServerChange::AgentEnabled(true)),
    ("arunn", "Agent: force UP", ServerChange::AgentHealth(true)),
    ("adown", "Agent: force DOWN", ServerChange::AgentHealth(false)),
    ("shutdown", "End sessions", ServerChange::ShutdownSessions),
];

/// Does what a form says: `b` names or numbers a backend, each `s` a server, `action` what to do.
pub(super) fn submit(source: &Source<'_>, form: &[u8]) -> Outcome {
    if form.is_empty() {
        return Outcome::Nothing;
    }
    let fields: Vec<(String, String)> = String::from_utf8_lossy(form).split('&').map(field).collect();
    let values = |name: &'static str| fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value);
    let backend = values("b").next().and_then(|name| find(source, name));
    let action = values("action").next().and_then(|word| ACTIONS.iter().find(|(w, ..)| w == word));
    let (Some(backend), Some((_, _, change))) = (backend, action) else { return Outcome::Wrong };
    let mut results = Vec::new();
    for name in values("s") {
        let Some(server) = backend.server(name) else { return Outcome::Wrong };
        results.push(source.runtime.apply(Change::Server(server.id, change.clone()), source.now));
    }
    // A server that is already as it is wanted counts as changed.
    match results.iter().filter(|result| result.is_ok()).count() {
        _ if results.is_empty() => Outcome::Nothing,
        0 => Outcome::Wrong,
        done if done < results.len() => Outcome::Partly,
        _ => Outcome::Done,
    }
}

fn find(source: &Source<'_>, name: &str) -> Option<Arc<Backend>> {
    let snapshot = source.runtime.load();
    let backend = match name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok()) {
        Some(id) => snapshot.backends.iter().find(|backend| backend.config.proxy.id.0 == id),
        None => snapshot.backend_named(name),
    };
    let in_scope =
        |b: &&Arc<Backend>| source.page.scope.is_empty() || source.page.scope.contains(&b.config.proxy.name);
    backend.filter(in_scope).cloned()
}

fn field(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (decoded(name), decoded(value))
}

// application/x-www-form-urlencoded
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let pair =
            tail.get(..2).and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        let (byte, skip) = match (byte, pair) {
            (b'%', Some(byte)) => (byte, 2),
            (b'+', _) => (b' ', 0),
            (byte, _) => (byte, 0),
        };
        bytes.push(byte);
        rest = tail.get(skip..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
