//! Sessions: where they are resumed, and where they must not be.

use lb_conf::model::{CaSource, ClientVerify, ServerTls, TlsSuites, TlsVersion, TlsVersions};

use super::*;

fn client(version: TlsVersion) -> Connector {
    let suites = TlsSuites { versions: TlsVersions { min: version, max: version }, ..TlsSuites::default() };
    connector(&ServerTls { suites, ..ServerTls::default() })
}

fn files() -> Files {
    Files::default().with("/a", own(&["a.test"]).both()).with("/ca", authority("ca").cert.pem())
}

async fn resumes(first: &Acceptor, second: &Acceptor, version: TlsVersion) -> bool {
    let client = client(version);
    let full = shake(first, &client, Some("a.test")).await.server();
    assert!(!full.is_resumed());
    shake(second, &client, Some("a.test")).await.server().is_resumed()
}

const BOTH: [TlsVersion; 2] = [TlsVersion::V12, TlsVersion::V13];

#[tokio::test]
async fn a_session_is_resumed_with_and_without_tickets() {
    for no_tickets in [false, true] {
        let settings = BindTlsSettings { no_tickets, ..BindTlsSettings::default() };
        let acceptor = acceptor(&files(), &with(vec![line("/a")], settings));
        for version in BOTH {
            assert!(resumes(&acceptor, &acceptor, version).await, "{version:?}, no tickets: {no_tickets}");
        }
    }
}

#[tokio::test]
async fn a_reload_keeps_sessions() {
    let (files, shared, tuning) = (files(), shared(), TlsTuning::default());
    let [before, after] = [0, 1].map(|_| load_with(&files, &bind(vec![line("/a")]), &tuning, &shared));
    let (before, after) = (before.acceptor.expect("loaded"), after.acceptor.expect("loaded"));
    for version in BOTH {
        assert!(resumes(&before, &after, version).await, "{version:?}");
    }
}

#[tokio::test]
async fn a_session_does_not_get_around_client_certificates() {
    let (files, shared, tuning) = (files(), shared(), TlsTuning::default());
    let ca_file = Some(CaSource::Path("/ca".into()));
    let client = Some(ClientVerify { ca_file, ..ClientVerify::default() });
    for no_tickets in [false, true] {
        let open = BindTlsSettings { no_tickets, ..BindTlsSettings::default() };
        let closed = BindTlsSettings { client: client.clone(), ..open.clone() };
        let [open, closed] = [open, closed].map(|settings| {
            let loaded = load_with(&files, &with(vec![line("/a")], settings), &tuning, &shared);
            loaded.acceptor.expect("loaded")
        });
        for version in BOTH {
            assert!(!resumes(&open, &closed, version).await, "{version:?}, no tickets: {no_tickets}");
        }
    }
}

#[tokio::test]
async fn the_size_of_the_cache_and_the_lifetime_are_kept() {
    let files = files();
    let settings = BindTlsSettings { no_tickets: true, ..BindTlsSettings::default() };
    let tuning = TlsTuning { cache_size: 0, ..TlsTuning::default() };
    let loaded = load_with(&files, &with(vec![line("/a")], settings), &tuning, &shared());
    let acceptor = loaded.acceptor.expect("loaded");
    for version in BOTH {
        assert!(!resumes(&acceptor, &acceptor, version).await, "{version:?}");
    }
}

#[tokio::test]
async fn no_ssl_reuse_makes_full_handshakes() {
    let acceptor = acceptor(&files(), &bind(vec![line("/a")]));
    let client = connector(&ServerTls { no_reuse: true, ..ServerTls::default() });
    for _ in 0..2 {
        assert!(!shake(&acceptor, &client, Some("a.test")).await.server().is_resumed());
    }
}

#[tokio::test]
async fn two_daemons_share_sessions_by_a_file_of_keys() {
    let keys: String = (1..4_u8).map(|k| data_encoding::BASE64.encode(&[k; 80]) + "\n").collect();
    let files = files().with("/keys", keys);
    let tls = BindTls { ticket_keys: Some("/keys".into()), ..bind(vec![line("/a")]) };
    let (one, two) = (acceptor(&files, &tls), acceptor(&files, &tls));
    for version in BOTH {
        assert!(resumes(&one, &two, version).await, "{version:?}");
    }
}
