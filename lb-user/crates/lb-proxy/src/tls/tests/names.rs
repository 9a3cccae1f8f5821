//! Which certificate is shown.

use lb_conf::model::TlsSuites;
use lb_conf::tls::parse_ciphers;

use super::*;

/// Acceptor and certificates for a.test, *.wild.test, and a fallback.
fn three() -> (Files, [Made; 3]) {
    let made = [own(&["default.test"]), own(&["a.test", "other.test"]), own(&["*.wild.test"])];
    let files =
        Files::default().with("/d", made[0].both()).with("/a", made[1].both()).with("/w", made[2].both());
    (files, made)
}

async fn index(acceptor: &Acceptor, made: &[Made], name: Option<&str>) -> usize {
    let shaken = shake(acceptor, &connector(&ServerTls::default()), name).await;
    made.iter().position(|m| m.der() == shaken.leaf()).expect("one of them")
}

#[tokio::test]
async fn the_name_decides_and_the_first_is_for_all_others() {
    let (files, made) = three();
    let acceptor = acceptor(&files, &bind(vec![line("/d"), line("/a"), line("/w")]));
    let rows = [
        (Some("a.test"), 1),
        (Some("A.TEST"), 1),
        (Some("other.test"), 1),
        (Some("x.wild.test"), 2),
        (Some("x.y.wild.test"), 0),
        (Some("wild.test"), 0),
        (Some("default.test"), 0),
        (Some("unknown.test"), 0),
        (None, 0),
    ];
    for (name, expected) in rows {
        assert_eq!(index(&acceptor, &made, name).await, expected, "{name:?}");
    }
}

#[tokio::test]
async fn a_common_name_counts_too() {
    let made = [own(&["x.test"]), self_signed(params("cn.test", &[]), KeyPair::generate().expect("key"))];
    let files = Files::default().with("/x", made[0].both()).with("/c", made[1].both());
    let acceptor = acceptor(&files, &bind(vec![line("/x"), line("/c")]));
    assert_eq!(index(&acceptor, &made, Some("cn.test")).await, 1);
}

#[tokio::test]
async fn filters_of_a_list_replace_the_names_in_the_certificate() {
    let (files, made) = three();
    let lines = vec![
        named("/d", &["!*"]),
        named("/a", &["*.wild.test", "!secret.wild.test"]),
        named("/w", &["b.test"]),
    ];
    let acceptor = acceptor(&files, &bind(lines));
    let rows = [
        ("x.wild.test", 1),
        // Left to the default, since no other certificate has it.
        ("secret.wild.test", 0),
        ("b.test", 2),
        ("a.test", 0),
        ("default.test", 0),
    ];
    for (name, expected) in rows {
        assert_eq!(index(&acceptor, &made, Some(name)).await, expected, "{name}");
    }
}

#[tokio::test]
async fn strict_sni_refuses_what_has_no_certificate() {
    let (files, made) = three();
    let strict = BindTls { strict_sni: true, ..bind(vec![line("/d"), line("/a")]) };
    let acceptor = acceptor(&files, &strict);
    assert_eq!(index(&acceptor, &made, Some("default.test")).await, 0);
    for name in [Some("unknown.test"), None] {
        let shaken = shake(&acceptor, &connector(&ServerTls::default()), name).await;
        let alert = rustls::AlertDescription::UnrecognisedName;
        assert!(matches!(shaken.client, Err(HandshakeError::Alert(a)) if a == alert), "{name:?}");
        let refusal = shaken.refusal();
        assert!(matches!(refusal, HandshakeError::UnknownName), "{refusal:?}");
        assert_eq!(refusal.words(), "SSL handshake failure");
    }
}

#[tokio::test]
async fn a_client_gets_the_key_type_that_it_takes() {
    let made = [own_of(&["a.test"], &PKCS_RSA_SHA256), own(&["a.test"])];
    let files = Files::default().with("/x.rsa", made[0].both()).with("/x.ecdsa", made[1].both());
    let acceptor = acceptor(&files, &bind(vec![line("/x")]));
    let rows =
        [(None, 1), (Some("ECDHE-RSA-AES128-GCM-SHA256"), 0), (Some("ECDHE-ECDSA-AES128-GCM-SHA256"), 1)];
    for (ciphers, expected) in rows {
        let suites = match ciphers {
            None => TlsSuites::default(),
            Some(text) => {
                let max = lb_conf::model::TlsVersion::V12;
                let versions = lb_conf::model::TlsVersions { max, ..Default::default() };
                let ciphers = Some(parse_ciphers(text).expect("suites").suites);
                TlsSuites { versions, ciphers, ..TlsSuites::default() }
            }
        };
        let connector = connector(&ServerTls { suites, ..ServerTls::default() });
        for name in [Some("a.test"), Some("b.test"), None] {
            let shaken = shake(&acceptor, &connector, name).await;
            assert_eq!(shaken.leaf(), made[expected].der(), "{ciphers:?} {name:?}");
        }
    }
}
