//! What the proxy itself adds to messages and takes from them.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, StatusCode, request, response};
use lb_conf::model::{AddressHeader, CookieCapture, HeaderCapture, OddNames};
use lb_core::Backend;

use super::answer;
use super::rules::Stop;
use crate::eval::View;
use crate::stream::{Cause, Stage, Stream};
use crate::track::{self, Blame};

/// `option forwardfor` and `option originalto`: tells servers who asked, and whom.
pub(super) fn tell_addresses(stream: &Stream, backend: &Backend, head: &mut request::Parts) {
    let (front, back) = (&stream.front.frontend.config.proxy, &backend.config.proxy);
    let client = stream.client().map(|addr| addr.ip().to_canonical());
    let asked = stream.asked().map(|addr| addr.ip().to_canonical());
    // The frontend decides to tell, and the backend may know another name for the header.
    tell(front.forward_for.as_ref(), back.forward_for.as_ref(), client, &mut head.headers);
    tell(front.original_to.as_ref(), back.original_to.as_ref(), asked, &mut head.headers);
}

fn tell(
    front: Option<&AddressHeader>,
    back: Option<&AddressHeader>,
    address: Option<IpAddr>,
    headers: &mut HeaderMap,
) {
    let (Some(address), Some(option)) = (address, back.or(front)) else { return };
    let excepted =
        [front, back].into_iter().flatten().any(|o| o.except.iter().any(|net| net.contains(&address)));
    let Ok(name) = HeaderName::from_bytes(option.name.as_bytes()) else { return };
    let if_none = front.is_none_or(|o| o.if_none) && back.is_none_or(|o| o.if_none);
    if excepted || if_none && headers.contains_key(&name) {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(address.to_string()) {
        headers.append(name, value);
    }
}

/// `option http-restrict-req-hdr-names`: what happens to headers whose names not every server reads alike.
pub(super) fn restrict_names(
    stream: &mut Stream,
    how: OddNames,
    head: &mut request::Parts,
) -> Result<(), Stop> {
    if how == OddNames::Preserve {
        return Ok(());
    }
    let is_odd =
        |name: &&HeaderName| !name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let odd: Vec<_> = head.headers.keys().filter(is_odd).cloned().collect();
    if how == OddNames::Reject && !odd.is_empty() {
        stream.front.frontend.traffic().denied_requests.inc();
        stream.end(Cause::Proxy, Stage::Request);
        track::blame(stream, Blame::Client);
        return Err(Stop::Error(StatusCode::FORBIDDEN));
    }
    odd.into_iter().for_each(|name| drop(head.headers.remove(name)));
    Ok(())
}

/// `unique-id-format`.
pub(super) fn name_request(stream: &mut Stream, head: &request::Parts) {
    let front = stream.front.clone();
    if let Some(format) = &front.frontend.config.log_formats.unique_id {
        let id = {
            let view = View::of(stream);
            format.format(&view.request(stream, head))
        };
        stream.kept.unique_id = Some(id.into());
    }
}

/// `unique-id-header`.
pub(super) fn tell_name(stream: &Stream, head: &mut request::Parts) {
    let formats = &stream.front.frontend.config.log_formats;
    let name =
        formats.unique_id_header.as_ref().and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
    let id = stream.kept.unique_id.as_ref().and_then(|id| HeaderValue::from_bytes(id).ok());
    if let (Some(name), Some(id)) = (name, id) {
        head.headers.append(name, id);
    }
}

/// `http-send-name-header`.
pub(super) fn tell_server(stream: &Stream, backend: &Backend, head: &mut request::Parts) {
    let Some(name) = &backend.config.send_name_header else { return };
    let value = stream.server.as_ref().and_then(|server| HeaderValue::from_str(&server.config.name).ok());
    if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
        head.headers.insert(name, value);
    }
}

/// `capture request header` and `capture cookie`.
pub(super) fn capture_request(stream: &mut Stream, head: &request::Parts) {
    let front = stream.front.clone();
    let config = &front.frontend.config;
    if !config.request_captures.is_empty() {
        stream.kept.request_captures = captured(&config.request_captures, &head.headers).into();
    }
    // Nothing is in these slots yet, but they are there.
    stream.kept.response_captures = vec![None; config.response_captures.len()].into();
    if let Some(capture) = &config.cookie_capture {
        stream.kept.request_cookie = captured_cookie(capture, &head.headers, &COOKIE);
    }
}

/// `capture response header` and `capture cookie`.
pub(super) fn capture_response(stream: &mut Stream, head: &response::Parts) {
    let front = stream.front.clone();
    let config = &front.frontend.config;
    if !config.response_captures.is_empty() {
        stream.kept.response_captures = captured(&config.response_captures, &head.headers).into();
    }
    if let Some(capture) = &config.cookie_capture {
        stream.kept.response_cookie = captured_cookie(capture, &head.headers, &SET_COOKIE);
    }
}

fn captured(captures: &[HeaderCapture], headers: &HeaderMap) -> Vec<Option<Bytes>> {
    let value = |capture: &HeaderCapture| {
        // The last field counts.
        let value = headers.get_all(&**capture.name.as_ref()?).iter().next_back()?.as_bytes();
        Some(Bytes::copy_from_slice(cut(value, capture.len)))
    };
    captures.iter().map(value).collect()
}

fn captured_cookie(capture: &CookieCapture, headers: &HeaderMap, field: &HeaderName) -> Option<Bytes> {
    let pairs = headers.get_all(field).iter().flat_map(|value| value.as_bytes().split(|b| *b == b';'));
    let mut pairs = pairs.map(<[u8]>::trim_ascii);
    let found = pairs.find(|pair| pair.starts_with(capture.name.as_bytes()))?;
    Some(Bytes::copy_from_slice(cut(found, capture.len)))
}

fn cut(value: &[u8], len: u32) -> &[u8] {
    value.get(..len as usize).unwrap_or(value)
}

/// `monitor-uri`: the answer to those who only want to know whether the proxy lives.
pub(super) fn monitor(stream: &mut Stream, head: &request::Parts) -> Option<Stop> {
    let front = stream.front.clone();
    let config = &front.frontend.config;
    if head.uri.path_and_query()?.as_str() != config.monitor_uri.as_deref()? {
        return None;
    }
    let failed = {
        let view = View::of(stream);
        let ctx = view.request(stream, head);
        config.monitor_fail.iter().any(|condition| condition.holds(&ctx))
    };
    stream.end(Cause::Local, Stage::Request);
    // Whoever watches does so all the time: that is not worth a line.
    stream.log_level = None;
    let status = if failed { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Some(if failed { Stop::Error(status) } else { Stop::Answer(Box::new(answer::of_status(status))) })
}
