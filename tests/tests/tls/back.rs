//! TLS towards servers: this program as a client of itself and of HAProxy.

use std::time::Duration;

use anyhow::{Result, ensure};
use lbx_tests::client;
use lbx_tests::daemon::Program;
use lbx_tests::wait;

use crate::front::Site;
use lbx_tests::pki::{Kind, Pki};

/// A frontend in the clear before servers that speak TLS, which are a frontend of the same program.
const CHAIN: &str = "
listen web
    bind 127.0.0.1:{web}
    server tls 127.0.0.1:{inner} ssl {words}
listen inner
    bind 127.0.0.1:{inner} ssl crt a.pem ca-file ca.pem verify {client} alpn http/1.1
    server s1 {s1}
";

fn files(pki: &Pki) -> Result<()> {
    pki.issue("a.pem", &["a.test"], Kind::Ec)?;
    pki.issue("client.pem", &["client"], Kind::Ec)?;
    pki.self_signed("other.pem", "other")
}

fn status(words: &str, client: &str) -> Result<u16> {
    let inner = lbx_tests::ports::free();
    let sections =
        CHAIN.replace("{inner}", &inner.to_string()).replace("{words}", words).replace("{client}", client);
    let site = Site::start(Program::Lbx, &sections, files)?;
    Ok(client::get(Default::default(), site.daemon.address("web"), "/")?.status)
}

pub(crate) fn verification() -> Result<()> {
    let rows = [
        ("verify none", "none", 200),
        ("verify required ca-file ca.pem", "none", 200),
        ("verify required ca-file ca.pem sni str(a.test)", "none", 200),
        ("verify required ca-file ca.pem sni str(b.test)", "none", 503),
        ("verify required ca-file ca.pem verifyhost a.test", "none", 200),
        ("verify required ca-file ca.pem verifyhost b.test", "none", 503),
        ("verify required ca-file other.pem", "none", 503),
        ("verify none crt client.pem", "required", 200),
        // In TLS 1.3 a server tells only after the handshake that it misses a certificate.
        ("verify none", "required", 502),
        ("verify none force-tlsv12", "required", 503),
        ("verify none force-tlsv12 ciphers ECDHE-ECDSA-CHACHA20-POLY1305", "none", 200),
    ];
    for (words, client, expected) in rows {
        let found = status(words, client)?;
        ensure!(found == expected, "{words} / {client}: {found}");
    }
    Ok(())
}

pub(crate) fn checks() -> Result<()> {
    let inner = lbx_tests::ports::free();
    let sections = "
backend checked
    server plain 127.0.0.1:{inner} check inter 100ms fall 1
    server tls 127.0.0.1:{inner} ssl verify none check inter 100ms fall 1
    server strict 127.0.0.1:{inner} ssl verify required ca-file other.pem check inter 100ms fall 1
    server check 127.0.0.1:{inner} check-ssl verify none check inter 100ms fall 1
    option httpchk GET /health
listen web
    bind 127.0.0.1:{web}
    server s1 {s1}
listen inner
    bind 127.0.0.1:{inner} ssl crt a.pem
    server s1 {s1}
";
    let site = Site::start(Program::Lbx, &sections.replace("{inner}", &inner.to_string()), files)?;
    let expected = ["plain=DOWN", "tls=UP", "strict=DOWN", "check=UP"];
    let states = || -> Result<Vec<String>> {
        let stat = site.daemon.cli("show stat")?;
        let rows = stat.lines().filter(|line| line.starts_with("checked,") && !line.contains("BACKEND"));
        Ok(rows
            .filter_map(|row| row.split(',').nth(1).zip(row.split(',').nth(17)))
            .map(|(n, s)| format!("{n}={s}"))
            .collect())
    };
    wait::until("the states of the servers", Duration::from_secs(5), || {
        states().is_ok_and(|found| found == expected)
    })
    .map_err(|e| e.context(format!("{:?}", states())))
}
