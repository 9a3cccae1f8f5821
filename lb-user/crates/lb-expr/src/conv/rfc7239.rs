//! The Forwarded header (RFC 7239).

use std::net::IpAddr;

use crate::args::{ArgError, ArgKind, Args, need};
use crate::sample::Sample;
use crate::sample::SampleType::{Any, Bool, Str};
use crate::table::{Convert, ConverterRow, convert_with};

type Built = Result<Box<dyn Convert>, ArgError>;

const FIELDS: &[&str] = &["proto", "host", "for", "by"];

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::with(
        "rfc7239_field",
        &[need("field", ArgKind::Word(FIELDS))],
        (Str, Str),
        "the first value of a parameter of a Forwarded header",
        "req.hdr(forwarded),rfc7239_field(for)",
        field,
    ),
    ConverterRow::plain(
        "rfc7239_is_valid",
        (Str, Bool),
        "whether it is the value of a Forwarded header",
        "req.hdr(forwarded),rfc7239_is_valid",
        |sample| Some(Sample::Bool(is_valid(sample.data()?))),
    ),
    ConverterRow::plain(
        "rfc7239_n2nn",
        (Str, Any),
        "the name in a node of a Forwarded header: an address, `unknown` or an obfuscated one",
        "req.hdr(forwarded),rfc7239_field(for),rfc7239_n2nn",
        |sample| {
            let node = Node::parse(sample.data()?)?;
            Some(match node.ip {
                Some(ip) => Sample::addr(ip),
                None => Sample::str(node.name.to_vec()),
            })
        },
    ),
    ConverterRow::plain(
        "rfc7239_n2np",
        (Str, Any),
        "the port in a node of a Forwarded header: a number or an obfuscated one",
        "req.hdr(forwarded),rfc7239_field(for),rfc7239_n2np",
        |sample| {
            let node = Node::parse(sample.data()?)?;
            let port = node.port?;
            Some(match std::str::from_utf8(port).ok()?.parse::<u16>() {
                Ok(number) => Sample::Int(number.into()),
                Err(_) => Sample::str(port.to_vec()),
            })
        },
    ),
];

fn field(args: &mut Args<'_>) -> Built {
    let name = args.str(0).to_owned();
    Ok(convert_with(name, |name, sample, _| {
        let value = Pairs::new(sample.data()?).map_while(Result::ok).find(|pair| pair.is(name))?.value;
        Some(Sample::str(unquote(value)))
    }))
}

fn is_valid(header: &[u8]) -> bool {
    let mut seen: Vec<&[u8]> = Vec::new();
    for pair in Pairs::new(header) {
        let Ok(pair) = pair else { return false };
        if pair.first {
            seen.clear();
        }
        // A parameter stands once in an element.
        if seen.iter().any(|name| name.eq_ignore_ascii_case(pair.name)) || !pair.is_valid() {
            return false;
        }
        seen.push(pair.name);
    }
    !header.trim_ascii().is_empty()
}

/// `name=value`, the value as it is written.
struct Pair<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// Whether an element begins with it.
    first: bool,
}

impl Pair<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether name and value have the forms that the RFC gives them.
    fn is_valid(&self) -> bool {
        let value = unquote(self.value);
        match self.name.to_ascii_lowercase().as_slice() {
            b"for" | b"by" => Node::parse(&value).is_some(),
            b"host" => !value.is_empty() && !value.iter().any(|b| b.is_ascii_whitespace()),
            b"proto" => {
                let ok = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
                value.first().is_some_and(u8::is_ascii_alphabetic) && value.iter().all(ok)
            }
            _ => false,
        }
    }
}

/// The parameters of all elements; an error ends them.
struct Pairs<'a> {
    rest: Option<&'a [u8]>,
    first: bool,
}

/// It is not the value of a Forwarded header.
struct Malformed;

impl<'a> Pairs<'a> {
    fn new(header: &'a [u8]) -> Self {
        Self { rest: Some(header), first: true }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<Pair<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.take()?.trim_ascii_start();
        let end = pair_end(text);
        let pair = text[..end].trim_ascii_end();
        let first = self.first;
        if let Some(separator) = text.get(end) {
            self.first = *separator == b',';
            self.rest = Some(&text[end + 1..]);
        }
        let split = memchr::memchr(b'=', pair).map(|at| (&pair[..at], &pair[at + 1..]));
        match split {
            Some((name, value)) if is_token(name) && (is_token(value) || is_quoted(value)) => {
                Some(Ok(Pair { name, value, first }))
            }
            _ => {
                self.rest = None;
                Some(Err(Malformed))
            }
        }
    }
}

/// The first separator that no quotes protect.
fn pair_end(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let end = text.iter().position(|b| {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' | b',' => return !quoted,
            _ => {}
        }
        false
    });
    end.unwrap_or(text.len())
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

fn is_quoted(text: &[u8]) -> bool {
    text.len() >= 2 && text.starts_with(b"\"") && text.ends_with(b"\"")
}

fn unquote(value: &[u8]) -> Vec<u8> {
    if !is_quoted(value) {
        return value.to_vec();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut escaped = false;
    for b in &value[1..value.len() - 1] {
        escaped = *b == b'\\' && !escaped;
        if !escaped {
            out.push(*b);
        }
    }
    out
}

/// A node identifier (RFC 7239, section 6).
struct Node<'a> {
    name: &'a [u8],
    /// The address, where the name is one.
    ip: Option<IpAddr>,
    port: Option<&'a [u8]>,
}

impl<'a> Node<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let (name, rest) = match text.strip_prefix(b"[") {
            Some(inner) => {
                let end = memchr::memchr(b']', inner)?;
                (&text[1..=end], &inner[end + 1..])
            }
            None => text.split_at(memchr::memchr(b':', text).unwrap_or(text.len())),
        };
        let port = match rest {
            [] => None,
            [b':', port @ ..] => Some(port),
            _ => return None,
        };
        let ip = std::str::from_utf8(name).ok()?.parse::<IpAddr>().ok();
        let bracketed = text.starts_with(b"[");
        let good_name = match ip {
            Some(ip) => ip.is_ipv6() == bracketed,
            None => !bracketed && (name.eq_ignore_ascii_case(b"unknown") || is_obfuscated(name)),
        };
        let good_port = port.is_none_or(|p| is_obfuscated(p) || is_port(p));
        (good_name && good_port).then_some(Self { name, ip, port })
    }
}

fn is_port(text: &[u8]) -> bool {
    matches!(text.len(), 1..=5) && text.iter().all(u8::is_ascii_digit)
}

fn is_obfuscated(text: &[u8]) -> bool {
    let ok = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.len() > 1 && text.starts_with(b"_") && text.iter().all(ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of RFC 7239, and what its grammar excludes.
    #[test]
    fn forwarded_headers() {
        for good in [
            r#"for="_gazonk""#,
            r#"For="[2001:db8:cafe::17]:4711""#,
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            "for=192.0.2.43, for=198.51.100.17",
            r#"for=unknown;host="example.com:80""#,
        ] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "for",
            "for=",
            "for=1.2.3.4;for=1.2.3.5",
            "for=[::1]",
            "for=::1",
            "x=y",
            "proto=1",
            "for=1.2.3.4;",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
        let node = Node::parse(b"[2001:db8:cafe::17]:4711");
        assert_eq!(node.map(|n| (n.ip.is_some(), n.port)), Some((true, Some(&b"4711"[..]))));
    }
}
