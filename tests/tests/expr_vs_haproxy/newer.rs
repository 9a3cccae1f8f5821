//! Words that HAProxy 2.6 does not have, with the values that newer manuals give them.

use crate::table::{PLAIN, Place, Row, Table};

/// Rows, and what each must come to.
pub(crate) struct Newer {
    pub(crate) table: Table,
    pub(crate) values: &'static [&'static str],
}

/// Every row.
pub(crate) fn rows() -> impl Iterator<Item = Row> {
    TABLES.iter().flat_map(|newer| newer.table.rows.iter().copied())
}

/// A table of rows and values.
macro_rules! newer {
    ($name:literal, $place:expr, $requests:expr, [$($row:literal => $value:literal,)*]) => {
        Newer {
            table: Table { requests: $requests, ..Table::new($name, $place, &[$($row),*]) },
            values: &[$($value),*],
        }
    };
}

pub(crate) static TABLES: &[Newer] = &[
    newer!("newer::converters", Place::Request, &[PLAIN], [
        "bin(01020304050607),le2dec(:,2)" => "513:1027:1541:7",
        "bin(01020304050607),le2dec(-,2,1)" => "513-1027-1541",
        "bin(01020304050607),le2dec(,2,1)" => "51310271541",
        "bin(7f000001),le2dec(.,1)" => "127.0.0.1",
        "bin(00000000000000000000000000000000),aes_gcm_enc(128,AAAAAAAAAAAAAAAA,AAAAAAAAAAAAAAAAAAAAAA==,txn.sealed),hex" => "0388DACE60B6A392F328C2B971B2FE78",
        "var(txn.sealed)" => "q25H1CzsE731OmeyEle93w==",
        "int(0),x509_v_err_str" => "X509_V_OK",
        "int(10),x509_v_err_str" => "X509_V_ERR_CERT_HAS_EXPIRED",
        "int(18),x509_v_err_str" => "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT",
        "int(9999),x509_v_err_str" => "9999",
        "int(1700000000123),ms_utime(%Y-%m-%d %H:%M:%S)" => "2023-11-14 22:13:20",
        "int(1700000000123),ms_utime(%Y.%N)" => "2023.123",
        "int(1700000000123456),us_utime(%T.%N)" => "22:13:20.123456",
        "int(1700000000123),ms_ltime(%Y)" => "2023",
        "int(1700000000123456),us_ltime(%Y)" => "2023",
        "str('for=192.0.2.60;proto=http;by=203.0.113.43'),rfc7239_is_valid" => "1",
        "str('for=192.0.2.60;;'),rfc7239_is_valid" => "0",
        "str('for=\"[2001:db8::1]:8888\";host=h'),rfc7239_field(for)" => "[2001:db8::1]:8888",
        "str('proto=https;for=_id'),rfc7239_field(proto)" => "https",
        "str('proto=https'),rfc7239_field(by)" => "",
        "str('[2001:db8::1]:8888'),rfc7239_n2nn" => "2001:db8::1",
        "str(_name:_port),rfc7239_n2nn" => "_name",
        "str(unknown),rfc7239_n2nn" => "unknown",
        "str('[2001:db8::1]:8888'),rfc7239_n2np" => "8888",
        "str(192.0.2.1),rfc7239_n2np" => "",
        "str(_name:_port),rfc7239_n2np" => "_port",
        "bin(610a62),has_ctl" => "1",
        "bin(610962),has_ctl" => "0",
        "bin(617f62),has_ctl" => "1",
        "str(abc),has_ctl" => "0",
        "str(a=b&c=d&a=r),param(a)" => "b",
        "str(a=b&c=d),param(c)" => "d",
        "str(a&b=c),param(a)" => "",
        "str(a&b=c),param(b)" => "c",
        "str(a;b=c),param(b,;)" => "c",
        "str(www.haproxy.org),reverse_dom" => "org.haproxy.www",
        "str(localhost),reverse_dom" => "localhost",
    ]),
    newer!("newer::course_of_requests", Place::Request, &[PLAIN], [
        "acl(TRUE)" => "1",
        "acl(TRUE,METH_GET,!METH_POST,!FALSE)" => "1",
        "acl(TRUE,FALSE)" => "0",
        "acl(!TRUE)" => "0",
        "acl(!!TRUE)" => "1",
        "accept_date,mul(0)" => "0",
        "if { accept_date(ms) gt 1700000000000 }" => "1",
        "if { accept_date(us) gt 1700000000000000 }" => "1",
        "if { request_date gt 1700000000 }" => "1",
        "if { act_conn ge 1 }" => "1",
        "if { pid gt 1 }" => "1",
        "if { fc.timer.handshake ge 0 }" => "1",
        "if { req.timer.hdr ge 0 }" => "1",
        "if { req.timer.idle ge 0 }" => "1",
        "if { req.timer.tq ge 0 }" => "1",
        "req.timer.queue" => "-1",
        "bytes_in" => "38",
        "bytes_out" => "0",
    ]),
    newer!("newer::course_of_responses", Place::Response, &[PLAIN], [
        "bc_be_queue" => "0",
        "bc_srv_queue" => "0",
        "txn.conn_retries" => "0",
        "txn.redispatched" => "0",
        "if { bc.timer.connect ge 0 }" => "1",
        "if { res.timer.hdr ge 0 }" => "1",
        "if { req.timer.queue ge 0 }" => "1",
        "if { bytes_out gt 0 }" => "1",
    ]),
    newer!("newer::course_in_logs", Place::Log, &[PLAIN], [
        "txn.sess_term_state" => "--",
        "res.timer.data,mul(0)" => "0",
        "txn.timer.total,mul(0)" => "0",
        "txn.timer.user,mul(0)" => "0",
        "fc.timer.total,mul(0)" => "0",
        "bytes_in" => "38",
    ]),
];
