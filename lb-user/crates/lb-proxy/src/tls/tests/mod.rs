//! Handshakes of acceptors with connectors, over files that are made for each test.

mod load;
mod names;
mod resume;
mod runtime;
mod settings;
mod verify;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lb_conf::host::MemoryHost;
use lb_conf::model::{BindTls, BindTlsSettings, CertificateUse, ServerTls, SniFilter, TlsTuning};
use lb_conf::span::Span;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, SignatureAlgorithm,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// The address of the server that connectors are told; it is never looked at.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A certificate with its key.
pub(super) struct Made {
    pub(super) cert: rcgen::Certificate,
    pub(super) params: CertificateParams,
    pub(super) key: KeyPair,
}

impl Made {
    fn both(&self) -> String {
        self.cert.pem() + &self.key.serialize_pem()
    }

    fn der(&self) -> &[u8] {
        self.cert.der()
    }

    pub(super) fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

pub(super) fn params(common: &str, names: &[&str]) -> CertificateParams {
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

fn self_signed(params: CertificateParams, key: KeyPair) -> Made {
    Made { cert: params.self_signed(&key).expect("certificate"), params, key }
}

fn signed(params: CertificateParams, by: &Made) -> Made {
    let key = KeyPair::generate().expect("key");
    let cert = params.signed_by(&key, &by.issuer()).expect("certificate");
    Made { cert, params, key }
}

/// A certificate that nobody signed, for these names.
fn own(names: &[&str]) -> Made {
    self_signed(params("self", names), KeyPair::generate().expect("key"))
}

fn own_of(names: &[&str], algorithm: &'static SignatureAlgorithm) -> Made {
    self_signed(params("self", names), KeyPair::generate_for(algorithm).expect("key"))
}

fn authority(name: &str) -> Made {
    let mut params = params(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    self_signed(params, KeyPair::generate().expect("key"))
}

/// Files in memory.
#[derive(Default)]
struct Files(MemoryHost);

impl Files {
    fn with(mut self, path: &str, text: impl Into<Vec<u8>>) -> Self {
        self.0.files.insert(path.into(), text.into());
        self
    }
}

fn line(path: &str) -> CertificateUse {
    CertificateUse { path: path.into(), list: None, settings: None, names: Vec::new(), span: Span::default() }
}

fn named(path: &str, names: &[&str]) -> CertificateUse {
    let filter = |name: &&str| {
        let pattern = name.strip_prefix('!');
        SniFilter { negative: pattern.is_some(), pattern: pattern.unwrap_or(name).into() }
    };
    CertificateUse { names: names.iter().map(filter).collect(), ..line(path) }
}

fn bind(certificates: Vec<CertificateUse>) -> BindTls {
    BindTls { certificates, settings: Arc::default(), strict_sni: false, ticket_keys: None }
}

fn with(certificates: Vec<CertificateUse>, settings: BindTlsSettings) -> BindTls {
    BindTls { settings: Arc::new(settings), ..bind(certificates) }
}

/// What a configuration's loading ended in.
struct Loaded {
    acceptor: Option<Arc<Acceptor>>,
    store: Store,
    notes: Vec<String>,
    errors: Vec<TlsError>,
}

fn load_with(files: &Files, tls: &BindTls, tuning: &TlsTuning, shared: &Shared) -> Loaded {
    let mut loader = Loader::new(&files.0, tuning, shared);
    let acceptor = Acceptor::load(tls, &mut loader);
    let (store, notes, errors) = loader.finish();
    let notes = notes.into_iter().map(|note| note.message).collect();
    assert_eq!(acceptor.is_err(), !errors.is_empty(), "{errors:?}");
    Loaded { acceptor: acceptor.ok(), store, notes, errors }
}

fn shared() -> Shared {
    Shared::new().expect("random bytes")
}

fn load(files: &Files, tls: &BindTls) -> Loaded {
    load_with(files, tls, &TlsTuning::default(), &shared())
}

fn acceptor(files: &Files, tls: &BindTls) -> Arc<Acceptor> {
    let loaded = load(files, tls);
    assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
    loaded.acceptor.expect("loaded")
}

fn connector_of(files: &Files, tls: &ServerTls) -> Connector {
    let (tuning, shared) = (TlsTuning::default(), shared());
    let mut loader = Loader::new(&files.0, &tuning, &shared);
    let connector = Connector::load(tls, &mut loader);
    connector.unwrap_or_else(|Failed| panic!("{:?}", loader.finish().2))
}

fn connector(tls: &ServerTls) -> Connector {
    connector_of(&Files::default(), tls)
}

/// Both ends of a handshake, after a byte has gone each way so that both have heard all of it.
struct Shaken {
    client: Result<TlsInfo, HandshakeError>,
    server: Result<TlsInfo, HandshakeError>,
    /// The OCSP response and the certificate that the client was shown.
    shown: Vec<Vec<u8>>,
}

impl Shaken {
    fn server(self) -> TlsInfo {
        self.server.expect("hands shaken")
    }

    fn leaf(&self) -> &[u8] {
        self.shown.first().unwrap_or_else(|| panic!("{:?} {:?}", self.client, self.server))
    }

    fn refusal(self) -> HandshakeError {
        self.server.expect_err("refused")
    }
}

async fn shake(acceptor: &Acceptor, connector: &Connector, name: Option<&str>) -> Shaken {
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = async {
        let (mut stream, info) = acceptor.accept(far).await?;
        stream.write_all(b"s").await.map_err(HandshakeError::from_io)?;
        stream.read_u8().await.map_err(HandshakeError::from_io)?;
        Ok(info)
    };
    let client = async {
        let (mut stream, info) = connector.connect(near, name, ADDRESS).await?;
        stream.read_u8().await.map_err(HandshakeError::from_io)?;
        stream.write_all(b"c").await.map_err(HandshakeError::from_io)?;
        Ok(info)
    };
    let (server, client) = tokio::join!(server, client);
    let shown = client.iter().flat_map(|info: &TlsInfo| info.peer_chain()).map(|c| c.to_vec()).collect();
    Shaken { client, server, shown }
}

fn path(path: &str) -> PathBuf {
    Path::new(path).to_owned()
}
