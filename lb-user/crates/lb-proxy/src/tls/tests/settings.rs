//! Versions, ciphers, curves, ALPN, and what comes that is no TLS.

use lb_conf::model::{TlsSuites, TlsVersion, TlsVersions};
use lb_conf::tls::{Curve, parse_ciphers, parse_ciphersuites};

use super::*;

fn files() -> Files {
    Files::default().with("/a", own(&["a.test"]).both())
}

fn suites(suites: TlsSuites) -> BindTlsSettings {
    BindTlsSettings { suites, ..BindTlsSettings::default() }
}

fn only(version: TlsVersion) -> TlsSuites {
    TlsSuites { versions: TlsVersions { min: version, max: version }, ..TlsSuites::default() }
}

async fn ends(settings: BindTlsSettings, client: ServerTls) -> Shaken {
    let files = files();
    shake(&acceptor(&files, &with(vec![line("/a")], settings)), &connector(&client), Some("a.test")).await
}

#[tokio::test]
async fn both_sides_must_share_a_version() {
    for (server, client, shared) in [
        (TlsSuites::default(), TlsSuites::default(), Some("TLSv1.3")),
        (TlsSuites::default(), only(TlsVersion::V12), Some("TLSv1.2")),
        (only(TlsVersion::V12), TlsSuites::default(), Some("TLSv1.2")),
        (only(TlsVersion::V13), only(TlsVersion::V12), None),
        (only(TlsVersion::V12), only(TlsVersion::V13), None),
    ] {
        let shaken = ends(suites(server), ServerTls { suites: client, ..ServerTls::default() }).await;
        match shared {
            Some(version) => assert_eq!(shaken.server().protocol(), Some(version)),
            None => assert!(matches!(shaken.refusal(), HandshakeError::NothingInCommon(_))),
        }
    }
}

#[tokio::test]
async fn the_server_s_order_of_ciphers_decides_unless_the_client_s_is_preferred() {
    let list = |text: &str| Some(parse_ciphersuites(text).expect("suites").suites);
    let server = TlsSuites {
        ciphersuites: list("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"),
        ..TlsSuites::default()
    };
    let client = TlsSuites {
        ciphersuites: list("TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"),
        ..TlsSuites::default()
    };
    for (prefer_client_ciphers, expected) in
        [(false, "TLS_CHACHA20_POLY1305_SHA256"), (true, "TLS_AES_128_GCM_SHA256")]
    {
        let settings = BindTlsSettings { prefer_client_ciphers, ..suites(server.clone()) };
        let shaken = ends(settings, ServerTls { suites: client.clone(), ..ServerTls::default() }).await;
        assert_eq!(shaken.server().cipher(), Some(expected));
    }
}

#[tokio::test]
async fn nothing_but_the_listed_ciphers_and_curves_is_spoken() {
    let ciphers = |text| TlsSuites {
        ciphers: Some(parse_ciphers(text).expect("suites").suites),
        ..only(TlsVersion::V12)
    };
    let one = || suites(ciphers("ECDHE-ECDSA-AES256-GCM-SHA384"));
    let client = |suites| ServerTls { suites, ..ServerTls::default() };
    let shaken = ends(one(), client(TlsSuites::default())).await;
    let info = shaken.server();
    assert_eq!((info.cipher(), info.key_bits()), (Some("ECDHE-ECDSA-AES256-GCM-SHA384"), Some(256)));
    let shaken = ends(one(), client(ciphers("ECDHE-ECDSA-CHACHA20-POLY1305"))).await;
    assert!(matches!(shaken.refusal(), HandshakeError::NothingInCommon(_)));
    let curves = |curve| TlsSuites { curves: Some(vec![curve]), ..TlsSuites::default() };
    let shaken = ends(suites(curves(Curve::P384)), client(curves(Curve::X25519))).await;
    assert!(matches!(shaken.refusal(), HandshakeError::NothingInCommon(_)));
    let shaken = ends(suites(curves(Curve::X25519MlKem768)), client(curves(Curve::X25519MlKem768))).await;
    assert!(shaken.server.is_ok());
}

#[tokio::test]
async fn alpn_is_agreed_in_the_server_s_order() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).into()).collect::<Vec<_>>();
    for (server, client, agreed) in [
        (vec!["h2", "http/1.1"], vec!["http/1.1", "h2"], Some("h2")),
        (vec!["http/1.1"], vec!["h2", "http/1.1"], Some("http/1.1")),
        (vec![], vec!["h2"], None),
        (vec!["h2"], vec![], None),
    ] {
        let settings = BindTlsSettings { alpn: list(&server), ..BindTlsSettings::default() };
        let shaken = ends(settings, ServerTls { alpn: list(&client), ..ServerTls::default() }).await;
        assert_eq!(shaken.server().alpn(), agreed.map(str::as_bytes), "{server:?} {client:?}");
    }
}

#[tokio::test]
async fn a_line_of_a_list_has_settings_of_its_own() {
    let made = [own(&["a.test"]), own(&["b.test"])];
    let files = Files::default().with("/a", made[0].both()).with("/b", made[1].both());
    let own = BindTlsSettings { alpn: vec!["h2".into()], ..suites(only(TlsVersion::V12)) };
    let second = CertificateUse { settings: Some(Arc::new(own)), ..line("/b") };
    let acceptor = acceptor(&files, &bind(vec![line("/a"), second]));
    let connector = connector(&ServerTls { alpn: vec!["h2".into()], ..ServerTls::default() });
    let a = shake(&acceptor, &connector, Some("a.test")).await.server();
    assert_eq!((a.protocol(), a.alpn()), (Some("TLSv1.3"), None));
    let b = shake(&acceptor, &connector, Some("b.test")).await.server();
    assert_eq!((b.protocol(), b.alpn()), (Some("TLSv1.2"), Some(&b"h2"[..])));
    assert_eq!(b.sni(), Some("b.test"));
    assert_eq!(b.own_certificate(), Some(made[1].der()));
}

#[tokio::test]
async fn what_is_no_tls_has_a_name() {
    let files = files();
    let acceptor = acceptor(&files, &bind(vec![line("/a")]));
    type Expected = fn(&HandshakeError) -> bool;
    let rows: [(&[u8], Expected); 5] = [
        (b"", |e| matches!(e, HandshakeError::Closed)),
        (b"GET / HTTP/1.1\r\n\r\n", |e| matches!(e, HandshakeError::NotTls)),
        (&[0x16, 3, 1, 0, 4, 1, 0], |e| matches!(e, HandshakeError::Closed)),
        (&[0x16, 3, 1, 0, 4, 1, 0, 0, 0], |e| matches!(e, HandshakeError::Misbehaved(_))),
        (&[0x17, 3, 3, 0, 1, 0], |e| matches!(e, HandshakeError::Misbehaved(_))),
    ];
    for (bytes, expected) in rows {
        let (mut near, far) = tokio::io::duplex(1 << 16);
        near.write_all(bytes).await.expect("room");
        near.shutdown().await.expect("open");
        let error = acceptor.accept(far).await.expect_err("not TLS");
        assert!(expected(&error), "{bytes:?}: {error:?}");
    }
}
