//! ACLs that every proxy has without declaring them (configuration.txt, section 7.4).

/// A row of the table of predefined ACLs.
#[derive(Clone, Copy, Debug)]
pub struct Predefined {
    /// The name.
    pub name: &'static str,
    /// What would stand behind the name in an `acl` line.
    pub words: &'static [&'static str],
    /// One line for the reference.
    pub doc: &'static str,
}

const fn row(name: &'static str, words: &'static [&'static str], doc: &'static str) -> Predefined {
    Predefined { name, words, doc }
}

/// The table of predefined ACLs.
pub static PREDEFINED: &[Predefined] = &[
    row("FALSE", &["always_false"], "never matches"),
    row("HTTP", &["req.proto_http"], "the request is HTTP"),
    row("HTTP_1.0", &["req.ver", "1.0"], "the request is HTTP/1.0"),
    row("HTTP_1.1", &["req.ver", "1.1"], "the request is HTTP/1.1"),
    row("HTTP_2.0", &["req.ver", "2.0"], "the request is HTTP/2"),
    row("HTTP_CONTENT", &["req.hdr_val(content-length)", "gt", "0"], "the request announces a body"),
    row("HTTP_URL_ABS", &["url_reg", "^[^/:]*://"], "the target is an absolute URL"),
    row("HTTP_URL_SLASH", &["url_beg", "/"], "the target begins with a slash"),
    row("HTTP_URL_STAR", &["url", "*"], "the target is a star"),
    row("LOCALHOST", &["src", "127.0.0.1/8", "::1"], "the client is this host"),
    row("METH_CONNECT", &["method", "CONNECT"], "the method is CONNECT"),
    row("METH_DELETE", &["method", "DELETE"], "the method is DELETE"),
    row("METH_GET", &["method", "GET", "HEAD"], "the method is GET or HEAD"),
    row("METH_HEAD", &["method", "HEAD"], "the method is HEAD"),
    row("METH_OPTIONS", &["method", "OPTIONS"], "the method is OPTIONS"),
    row("METH_POST", &["method", "POST"], "the method is POST"),
    row("METH_PUT", &["method", "PUT"], "the method is PUT"),
    row("METH_TRACE", &["method", "TRACE"], "the method is TRACE"),
    row("RDP_COOKIE", &["req.rdp_cookie_cnt", "gt", "0"], "the bytes begin with an RDP cookie"),
    row("REQ_CONTENT", &["req.len", "gt", "0"], "the client has sent something"),
    row("TRUE", &["always_true"], "always matches"),
    row("WAIT_END", &["wait_end"], "content inspection is over"),
];
