//! WebSocket in both versions of HTTP.
//!
//! In HTTP/1.1 a GET asks for the switch by `Upgrade`, and 101 grants it (RFC 6455); in HTTP/2 a CONNECT does with the
//! pseudo-header `:protocol`, and 200 grants it (RFC 8441). Between client and server a request has the older form, which
//! rules see.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::BASE64;
use http::header::{
    CONNECTION, HOST, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Response, StatusCode, Uri, Version, request, response};
use hyper::ext::Protocol;

use super::headers::{has_token, wants_upgrade};

/// What is hashed behind the key that a client sends (RFC 6455, section 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks for WebSocket.
pub(crate) fn wants_websocket(headers: &HeaderMap) -> bool {
    wants_upgrade(headers) && has_token(headers, UPGRADE, "websocket")
}

/// Writes an extended CONNECT of HTTP/2 as the GET that it would be in HTTP/1.1; other requests stay.
pub(super) fn take_request(head: &mut request::Parts) {
    let Some(protocol) = head.extensions.remove::<Protocol>() else { return };
    if let Ok(protocol) = HeaderValue::from_str(protocol.as_str()) {
        head.method = Method::GET;
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol);
    }
}

/// Writes the grant of a switch as HTTP/2 has it.
pub(super) fn give_response(head: &mut response::Parts) {
    (head.status, head.version) = (StatusCode::OK, Version::HTTP_2);
    for name in [CONNECTION, UPGRADE, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
}

/// What is expected of the answer to a switch that was asked for in another form than the client's.
#[derive(Debug)]
pub(super) enum Asked {
    /// With a key of our own, which this shows to be read.
    WithKey(HeaderValue),
    /// Over HTTP/2: this protocol, and what shows the client that its key was read.
    OverHttp2 { protocol: HeaderValue, accept: Option<HeaderValue> },
}

/// Gives a request a key, as HTTP/1.1 needs one and HTTP/2 has none.
pub(super) fn give_key(headers: &mut HeaderMap, random: [u64; 2]) -> Option<Asked> {
    if headers.contains_key(SEC_WEBSOCKET_KEY) {
        return None;
    }
    let bytes = random.map(u64::to_ne_bytes).concat();
    let key = HeaderValue::from_str(&BASE64.encode(&bytes)).ok()?;
    let accept = accept(&key)?;
    headers.insert(SEC_WEBSOCKET_KEY, key);
    Some(Asked::WithKey(accept))
}

/// Writes a request for a switch as HTTP/2 has it.
pub(super) fn give_request(head: &mut request::Parts) -> Option<Asked> {
    let protocol = head.headers.remove(UPGRADE)?;
    head.headers.remove(CONNECTION);
    head.extensions.insert(Protocol::from(protocol.to_str().ok()?));
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let authority = Authority::try_from(host).ok()?;
    let mut parts = head.uri.clone().into_parts();
    (parts.scheme, parts.authority) = (Some(Scheme::HTTP), Some(authority));
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    head.uri = Uri::from_parts(parts).ok()?;
    head.method = Method::CONNECT;
    Some(Asked::OverHttp2 { protocol, accept: head.headers.get(SEC_WEBSOCKET_KEY).and_then(accept) })
}

/// Writes a server's grant of a switch as HTTP/1.1 has it; whether it is the answer to what was asked.
pub(super) fn take_response<B>(response: &mut Response<B>, asked: Asked) -> bool {
    match asked {
        Asked::WithKey(accept) => {
            response.status() != StatusCode::SWITCHING_PROTOCOLS
                || response.headers().get(SEC_WEBSOCKET_ACCEPT) == Some(&accept)
        }
        Asked::OverHttp2 { protocol, accept } => {
            if response.status() == StatusCode::OK {
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                let headers = response.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(UPGRADE, protocol);
                if let (Some(accept), false) = (accept, headers.contains_key(SEC_WEBSOCKET_ACCEPT)) {
                    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
                }
            }
            true
        }
    }
}

/// What proves to a client that its key was read.
fn accept(key: &HeaderValue) -> Option<HeaderValue> {
    let hashed = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), KEY_SUFFIX].concat());
    HeaderValue::from_str(&BASE64.encode(hashed.as_ref())).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(request: request::Builder) -> request::Parts {
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_key_of_the_rfc_is_accepted_as_it_says() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept(&key).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_of_our_own_must_have_been_read() {
        let mut headers = HeaderMap::new();
        let asked = give_key(&mut headers, [1, 2]);
        let proof = accept(&headers[SEC_WEBSOCKET_KEY]).unwrap();
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        assert!(!take_response(&mut response, asked.unwrap()));
        response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, proof.clone());
        assert!(take_response(&mut response, Asked::WithKey(proof)));
    }

    #[test]
    fn a_request_goes_from_one_form_to_the_other_and_back() {
        let builder = Request::get("/chat?x=1").header(HOST, "a.example").header(UPGRADE, "websocket");
        let builder = builder.header(CONNECTION, "Upgrade").header(SEC_WEBSOCKET_KEY, "k");
        let mut head = head(builder);
        assert!(wants_websocket(&head.headers));
        let asked = give_request(&mut head).unwrap();
        assert_eq!(
            (head.method.as_str(), head.uri.to_string()),
            ("CONNECT", "http://a.example/chat?x=1".into())
        );
        assert!(!head.headers.contains_key(UPGRADE));
        let mut response = Response::new(());
        assert!(take_response(&mut response, asked));
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert!(wants_websocket(response.headers()) && response.headers().contains_key(SEC_WEBSOCKET_ACCEPT));
        take_request(&mut head);
        assert_eq!(head.method, Method::GET);
        assert!(wants_websocket(&head.headers));
        assert!(give_key(&mut head.headers, [1, 2]).is_none());
        let mut granted = response.into_parts().0;
        give_response(&mut granted);
        assert_eq!((granted.status, granted.headers.len()), (StatusCode::OK, 1));
    }
}
