//! What `-v` and `-vv` say.

/// HAProxy's version whose manual describes the configuration language that is served.
const LANGUAGE: &str = "2.6";

/// `-v`: the version.
pub(crate) fn short() -> String {
    format!("lbx version {} - configuration language of HAProxy {LANGUAGE}", env!("CARGO_PKG_VERSION"))
}

/// `-vv`: the version and what this build contains.
pub(crate) fn long() -> String {
    format!("{}\nTLS: rustls with aws-lc-rs\n", short())
}
