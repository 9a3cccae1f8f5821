//! Persistence by cookie: a client stays on the server that its cookie names.

mod date;

use std::fmt::Write;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, COOKIE, ETAG, EXPIRES, HeaderValue, LAST_MODIFIED, PRAGMA, SET_COOKIE};
use http::response;
use http::{HeaderMap, Method};
use lb_conf::model::{Cookie, CookieMode, ProxyOption};
use lb_core::{Backend, Server};

use self::date::{Dated, dated, is_stale, now};
use super::rules::Persistence;
use crate::stream::Stream;

/// Looks for the server that the client's cookie names, and takes the cookie out where the server is not to see it.
pub(super) fn read_cookie(
    stream: &mut Stream,
    backend: &Backend,
    headers: &mut HeaderMap,
    persists: Persistence,
) {
    let Some(cookie) = &backend.config.cookie else { return };
    (stream.cookie.client, stream.cookie.server) = (b'N', b'N');
    let found = find(headers, &cookie.name);
    let prefix = cookie.mode == CookieMode::Prefix;
    stream.cookie.ignored = persists == Persistence::Ignored;
    if let Some(value) = found.as_ref().filter(|_| persists != Persistence::Ignored) {
        let value = if prefix { value.split(|b| *b == b'~').next().unwrap_or_default() } else { value };
        let dated = Dated::read(value);
        match if prefix { None } else { dated.fault(cookie, now()) } {
            Some(fault) => stream.cookie.client = fault,
            None => {
                stream.cookie.dates = dated.dates();
                look_up(stream, backend, dated.value, persists == Persistence::Forced);
            }
        }
    }
    if prefix && found.is_some() {
        edit(headers, &cookie.name, |value| {
            let rest = value.iter().position(|b| *b == b'~').map_or(value, |at| &value[at + 1..]);
            Some(rest.to_vec())
        });
    } else if cookie.indirect && found.is_some() {
        edit(headers, &cookie.name, |_| None);
    }
}

fn look_up(stream: &mut Stream, backend: &Backend, value: &[u8], forced: bool) {
    let is_named =
        |server: &&Arc<Server>| server.config.cookie.as_ref().is_some_and(|c| c.as_bytes() == value);
    match backend.servers.iter().find(is_named) {
        None => stream.cookie.client = b'I',
        Some(server)
            if forced || server.persistent() || backend.config.proxy.options.has(ProxyOption::Persist) =>
        {
            stream.cookie.client = b'V';
            stream.insists = !server.persistent();
            stream.wanted = Some(Arc::clone(server));
        }
        Some(_) => stream.cookie.client = b'D',
    }
}

/// Tells the client which server it is on, in the way that the configuration wants.
pub(super) fn write_cookie(stream: &mut Stream, backend: &Backend, head: &mut response::Parts) {
    let Some(cookie) = &backend.config.cookie else { return };
    let cacheable = is_cacheable(stream, head);
    let headers = &mut head.headers;
    let own = find_set(headers, &cookie.name);
    if own.is_some() {
        stream.cookie.server = b'P';
    }
    if stream.cookie.ignored {
        return;
    }
    let Some(value) = stream.server.as_ref().and_then(|server| server.config.cookie.clone()) else {
        return take_back(stream, cookie, headers);
    };
    match (cookie.mode, own) {
        (CookieMode::Passive, _) => {}
        (CookieMode::Insert, Some(_)) if cookie.preserve => {}
        (CookieMode::Insert, own) => {
            // It would contradict the one that is inserted.
            if own.is_some() {
                remove_set(headers, &cookie.name);
            }
            insert(stream, cookie, &value, headers, cacheable);
        }
        (CookieMode::Rewrite | CookieMode::Prefix, None) => {}
        (mode, Some(_)) => {
            stream.cookie.server = b'R';
            rewrite(headers, &cookie.name, |old| match mode {
                CookieMode::Prefix => [value.as_bytes(), b"~", old].concat(),
                _ => value.as_bytes().to_vec(),
            });
        }
    }
}

fn insert(stream: &mut Stream, cookie: &Cookie, value: &str, headers: &mut HeaderMap, cacheable: bool) {
    let now = now();
    let direct = stream.cookie.client == b'V'
        && stream.wanted.as_ref().map(|s| s.id) == stream.server.as_ref().map(|s| s.id);
    let post = stream.kept.request.as_ref().is_some_and(|r| r.method == Method::POST);
    if direct && !is_stale(cookie, stream.cookie.dates, now) || cookie.post_only && !post {
        return;
    }
    let value = &dated(cookie, value, stream.cookie.dates, now);
    if let Ok(field) = HeaderValue::from_str(&field(cookie, value)) {
        headers.append(SET_COOKIE, field);
        stream.cookie.server = if direct { b'U' } else { b'I' };
        if cookie.nocache && cacheable {
            headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
    }
}

/// Takes a cookie away from a client that is on a server which has none.
fn take_back(stream: &mut Stream, cookie: &Cookie, headers: &mut HeaderMap) {
    if cookie.mode == CookieMode::Insert && stream.cookie.client != b'N' {
        let text = format!("{}=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/", cookie.name);
        if let Ok(field) = HeaderValue::from_str(&text) {
            headers.append(SET_COOKIE, field);
            stream.cookie.server = b'I';
        }
    }
}

/// `option checkcache`: whether a response of the server sets a cookie, and a cache might give it to everybody.
pub(super) fn is_unsafe(stream: &Stream, backend: &Backend, head: &response::Parts) -> bool {
    backend.config.proxy.options.has(ProxyOption::CheckCache)
        && head.headers.contains_key(SET_COOKIE)
        && is_cacheable(stream, head)
}

/// Whether a cache might keep a response, and give one client's cookie to another: it says how long it is fresh, or
/// how that can be found out, and does not forbid it.
fn is_cacheable(stream: &Stream, head: &response::Parts) -> bool {
    let method = stream.kept.request.as_ref().map(|request| &request.method);
    let safe = method.is_some_and(Method::is_safe);
    let lasting = [200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501].contains(&head.status.as_u16());
    let says = |words: &[&str]| {
        let values = head.headers.get_all(CACHE_CONTROL).iter();
        let mut parts = values.flat_map(|value| value.as_bytes().split(|b| *b == b','));
        parts.any(|part| words.iter().any(|word| part.trim_ascii().starts_with(word.as_bytes())))
    };
    let dated = [EXPIRES, ETAG, LAST_MODIFIED].iter().any(|name| head.headers.contains_key(name));
    lasting
        && (dated || says(&["max-age", "s-maxage"]))
        && !says(&["no-cache", "no-store", "private", "max-age=0", "s-maxage=0"])
        && !says_old(&head.headers)
        && (safe || says(&["public"]))
}

/// What HTTP/1.0 had instead of `Cache-Control: no-cache`.
fn says_old(headers: &HeaderMap) -> bool {
    headers.get_all(PRAGMA).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"no-cache"))
}

fn field(cookie: &Cookie, value: &str) -> String {
    let mut field = format!("{}={value}; path=/", cookie.name);
    for domain in &cookie.domains {
        // A string takes whatever is written to it.
        let _ = write!(field, "; domain={domain}");
    }
    for (is_set, word) in [(cookie.http_only, "; HttpOnly"), (cookie.secure, "; Secure")] {
        field.push_str(if is_set { word } else { "" });
    }
    for attribute in &cookie.attributes {
        let _ = write!(field, "; {attribute}");
    }
    field
}

/// The value of a pair `NAME=value`, if that is its name.
fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (key, value) = pair.split_at(pair.iter().position(|b| *b == b'=')?);
    (key.trim_ascii() == name.as_bytes()).then(|| value[1..].trim_ascii())
}

fn find(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|b| *b == b';'));
    pairs.filter_map(|pair| value_of(pair, name)).next().map(<[u8]>::to_vec)
}

fn find_set(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let first = |value: &HeaderValue| {
        let pair = value.as_bytes().split(|b| *b == b';').next()?;
        value_of(pair, name).map(<[u8]>::to_vec)
    };
    headers.get_all(SET_COOKIE).iter().find_map(first)
}

/// Changes the value of a cookie of the client, or takes the cookie out.
fn edit(headers: &mut HeaderMap, name: &str, change: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let fields: Vec<_> =
        headers.get_all(COOKIE).iter().filter_map(|field| edited(field, name, &change)).collect();
    headers.remove(COOKIE);
    fields.into_iter().for_each(|field| {
        headers.append(COOKIE, field);
    });
}

fn edited(
    field: &HeaderValue,
    name: &str,
    change: &impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<HeaderValue> {
    let pairs = field.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let kept = pairs.filter_map(|pair| match value_of(pair, name) {
        Some(value) => change(value).map(|new| [name.as_bytes(), b"=", &new].concat()),
        None => Some(pair.to_vec()),
    });
    let joined = kept.collect::<Vec<_>>().join(&b"; "[..]);
    if joined.is_empty() { None } else { HeaderValue::from_bytes(&joined).ok() }
}

/// Takes out a cookie that the server sets.
fn remove_set(headers: &mut HeaderMap, name: &str) {
    let is_other = |field: &HeaderValue| {
        let pair = field.as_bytes().split(|b| *b == b';').next();
        pair.is_none_or(|pair| value_of(pair, name).is_none())
    };
    let others: Vec<_> = headers.get_all(SET_COOKIE).iter().filter(|f| is_other(f)).cloned().collect();
    headers.remove(SET_COOKIE);
    others.into_iter().for_each(|field| {
        headers.append(SET_COOKIE, field);
    });
}

/// Changes the value of a cookie that the server sets.
fn rewrite(headers: &mut HeaderMap, name: &str, change: impl Fn(&[u8]) -> Vec<u8>) {
    let fields: Vec<_> =
        headers.get_all(SET_COOKIE).iter().map(|field| rewritten(field, name, &change)).collect();
    headers.remove(SET_COOKIE);
    fields.into_iter().for_each(|field| {
        headers.append(SET_COOKIE, field);
    });
}

fn rewritten(field: &HeaderValue, name: &str, change: &impl Fn(&[u8]) -> Vec<u8>) -> HeaderValue {
    let bytes = field.as_bytes();
    let end = bytes.iter().position(|b| *b == b';').unwrap_or(bytes.len());
    match value_of(&bytes[..end], name) {
        Some(value) => {
            let new = [name.as_bytes(), b"=", &change(value), &bytes[end..]].concat();
            HeaderValue::from_bytes(&new).unwrap_or_else(|_| field.clone())
        }
        None => field.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: http::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_cookie_is_taken_out_and_the_others_stay() {
        let mut headers = map(COOKIE, &["a=1; SRV=s2; b=2", "SRV=x"]);
        assert_eq!(find(&headers, "SRV").unwrap(), b"s2");
        edit(&mut headers, "SRV", |_| None);
        assert_eq!(headers, map(COOKIE, &["a=1; b=2"]));
    }

    #[test]
    fn a_servers_cookie_is_rewritten_with_its_attributes_kept() {
        let mut headers = map(SET_COOKIE, &["SRV=old; path=/x", "other=1"]);
        rewrite(&mut headers, "SRV", |old| [b"s1~", old].concat());
        assert_eq!(headers, map(SET_COOKIE, &["SRV=s1~old; path=/x", "other=1"]));
        assert_eq!(find_set(&headers, "SRV").unwrap(), b"s1~old");
    }
}
