//! Bodies through an encoder, piece by piece.

use std::fmt;
use std::io::{self, Write};
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderMap;
use hyper::body::Frame;
use lb_conf::model::CompressionAlgorithm;

/// How hard DEFLATE works: a proxy has little time, and the first level gets most of what there is to get.
const LEVEL: flate2::Compression = flate2::Compression::fast();

/// The same of Brotli, whose scale ends with 11.
const BROTLI_QUALITY: u32 = 3;

/// Brotli's window in bits, which is what it needs memory for.
const BROTLI_WINDOW: u32 = 18;

/// Brotli's buffer.
const BROTLI_BUFFER: usize = 4096;

/// The same of Zstandard, whose scale ends with 22.
const ZSTD_LEVEL: i32 = 1;

/// Bodies through an encoder. Its memory does not depend on theirs.
pub(crate) struct Coder {
    engine: Engine,
    /// Something went in that has not come out yet.
    holds: bool,
    /// The end came out.
    ended: bool,
    trailers: Option<HeaderMap>,
    taken: usize,
}

enum Engine {
    Identity(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zlib(ZlibEncoder<Vec<u8>>),
    Deflate(DeflateEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl fmt::Debug for Coder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coder")
            .field("holds", &self.holds)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Coder {
    /// Begins with a body. None: the encoder cannot be had for lack of memory.
    pub(crate) fn new(algorithm: CompressionAlgorithm) -> Option<Self> {
        let out = Vec::new();
        let engine = match algorithm {
            CompressionAlgorithm::Identity => Engine::Identity(out),
            CompressionAlgorithm::Gzip => Engine::Gzip(GzEncoder::new(out, LEVEL)),
            CompressionAlgorithm::Deflate => Engine::Zlib(ZlibEncoder::new(out, LEVEL)),
            CompressionAlgorithm::RawDeflate => Engine::Deflate(DeflateEncoder::new(out, LEVEL)),
            CompressionAlgorithm::Brotli => Engine::Brotli(Box::new(brotli::CompressorWriter::new(
                out,
                BROTLI_BUFFER,
                BROTLI_QUALITY,
                BROTLI_WINDOW,
            ))),
            CompressionAlgorithm::Zstd => {
                Engine::Zstd(zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).ok()?)
            }
        };
        Some(Self { engine, holds: false, ended: false, trailers: None, taken: 0 })
    }

    /// Whether the end came out.
    pub(crate) fn is_over(&self) -> bool {
        self.ended && self.trailers.is_none()
    }

    /// How many bytes went in since this was asked last.
    pub(crate) fn take_count(&mut self) -> usize {
        std::mem::take(&mut self.taken)
    }

    /// The next piece of what comes out, made of the pieces that `inner` has; `is_last` says whether the one that it
    /// gave was the last.
    pub(crate) fn poll_frame<B: Unpin, E: From<io::Error>>(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut B,
        mut inner: impl FnMut(&mut B, &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>>,
        is_last: impl Fn(&B) -> bool,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        if self.ended {
            return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        loop {
            let out = match inner(body, cx) {
                Poll::Ready(Some(Ok(frame))) => self.take(frame, is_last(body)),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => self.finish(),
                // Nothing more for now: what went in is not to wait for it.
                Poll::Pending if self.holds => self.flush(),
                Poll::Pending => return Poll::Pending,
            };
            match out {
                Ok(out) if !out.is_empty() => return Poll::Ready(Some(Ok(Frame::data(out)))),
                Ok(_) if self.ended => {
                    return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    fn take(&mut self, frame: Frame<Bytes>, is_last: bool) -> io::Result<Bytes> {
        match frame.into_data() {
            Ok(data) => {
                self.feed(&data)?;
                if is_last { self.finish() } else { Ok(self.out()) }
            }
            Err(frame) => {
                self.trailers = frame.into_trailers().ok();
                self.finish()
            }
        }
    }

    fn feed(&mut self, data: &[u8]) -> io::Result<()> {
        self.holds = true;
        self.taken += data.len();
        self.engine.writer().write_all(data)
    }

    fn flush(&mut self) -> io::Result<Bytes> {
        self.holds = false;
        self.engine.writer().flush()?;
        Ok(self.out())
    }

    fn finish(&mut self) -> io::Result<Bytes> {
        (self.holds, self.ended) = (false, true);
        let out = match std::mem::replace(&mut self.engine, Engine::Identity(Vec::new())) {
            Engine::Identity(out) => out,
            Engine::Gzip(encoder) => encoder.finish()?,
            Engine::Zlib(encoder) => encoder.finish()?,
            Engine::Deflate(encoder) => encoder.finish()?,
            Engine::Brotli(encoder) => encoder.into_inner(),
            Engine::Zstd(encoder) => encoder.finish()?,
        };
        Ok(out.into())
    }

    /// What has come out so far.
    fn out(&mut self) -> Bytes {
        let out = match &mut self.engine {
            Engine::Identity(out) => out,
            Engine::Gzip(encoder) => encoder.get_mut(),
            Engine::Zlib(encoder) => encoder.get_mut(),
            Engine::Deflate(encoder) => encoder.get_mut(),
            Engine::Brotli(encoder) => encoder.get_mut(),
            Engine::Zstd(encoder) => encoder.get_mut(),
        };
        Bytes::from(std::mem::take(out))
    }
}

impl Engine {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Identity(out) => out,
            Self::Gzip(encoder) => encoder,
            Self::Zlib(encoder) => encoder,
            Self::Deflate(encoder) => encoder,
            Self::Brotli(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decoded(algorithm: CompressionAlgorithm, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match algorithm {
            CompressionAlgorithm::Identity => out.extend_from_slice(bytes),
            CompressionAlgorithm::Gzip => {
                flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
            }
            CompressionAlgorithm::Deflate => {
                flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut out).unwrap();
            }
            CompressionAlgorithm::RawDeflate => {
                flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out).unwrap();
            }
            CompressionAlgorithm::Brotli => {
                brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out).unwrap();
            }
            CompressionAlgorithm::Zstd => out = zstd::stream::decode_all(bytes).unwrap(),
        }
        out
    }

    #[test]
    fn what_comes_out_is_what_went_in() {
        let piece = Bytes::from(b"all work and no play ".repeat(500));
        for (name, algorithm) in CompressionAlgorithm::ALL {
            let mut coder = Coder::new(algorithm).unwrap();
            let mut out = Vec::new();
            for last in [false, false, true] {
                out.extend_from_slice(&coder.take(Frame::data(piece.clone()), last).unwrap());
                if !last {
                    let flushed = coder.flush().unwrap();
                    out.extend_from_slice(&flushed);
                    assert!(!out.is_empty(), "{name}: nothing waits behind a flush");
                }
            }
            assert!(coder.is_over());
            assert_eq!(coder.take_count(), 3 * piece.len());
            assert_eq!(decoded(algorithm, &out), piece.repeat(3), "{name}");
            if algorithm != CompressionAlgorithm::Identity {
                assert!(out.len() < piece.len() / 5, "{name}: {}", out.len());
            }
        }
    }
}
