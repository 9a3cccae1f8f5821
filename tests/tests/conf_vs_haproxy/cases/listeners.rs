//! Configurations of proxies and their listeners.

use super::{differs, same};
use crate::Row;

/// All of them.
pub(crate) static ROWS: &[Row] = &[
    same(
        "bind: addresses",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080,127.0.0.1:18081,[::1]:18082,ipv4@:18083\n",
    ),
    same(
        "bind: a port range",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080-18085\n",
    ),
    same(
        "bind: a range that runs back",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18085-18080\n",
    ),
    same(
        "bind: no port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind 127.0.0.1\n",
    ),
    same(
        "bind: a port that is no number",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :http\n",
    ),
    same(
        "bind: a port too large",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :70000\n",
    ),
    same(
        "bind: port zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :0\n",
    ),
    same(
        "bind: no address",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind\n",
    ),
    same(
        "bind: a socket",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind unix@/tmp/conf_vs_haproxy mode 600 user root\n",
    ),
    same(
        "bind: one id for several",
        "defaults\n    timeout client 1s\nfrontend f\n bind :18080-18081 id 5\n",
    ),
    same(
        "bind: name and id",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080 name x id 5\n",
    ),
    same(
        "bind: two with one id",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080 id 5\n bind :18081 id 5\n",
    ),
    same(
        "bind: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080 nonsense\n",
    ),
    same(
        "bind: in defaults",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n bind :18080\n",
    ),
    same(
        "bind: in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    bind :18080\n",
    ),
    same(
        "bind: a frontend without any",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n",
    ),
    same(
        "bind: options",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080 maxconn 10 backlog 20 v4v6 interface lo\n",
    ),
    same(
        "bind: IPv6 with a dual wildcard",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind [::]:18080 v6only\n",
    ),
    same("proxy: timeouts missing in a listen", "listen l\n bind :18080\n server s 127.0.0.1:80\n"),
    same("proxy: timeouts missing in a backend without servers", "backend b\n"),
    same(
        "proxy: a tunnel timeout does for TCP",
        "backend b\n timeout connect 1s\n timeout tunnel 1s\n server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: a timeout twice",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout queue 1s\n    timeout queue 2s\n",
    ),
    same(
        "proxy: a timeout that defaults set",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout server 5s\n",
    ),
    same(
        "proxy: an unknown timeout",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout nonsense 1s\n",
    ),
    same(
        "proxy: timeout alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout\n",
    ),
    same(
        "proxy: a time with an unknown unit",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout queue 1y\n",
    ),
    same(
        "proxy: a time without a unit",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout queue 100\n",
    ),
    same(
        "proxy: a time too long",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout queue 100d\n",
    ),
    same(
        "proxy: a timeout of the other half",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    timeout queue 1s\n",
    ),
    same(
        "proxy: mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    mode http\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: an unknown mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    mode htpt\n",
    ),
    same(
        "proxy: mode health",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    mode health\n",
    ),
    same(
        "proxy: no backend of that name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    default_backend nonsense\n",
    ),
    same(
        "proxy: HTTP to TCP",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    mode http\n    default_backend b\nbackend b\n mode tcp\n",
    ),
    same(
        "proxy: TCP to HTTP",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    mode tcp\n    default_backend b\nbackend b\n mode http\n",
    ),
    same(
        "proxy: default_backend in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    default_backend c\nbackend c\n",
    ),
    same(
        "proxy: maxconn in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    maxconn 10\n",
    ),
    same(
        "proxy: fullconn in a frontend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    fullconn 10\n",
    ),
    same(
        "proxy: retries",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    retries 0\n",
    ),
    differs(
        "proxy: retries is no number",
        "Numbers",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    retries x\n",
    ),
    same(
        "proxy: an argument too many",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    retries 3 4\n",
    ),
    same(
        "proxy: disabled",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    disabled\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    nonsense\n",
    ),
    same(
        "proxy: an unknown option",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option nonsense\n",
    ),
    same(
        "proxy: option alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option\n",
    ),
    same(
        "proxy: no before what cannot be taken back",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    no retries 3\n",
    ),
    same(
        "proxy: no option",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    no option redispatch\n    no option httpchk\n",
    ),
    same(
        "proxy: redispatch",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option redispatch 2\n",
    ),
    same(
        "proxy: options of a TCP proxy",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nlisten l\n    bind :18080\n    option tcpka\n    option dontlognull\n    option nolinger\n    option allbackups\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: an option of the other half",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option dontlognull\n",
    ),
    same(
        "proxy: id twice",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    id 10\nbackend c\n id 10\n",
    ),
    same(
        "proxy: log global without any",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    log global\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: no log",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    no log\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: backlog",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    backlog 100\n",
    ),
    same(
        "forwardfor",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nlisten l\n    bind :18080\n    option forwardfor except 127.0.0.0/8 header X-Client if-none\n    server s 127.0.0.1:80\n",
    ),
    same(
        "forwardfor: in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nlisten l\n    bind :18080\n    option forwardfor\n    server s 127.0.0.1:80\n",
    ),
    same(
        "forwardfor: not a network",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nlisten l\n    bind :18080\n    option forwardfor except x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "errorfile: no such file",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    errorfile 503 /no/such/file\n",
    ),
    same(
        "errorfile: no such status",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    errorfile 999 /dev/null\n",
    ),
    same(
        "errorloc",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    errorloc 503 /sorry\n    errorloc303 500 /sorry\n",
    ),
    same(
        "capture: header and cookie",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    capture request header Host len 20\n    capture response header Server len 20\n    capture cookie S len 20\n",
    ),
    same(
        "capture: without a length",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    capture request header Host\n",
    ),
    same(
        "capture: in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    capture request header Host len 20\n",
    ),
    same(
        "capture: declare",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    declare capture request len 20\n",
    ),
    same(
        "capture: declare in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    declare capture request len 20\n",
    ),
    same(
        "monitor-uri",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    monitor-uri /alive\n",
    ),
    same(
        "monitor-uri: in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    monitor-uri /alive\n",
    ),
    same(
        "connection modes",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nlisten l\n    bind :18080\n    option httpclose\n    option http-server-close\n    no option httpclose\n    option http-keep-alive\n    server s 127.0.0.1:80\n",
    ),
    same(
        "rate-limit",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    rate-limit sessions 10\n",
    ),
    same(
        "rate-limit: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    rate-limit nonsense 10\n",
    ),
    same(
        "http-errors: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nhttp-errors e\nbackend b\n mode http\n errorfiles f\n",
    ),
    same(
        "http-errors: known",
        "http-errors e\n errorfile 503 /dev/null\nbackend b\n mode http\n errorfiles e 503\n",
    ),
    same(
        "http-errors: a status that it lacks",
        "http-errors e\n errorfile 503 /dev/null\nbackend b\n mode http\n errorfiles e 503 400\n",
    ),
    same("http-errors: twice", "http-errors e\nhttp-errors e\n"),
    same("http-errors: an unknown word", "http-errors e\n nonsense\n"),
];
