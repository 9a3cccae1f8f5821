//! Answers that rules give.

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE,
    WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use lb_conf::model::{Redirect, RedirectTo, Reply, ReplyBody};
use lb_expr::Ctx;

use super::Stop;
use crate::http::{answer, pages};

/// The answer of `deny` and `tarpit`.
pub(super) fn deny<'a>(reply: &'a Reply, ctx: &Ctx<'a>, default: StatusCode) -> Stop {
    let status = StatusCode::from_u16(reply.status).unwrap_or(default);
    match reply.body {
        ReplyBody::None if reply.headers.is_empty() => Stop::Error(status),
        _ => build(reply, status, ctx),
    }
}

/// The answer of `return`.
pub(super) fn returned<'a>(reply: &'a Reply, ctx: &Ctx<'a>) -> Stop {
    build(reply, StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK), ctx)
}

fn build<'a>(reply: &'a Reply, status: StatusCode, ctx: &Ctx<'a>) -> Stop {
    let body = match &reply.body {
        ReplyBody::None => Bytes::new(),
        ReplyBody::ErrorAnswer => return Stop::Error(status),
        ReplyBody::Message(raw) => {
            let response = pages::parse(raw).unwrap_or_else(|| answer::of_status(status));
            return Stop::Answer(Box::new(response));
        }
        ReplyBody::Bytes(bytes) => Bytes::copy_from_slice(bytes),
        ReplyBody::Format(format) => Bytes::from(format.format(ctx)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let length = HeaderValue::from(response.body().len());
    let empty = response.body().is_empty();
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length);
    if let Some(Ok(kind)) = reply.content_type.as_ref().filter(|_| !empty).map(HeaderValue::try_from) {
        headers.insert(CONTENT_TYPE, kind);
    }
    for (name, format) in &reply.headers {
        let text = format.format(ctx);
        let value = HeaderValue::from_bytes(&text);
        // What comes to nothing is left out.
        if let (false, Ok(name), Ok(value)) =
            (text.is_empty(), HeaderName::from_bytes(name.as_bytes()), value)
        {
            headers.append(name, value);
        }
    }
    Stop::Answer(Box::new(response))
}

/// The answer of `auth`.
pub(super) fn challenge(realm: Option<&str>, ctx: &Ctx<'_>) -> Stop {
    let default = ctx.frontend.and_then(|id| ctx.world.frontend_name(id)).unwrap_or_default();
    let text = format!("Basic realm=\"{}\"", realm.unwrap_or(default));
    let mut response = answer::of_status(StatusCode::UNAUTHORIZED);
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    Stop::Answer(Box::new(response))
}

/// The answer of `redirect`. None: it leads nowhere and says that this is no redirection then.
pub(super) fn redirect<'a>(redirect: &'a Redirect, ctx: &Ctx<'a>) -> Option<Response<Bytes>> {
    let location = location(redirect, ctx);
    if location.is_empty() && redirect.ignore_empty {
        return None;
    }
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(redirect.status).ok()?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    headers.insert(LOCATION, HeaderValue::from_bytes(&location).ok()?);
    if matches!(redirect.status, 302 | 303 | 307) {
        answer::no_cache(headers);
    }
    set_cookie(redirect, headers);
    Some(response)
}

fn set_cookie(redirect: &Redirect, headers: &mut HeaderMap) {
    if let Some(Ok(value)) = redirect.set_cookie.as_ref().map(HeaderValue::try_from) {
        headers.insert(SET_COOKIE, value);
    }
}

fn location<'a>(redirect: &'a Redirect, ctx: &Ctx<'a>) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    match &redirect.to {
        RedirectTo::Location(format) => format.write(ctx, &mut out),
        RedirectTo::Prefix(format) => {
            format.write(ctx, &mut out);
            // `/` is the way to say: no prefix.
            if out == b"/" {
                out.clear();
            }
            push_target(redirect, ctx, &mut out);
        }
        RedirectTo::Scheme(format) => {
            format.write(ctx, &mut out);
            out.extend_from_slice(b"://");
            let host = ctx.request.and_then(|request| request.headers.get(HOST));
            out.extend_from_slice(host.map(HeaderValue::as_bytes).unwrap_or_default());
            push_target(redirect, ctx, &mut out);
        }
    }
    out
}

/// The path of the request with its query, as far as the redirection keeps them.
fn push_target(redirect: &Redirect, ctx: &Ctx<'_>, out: &mut Vec<u8>) {
    let Some(request) = ctx.request else { return };
    let path = request.uri.path();
    out.extend_from_slice(path.as_bytes());
    if redirect.append_slash && redirect.drop_query && !path.ends_with('/') {
        out.push(b'/');
    }
    if let Some(query) = request.uri.query().filter(|_| !redirect.drop_query) {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
}
