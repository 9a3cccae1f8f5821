//! Debian packages that the tasks use, installed when they are missing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell;

/// A program that a task uses, and where it comes from.
pub(crate) struct Tool {
    /// Its name in `PATH`, or the path of a file.
    program: &'static str,
    /// Debian's package.
    package: &'static str,
}

/// What the network tests and the demonstration need.
pub(crate) const NETWORK: &[Tool] = &[
    Tool { program: "ip", package: "iproute2" },
    Tool { program: "ethtool", package: "ethtool" },
    Tool { program: "bpftool", package: "bpftool" },
];

/// What compares this program with HAProxy, and the clients that it is tried with.
pub(crate) const ORACLE: &[Tool] = &[
    Tool { program: "haproxy", package: "haproxy" },
    Tool { program: "varnishtest", package: "varnish" },
    Tool { program: "curl", package: "curl" },
    Tool { program: "openssl", package: "openssl" },
    Tool { program: "h2load", package: "nghttp2-client" },
];

/// Programs that the article names, or that stand for those it names: they run with this one in tests.
pub(crate) const ARTICLE: &[Tool] = &[
    Tool { program: "keepalived", package: "keepalived" },
    Tool { program: "killall", package: "psmisc" },
    Tool { program: "unshare", package: "util-linux" },
    Tool { program: "rsyslogd", package: "rsyslog" },
    Tool { program: "chromium", package: "chromium" },
    Tool { program: "hatop", package: "hatop" },
    Tool { program: "socat", package: "socat" },
    Tool { program: "mariadbd", package: "mariadb-server" },
    Tool { program: "/usr/lib/postgresql/15/bin/postgres", package: "postgresql-15" },
    Tool { program: "redis-server", package: "redis-server" },
    Tool { program: "aiosmtpd", package: "python3-aiosmtpd" },
    Tool { program: "swaks", package: "swaks" },
    Tool { program: "slapd", package: "slapd" },
];

/// What the fuzzing engine is built with.
pub(crate) const FUZZ: &[Tool] = &[Tool { program: "c++", package: "g++" }];

/// What benchmarks need besides.
pub(crate) const BENCH: &[Tool] = &[
    Tool { program: "nginx", package: "nginx-light" },
    Tool { program: "/usr/lib/nginx/modules/ngx_stream_module.so", package: "libnginx-mod-stream" },
    Tool { program: "wrk", package: "wrk" },
    Tool { program: "h2load", package: "nghttp2-client" },
];

/// Where Debian's package scripts ask whether they may start a service (policy-rc.d(8)).
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs the packages of the tools that are not there. An error says which command would do it.
pub(crate) fn ensure(tools: &[Tool]) -> Result<()> {
    let missing: Vec<&str> =
        tools.iter().filter(|tool| shell::find(tool.program).is_none()).map(|tool| tool.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    require(&missing)
}

/// Whether this user of this machine can install Debian's packages.
pub(crate) fn can_install() -> bool {
    shell::is_root() && shell::find("apt-get").is_some()
}

/// Installs packages, or says with which command root can.
pub(crate) fn require(packages: &[&str]) -> Result<()> {
    let command = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !can_install() {
        bail!("missing packages; install them as root, on Debian or Ubuntu with: {command}");
    }
    eprintln!("{command}");
    install(packages)
}

/// Installs packages with apt, without starting the services that they bring.
fn install(packages: &[&str]) -> Result<()> {
    let _policy = NoServices::new()?;
    shell::run(apt().args(["update", "--quiet"]))?;
    shell::run(apt().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
}

fn apt() -> std::process::Command {
    let mut apt = shell::command("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

/// Keeps package scripts from starting services as long as it lives: a machine that wants to run tests does not want a
/// web server on port 80.
struct NoServices {
    made: bool,
}

impl NoServices {
    fn new() -> Result<Self> {
        let made = !Path::new(POLICY).exists();
        if made {
            // 101: the action is forbidden by policy.
            fs::write(POLICY, "#!/bin/sh\nexit 101\n").context(POLICY)?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).context(POLICY)?;
        }
        Ok(Self { made })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made {
            // The next installation of a service would not start: say so if it stays.
            if let Err(error) = fs::remove_file(POLICY) {
                eprintln!("cannot remove {POLICY}, which keeps services from starting: {error}");
            }
        }
    }
}
