//! What `balance` hashes of a request.

use http::{HeaderMap, Uri, request};
use lb_conf::model::{Algorithm, BalanceKey};
use lb_core::Backend;

use crate::eval::View;
use crate::stream::Stream;

/// The key of a request, if the backend's algorithm wants one and the request has it.
pub(super) fn key(stream: &Stream, backend: &Backend, head: &request::Parts) -> Option<Vec<u8>> {
    let Algorithm::Key(key) = &backend.config.algorithm else { return None };
    match key {
        BalanceKey::Uri { len, depth, whole, path_only } => {
            Some(uri(&head.uri, *len, *depth, *whole, *path_only))
        }
        BalanceKey::UrlParam { name, .. } => parameter(head.uri.query()?, name).map(<[u8]>::to_vec),
        BalanceKey::Header { name, domain_only } => header(&head.headers, name, *domain_only),
        BalanceKey::RdpCookie(_) | BalanceKey::Expression(_) => computed(stream, backend, Some(head)),
    }
}

/// The key of a connection in TCP mode, or of a request, where an expression says what it is.
pub(crate) fn computed(stream: &Stream, backend: &Backend, head: Option<&request::Parts>) -> Option<Vec<u8>> {
    let expr = backend.config.balance_expr.as_ref()?;
    let view = View::of(stream);
    let ctx = match head {
        Some(head) => view.request(stream, head),
        None => view.ctx(stream),
    };
    Some(expr.eval_bin(&ctx)?.as_bytes().to_vec())
}

fn uri(uri: &Uri, len: Option<u32>, depth: Option<u32>, whole: bool, path_only: bool) -> Vec<u8> {
    let mut text = match (uri.path_and_query(), path_only || uri.authority().is_none()) {
        (Some(path), true) => path.as_str().to_owned(),
        _ => uri.to_string(),
    };
    if !whole {
        text.truncate(text.find('?').unwrap_or(text.len()));
    }
    let mut key = text.into_bytes();
    key.truncate(len.map_or(usize::MAX, |len| len as usize));
    if let Some(depth) = depth {
        // The first slash begins the path and is no level of its own.
        let slashes = key.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        let end = slashes.skip(1).nth((depth as usize).saturating_sub(1)).unwrap_or(key.len());
        key.truncate(end);
    }
    key
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q [u8]> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.as_bytes()).next()
}

fn header(headers: &HeaderMap, name: &str, domain_only: bool) -> Option<Vec<u8>> {
    let value = headers.get(name)?.as_bytes();
    Some(if domain_only { domain(value) } else { value }.to_vec())
}

/// Of a host's name, the label before the top-level domain.
fn domain(host: &[u8]) -> &[u8] {
    let host = host.split(|b| *b == b':').next().unwrap_or_default();
    let mut labels = host.rsplit(|b| *b == b'.');
    match (labels.next(), labels.next()) {
        (Some(_), Some(domain)) => domain,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, len: Option<u32>, depth: Option<u32>, whole: bool) -> String {
        String::from_utf8(uri(&text.parse().unwrap(), len, depth, whole, false)).unwrap()
    }

    #[test]
    fn a_target_is_hashed_as_far_as_it_is_wanted() {
        assert_eq!(of("/a/b/c?d", None, None, false), "/a/b/c");
        assert_eq!(of("/a/b/c?d", None, None, true), "/a/b/c?d");
        assert_eq!(of("/a/b/c?d", Some(3), None, false), "/a/");
        assert_eq!(of("/a/b/c?d", None, Some(1), false), "/a");
        assert_eq!(of("/a/b/c?d", None, Some(2), false), "/a/b");
        assert_eq!(of("/a", None, Some(2), false), "/a");
    }

    #[test]
    fn parameters_and_domains_are_found() {
        assert_eq!(parameter("a=1&user=x&b", "user"), Some(&b"x"[..]));
        assert_eq!(parameter("a=1", "user"), None);
        assert_eq!(domain(b"www.example.com:80"), b"example");
        assert_eq!(domain(b"localhost"), b"localhost");
    }
}
