use proptest::prelude::*;
use regex::Regex;

use crate::load_text;
use crate::model::Config;

/// A configuration without the places of its lines, as text.
fn shape(config: &Config) -> String {
    let config = Config { variables: Default::default(), patterns: Default::default(), ..config.clone() };
    let spans = Regex::new(r"Span \{[^}]*\}").unwrap();
    spans.replace_all(&format!("{config:#?}"), "Span").into_owned()
}

/// Fails unless what is dumped is read as the same model, and dumped in the same way.
fn round_trip(text: &str) {
    let first = load_text("t.cfg", text);
    let Some(config) = first.config else {
        panic!("{text}\n{:#?}", first.diagnostics);
    };
    let dumped = super::dump(&config);
    let second = load_text("t.cfg", &dumped);
    let Some(again) = second.config else {
        panic!("{dumped}\n{:#?}", second.diagnostics);
    };
    assert_eq!(shape(&config), shape(&again), "{text}\n-- dumped --\n{dumped}");
    assert_eq!(dumped, super::dump(&again));
}

#[test]
fn the_demonstration_is_dumped_and_read_again() {
    round_trip(include_str!("../../../../../config/demo.cfg"));
}

const GLOBALS: &[&str] = &[
    "maxconn 100",
    "nbthread 2",
    "daemon",
    "pidfile \"/run/a b.pid\"",
    "uid 5",
    "gid 6",
    "chroot /var/empty",
    "log 127.0.0.1:1514 len 2000 format rfc5424 local0 info err",
    "log /dev/log daemon",
    "log stdout format raw user",
    "log-tag x",
    "log-send-hostname me",
    "stats socket /run/x mode 660 level admin",
    "stats socket 127.0.0.1:9999",
    "stats timeout 30s",
    "stats maxconn 5",
    "hard-stop-after 90s",
    "node n1",
    "description one # \\\"two\\\" \\$three",
    "setenv A \"b c\"",
    "unsetenv D",
    "crt-base /etc/certs",
    "ssl-default-bind-options ssl-min-ver TLSv1.2",
    "xdp-interface eth0",
    "xdp-interface eth1 generic",
    "xdp-pin-path /sys/fs/bpf/x",
    "set-var proc.a int(5),add(2)",
    "set-var-fmt proc.b \"%[var(proc.a)] and more\"",
    "tune.bufsize 32768",
    "tune.h2.max-concurrent-streams 50",
    "maxconnrate 100",
    "no strict-limits",
    "spread-checks 10",
    "unix-bind prefix /tmp/p mode 600",
    "noepoll",
    "server-state-base /var/lib/x",
    "xdp-flows 1000",
    "xdp-syn-rate 500",
];

const COMMON: &[&str] = &[
    "mode http",
    "mode tcp",
    "description some text",
    "log global",
    "log 10.0.0.1 local1",
    "no log",
    "log-tag y",
    "disabled",
];

const FRONT: &[&str] = &[
    "bind 10.0.0.1:80,[::1]:81 name n",
    "bind :1999 id 7",
    "bind :2000-2003",
    "bind unix@/run/y",
    "bind :3000 maxconn 5 backlog 9 interface eth0 mss -100 tcp-ut 5s tfo defer-accept v4v6",
    "bind unix@/run/z mode 640 uid 3 gid 4",
    "clitcpka-idle 7s",
    "option clitcpka",
    "rate-limit sessions 50",
    "backlog 77",
    "bind :443 ssl crt /x.pem alpn h2,http/1.1 ssl-min-ver TLSv1.3 strict-sni",
    "maxconn 10",
    "timeout client 1500ms",
    "timeout client-fin 3s",
    "timeout http-request 10s",
    "timeout http-keep-alive 2m",
    "no option xdp",
    "default_backend b",
    "acl static path_beg -i /static /assets",
    "http-request capture path len 5",
    "declare capture request len 8",
    "declare capture response len 9",
    "capture request header Host len 10",
    "capture cookie SID len 12",
    "http-request set-header X-A \"%[src] and %[path,lower]\" if { path /x }",
    "http-request deny deny_status 429 if { src 10.0.0.0/8 } or { path_end .php }",
    "http-response set-header X-B c unless { status 200 }",
    "tcp-request connection reject if { src 192.0.2.0/24 }",
    "use_backend b if { hdr(host) -i a.example }",
    "log-format \"%ci %[capture.req.hdr(0)]\"",
    "unique-id-format %{+X}o%ci",
];

const BACK: &[&str] = &[
    "balance random(3)",
    "balance leastconn",
    "xdp-forward transparent",
    "xdp-forward dsr",
    "xdp-forward gue port 7777",
    "balance source",
    "hash-type consistent",
    "hash-type consistent djb2 avalanche",
    "hash-type map-based wt6",
    "stick-table type ip size 1k expire 30s store conn_rate(10s),gpc0",
    "cookie SRV insert indirect nocache httponly",
    "retry-on conn-failure 503",
    "http-request set-path /a%[path]",
    "http-response del-header Server",
    "hash-balance-factor 150",
    "option httpchk GET /x",
    "http-check send hdr Host \"a b\" body \"x\\ny\"",
    "http-check expect ! status 500-599,404",
    "http-check expect rstring \"\\\"ok\\\"\"",
    "http-check expect fhdr name -m beg x value -m reg ^y",
    "http-check disable-on-404",
    "option tcp-check",
    "tcp-check connect port 81",
    "tcp-check send PING\\r\\n",
    "tcp-check expect min-recv 4 string +PONG",
    "timeout connect 1s",
    "timeout server 2h",
    "timeout queue 1d",
    "timeout tunnel 1h",
    "timeout check 5s",
    "timeout server-fin 1s",
    "retries 5",
    "option redispatch 3",
    "option redispatch -2",
    "option allbackups",
    "option log-health-checks",
    "fullconn 50",
    "srvtcpka-cnt 4",
    "server s6 app.example:80 init-addr none resolvers r resolve-net 10.0.0.0/8 resolve-opts allow-dup-ip tcp-ut 3s",
    "server-template t 2-3 app.example:80 init-addr none resolvers r resolve-prefer ipv4",
    "server s1 10.0.0.1:80 check inter 1s rise 1 fall 5 weight 20 backup",
    "server s2 [::1] check port 80 addr 10.0.0.9 fastinter 1s downinter 9s",
    "server s3 10.0.0.1:+5 maxconn 10 minconn 2 maxqueue 7 slowstart 10s disabled",
    "server s5 10.0.0.5:443 ssl verify none alpn http/1.1 agent-check agent-port 81 agent-inter 3s agent-send \"a b\"",
    "server s4 unix@/run/z on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions id 50",
];

proptest! {
    #[test]
    fn what_is_dumped_is_read_as_the_same_model(
        global in proptest::sample::subsequence(GLOBALS, 0..=GLOBALS.len()),
        common in proptest::sample::subsequence(COMMON, 0..=COMMON.len()),
        front in proptest::sample::subsequence(FRONT, 0..=FRONT.len()),
        back in proptest::sample::subsequence(BACK, 0..=BACK.len()),
        listen in any::<bool>(),
    ) {
        let lines = |lines: &[&str]| lines.iter().map(|l| format!("    {l}\n")).collect::<String>();
        let lists = "resolvers r\n    nameserver n 127.0.0.1:53\n    nameserver m tcp@[::1]:53\n    hold nx 5s\n\
                     ring b\n    description d e\n    format iso\n    maxlen 99\n    timeout connect 5s\n    timeout server 6s\n    server s 127.0.0.1:1 log-proto octet-count\n\
                     userlist u\n    group g users a\n    user a password $1$abc$x\n    user b insecure-password \"c d\"\n";
        let backend = format!("{lists}backend b\n    mode http\n{}", lines(&back));
        let front = format!("{}{}", lines(&common), lines(&front));
        let text = match listen {
            true => format!("global\n{}listen l\n{front}{}{backend}", lines(&global), lines(&back)),
            false => format!("global\n{}frontend f\n{front}{backend}", lines(&global)),
        };
        // A frontend in HTTP mode cannot use a backend in TCP mode, and the other way round is fine.
        round_trip(&text);
    }
}
