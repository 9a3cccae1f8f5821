//! What `-v` and `-vv` say.

use lb_conf::preproc::FEATURES;
use lb_xdp::loader;

/// HAProxy's version whose manual describes the configuration language that is served.
const LANGUAGE: &str = "2.6";

/// When this version was released, as year/month/day.
pub(crate) const RELEASE_DATE: &str = "2026/11/22";

/// `-v`: the version.
pub(crate) fn short() -> String {
    format!(
        "lbx version {} {RELEASE_DATE} - configuration language of HAProxy {LANGUAGE}",
        env!("CARGO_PKG_VERSION")
    )
}

/// `-vv`: the version and what this build contains.
pub(crate) fn long() -> String {
    let kernel_plane = match loader::embedded() {
        Some(object) => format!("yes ({} bytes of BPF object)", object.len()),
        None => "no, built without a BPF object ('cargo xtask build-ebpf' makes it)".to_owned(),
    };
    let features: Vec<_> = FEATURES.iter().map(|name| format!("+{name}")).collect();
    format!(
        "{}\nFeature list : {}\nKernel plane: {kernel_plane}\nTLS: rustls with aws-lc-rs\n",
        short(),
        features.join(" ")
    )
}
