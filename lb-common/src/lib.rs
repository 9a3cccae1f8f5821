//! What kernel and user space share: the maps' ABI, hashes, checksums, and the forwarding decision.
//!
//! Everything here is plain code without sockets or clocks: the XDP program runs it over packet pointers and BPF maps,
//! tests over byte slices and tables in memory; the user plane selects servers with it.
#![no_std]

#[cfg(any(feature = "user", test))]
extern crate std;

pub mod address;
mod answer;
pub mod be;
pub mod bench;
pub mod counter;
pub mod csum;
pub mod decap;
pub mod direct;
pub mod event;
pub mod forward;
pub mod hash;
mod icmp;
pub mod key;
pub mod label;
mod link;
#[cfg(feature = "user")]
pub mod maglev;
#[cfg(feature = "user")]
pub mod memory;
pub mod names;
pub mod open;
pub mod packet;
pub mod rate;
pub mod rates;
pub mod rule;
pub mod rules;
pub mod select;
#[cfg(feature = "user")]
pub mod sequence;
pub mod tables;
pub mod tcp;
pub mod trace;
mod transport;
pub mod value;
