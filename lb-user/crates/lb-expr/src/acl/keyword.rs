//! Words of ACLs that stand for a fetch and a match method: `path_beg`, `hdr_dom` and their kin.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::pattern::Method;
use crate::table::fetch_named;

/// A word that stands for a fetch and a match method.
#[derive(Clone, Debug)]
pub struct AclKeyword {
    /// The word.
    pub name: String,
    /// The fetch.
    pub fetch: &'static str,
    /// The method, which counts where neither `-m` nor a converter says otherwise.
    pub method: Method,
}

/// Words that take each of [`SUFFIXES`], and their fetches.
const FAMILIES: &[(&str, &str)] = &[
    ("base", "base"),
    ("cook", "req.cook"),
    ("hdr", "req.hdr"),
    ("path", "path"),
    ("scook", "res.cook"),
    ("shdr", "res.hdr"),
    ("url", "url"),
    ("urlp", "urlp"),
];

const SUFFIXES: &[(&str, Method)] = &[
    ("", Method::Str),
    ("_beg", Method::Beg),
    ("_dir", Method::Dir),
    ("_dom", Method::Dom),
    ("_end", Method::End),
    ("_len", Method::Len),
    ("_reg", Method::Reg),
    ("_sub", Method::Sub),
];

/// Words of their own.
const SINGLE: &[(&str, &str, Method)] = &[
    ("http_auth_group", "http_auth_group", Method::Str),
    ("method", "method", Method::Str),
    ("payload", "req.payload", Method::Bin),
    ("payload_lv", "req.payload_lv", Method::Bin),
    ("req.payload", "req.payload", Method::Bin),
    ("req.payload_lv", "req.payload_lv", Method::Bin),
    ("req.ssl_ver", "req.ssl_ver", Method::Version),
    ("req_rdp_cookie", "req.rdp_cookie", Method::Str),
    ("req_rdp_cookie_cnt", "req.rdp_cookie_cnt", Method::Int),
    ("req_ssl_sni", "req.ssl_sni", Method::Str),
    ("req_ssl_ver", "req.ssl_ver", Method::Version),
    ("req_ver", "req.ver", Method::Str),
    ("resp_ver", "res.ver", Method::Str),
    ("ssl_fc_sni_end", "ssl_fc_sni", Method::End),
    ("ssl_fc_sni_reg", "ssl_fc_sni", Method::Reg),
];

/// All of them.
pub fn keywords() -> &'static [AclKeyword] {
    static ALL: OnceLock<Vec<AclKeyword>> = OnceLock::new();
    ALL.get_or_init(|| {
        let families = FAMILIES.iter().flat_map(|(word, fetch)| {
            SUFFIXES.iter().map(move |(suffix, method)| AclKeyword {
                name: format!("{word}{suffix}"),
                fetch,
                method: *method,
            })
        });
        let single = SINGLE.iter().map(|(name, fetch, method)| AclKeyword {
            name: (*name).to_owned(),
            fetch,
            method: *method,
        });
        families.chain(single).collect()
    })
}

/// The keyword of this name.
pub(crate) fn find(name: &str) -> Option<&'static AclKeyword> {
    static INDEX: OnceLock<HashMap<&str, &AclKeyword>> = OnceLock::new();
    INDEX.get_or_init(|| keywords().iter().map(|k| (&*k.name, k)).collect()).get(name).copied()
}

/// Whether a word begins like a test: with the name of a fetch or of an ACL keyword.
pub(crate) fn is_criterion(word: &str) -> bool {
    let name = &word[..crate::expr::identifier(word, 0)];
    find(name).is_some() || fetch_named(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_has_its_fetch() {
        for k in keywords() {
            let row = fetch_named(k.fetch).unwrap_or_else(|| panic!("{} stands for no fetch", k.name));
            assert!(k.method.takes(row.output), "{}", k.name);
        }
        assert_eq!(find("hdr_beg").map(|k| (k.fetch, k.method)), Some(("req.hdr", Method::Beg)));
    }
}
