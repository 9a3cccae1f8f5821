//! HTTP mode.

use anyhow::{Context, Result};
use lbx_tests::oracle::Side;

/// Sends requests, each on a connection of its own.
fn each(side: &mut Side, requests: &[&str]) -> Result<()> {
    requests.iter().try_for_each(|request| side.exchange("web", request).map(drop))
}

pub(crate) fn methods(side: &mut Side) -> Result<()> {
    each(
        side,
        &[
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /bytes/5000?x=1 HTTP/1.1\r\nHost: a\r\nX-Mixed-Case: Value\r\n\r\n",
            "HEAD /bytes/5000 HTTP/1.1\r\nhost: a\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
            "PUT /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
            "DELETE /x HTTP/1.1\r\nhost: a\r\n\r\n",
            "PROPFIND /x HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /chunked/3000 HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /status/204 HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /status/304 HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /close HTTP/1.1\r\nhost: a\r\n\r\n",
        ],
    )
}

pub(crate) fn keep_alive(side: &mut Side) -> Result<()> {
    let mut http = side.connect("web")?;
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
        "HEAD /bytes/10 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /status/404 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ] {
        http.send(request.as_bytes())?;
        side.response(&mut http, request)?;
    }
    side.expect_close(&mut http);
    // Pipelined: both requests are there before the first is answered.
    let request = "GET /bytes/3 HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut http = side.connect("web")?;
    http.send(request.repeat(2).as_bytes())?;
    side.response(&mut http, request)?;
    side.response(&mut http, request).map(drop)
}

/// Versions and the framing of bodies are left out: this program answers an HTTP/1.0 client as HTTP/1.0 knows it,
/// without chunks, where HAProxy passes on what the server sent.
pub(crate) fn old_clients(side: &mut Side) -> Result<()> {
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET /chunked/50 HTTP/1.0\r\nhost: a\r\n\r\n",
        "GET /bytes/3 HTTP/1.0\r\nhost: a\r\nconnection: close\r\n\r\n",
    ] {
        let mut http = side.connect("web")?;
        http.send(request.as_bytes())?;
        let response = http.response_to("GET")?;
        side.note(format!("{} {} {:?}", response.status, response.origin(), response.body));
        side.expect_close(&mut http);
    }
    let mut http = side.connect("web")?;
    for _ in 0..2 {
        http.send(b"GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n")?;
        let response = http.response_to("GET")?;
        side.note(format!("{} {:?}", response.origin(), response.headers.get("connection")));
    }
    side.without_requests();
    Ok(())
}

/// Where this program does what RFC 9110 (7.6.1) asks of an intermediary and HAProxy does not, there is a test of its
/// own: `connection`, `keep-alive` and `proxy-connection` end here.
pub(crate) fn hop_by_hop(side: &mut Side) -> Result<()> {
    each(
        side,
        &[
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n",
        ],
    )
}

/// Folded header lines are not among them: HAProxy joins them, this program refuses them, and RFC 9112 (5.2) allows both.
pub(crate) fn malformed(side: &mut Side) -> Result<()> {
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nspace : before\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut http = side.connect("web")?;
        http.send(request.as_bytes())?;
        side.response(&mut http, request).with_context(|| format!("{request:?}"))?;
        side.expect_close(&mut http);
    }
    Ok(())
}

pub(crate) fn odd(side: &mut Side) -> Result<()> {
    each(
        side,
        &[
            "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\nhost: a\n\n",
            "GET http://b/path HTTP/1.1\r\nhost: b\r\n\r\n",
            "GET //x/../y%2f HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx-empty:\r\nx-spaces:   a  b  \r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx-twice: 1\r\nx-twice: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
            "GET / HTTP/1.1\r\n\r\n",
        ],
    )
}

pub(crate) fn server_errors(side: &mut Side) -> Result<()> {
    each(
        side,
        &[
            "GET /status/500 HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /status/404 HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /status/301 HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /status/999 HTTP/1.1\r\nhost: a\r\n\r\n",
        ],
    )
}

pub(crate) fn slow_server(side: &mut Side) -> Result<()> {
    each(side, &["GET /delay/300 HTTP/1.1\r\nhost: a\r\n\r\n", "GET /delay/3000 HTTP/1.1\r\nhost: a\r\n\r\n"])
}

pub(crate) fn dead_server(side: &mut Side) -> Result<()> {
    side.origins.values().for_each(|origin| origin.die());
    each(
        side,
        &["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx"],
    )
}
