//! Words of the sections, one a case: good arguments and bad ones.

use super::{differs, same};
use crate::Row;

/// A line of `global`.
macro_rules! global {
    ($line:literal) => {
        same(
            concat!("global: ", $line),
            concat!("global\n    ", $line, "\nfrontend f\n    bind :18080\n    timeout client 1s\n"),
        )
    };
    ($topic:literal: $line:literal) => {
        differs(
            concat!("global: ", $line),
            $topic,
            concat!("global\n    ", $line, "\nfrontend f\n    bind :18080\n    timeout client 1s\n"),
        )
    };
}

/// Words behind the address of a `bind` line.
macro_rules! bind {
    ($words:literal) => {
        same(
            concat!("bind: ", $words),
            concat!("frontend f\n    timeout client 1s\n    bind :18080 ", $words, "\n"),
        )
    };
    ($topic:literal: $words:literal) => {
        differs(
            concat!("bind: ", $words),
            $topic,
            concat!("frontend f\n    timeout client 1s\n    bind :18080 ", $words, "\n"),
        )
    };
}

/// A line of a `listen` section in HTTP mode.
macro_rules! listen {
    ($line:literal) => {
        same(
            concat!("listen: ", $line),
            concat!(
                "listen l\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n",
                "    bind :18080\n    ",
                $line,
                "\n    server s 127.0.0.1:80\n"
            ),
        )
    };
    ($topic:literal: $line:literal) => {
        differs(
            concat!("listen: ", $line),
            $topic,
            concat!(
                "listen l\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n",
                "    bind :18080\n    ",
                $line,
                "\n    server s 127.0.0.1:80\n"
            ),
        )
    };
}

/// A line of a backend that has resolvers to name.
macro_rules! server {
    ($line:literal) => {
        same(
            concat!("backend: ", $line),
            concat!(
                "resolvers r\n    nameserver n 127.0.0.1:53\n",
                "backend b\n    timeout server 1s\n    timeout connect 1s\n    ",
                $line,
                "\n"
            ),
        )
    };
    ($topic:literal: $line:literal) => {
        differs(
            concat!("backend: ", $line),
            $topic,
            concat!(
                "resolvers r\n    nameserver n 127.0.0.1:53\n",
                "backend b\n    timeout server 1s\n    timeout connect 1s\n    ",
                $line,
                "\n"
            ),
        )
    };
}

/// A line of a `resolvers` section.
macro_rules! resolvers {
    ($line:literal) => {
        same(
            concat!("resolvers: ", $line),
            concat!("resolvers r\n    nameserver n 127.0.0.1:53\n    ", $line, "\nbackend b\n"),
        )
    };
}

/// A line of a `ring` that is logged to.
macro_rules! ring {
    ($line:literal) => {
        same(
            concat!("ring: ", $line),
            concat!("global\n    log ring@r local0\nring r\n    ", $line, "\nbackend b\n"),
        )
    };
    ($topic:literal: $line:literal) => {
        differs(
            concat!("ring: ", $line),
            $topic,
            concat!("global\n    log ring@r local0\nring r\n    ", $line, "\nbackend b\n"),
        )
    };
}

/// A line of a `userlist`.
macro_rules! userlist {
    ($line:literal) => {
        same(
            concat!("userlist: ", $line),
            concat!("userlist u\n    group g1\n    group g2\n    ", $line, "\nbackend b\n"),
        )
    };
    ($topic:literal: $line:literal) => {
        differs(
            concat!("userlist: ", $line),
            $topic,
            concat!("userlist u\n    group g1\n    group g2\n    ", $line, "\nbackend b\n"),
        )
    };
}

/// All of them.
pub(crate) static ROWS: &[Row] = &[
    global!("quiet"),
    global!("quiet now"),
    global!("zero-warning"),
    global!("set-dumpable"),
    global!("set-dumpable on"),
    global!("strict-limits"),
    global!("no strict-limits"),
    global!("fd-hard-limit 100000"),
    global!("fd-hard-limit"),
    global!("nosplice"),
    global!("nosplice x"),
    global!("grace 5s"),
    global!("localpeer me"),
    global!("localpeer"),
    global!("spread-checks 20"),
    global!("spread-checks 51"),
    global!("max-spread-checks 5s"),
    global!("maxcomprate 100"),
    global!("maxconnrate 100"),
    global!("maxconnrate"),
    global!("maxsessrate 100"),
    global!("maxsslconn 100"),
    global!("maxsslconn"),
    global!("maxsslrate 100"),
    global!("server-state-base /tmp"),
    global!("set-var proc.a int(5),add(1)"),
    global!("set-var proc.a"),
    global!("set-var txn.a int(5)"),
    global!("set-var proc.a nonsense"),
    global!("set-var proc.a path"),
    global!("unix-bind prefix /tmp/x mode 600 uid 5"),
    global!("unix-bind nonsense"),
    global!("tune.bufsize 32768"),
    global!("tune.maxrewrite 2048"),
    global!("tune.http.maxhdr 200"),
    global!("tune.http.maxhdr 0"),
    global!("tune.http.maxhdr 40000"),
    global!("tune.http.logurilen 2048"),
    global!("tune.h2.initial-window-size 100000"),
    global!("tune.h2.initial-window-size -1"),
    global!("tune.h2.max-concurrent-streams 50"),
    global!("tune.h2.max-frame-size 20000"),
    global!("tune.h2.max-frame-size 100"),
    global!("tune.h2.header-table-size 4096"),
    global!("tune.rcvbuf.client 100000"),
    global!("tune.rcvbuf.server 100000"),
    global!("tune.sndbuf.client 100000"),
    global!("tune.sndbuf.server 100000"),
    global!("tune.pipesize 65536"),
    global!("tune.idle-pool.shared off"),
    global!("tune.idle-pool.shared maybe"),
    global!("tune.listener.multi-queue on"),
    global!("tune.maxaccept 10"),
    global!("tune.maxpollevents 100"),
    global!("tune.recv_enough 10000"),
    global!("tune.runqueue-depth 100"),
    global!("tune.sched.low-latency on"),
    global!("tune.sched.low-latency perhaps"),
    global!("Experimental words": "tune.fd.edge-triggered off"),
    global!("tune.idletimer 1s"),
    global!("tune.pattern.cache-size 100"),
    global!("tune.pool-high-fd-ratio 30"),
    global!("tune.vars.txn-max-size 4096"),
    global!("tune.buffers.limit 1000"),
    global!("tune.comp.maxlevel 1"),
    global!("noepoll"),
    global!("noepoll now"),
    global!("nopoll"),
    global!("noreuseport"),
    global!("nogetaddrinfo"),
    global!("busy-polling"),
    global!("numa-cpu-mapping"),
    global!("no numa-cpu-mapping"),
    global!("profiling.tasks on"),
    global!("profiling.tasks perhaps"),
    global!("master-worker"),
    global!("master-worker no-exit-on-failure"),
    global!("master-worker nonsense"),
    global!("mworker-max-reloads 5"),
    global!("close-spread-time 5s"),
    global!("cpu-map 1 0"),
    global!("expose-experimental-directives"),
    global!("h1-accept-payload-with-any-method"),
    global!("insecure-fork-wanted"),
    global!("insecure-setuid-wanted"),
    global!("maxpipes 10"),
    global!("no-memory-trimming"),
    global!("pp2-never-send-local"),
    global!("thread-groups 1"),
    global!("Numbers": "maxconnrate many"),
    global!("stats socket /tmp/conf_vs_haproxy.sock process 1"),
    global!("stats socket /tmp/conf_vs_haproxy.sock process x"),
    global!("stats socket /tmp/conf_vs_haproxy.sock severity-output x"),
    global!("stats socket /tmp/conf_vs_haproxy.sock level"),
    global!("Words of stats sockets": "stats socket /tmp/conf_vs_haproxy.sock accept-proxy"),
    global!("stats socket fd@99"),
    global!("stats timeout 0"),
    global!("Surplus words": "stats maxconn 5 6"),
    global!("description"),
    global!("unsetenv"),
    global!("resetenv"),
    global!("no set-dumpable"),
    global!("ssl-dh-param-file /no/such/file"),
    global!("grace 1sx"),
    global!("grace 1m1s"),
    global!("grace 1x"),
    global!("nonsense.word 5"),
    global!("no maxconn"),
    bind!("maxconn 10"),
    bind!("maxconn"),
    bind!("backlog 100"),
    bind!("backlog"),
    bind!("interface lo"),
    bind!("interface"),
    bind!("v4v6"),
    bind!("v6only"),
    bind!("transparent"),
    bind!("defer-accept"),
    bind!("mss 1200"),
    bind!("mss"),
    bind!("mss 70000"),
    bind!("tcp-ut 5s"),
    bind!("tcp-ut nonsense"),
    bind!("tfo"),
    bind!("nice 10"),
    bind!("process 1"),
    bind!("shards 2"),
    bind!("shards by-thread"),
    bind!("mss 0"),
    bind!("nice 2000"),
    bind!("shards 0"),
    bind!("thread 1-2"),
    bind!("thread 1/all"),
    bind!("thread x"),
    bind!("thread 0"),
    bind!("process 2"),
    bind!("process all"),
    bind!("process x"),
    bind!("level admin"),
    bind!("level king"),
    bind!("severity-output none"),
    bind!("severity-output x"),
    bind!("expose-fd listeners"),
    bind!("expose-fd x"),
    bind!("namespace no-such-namespace"),
    bind!("ca-file /no/such/file"),
    bind!("crl-file /no/such/file"),
    bind!("ca-verify-file /no/such/file"),
    bind!("crt /no/such/file"),
    bind!("tls-ticket-keys /no/such/file"),
    bind!("ca-ignore-err 0"),
    bind!("crt-ignore-err 95"),
    bind!("Words of later versions": "no-alpn"),
    bind!("name n id 5"),
    bind!("id nonsense"),
    bind!("nonsense"),
    listen!("backlog 100"),
    listen!("clitcpka-cnt 3"),
    listen!("clitcpka-idle 10s"),
    listen!("clitcpka-intvl 10s"),
    listen!("srvtcpka-cnt 3"),
    listen!("srvtcpka-idle 10s"),
    listen!("srvtcpka-intvl nonsense"),
    listen!("option clitcpka"),
    listen!("option srvtcpka"),
    listen!("option tcpka"),
    listen!("no option clitcpka"),
    listen!("option nolinger"),
    listen!("option tcp-smart-accept"),
    listen!("option tcp-smart-connect"),
    listen!("option splice-auto"),
    listen!("no option splice-request"),
    listen!("option splice-response now"),
    listen!("option contstats"),
    listen!("option idle-close-on-response"),
    listen!("option accept-invalid-http-request"),
    listen!("option accept-invalid-http-response"),
    listen!("option http-use-proxy-header"),
    listen!("option nonsense"),
    listen!("description"),
    listen!("bind-process 1"),
    listen!("bind-process"),
    listen!("bind-process 2"),
    listen!("http-send-name-header"),
    listen!("http-send-name-header x-server"),
    listen!("stats show-desc"),
    listen!("stats show-desc here"),
    listen!("option httplog"),
    listen!("option tcplog"),
    listen!("log-format-sd x"),
    listen!("http-check disable-on-404"),
    listen!("Surplus words": "stats enable x"),
    listen!("rate-limit sessions 10"),
    listen!("rate-limit sessions"),
    listen!("rate-limit nonsense 10"),
    listen!("max-session-srv-conns 5"),
    listen!("default timeout client"),
    listen!("default nonsense"),
    listen!("Words behind default": "default option contstats"),
    global!("Words behind default": "default strict-limits"),
    listen!("no timeout client"),
    listen!("no nonsense"),
    server!("server s 127.0.0.1:80 cookie c"),
    server!("server s 127.0.0.1:80 check-ssl"),
    server!("server s 127.0.0.1:80 ca-file /no/such/file"),
    server!("server s 127.0.0.1:80 crl-file /no/such/file"),
    server!("server s 127.0.0.1:80 crt /no/such/file"),
    server!("server s 127.0.0.1:80 ssl verify none ca-file /no/such/file"),
    server!("TCP Fast Open to servers": "server s 127.0.0.1:80 tfo"),
    server!("Missing arguments": "server s 127.0.0.1:80 weight"),
    server!("default-server id 5\n    server s 127.0.0.1:80"),
    server!("default-server no-tlsv12\n    server s 127.0.0.1:80"),
    server!("timeout client"),
    server!("timeout client 5s"),
    server!("timeout client x"),
    server!("capture request"),
    server!("monitor-uri"),
    server!("clitcpka-cnt x"),
    server!("use_backend nonsense"),
    server!("use_backend nonsense if { nonsense }"),
    server!("use_backend b"),
    server!("use_backend"),
    server!("default_backend nonsense"),
    server!("server s nohost.invalid:80 init-addr none"),
    server!("server s nohost.invalid:80 init-addr last,libc,none"),
    server!("server s nohost.invalid:80 init-addr 10.0.0.1"),
    server!("server s nohost.invalid:80 init-addr nonsense"),
    server!("server s nohost.invalid:80"),
    server!("server s nohost.invalid:80 resolvers r init-addr none"),
    server!("server s nohost.invalid:80 resolvers r"),
    server!("server s nohost.invalid:80 resolvers nonsense init-addr none"),
    server!("server s 127.0.0.1:80 resolvers nonsense"),
    server!("server s 127.0.0.1:80 resolvers r"),
    server!("server s 127.0.0.1:80 resolvers default"),
    server!("default-server resolvers nonsense\n    server s 127.0.0.1:80"),
    listen!("default_backend l"),
    listen!("use_backend l if TRUE"),
    server!("server s nohost.invalid:80 resolvers r init-addr none resolve-prefer ipv4"),
    server!("server s nohost.invalid:80 resolvers r init-addr none resolve-prefer ipv5"),
    server!("server s nohost.invalid:80 resolvers r init-addr none resolve-opts allow-dup-ip"),
    server!("server s nohost.invalid:80 resolvers r init-addr none resolve-opts nonsense"),
    server!("server s nohost.invalid:80 resolvers r init-addr none resolve-net 10.0.0.0/8,192.168.0.0/16"),
    server!("server s nohost.invalid:80 resolvers r init-addr none resolve-net nonsense"),
    server!("server s 10.0.0.1:80 tcp-ut 5s"),
    server!("server s 10.0.0.1:80 tcp-ut"),
    server!("server-template t 3 10.0.0.1:80"),
    server!("server-template t 1-3 10.0.0.1:80 check"),
    server!("server-template t 3-1 10.0.0.1:80"),
    server!("server-template t x 10.0.0.1:80"),
    server!("server-template t 3 nohost.invalid:80 resolvers r init-addr none"),
    server!("server-template t 3"),
    resolvers!("nameserver m 127.0.0.2"),
    resolvers!("nameserver m 127.0.0.2:53"),
    resolvers!("nameserver m tcp@127.0.0.2:53"),
    resolvers!("nameserver n 127.0.0.2:53"),
    resolvers!("nameserver m"),
    resolvers!("accepted_payload_size 4096"),
    resolvers!("accepted_payload_size 100"),
    resolvers!("accepted_payload_size 70000"),
    resolvers!("resolve_retries 5"),
    resolvers!("resolve_retries"),
    resolvers!("timeout resolve 5s"),
    resolvers!("timeout retry 500ms"),
    resolvers!("timeout nonsense 5s"),
    resolvers!("timeout resolve"),
    resolvers!("hold valid 5s"),
    resolvers!("hold nx 5s"),
    resolvers!("hold obsolete 5s"),
    resolvers!("hold nonsense 5s"),
    resolvers!("hold valid"),
    resolvers!("nonsense"),
    ring!("size 20000"),
    ring!("size 1000"),
    ring!("Sizes of rings": "size 32k"),
    ring!("size"),
    ring!("format iso"),
    ring!("format loud"),
    ring!("format"),
    ring!("maxlen 100"),
    ring!("maxlen 0"),
    ring!("maxlen"),
    ring!("maxlen 100000"),
    ring!("description of it"),
    ring!("description"),
    ring!("timeout connect 5s"),
    ring!("timeout client 5s"),
    ring!("timeout server"),
    ring!("Timeouts of rings": "timeout nonsense 5s"),
    ring!("server s 127.0.0.1:514"),
    ring!("server s 127.0.0.1:514\n    timeout connect 5s\n    timeout server 5s"),
    ring!("server s 127.0.0.1:514 log-proto octet-count\n    timeout connect 5s\n    timeout server 5s"),
    ring!("server s 127.0.0.1:514 log-proto nonsense\n    timeout connect 5s\n    timeout server 5s"),
    ring!("server s 127.0.0.1:514 log-proto"),
    ring!("server s"),
    ring!("nonsense"),
    ring!("\nring r"),
    ring!("\nring"),
    ring!("\nring a/b"),
    ring!("Rings that are not there": "\nglobal\n    log ring@q local0"),
    userlist!("user a insecure-password secret"),
    userlist!("user a insecure-password secret groups g1,g2"),
    userlist!("user a insecure-password secret groups nonsense"),
    userlist!("user a password $1$abc$iCQ2D3nhptRYi27fDYv2s1"),
    userlist!("user a password $5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0"),
    userlist!("user a"),
    userlist!("user"),
    userlist!("group g1"),
    userlist!("group g3 users nobody"),
    userlist!("Missing arguments": "user a password"),
    userlist!("nonsense"),
];
