//! `normalize-uri`: targets of requests brought into a normal form (RFC 3986, section 6.2.2).

use http::Uri;
use lb_conf::model::Normalizer;

use super::target;

/// Why a target cannot be brought into the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The target in the normal form. None: it is already.
pub(super) fn normalize(how: Normalizer, uri: &Uri) -> Result<Option<Uri>, Malformed> {
    let (path, query) = (uri.path().as_bytes(), uri.query());
    let whole = |text: Vec<u8>| target::with_path_and_query(uri, &text).ok_or(Malformed);
    let path_only = |path: Vec<u8>| target::with_path(uri, &path).ok_or(Malformed);
    let text = uri.path_and_query().map_or("/", |p| p.as_str()).as_bytes();
    let new = match how {
        Normalizer::MergeSlashes => path_only(merge_slashes(path))?,
        Normalizer::StripDot => path_only(strip_dot(path))?,
        Normalizer::StripDotDot { full } => path_only(strip_dotdot(path, full))?,
        Normalizer::DecodeUnreserved { strict } => whole(decode_unreserved(text, strict)?)?,
        Normalizer::ToUppercase { strict } => whole(to_uppercase(text, strict)?)?,
        Normalizer::SortQuery => match query {
            Some(query) => target::with_query(uri, sort(query).as_bytes()).ok_or(Malformed)?,
            None => return Ok(None),
        },
        // No target has a fragment here: it is cut off, or refused, when the request is read.
        Normalizer::FragmentEncode | Normalizer::FragmentStrip => return Ok(None),
    };
    Ok((new != *uri).then_some(new))
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for byte in path {
        if !(*byte == b'/' && out.last() == Some(&b'/')) {
            out.push(*byte);
        }
    }
    out
}

/// Without segments that are a dot.
fn strip_dot(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let segments: Vec<_> = path.split(|b| *b == b'/').collect();
    for (at, segment) in segments.iter().enumerate() {
        let last = at + 1 == segments.len();
        match *segment {
            b"." if !last => {}
            b"." => {}
            other => {
                out.extend_from_slice(other);
                if !last {
                    out.push(b'/');
                }
            }
        }
    }
    out
}

/// With segments that are two dots taken back together with what is before them; those that lead above the root stay,
/// unless `full` says otherwise.
fn strip_dotdot(path: &[u8], full: bool) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.strip_prefix(b"/").unwrap_or(path).split(|b| *b == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if segment != b".." {
            kept.push(segment);
            continue;
        }
        match kept.last() {
            Some(before) if *before != b".." => drop(kept.pop()),
            _ if full => {}
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push(b"");
        }
    }
    [&b"/"[..], &kept.join(&b'/')].concat()
}

/// The two hexadecimal digits at the beginning of a text.
fn hex(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| text.get(at).and_then(|b| (*b as char).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Applies `encode` to each encoded byte: what is to stand in the place of `%XX`.
fn each_encoded(
    text: &[u8],
    strict: bool,
    encode: impl Fn(u8, &[u8]) -> Vec<u8>,
) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match text.get(at + 1..at + 3).filter(|_| byte == b'%') {
            Some(digits) if hex(digits).is_some() => {
                out.extend(encode(hex(digits).unwrap_or_default(), digits));
                at += 3;
            }
            _ if byte == b'%' && strict => return Err(Malformed),
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Ok(out)
}

fn decode_unreserved(text: &[u8], strict: bool) -> Result<Vec<u8>, Malformed> {
    each_encoded(text, strict, |byte, digits| {
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if unreserved { vec![byte] } else { [b"%", digits].concat() }
    })
}

fn to_uppercase(text: &[u8], strict: bool) -> Result<Vec<u8>, Malformed> {
    each_encoded(text, strict, |_, digits| [&b"%"[..], &digits.to_ascii_uppercase()].concat())
}

/// Parameters by their names; those of one name stay in their order.
fn sort(query: &str) -> String {
    let mut parameters: Vec<_> = query.split('&').collect();
    parameters.sort_by_key(|parameter| parameter.split('=').next().unwrap_or_default());
    parameters.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_brought_into_their_normal_forms() {
        let full = Normalizer::StripDotDot { full: true };
        let part = Normalizer::StripDotDot { full: false };
        let decode = Normalizer::DecodeUnreserved { strict: false };
        let upper = Normalizer::ToUppercase { strict: false };
        // What HAProxy makes of them.
        for (how, before, after) in [
            (Normalizer::MergeSlashes, "/a//b///c/?x=//", "/a/b/c/?x=//"),
            (Normalizer::StripDot, "/./a/./b/.", "/a/b/"),
            (Normalizer::StripDot, "/a/.b/..", "/a/.b/.."),
            (part, "/a/b/../c", "/a/c"),
            (part, "/../a", "/../a"),
            (full, "/../a/..", "/"),
            (full, "/a/../../b", "/b"),
            (part, "/a/..", "/"),
            (decode, "/%61%2f%7E?%41=%zz", "/a%2f~?A=%zz"),
            (upper, "/%2f%zz?%aa", "/%2F%zz?%AA"),
            (Normalizer::SortQuery, "/?b=1&a=2&b=0&a", "/?a=2&a&b=1&b=0"),
        ] {
            let uri: Uri = before.parse().unwrap();
            let new = normalize(how, &uri).unwrap().unwrap_or(uri);
            assert_eq!(new, after, "{how:?} {before}");
        }
    }

    #[test]
    fn strict_forms_refuse_what_is_encoded_wrongly() {
        let uri: Uri = "/%zz".parse().unwrap();
        assert_eq!(normalize(Normalizer::ToUppercase { strict: true }, &uri), Err(Malformed));
        assert_eq!(normalize(Normalizer::DecodeUnreserved { strict: true }, &uri), Err(Malformed));
    }
}
