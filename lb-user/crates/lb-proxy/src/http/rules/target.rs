//! Parts of a request's target put in place of others.

use http::Uri;
use http::uri::PathAndQuery;

/// Another path before the same query.
pub(super) fn with_path(uri: &Uri, path: &[u8]) -> Option<Uri> {
    let mut new = path.to_vec();
    if let Some(query) = uri.query() {
        new.push(b'?');
        new.extend_from_slice(query.as_bytes());
    }
    with_path_and_query(uri, &new)
}

/// Another query behind the same path; none where it is empty. A question mark before it may be there or not.
pub(super) fn with_query(uri: &Uri, query: &[u8]) -> Option<Uri> {
    let mut new = uri.path().as_bytes().to_vec();
    let query = query.strip_prefix(b"?").unwrap_or(query);
    if !query.is_empty() {
        new.push(b'?');
        new.extend_from_slice(query);
    }
    with_path_and_query(uri, &new)
}

/// Another path and query on the same host.
pub(super) fn with_path_and_query(uri: &Uri, path: &[u8]) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_changes_and_the_others_stay() {
        let uri: Uri = "/a/b?c=d".parse().unwrap();
        assert_eq!(with_path(&uri, b"/x").unwrap(), "/x?c=d");
        assert_eq!(with_query(&uri, b"?e").unwrap(), "/a/b?e");
        assert_eq!(with_query(&uri, b"").unwrap(), "/a/b");
        assert_eq!(with_path_and_query(&uri, b"/y?z").unwrap(), "/y?z");
        let full: Uri = "http://host/a?b".parse().unwrap();
        assert_eq!(with_path(&full, b"/c").unwrap(), "http://host/c?b");
        assert!(with_path(&uri, b"no path\n").is_none());
    }
}
