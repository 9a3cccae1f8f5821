//! Answers that the daemon gives itself.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

/// A status that the daemon answers with of its own accord.
struct Row {
    status: u16,
    /// The reason phrase, which clients' scripts match.
    reason: &'static str,
    text: &'static str,
}

const ROWS: &[Row] = &[
    Row { status: 400, reason: "Bad request", text: "The request is not valid HTTP." },
    Row { status: 401, reason: "Unauthorized", text: "Access needs a user name and a password." },
    Row { status: 403, reason: "Forbidden", text: "A rule forbids this request." },
    Row { status: 404, reason: "Not Found", text: "There is nothing under this address." },
    Row { status: 405, reason: "Method Not Allowed", text: "This method is not allowed here." },
    Row { status: 407, reason: "Unauthorized", text: "The proxy needs a user name and a password." },
    Row { status: 408, reason: "Request Time-out", text: "The request did not arrive whole in time." },
    Row { status: 410, reason: "Gone", text: "What was here is gone for good." },
    Row { status: 413, reason: "Payload Too Large", text: "The request's body is too large." },
    Row { status: 421, reason: "Misdirected Request", text: "This connection does not serve that host." },
    Row { status: 422, reason: "Unprocessable Content", text: "The request's content cannot be processed." },
    Row { status: 425, reason: "Too Early", text: "The request came too early and may be a replay." },
    Row { status: 429, reason: "Too Many Requests", text: "Too many requests came in too short a time." },
    Row { status: 500, reason: "Internal Server Error", text: "The proxy failed on its own account." },
    Row { status: 501, reason: "Not Implemented", text: "This is not implemented." },
    Row { status: 502, reason: "Bad Gateway", text: "The server gave no valid or no whole response." },
    Row { status: 503, reason: "Service Unavailable", text: "No server can take this request now." },
    Row { status: 504, reason: "Gateway Time-out", text: "The server did not respond in time." },
];

fn row(status: StatusCode) -> &'static Row {
    let at = ROWS.iter().position(|row| row.status == status.as_u16());
    // Whatever status a rule asks for, some answer there must be.
    let fallback = ROWS.iter().position(|row| row.status == 500).unwrap_or(0);
    &ROWS[at.unwrap_or(fallback)]
}

/// The page of a status.
fn page(row: &Row) -> String {
    format!("<html><body><h1>{} {}</h1>\n{}\n</body></html>\n", row.status, row.reason, row.text)
}

/// The answer of a status.
pub(crate) fn of_status(status: StatusCode) -> Response<Bytes> {
    let page = Bytes::from(page(row(status)));
    let mut response = Response::new(page);
    *response.status_mut() = status;
    if let Ok(reason) = hyper::ext::ReasonPhrase::try_from(row(status).reason.as_bytes()) {
        response.extensions_mut().insert(reason);
    }
    let length = HeaderValue::from(response.body().len());
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// The answer of a status as bytes, for a connection that ends with it because no request could be read from it.
pub(crate) fn raw(status: StatusCode) -> Vec<u8> {
    let row = row(status);
    let page = page(row);
    format!(
        "HTTP/1.1 {} {}\r\ncontent-length: {}\r\ncache-control: no-cache\r\nconnection: close\r\n\
         content-type: text/html\r\n\r\n{page}",
        row.status,
        row.reason,
        page.len(),
    )
    .into_bytes()
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
            let raw = String::from_utf8(raw(status)).unwrap();
            assert!(raw.starts_with(&format!("HTTP/1.1 {} {}\r\n", row.status, row.reason)));
            assert!(raw.ends_with("</html>\n"));
        }
    }
}
