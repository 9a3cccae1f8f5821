//! The table of fetches, by what they look at.

mod internal;

use crate::table::FetchRow;

/// Every row.
pub(crate) fn rows() -> impl Iterator<Item = &'static FetchRow> {
    [internal::ROWS].into_iter().flatten()
}
