//! `compression`: what bodies are made smaller on their way, and how.

use super::Name;

/// The `compression` lines of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// `direction`: whether bodies of responses are compressed, as they are unless it says otherwise.
    pub responses: bool,
    /// `direction`: whether bodies of requests are.
    pub requests: bool,
    /// `algo`, `type` and `minsize-res`.
    pub response: CompressionSet,
    /// `algo-req`, `type-req` and `minsize-req`.
    pub request: CompressionSet,
    /// `offload`: servers are not told that clients take compressed bodies.
    pub offload: bool,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            responses: true,
            requests: false,
            response: CompressionSet::default(),
            request: CompressionSet::default(),
            offload: false,
        }
    }
}

/// What is compressed in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompressionSet {
    /// The algorithms. Where one word of the receiver stands for several of them, the last one counts.
    pub algorithms: Vec<CompressionAlgorithm>,
    /// The beginnings of media types. Empty: all types.
    pub types: Vec<Name>,
    /// Bodies that are known to be shorter than so many bytes are left alone.
    pub min_size: u64,
}

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionAlgorithm {
    /// Not at all, which serves to test the rest.
    Identity,
    /// `gzip` (RFC 1952).
    Gzip,
    /// `deflate` as HTTP means it, which is the zlib format (RFC 1950).
    Deflate,
    /// `raw-deflate`: DEFLATE without a frame (RFC 1951), which some clients take for `deflate`.
    RawDeflate,
    /// `br` (RFC 7932); HAProxy has none.
    Brotli,
    /// `zstd` (RFC 8878); HAProxy has none.
    Zstd,
}

impl CompressionAlgorithm {
    /// All of them by the names that the configuration has for them.
    pub const ALL: [(&'static str, Self); 6] = [
        ("identity", Self::Identity),
        ("gzip", Self::Gzip),
        ("deflate", Self::Deflate),
        ("raw-deflate", Self::RawDeflate),
        ("br", Self::Brotli),
        ("zstd", Self::Zstd),
    ];

    /// What `Content-Encoding` calls it.
    pub fn coding(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate | Self::RawDeflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}
