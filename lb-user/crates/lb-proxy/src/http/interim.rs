//! Interim responses: what a server says ahead of its answer.
//!
//! hyper passes over them on the one side and has no words for them on the other, so they are caught here and sent
//! around it. A 100 is not passed on: it lets the request's body be asked for, and when that happens hyper sends the
//! client one of its own.

use std::sync::Arc;

use http::{HeaderMap, Request, StatusCode, Version};
use parking_lot::Mutex;

use super::upload::Upload;
use crate::stream::Stream;

/// What a server has said ahead of its answer and nobody has taken yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Interim(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    /// Whole heads, as they go to the client.
    heads: Vec<u8>,
    /// The body may come.
    granted: bool,
}

impl Interim {
    /// Listens for what comes ahead of the response to `request`.
    pub(super) fn listen(request: &mut Request<Upload>) -> Self {
        let interim = Self::default();
        let heard = Arc::clone(&interim.0);
        hyper::ext::on_informational(request, move |response| {
            heard.lock().note(response.status(), response.headers());
        });
        interim
    }

    /// Hands on what was heard.
    pub(super) fn pass_on(&self, stream: &Stream) {
        let mut heard = self.0.lock();
        let Some(turn) = &stream.turn else { return };
        if std::mem::take(&mut heard.granted) {
            turn.progress().grant();
        }
        // HTTP/1.0 knows only final responses.
        if !heard.heads.is_empty()
            && stream.kept.request.as_ref().is_some_and(|r| r.version > Version::HTTP_10)
        {
            turn.say_ahead(&heard.heads);
        }
        heard.heads.clear();
    }
}

impl Heard {
    fn note(&mut self, status: StatusCode, fields: &HeaderMap) {
        if status == StatusCode::CONTINUE {
            self.granted = true;
            return;
        }
        let reason = status.canonical_reason().unwrap_or_default();
        self.heads.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).as_bytes());
        for (name, value) in fields {
            for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                self.heads.extend_from_slice(piece);
            }
        }
        self.heads.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::LINK;

    use super::*;

    #[test]
    fn a_100_grants_the_body_and_others_are_written_down() {
        let mut heard = Heard::default();
        heard.note(StatusCode::CONTINUE, &HeaderMap::new());
        assert!(heard.granted && heard.heads.is_empty());
        let fields = HeaderMap::from_iter([(LINK, HeaderValue::from_static("</a.css>"))]);
        heard.note(StatusCode::from_u16(103).unwrap(), &fields);
        heard.note(StatusCode::PROCESSING, &HeaderMap::new());
        let wanted = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
        assert_eq!(heard.heads, wanted);
    }
}
