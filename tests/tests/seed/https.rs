//! curl as a client of the article's TLS addresses.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use lbx_tests::oracle::Side;
use lbx_tests::privilege::Need;

use crate::sample::SITE;

/// What tests need that compare with HAProxy over TLS.
pub(crate) const COMPARED: &[Need] = &[Need::Program("haproxy"), Need::Program("curl")];

/// What curl says with these arguments about `path`, requested from port 443 of the configuration.
pub(crate) fn curl(side: &Side, path: &str, arguments: &[&str]) -> Result<String> {
    let port = side.daemon.address("p443").port();
    let mut command = Command::new("curl");
    // The certificate's authority is the test's own, and lies beside its files.
    let authority = side.daemon.home().dir().join("ca.pem");
    command.args(["-s", "--max-time", "30", "--cacert"]).arg(authority);
    command.args(["--resolve", &format!("{SITE}:{port}:127.0.0.1"), "-H", &format!("host: {SITE}")]);
    let output = command.args(arguments).arg(format!("https://{SITE}:{port}{path}")).output()?;
    ensure!(output.status.success(), "curl {path} {arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).context("what curl says")
}

/// Requests `path` over HTTP/1.1 and writes down the head and the body of the response.
pub(crate) fn exchange(side: &mut Side, path: &str, arguments: &[&str]) -> Result<String> {
    exchange_over(side, "--http1.1", path, arguments)
}

/// The same over a version of HTTP, given as curl's option for it.
pub(crate) fn exchange_over(
    side: &mut Side,
    version: &str,
    path: &str,
    arguments: &[&str],
) -> Result<String> {
    let arguments = [&["-i", version, "-A", "test"], arguments].concat();
    let response = curl(side, path, &arguments)?;
    side.note(format!("> {path} {arguments:?}"));
    let (head, body) = response.split_once("\r\n\r\n").context("a head")?;
    for line in head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")) {
        side.note(format!("< {}", lower_case_name(line)));
    }
    side.note(format!("< body {body:?}"));
    Ok(response)
}

/// A header line with its name in lower case, as both may write names as they like.
fn lower_case_name(line: &str) -> String {
    match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
        None => line.to_owned(),
    }
}
