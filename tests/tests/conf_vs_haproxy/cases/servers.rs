//! Configurations of servers and of what shares the load among them.

use super::{differs, same};
use crate::Row;

/// All of them.
pub(crate) static ROWS: &[Row] = &[
    same(
        "balance: roundrobin",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance roundrobin\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: static-rr",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance static-rr\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: leastconn",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance leastconn\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: first",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance first\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: source",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance source\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: random",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance random\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: random(3)",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance random(3)\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: uri",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance uri\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: uri whole",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance uri whole\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: uri depth 2 len 10",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance uri depth 2 len 10\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: url_param x",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance url_param x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: hdr(host)",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance hdr(host)\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: hdr(host) use_domain_only",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance hdr(host) use_domain_only\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: rdp-cookie",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance rdp-cookie\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: rdp-cookie(x)",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance rdp-cookie(x)\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: uri in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance uri\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance nonsense\n",
    ),
    same(
        "balance: alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance\n",
    ),
    same(
        "balance: hdr without a name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance hdr\n",
    ),
    same(
        "balance: random without a number",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance random(x)\n",
    ),
    same(
        "balance: in a frontend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    balance source\n",
    ),
    same(
        "hash-type: consistent",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance source\n    hash-type consistent\n    server s 127.0.0.1:80\n",
    ),
    same(
        "hash-type: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-type nonsense\n",
    ),
    same(
        "hash-type: a function",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-type map-based djb2\n",
    ),
    same(
        "hash-type: an unknown function",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-type map-based nonsense\n",
    ),
    same(
        "hash-balance-factor",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-balance-factor 150\n",
    ),
    same(
        "hash-balance-factor: too small",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-balance-factor 50\n",
    ),
    same(
        "server: everything",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check inter 1s fastinter 500ms downinter 5s rise 1 fall 1 weight 5 maxconn 10 minconn 5 maxqueue 5 backup disabled slowstart 10s port 81 addr 127.0.0.2\n",
    ),
    same(
        "server: in a frontend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    server s 127.0.0.1:80\n",
    ),
    same(
        "server: in defaults",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n server s 127.0.0.1:80\n",
    ),
    same(
        "server: without an address",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s\n",
    ),
    same(
        "server: without a name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server\n",
    ),
    same(
        "server: a bad name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s/s 127.0.0.1:80\n",
    ),
    same(
        "server: two of one name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n    server s 127.0.0.1:81\n",
    ),
    same(
        "server: two with one id",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 id 7\n    server t 127.0.0.1:81 id 7\n",
    ),
    same(
        "server: a port range",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80-90\n",
    ),
    same(
        "server: the client's port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1\n    server t 127.0.0.1:+10\n",
    ),
    same(
        "server: a check without a port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1 check\n",
    ),
    same(
        "server: a check with its own port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1 check port 80\n",
    ),
    same(
        "server: a socket",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s unix@/tmp/x check\n    server t /tmp/y\n",
    ),
    same(
        "server: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 nonsense\n",
    ),
    same(
        "server: a weight too large",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 weight 300\n",
    ),
    same(
        "server: a weight of zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 weight 0\n",
    ),
    same(
        "server: an interval of zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check inter 0\n",
    ),
    same(
        "server: a rise of zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check rise 0\n",
    ),
    same(
        "server: rise is no number",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check rise x\n",
    ),
    differs(
        "server: maxconn is no number",
        "Numbers",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 maxconn x\n",
    ),
    same(
        "server: on-marked-down",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions\n",
    ),
    same(
        "server: on-marked-down unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 on-marked-down nonsense\n",
    ),
    same(
        "server: cannot resolve",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s no-such-name.invalid:80\n",
    ),
    same(
        "default-server",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    default-server inter 1s rise 1\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "default-server: alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    default-server\n",
    ),
    same(
        "default-server: in a frontend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    default-server inter 1s\n",
    ),
    same(
        "default-server: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    default-server nonsense\n",
    ),
    same(
        "cookie: insert",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S insert indirect nocache\n    server s 127.0.0.1:80 cookie a\n",
    ),
    same(
        "cookie: in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    cookie S insert\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: two modes",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S insert rewrite\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S nonsense\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: maxidle without insert",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S rewrite maxidle 1h\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: lives",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S insert maxidle 1h maxlife 1d httponly secure domain .x.org\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: no cookie",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    no cookie\n    server s 127.0.0.1:80\n",
    ),
    same(
        "http-reuse",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    http-reuse always\n    server s 127.0.0.1:80\n",
    ),
    same(
        "http-reuse: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    http-reuse nonsense\n    server s 127.0.0.1:80\n",
    ),
    same("stick-table: an array and a tag", "backend b\n    stick-table type ip size 1k store gpt(5),gpt0\n"),
    same(
        "stick-table: an array and a counter",
        "backend b\n    stick-table type ip size 1k store gpc(5),gpc1\n",
    ),
    same(
        "stick-table: an array and a rate",
        "backend b\n    stick-table type ip size 1k store gpc(2),gpc0_rate(5s)\n",
    ),
];
