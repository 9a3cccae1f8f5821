//! Statistics: rows for frontends, servers and backends, and the process's own, with the names, places and kinds that
//! `show stat` and `show info` give them.

mod column;
mod info;
pub mod page;
mod render;
mod row;
#[cfg(test)]
mod tests;
mod value;

pub use column::{COLUMNS, Column};
pub use info::{FIELDS, Field, Info};
pub use render::{csv, info_json, info_text, info_typed, json, typed};
pub use row::{Filter, Row, rows};
pub use value::{Tags, Value};
