//! What commands change while the daemon runs.

use super::*;

#[tokio::test]
async fn a_certificate_is_replaced_when_it_is_committed() {
    let (old, new) = (own(&["a.test"]), own(&["b.test"]));
    let first = own(&["first.test"]);
    let files = Files::default().with("/first", first.both()).with("/a", old.both());
    let loaded = load(&files, &bind(vec![line("/first"), line("/a")]));
    let (acceptor, store) = (loaded.acceptor.expect("loaded"), loaded.store);
    // A resumed session would go on with the certificate that it began with.
    let connector = connector(&ServerTls { no_reuse: true, ..ServerTls::default() });
    store.set(&path("/a"), new.both().as_bytes()).expect("taken");
    assert!(store.list().iter().any(|l| l.path == path("/a") && l.pending));
    assert_eq!(shake(&acceptor, &connector, Some("a.test")).await.leaf(), old.der());
    store.commit(&path("/a")).expect("committed");
    // The names are the new certificate's.
    assert_eq!(shake(&acceptor, &connector, Some("b.test")).await.leaf(), new.der());
    assert_eq!(shake(&acceptor, &connector, Some("a.test")).await.leaf(), first.der());
    assert_eq!(store.list()[0].certificate, new.der());
}

#[test]
fn what_cannot_be_replaced_is_told() {
    let files = Files::default().with("/a", own(&["a.test"]).both());
    let store = load(&files, &bind(vec![line("/a")])).store;
    assert!(matches!(store.set(&path("/b"), b""), Err(StoreError::Unknown(_))));
    assert!(matches!(store.set(&path("/a"), b"text"), Err(StoreError::Certificate(_))));
    assert!(matches!(store.commit(&path("/a")), Err(StoreError::NothingPending(_))));
    store.set(&path("/a"), own(&["b.test"]).both().as_bytes()).expect("taken");
    store.abort(&path("/a")).expect("forgotten");
    assert!(matches!(store.commit(&path("/a")), Err(StoreError::NothingPending(_))));
}

/// What `openssl ocsp` answered for `ocsp.pem`, valid for a hundred years, and for a revoked certificate.
const GOOD: &[u8] = include_bytes!("ocsp-good.der");
const REVOKED: &[u8] = include_bytes!("ocsp-revoked.der");
const CERTIFICATE: &str = include_str!("ocsp.pem");
const ISSUER: &str = include_str!("ocsp-issuer.pem");

/// What a client is stapled.
async fn stapled(acceptor: &Acceptor) -> Vec<u8> {
    use std::sync::Mutex;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug, Default)]
    struct Keeps(Mutex<Vec<u8>>);
    impl ServerCertVerifier for Keeps {
        fn verify_server_cert(
            &self,
            _leaf: &CertificateDer<'_>,
            _above: &[CertificateDer<'_>],
            _name: &ServerName<'_>,
            ocsp: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            *self.0.lock().expect("lock") = ocsp.to_vec();
            Ok(ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            signature::verify12(message, cert, dss)
        }
        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            signature::verify13(message, cert, dss)
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            signature::schemes()
        }
    }

    let keeps = Arc::new(Keeps::default());
    let config = rustls::ClientConfig::builder_with_provider(provider::provider(&Default::default()));
    let config = config.with_safe_default_protocol_versions().expect("versions").dangerous();
    let config = config.with_custom_certificate_verifier(Arc::clone(&keeps) as _).with_no_client_auth();
    let (near, far) = tokio::io::duplex(1 << 16);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let (client, server) =
        tokio::join!(connector.connect(ServerName::from(ADDRESS), near), acceptor.accept(far));
    client.expect("client");
    server.expect("server");
    let stapled = keeps.0.lock().expect("lock");
    stapled.clone()
}

#[tokio::test]
async fn a_response_beside_the_certificate_is_stapled() {
    let files = Files::default().with("/a", CERTIFICATE).with("/a.issuer", ISSUER).with("/a.ocsp", GOOD);
    let loaded = load(&files, &bind(vec![line("/a")]));
    assert_eq!(loaded.notes, [""; 0]);
    assert_eq!(stapled(&loaded.acceptor.expect("loaded")).await, GOOD);
}

#[tokio::test]
async fn responses_of_no_use_are_left_out_with_a_warning() {
    let files = |ocsp: &[u8]| {
        Files::default().with("/a", CERTIFICATE).with("/a.issuer", ISSUER).with("/a.ocsp", ocsp)
    };
    let without_issuer = Files::default().with("/a", CERTIFICATE).with("/a.ocsp", GOOD);
    let other =
        Files::default().with("/a", own(&["a.test"]).both()).with("/a.issuer", ISSUER).with("/a.ocsp", GOOD);
    let rows = [
        (files(REVOKED), "the certificate's status is not 'good'"),
        (files(b"text"), "not an OCSP response"),
        (files(&[0x30, 3, 0x0a, 1, 6]), "the responder did not answer: status 6"),
        (files(&GOOD[..GOOD.len() - 1]), "not an OCSP response"),
        (without_issuer, "the issuer's certificate is neither in the file nor in a .issuer file beside it"),
        (other, "the issuer's certificate is neither in the file nor in a .issuer file beside it"),
    ];
    for (files, reason) in rows {
        let loaded = load(&files, &bind(vec![line("/a")]));
        assert_eq!(loaded.notes, [format!("/a.ocsp: OCSP response left out: {reason}")]);
        assert!(stapled(&loaded.acceptor.expect("loaded")).await.is_empty());
    }
}

#[tokio::test]
async fn a_command_brings_a_response() {
    let files =
        Files::default().with("/a", CERTIFICATE).with("/a.issuer", ISSUER).with("/b", own(&["b"]).both());
    let loaded = load(&files, &bind(vec![line("/a"), line("/b")]));
    let acceptor = loaded.acceptor.expect("loaded");
    assert!(matches!(loaded.store.set_ocsp(REVOKED), Err(StoreError::Ocsp(OcspError::NotGood))));
    assert!(stapled(&acceptor).await.is_empty());
    loaded.store.set_ocsp(GOOD).expect("taken");
    assert_eq!(stapled(&acceptor).await, GOOD);
    let store = load(&Files::default().with("/b", own(&["b"]).both()), &bind(vec![line("/b")])).store;
    assert!(matches!(store.set_ocsp(GOOD), Err(StoreError::Ocsp(OcspError::OtherCertificate))));
}
