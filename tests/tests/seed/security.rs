//! "Security Enforcement".

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, From};
use lbx_tests::oracle::{self, Side};
use lbx_tests::suite::Case;

use crate::rates::LIMITED;
use crate::sample::{HAPROXY, compared, start};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        compared("security::malformed_requests_reach_no_server", LIMITED, malformed),
        Case::new("security::blocked_addresses", HAPROXY, || {
            let rules = "    tcp-request connection reject if { src 127.0.0.66 }
    http-request deny if { src 127.0.7.0/24 }
";
            let file = LIMITED.replace("    http-request track", &format!("{rules}    http-request track"));
            oracle::compare_sides(|program| start(&file, program), blocked)
        }),
    ]
}

fn malformed(side: &mut Side) -> Result<()> {
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nspace : before\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nhost: a\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
    ] {
        let mut http = side.connect("p80")?;
        http.send(request.as_bytes())?;
        let response = side.response(&mut http, request).with_context(|| format!("{request:?}"))?;
        ensure!(response.status == 400, "{request:?}: {}", response.line);
        side.expect_close(&mut http);
    }
    ensure!(side.origins.values().all(|origin| origin.requests().is_empty()));
    Ok(())
}

/// Refused at the door, or with an answer.
fn blocked(side: &mut Side) -> Result<()> {
    let get = |ip: [u8; 4]| client::get(From::default().source(ip.into()), side.daemon.address("p80"), "/");
    ensure!(get([127, 0, 0, 66]).is_err());
    ensure!(get([127, 0, 7, 1])?.status == 403);
    ensure!(get([127, 0, 0, 67])?.status == 200);
    ensure!(get([127, 0, 8, 1])?.status == 200);
    Ok(())
}
