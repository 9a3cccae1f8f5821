//! What is known about a connection once hands are shaken.

use std::sync::Arc;

use lb_expr::hello::Greeting;
use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, CommonState, HandshakeKind, ProtocolVersion};

use super::certificate::Certificate;

/// TLS of one connection, for rules and logs.
#[derive(Clone, Debug)]
pub struct TlsInfo {
    version: Option<ProtocolVersion>,
    suite: Option<CipherSuite>,
    sni: Option<Box<str>>,
    alpn: Option<Box<[u8]>>,
    resumed: bool,
    peer: Vec<CertificateDer<'static>>,
    own: Option<Arc<Certificate>>,
    /// OpenSSL's number and depth of what was wrong with the client's chain and passed over.
    passed_over: Option<(u32, u8)>,
    greeting: Option<Box<Greeting>>,
}

/// Suites by OpenSSL's names, with the bits of their keys.
static SUITES: &[(u16, &str, u32)] = &[
    (0x1301, "TLS_AES_128_GCM_SHA256", 128),
    (0x1302, "TLS_AES_256_GCM_SHA384", 256),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256", 256),
    (0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256", 128),
    (0xC02C, "ECDHE-ECDSA-AES256-GCM-SHA384", 256),
    (0xC02F, "ECDHE-RSA-AES128-GCM-SHA256", 128),
    (0xC030, "ECDHE-RSA-AES256-GCM-SHA384", 256),
    (0xCCA8, "ECDHE-RSA-CHACHA20-POLY1305", 256),
    (0xCCA9, "ECDHE-ECDSA-CHACHA20-POLY1305", 256),
];

impl TlsInfo {
    /// From a finished handshake.
    pub(super) fn new(state: &CommonState, sni: Option<&str>) -> Self {
        Self {
            version: state.protocol_version(),
            suite: state.negotiated_cipher_suite().map(|suite| suite.suite()),
            sni: sni.map(Into::into),
            alpn: state.alpn_protocol().map(Into::into),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
            peer: state
                .peer_certificates()
                .map(|chain| chain.iter().map(|c| c.clone().into_owned()).collect())
                .unwrap_or_default(),
            own: None,
            passed_over: None,
            greeting: None,
        }
    }

    pub(crate) fn with_greeting(mut self, greeting: Option<Box<Greeting>>) -> Self {
        self.greeting = greeting;
        self
    }

    /// What is kept of the client's hello.
    pub fn greeting(&self) -> Option<&Greeting> {
        self.greeting.as_deref()
    }

    pub(super) fn with_own(mut self, own: Arc<Certificate>) -> Self {
        self.own = Some(own);
        self
    }

    pub(super) fn with_passed_over(mut self, error: Option<(u32, u8)>) -> Self {
        self.passed_over = error;
        self
    }

    /// The protocol's version as OpenSSL writes it.
    pub fn protocol(&self) -> Option<&'static str> {
        match self.version? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// The cipher suite by OpenSSL's name.
    pub fn cipher(&self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// Bits of the symmetric key.
    pub fn key_bits(&self) -> Option<u32> {
        self.row().map(|row| row.2)
    }

    fn row(&self) -> Option<&'static (u16, &'static str, u32)> {
        let id = u16::from(self.suite?);
        SUITES.iter().find(|row| row.0 == id)
    }

    /// The server name that the client asked for, or that a server was asked for.
    pub fn sni(&self) -> Option<&str> {
        self.sni.as_deref()
    }

    /// The protocol that ALPN agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// Whether an earlier session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// The chain that the peer showed, now or when the session began: its own certificate first, DER.
    pub fn peer_chain(&self) -> &[CertificateDer<'static>] {
        &self.peer
    }

    /// The common name in the certificate that the peer showed.
    pub(crate) fn common_name(&self) -> Option<String> {
        let (_, certificate) = x509_parser::parse_x509_certificate(self.peer_chain().first()?).ok()?;
        certificate.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
    }

    /// The certificate that was shown to the client, DER.
    pub fn own_certificate(&self) -> Option<&[u8]> {
        self.own.as_ref().map(|own| own.leaf())
    }

    /// OpenSSL's number for the result of verifying the peer: 0 is success.
    pub fn verify_result(&self) -> u32 {
        self.passed_over.map_or(0, |(code, _)| code)
    }

    /// What was wrong with the client's own certificate and passed over; 0: nothing.
    pub fn certificate_error(&self) -> u32 {
        self.passed_over.filter(|(_, depth)| *depth == 0).map_or(0, |(code, _)| code)
    }

    /// What was wrong above the client's own certificate and passed over, with its depth; 0: nothing.
    pub fn authority_error(&self) -> (u32, u8) {
        self.passed_over.filter(|(_, depth)| *depth > 0).unwrap_or_default()
    }
}
