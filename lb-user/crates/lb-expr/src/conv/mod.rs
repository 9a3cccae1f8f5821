//! The table of converters, by what they do.

mod arith;

use crate::table::ConverterRow;

/// Every row.
pub(crate) fn rows() -> impl Iterator<Item = &'static ConverterRow> {
    [arith::ROWS].into_iter().flatten()
}
