//! The words of the language, one row each: name, syntax, where it is valid, what it does, whether it is served, and
//! what reads its arguments.
//!
//! To serve a word that was not: have its row's parser fill the model and change the row from `planned` (or
//! `unread`, if nothing read its arguments before) to `served`. The reference, the hints and `-dK` follow.

pub mod section;

/// Whether a word works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It does what HAProxy's does.
    Served,
    /// It is known, and refused because nothing serves it yet.
    NotYet,
    /// It is known, and will not be served for this reason.
    Refused(&'static str),
}
