//! The table of converters, by what they do.

mod arith;
pub(crate) mod base64;
mod codec;
mod crypto;
pub(crate) mod hash;
mod json;
mod map;
mod misc;
mod note;
mod payload;
mod rfc7239;
mod table;
mod text;
mod vars;

pub use vars::{SET_VAR_CONDITIONS, SetVarCondition};

use crate::table::ConverterRow;

/// Every row.
pub(crate) fn rows() -> impl Iterator<Item = &'static ConverterRow> {
    let tables = [
        arith::ROWS,
        codec::ROWS,
        crypto::ROWS,
        json::ROWS,
        hash::ROWS,
        misc::ROWS,
        note::ROWS,
        payload::ROWS,
        rfc7239::ROWS,
        text::ROWS,
        vars::ROWS,
    ];
    tables.into_iter().flatten().chain(map::rows()).chain(table::rows())
}
