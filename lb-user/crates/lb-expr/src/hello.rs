//! The hello of a TLS client, read off the wire (RFC 8446, sections 4 and 5.1).

use xxhash_rust::xxh64::xxh64;

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// A handshake message in a TLS record.
pub(crate) struct Handshake<'a> {
    pub(crate) kind: u8,
    pub(crate) body: &'a [u8],
}

/// More bytes are needed, or these are no handshake.
pub(crate) struct Short;

/// Whether more bytes could make a handshake of these.
pub(crate) fn may_be_tls(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|b| *b == RECORD_HANDSHAKE) && bytes.get(1).is_none_or(|b| *b == 3)
}

/// The first handshake message of a stream, whole.
pub(crate) fn first_message(bytes: &[u8]) -> Result<Handshake<'_>, Short> {
    let mut reader = Reader(bytes);
    let record = reader.take(5).filter(|r| r[0] == RECORD_HANDSHAKE && r[1] == 3).ok_or(Short)?;
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    let mut record = Reader(reader.take(length).ok_or(Short)?);
    let kind = record.number(1).ok_or(Short)? as u8;
    let body = record.vector(3).ok_or(Short)?;
    Ok(Handshake { kind, body })
}

/// The hello of a client.
pub(crate) struct ClientHello<'a> {
    version: u16,
    ciphers: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Out of a handshake message.
    pub(crate) fn parse(message: &Handshake<'a>) -> Option<Self> {
        if message.kind != CLIENT_HELLO {
            return None;
        }
        let mut reader = Reader(message.body);
        let version = reader.number(2)? as u16;
        // Random and session id.
        reader.take(32)?;
        reader.vector(1)?;
        let ciphers = reader.vector(2)?;
        // Compression methods.
        reader.vector(1)?;
        Some(Self { version, ciphers, extensions: reader.vector(2).unwrap_or_default() })
    }

    /// The body of an extension.
    pub(crate) fn extension(&self, wanted: usize) -> Option<&'a [u8]> {
        self.extensions().find(|(kind, _)| *kind == wanted).map(|(_, body)| body)
    }

    fn extensions(&self) -> impl Iterator<Item = (usize, &'a [u8])> + use<'a> {
        let mut reader = Reader(self.extensions);
        std::iter::from_fn(move || Some((reader.number(2)?, reader.vector(2)?)))
    }
}

pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    /// A big-endian number of so many bytes.
    pub(crate) fn number(&mut self, width: usize) -> Option<usize> {
        Some(self.take(width)?.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    /// Bytes behind their length.
    pub(crate) fn vector(&mut self, width: usize) -> Option<&'a [u8]> {
        let length = self.number(width)?;
        self.take(length)
    }
}

/// What is kept of a client's hello: `tune.ssl.capture-buffer-size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The version that the hello names: for TLS 1.3 that of 1.2.
    pub version: u16,
    /// Cipher suites, two bytes each.
    pub ciphers: Box<[u8]>,
    /// The numbers of extensions, two bytes each.
    pub extensions: Box<[u8]>,
    /// Supported groups, two bytes each.
    pub groups: Box<[u8]>,
    /// Formats of points on elliptic curves, a byte each.
    pub formats: Box<[u8]>,
    /// XXH64 of all cipher suites.
    pub hash: u64,
}

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A whole hello.
    Hello(Greeting),
    /// A part of one, perhaps.
    Partial,
    /// Something else.
    Other,
}

impl Greeting {
    /// Reads the first bytes of a connection, and keeps so many of what they list.
    pub fn read(bytes: &[u8], room: usize) -> Opening {
        match first_message(bytes) {
            Ok(message) => ClientHello::parse(&message)
                .map_or(Opening::Other, |hello| Opening::Hello(Self::of(&hello, room))),
            Err(Short) if may_be_tls(bytes) => Opening::Partial,
            Err(Short) => Opening::Other,
        }
    }

    fn of(hello: &ClientHello<'_>, room: usize) -> Self {
        let mut left = room;
        let mut keep = |bytes: &[u8]| -> Box<[u8]> {
            let kept = bytes.get(..left).unwrap_or(bytes);
            left -= kept.len();
            kept.into()
        };
        let numbers: Vec<u8> = hello.extensions().flat_map(|(kind, _)| (kind as u16).to_be_bytes()).collect();
        let list = |kind, width| hello.extension(kind).and_then(|body| Reader(body).vector(width));
        Self {
            version: hello.version,
            ciphers: keep(hello.ciphers),
            extensions: keep(&numbers),
            groups: keep(list(10, 2).unwrap_or_default()),
            formats: keep(list(11, 1).unwrap_or_default()),
            hash: xxh64(hello.ciphers, 0),
        }
    }
}
