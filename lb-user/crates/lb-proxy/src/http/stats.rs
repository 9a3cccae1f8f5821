//! `stats`: the statistics page.

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Response, StatusCode, request};
use lb_conf::model::{Proxy, StatsPage};
use lb_core::stats::page::{self, Answer, Asked, FORM_BYTES, Form, Source, options};

use super::answer as answers;
use super::rules::{self, Stop};
use super::upload::Progress;
use crate::stream::{Cause, Stage, Stream};

/// Header of no standard that browsers know nevertheless.
const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// A request for the statistics page that rules and passwords let pass.
#[derive(Debug)]
pub(super) struct Visit {
    /// Whether the page is the backend's rather than the frontend's.
    of_backend: bool,
    /// `stats admin`
    admin: bool,
}

/// Whether a request is for the statistics page of this proxy; an answer, if it is and may not see it.
pub(super) fn intercept(
    stream: &mut Stream,
    proxy: &Proxy,
    head: &request::Parts,
) -> Result<Option<Visit>, Stop> {
    let Some(page) = proxy.stats.as_ref().filter(|page| is_for(page, head)) else { return Ok(None) };
    stream.end(Cause::Local, Stage::Request);
    stream.front.frontend.traffic().intercepted.inc();
    rules::on_page(&proxy.rules.stats_request, stream, head)?;
    if !is_known(page, &head.headers) {
        return Err(Stop::Answer(Box::new(challenge(page))));
    }
    let of_backend = stream.backend.is_some();
    Ok(Some(Visit { of_backend, admin: rules::is_admin(proxy, stream, head) }))
}

fn is_for(page: &StatsPage, head: &request::Parts) -> bool {
    let target = head.uri.path_and_query().map(PathAndQuery::as_str);
    target.is_some_and(|target| options(page, target).is_some())
        && [Method::GET, Method::HEAD, Method::POST].contains(&head.method)
}

/// Shows the page, or does what a form says.
pub(super) async fn visit(stream: &mut Stream, body: &Progress, visit: Visit, head: &request::Parts) -> Stop {
    let posted = head.method == Method::POST;
    // Without `stats admin` a form is refused, whatever it says: its body need not be read.
    if posted && visit.admin && body.read_ahead(FORM_BYTES + 1).await.is_err() {
        stream.end(Cause::Client, Stage::Request);
        return Stop::Error(StatusCode::BAD_REQUEST);
    }
    let bytes = body.ahead();
    let form = if bytes.len() > FORM_BYTES { Form::TooLong } else { Form::Whole(&bytes) };
    let form = posted.then_some(form);
    answer(stream, &visit, head, form)
        .map_or(Stop::Silence, |answer| Stop::Answer(Box::new(response(answer))))
}

fn answer(stream: &Stream, visit: &Visit, head: &request::Parts, form: Option<Form<'_>>) -> Option<Answer> {
    let backend = stream.backend.as_ref().filter(|_| visit.of_backend);
    let proxy = backend.map_or(&stream.front.frontend.config.proxy, |backend| &backend.config.proxy);
    let page = proxy.stats.as_ref()?;
    let options = options(page, head.uri.path_and_query()?.as_str())?;
    let shared = &stream.session.worker.shared;
    let (process, now) = (shared.process(), stream.session.worker.tick());
    let source = Source { page, runtime: &shared.runtime, process: &process, now };
    Some(page::answer(&source, &Asked { options, form, admin: visit.admin }))
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
    let mut response = answers::of_status(StatusCode::UNAUTHORIZED);
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
    answers::no_cache(headers);
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
