//! Configurations of checks.

use super::same;
use crate::Row;

/// All of them.
pub(crate) static ROWS: &[Row] = &[
    same(
        "httpchk: plain",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "httpchk: in full",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk GET /x HTTP/1.1\n    http-check send hdr Host x\n    http-check expect status 200\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "httpchk: the old form",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk GET /x HTTP/1.1\\r\\nHost:\\ x\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "httpchk: expect without it",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    http-check expect status 200\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect a range of statuses",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect status 200,300-399\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect no status",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect status x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect a string",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect ! string error\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect a wrong regular expression",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect rstring (\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect a header",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect hdr name x value -m beg y\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect an unknown thing",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect nonsense x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: send an unknown thing",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check send nonsense x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: disable-on-404",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check disable-on-404\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: http-check alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    http-check\n    server s 127.0.0.1:80\n",
    ),
    same(
        "tcp-check: a dialogue",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option tcp-check\n    tcp-check connect\n    tcp-check send PING\\r\\n\n    tcp-check expect string +PONG\n    tcp-check send-binary 51\n    tcp-check expect rbinary 2b.*\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "tcp-check: without the option",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    tcp-check send x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "tcp-check: odd digits",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option tcp-check\n    tcp-check send-binary 5\n    server s 127.0.0.1:80\n",
    ),
    same(
        "tcp-check: an unknown step",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option tcp-check\n    tcp-check nonsense\n    server s 127.0.0.1:80\n",
    ),
    same(
        "tcp-check: a port for the connection",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option tcp-check\n    tcp-check connect port 80\n    server s 127.0.0.1 check\n",
    ),
    same(
        "agent: no port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n server s 127.0.0.1:80 agent-check\n",
    ),
    same(
        "agent: everything",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n server s 127.0.0.1:80 agent-check agent-port 80 agent-addr 127.0.0.2 agent-send x agent-inter 1s\n",
    ),
    same(
        "agent: an interval of zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n server s 127.0.0.1:80 agent-check agent-port 80 agent-inter 0\n",
    ),
];
