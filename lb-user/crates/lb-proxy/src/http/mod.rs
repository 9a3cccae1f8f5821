//! HTTP mode.

pub(crate) mod answer;
pub(crate) mod balance;
pub(crate) mod body;
mod carrier;
mod compress;
pub(crate) mod exchange;
mod forward;
mod h1;
mod h2;
pub(crate) mod headers;
mod interim;
pub(crate) mod link;
pub(crate) mod pages;
mod persist;
pub(crate) mod pool;
pub(crate) mod rules;
pub(crate) mod serve;
mod stats;
pub(crate) mod upload;
pub(crate) mod websocket;
pub(crate) mod wire;
