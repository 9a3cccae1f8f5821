//! Error answers: the daemon's own, and those of the configuration.

use std::collections::HashMap;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, LOCATION, TRANSFER_ENCODING};
use http::{Response, StatusCode, Version};
use hyper::ext::ReasonPhrase;
use lb_conf::model::{ErrorAnswer, ErrorAnswers};

use super::answer;

/// The most header fields of a prepared response.
const FIELDS: usize = 64;

/// What a proxy answers to errors.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    own: HashMap<u16, Page>,
}

#[derive(Debug)]
enum Page {
    Response(Response<Bytes>),
    /// An empty file: the connection ends without an answer.
    Silence,
}

impl Pages {
    /// Reads the answers of a configuration once, so that an error costs no parsing.
    pub(crate) fn new(answers: &ErrorAnswers) -> Self {
        let own = answers.iter().filter_map(|(status, answer)| Some((*status, page(*status, answer)?)));
        Self { own: own.collect() }
    }

    /// The answer for a status, if this proxy has one of its own. None in it: nothing is to be said.
    pub(crate) fn get(&self, status: StatusCode) -> Option<Option<Response<Bytes>>> {
        Some(match self.own.get(&status.as_u16())? {
            Page::Response(response) => Some(response.clone()),
            Page::Silence => None,
        })
    }
}

fn page(status: u16, answer: &ErrorAnswer) -> Option<Page> {
    match answer {
        ErrorAnswer::Raw(bytes) if bytes.is_empty() => Some(Page::Silence),
        ErrorAnswer::Raw(bytes) => Some(Page::Response(parse(bytes).or_else(|| {
            log::warn!("the answer for status {status} is no HTTP response; the built-in one is used");
            None
        })?)),
        ErrorAnswer::Redirect { status, location } => Some(Page::Response(redirection(*status, location)?)),
    }
}

fn redirection(status: u16, location: &str) -> Option<Response<Bytes>> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(location).ok()?);
    answer::no_cache(headers);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    Some(response)
}

/// A response as it goes over the wire. Its length is the body's, whatever it says itself.
pub(crate) fn parse(bytes: &[u8]) -> Option<Response<Bytes>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(end) = head.parse(bytes).ok()? else { return None };
    let mut response = Response::new(Bytes::copy_from_slice(bytes.get(end..)?));
    *response.status_mut() = StatusCode::from_u16(head.code?).ok()?;
    *response.version_mut() = if head.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    if let Some(reason) = head.reason.and_then(|r| ReasonPhrase::try_from(r.as_bytes()).ok()) {
        response.extensions_mut().insert(reason);
    }
    let length = HeaderValue::from(response.body().len());
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            response.headers_mut().append(name, HeaderValue::from_bytes(field.value).ok()?);
        }
    }
    response.headers_mut().insert(CONTENT_LENGTH, length);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_start_line_and_fields() {
        let response =
            parse(b"HTTP/1.0 503 Later Please\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\nhi")
                .unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(response.version(), Version::HTTP_10);
        assert_eq!(response.extensions().get::<ReasonPhrase>().unwrap().as_bytes(), b"Later Please");
        assert_eq!(response.headers()["content-length"], "2");
        assert!(!response.headers().contains_key("connection"));
        assert_eq!(&response.body()[..], b"hi");
        assert!(parse(b"hello").is_none());
    }

    #[test]
    fn an_empty_file_is_silence() {
        let answers = ErrorAnswers::from([(408, std::sync::Arc::new(ErrorAnswer::Raw(Vec::new())))]);
        assert!(Pages::new(&answers).get(StatusCode::REQUEST_TIMEOUT).unwrap().is_none());
        assert!(Pages::new(&answers).get(StatusCode::BAD_GATEWAY).is_none());
    }
}
