//! Encodings: hexadecimal, base64, URLs, JSON strings, numbers in bytes.

use super::base64::{self, Alphabet};
use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::pattern::digit;
use crate::sample::SampleType::{Bin, Sint, Str};
use crate::sample::{LONGEST, Sample};
use crate::table::{Convert, ConverterRow, convert_with};

type Built = Result<Box<dyn Convert>, ArgError>;

const DECIMAL: &[Arg] = &[
    need("separator", ArgKind::Str),
    need("chunk_size", ArgKind::IntIn(1, 8)),
    opt("truncate", ArgKind::Int),
];

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::plain("b64dec", (Str, Bin), "the bytes of a base64 text", "str(YWJj),b64dec", |s| {
        base64::decode(s.data()?, Alphabet::Standard).map(Sample::bin)
    }),
    ConverterRow::plain("base64", (Bin, Str), "base64", "str(abc),base64", |s| {
        Some(Sample::str(base64::encode(s.data()?, Alphabet::Standard)))
    }),
    ConverterRow::with(
        "be2dec",
        DECIMAL,
        (Bin, Str),
        "big-endian numbers of so many bytes, in decimal",
        "bin(7f000001),be2dec(.,1)",
        |a| to_decimal(a, |chunk| chunk.iter().fold(0, |n, b| n << 8 | u64::from(*b))),
    ),
    ConverterRow::with(
        "be2hex",
        &[
            opt("separator", ArgKind::Str),
            opt("chunk_size", ArgKind::IntIn(1, i32::MAX as i64)),
            opt("truncate", ArgKind::Int),
        ],
        (Bin, Str),
        "two hexadecimal digits for each byte, in chunks",
        "bin(01020304),be2hex(:,2)",
        be2hex,
    ),
    ConverterRow::plain("hex", (Bin, Str), "two hexadecimal digits for each byte", "src,hex", |s| {
        let mut out = Vec::new();
        write_hex(s.data()?, &mut out);
        Some(Sample::str(out))
    }),
    ConverterRow::plain("hex2i", (Str, Sint), "the number of hexadecimal digits", "str(ff),hex2i", |s| {
        let text = std::str::from_utf8(s.data()?).ok()?;
        u64::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+')).map(|n| Sample::Int(n as i64))
    }),
    ConverterRow::plain(
        "htonl",
        (Sint, Bin),
        "a number as four bytes in network order",
        "int(258),htonl",
        |s| match s {
            Sample::Int(n) => Some(Sample::bin((n as u32).to_be_bytes().to_vec())),
            _ => None,
        },
    ),
    ConverterRow::with(
        "json",
        &[opt("input-code", ArgKind::Word(JSON_CODES))],
        (Str, Str),
        "escaped for a string of JSON",
        "req.hdr(user-agent),json(utf8s)",
        json,
    ),
    ConverterRow::with(
        "le2dec",
        DECIMAL,
        (Bin, Str),
        "little-endian numbers of so many bytes, in decimal",
        "bin(0100),le2dec(.,2)",
        |a| to_decimal(a, |chunk| chunk.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))),
    ),
    ConverterRow::plain("ub64dec", (Str, Bin), "the bytes of a base64url text", "str(YWJj),ub64dec", |s| {
        base64::decode(s.data()?, Alphabet::Url).map(Sample::bin)
    }),
    ConverterRow::plain("ub64enc", (Bin, Str), "base64url", "str(abc),ub64enc", |s| {
        Some(Sample::str(base64::encode(s.data()?, Alphabet::Url)))
    }),
    ConverterRow::with(
        "url_dec",
        &[opt("in_form", ArgKind::Int)],
        (Str, Str),
        "percent signs decoded; `+` too behind a question mark, or everywhere",
        "path,url_dec",
        |a| {
            let form = a.int(0, 0) != 0;
            Ok(convert_with(form, |form, s, _| url_dec(s.data()?, *form).map(Sample::str)))
        },
    ),
    ConverterRow::with(
        "url_enc",
        &[opt("enc_type", ArgKind::Word(&["query"]))],
        (Str, Str),
        "encoded for a query string",
        "req.hdr(host),url_enc",
        |_| Ok(convert_with((), |(), s, _| Some(Sample::str(url_enc(s.data()?))))),
    ),
];

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() * 2);
    for b in bytes {
        out.extend([HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
    }
}

/// Chunks with separators between them. Without the last one where it is too short and that is wanted.
fn chunked(
    bytes: &[u8],
    size: usize,
    separator: &[u8],
    truncate: bool,
    write: impl Fn(&[u8], &mut Vec<u8>),
) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, chunk) in bytes.chunks(size.max(1)).enumerate() {
        if truncate && chunk.len() < size || out.len() > LONGEST {
            break;
        }
        if i > 0 {
            out.extend_from_slice(separator);
        }
        write(chunk, &mut out);
    }
    out
}

fn to_decimal(args: &mut Args<'_>, number: fn(&[u8]) -> u64) -> Built {
    let separator: Box<[u8]> = args.str(0).as_bytes().into();
    let size = usize::try_from(args.int(1, 1)).unwrap_or(1);
    let truncate = args.int(2, 0) != 0;
    Ok(convert_with((separator, size, truncate, number), |(separator, size, truncate, number), s, _| {
        let write = |chunk: &[u8], out: &mut Vec<u8>| out.extend(number(chunk).to_string().as_bytes());
        Some(Sample::str(chunked(s.data()?, *size, separator, *truncate, write)))
    }))
}

fn be2hex(args: &mut Args<'_>) -> Built {
    let separator: Box<[u8]> = args.str(0).as_bytes().into();
    let size = usize::try_from(args.int(1, 1)).unwrap_or(1);
    let truncate = args.int(2, 0) != 0;
    if !separator.is_empty() && args.opt_int(1).is_none() {
        return Err(ArgError::new(1, "a separator needs a chunk size"));
    }
    Ok(convert_with((separator, size, truncate), |(separator, size, truncate), s, _| {
        Some(Sample::str(chunked(s.data()?, *size, separator, *truncate, write_hex)))
    }))
}

/// Characters that stay as they are in a query string (RFC 3986, section 2.3).
fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
}

fn url_enc(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for b in bytes {
        match is_unreserved(*b) {
            true => out.push(*b),
            false => out.extend([b'%', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]),
        }
    }
    out
}

/// None where two hexadecimal digits do not follow a percent sign.
fn url_dec(bytes: &[u8], form: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut in_query = form;
    let mut at = 0;
    while let Some(b) = bytes.get(at) {
        match b {
            b'%' => {
                let (high, low) = (digit(*bytes.get(at + 1)?)?, digit(*bytes.get(at + 2)?)?);
                out.push(high << 4 | low);
                at += 2;
            }
            b'+' if in_query => out.push(b' '),
            b => {
                in_query |= *b == b'?';
                out.push(*b);
            }
        }
        at += 1;
    }
    Some(out)
}

const JSON_CODES: &[&str] = &["ascii", "utf8", "utf8s", "utf8p", "utf8ps"];

/// How a text is decoded before it is escaped.
#[derive(Clone, Copy)]
struct JsonCode {
    utf8: bool,
    /// Errors are left out rather than make it fail.
    silent: bool,
    /// More bytes than a character needs are taken.
    permissive: bool,
}

fn json(args: &mut Args<'_>) -> Built {
    let code = match args.opt_str(0).unwrap_or("ascii") {
        "ascii" => JsonCode { utf8: false, silent: false, permissive: false },
        name => JsonCode { utf8: true, silent: name.ends_with('s'), permissive: name.contains('p') },
    };
    Ok(convert_with(code, |code, s, _| code.escape(s.data()?).map(Sample::str)))
}

impl JsonCode {
    fn escape(self, mut bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len() + 16);
        while !bytes.is_empty() {
            let (character, len) = match self.utf8 {
                true => decode_utf8(bytes, self.permissive),
                false => (Some(u32::from(bytes[0])), 1),
            };
            bytes = &bytes[len..];
            match character {
                // JSON has four digits for a character.
                Some(c @ 0..=0xffff) => escape_char(c as u16, &mut out),
                _ if self.silent => {}
                _ => return None,
            }
        }
        Some(out)
    }
}

fn escape_char(c: u16, out: &mut Vec<u8>) {
    let short = match c {
        0x22 => b'"',
        0x5c => b'\\',
        0x2f => b'/',
        0x08 => b'b',
        0x0c => b'f',
        0x0a => b'n',
        0x0d => b'r',
        0x09 => b't',
        0x20..=0x7e => return out.push(c as u8),
        _ => return out.extend(format!("\\u{c:04x}").as_bytes()),
    };
    out.extend([b'\\', short]);
}

/// A character and how many bytes it takes; None where they are none.
fn decode_utf8(bytes: &[u8], permissive: bool) -> (Option<u32>, usize) {
    let first = bytes[0];
    let (len, low, mut c) = match first {
        0..=0x7f => return (Some(first.into()), 1),
        0xc0..=0xdf => (2, 0x80, u32::from(first & 0x1f)),
        0xe0..=0xef => (3, 0x800, u32::from(first & 0xf)),
        0xf0..=0xf7 => (4, 0x1_0000, u32::from(first & 7)),
        _ => return (None, 1),
    };
    for i in 1..len {
        match bytes.get(i) {
            Some(b) if b & 0xc0 == 0x80 => c = c << 6 | u32::from(b & 0x3f),
            _ => return (None, i),
        }
    }
    let forbidden = matches!(c, 0xd800..=0xdfff | 0xfffe..=0xffff) || c < low && !permissive;
    ((!forbidden).then_some(c), len)
}
