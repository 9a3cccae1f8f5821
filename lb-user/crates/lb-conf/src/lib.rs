//! The configuration: lexer, syntax tree, diagnostics, keyword tables and the resolved model.
//!
//! Text goes through four forms, each a type of its own: words with their places ([`lex`]), sections and lines
//! ([`ast`]), what was typed with its defaults applied (`draft`), and what the daemon runs on ([`model`]), in which
//! every name is resolved. Nothing here opens a socket or reads a clock; files come through a trait.

pub mod action;
pub mod ast;
mod compile;
pub mod diag;
mod draft;
mod dump;
mod environment;
pub mod host;
pub mod keyword;
pub mod lex;
mod load;
pub mod model;
pub mod preproc;
pub mod quote;
pub mod reference;
mod resolve;
pub mod source;
pub mod span;
pub mod tls;
pub mod units;

pub use dump::dump;
pub use environment::Environment;
pub use host::Host;
pub use load::{Options, Outcome, load, load_text, load_with};
