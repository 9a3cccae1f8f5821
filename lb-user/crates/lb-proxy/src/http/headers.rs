//! Header fields that belong to a connection and not to the message.

use http::header::{CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Version, request};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Whether a list header contains this token, in any case.
pub(crate) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().any(|value| tokens(value).any(|t| t.eq_ignore_ascii_case(token.as_bytes())))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

/// Whether the message asks for another protocol, or grants one.
pub(crate) fn wants_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE) && has_token(headers, CONNECTION, "upgrade")
}

/// Whether two who read the request's head could see two different requests: hosts that differ from one another or
/// from the target's, or more than one layer of chunks. With HTTP/2 the target counts, and there are no chunks.
pub(crate) fn is_ambiguous(head: &request::Parts) -> bool {
    head.version < Version::HTTP_2 && (hosts_differ(head) || is_chunked_twice(&head.headers))
}

fn hosts_differ(head: &request::Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
    let target = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let Some(first) = target.or_else(|| hosts.next()) else { return false };
    hosts.any(|host| !host.eq_ignore_ascii_case(first))
}

fn is_chunked_twice(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(TRANSFER_ENCODING).iter().flat_map(tokens);
    codings.filter(|coding| coding.eq_ignore_ascii_case(b"chunked")).count() > 1
}

/// Takes out what the sender said about its own connection; hyper says what is to be said about the next one.
pub(crate) fn strip_connection(headers: &mut HeaderMap) {
    let upgrade = wants_upgrade(headers);
    // Looking is cheaper than removing, and most messages have none of these.
    for name in [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING] {
        if headers.contains_key(&name) {
            headers.remove(name);
        }
    }
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn an_upgrade_survives_and_nothing_else_of_the_connection_does() {
        let mut map = headers(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("x-other", "1"),
        ]);
        strip_connection(&mut map);
        assert_eq!(map, headers(&[("upgrade", "websocket"), ("x-other", "1"), ("connection", "upgrade")]));
    }

    fn request(target: &str, version: Version, fields: &[(&'static str, &'static str)]) -> request::Parts {
        let (mut head, ()) =
            http::Request::builder().uri(target).version(version).body(()).unwrap().into_parts();
        for (name, value) in fields {
            head.headers.append(*name, HeaderValue::from_static(value));
        }
        head
    }

    #[test]
    fn hosts_that_differ_are_ambiguous() {
        let hosts = |target, fields: &[_]| is_ambiguous(&request(target, Version::HTTP_11, fields));
        assert!(!hosts("/", &[("host", "a"), ("host", "A")]));
        assert!(hosts("/", &[("host", "a"), ("host", "b")]));
        assert!(!hosts("http://a/", &[("host", "a")]));
        assert!(hosts("http://a/", &[("host", "b")]));
        assert!(!is_ambiguous(&request("http://a/", Version::HTTP_2, &[("host", "b")])));
    }

    #[test]
    fn two_layers_of_chunks_are_ambiguous() {
        let codings = |fields: &[_]| is_ambiguous(&request("/", Version::HTTP_11, fields));
        assert!(!codings(&[("transfer-encoding", "gzip, chunked")]));
        assert!(codings(&[("transfer-encoding", "chunked, Chunked")]));
        assert!(codings(&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]));
    }

    #[test]
    fn an_upgrade_header_alone_asks_for_nothing() {
        assert!(!wants_upgrade(&headers(&[("upgrade", "websocket")])));
        assert!(!wants_upgrade(&headers(&[("upgrade", "h2c"), ("connection", "close")])));
        assert!(wants_upgrade(&headers(&[("upgrade", "h2c"), ("connection", "a,UPGRADE")])));
    }
}
