//! The expression language: samples, fetches, converters, ACLs, log formats.
//!
//! Everything that a configuration names is resolved when it is parsed: an [`Expr`], a [`Condition`] and a
//! [`LogFormat`] hold functions and ids, and evaluating them looks up no name, takes no lock and copies no
//! text that it can borrow. What they look at comes through [`Ctx`], what they ask of the daemon through
//! [`World`], and what their words mean in a configuration through [`Resolver`]. Nothing here opens a socket
//! or reads a clock.
//!
//! A fetch, converter, match method, log variable or predefined ACL is one row of a table: see [`fetches`],
//! [`converters`], [`METHODS`], [`VARIABLES`] and [`PREDEFINED`].
//!
//! [`METHODS`]: pattern::METHODS
//! [`VARIABLES`]: logformat::VARIABLES
//! [`PREDEFINED`]: acl::PREDEFINED

pub mod acl;
mod args;
mod cast;
mod conv;
pub mod ctx;
mod der;
pub mod error;
mod expr;
mod fetch;
pub mod hello;
pub mod hint;
pub mod keyed {
    //! The hashes of `hash-type`.
    pub use crate::conv::hash::{avalanche, crc32, djb2, sdbm, wt6};
}
pub mod logformat;
pub mod pattern;
pub mod place;
pub mod resolve;
pub mod sample;
mod table;
#[cfg(test)]
mod tests;
mod time;
pub mod vars;
pub mod world;

pub use acl::{Acl, Acls, Condition, Verdict};
pub use args::{Arg, ArgKind};
pub use conv::{SET_VAR_CONDITIONS, SetVarCondition};
pub use ctx::Ctx;
pub use error::{ErrorKind, ParseError};
pub use expr::Expr;
pub use logformat::{FactSource, LogFacts, LogFormat, Style};
pub use place::{Checkpoint, Source};
pub use resolve::{Env, Layer, Resolver, Unresolved};
pub use sample::{Data, Sample, SampleType};
pub use table::Figure;
pub use table::{ConverterRow, FetchRow, syntax};
pub use world::World;

/// The table of fetches.
pub fn fetches() -> impl Iterator<Item = &'static FetchRow> {
    fetch::rows()
}

/// The table of converters.
pub fn converters() -> impl Iterator<Item = &'static ConverterRow> {
    conv::rows()
}
