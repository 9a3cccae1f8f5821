//! HTTP in TCP mode: rules may look at a request before it is passed on as bytes.

use std::rc::Rc;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri, Version, request};
use httparse::{EMPTY_HEADER, Status};

/// The most fields of a head that are looked at.
const MOST_FIELDS: usize = 100;

/// What the bytes of a connection are as a request.
#[derive(Clone, Debug, Default)]
pub(crate) enum Peeked {
    /// They are none.
    #[default]
    Nothing,
    /// They may become one.
    Unfinished,
    /// This is its head.
    Head(Rc<request::Parts>),
}

impl Peeked {
    /// Looks at the first bytes of a connection.
    pub(crate) fn at(bytes: &[u8]) -> Self {
        let mut fields = [EMPTY_HEADER; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(bytes) {
            Ok(Status::Complete(_)) => head(&request).map_or(Self::Nothing, |head| Self::Head(Rc::new(head))),
            Ok(Status::Partial) => Self::Unfinished,
            Err(_) => Self::Nothing,
        }
    }
}

fn head(parsed: &httparse::Request<'_, '_>) -> Option<request::Parts> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    head.uri = Uri::try_from(parsed.path?).ok()?;
    head.version = if parsed.version? == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    head.headers = headers;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_a_request_or_none_or_not_yet() {
        for (bytes, expected) in [
            ("", "not yet"),
            ("GET / HT", "not yet"),
            ("GET / HTTP/1.1\r\nhost: a\r\n", "not yet"),
            ("GET /p?q HTTP/1.1\r\nhost: a\r\n\r\nrest", "GET /p?q HTTP/1.1"),
            ("POST / HTTP/1.0\n\n", "POST / HTTP/1.0"),
            ("hello world\n", "none"),
            ("\u{16}\u{3}\u{1}", "none"),
            ("GET http://[ HTTP/1.1\r\n\r\n", "none"),
        ] {
            let found = match Peeked::at(bytes.as_bytes()) {
                Peeked::Nothing => "none".to_owned(),
                Peeked::Unfinished => "not yet".to_owned(),
                Peeked::Head(head) => format!("{} {} {:?}", head.method, head.uri, head.version),
            };
            assert_eq!(found, expected, "{bytes:?}");
        }
    }
}
