//! Stick tables: what is remembered of clients, by a key.
//!
//! A table is shared by all workers. It is cut into shards by the hash of keys; each shard has a lock that is held for a
//! look-up or an insertion, and each entry one that is held while a column is read or changed.

mod columns;
mod entry;
mod key;
mod shared;
mod table;
#[cfg(test)]
mod tests;

pub use columns::{Metric, Slot};
pub use entry::{Entry, Tracker};
pub use key::{BadKey, Key};
pub use shared::Counts;
pub use table::{StickTable, Used};
