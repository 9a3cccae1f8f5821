//! `stats`: the statistics page.

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Method, Response, StatusCode, request};
use lb_conf::model::{Proxy, StatsPage};
use lb_core::stats::page::{self, Answer, Asked, Source, options};

use super::answer;
use super::rules::Stop;
use crate::stream::{Cause, Stage, Stream};

/// Header of no standard that browsers know nevertheless.
const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// The answer to a request for the statistics page of this proxy; None: it is for something else.
pub(super) fn intercept(stream: &mut Stream, proxy: &Proxy, head: &request::Parts) -> Option<Stop> {
    let page = proxy.stats.as_ref()?;
    let options = options(page, head.uri.path_and_query()?.as_str())?;
    if ![Method::GET, Method::HEAD, Method::POST].contains(&head.method) {
        return None;
    }
    stream.end(Cause::Local, Stage::Request);
    stream.front.frontend.traffic().intercepted.inc();
    if !is_known(page, &head.headers) {
        return Some(Stop::Answer(Box::new(challenge(page))));
    }
    let shared = &stream.session.worker.shared;
    let (process, now) = (shared.process(), stream.session.worker.tick());
    let source = Source { page, runtime: &shared.runtime, process: &process, now };
    // Without `stats admin` a form is refused, whatever it says: its body need not be read.
    let form = (head.method == Method::POST).then_some(&b""[..]);
    let answer = page::answer(&source, &Asked { options, form, admin: false });
    Some(Stop::Answer(Box::new(response(answer))))
}

/// `stats auth`
fn is_known(page: &StatsPage, headers: &HeaderMap) -> bool {
    if page.users.is_empty() {
        return true;
    }
    let given = headers.get(AUTHORIZATION).and_then(|value| credentials(value.as_bytes()));
    let Some(given) = given else { return false };
    // All are compared, and all of each: the time tells nothing about how much was right.
    page.users.iter().fold(false, |known, (user, password)| {
        known | is_equal(&given, format!("{user}:{password}").as_bytes())
    })
}

fn credentials(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, text) = value.split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then(|| BASE64.decode(text.trim_ascii()).ok()).flatten()
}

fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn challenge(page: &StatsPage) -> Response<Bytes> {
    let mut response = answer::of_status(StatusCode::UNAUTHORIZED);
    if let Ok(value) = HeaderValue::from_str(&format!("Basic realm=\"{}\"", page.realm)) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

fn response(answer: Answer) -> Response<Bytes> {
    let length = HeaderValue::from(answer.body.len());
    let mut response = Response::new(Bytes::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    answer::no_cache(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(CONTENT_LENGTH, length);
    if let Some(seconds) = answer.refresh {
        headers.insert(REFRESH, HeaderValue::from(seconds));
    }
    if let Some(Ok(location)) = answer.location.map(HeaderValue::try_from) {
        headers.insert(LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> StatsPage {
        let users = vec![("admin".to_owned(), "p@ss!w:rd".to_owned()), ("a".to_owned(), "b".to_owned())];
        StatsPage { users, ..StatsPage::default() }
    }

    fn knows(page: &StatsPage, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        is_known(page, &headers)
    }

    #[test]
    fn users_are_known_by_their_passwords() {
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
        assert!(knows(&page(), &basic("admin:p@ss!w:rd")));
        assert!(knows(&page(), &basic("a:b").replace("Basic", "basic")));
        for wrong in
            [basic("admin:b"), basic("a"), basic(""), "Basic ?".into(), "Bas".into(), "Bearer x".into()]
        {
            assert!(!knows(&page(), &wrong), "{wrong}");
        }
        assert!(!is_known(&page(), &HeaderMap::new()));
        assert!(is_known(&StatsPage::default(), &HeaderMap::new()));
    }
}
