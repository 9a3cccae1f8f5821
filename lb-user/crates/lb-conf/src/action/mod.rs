//! The actions of rules, one row each.
//!
//! To serve an action that is not: have the plane carry it out, and give its row a builder and `Status::Served`.

mod args;
mod connection;
mod header;
mod reply;
mod track;
mod uri;
mod vars;

use bitflags::bitflags;

use crate::diag::{Code, Diagnostic};
use crate::keyword::Status;
use crate::lex::Word;
use crate::model::Action;

pub(crate) use args::RuleArgs;
pub(crate) use reply::{redirect, reply};

bitflags! {
    /// The sets of rules that an action is valid in.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Places: u8 {
        /// `tcp-request connection`
        const TCP_CONNECTION = 1;
        /// `tcp-request session`
        const TCP_SESSION = 2;
        /// `tcp-request content`
        const TCP_CONTENT = 4;
        /// `tcp-response content`
        const TCP_RESPONSE = 8;
        /// `http-request`
        const HTTP_REQUEST = 16;
        /// `http-response`
        const HTTP_RESPONSE = 32;
        /// `http-after-response`
        const HTTP_AFTER_RESPONSE = 64;
        /// `stats http-request`
        const STATS = 128;
    }
}

impl Places {
    /// What the rules begin with.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (Self::TCP_CONNECTION, "tcp-request connection"),
            (Self::TCP_SESSION, "tcp-request session"),
            (Self::TCP_CONTENT, "tcp-request content"),
            (Self::TCP_RESPONSE, "tcp-response content"),
            (Self::HTTP_REQUEST, "http-request"),
            (Self::HTTP_RESPONSE, "http-response"),
            (Self::HTTP_AFTER_RESPONSE, "http-after-response"),
            (Self::STATS, "stats http-request"),
        ];
        all.into_iter().filter(|(place, _)| self.intersects(*place)).map(|(_, name)| name).collect()
    }
}

/// An action.
pub struct ActionRow {
    /// Its name; one that ends with a bracket takes an argument between brackets, one that ends with `sc` a number.
    pub name: &'static str,
    /// Its arguments.
    pub syntax: &'static str,
    /// Where it is valid.
    pub places: Places,
    /// What it does.
    pub doc: &'static str,
    /// Whether it is served.
    pub status: Status,
    build: Option<Build>,
}

/// Reads the arguments of an action.
pub(crate) type Build = fn(&mut RuleArgs<'_, '_>) -> Result<Action, Diagnostic>;

/// An action whose arguments are read.
pub(crate) const fn row(
    status: Status,
    name: &'static str,
    syntax: &'static str,
    places: Places,
    doc: &'static str,
    build: Build,
) -> ActionRow {
    ActionRow { name, syntax, places, doc, status, build: Some(build) }
}

pub(crate) const fn unread(
    name: &'static str,
    syntax: &'static str,
    places: Places,
    doc: &'static str,
) -> ActionRow {
    ActionRow { name, syntax, places, doc, status: Status::NotYet, build: None }
}

pub(crate) const fn refused(
    name: &'static str,
    syntax: &'static str,
    places: Places,
    doc: &'static str,
    reason: &'static str,
) -> ActionRow {
    ActionRow { name, syntax, places, doc, status: Status::Refused(reason), build: None }
}

/// All actions.
pub fn actions() -> impl Iterator<Item = &'static ActionRow> {
    let tables: [&'static [ActionRow]; 6] =
        [reply::ACTIONS, header::ACTIONS, uri::ACTIONS, vars::ACTIONS, track::ACTIONS, connection::ACTIONS];
    tables.into_iter().flatten()
}

/// Reads an action with its arguments, up to its condition.
pub(crate) fn parse(args: &mut RuleArgs<'_, '_>, place: Places) -> Result<Action, Diagnostic> {
    let word = args.args.word("an action")?;
    let row = find(word, place)?;
    args.word = Some(word);
    let refuse = |code, message: String| Diagnostic::alert(code, message).at(word.span).label(row.doc);
    let shown = row.name.trim_end_matches('(');
    let action = match row.build {
        Some(build) => Some(build(args)?),
        None => {
            args.args.take_rest();
            None
        }
    };
    match (row.status, action) {
        (Status::Refused(reason), _) => {
            let error = refuse(Code::Refused, format!("action '{shown}' is not supported by lbx"));
            Err(error.label(reason))
        }
        (Status::Served, Some(action)) => Ok(action),
        (_, action) => {
            let error = refuse(Code::NotServed, format!("action '{shown}' is not supported yet by lbx"));
            match action {
                // What follows is checked all the same.
                Some(action) => {
                    args.args.note(error);
                    Ok(action)
                }
                None => Err(error),
            }
        }
    }
}

fn find(word: &Word, place: Places) -> Result<&'static ActionRow, Diagnostic> {
    let name = match word.split_once('(') {
        Some((name, _)) => format!("{name}("),
        None => word.strip_prefix("track-sc").map_or(word.text.clone(), |_| "track-sc".to_owned()),
    };
    let named = || actions().filter(|row| row.name == name);
    match (named().find(|row| row.places.intersects(place)), named().next()) {
        (Some(row), _) => Ok(row),
        (None, Some(row)) => {
            let message = format!("action '{}' is not for {} rules", word.text, place.names().join(", "));
            let error = Diagnostic::alert(Code::Misplaced, message).at(word.span);
            Err(error.label(format!("valid in {}", row.places.names().join(", "))))
        }
        (None, None) => {
            let message = format!("unknown action '{}' in {} rules", word.text, place.names().join(", "));
            let known = actions()
                .filter(|row| row.places.intersects(place))
                .map(|row| row.name.trim_end_matches('('));
            let near = name.trim_end_matches('(');
            Err(Diagnostic::alert(Code::UnknownWord, message).at(word.span).nearest(near, known))
        }
    }
}
