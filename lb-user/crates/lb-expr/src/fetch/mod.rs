//! The table of fetches, by what they look at.

mod auth;
mod buffer;
mod cert;
mod conn;
mod cookie;
mod counter;
mod course;
mod distcc;
mod greeting;
mod header;
mod hello;
mod http;
mod internal;
mod kept;
mod param;
mod proxy;
mod refused;
mod tls;

use crate::table::FetchRow;

/// Every name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    rows().flat_map(|row| row.names.iter().copied())
}

/// Every row.
pub(crate) fn rows() -> impl Iterator<Item = &'static FetchRow> {
    let tables = [
        internal::ROWS,
        conn::ROWS,
        tls::ROWS,
        proxy::ROWS,
        http::ROWS,
        header::ROWS,
        cookie::ROWS,
        param::ROWS,
        auth::ROWS,
        kept::ROWS,
        buffer::ROWS,
        hello::ROWS,
        distcc::ROWS,
        refused::ROWS,
        greeting::ROWS,
        course::ROWS,
    ];
    tables.into_iter().flatten().chain(cert::rows()).chain(counter::rows())
}
