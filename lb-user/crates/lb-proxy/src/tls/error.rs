//! What can go wrong: while certificates are loaded, and while hands are shaken.

use std::io;
use std::path::PathBuf;

use lb_conf::diag::{Code, Diagnostic};
use lb_conf::span::Span;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// Why a file of a `bind` or `server` line is of no use.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", .path.display())]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// The word that names it; the default where a command brought it.
    pub span: Span,
    /// What is wrong with it.
    pub kind: TlsErrorKind,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsErrorKind {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is not PEM.
    #[error("not PEM: {0}")]
    Pem(String),
    /// There is no certificate in it.
    #[error("no certificate in it")]
    NoCertificate,
    /// There is no private key in it, nor beside it.
    #[error("no private key in it, nor in '{}'", .0.display())]
    NoKey(PathBuf),
    /// There is no private key in it.
    #[error("no private key in it")]
    NoKeyInside,
    /// Its private key is locked by a passphrase.
    #[error("the private key is encrypted, and nobody is there to type its passphrase")]
    EncryptedKey,
    /// Its private key is of a kind that is not supported.
    #[error("private key of no use: {0}")]
    Key(String),
    /// No certificate in it is the private key's.
    #[error("the private key belongs to none of the certificates")]
    KeyMismatch,
    /// A certificate in it cannot be read.
    #[error("certificate {number} cannot be read: {reason}")]
    Certificate {
        /// Which, counted from 1.
        number: usize,
        /// Why.
        reason: String,
    },
    /// A folder without certificates.
    #[error("no certificates in this folder")]
    EmptyFolder,
    /// No revocation list is in it, or one cannot be read.
    #[error("revocation list of no use: {0}")]
    Crl(String),
    /// It does not hold keys for session tickets.
    #[error("{0}")]
    TicketKeys(&'static str),
    /// Its OCSP response is not to be sent.
    #[error("{0}")]
    Ocsp(#[from] super::ocsp::OcspError),
    /// rustls refuses the settings.
    #[error("{0}")]
    Settings(#[from] Error),
}

impl TlsError {
    /// What the user is told: fatal, at the word that names the file.
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::alert(Code::File, self.to_string()).at(self.span);
        match &self.kind {
            TlsErrorKind::EncryptedKey => {
                diagnostic.help("write the key without a passphrase: openssl pkey -in FILE -out FILE.key")
            }
            _ => diagnostic,
        }
    }
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The peer closed before it was over.
    #[error("closed by the peer")]
    Closed,
    /// The connection broke.
    #[error("connection broken: {0}")]
    Broken(io::Error),
    /// The peer took too long.
    #[error("took too long")]
    Timeout,
    /// What came is not TLS.
    #[error("not TLS")]
    NotTls,
    /// The client asks for a name that has no certificate, under `strict-sni`.
    #[error("no certificate for the name that the client asks for")]
    UnknownName,
    /// Nothing that both sides speak: version, suite, curve, signature or ALPN protocol.
    #[error("nothing in common: {0}")]
    NothingInCommon(String),
    /// The client has to show a certificate, and shows none.
    #[error("no client certificate")]
    NoCertificate,
    /// The peer's certificate is not trusted.
    #[error("the peer's certificate is not trusted: {reason}")]
    Untrusted {
        /// OpenSSL's number for the reason.
        code: u32,
        /// Where in the chain: 0 is the peer's own certificate.
        depth: u8,
        /// The reason in words.
        reason: String,
    },
    /// The certificate is not the one of the server that was asked for.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// The peer gave up, with this alert.
    #[error("the peer gave up: {0:?}")]
    Alert(AlertDescription),
    /// The peer broke the protocol.
    #[error("{0}")]
    Misbehaved(Error),
}

impl HandshakeError {
    /// HAProxy's number for it (configuration.txt, `fc_err`).
    pub fn number(&self) -> u32 {
        match self {
            Self::Closed => 24,
            Self::Broken(_) => 25,
            Self::Timeout => 26,
            Self::Untrusted { depth: 1.., .. } => 30,
            Self::Untrusted { .. } => 31,
            Self::WrongName => 33,
            _ => 34,
        }
    }

    /// HAProxy's words for it, which logs and `fc_err_str` show.
    pub fn words(&self) -> &'static str {
        match self.number() {
            24 => "Connection closed during SSL handshake",
            25 => "Connection error during SSL handshake",
            26 => "Timeout during SSL handshake",
            30 => "SSL client CA chain cannot be verified",
            31 => "SSL client certificate not trusted",
            33 => "Server presented an SSL certificate different from the expected one",
            _ => "SSL handshake failure",
        }
    }

    /// From what tokio-rustls gives back, in which errors of TLS are wrapped in errors of I/O.
    pub(super) fn from_io(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => Self::from_tls(inner.clone()),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Broken(error),
        }
    }

    fn from_tls(error: Error) -> Self {
        match error {
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Self::NotTls,
            Error::InvalidMessage(rustls::InvalidMessage::UnknownProtocolVersion) => Self::NotTls,
            Error::PeerIncompatible(reason) => Self::nothing_in_common(&reason),
            Error::NoApplicationProtocol => Self::NothingInCommon("ALPN protocol".into()),
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidCertificate(reason) => Self::certificate(&reason),
            Error::AlertReceived(alert) => Self::Alert(alert),
            other => Self::Misbehaved(other),
        }
    }

    fn nothing_in_common(reason: &PeerIncompatible) -> Self {
        Self::NothingInCommon(format!("{reason:?}"))
    }

    fn certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::Other(other) => match other.0.downcast_ref::<super::chain::ChainError>() {
                Some(e) => Self::Untrusted { code: e.code(), depth: e.depth, reason: e.to_string() },
                None => Self::Untrusted { code: 1, depth: 0, reason: error.to_string() },
            },
            other => {
                let code = super::verify::number_of(other);
                Self::Untrusted { code, depth: 0, reason: other.to_string() }
            }
        }
    }
}
