//! From words to the model, and what is said about them.

use std::path::Path;
use std::time::Duration;

use crate::diag::Severity;
use crate::host::MemoryHost;
use crate::model::{BindTls, CaSource, Config, ExtraFiles, IgnoredErrors, Server, TlsVersion, TlsVersions};
use crate::tls::Curve;
use crate::{Outcome, load};

/// A frontend with this `bind` line and a backend with this `server` line, behind some lines of `global`.
fn outcome(global: &str, bind: &str, server: &str, files: &[(&str, &str)]) -> Outcome {
    let text = format!(
        "global\n{global}\ndefaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n\
         frontend f\n bind {bind}\n default_backend b\nbackend b\n server s {server}\n"
    );
    let mut host = MemoryHost::with_file("a.cfg", text);
    host.files.extend(["/c.pem", "/ca.pem"].map(|file| (file.into(), Vec::new())));
    host.files.extend(files.iter().map(|(path, text)| ((*path).into(), text.as_bytes().to_vec())));
    load(&host, &["a.cfg".into()])
}

fn config(global: &str, bind: &str, server: &str) -> Config {
    let outcome = outcome(global, bind, server, &[]);
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

fn of_bind(global: &str, words: &str) -> BindTls {
    let config = config(global, &format!(":443 ssl crt /c.pem {words}"), "1.1.1.1:80");
    (**config.frontends[0].binds[0].tls.as_ref().expect("TLS")).clone()
}

fn of_server(global: &str, words: &str) -> Server {
    (*config(global, ":80", &format!("1.1.1.1:443 {words}")).backends[0].servers[0]).clone()
}

/// The worst finding about a line that is not as it should be.
fn finding(global: &str, bind: &str, server: &str) -> (Severity, String) {
    let mut found = outcome(global, bind, server, &[]).diagnostics;
    found.sort_by_key(|d| d.severity);
    found.into_iter().next().map(|d| (d.severity, d.message)).expect("a finding")
}

#[test]
fn versions_are_what_all_words_together_leave() {
    let (both, only_12, only_13) = (
        TlsVersions::default(),
        TlsVersions { min: TlsVersion::V12, max: TlsVersion::V12 },
        TlsVersions { min: TlsVersion::V13, max: TlsVersion::V13 },
    );
    let rows = [
        ("", "", both),
        ("", "no-sslv3 no-tlsv10 no-tlsv11", both),
        ("", "ssl-min-ver TLSv1.0", both),
        ("", "ssl-min-ver TLSv1.3", only_13),
        ("", "ssl-max-ver TLSv1.2", only_12),
        ("", "no-tlsv13", only_12),
        ("", "force-tlsv13", only_13),
        ("ssl-default-bind-options ssl-min-ver TLSv1.3", "", only_13),
        ("ssl-default-bind-options ssl-min-ver TLSv1.3", "ssl-min-ver TLSv1.2", both),
        ("ssl-default-bind-options no-tlsv12", "ssl-min-ver TLSv1.2", only_13),
    ];
    for (global, words, expected) in rows {
        assert_eq!(of_bind(global, words).settings.suites.versions, expected, "{global} / {words}");
    }
}

#[test]
fn a_line_s_own_words_go_before_the_defaults() {
    let global = "ssl-default-bind-ciphers ECDHE+AES256\nssl-default-bind-curves P-384\n\
                  ssl-default-bind-options prefer-client-ciphers no-tls-tickets";
    let settings = of_bind(global, "ciphers ECDHE+CHACHA20 tls-tickets").settings;
    let names: Vec<_> = settings.suites.ciphers.iter().flatten().filter_map(|c| c.name()).collect();
    assert_eq!(names, ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"]);
    assert_eq!(settings.suites.curves, Some(vec![Curve::P384]));
    assert!(settings.prefer_client_ciphers);
    assert!(!settings.no_tickets);
}

#[test]
fn paths_begin_in_their_folders_unless_they_are_absolute() {
    let bases = "crt-base /certs\nca-base /cas";
    let tls = of_bind(bases, "crt b.pem verify optional ca-file ca.pem crl-file /crl.pem");
    let paths: Vec<_> = tls.certificates.iter().map(|c| c.path.as_path()).collect();
    assert_eq!(paths, [Path::new("/c.pem"), Path::new("/certs/b.pem")]);
    let client = tls.settings.client.clone().expect("verify");
    assert_eq!(client.ca_file, Some(CaSource::Path("/cas/ca.pem".into())));
    assert_eq!(client.crl_file.as_deref(), Some(Path::new("/crl.pem")));
    let server = of_server(bases, "ssl verify required ca-file @system-ca crt c.pem verifyhost a.test");
    let tls = server.tls.expect("TLS");
    assert_eq!(tls.certificate.as_deref(), Some(Path::new("/certs/c.pem")));
    let verify = tls.verify.as_ref().expect("verify");
    assert_eq!((&verify.ca_file, verify.host.as_deref()), (&CaSource::System, Some("a.test")));
}

#[test]
fn errors_to_pass_over_are_numbers_or_all() {
    let client = |words: &str| of_bind("", words).settings.client.clone().expect("verify");
    let some = client("verify required ca-file /ca.pem crt-ignore-err 10,18 ca-ignore-err all");
    assert!(some.required);
    assert_eq!(some.crt_ignore, IgnoredErrors::Some(vec![10, 18]));
    assert_eq!(some.ca_ignore, IgnoredErrors::All);
}

#[test]
fn the_addresses_of_a_line_share_its_tls() {
    let config = config("", ":443,:8443 ssl crt /c.pem", "1.1.1.1:80");
    let [one, two] = &config.frontends[0].binds[..] else { panic!("two addresses") };
    let (one, two) = (one.tls.as_ref().expect("TLS"), two.tls.as_ref().expect("TLS"));
    assert!(std::sync::Arc::ptr_eq(one, two));
}

#[test]
fn lists_give_certificates_settings_and_names_of_their_own() {
    let list =
        "# comment\n\na.pem\nb.pem [alpn h2,http/1.1 verify none ssl-min-ver TLSv1.3] *.B.test !x.b.test\n";
    let bind = ":443 ssl crt-list /list alpn http/1.1 verify required ca-file /ca.pem";
    let outcome = outcome("crt-base /certs", bind, "1.1.1.1:80", &[("/list", list)]);
    let config = outcome.config.expect("sound");
    let tls = config.frontends[0].binds[0].tls.clone().expect("TLS");
    let [a, b] = &tls.certificates[..] else { panic!("two certificates") };
    assert_eq!((a.path.as_path(), a.list.as_deref()), (Path::new("/certs/a.pem"), Some(Path::new("/list"))));
    assert!(a.settings.is_none() && a.names.is_empty());
    let settings = b.settings.as_ref().expect("settings");
    assert_eq!(settings.alpn.iter().map(|p| &**p).collect::<Vec<_>>(), ["h2", "http/1.1"]);
    assert!(settings.client.is_none() && tls.settings.client.is_some());
    assert_eq!(settings.suites.versions.min, TlsVersion::V13);
    let names: Vec<_> = b.names.iter().map(|n| (n.negative, &*n.pattern)).collect();
    assert_eq!(names, [(false, "*.b.test"), (true, "x.b.test")]);
}

#[test]
fn errors_in_a_list_name_its_line() {
    let rows = [
        ("a.pem [alpn]", "/list:1: an argument is missing behind 'alpn'"),
        ("\na.pem [nonsense]", "/list:2: unknown word 'nonsense'"),
        ("a.pem [strict-sni]", "/list:1: unknown word 'strict-sni'"),
        ("a.pem [alpn h2", "/list:1: '[' without ']'"),
        ("a.pem [allow-0rtt]", "/list:1: 'allow-0rtt' has no effect here"),
        ("# nothing", "there is no certificate in '/list'"),
    ];
    for (list, expected) in rows {
        let outcome = outcome("", ":443 ssl crt-list /list", "1.1.1.1:80", &[("/list", list)]);
        let messages: Vec<_> = outcome.diagnostics.iter().map(|d| d.message.as_str()).collect();
        assert!(messages.contains(&expected), "{list}: {messages:?}");
    }
    let absent = outcome("", ":443 ssl crt-list /list", "1.1.1.1:80", &[]);
    assert!(absent.diagnostics[0].message.starts_with("cannot read '/list'"));
}

#[test]
fn servers_are_verified_unless_that_is_turned_off() {
    assert!(of_server("", "ssl verify none").tls.expect("TLS").verify.is_none());
    assert!(of_server("ssl-server-verify none", "ssl").tls.expect("TLS").verify.is_none());
    assert!(of_server("", "ca-file /ca.pem verify required").tls.is_none());
    let tls = of_server("", "ssl verify none sni str(a.test) no-ssl-reuse force-tlsv12").tls.expect("TLS");
    assert_eq!((tls.sni.as_deref(), tls.no_reuse), (Some("a.test"), true));
    assert_eq!(tls.suites.versions.max, TlsVersion::V12);
}

#[test]
fn checks_use_tls_as_traffic_does_unless_they_go_elsewhere() {
    let rows = [
        ("check", false),
        ("ssl verify none check", true),
        ("ssl verify none check no-check-ssl", false),
        ("ssl verify none check port 80", false),
        ("ssl verify none check port 444 check-ssl", true),
        ("check check-ssl verify none", true),
    ];
    for (words, expected) in rows {
        let check = of_server("", words).check.expect("a check");
        assert_eq!(check.tls.is_some(), expected, "{words}");
    }
    let check = of_server("", "ssl verify none check check-sni a.test check-alpn http/1.1").check;
    let tls = check.and_then(|check| check.tls).expect("TLS");
    assert_eq!((tls.sni.as_deref(), tls.alpn.as_ref().map(Vec::len)), (Some("a.test"), Some(1)));
}

#[test]
fn process_wide_settings_are_taken() {
    let lines =
        "tune.ssl.cachesize 5\ntune.ssl.lifetime 60\nssl-load-extra-files key ocsp\nssl-load-extra-del-ext";
    let tls = config(lines, ":80", "1.1.1.1:80").global.tls;
    assert_eq!((tls.cache_size, tls.lifetime, tls.cut_extension), (5, Duration::from_secs(60), true));
    assert_eq!(tls.extra, ExtraFiles { key: true, ocsp: true, ..ExtraFiles::NONE });
}

#[test]
fn what_does_not_work_is_said() {
    use Severity::{Alert, Notice, Warning};
    let (plain, tls) = ("1.1.1.1:80", ":443 ssl crt /c.pem");
    let rows = [
        ("", ":443 ssl", plain, Alert, "'ssl' needs a certificate"),
        ("", ":443 crt /c.pem", plain, Warning, "certificates have no effect without 'ssl'"),
        ("", ":443 ssl crt /c.pem verify required", plain, Alert, "'verify' needs authorities"),
        ("", ":443 ssl crt /c.pem ssl-max-ver TLSv1.1", plain, Alert, "no version is left that is spoken"),
        ("", ":443 ssl crt /c.pem no-tlsv12 no-tlsv13", plain, Alert, "no version of TLS is left"),
        ("", ":443 ssl crt /c.pem force-tlsv10", plain, Alert, "'force-tlsv10' is not supported by lbx"),
        ("", ":443 ssl crt /c.pem ciphers RC4", plain, Alert, "'RC4' covers no cipher suite"),
        (
            "",
            ":443 ssl crt /c.pem ciphers ECDHE:AES128-SHA",
            plain,
            Notice,
            "not served and left out: AES128-SHA",
        ),
        ("", ":443 ssl crt /c.pem curves X25519:P-521", plain, Notice, "not served and left out: P-521"),
        (
            "",
            ":443 ssl crt /c.pem alpn h2,,http/1.1",
            plain,
            Alert,
            "a protocol's name has 1 to 255 characters",
        ),
        (
            "",
            tls,
            "1.1.1.1:443 ssl",
            Alert,
            "server certificates are verified, and no authorities are named for it",
        ),
        (
            "",
            tls,
            "1.1.1.1:443 check check-ssl verify none check-alpn h2",
            Alert,
            "checks by HTTP/2 are not supported yet by lbx",
        ),
        (
            "",
            tls,
            "1.1.1.1:443 ssl verify none sni res.hdr(host)",
            Alert,
            "'res.hdr' needs the HTTP response, which is not there in a server source selection",
        ),
        ("ssl-default-bind-options strict-sni", tls, plain, Alert, "unknown option 'strict-sni'"),
        (
            "ssl-default-server-options prefer-client-ciphers",
            tls,
            plain,
            Alert,
            "unknown option 'prefer-client-ciphers'",
        ),
    ];
    for (global, bind, server, severity, message) in rows {
        assert_eq!(finding(global, bind, server), (severity, message.to_owned()));
    }
}
