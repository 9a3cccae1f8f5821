//! `retry-on`: requests that are sent again though they were sent already.

use std::rc::Rc;
use std::sync::Arc;

use http::{Response, request};
use hyper::body::Incoming;
use lb_conf::model::RetryOn;
use lb_core::Backend;

use super::{Failure, Stop, acquire, ask, no_response, progress, unconnected};
use crate::connect::{may_try_again, try_again};
use crate::http::link::{Link, NoResponse};
use crate::http::serve::HttpSession;
use crate::http::upload::UploadState;
use crate::stream::Stream;

/// Sends a request until it has a response that is worth handing on, or no retry is left.
pub(super) async fn request(
    http: &Rc<HttpSession>,
    stream: &mut Stream,
    backend: &Arc<Backend>,
    head: request::Parts,
) -> Result<(Box<Link>, Response<Incoming>), Stop> {
    let body = progress(stream);
    body.keep();
    loop {
        let mut link = acquire(http, stream, backend, &head).await?;
        let result = ask(http, stream, backend, &mut link, head.clone(), None).await;
        let again = match &result {
            Ok(response) => backend.config.retry_on.statuses.contains(&response.status().as_u16()),
            Err(failure) => is_worth_it(&backend.config.retry_on, failure) && !client_failed(stream),
        };
        // What was sent is gone with the connection, unless it was short enough to be kept.
        if again && may_try_again(stream, backend) && body.rewind() {
            drop((result, link));
            let Some(failed) = stream.server.clone() else { return Err(Stop::Silence) };
            try_again(stream, backend, &failed).await.map_err(unconnected)?;
            continue;
        }
        body.keep_no_more();
        let response = result.map_err(|failure| no_response(http, stream, &failure, &link))?;
        return Ok((link, response));
    }
}

fn client_failed(stream: &Stream) -> bool {
    matches!(progress(stream).state.get(), UploadState::Failed | UploadState::Malformed)
}

fn is_worth_it(on: &RetryOn, failure: &Failure) -> bool {
    match &failure.error {
        NoResponse::Timeout => on.timeouts,
        NoResponse::Http(error) if error.is_parse() => on.junk_responses,
        NoResponse::Http(_) => on.empty_responses && failure.silent,
        NoResponse::NoSwitch | NoResponse::Coder(_) => false,
    }
}
