//! What can go wrong before a configuration is live.

use std::fmt;
use std::io;

use lb_conf::model::{BindAddress, Name};
use lb_conf::span::Span;

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("{frontend}: {call} on {}: {source}", display(address))]
pub struct BindError {
    /// The proxy that owns the `bind` line.
    pub frontend: Name,
    /// The address.
    pub address: BindAddress,
    /// The address in the configuration.
    pub span: Span,
    /// The system call that failed.
    pub call: &'static str,
    /// Its error.
    pub source: io::Error,
}

/// Why a configuration cannot be made live; what runs is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Addresses that cannot be bound: all of them, in the configuration's order.
    #[error("{}", lines(.0))]
    Bind(Vec<BindError>),
}

pub(crate) fn display(address: &BindAddress) -> impl fmt::Display + '_ {
    struct Shown<'a>(&'a BindAddress);
    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.0 {
                BindAddress::Inet(addr) => addr.fmt(f),
                BindAddress::Unix(path) => path.display().fmt(f),
                BindAddress::Inherited(number) => write!(f, "fd@{number}"),
            }
        }
    }
    Shown(address)
}

fn lines(errors: &[BindError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
