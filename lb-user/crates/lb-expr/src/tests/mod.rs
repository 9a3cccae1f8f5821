//! Tests of whole expressions, conditions and formats. Expected values are what haproxy 2.6 answers to the
//! same.

mod conditions;
mod expressions;
pub(crate) mod fake;
mod formats;
mod never_panics;
mod oracle;
mod tables;

pub(crate) use oracle::CERTIFICATE;
