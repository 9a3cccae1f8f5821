//! The files of config/seed with addresses and paths of a test.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::Result;
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::oracle::{self, Side};
use lbx_tests::pki::{Kind, Pki};
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use regex::{Captures, Regex};

/// The name of the article's site.
pub(crate) const SITE: &str = "solvethenetwork.com";

/// What tests need that compare with HAProxy.
pub(crate) const HAPROXY: &[Need] = &[Need::Program("haproxy")];

/// A test that runs one file on both programs.
pub(crate) fn compared(name: &'static str, file: &'static str, traffic: fn(&mut Side) -> Result<()>) -> Case {
    Case::new(name, HAPROXY, move || oracle::compare_sides(|program| start(file, program), traffic))
}

/// Starts a program with a file: the service address is loopback, `{p80}` for port 80; the servers are origins, `s1` or
/// in TCP mode `t1` for the first; `{log}` receives the log, and files are in a folder of the test.
pub(crate) fn start(file: &str, program: Program) -> Result<Side> {
    Side::start_with(&template(file), program, |setup| prepare(setup, program))
}

/// Prepares a daemon that stays in the foreground whatever the file says.
pub(crate) fn prepare(setup: Setup<'_>, program: Program) -> Result<Setup<'_>> {
    let setup = files(setup)?;
    Ok(match program {
        // The harness keeps HAProxy in the foreground already.
        Program::Lbx => setup.argument("-db"),
        Program::Haproxy | Program::Nginx => setup,
    })
}

/// Makes the folders and files that the article's paths lead to.
pub(crate) fn files(setup: Setup<'_>) -> Result<Setup<'_>> {
    write_files(setup.dir())?;
    Ok(setup)
}

/// The same in a folder.
pub(crate) fn write_files(dir: &Path) -> Result<()> {
    for folder in ["root", "certs", "errors"] {
        fs::create_dir(dir.join(folder))?;
    }
    fs::write(dir.join("errors/503.http"), ERROR_PAGE)?;
    Pki::new(dir)?.issue(&format!("certs/{SITE}.pem"), &[SITE], Kind::Ec)
}

/// What the article's `errorfile` points to; its start line is not that of the code.
pub(crate) const ERROR_PAGE: &str = "HTTP/1.0 503 Nobody Home\r\ncache-control: no-cache\r\nconnection: close\r\n\
    content-type: text/html\r\n\r\n<html><body>nobody is at home</body></html>\r\n";

/// Paths of the article and what they are in a test.
const PATHS: [(&str, &str); 4] = [
    ("/var/run/haproxy/admin.sock", "{dir}/sock"),
    ("/var/run/haproxy.pid", "{dir}/pid"),
    ("/var/lib/haproxy", "{dir}/root"),
    ("/etc/haproxy", "{dir}"),
];

static BIND: LazyLock<Regex> = LazyLock::new(|| pattern(r"(bind +)10\.10\.10\.1:(\d+)"));
static LOG: LazyLock<Regex> = LazyLock::new(|| pattern(r"(log +)127\.0\.0\.1(:514)? "));
static SERVER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(server +\w+ )10\.\d+\.\d+\.\d+:\d+"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

/// File descriptors that the article's fifty thousand connections need, and some.
const DESCRIPTORS: u64 = 101_000;

/// The article's limit of connections, or what a machine can have whose limit of open files is fixed: both programs
/// refuse to start with less than they need.
pub(crate) fn connections() -> u32 {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    let more = |files| setrlimit(Resource::RLIMIT_NOFILE, files, files).is_ok();
    if hard >= DESCRIPTORS || more(DESCRIPTORS) { 50_000 } else { 4_000 }
}

/// A file of config/seed with the paths and the limit of connections of a test.
pub(crate) fn places(file: &str) -> String {
    let file = file.replace("maxconn     50000", &format!("maxconn     {}", connections()));
    PATHS.iter().fold(file, |text, (theirs, ours)| text.replace(theirs, ours))
}

/// A file of config/seed as a template of the harness.
pub(crate) fn template(file: &str) -> String {
    let text = places(file);
    let kind = if text.contains("mode        tcp") { 't' } else { 's' };
    let text = text.replace(" 10.10.0.0/16", " 127.10.0.0/16");
    let text = BIND.replace_all(&text, "${1}127.0.0.1:{p$2}");
    let text = LOG.replace_all(&text, "$1{log} ");
    let mut servers = 0;
    let named = |found: &Captures<'_>| {
        servers += 1;
        format!("{}{{{kind}{servers}}}", &found[1])
    };
    SERVER.replace_all(&text, named).into_owned()
}
