//! Certificates of clients and of servers.

use lb_conf::model::{CaSource, ClientVerify, IgnoredErrors, ServerVerify};
use rcgen::{
    CertificateRevocationListParams, ExtendedKeyUsagePurpose, KeyIdMethod, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

use super::*;

/// Authorities, and a client of each kind.
struct World {
    ca: Made,
    files: Files,
}

fn leaf(common: &str, number: u64) -> CertificateParams {
    let mut params = params(common, &[]);
    params.serial_number = Some(SerialNumber::from(number));
    params
}

fn world() -> World {
    let ca = authority("ca");
    let mut middle = params("middle", &[]);
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let middle = signed(middle, &ca);
    let mut expired = leaf("expired", 3);
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let mut server = leaf("server", 4);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut as_ca = leaf("calls itself an authority", 5);
    as_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let below = signed(leaf("below", 6), &middle);
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from(2),
        revocation_time: date_time_ymd(2024, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2100, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&ca.issuer()).expect("list").pem().expect("PEM");
    let files = Files::default()
        .with("/server", own(&["a.test"]).both())
        .with("/ca", ca.cert.pem())
        .with("/crl", list)
        .with("/good", signed(leaf("good", 1), &ca).both())
        .with("/revoked", signed(leaf("revoked", 2), &ca).both())
        .with("/expired", signed(expired, &ca).both())
        .with("/purpose", signed(server, &ca).both())
        .with("/as-ca", signed(as_ca, &ca).both())
        .with("/below", below.both() + &middle.cert.pem())
        .with("/below-alone", below.both())
        .with("/self", own(&["client"]).both())
        .with("/stranger", signed(leaf("stranger", 7), &authority("other")).both());
    World { ca, files }
}

fn demanding(client: ClientVerify) -> BindTls {
    let client = ClientVerify { ca_file: Some(CaSource::Path("/ca".into())), ..client };
    with(vec![line("/server")], BindTlsSettings { client: Some(client), ..BindTlsSettings::default() })
}

fn showing(world: &World, path: Option<&str>) -> Connector {
    connector_of(&world.files, &ServerTls { certificate: path.map(Into::into), ..ServerTls::default() })
}

#[tokio::test]
async fn clients_need_a_certificate_of_a_known_authority() {
    let world = world();
    let required = acceptor(&world.files, &demanding(ClientVerify { required: true, ..Default::default() }));
    let optional = acceptor(&world.files, &demanding(ClientVerify::default()));
    // File, OpenSSL's number for what is wrong with it, HAProxy's for the connection.
    let rows = [
        ("/good", None),
        ("/below", None),
        ("/as-ca", None),
        ("/expired", Some((10, 31))),
        ("/purpose", Some((26, 31))),
        ("/below-alone", Some((20, 31))),
        ("/self", Some((20, 31))),
        ("/stranger", Some((20, 31))),
    ];
    for (path, expected) in rows {
        for acceptor in [&required, &optional] {
            let shaken = shake(acceptor, &showing(&world, Some(path)), None).await;
            let number = match shaken.server {
                Ok(info) => {
                    assert!(!info.peer_chain().is_empty() && info.verify_result() == 0, "{path}");
                    None
                }
                Err(e) => match e {
                    HandshakeError::Untrusted { code, .. } => Some((code, e.number())),
                    other => panic!("{path}: {other:?}"),
                },
            };
            assert_eq!(number, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn only_required_refuses_clients_without_a_certificate() {
    let world = world();
    let required = acceptor(&world.files, &demanding(ClientVerify { required: true, ..Default::default() }));
    let shaken = shake(&required, &showing(&world, None), None).await;
    assert!(matches!(shaken.refusal(), HandshakeError::NoCertificate));
    let optional = acceptor(&world.files, &demanding(ClientVerify::default()));
    assert!(shake(&optional, &showing(&world, None), None).await.server().peer_chain().is_empty());
}

#[tokio::test]
async fn revoked_certificates_are_refused() {
    let world = world();
    let client = ClientVerify { crl_file: Some("/crl".into()), ..ClientVerify::default() };
    let acceptor = acceptor(&world.files, &demanding(client));
    for (path, expected) in [("/good", None), ("/as-ca", None), ("/revoked", Some(23)), ("/below", Some(3))] {
        let shaken = shake(&acceptor, &showing(&world, Some(path)), None).await;
        let code = match shaken.server {
            Ok(_) => None,
            Err(HandshakeError::Untrusted { code, .. }) => Some(code),
            Err(other) => panic!("{path}: {other:?}"),
        };
        assert_eq!(code, expected, "{path}");
    }
}

#[tokio::test]
async fn errors_that_are_passed_over_are_kept() {
    let world = world();
    let client = ClientVerify { crt_ignore: IgnoredErrors::Some(vec![10]), ..ClientVerify::default() };
    let expired_passes = acceptor(&world.files, &demanding(client));
    let info = shake(&expired_passes, &showing(&world, Some("/expired")), None).await.server();
    assert_eq!((info.verify_result(), info.certificate_error(), info.authority_error()), (10, 10, (0, 0)));
    let other = shake(&expired_passes, &showing(&world, Some("/self")), None).await;
    assert!(matches!(other.refusal(), HandshakeError::Untrusted { code: 20, .. }));
    let client = ClientVerify { crt_ignore: IgnoredErrors::All, ..ClientVerify::default() };
    let all_pass = acceptor(&world.files, &demanding(client));
    let info = shake(&all_pass, &showing(&world, Some("/self")), None).await.server();
    assert_eq!(info.certificate_error(), 18);
}

#[tokio::test]
async fn errors_above_the_certificate_have_a_list_of_their_own() {
    let world = world();
    // The chain leads to an authority that is not known here.
    let stray = authority("stray");
    let mut middle = params("middle", &[]);
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let middle = signed(middle, &stray);
    let below = signed(leaf("below", 8), &middle);
    let files = Files(world.files.0).with("/stray", below.both() + &middle.cert.pem());
    let connector =
        connector_of(&files, &ServerTls { certificate: Some("/stray".into()), ..Default::default() });
    let all = || IgnoredErrors::All;
    let crt = acceptor(&files, &demanding(ClientVerify { crt_ignore: all(), ..ClientVerify::default() }));
    let error = shake(&crt, &connector, None).await.refusal();
    assert!(matches!(error, HandshakeError::Untrusted { code: 2, depth: 1, .. }), "{error:?}");
    assert_eq!(error.words(), "SSL client CA chain cannot be verified");
    let ca = acceptor(&files, &demanding(ClientVerify { ca_ignore: all(), ..ClientVerify::default() }));
    let info = shake(&ca, &connector, None).await.server();
    assert_eq!((info.certificate_error(), info.authority_error()), (0, (2, 1)));
}

fn server_tls(ca: &str, host: Option<&str>) -> ServerTls {
    let ca_file = CaSource::Path(ca.into());
    let verify = ServerVerify { ca_file, crl_file: None, host: host.map(Into::into) };
    ServerTls { verify: Some(verify), ..ServerTls::default() }
}

#[tokio::test]
async fn servers_are_verified_by_authority_and_name() {
    let world = world();
    let shown = signed(params("cn.test", &["a.test", "*.b.test"]), &world.ca);
    let files =
        Files(world.files.0).with("/shown", shown.both()).with("/other", authority("other").cert.pem());
    let acceptor = acceptor(&files, &bind(vec![line("/shown")]));
    // Authorities, verifyhost, server name, whether it is trusted.
    let rows = [
        ("/ca", None, None, true),
        ("/ca", None, Some("a.test"), true),
        ("/ca", None, Some("x.b.test"), true),
        ("/ca", None, Some("c.test"), false),
        ("/ca", Some("a.test"), None, true),
        ("/ca", Some("c.test"), None, false),
        ("/ca", Some("c.test"), Some("a.test"), true),
        ("/other", None, None, false),
        ("/shown", None, Some("a.test"), true),
    ];
    for (ca, host, name, trusted) in rows {
        let shaken = shake(&acceptor, &connector_of(&files, &server_tls(ca, host)), name).await;
        assert_eq!(shaken.client.is_ok(), trusted, "{ca} {host:?} {name:?}: {:?}", shaken.client);
        let wrong_name = matches!(shaken.client, Err(HandshakeError::WrongName));
        assert_eq!(wrong_name, !trusted && ca == "/ca", "{ca} {host:?} {name:?}: {:?}", shaken.client);
    }
}

/// A client certificate without extensions, which is what `openssl x509 -req` makes by default.
#[tokio::test]
async fn x509_v1_certificates_of_a_known_authority_are_trusted() {
    let (ca, v1) = (include_str!("v1-ca.pem"), include_str!("v1-client.pem"));
    let files = Files::default().with("/server", own(&["a.test"]).both()).with("/ca", ca).with("/v1", v1);
    let acceptor_of = |ca: &str| {
        let client =
            ClientVerify { ca_file: Some(CaSource::Path(ca.into())), required: true, ..Default::default() };
        let settings = BindTlsSettings { client: Some(client), ..BindTlsSettings::default() };
        acceptor(&files, &with(vec![line("/server")], settings))
    };
    let connector =
        connector_of(&files, &ServerTls { certificate: Some("/v1".into()), ..ServerTls::default() });
    assert_eq!(shake(&acceptor_of("/ca"), &connector, None).await.server().peer_chain().len(), 1);
    let shaken = shake(&acceptor_of("/server"), &connector, None).await;
    assert!(matches!(shaken.refusal(), HandshakeError::Untrusted { code: 20, depth: 0, .. }));
}
