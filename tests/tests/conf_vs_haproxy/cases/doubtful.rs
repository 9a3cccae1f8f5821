//! What can be read but is doubtful: tests that find nothing where they stand, formats that nothing is logged in, rules
//! that are never reached or not in their turn.

use super::{differs, same};
use crate::Row;

/// Lines behind a `defaults` section of this mode.
macro_rules! lines {
    ($name:literal, $mode:literal, $lines:literal) => {
        same(
            concat!("doubtful: ", $name),
            concat!(
                "defaults d\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n    mode ",
                $mode,
                $lines
            ),
        )
    };
}

/// A line of a frontend in HTTP mode that is refused here.
macro_rules! refused {
    ($topic:literal, $line:literal) => {
        differs(
            concat!("refused: ", $line),
            $topic,
            concat!(
                "frontend f\n    mode http\n    timeout client 1s\n    bind :18080\n    ",
                $line,
                "\n    http-request return status 200\n"
            ),
        )
    };
}

#[rustfmt::skip]
pub(super) static ROWS: &[Row] = &[
    lines!("bytes in a condition of HTTP mode", "http", r#"
frontend f
    bind :18080
    http-request deny if { req.len gt 5 }
    http-request return status 200
"#),
    lines!("bytes in responses of HTTP mode", "http", r#"
listen f
    bind :18080
    http-response set-header a %[res.len]
    tcp-response content reject if { res.payload(0,1) -m bin 00 }
    server s 127.0.0.1:80
"#),
    lines!("bytes in an answer", "http", r#"
frontend f
    bind :18080
    http-request return status 200 content-type a/b lf-string "%[req.len]"
"#),
    lines!("bytes in a log format", "http", r#"
frontend f
    bind :18080
    log stdout format raw local0
    log-format "%[req.len] %[req.payload(0,1)]"
    http-request return status 200
"#),
    lines!("bytes in a header", "http", r#"
frontend f
    bind :18080
    http-request set-var(txn.x) req.len
    http-request set-header x %[req.payload(0,1)]
    http-request return status 200
"#),
    lines!("a header in content rules of TCP mode", "tcp", r#"
listen f
    bind :18080
    tcp-request content reject if { req.hdr(host) x }
    server s 127.0.0.1:80
"#),
    lines!("a header in use_backend of TCP mode", "tcp", r#"
frontend f
    bind :18080
    use_backend b if { req.hdr(host) x }
    default_backend b
backend b
    server s 127.0.0.1:80
"#),
    lines!("a header before there is a request", "http", r#"
frontend f
    bind :18080
    tcp-request connection reject if { req.hdr(a) x }
    http-request return status 200
"#),
    lines!("a response before there is one", "http", r#"
frontend f
    bind :18080
    http-request deny if { res.hdr(a) x }
    http-request return status 200
"#),
    lines!("a server before there is one", "http", r#"
frontend f
    bind :18080
    http-request deny if { srv_name x }
    http-request return status 200
"#),
    lines!("a status before there is one", "http", r#"
frontend f
    bind :18080
    http-request set-var(txn.x) status
    http-request return status 200
"#),
    lines!("a path behind the request", "http", r#"
frontend f
    bind :18080
    log stdout format raw local0
    log-format "%[path]"
    http-request return status 200
"#),
    lines!("a path in a response", "http", r#"
listen f
    bind :18080
    http-response set-header a %[path]
    server s 127.0.0.1:80
"#),
    lines!("variables of HTTP in a log of TCP mode", "tcp", r#"
listen f
    bind :18080
    log stdout format raw local0
    log-format "%HM %ST"
    server s 127.0.0.1:80
"#),
    lines!("option httplog in TCP mode", "tcp", r#"
listen f
    bind :18080
    log stdout format raw local0
    option httplog
    server s 127.0.0.1:80
"#),
    lines!("bytes in content rules of HTTP mode", "http", r#"
frontend f
    bind :18080
    tcp-request inspect-delay 1s
    tcp-request content reject if { req.ssl_sni x }
    tcp-request content reject if { req.payload(0,1) -m bin 00 }
    http-request return status 200
"#),
    lines!("a status in TCP mode", "tcp", r#"
listen f
    bind :18080
    tcp-response content reject if { res.hdr(a) x }
    tcp-response content reject if { status 200 }
    server s 127.0.0.1:80
"#),
    lines!("stick on a response", "http", r#"
backend b
    stick-table type string len 10 size 10
    stick on res.hdr(a)
    server s 127.0.0.1:80
frontend f
    bind :18080
    default_backend b
"#),
    lines!("use-server by a response", "http", r#"
backend b
    use-server s if { res.hdr(a) x }
    server s 127.0.0.1:80
frontend f
    bind :18080
    default_backend b
"#),
    lines!("balance by a header in TCP mode", "tcp", r#"
backend b
    balance hdr(host)
    server s 127.0.0.1:80
frontend f
    bind :18080
    default_backend b
"#),
    lines!("TLS where there is none", "http", r#"
frontend f
    bind :18080
    http-request deny if !{ ssl_fc_sni x }
    http-request return status 200
"#),
    lines!("WAIT_END in HTTP mode", "http", r#"
frontend f
    bind :18080
    http-request deny if WAIT_END
    http-request return status 200
"#),
    lines!("rules of HTTP in TCP mode", "tcp", r#"
listen f
    bind :18080
    http-request deny if { path /x }
    server s 127.0.0.1:80
"#),
    lines!("a format of defaults without a log", "http", r#"
    option httplog
frontend f
    bind :18080
    http-request return status 200
"#),
    lines!("option tcplog without a log", "http", r#"
listen f
    mode tcp
    bind :18080
    option tcplog
    server s 127.0.0.1:80
"#),
    lines!("log global without a global log", "http", r#"
frontend f
    bind :18080
    option httplog
    log global
    http-request return status 200
"#),
    lines!("log global alone", "http", r#"
frontend f
    bind :18080
    log global
    http-request return status 200
"#),
    lines!("option httplog clf without a log", "http", r#"
frontend f
    bind :18080
    option httplog clf
    http-request return status 200
"#),
    lines!("error-log-format without a log", "http", r#"
frontend f
    bind :18080
    error-log-format %ci
    http-request return status 200
"#),
    lines!("log-format-sd without a log", "http", r#"
frontend f
    bind :18080
    log-format-sd [a]
    http-request return status 200
"#),
    lines!("log-format without a log", "http", r#"
frontend f
    bind :18080
    log-format %ci
    http-request return status 200
"#),
    lines!("option httpslog without a log", "http", r#"
frontend f
    bind :18080
    option httpslog
    http-request return status 200
"#),
    lines!("unique-id-format without a log", "http", r#"
frontend f
    bind :18080
    unique-id-format %ci
    http-request return status 200
"#),
    lines!("a disabled frontend without a log", "http", r#"
frontend f
    bind :18080
    disabled
    option httplog
    http-request return status 200
"#),
    lines!("no log", "http", r#"
frontend f
    bind :18080
    option httplog
    no log
    http-request return status 200
"#),
    lines!("option httplog in a backend", "http", r#"
backend b
    option httplog
    server s 127.0.0.1:80
frontend f
    bind :18080
    default_backend b
"#),
    lines!("behind a final response rule", "http", r#"
listen f
    bind :18080
    http-response deny
    http-response set-header a b
    server s 127.0.0.1:80
"#),
    lines!("behind a final rule of all responses", "http", r#"
listen f
    bind :18080
    http-after-response allow
    http-after-response set-header a b
    server s 127.0.0.1:80
"#),
    lines!("behind a redirect", "http", r#"
listen f
    bind :18080
    http-request redirect location /
    http-request set-header a b
    server s 127.0.0.1:80
"#),
    lines!("rules of connections behind content rules", "http", r#"
listen f
    bind :18080
    tcp-request content accept
    tcp-request content reject
    tcp-request connection accept
    tcp-request connection reject
    server s 127.0.0.1:80
"#),
    lines!("behind auth", "http", r#"
listen f
    bind :18080
    http-request auth
    http-request set-header a b
    server s 127.0.0.1:80
"#),
    lines!("final actions", "http", r#"
listen f
    bind :18080
    http-request tarpit
    http-request set-header a b
    http-request allow
    http-request reject
    http-request silent-drop
    http-request return status 200
    http-request deny
    server s 127.0.0.1:80
"#),
    lines!("rules in reverse order", "http", r#"
listen f
    bind :18080
    use-server s if TRUE
    redirect location / if FALSE
    http-request deny if FALSE
    monitor fail if FALSE
    tcp-request content accept if FALSE
    tcp-request session accept if FALSE
    tcp-request connection accept if FALSE
    server s 127.0.0.1:80
"#),
    lines!("rules in any order", "http", r#"
frontend f
    bind :18080
    tcp-request content accept if FALSE
    tcp-request connection accept if FALSE
    http-request deny if FALSE
    tcp-request content accept if FALSE
    monitor-uri /x
    monitor fail if FALSE
    default_backend b
    redirect location / if FALSE
    http-request deny if FALSE
    use_backend b if FALSE
    redirect location / if FALSE
    http-response deny if FALSE
backend b
    server s 127.0.0.1:80
"#),
    lines!("behind a final rule of the statistics", "http", r#"
listen f
    bind :18080
    stats uri /x
    stats http-request deny
    stats http-request allow
    server s 127.0.0.1:80
"#),
    lines!("behind a rule with a condition", "http", r#"
listen f
    bind :18080
    http-request deny unless FALSE
    http-request allow
    server s 127.0.0.1:80
"#),
    lines!("behind final rules of defaults", "http", r#"
    http-request deny
frontend f from d
    bind :18080
    http-request set-header a b
    http-request return status 200
"#),
    lines!("rules behind use_backend", "http", r#"
frontend f
    bind :18080
    use_backend b if TRUE
    http-request deny
    default_backend b
backend b
    server s 127.0.0.1:80
"#),
    lines!("rules behind deny", "http", r#"
frontend f
    bind :18080
    http-request deny
    http-request set-header a b
    default_backend b
backend b
    server s 127.0.0.1:80
"#),
    lines!("an ACL of two tests", "http", r#"
frontend f
    bind :18080
    acl a path /x
    acl a src 1.2.3.4
    http-request return status 200
"#),
    lines!("methods that convert", "http", r#"
frontend f
    bind :18080
    http-request deny if { path -m int 5 }
    http-request deny if { src -m beg 1 }
    http-request return status 200
"#),
    lines!("an inspection without a delay", "tcp", r#"
listen f
    bind :18080
    tcp-request content reject if { req.ssl_sni -m found }
    server s 127.0.0.1:80
"#),
    refused!("Slots and indexes", "http-request set-var(txn.a) sc_get_gpc(100,0)"),
    refused!("Slots and indexes", "http-request set-var(txn.a) sc_conn_cnt(5)"),
    refused!("Flags of log formats", "http-request set-header a %{+cbor}o"),
    refused!("Flags of log formats", "http-request set-header a %{+Z}ci"),
    refused!("Empty conditions", "http-request set-header a b if !"),
];
