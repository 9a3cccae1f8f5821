//! Answers that the daemon gives itself.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use hyper::ext::ReasonPhrase;

/// A status that the daemon answers with of its own accord.
struct Row {
    status: u16,
    /// The reason phrase, which clients' scripts match.
    reason: &'static str,
    text: &'static str,
}

const fn row(status: u16, reason: &'static str, text: &'static str) -> Row {
    Row { status, reason, text }
}

const ROWS: &[Row] = &[
    row(200, "OK", "The service is there."),
    row(400, "Bad request", "The request is not valid HTTP."),
    row(401, "Unauthorized", "Access needs a user name and a password."),
    row(403, "Forbidden", "A rule forbids this request."),
    row(404, "Not Found", "There is nothing under this address."),
    row(405, "Method Not Allowed", "This method is not allowed here."),
    row(407, "Unauthorized", "The proxy needs a user name and a password."),
    row(408, "Request Time-out", "The request did not arrive whole in time."),
    row(410, "Gone", "What was here is gone for good."),
    row(413, "Payload Too Large", "The request's body is too large."),
    row(421, "Misdirected Request", "This connection does not serve that host."),
    row(422, "Unprocessable Content", "The request's content cannot be processed."),
    row(425, "Too Early", "The request came too early and may be a replay."),
    row(429, "Too Many Requests", "Too many requests came in too short a time."),
    row(500, "Internal Server Error", "The proxy failed on its own account."),
    row(501, "Not Implemented", "This is not implemented."),
    row(502, "Bad Gateway", "The server gave no valid or no whole response."),
    row(503, "Service Unavailable", "No server can take this request now."),
    row(504, "Gateway Time-out", "The server did not respond in time."),
];

fn find(status: StatusCode) -> &'static Row {
    let of = |status: u16| ROWS.iter().find(|row| row.status == status);
    // Whatever status is asked for, some answer there must be.
    of(status.as_u16()).or_else(|| of(500)).unwrap_or(&ROWS[0])
}

/// Marks an answer as one that nobody is to keep.
pub(crate) fn no_cache(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

/// The answer of a status.
pub(crate) fn of_status(status: StatusCode) -> Response<Bytes> {
    let row = find(status);
    let page = format!("<html><body><h1>{} {}</h1>\n{}\n</body></html>\n", row.status, row.reason, row.text);
    let mut response = Response::new(Bytes::from(page));
    *response.status_mut() = status;
    response.extensions_mut().insert(ReasonPhrase::from_static(row.reason.as_bytes()));
    let length = HeaderValue::from(response.body().len());
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length);
    no_cache(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// The reason phrase of a response, as it is or as it is usual.
pub(crate) fn reason<B>(response: &Response<B>) -> &[u8] {
    match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        None => response.status().canonical_reason().unwrap_or_default().as_bytes(),
    }
}

/// A response as bytes, for a connection that ends with it because no request could be read from it.
pub(crate) fn write_raw(response: &Response<Bytes>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(format!("HTTP/1.1 {} ", response.status().as_str()).as_bytes());
    out.extend_from_slice(reason(response));
    for (name, value) in response.headers() {
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
    out.extend_from_slice(response.body());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_whole_answer() {
        for row in ROWS {
            let status = StatusCode::from_u16(row.status).unwrap();
            let answer = of_status(status);
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()[CONTENT_LENGTH], answer.body().len().to_string());
            let raw = String::from_utf8(write_raw(&answer)).unwrap();
            assert!(raw.starts_with(&format!("HTTP/1.1 {} {}\r\n", row.status, row.reason)));
            assert!(raw.contains("\r\nconnection: close\r\n\r\n<html>"));
        }
    }
}
