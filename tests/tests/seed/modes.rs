//! "How a Load Balancer Works": what HTTP mode is for.

use std::process::Command;

use anyhow::{Result, ensure};
use lbx_tests::oracle::{self, Side};
use lbx_tests::suite::Case;

use crate::https::COMPARED;
use crate::sample::start;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("modes::http_mode_changes_headers_compresses_and_reads_bodies", COMPARED, || {
        oracle::compare_sides(|program| start(HTTP, program), http)
    })]
}

const HTTP: &str = "
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 2s
frontend web
    bind 127.0.0.1:{p80}
    option http-buffer-request
    acl asks_for_pages req.body -m sub pages
    http-request set-header x-seen-by balancer
    http-request del-header x-secret
    http-request set-path /bytes/%[url_param(length)] if { path /length }
    http-response set-header x-answered-for %[src]
    http-response del-header server
    compression algo gzip
    use_backend pages if asks_for_pages
    default_backend others
backend pages
    server s1 {s1}
backend others
    server s2 {s2}
";

/// The body of a response that is compressed, as curl decodes it.
fn decoded_length(side: &Side, path: &str) -> Result<(usize, bool)> {
    let url = format!("http://{}{path}", side.daemon.address("p80"));
    let output = Command::new("curl").args(["-s", "-i", "--compressed", &url]).output()?;
    ensure!(output.status.success(), "{output:?}");
    let end = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, body) = output.stdout.split_at(end);
    Ok((body.len(), String::from_utf8_lossy(head).to_ascii_lowercase().contains("content-encoding: gzip")))
}

fn http(side: &mut Side) -> Result<()> {
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\nx-secret: 1\r\nx-other: 2\r\n\r\n",
        "GET /length?length=20 HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 14\r\n\r\nfor the pages!",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nelse",
    ] {
        side.exchange("p80", request)?;
    }
    let length = decoded_length(side, "/bytes/50000")?;
    ensure!(length == (50_000, true), "{length:?}");
    side.note(format!("{length:?}"));
    Ok(())
}
