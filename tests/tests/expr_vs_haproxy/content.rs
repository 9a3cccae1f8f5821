//! Expressions about bodies, and about the bytes of connections in TCP mode.

use crate::table::{PLAIN, Place, Row, Table};

pub(crate) static TABLES: &[&Table] = &[
    &Table {
        requests: FORMS,
        setup: "    option http-buffer-request\n",
        ..Table::new("content::bodies", Place::Request, BODY)
    },
    &Table {
        requests: FORMS,
        differs: &[
            ("req.body_size", "Bodies that nobody waits for"),
            ("if { req.body_len ge 0 }", "Bodies that nobody waits for"),
        ],
        ..Table::new(
            "content::bodies_that_are_not_waited_for",
            Place::Request,
            &["req.body_size", "if { req.body_len ge 0 }"],
        )
    },
    &Table {
        requests: BYTES,
        differs: &[
            ("req.payload_lv(0,2,7)", "Absolute offsets"),
            ("rdp_cookie_cnt", "Counts of RDP cookies"),
            ("req.rdp_cookie_cnt(mstshash)", "Counts of RDP cookies"),
        ],
        setup: INSPECT,
        ..Table::new("content::connections", Place::TcpContent, INSPECTED)
    },
    &Table {
        requests: &[PLAIN],
        setup: COOKIES,
        ..Table::new("content::cookies_of_responses", Place::Response, RESPONSE)
    },
    &Table {
        requests: ANSWERED,
        setup: "    http-response wait-for-body time 2s\n",
        ..Table::new("content::bodies_of_responses", Place::Response, ANSWER_BODY)
    },
    &Table {
        requests: &[""],
        setup: INSPECT_ANSWER,
        ..Table::new("content::answers_of_servers", Place::TcpAnswer, ANSWER)
    },
    &Table {
        requests: &[PROXIED, PROXIED_BARE],
        bind: "accept-proxy",
        ..Table::new("content::proxy_headers", Place::Request, PROXY)
    },
    &Table {
        requests: &[
            PLAIN,
            "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Basic dXNlcjp3cm9uZw==\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Basic b3RoZXI6c2VjcmV0\r\n\r\n",
        ],
        sections: USERS,
        ..Table::new("content::users", Place::Request, AUTHENTICATED)
    },
    &Table {
        requests: TRACKED,
        setup: TRACK,
        sections: TABLE,
        ..Table::new("content::stick_tables", Place::Request, COUNTERS)
    },
];

static FORMS: &[&str] = &[
    PLAIN,
    "POST /f HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 26\r\n\r\na=1&b=&c=%41+x&a=2;d&e=f=g",
    "POST /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\na=1&b\r\n4\r\n=two\r\n0\r\n\r\n",
    "POST /j HTTP/1.1\r\nhost: a\r\ncontent-length: 22\r\n\r\n{\"a\":{\"b\":[1,\"x\"]} }  ",
    "PUT /z HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\na\0bc",
    "POST /0 HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
];

static BODY: &[Row] = &[
    "req.body",
    "req.body,hex",
    "req.body,length",
    "req.body_len",
    "req.body_size",
    "req.body_param(a)",
    "req.body_param(b)",
    "req.body_param(c)",
    "req.body_param(c),url_dec",
    "req.body_param",
    "req.body_param(e)",
    "req.body_param(none)",
    "req.body,json_query('$.a.b[1]')",
    "req.body,crc32",
    "req.body,bytes(1,3)",
    "req.body,sha1,hex",
    "if { req.body -m found }",
    "if { req.body -m sub two }",
    "if { req.body_len gt 0 }",
    "if { req.body_param(a) -m str 2 }",
    "if { req.body_param(b) -m found }",
    "if { req.body_size 26 }",
];

/// What the rows of `tcp-request content` look at is there before they are evaluated.
const INSPECT: &str = "    tcp-request inspect-delay 200ms
    tcp-request content set-var(txn.waited) bool(true) if WAIT_END
";

/// A client hello for `sni.test` that offers `h2` and `http/1.1`, as a program of OpenSSL's writes it.
const HELLO: &str = "\x16\x03\x01\0\x5f\x01\0\0\x5b\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\x04\x13\x01\x13\x02\x01\0\0\x2e\0\0\0\r\0\x0b\0\0\x08sni.test\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1\0\n\0\x04\0\x02\0\x1d\0#\0\0\0+\0\x03\x02\x03\x04";

static BYTES: &[&str] = &[
    "hello world\n",
    "\0\x05abcde\0\x02xy",
    HELLO,
    "\x03\0\0\x2a\x25\u{e0}\0\0\0\0\0Cookie: mstshash=user\r\n\x01\0\x08\0\x03\0\0\0",
    "DIST00000001ARGC00000002ARGV00000002ccARGV00000003-oxDONE0000000A",
    "",
];

static INSPECTED: &[Row] = &[
    "req.len",
    "req_len",
    "req.payload(0,0),hex",
    "req.payload(6,0),length",
    "req.payload(0,5),hex",
    "req.payload(3,100)",
    "payload(0,4),hex",
    "req.payload_lv(0,2)",
    "req.payload_lv(0,2,7)",
    "req.payload_lv(7,2),hex",
    "payload_lv(0,2)",
    "req.payload_lv(0,2,+2)",
    "req.ssl_hello_type",
    "req_ssl_hello_type",
    "req.ssl_sni",
    "req_ssl_sni",
    "req.ssl_ver",
    "req_ssl_ver",
    "req.ssl_alpn",
    "req.ssl_ec_ext",
    "req.ssl_st_ext",
    "rdp_cookie",
    "req.rdp_cookie(mstshash)",
    "rdp_cookie(other)",
    "rdp_cookie_cnt",
    "req.rdp_cookie_cnt(mstshash)",
    "distcc_param(ARGC)",
    "distcc_param(ARGV,2)",
    "distcc_body(ARGV)",
    "distcc_body(ARGV,2)",
    "distcc_param(DONE)",
    "distcc_param(NONE)",
    "src",
    "dst_port,bool",
    "fe_name",
];

static ANSWERED: &[&str] = &[
    PLAIN,
    "GET /bytes/20 HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /chunked/20 HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /status/404 HTTP/1.1\r\nhost: a\r\n\r\n",
];

static ANSWER_BODY: &[Row] = &[
    "res.body",
    "res.body,hex",
    "res.body_len",
    "res.body_size",
    "res.hdrs",
    "res.hdrs_bin,hex",
    "res.body,bytes(0,1)",
    "if { res.body -m found }",
    "if { res.body_len gt 2 }",
    "if { res.body -m sub s1 }",
];

/// The rows look at the three bytes that the server says first.
const INSPECT_ANSWER: &str = "    tcp-response inspect-delay 20s
    tcp-response content set-var(txn.waited) bool(true) if { res.len ge 3 }
";

static ANSWER: &[Row] = &[
    "res.len",
    "res.payload(0,0)",
    "res.payload(0,2)",
    "res.payload(1,0)",
    "res.payload(3,1),hex",
    "res.payload(0,99)",
    "res.payload_lv(2,1)",
    "res.payload_lv(0,1)",
    "payload(0,2)",
    "payload_lv(2,1)",
    "res.ssl_hello_type",
    "rep_ssl_hello_type",
    "src",
    "bc_dst",
    "srv_name",
    "be_name",
    "if { res.len gt 1 }",
    "if { res.payload(0,1) -m str s }",
];

/// A PROXY protocol header of version 2 from 192.0.2.1:1000 to 192.0.2.2:80, with an authority and a unique id.
const PROXIED: &str = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x1b\u{c0}\0\x02\x01\u{c0}\0\x02\x02\x03\u{e8}\0\x50\x02\0\x06a.test\x05\0\x03id9GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// The same without them.
const PROXIED_BARE: &str = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n";

static PROXY: &[Row] = &[
    "fc_pp_authority",
    "fc_pp_unique_id",
    "fc_rcvd_proxy",
    "src",
    "src_port",
    "dst",
    "dst_port",
    "fc_src",
    "fc_src_port,bool",
    "fc_dst",
    "fc_dst_port,bool",
    "src_is_local",
    "dst_is_local",
    "if { fc_pp_authority -m end .test }",
    "if { fc_pp_unique_id -m found }",
];

const COOKIES: &str = "    http-response set-header set-cookie \"k=v; path=/; k2=x\"
    http-response add-header set-cookie \"sid=\\\"q;r\\\"; httponly\"
    http-response add-header set-cookie \"k=v2\"
    http-response add-header x-l \"a, b\"
    http-response add-header x-l c
    http-response add-header x-ip 10.0.0.9
    http-response set-status 203
";

static RESPONSE: &[Row] = &[
    "res.cook(k)",
    "res.cook(sid)",
    "res.cook(k2)",
    "res.cook",
    "res.cook_cnt(k)",
    "res.cook_cnt",
    "res.cook_val(k)",
    "scook(k)",
    "scook_cnt(k)",
    "scook_val(k)",
    "res.hdr(x-l)",
    "res.hdr(x-l,1)",
    "res.fhdr(x-l,1)",
    "res.hdr_cnt(x-l)",
    "res.fhdr_cnt(x-l)",
    "res.hdr_ip(x-ip)",
    "res.hdr_names",
    "res.hdrs",
    "shdr(x-l,-2)",
    "shdr_ip(x-ip)",
    "status",
    "if { scook(k) v2 }",
    "if { res.cook(k) -m found }",
    "if { scook_beg(sid) \\\"q }",
    "if { shdr(x-l) b }",
    "if { status 203 }",
    "if { res.hdr(x-l) -m len 1 }",
    "if { shdr_beg(x-l) a }",
    "if { res.hdr_cnt(x-l) 3 }",
    "res.comp",
    "res.comp_algo",
];

const USERS: &str = "
userlist people
    group admins users user
    user user insecure-password secret
    user third insecure-password third
";

static AUTHENTICATED: &[Row] = &[
    "http_auth(people)",
    "http_auth_user",
    "http_auth_pass",
    "http_auth_type",
    "if { http_auth(people) }",
    "if { http_auth_group(people) admins }",
    "if !{ http_auth(people) }",
];

static TRACKED: &[&str] = &[
    PLAIN,
    "GET /a HTTP/1.1\r\nhost: b\r\n\r\n",
    "GET /b HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /c HTTP/1.1\r\nhost: a\r\n\r\n",
];

const TABLE: &str = "
backend by-host
    stick-table type string len 20 size 100 expire 1m store gpc(3),gpc_rate(3,1m),gpt(2),conn_cnt,conn_cur,http_req_cnt,http_err_cnt,sess_cnt,server_id
backend by-src
    stick-table type ip size 100 expire 1m store gpc0,gpc0_rate(1m),gpc1,gpt0,conn_cnt,conn_rate(1m),sess_rate(1m),http_req_rate(1m),http_err_rate(1m),bytes_in_cnt,bytes_out_cnt,http_fail_cnt
";

const TRACK: &str = "    tcp-request connection track-sc0 src table by-src
    http-request track-sc1 req.hdr(host) table by-host
    http-request sc-inc-gpc0(0)
    http-request sc-inc-gpc(1,1) if { path /a }
    http-request sc-set-gpt0(0) 7
    http-request sc-set-gpt(1,1) 9
";

static COUNTERS: &[Row] = &[
    "sc0_get_gpc0",
    "sc0_get_gpc1",
    "sc0_get_gpt0",
    "sc0_conn_cnt",
    "sc0_conn_rate",
    "sc0_sess_rate",
    "sc0_http_req_rate",
    "sc0_http_err_rate",
    "sc0_gpc0_rate",
    "sc0_tracked",
    "sc_tracked(2)",
    "sc2_tracked",
    "sc_get_gpc(1,1)",
    "sc_get_gpc(0,1)",
    "sc_get_gpt(1,1)",
    "sc1_conn_cnt",
    "sc1_conn_cur",
    "sc1_http_req_cnt",
    "sc1_http_err_cnt",
    "sc1_sess_cnt",
    "sc_http_req_cnt(1)",
    "sc_gpc_rate(1,1)",
    "sc0_get_gpc0(by-src)",
    "sc1_get_gpc0",
    "src_get_gpc0(by-src)",
    "src_get_gpt0(by-src)",
    "src_conn_cnt(by-src)",
    "src_http_fail_cnt(by-src)",
    "src_conn_rate(by-src)",
    "src_get_gpc1(by-src)",
    "src,in_table(by-src)",
    "src,table_gpc0(by-src)",
    "src,table_conn_cnt(by-src)",
    "src,table_gpt0(by-src)",
    "src,table_http_req_rate(by-src)",
    "req.hdr(host),in_table(by-host)",
    "str(none),in_table(by-host)",
    "str(none),table_conn_cnt(by-host)",
    "req.hdr(host),table_gpc(1,by-host)",
    "req.hdr(host),table_gpt(1,by-host)",
    "req.hdr(host),table_server_id(by-host)",
    "req.hdr(host),table_http_req_cnt(by-host)",
    "table_cnt(by-src)",
    "table_avl(by-src)",
    "table_cnt(by-host)",
    "req.hdr(host),table_idle(by-host),bool",
    "req.hdr(host),table_expire(by-host),bool",
    "str(none),table_expire(by-host,5)",
    "if { sc0_get_gpc0 gt 1 }",
    "if { src_get_gpc0(by-src) ge 1 }",
    "if { src,in_table(by-src) }",
    "if { sc0_inc_gpc1 gt 0 }",
    "if { sc0_clr_gpc1 ge 0 }",
    "if { src_inc_gpc0(by-src) gt 3 }",
    "if { sc1_inc_gpc0 -m found }",
];
