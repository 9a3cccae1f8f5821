//! The body of a response to a check.

use std::borrow::Cow;

/// As much of a body as there is.
pub(super) struct Body<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// No more will come.
    pub(super) complete: bool,
}

/// The body behind a head with these fields; `closed`: no more will come.
pub(super) fn read<'a>(headers: &[httparse::Header<'_>], tail: &'a [u8], closed: bool) -> Body<'a> {
    if field(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")) {
        return chunked(tail, closed);
    }
    let length =
        field(headers, "content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    match length.and_then(|length: usize| tail.get(..length)) {
        Some(whole) => Body { bytes: whole.into(), complete: true },
        None => Body { bytes: tail.into(), complete: closed },
    }
}

fn field<'h>(headers: &'h [httparse::Header<'_>], name: &str) -> Option<&'h [u8]> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

// What does not follow the coding ends the body: what came before it is looked at.
fn chunked(mut tail: &[u8], closed: bool) -> Body<'static> {
    let mut bytes = Vec::new();
    let complete = loop {
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(tail) else {
            break closed || httparse::parse_chunk_size(tail).is_err();
        };
        let rest = tail.get(start..).unwrap_or_default();
        if size == 0 {
            break true;
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        bytes.extend_from_slice(rest.get(..size).unwrap_or(rest));
        match rest.get(size..).and_then(|rest| rest.get(2..)) {
            Some(next) => tail = next,
            None => break closed,
        }
    };
    Body { bytes: bytes.into(), complete }
}
