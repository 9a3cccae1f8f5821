//! Expressions about TLS, on both sides.

use crate::table::{PLAIN, Place, Row, Table};

pub(crate) static TABLES: &[&Table] = &[
    &Table {
        requests: CLIENTS,
        bind: BIND,
        setup: "    log-format x\n",
        sections: GLOBAL,
        ..Table::new("tls::clients", Place::Request, CLIENT)
    },
    &Table { requests: &[PLAIN], ..Table::new("tls::none", Place::Request, CLIENT) },
    &Table {
        requests: &["-tls1_3", "-tls1_2"],
        bind: BIND,
        ..Table::new("tls::hello_that_is_not_kept", Place::Request, HELLO)
    },
    &Table {
        requests: &["-tls1_3"],
        bind: BIND,
        sections: SERVER_SECTION,
        setup: "    use-server secure if TRUE\n    server secure 127.0.0.1:{back} ssl verify none sni str(a.test) crt {dir}/client.pem\n",
        ..Table::new("tls::servers", Place::Response, SERVER)
    },
];

const GLOBAL: &str = "
global
    tune.ssl.capture-buffer-size 4096
";

const BIND: &str = "ssl crt {dir}/a.pem verify optional ca-file {dir}/ca.pem crt-ignore-err all ca-ignore-err all alpn http/1.1";

static SERVER_SECTION: &str = "
frontend back
    bind 127.0.0.1:{back} ssl crt {dir}/a.pem verify optional ca-file {dir}/ca.pem alpn http/1.1 force-tlsv12 ciphers ECDHE-RSA-AES128-GCM-SHA256
    http-request return status 200 content-type text/plain string from-the-server
";

static CLIENTS: &[&str] = &[
    "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256",
    "-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256 -servername a.test",
    "-tls1_3 -servername b.test -alpn http/1.1 -cert {dir}/client.pem",
    "-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305 -cert {dir}/client.pem -groups X25519:P-256",
    "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -cert {dir}/expired.pem",
    "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 -cert {dir}/client.pem -cert_chain {dir}/ca.pem",
    "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 -cert {dir}/stranger.pem -servername unknown.test",
];

static CLIENT: &[Row] = &[
    "ssl_fc",
    "ssl_fc_protocol",
    "ssl_fc_alg_keysize",
    "ssl_fc_use_keysize",
    "ssl_fc_alpn",
    "ssl_fc_cipher",
    "ssl_fc_has_crt",
    "ssl_fc_has_early",
    "ssl_fc_has_sni",
    "ssl_fc_is_resumed",
    "ssl_fc_sni",
    "ssl_c_used",
    "ssl_c_verify",
    "ssl_c_err",
    "ssl_c_ca_err",
    "ssl_c_ca_err_depth",
    "ssl_c_s_dn",
    "ssl_c_s_dn(CN)",
    "ssl_c_s_dn(CN,1)",
    "ssl_c_s_dn(,0,rfc2253)",
    "ssl_c_s_dn(O)",
    "ssl_c_i_dn",
    "ssl_c_i_dn(CN)",
    "ssl_c_notbefore",
    "ssl_c_notafter",
    "ssl_c_key_alg",
    "ssl_c_sig_alg",
    "ssl_c_version",
    "ssl_c_serial,length,bool",
    "ssl_c_sha1,length",
    "ssl_c_der,length,bool",
    "ssl_c_chain_der,sha1,hex",
    "ssl_f_s_dn",
    "ssl_f_i_dn",
    "ssl_f_notbefore",
    "ssl_f_notafter",
    "ssl_f_key_alg",
    "ssl_f_sig_alg",
    "ssl_f_version",
    "ssl_f_sha1,length",
    "ssl_f_der,length,bool",
    "ssl_f_serial,length,bool",
    "ssl_fc_err",
    "ssl_fc_err_str",
    "%sslv",
    "%sslc",
    "%ft",
    "ssl_fc_protocol_hello_id",
    "ssl_fc_cipherlist_bin,be2dec(-,2)",
    "ssl_fc_cipherlist_bin(1),be2dec(-,2)",
    "ssl_fc_cipherlist_hex",
    "ssl_fc_cipherlist_str",
    "ssl_fc_cipherlist_str(1)",
    "ssl_fc_cipherlist_xxh,bool",
    "ssl_fc_eclist_bin(1),be2dec(-,2)",
    "ssl_fc_ecformats_bin,be2dec(-,1)",
    "ssl_fc_extlist_bin(1),be2dec(-,2)",
    "if { ssl_fc }",
    "if { ssl_fc_has_crt }",
    "if { ssl_c_used }",
    "if { ssl_c_verify 0 }",
    "if { ssl_c_s_dn(CN) client }",
    "if { ssl_fc_sni -m end .test }",
    "if { ssl_fc_sni_end b.test }",
    "if { ssl_fc_sni_reg ^[ab] }",
    "if { ssl_fc_sni -m found }",
    "if { ssl_fc_protocol TLSv1.3 }",
    "if { ssl_fc_alg_keysize ge 256 }",
];

static HELLO: &[Row] = &[
    "ssl_fc_protocol_hello_id",
    "ssl_fc_cipherlist_bin,hex",
    "ssl_fc_cipherlist_str",
    "ssl_fc_cipherlist_xxh",
    "ssl_fc_eclist_bin,hex",
    "ssl_fc_ecformats_bin,hex",
    "ssl_fc_extlist_bin,hex",
];

static SERVER: &[Row] = &[
    "ssl_bc",
    "ssl_bc_protocol",
    "ssl_bc_cipher",
    "ssl_bc_alg_keysize",
    "ssl_bc_use_keysize",
    "ssl_bc_alpn",
    "ssl_bc_is_resumed",
    "ssl_bc_err",
    "ssl_bc_err_str",
    "ssl_s_s_dn",
    "ssl_s_s_dn(CN)",
    "ssl_s_i_dn",
    "ssl_s_i_dn(CN)",
    "ssl_s_notbefore",
    "ssl_s_notafter",
    "ssl_s_key_alg",
    "ssl_s_sig_alg",
    "ssl_s_version",
    "ssl_s_sha1,length",
    "ssl_s_der,length,bool",
    "ssl_s_serial,length,bool",
    "ssl_s_chain_der,sha1,hex",
    "bc_http_major",
    "srv_name",
    "if { ssl_bc }",
    "if { ssl_bc_protocol TLSv1.2 }",
];
