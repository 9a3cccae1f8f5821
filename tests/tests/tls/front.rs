//! TLS on `bind` lines, as clients see it: HAProxy and this program must look alike.

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::{Daemon, Home, Program, Setup};
use lbx_tests::origin::Origin;
use lbx_tests::syslog::Syslog;

use lbx_tests::pki::{Kind, Pki};
use lbx_tests::probe::{curl, s_client};

/// A program with a TLS frontend `{web}` over an HTTP origin.
pub(crate) struct Site {
    pub(crate) daemon: Daemon,
    pub(crate) pki: Pki,
    pub(crate) origin: Origin,
}

const HEAD: &str = "
global
    stats socket {dir}/sock level admin
    crt-base {dir}
    ca-base {dir}
defaults
    mode http
    timeout connect 1s
    timeout client 3s
    timeout server 3s
";

impl Site {
    /// Starts `program`; `files` makes the certificates.
    pub(crate) fn start(program: Program, sections: &str, files: fn(&Pki) -> Result<()>) -> Result<Self> {
        let origin = Origin::http("s1")?;
        let setup = Setup::new(program, &format!("{HEAD}{sections}"))?;
        let setup = setup.set("s1", origin.address()).port("web");
        let pki = Pki::new(setup.dir())?;
        files(&pki)?;
        Ok(Self { daemon: setup.start()?, pki, origin })
    }

    fn s_client(&self, arguments: &str) -> Result<String> {
        let arguments = arguments.replace("{dir}", &self.pki.path("").display().to_string());
        s_client(self.daemon.address("web"), &arguments.split_whitespace().collect::<Vec<_>>())
    }
}

/// Runs the same probes on both programs: `s_client`'s arguments, and what comes of them.
fn both(sections: &str, files: fn(&Pki) -> Result<()>, rows: &[(&str, &str)]) -> Result<()> {
    for program in [Program::Haproxy, Program::Lbx] {
        let site = Site::start(program, sections, files)?;
        for (arguments, expected) in rows {
            let found = site.s_client(arguments)?;
            let fits = found == *expected || *expected == "alert" && found.starts_with("alert ");
            ensure!(fits, "{program:?}, {arguments}: {found:?} instead of {expected:?}");
        }
    }
    Ok(())
}

pub(crate) fn versions_and_ciphers() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384 no-sslv3 no-tlsv10 no-tlsv11 alpn h2,http/1.1
    server s1 {s1}
";
    let files = |pki: &Pki| pki.issue("a.pem", &["a.test"], Kind::Ec);
    both(
        bind,
        files,
        &[
            ("", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test -"),
            ("-tls1_2", "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 a.test -"),
            ("-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "alert 40"),
            // rustls and OpenSSL have different alerts for it.
            ("-tls1_1 -cipher ALL:@SECLEVEL=0", "alert"),
            ("-ciphersuites TLS_AES_128_GCM_SHA256", "TLSv1.3 TLS_AES_128_GCM_SHA256 a.test -"),
            ("-alpn h2,http/1.1", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test h2"),
            ("-alpn http/1.1", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test http/1.1"),
        ],
    )
}

pub(crate) fn names() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem crt-list {dir}/list
    server s1 {s1}
";
    let files = |pki: &Pki| {
        pki.issue("a.pem", &["a.test"], Kind::Ec)?;
        pki.issue("b.pem", &["b.test"], Kind::Ec)?;
        pki.issue("w.pem", &["w.test"], Kind::Ec)?;
        let list =
            "# names of their own\nb.pem [alpn h2,http/1.1 ssl-max-ver TLSv1.2]\nw.pem *.w.test !x.w.test\n";
        Ok(std::fs::write(pki.path("list"), list)?)
    };
    let cipher = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    both(
        bind,
        files,
        &[
            ("-noservername", &format!("{cipher} a.test -")),
            ("-servername a.test", &format!("{cipher} a.test -")),
            ("-servername unknown.test", &format!("{cipher} a.test -")),
            ("-servername B.TEST -alpn h2", "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 b.test h2"),
            ("-servername y.w.test", &format!("{cipher} w.test -")),
            ("-servername x.w.test", &format!("{cipher} a.test -")),
            ("-servername w.test", &format!("{cipher} a.test -")),
        ],
    )
}

pub(crate) fn strict_sni() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem strict-sni
    server s1 {s1}
";
    let files = |pki: &Pki| pki.issue("a.pem", &["a.test", "*.a.test"], Kind::Ec);
    both(
        bind,
        files,
        &[
            ("-servername a.test", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test -"),
            ("-servername x.a.test", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test -"),
            ("-servername b.test", "alert 112"),
            ("-noservername", "alert 112"),
        ],
    )
}

pub(crate) fn key_types() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt both.pem
    server s1 {s1}
";
    let files = |pki: &Pki| {
        pki.issue("both.pem.ecdsa", &["ec.test", "a.test"], Kind::Ec)?;
        pki.issue("both.pem.rsa", &["rsa.test", "a.test"], Kind::Rsa)
    };
    both(
        bind,
        files,
        &[
            ("-servername a.test", "TLSv1.3 TLS_AES_256_GCM_SHA384 ec.test -"),
            (
                "-servername a.test -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
                "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 rsa.test -",
            ),
            (
                "-servername a.test -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
                "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 ec.test -",
            ),
        ],
    )
}

pub(crate) fn stapling() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem crt b.pem
    server s1 {s1}
";
    let files = |pki: &Pki| {
        pki.issue("a.pem", &["a.test"], Kind::Ec)?;
        pki.issue("b.pem", &["b.test"], Kind::Ec)?;
        pki.ocsp("a.pem", "a.pem.ocsp", 10)
    };
    both(
        bind,
        files,
        &[
            ("-status -servername a.test", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test - stapled"),
            ("-status -servername b.test", "TLSv1.3 TLS_AES_256_GCM_SHA384 b.test -"),
            ("-servername a.test", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test -"),
        ],
    )
}

pub(crate) fn client_certificates() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem verify required ca-file ca.pem
    server s1 {s1}
";
    let files = |pki: &Pki| {
        pki.issue("a.pem", &["a.test"], Kind::Ec)?;
        pki.issue("client.pem", &["client"], Kind::Ec)?;
        pki.issue("rsa.pem", &["client"], Kind::Rsa)?;
        pki.issue("expired.pem", &["client"], Kind::Expired)?;
        pki.self_signed("stranger.pem", "client")
    };
    both(
        bind,
        files,
        &[
            ("", "alert 116"),
            ("-cert {dir}client.pem", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test -"),
            ("-cert {dir}rsa.pem", "TLSv1.3 TLS_AES_256_GCM_SHA384 a.test -"),
            ("-cert {dir}client.pem -tls1_2", "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 a.test -"),
            ("-cert {dir}expired.pem", "alert 45"),
            ("-cert {dir}stranger.pem", "alert 48"),
        ],
    )
}

pub(crate) fn resumption() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem
    server s1 {s1}
";
    let files = |pki: &Pki| pki.issue("a.pem", &["a.test"], Kind::Ec);
    for version in ["-tls1_2", "-tls1_3"] {
        let site = Site::start(Program::Lbx, bind, files)?;
        let session = site.pki.path("session").display().to_string();
        let out = |more: &str| {
            lbx_tests::probe::s_client_output(site.daemon.address("web"), &[version, more, &session])
        };
        ensure!(out("-sess_out")?.contains("New, "), "a full handshake");
        ensure!(out("-sess_in")?.contains("Reused, "), "{version}: no session was resumed");
    }
    Ok(())
}

pub(crate) fn http() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem alpn h2,http/1.1
    server s1 {s1}
";
    let site = Site::start(Program::Lbx, bind, |pki| pki.issue("a.pem", &["a.test"], Kind::Ec))?;
    let port = site.daemon.address("web").port();
    let (ca, resolve) = (site.pki.ca(), format!("a.test:{port}:127.0.0.1"));
    for (more, expected) in [("--http1.1", "200 1.1"), ("--http2", "200 2"), ("--tlsv1.3", "200 2")] {
        let found = curl(
            &format!("https://a.test:{port}/bytes/3000000"),
            &["--cacert", &ca, "--resolve", &resolve, more],
        )?;
        ensure!(found == expected, "{more}: {found}");
    }
    let plain = curl(&format!("http://a.test:{port}/"), &["--resolve", &resolve])?;
    ensure!(plain.starts_with("curl error"), "plain HTTP: {plain}");
    ensure!(site.origin.requests().len() == 3, "what is no TLS must not reach a server");
    Ok(())
}

/// Certificates and OCSP responses by the runtime socket, with the same commands for both programs.
pub(crate) fn commands() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem
    server s1 {s1}
";
    let files = |pki: &Pki| {
        pki.issue("a.pem", &["a.test"], Kind::Ec)?;
        pki.issue("b.pem", &["b.test"], Kind::Ec)?;
        pki.ocsp("a.pem", "a.der", 10)?;
        // The response needs its issuer, and this file says that one is wanted.
        Ok(std::fs::write(pki.path("a.pem.ocsp"), "")?)
    };
    for program in [Program::Haproxy, Program::Lbx] {
        let site = Site::start(program, bind, files)?;
        let file = site.pki.path("a.pem").display().to_string();
        let base64 = site.pki.base64("a.der")?;
        let said = site.daemon.cli(&format!("set ssl ocsp-response {base64}"))?;
        ensure!(said.trim() == "OCSP Response updated!", "{program:?}: {said}");
        let found = site.s_client("-status")?;
        ensure!(found.ends_with("a.test - stapled"), "{program:?}: {found}");
        let pem = std::fs::read_to_string(site.pki.path("b.pem"))?;
        let said = site.daemon.cli(&format!("set ssl cert {file} <<\n{pem}\n"))?;
        ensure!(said.contains("Transaction created for certificate"), "{program:?}: {said}");
        ensure!(site.s_client("")?.ends_with("a.test -"), "{program:?}: not committed yet");
        let said = site.daemon.cli(&format!("commit ssl cert {file}"))?;
        ensure!(said.contains("Success!"), "{program:?}: {said}");
        let found = site.s_client("")?;
        ensure!(found.ends_with("b.test -"), "{program:?}: {found}");
    }
    Ok(())
}

/// A reload takes certificates from their files anew, and a broken one changes nothing.
pub(crate) fn reload() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem
    server s1 {s1}
";
    let site = Site::start(Program::Lbx, bind, |pki| pki.issue("a.pem", &["a.test"], Kind::Ec))?;
    std::fs::write(site.pki.path("a.pem"), "nothing")?;
    let said = site.daemon.cli("reload")?;
    ensure!(said.starts_with("Success=0"), "{said}");
    ensure!(site.s_client("")?.ends_with("a.test -"), "a broken file must change nothing");
    site.pki.issue("a.pem", &["b.test"], Kind::Ec)?;
    let said = site.daemon.cli("reload")?;
    ensure!(said.starts_with("Success=1"), "{said}");
    ensure!(site.s_client("")?.ends_with("b.test -"), "the new file must be shown");
    Ok(())
}

/// What the log says of clients with which no hands are shaken.
pub(crate) fn refused_clients_are_logged() -> Result<()> {
    let bind = "
listen web
    log {log} local0
    option httplog
    bind 127.0.0.1:{web} name tls ssl crt a.pem verify required ca-file ca.pem
    server s1 {s1}
";
    let files = |pki: &Pki| {
        pki.issue("a.pem", &["a.test"], Kind::Ec)?;
        pki.self_signed("stranger.pem", "client")
    };
    let mut seen = Vec::new();
    for program in [Program::Haproxy, Program::Lbx] {
        let log = Syslog::start()?;
        let site = Site::start(program, &bind.replace("{log}", &log.address().to_string()), files)?;
        site.s_client("")?;
        let wait = |text: &str| log.wait_for(text).with_context(|| format!("{program:?}: {:?}", log.lines()));
        let mut lines = vec![wait("handshake")?];
        site.s_client("-cert {dir}stranger.pem")?;
        lines.push(wait("trusted")?);
        // Address, port and time are each client's own.
        let part = |line: &String| line.split_once("] web/").map(|(_, rest)| rest.to_owned());
        seen.push(lines.iter().map(part).collect::<Vec<_>>());
    }
    ensure!(seen[0] == seen[1] && seen[0].iter().all(Option::is_some), "{seen:?}");
    Ok(())
}

/// What expressions see of a TLS connection and of the client's certificate.
pub(crate) fn fetches() -> Result<()> {
    let bind = "
listen web
    bind 127.0.0.1:{web} ssl crt a.pem verify optional ca-file ca.pem crt-ignore-err 10 alpn h2,http/1.1
    http-response set-header x-tls \"%[ssl_fc] %[ssl_fc_protocol] %[ssl_fc_cipher] %[ssl_fc_alg_keysize] %[ssl_fc_sni] %[ssl_fc_alpn] %[ssl_fc_is_resumed] %[ssl_fc_has_sni] %[ssl_f_s_dn(CN)]\"
    http-response set-header x-crt \"%[ssl_c_used] %[ssl_fc_has_crt] %[ssl_c_verify] %[ssl_c_err] %[ssl_c_ca_err] %[ssl_c_ca_err_depth] %[ssl_c_s_dn(CN)] %[ssl_c_i_dn] %[ssl_c_serial,hex] %[ssl_c_notafter] %[ssl_c_key_alg] %[ssl_c_sha1,hex]\"
    server s1 {s1}
";
    let mut seen = Vec::new();
    let home = Home::new()?;
    let pki = Pki::new(home.dir())?;
    pki.issue("a.pem", &["a.test"], Kind::Ec)?;
    pki.issue("client.pem", &["client"], Kind::Ec)?;
    pki.issue("expired.pem", &["client"], Kind::Expired)?;
    for program in [Program::Haproxy, Program::Lbx] {
        let origin = Origin::http("s1")?;
        let setup = Setup::new(program, &format!("{HEAD}{bind}"))?.home(&home);
        let daemon = setup.set("s1", origin.address()).port("web").start()?;
        let port = daemon.address("web").port();
        let get = |more: &str| {
            let (ca, resolve) = (pki.ca(), format!("a.test:{port}:127.0.0.1"));
            let mut arguments =
                vec!["--cacert", &ca, "--resolve", &resolve, "-w", "%header{x-tls} / %header{x-crt}"];
            arguments.extend(more.split_whitespace());
            curl(&format!("https://a.test:{port}/"), &arguments)
        };
        let cert = |name: &str| format!("--cert {}", pki.path(name).display());
        seen.push([
            get("")?,
            get("--http1.1 --tls-max 1.2")?,
            get(&cert("client.pem"))?,
            get(&cert("expired.pem"))?,
        ]);
    }
    ensure!(seen[0] == seen[1], "{:#?}", seen);
    ensure!(seen[0][2].contains("client"), "{:#?}", seen);
    Ok(())
}
