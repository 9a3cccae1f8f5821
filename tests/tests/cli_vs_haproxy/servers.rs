//! Servers and stick tables.

use crate::script::Script;

const CONFIG: &str = "
global
    stats socket {dir}/sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 1s
frontend fe
    bind 127.0.0.1:{web}
    default_backend be
backend be
    balance roundrobin
    stick-table type ip size 1k expire 1h store gpc0,conn_cnt,http_req_rate(10s)
    server s1 {s1} check inter 1h
    server s2 {s2}
    server s3 {s3} disabled
";

/// The port of `s1`, which each program has another of, the time that an entry stays for, and times since a change.
const MOMENTS: &[(&str, &str)] = &[
    (r"port changed from '\d+' to '18009'", "port changed to '18009'"),
    (r" exp=\d+", " exp=T"),
    (r"(?m)^((?:\S+ ){9})\d+ (?:\d+ ){5}", "$1T "),
    (r"- \d{5} -", "- PORT -"),
];

pub(crate) fn scripts() -> Vec<Script> {
    let script = |name, lines| Script { name, config: CONFIG, files: &[], lines, blotted: MOMENTS };
    vec![
        script(
            "servers::addresses",
            &[
                "set server be/s1 addr",
                "set server be/s1 addr 127.0.0.5",
                "set server be/s1 addr x.y",
                "set server be/s1 addr 127.0.0.5 port",
                "set server be/s1 addr 127.0.0.5 port x",
                "set server be/s1 addr 127.0.0.5 port 18009",
                "set server be/s1 addr 127.0.0.5 port 18009",
                "set server be/s1 addr 127.0.0.6 port 18010",
                "set server be/s1 addr ::1",
                "show servers state be",
            ],
        ),
        script(
            "servers::targets_of_checks",
            &[
                "set server be/s1 check-port",
                "set server be/s1 check-port 18099",
                "set server be/s1 check-port x",
                "set server be/s2 check-port 18099",
                "set server be/s1 check-addr 127.0.0.9",
                "set server be/s1 check-addr 127.0.0.9 port 99",
                "set server be/s2 check-addr 127.0.0.9",
                "set server be/s1 check-addr",
                "show servers state be",
                "set server be/s1 agent-addr 127.0.0.1",
                "set server be/s1 agent-port 5",
                "set server be/s1 agent-addr",
                "set server be/s1 agent-port",
            ],
        ),
        script(
            "servers::states",
            &[
                "set server be/s1 agent up",
                "set server be/s1 agent",
                "set server be/s1 health",
                "set server be/s1 health up",
                "set server be/s2 health up",
                "set server be/s1 health x",
                "set server be/s1 state",
                "set server be/s1 state x",
                "set server be/s1 weight",
                "set server be",
                "set server",
                "set server nope/s1 state ready",
                "set weight be/s1",
                "set weight",
                "get weight",
                "get weight be/nope",
                "get weight nope/x",
                "enable health",
                "enable health be/s1",
                "enable health be/s2",
                "disable health be/s1",
                "disable health be/s2",
                "disable health be",
                "enable agent",
                "enable agent be/s1",
                "disable agent be/s1",
                "enable server be/s3",
                "disable server be/s3",
                "shutdown sessions server",
                "shutdown sessions server be",
                "shutdown sessions server be/nope",
                "shutdown sessions server be/s1",
                "show servers state be",
            ],
        ),
        script(
            "servers::tables",
            &[
                "show table",
                "show table nope",
                "set table",
                "set table nope",
                "set table be key 1.2.3.4",
                "set table be key 1.2.3.4 data.gpc0 5",
                "set table be key 1.2.3.4 data.gpc0",
                "set table be key 1.2.3.4 data.foo 5",
                "set table be key 1.2.3.4 data.gpc1 5",
                "set table be key 1.2.3.4 data.conn_cnt x",
                "set table be key 1.2.3.5 data.gpc0 7 data.conn_cnt 2",
                "show table be",
                "show table be key 1.2.3.4",
                "show table be key 1.2.3.6",
                "show table be key",
                "show table be data.gpc0 gt 5",
                "show table be data.gpc0 lt 6",
                "show table be data.gpc0 ge 7 data.conn_cnt le 2",
                "show table be data.gpc0 ne 5",
                "show table be data.gpc0 eq 9",
                "show table be data.gpc0 foo 5",
                "show table be data.gpc0 gt",
                "show table be data.foo gt 1",
                "show table be data.gpc1 gt 1",
                "show table be data.gpc0 gt x",
                "show table be foo",
                "clear table",
                "clear table nope",
                "clear table be key",
                "clear table be key 9.9.9.9",
                "clear table be data.gpc0 gt 6",
                "show table be",
                "clear table be key 1.2.3.4",
                "show table be",
            ],
        ),
    ]
}
