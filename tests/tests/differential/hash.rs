//! `hash-type`: the servers that keys are hashed to must be HAProxy's.

use std::sync::LazyLock;

use anyhow::Result;
use lbx_tests::oracle::Side;

/// Ways of choosing a key, each tried with both methods.
const KEYS: &[&str] = &[
    "hdr(x-key)",
    "hdr(host) use_domain_only",
    "uri",
    "uri whole",
    "uri depth 1",
    "uri len 5",
    "uri path-only",
    "url_param k",
    "source",
    "hash req.hdr(x-key)",
    "hash req.hdr(x-key),lower",
    "hash req.hdr(x-key),length",
    "hash src",
];

/// Ways of hashing, each tried with both methods and one kind of key.
const FUNCTIONS: &[&str] = &["sdbm", "djb2", "wt6", "crc32"];

const SERVERS: &str = "
    http-response set-header x-chosen %s
    server a {s1}
    server b {s1} weight 2
    server c {s1} weight 5
    server down {s1} weight 3 disabled
    server e {s1} id 77
    server f {s1} weight 3
    server spare {s1} backup
";

fn rows() -> Vec<String> {
    let mut rows = Vec::new();
    for kind in ["map-based", "consistent"] {
        rows.extend(KEYS.iter().map(|key| format!("balance {key}\n    hash-type {kind}")));
        for function in FUNCTIONS {
            for modifier in ["", " avalanche"] {
                rows.push(format!("balance hdr(x-key)\n    hash-type {kind} {function}{modifier}"));
            }
        }
        rows.push(format!("balance source\n    hash-type {kind} sdbm avalanche"));
    }
    rows.push("balance hdr(x-key)\n    hash-type consistent\n    hash-balance-factor 110".to_owned());
    rows
}

/// The configuration: a backend for each row, which a header chooses.
pub(crate) static CONFIG: LazyLock<String> = LazyLock::new(|| {
    let front = "
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{web}
    http-request set-src hdr(x-src)
    use_backend b%[req.hdr(x-row)]
";
    let rows = rows();
    let backends = (0..).zip(&rows).map(|(n, row): (u32, _)| format!("backend b{n}\n    {row}{SERVERS}"));
    front.to_owned() + &backends.collect::<String>()
});

/// Addresses of both families, of which the last bytes alone, the first alone, or all differ.
fn source(n: u32) -> String {
    match n % 4 {
        0 => format!("10.1.2.{n}"),
        1 => format!("{n}.0.0.9"),
        2 => format!("2001:db8:{n:x}::{:x}", n * 77),
        _ => format!("192.168.{}.{}", n / 7, n * 3),
    }
}

pub(crate) fn servers(side: &mut Side) -> Result<()> {
    side.without_requests();
    side.without_log();
    let mut http = side.connect("web")?;
    for (at, row) in rows().iter().enumerate() {
        let mut chosen = Vec::new();
        for n in 0..40 {
            let request = format!(
                "GET /d{n}/Name-{n}/x{n}?a=b&k=user{n}&c=d HTTP/1.1\r\nhost: www.site{n}.example.com:80\r\n\
                 x-row: {at}\r\nx-key: Key-{n}-{}\r\nx-src: {}\r\n\r\n",
                "z".repeat(n as usize % 9),
                source(n),
            );
            http.send(request.as_bytes())?;
            let response = http.response_to("GET")?;
            chosen.push(response.headers.get("x-chosen").unwrap_or("none").to_owned());
        }
        side.note(format!("{row}: {}", chosen.join(" ")));
    }
    Ok(())
}
