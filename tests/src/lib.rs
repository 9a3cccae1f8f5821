//! The harness of the end-to-end tests: network namespaces, the daemon as a child process, origin servers, clients.
//!
//! Everything here is synchronous and bounded in time, and everything a value makes is gone when the value is dropped.
//! Namespaces have no name in the file system, so not even a test that is killed leaves one behind.

pub mod client;
pub mod cpu;
pub mod crowd;
pub mod daemon;
pub mod lab;
pub mod listening;
pub mod load;
pub mod maps;
pub mod message;
pub mod netns;
pub mod oracle;
pub mod origin;
pub mod packets;
pub mod pki;
pub mod ports;
pub mod privilege;
pub mod probe;
pub mod report;
pub mod suite;
pub mod syslog;
pub mod tool;
pub mod wait;
pub mod wire;
pub mod xdp_pass;
