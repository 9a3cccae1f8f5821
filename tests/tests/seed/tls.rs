//! "SSL/TLS Termination".

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::{self, Side};
use lbx_tests::pki::{self, Kind, Pki};
use lbx_tests::privilege::Need;
use lbx_tests::probe::{s_client, s_client_output};
use lbx_tests::suite::Case;

use crate::https::{COMPARED, curl, exchange, exchange_over};
use crate::sample::{self, SITE, prepare, start, template};

const TERMINATION: &str = include_str!("../../../config/seed/tls_termination.cfg");

const OPENSSL: &[Need] = &[Need::Program("haproxy"), Need::Program("openssl")];

const H2: &[Need] = &[Need::Program("haproxy"), Need::Program("curl"), Need::Program("h2load")];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("tls::versions_and_suites", OPENSSL, || oracle::compare_sides(terminate, versions)),
        Case::new("tls::responses_carry_hsts_and_servers_get_plain_http", COMPARED, || {
            oracle::compare_sides(terminate, hsts)
        }),
        Case::new("tls::suites_of_an_rsa_key", OPENSSL, || oracle::compare_sides(rsa, rsa_suites)),
        Case::new("tls::a_chain_in_one_file", OPENSSL, || oracle::compare_sides(chained, chain)),
        Case::new("tls::http2", H2, || oracle::compare_sides(terminate, http2)),
        Case::new("tls::continued_lines_are_told", &[], continued),
        Case::new("tls::certificates_by_name", OPENSSL, || oracle::compare_sides(two_sites, names)),
        Case::new("tls::stapling", OPENSSL, || oracle::compare_sides(stapling, staples)),
    ]
}

/// HAProxy does not join lines; for it they are joined before.
fn for_program(file: &str, program: Program) -> String {
    match program {
        Program::Lbx => file.to_owned(),
        Program::Haproxy | Program::Nginx => file.replace("\\\n", " "),
    }
}

fn terminate(program: Program) -> Result<Side> {
    start(&for_program(TERMINATION, program), program)
}

/// TLS 1.2 with what is listed, 1.3 with what it has, nothing older.
fn versions(side: &mut Side) -> Result<()> {
    handshakes(
        side,
        &[
            ("", "TLSv1.3 TLS_AES_256_GCM_SHA384 solvethenetwork.com -"),
            ("-tls1_2", "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 solvethenetwork.com -"),
            ("-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "alert"),
            ("-tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384", "alert"),
            ("-tls1_1 -cipher ALL:@SECLEVEL=0", "alert"),
            ("-tls1 -cipher ALL:@SECLEVEL=0", "alert"),
            ("-alpn h2,http/1.1", "TLSv1.3 TLS_AES_256_GCM_SHA384 solvethenetwork.com h2"),
            ("-alpn http/1.1", "TLSv1.3 TLS_AES_256_GCM_SHA384 solvethenetwork.com http/1.1"),
            ("-tls1_2 -alpn h2", "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 solvethenetwork.com h2"),
        ],
    )
}

/// The article's address with a certificate of another kind.
fn with_certificate(program: Program, write: impl FnOnce(&Pki, &str) -> Result<()>) -> Result<Side> {
    Side::start_with(&template(&for_program(TERMINATION, program)), program, |setup| {
        let setup = prepare(setup, program)?;
        write(&Pki::new(setup.dir())?, &format!("certs/{SITE}.pem"))?;
        Ok(setup)
    })
}

fn rsa(program: Program) -> Result<Side> {
    with_certificate(program, |pki, file| pki.issue(file, &[SITE], Kind::Rsa))
}

/// The other one of the two suites that are listed, and none that is not, be it with forward secrecy or without.
fn rsa_suites(side: &mut Side) -> Result<()> {
    handshakes(
        side,
        &[
            ("-tls1_2", "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384 solvethenetwork.com -"),
            ("-tls1_2 -alpn h2", "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384 solvethenetwork.com h2"),
            ("", "TLSv1.3 TLS_AES_256_GCM_SHA384 solvethenetwork.com -"),
            ("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "alert"),
            ("-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", "alert"),
            ("-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", "alert"),
            ("-tls1_2 -cipher AES256-GCM-SHA384", "alert"),
            ("-tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384", "alert"),
            ("-tls1_1 -cipher ALL:@SECLEVEL=0", "alert"),
        ],
    )
}

/// Key, certificate and two authorities between it and the one that clients know.
fn chained(program: Program) -> Result<Side> {
    with_certificate(program, |pki, file| pki.issue_below(file, &["regional", "local"], SITE, Kind::Ec))
}

/// Clients get the whole chain but for the authority that they know, in order, and are content with it.
fn chain(side: &mut Side) -> Result<()> {
    let authority = side.daemon.home().dir().join("ca.pem").display().to_string();
    let arguments = ["-CAfile", &authority, "-verify_return_error", "-verify_hostname", SITE, "-showcerts"];
    let said = s_client_output(side.daemon.address("p443"), &arguments)?;
    let subjects: Vec<_> = said.lines().filter_map(|line| line.trim().split_once(" s:CN = ")).collect();
    ensure!(subjects == [("0", SITE), ("1", "local"), ("2", "regional")], "{subjects:?}: {said}");
    ensure!(said.contains("Verify return code: 0 (ok)"), "{said}");
    exchange(side, "/", &[])?;
    Ok(())
}

/// What comes of handshakes with these arguments; which alert it is, is left to the programs.
fn handshakes(side: &mut Side, rows: &[(&str, &str)]) -> Result<()> {
    for (arguments, expected) in rows {
        let found = s_client(side.daemon.address("p443"), &arguments.split_whitespace().collect::<Vec<_>>())?;
        ensure!(
            found == *expected || *expected == "alert" && found.starts_with("alert "),
            "{arguments}: {found}"
        );
    }
    side.without_requests();
    side.without_log();
    Ok(())
}

const HSTS: &str = "strict-transport-security: max-age=63072000; includeSubDomains; preload";

fn hsts(side: &mut Side) -> Result<()> {
    for path in ["/", "/status/404", "/bytes/100"] {
        let response = exchange(side, path, &[])?;
        ensure!(response.to_ascii_lowercase().contains(&HSTS.to_ascii_lowercase()), "{response}");
    }
    // Set, not added: what a server says of it does not stay.
    let requests: Vec<_> = side.origins.values().flat_map(|origin| origin.requests()).collect();
    ensure!(requests.len() == 3 && requests.iter().all(|request| request.line.ends_with(" HTTP/1.1")));
    Ok(())
}

/// Chosen by ALPN, with curl and, for many streams at once, h2load.
fn http2(side: &mut Side) -> Result<()> {
    exchange_over(side, "--http2", "/echo", &["-d", "some data"])?;
    exchange_over(side, "--http2", "/status/404", &[])?;
    exchange_over(side, "--http2", "/bytes/100?over=h2", &["-I"])?;
    // Which server it is that gets each of many streams, and in what order, is left open.
    side.only_log("over=h2");
    side.without_requests();
    for (arguments, version) in [(&["--http2"][..], "2"), (&["--http1.1"], "1.1")] {
        let arguments = [
            &["-o", "/dev/null", "-w", "%{http_version} %{http_code} %header{strict-transport-security}"],
            arguments,
        ]
        .concat();
        let said = curl(side, "/bytes/100000", &arguments)?;
        ensure!(said == format!("{version} 200 max-age=63072000; includeSubDomains; preload"), "{said}");
    }
    let url = format!("https://{}/bytes/3000", side.daemon.address("p443"));
    let output = Command::new("h2load").args(["-n", "400", "-c", "4", "-m", "20"]).arg(&url).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(said.contains("Application protocol: h2"), "{said}");
    ensure!(said.contains("400 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
    Ok(())
}

fn continued() -> Result<()> {
    let setup = lbx_tests::daemon::Setup::new(Program::Lbx, &template(TERMINATION))?;
    let setup = ["s1", "s2", "s3"].iter().fold(setup, |s, name| s.set(name, "127.0.0.1:80"));
    let setup = setup.set("log", "127.0.0.1:9").set("p443", 443).argument("-c");
    let ended = sample::files(setup)?.run_to_end()?;
    ensure!(ended.status.success(), "{ended:?}");
    ensure!(ended.output.contains("a backslash joins this line with the next"), "{}", ended.output);
    Ok(())
}

/// The article's site and another one, each with its certificate.
fn two_sites(program: Program) -> Result<Side> {
    let file = for_program(TERMINATION, program);
    let one = format!("crt /etc/haproxy/certs/{SITE}.pem");
    let file = file.replace(&one, &format!("{one} crt /etc/haproxy/certs/other.pem"));
    Side::start_with(&template(&file), program, |setup| {
        let setup = prepare(setup, program)?;
        Pki::new(setup.dir())?.issue("certs/other.pem", &["other.test", "www.other.test"], Kind::Rsa)?;
        Ok(setup)
    })
}

fn names(side: &mut Side) -> Result<()> {
    for (name, certificate) in
        [(SITE, SITE), ("other.test", "other.test"), ("www.other.test", "other.test"), ("unknown.test", SITE)]
    {
        let found = s_client(side.daemon.address("p443"), &["-servername", name])?;
        ensure!(found == format!("TLSv1.3 TLS_AES_256_GCM_SHA384 {certificate} -"), "{name}: {found}");
    }
    side.without_requests();
    side.without_log();
    Ok(())
}

/// A site whose certificate has an OCSP response beside it, and one in reserve that holds for longer. Until when each
/// of them holds is in files of their own.
fn stapling(program: Program) -> Result<Side> {
    with_certificate(program, |pki, file| {
        pki.issue(file, &[SITE], Kind::Ec)?;
        let first = format!("{file}.ocsp");
        pki.ocsp(file, &first, 10)?;
        pki.ocsp(file, "later.der", 20)?;
        fs::write(pki.path("first.until"), pki.holds_until(&first)?)?;
        fs::write(pki.path("later.until"), pki.holds_until("later.der")?)?;
        Ok(fs::write(pki.path("later.base64"), pki.base64("later.der")?)?)
    })
}

fn staples(side: &mut Side) -> Result<()> {
    let read = |side: &Side, file| fs::read_to_string(side.daemon.home().dir().join(file));
    let stapled =
        |side: &Side| pki::next_update(&s_client_output(side.daemon.address("p443"), &["-status"])?);
    let (first, later) = (read(side, "first.until")?, read(side, "later.until")?);
    ensure!(first != later && stapled(side)? == first, "{first} {later} {}", stapled(side)?);
    let said = side.daemon.cli(&format!("set ssl ocsp-response {}", read(side, "later.base64")?))?;
    ensure!(said.contains("OCSP Response updated!"), "{said}");
    ensure!(stapled(side)? == later, "{later} {}", stapled(side)?);
    side.without_requests();
    side.without_log();
    Ok(())
}
