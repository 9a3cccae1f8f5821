//! TLS on both sides, with OpenSSL and curl as peers, and HAProxy to compare with.

mod back;
mod front;

use lbx_tests::privilege::Need;
use lbx_tests::suite::{self, Case};

const COMPARED: &[Need] = &[Need::Program("haproxy"), Need::Program("openssl")];

fn main() {
    let compared = |name: &'static str, body: fn() -> anyhow::Result<()>| Case::new(name, COMPARED, body);
    let test = |name: &'static str, needs, body: fn() -> anyhow::Result<()>| Case::new(name, needs, body);
    suite::main(vec![
        compared("front::versions_and_ciphers", front::versions_and_ciphers),
        compared("front::names", front::names),
        compared("front::strict_sni", front::strict_sni),
        compared("front::key_types", front::key_types),
        compared("front::stapling", front::stapling),
        compared("front::client_certificates", front::client_certificates),
        compared("front::commands", front::commands),
        compared("front::refused_clients_are_logged", front::refused_clients_are_logged),
        Case::new("front::fetches", &[Need::Program("haproxy"), Need::Program("curl")], front::fetches),
        test("front::reload", &[Need::Program("openssl")], front::reload),
        test("front::resumption", &[Need::Program("openssl")], front::resumption),
        test("front::http", &[Need::Program("curl")], front::http),
        test("back::verification", &[], back::verification),
        test("back::checks", &[], back::checks),
    ]);
}
