//! What stick tables count.

use anyhow::Result;
use lbx_tests::oracle::Side;

/// `web` counts by path, and `counts` tells what it counted.
pub(crate) const ERRORS: &str = "
defaults
    mode http
    timeout connect 1s
    timeout client 3s
    timeout server 500ms
    timeout tarpit 10ms
frontend web
    bind 127.0.0.1:{web}
    http-request track-sc0 path table errors
    http-request set-var(txn.path) path
    http-request deny if { path /deny }
    http-request deny deny_status 503 if { path /deny-503 }
    http-request return status 404 if { path /return-404 }
    http-request return status 503 if { path /return-503 }
    http-request redirect location / if { path /redirect }
    http-request reject if { path /reject }
    http-request auth if { path /auth }
    http-request tarpit if { path /tarpit }
    http-response set-status 404 if { var(txn.path) -m end /set }
    http-response return status 404 if { var(txn.path) -m end /return }
    http-response deny if { var(txn.path) -m end /deny }
    use_backend none if { path /none }
    default_backend origins
backend none
backend origins
    server s1 {s1}
frontend counts
    bind 127.0.0.1:{counts}
    http-request return status 200 content-type text/plain lf-string '%[path,table_http_req_cnt(errors)] %[path,table_http_err_cnt(errors)] %[path,table_http_fail_cnt(errors)]'
backend errors
    stick-table type string len 40 size 100 expire 10m store http_req_cnt,http_err_cnt,http_fail_cnt
";

/// By path: requests, and errors of clients and of servers among them.
pub(crate) fn errors(side: &mut Side) -> Result<()> {
    // The pages of errors are each program's own.
    side.without_requests();
    side.without_log();
    for path in [
        "/deny",
        "/deny-503",
        "/return-404",
        "/return-503",
        "/redirect",
        "/reject",
        "/auth",
        "/tarpit",
        "/none",
        "/status/200",
        "/status/404",
        "/status/500",
        "/status/501",
        "/status/503",
        "/status/505",
        "/status/200/set",
        "/status/404/return",
        "/status/503/return",
        "/status/200/deny",
        "/delay/3000",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        let mut http = side.connect("web")?;
        http.send(request.as_bytes())?;
        // One that is rejected has no response.
        let status = http.response_to("GET").map_or(0, |response| response.status);
        let mut http = side.connect("counts")?;
        http.send(request.as_bytes())?;
        side.note(format!("{path}: {status}, {}", http.response_to("GET")?.text()));
    }
    Ok(())
}
