//! "SSL/TLS Termination".

use std::process::Command;

use anyhow::{Result, ensure};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::{self, Side};
use lbx_tests::pki::{Kind, Pki};
use lbx_tests::privilege::Need;
use lbx_tests::probe::s_client;
use lbx_tests::suite::Case;

use crate::https::{COMPARED, curl, exchange};
use crate::sample::{self, SITE, prepare, start, template};

const TERMINATION: &str = include_str!("../../../config/seed/tls_termination.cfg");

const OPENSSL: &[Need] = &[Need::Program("haproxy"), Need::Program("openssl")];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("tls::versions_and_suites", OPENSSL, || oracle::compare_sides(terminate, versions)),
        Case::new("tls::responses_carry_hsts_and_servers_get_plain_http", COMPARED, || {
            oracle::compare_sides(terminate, hsts)
        }),
        Case::new("tls::http2", &[Need::Program("curl"), Need::Program("h2load")], http2),
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
    for (arguments, expected) in [
        ("", "TLSv1.3 TLS_AES_256_GCM_SHA384 solvethenetwork.com -"),
        ("-tls1_2", "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 solvethenetwork.com -"),
        ("-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "alert"),
        ("-tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384", "alert"),
        ("-tls1_1 -cipher ALL:@SECLEVEL=0", "alert"),
        ("-tls1 -cipher ALL:@SECLEVEL=0", "alert"),
        ("-alpn h2,http/1.1", "TLSv1.3 TLS_AES_256_GCM_SHA384 solvethenetwork.com h2"),
        ("-alpn http/1.1", "TLSv1.3 TLS_AES_256_GCM_SHA384 solvethenetwork.com http/1.1"),
        ("-tls1_2 -alpn h2", "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 solvethenetwork.com h2"),
    ] {
        let found = s_client(side.daemon.address("p443"), &arguments.split_whitespace().collect::<Vec<_>>())?;
        ensure!(
            found == expected || expected == "alert" && found.starts_with("alert "),
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
fn http2() -> Result<()> {
    let side = terminate(Program::Lbx)?;
    for (arguments, version) in [(&["--http2"][..], "2"), (&["--http1.1"], "1.1")] {
        let arguments = [
            &["-o", "/dev/null", "-w", "%{http_version} %{http_code} %header{strict-transport-security}"],
            arguments,
        ]
        .concat();
        let said = curl(&side, "/bytes/100000", &arguments)?;
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

/// A site whose certificate has an OCSP response beside it, and one in reserve.
fn stapling(program: Program) -> Result<Side> {
    Side::start_with(&template(&for_program(TERMINATION, program)), program, |setup| {
        let setup = prepare(setup, program)?;
        let pki = Pki::new(setup.dir())?;
        let file = format!("certs/{SITE}.pem");
        pki.issue(&file, &[SITE], Kind::Ec)?;
        pki.ocsp(&file, &format!("{file}.ocsp"))?;
        pki.ocsp(&file, "later.der")?;
        std::fs::write(pki.path("later.base64"), pki.base64("later.der")?)?;
        Ok(setup)
    })
}

fn staples(side: &mut Side) -> Result<()> {
    let found = |side: &Side| s_client(side.daemon.address("p443"), &["-status"]);
    ensure!(found(side)?.ends_with(" stapled"), "{}", found(side)?);
    let later = std::fs::read_to_string(side.daemon.home().dir().join("later.base64"))?;
    let said = side.daemon.cli(&format!("set ssl ocsp-response {later}"))?;
    ensure!(said.contains("OCSP Response updated!"), "{said}");
    ensure!(found(side)?.ends_with(" stapled"), "{}", found(side)?);
    side.without_requests();
    side.without_log();
    Ok(())
}
