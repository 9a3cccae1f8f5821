//! HTTP mode.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod exchange;
mod h1;
mod h2;
pub(crate) mod headers;
pub(crate) mod link;
pub(crate) mod pool;
pub(crate) mod serve;
pub(crate) mod wire;
