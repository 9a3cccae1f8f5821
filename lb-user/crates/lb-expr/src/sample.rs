//! Samples: the values that fetches return and converters change.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

/// The type of a sample, as rows of the tables declare it (configuration.txt, section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampleType {
    /// Whatever comes: known only when the sample is there.
    Any,
    /// True or false.
    Bool,
    /// A signed integer of 64 bits.
    Sint,
    /// An address of either family.
    Addr,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Text: bytes that end before the first NUL.
    Str,
    /// Bytes.
    Bin,
    /// An HTTP method.
    Method,
}

impl SampleType {
    /// The name that HAProxy's listings (`-dK`) and the reference use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Bool => "bool",
            Self::Sint => "sint",
            Self::Addr => "addr",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Str => "str",
            Self::Bin => "bin",
            Self::Method => "meth",
        }
    }
}

impl fmt::Display for SampleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The most bytes that a converter may make, so that a chain of them takes memory within bounds. Headers and buffers
/// are far shorter.
pub(crate) const LONGEST: usize = 1 << 20;

/// Bytes that a sample borrows, owns or shares.
#[derive(Clone)]
pub enum Data<'a> {
    /// Of the request, the response, the connection or the configuration.
    Borrowed(&'a [u8]),
    /// Made by a fetch or a converter.
    Owned(Vec<u8>),
    /// Of a variable.
    Shared(Bytes),
}

impl<'a> Data<'a> {
    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(b) => b,
            Self::Owned(v) => v,
            Self::Shared(b) => b,
        }
    }

    /// The stretch `from..to` of these bytes, cut to what there is, without copying borrowed ones.
    pub fn slice(self, from: usize, to: usize) -> Self {
        let len = self.as_bytes().len();
        let (from, to) = (from.min(len), to.min(len));
        let from = from.min(to);
        match self {
            Self::Borrowed(b) => Self::Borrowed(&b[from..to]),
            Self::Owned(mut v) => {
                v.truncate(to);
                v.drain(..from);
                Self::Owned(v)
            }
            Self::Shared(b) => Self::Shared(b.slice(from..to)),
        }
    }

    /// The bytes as a vector of their own.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Borrowed(b) => b.to_vec(),
            Self::Owned(v) => v,
            Self::Shared(b) => b.to_vec(),
        }
    }

    /// The bytes as a handle that outlives the request.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Borrowed(b) => Bytes::copy_from_slice(b),
            Self::Owned(v) => Bytes::from(v),
            Self::Shared(b) => b,
        }
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.as_bytes()), f)
    }
}

impl PartialEq for Data<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Data<'_> {}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(b: &'a [u8]) -> Self {
        Self::Borrowed(b)
    }
}

impl<'a> From<&'a str> for Data<'a> {
    fn from(s: &'a str) -> Self {
        Self::Borrowed(s.as_bytes())
    }
}

impl From<Vec<u8>> for Data<'_> {
    fn from(v: Vec<u8>) -> Self {
        Self::Owned(v)
    }
}

impl From<String> for Data<'_> {
    fn from(s: String) -> Self {
        Self::Owned(s.into_bytes())
    }
}

impl From<Bytes> for Data<'_> {
    fn from(b: Bytes) -> Self {
        Self::Shared(b)
    }
}

/// The value of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sample<'a> {
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// Text.
    Str(Data<'a>),
    /// Bytes.
    Bin(Data<'a>),
    /// An HTTP method, by its name.
    Method(Data<'a>),
}

impl<'a> Sample<'a> {
    /// Text.
    pub fn str(data: impl Into<Data<'a>>) -> Self {
        Self::Str(data.into())
    }

    /// Bytes.
    pub fn bin(data: impl Into<Data<'a>>) -> Self {
        Self::Bin(data.into())
    }

    /// An address of either family.
    pub fn addr(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(a) => Self::Ipv4(a),
            IpAddr::V6(a) => Self::Ipv6(a),
        }
    }

    /// The type that this sample has.
    pub fn kind(&self) -> SampleType {
        match self {
            Self::Bool(_) => SampleType::Bool,
            Self::Int(_) => SampleType::Sint,
            Self::Ipv4(_) => SampleType::Ipv4,
            Self::Ipv6(_) => SampleType::Ipv6,
            Self::Str(_) => SampleType::Str,
            Self::Bin(_) => SampleType::Bin,
            Self::Method(_) => SampleType::Method,
        }
    }

    /// The bytes of text, binary and method samples.
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Self::Str(d) | Self::Bin(d) | Self::Method(d) => Some(d.as_bytes()),
            _ => None,
        }
    }

    /// The address of address samples.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ipv4(a) => Some(IpAddr::V4(*a)),
            Self::Ipv6(a) => Some(IpAddr::V6(*a)),
            _ => None,
        }
    }
}
