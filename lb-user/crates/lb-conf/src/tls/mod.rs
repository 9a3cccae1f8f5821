//! What the words of TLS mean: cipher strings, curves, versions, lists of certificates.

mod ciphers;
mod curves;
mod suite;
mod table;

pub use ciphers::{CipherError, Ciphers, parse_ciphers, parse_ciphersuites};
pub use curves::{Curve, CurveError, Curves, parse_curves};
pub use suite::CipherSuite;
