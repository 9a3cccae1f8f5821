//! The words of the language, one row each: name, syntax, where it is valid, what it does, whether it is served, and
//! what reads its arguments.
//!
//! To serve a word that was not: have its row's parser fill the model and change the row from [`planned`] (or
//! [`unread`], if nothing read its arguments before) to [`served`]. The reference, the hints and `-dK` follow.

mod address;
mod args;
mod balance;
mod bind;
mod check;
mod columns;
mod compression;
mod global;
mod http;
mod inert;
mod list;
mod log;
mod lookup;
mod option;
mod order;
mod outgoing;
mod proxy;
mod resolvers;
mod retry;
mod ring;
mod rules;
pub mod section;
mod server;
mod service_check;
mod stats;
mod timeout;
mod tls;
mod tuning;
mod unused;
mod userlist;

pub(crate) use address::show as show_bind_address;
pub(crate) use address::{Address, HostPart, Ports};
pub(crate) use args::{Args, Context, invalid, one_of};
pub(crate) use check::regex;
pub(crate) use columns::show as show_column;
pub(crate) use log::FORMATS as LOG_FORMATS;
pub(crate) use lookup::{KeepsWords, read};
pub(crate) use resolvers::system_servers;
pub(crate) use rules::TableDraft;
pub(crate) use server::check_name;

pub use balance::{ALGORITHMS, AlgorithmRow};

use bitflags::bitflags;

use crate::diag::Diagnostic;
use crate::draft::{GlobalDraft, HttpErrorsDraft, ProxyDraft, UserlistDraft};
use crate::model::{Resolvers, Ring};

/// What can begin a line of `global`.
pub(crate) static GLOBALS: &[&[Keyword<GlobalDraft>]] =
    &[global::GLOBAL, tuning::TUNING, tls::GLOBAL_TLS, unused::UNUSED];

/// What can begin a line of a `userlist`.
pub(crate) static USERLISTS: &[&[Keyword<UserlistDraft>]] = &[userlist::USERLIST];

/// What can begin a line of an `http-errors` section.
pub(crate) static HTTP_ERRORS: &[&[Keyword<HttpErrorsDraft>]] = &[http::HTTP_ERRORS];

/// What can begin a line of a `resolvers` section.
pub(crate) static RESOLVERS: &[&[Keyword<Resolvers>]] = &[resolvers::RESOLVERS];

/// What can begin a line of a `ring` section.
pub(crate) static RINGS: &[&[Keyword<Ring>]] = &[ring::RING];

/// Whether a line of `global` is among those that the model cannot be turned back into.
pub(crate) fn is_kept_global(word: &str) -> bool {
    tls::GLOBAL_TLS.iter().chain(tuning::TUNING).any(|k| k.row.name == word)
}

/// The sections in which an option that is on or off is valid.
pub(crate) fn option_sections(name: &str) -> Sections {
    let named = |k: &&Keyword<ProxyDraft>| k.row.name.strip_prefix("option ") == Some(name);
    option::OPTIONS.iter().find(named).map_or(Sections::DEFAULTS, |k| k.row.sections)
}

/// What can begin a line of a proxy.
pub(crate) static PROXIES: &[&[Keyword<ProxyDraft>]] = &[
    proxy::PROXY,
    balance::BALANCE,
    timeout::TIMEOUTS,
    option::OPTIONS,
    http::HTTP,
    compression::COMPRESSION,
    outgoing::SOURCE,
    retry::RETRY,
    stats::STATS,
    rules::RULES,
    check::CHECKS,
];

/// A table of words under its title.
pub struct Table {
    /// What its words belong to.
    pub title: &'static str,
    /// The rows.
    pub rows: Vec<&'static Row>,
}

/// All tables, for the reference and `-dK`.
pub fn tables() -> Vec<Table> {
    fn rows<T>(tables: &'static [&'static [Keyword<T>]]) -> Vec<&'static Row> {
        tables.iter().flat_map(|table| table.iter()).map(|keyword| &keyword.row).collect()
    }
    vec![
        Table { title: "global", rows: rows(GLOBALS) },
        Table { title: "defaults, frontend, listen, backend", rows: rows(PROXIES) },
        Table { title: "userlist", rows: rows(USERLISTS) },
        Table { title: "resolvers", rows: rows(RESOLVERS) },
        Table { title: "ring", rows: rows(RINGS) },
        Table { title: "http-errors", rows: rows(HTTP_ERRORS) },
        Table { title: "bind and stats socket", rows: rows(bind::BINDS) },
        Table { title: "server and default-server", rows: rows(server::SERVERS) },
    ]
}

/// Whether a word works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It does what HAProxy's does.
    Served,
    /// It is known, and refused because nothing serves it yet.
    NotYet,
    /// It is known, and will not be served for this reason.
    Refused(&'static str),
    /// It is taken, and means nothing here for this reason: a notice says so.
    NoEffect(&'static str),
}

bitflags! {
    /// A set of section kinds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Sections: u8 {
        /// `global`.
        const GLOBAL = 1;
        /// `defaults`.
        const DEFAULTS = 2;
        /// `frontend` and `listen`.
        const FRONTEND = 4;
        /// `backend` and `listen`.
        const BACKEND = 8;
        /// `userlist`.
        const USERLIST = 16;
        /// `http-errors`.
        const HTTP_ERRORS = 32;
        /// `resolvers`.
        const RESOLVERS = 64;
        /// `ring`.
        const RING = 128;
    }
}

impl Sections {
    /// The names of the sections that are in the set.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (Self::GLOBAL, "global"),
            (Self::DEFAULTS, "defaults"),
            (Self::FRONTEND, "frontend"),
            (Self::FRONTEND.union(Self::BACKEND), "listen"),
            (Self::BACKEND, "backend"),
            (Self::USERLIST, "userlist"),
            (Self::HTTP_ERRORS, "http-errors"),
            (Self::RESOLVERS, "resolvers"),
            (Self::RING, "ring"),
        ];
        all.into_iter().filter(|(set, _)| self.intersects(*set)).map(|(_, name)| name).collect()
    }
}

/// What is known about a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The word, or the two words, that it is written with.
    pub name: &'static str,
    /// Its arguments.
    pub syntax: &'static str,
    /// Where it is valid.
    pub sections: Sections,
    /// What it does.
    pub doc: &'static str,
    /// Whether it is served.
    pub status: Status,
    /// Whether `no` before it takes it back.
    pub negatable: bool,
    /// Whether it is an error in the wrong half of a proxy, where most words are read, and passed over with a warning.
    pub strict: bool,
}

/// A row with what reads the word's arguments into a draft.
pub(crate) struct Keyword<T: 'static> {
    pub(crate) row: Row,
    pub(crate) parse: Option<Parse<T>>,
}

/// Reads the arguments of a word. What is fatal is returned; what is not goes to [`Args::note`].
pub(crate) type Parse<T> = fn(&mut T, &mut Args<'_>) -> Result<(), Diagnostic>;

impl Row {
    /// A word that stands before nothing but its arguments, and that is passed over in the wrong half of a proxy.
    const fn new(
        name: &'static str,
        syntax: &'static str,
        sections: Sections,
        doc: &'static str,
        status: Status,
    ) -> Self {
        Self { name, syntax, sections, doc, status, negatable: false, strict: false }
    }
}

impl<T> Keyword<T> {
    /// The same word, which may be preceded by `no`.
    pub(crate) const fn negatable(mut self) -> Self {
        self.row.negatable = true;
        self
    }

    /// The same word, which is an error in the wrong half of a proxy.
    pub(crate) const fn strict(mut self) -> Self {
        self.row.strict = true;
        self
    }
}

/// A word that works.
pub(crate) const fn served<T>(
    name: &'static str,
    syntax: &'static str,
    sections: Sections,
    doc: &'static str,
    parse: Parse<T>,
) -> Keyword<T> {
    Keyword { row: Row::new(name, syntax, sections, doc, Status::Served), parse: Some(parse) }
}

/// A word whose arguments are read and checked, but that nothing carries out yet.
pub(crate) const fn planned<T>(
    name: &'static str,
    syntax: &'static str,
    sections: Sections,
    doc: &'static str,
    parse: Parse<T>,
) -> Keyword<T> {
    Keyword { row: Row::new(name, syntax, sections, doc, Status::NotYet), parse: Some(parse) }
}

/// A word that is known by name only.
pub(crate) const fn unread<T>(
    name: &'static str,
    syntax: &'static str,
    sections: Sections,
    doc: &'static str,
) -> Keyword<T> {
    Keyword { row: Row::new(name, syntax, sections, doc, Status::NotYet), parse: None }
}

/// Why a word of a later version is refused.
pub(crate) const NEWER: &str = "this word came after HAProxy 2.6, whose language lbx speaks";

/// A word of a later HAProxy than the one whose language is served.
pub(crate) const fn newer<T>(
    name: &'static str,
    syntax: &'static str,
    sections: Sections,
    doc: &'static str,
) -> Keyword<T> {
    refused(name, syntax, sections, doc, NEWER)
}

/// A word that is taken and means nothing here: its arguments are checked by what `syntax` says of them.
pub(crate) const fn inert<T>(
    name: &'static str,
    syntax: &'static str,
    sections: Sections,
    doc: &'static str,
    reason: &'static str,
) -> Keyword<T> {
    Keyword { row: Row::new(name, syntax, sections, doc, Status::NoEffect(reason)), parse: None }
}

/// A word that will not be served.
pub(crate) const fn refused<T>(
    name: &'static str,
    syntax: &'static str,
    sections: Sections,
    doc: &'static str,
    reason: &'static str,
) -> Keyword<T> {
    Keyword { row: Row::new(name, syntax, sections, doc, Status::Refused(reason)), parse: None }
}
