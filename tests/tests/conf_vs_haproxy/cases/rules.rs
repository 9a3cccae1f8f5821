//! Configurations with conditions, rules and formats.

use super::{differs, same};
use crate::Row;

/// All of them.
pub(crate) static ROWS: &[Row] = &[
    same(
        "set-timeout in a frontend",
        "defaults d\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    http-request set-timeout server 1s\n",
    ),
    same(
        "set-timeout in the defaults of a frontend",
        "defaults d\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    http-request set-timeout server 1s\nfrontend f from d\n    bind :18080\n",
    ),
    same(
        "set-timeout in a backend",
        "defaults d\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    http-request set-timeout server 1s\n    server s 127.0.0.1:80\n",
    ),
    same(
        "acl: named and used",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a path_beg /x\n    http-request deny if a\nbackend b\nbackend c\n",
    ),
    same(
        "acl: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if nonsense\nbackend b\nbackend c\n",
    ),
    same(
        "acl: unknown criterion",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a nonsense /x\nbackend b\nbackend c\n",
    ),
    same(
        "acl: no criterion",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a\nbackend b\nbackend c\n",
    ),
    same(
        "acl: a bad name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a/b path /x\nbackend b\nbackend c\n",
    ),
    same(
        "acl: anonymous",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { path_beg /x } || { src 10.0.0.0/8 } !{ method GET }\nbackend b\nbackend c\n",
    ),
    same(
        "acl: anonymous, not closed",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { path_beg /x\nbackend b\nbackend c\n",
    ),
    same(
        "acl: predefined",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if METH_GET or !LOCALHOST\nbackend b\nbackend c\n",
    ),
    same(
        "acl: two lines",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a path_beg /x\n    acl a src 10.0.0.0/8\n    http-request deny if a\nbackend b\nbackend c\n",
    ),
    same(
        "acl: a wrong network",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a src 10.0.0.0/99\nbackend b\nbackend c\n",
    ),
    same(
        "acl: a wrong regular expression",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a path_reg (\nbackend b\nbackend c\n",
    ),
    same(
        "acl: a wrong operator",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a dst_port nonsense 5\nbackend b\nbackend c\n",
    ),
    same(
        "acl: a file that is not there",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a path -f /no/such/file\nbackend b\nbackend c\n",
    ),
    same(
        "acl: used before it is declared",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if a\n    acl a path /x\nbackend b\nbackend c\n",
    ),
    same(
        "acl: response where there is none",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { status 200 }\nbackend b\nbackend c\n",
    ),
    same(
        "acl: unused",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    acl a path /x\nbackend b\nbackend c\n",
    ),
    same(
        "acl: in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    acl a path /x\n    http-request deny if a\n",
    ),
    differs(
        "rule: no condition",
        "Empty conditions",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if\nbackend b\nbackend c\n",
    ),
    same(
        "rule: not a condition",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny now\nbackend b\nbackend c\n",
    ),
    same(
        "rule: unknown action",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request nonsense\nbackend b\nbackend c\n",
    ),
    same(
        "rule: no action",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request\nbackend b\nbackend c\n",
    ),
    same(
        "rule: an action of another place",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-status 200\nbackend b\nbackend c\n",
    ),
    same(
        "rule: headers",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-header X-A %[src]\n    http-request add-header X-B b\n    http-request del-header X-C\n    http-response replace-header X-D a.b c\n    http-response replace-value X-E a b\nbackend b\nbackend c\n",
    ),
    same(
        "rule: a header without a value",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-header X-A\nbackend b\nbackend c\n",
    ),
    same(
        "rule: unknown fetch in a format",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-header X-A %[nonsense]\nbackend b\nbackend c\n",
    ),
    same(
        "rule: unknown converter",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-header X-A %[src,nonsense]\nbackend b\nbackend c\n",
    ),
    same(
        "rule: unknown log variable",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-header X-A %nonsense\nbackend b\nbackend c\n",
    ),
    same(
        "rule: deny with a status",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny deny_status 429\nbackend b\nbackend c\n",
    ),
    same(
        "rule: deny with a wrong status",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny deny_status 999\nbackend b\nbackend c\n",
    ),
    same(
        "rule: return a text",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request return status 200 content-type text/plain string hello\nbackend b\nbackend c\n",
    ),
    same(
        "rule: return without a media type",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request return string hello\nbackend b\nbackend c\n",
    ),
    same(
        "rule: return a header",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request return status 204 hdr X-A b\nbackend b\nbackend c\n",
    ),
    same(
        "rule: redirect",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request redirect scheme https code 301 unless { ssl_fc }\n    redirect prefix /x drop-query if { path /y }\nbackend b\nbackend c\n",
    ),
    same(
        "rule: redirect nowhere",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request redirect\nbackend b\nbackend c\n",
    ),
    same(
        "rule: redirect with a wrong code",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request redirect location / code 200\nbackend b\nbackend c\n",
    ),
    same(
        "rule: set-var",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-var(txn.a) path,lower\n    http-request set-var-fmt(req.b) %[src]\n    http-request unset-var(txn.a)\nbackend b\nbackend c\n",
    ),
    same(
        "rule: set-var of no scope",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-var(nonsense.a) path\nbackend b\nbackend c\n",
    ),
    same(
        "rule: set-path and its like",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-path /x\n    http-request set-query a=b\n    http-request set-uri /x?y\n    http-request set-method GET\n    http-request replace-path ^/a /b\nbackend b\nbackend c\n",
    ),
    differs(
        "rule: normalize-uri needs a switch",
        "Experimental words",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request normalize-uri path-merge-slashes\nbackend b\nbackend c\n",
    ),
    same(
        "rule: set-log-level",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-log-level silent\n    http-request set-log-level err\nbackend b\nbackend c\n",
    ),
    same(
        "rule: set-log-level unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-log-level loud\nbackend b\nbackend c\n",
    ),
    same(
        "rule: track without a table",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request track-sc0 src\nbackend b\nbackend c\n",
    ),
    same(
        "rule: track in a table",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    stick-table type ip size 1k store http_req_rate(10s)\n    http-request track-sc0 src\n    http-request deny if { sc_http_req_rate(0) gt 5 }\nbackend b\nbackend c\n",
    ),
    same(
        "rule: HTTP rules in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    http-request deny\nbackend b\nbackend c\n",
    ),
    same(
        "rule: tcp-request",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    tcp-request connection reject if { src 10.0.0.0/8 }\n    tcp-request session accept\n    tcp-request inspect-delay 1s\n    tcp-request content accept if HTTP\nbackend b\nbackend c\n",
    ),
    same(
        "rule: tcp-request of an unknown kind",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    tcp-request nonsense accept\nbackend b\nbackend c\n",
    ),
    same(
        "rule: tcp-request connection in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    tcp-request connection accept\n",
    ),
    same(
        "rule: tcp-request connection with a path",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    tcp-request connection reject if { path /x }\nbackend b\nbackend c\n",
    ),
    same(
        "rule: after-response",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-after-response set-header X-A b\nbackend b\nbackend c\n",
    ),
    same(
        "rule: capture",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    declare capture request len 10\n    http-request capture path id 0\n    http-request capture path len 10\nbackend b\nbackend c\n",
    ),
    same(
        "rule: capture of no slot",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request capture path id 3\nbackend b\nbackend c\n",
    ),
    same(
        "use_backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    use_backend b if { path /x }\n    use_backend c\n    default_backend b\nbackend b\nbackend c\n",
    ),
    same(
        "use_backend: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    use_backend nonsense if { path /x }\nbackend b\nbackend c\n",
    ),
    same(
        "use_backend: computed",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    use_backend %[req.hdr(host),lower]\nbackend b\nbackend c\n",
    ),
    same(
        "use-server",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    use-server s if { path /x }\n    server s 127.0.0.1:80\n",
    ),
    same(
        "use-server: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    use-server t if { path /x }\n    server s 127.0.0.1:80\n",
    ),
    same(
        "use-server: always",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    use-server s\n    server s 127.0.0.1:80\n",
    ),
    same(
        "stick: on a table of its own",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    stick-table type ip size 1k\n    stick on src\n    server s 127.0.0.1:80\n",
    ),
    same(
        "stick: without a table",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    stick on src\n    server s 127.0.0.1:80\n",
    ),
    same(
        "stick-table: without a size",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    stick-table type ip\n",
    ),
    same(
        "stick-table: an unknown type",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    stick-table type nonsense size 1k\n",
    ),
    same(
        "stick-table: an unknown column",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    stick-table type ip size 1k store nonsense\n",
    ),
    same(
        "stick-table: a rate without a period",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    stick-table type ip size 1k store http_req_rate\n",
    ),
    same(
        "stick-table: twice",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    stick-table type ip size 1k\n    stick-table type ip size 1k\n",
    ),
    same(
        "log-format",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    log 127.0.0.1 local0\n    log-format \"%ci:%cp %[src] %{+Q}r\"\nbackend b\nbackend c\n",
    ),
    same(
        "log-format: unknown variable",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    log 127.0.0.1 local0\n    log-format %nonsense\nbackend b\nbackend c\n",
    ),
    same(
        "log-format: without a log",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    log-format %ci\nbackend b\nbackend c\n",
    ),
    same(
        "option httplog in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    log 127.0.0.1 local0\n    option httplog\nbackend b\nbackend c\n",
    ),
    same(
        "monitor fail",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    monitor-uri /x\n    monitor fail if { nbsrv(b) lt 1 }\nbackend b\nbackend c\n",
    ),
    same(
        "nbsrv of an unknown backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { nbsrv(nonsense) lt 1 }\nbackend b\nbackend c\n",
    ),
    same(
        "rules in unnamed defaults",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\n    http-request deny\nbackend b\n",
    ),
    same(
        "log-format in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    log-format %ci\n",
    ),
    same(
        "log-format in a backend with a log",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode tcp\nbackend b\n    log 127.0.0.1 local0\n    log-format %ci\n",
    ),
    same(
        "option httplog in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httplog\n",
    ),
    same(
        "option tcplog in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode tcp\nbackend b\n    option tcplog\n",
    ),
    same(
        "log-format of defaults for a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\n    log-format %ci\nbackend b\n",
    ),
    same(
        "variable of HTTP in a log of TCP",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode tcp\nfrontend f\n    bind :18080\n    log 127.0.0.1 local0\n    log-format %HM\nbackend b\n",
    ),
    same(
        "bytes tested in HTTP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { req.payload(0,1) -m found }\nbackend b\n",
    ),
    same(
        "bytes of responses tested in HTTP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    tcp-response content reject if { res.len gt 1 }\n",
    ),
    same(
        "bytes tested in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode tcp\nfrontend f\n    bind :18080\n    tcp-request inspect-delay 1s\n    tcp-request content reject if { req.len gt 1 }\nbackend b\n",
    ),
    same(
        "certificate of the server in a request rule",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-header x %[ssl_s_der,hex]\nbackend b\n",
    ),
    same(
        "response fetch in a request rule",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request set-header x %[res.hdr(a)]\nbackend b\n",
    ),
    same(
        "response fetch tested in a request rule",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { status 200 }\nbackend b\n",
    ),
    same(
        "request fetch in a log",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    log 127.0.0.1 local0\n    log-format %[path]\nbackend b\n",
    ),
    same(
        "server fetch in tcp-request connection",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode tcp\nfrontend f\n    bind :18080\n    tcp-request connection set-var(sess.a) srv_name\nbackend b\n",
    ),
    same(
        "operators between numbers",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { int(5) gt 1 lt 9 eq 5 1-3 4:6 }\nbackend b\n",
    ),
    same(
        "range that ends before it begins",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { int(5) 5:3 }\nbackend b\n",
    ),
    same(
        "number beyond 64 bits",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { int(5) 9999999999999999999999 }\nbackend b\n",
    ),
    same(
        "method without a way to match",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    http-request deny if { meth(GET) GET }\nbackend b\n",
    ),
    same(
        "http-request: deny deny_status 403 hdr x y",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request deny deny_status 403 hdr x y\n",
    ),
    same(
        "http-request: deny hdr x y deny_status 403",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request deny hdr x y deny_status 403\n",
    ),
    same(
        "http-request: deny status 404 deny_status 403",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request deny status 404 deny_status 403\n",
    ),
    same(
        "http-request: tarpit hdr x y deny_status 403",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request tarpit hdr x y deny_status 403\n",
    ),
    same(
        "http-request: return deny_status 403",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request return deny_status 403\n",
    ),
    same(
        "http-request: add-acl(/no/such/file) %[path]",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request add-acl(/no/such/file) %[path]\n",
    ),
    same(
        "http-request: set-map(/no/such/file) %[path] x",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request set-map(/no/such/file) %[path] x\n",
    ),
    same(
        "http-request: del-acl(/no/such/file) x",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request del-acl(/no/such/file) x\n",
    ),
    same(
        "http-request: del-map(/no/such/file) x",
        "frontend f\n    mode http\n    bind :18080\n    timeout client 1s\n    http-request del-map(/no/such/file) x\n",
    ),
    same(
        "tcp-response: content in a frontend",
        "frontend f\n    bind :18080\n    timeout client 1s\n    tcp-response content accept\n",
    ),
    same("tcp-response: content in a backend", "backend b\n    tcp-response content accept\n"),
];
