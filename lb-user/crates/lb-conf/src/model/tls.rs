//! TLS of `bind` and `server` lines.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Name;
use crate::span::Span;
use crate::tls::{CipherSuite, Curve};

/// Process-wide settings of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsTuning {
    /// `tune.ssl.cachesize`: sessions that are kept for clients that resume without a ticket; 0: none are.
    pub cache_size: u32,
    /// `tune.ssl.lifetime`: how long a session may be resumed, in whole seconds.
    pub lifetime: Duration,
    /// `ssl-load-extra-files`: what is looked for beside a certificate's file.
    pub extra: ExtraFiles,
    /// `ssl-load-extra-del-ext`: `.crt` is cut off before another ending is put there.
    pub cut_extension: bool,
    /// `tune.ssl.capture-buffer-size`: bytes of what clients list in their hellos that are kept for fetches.
    pub capture: u32,
}

impl Default for TlsTuning {
    fn default() -> Self {
        Self {
            cache_size: 20_000,
            lifetime: Duration::from_secs(300),
            extra: ExtraFiles::default(),
            cut_extension: false,
            capture: 0,
        }
    }
}

/// Files that are looked for beside `FILE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraFiles {
    /// `FILE.rsa` and `FILE.ecdsa`, where `FILE` itself is absent.
    pub bundle: bool,
    /// `FILE.key`, where `FILE` has no private key.
    pub key: bool,
    /// `FILE.ocsp`.
    pub ocsp: bool,
    /// `FILE.issuer`, where `FILE` lacks the issuer's certificate that the OCSP response is checked with.
    pub issuer: bool,
}

impl ExtraFiles {
    /// `ssl-load-extra-files none`.
    pub const NONE: Self = Self { bundle: false, key: false, ocsp: false, issuer: false };
}

impl Default for ExtraFiles {
    fn default() -> Self {
        Self { bundle: true, key: true, ocsp: true, issuer: true }
    }
}

/// `bind … ssl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindTls {
    /// `crt` and the lines of `crt-list`, in their order; the first is the default.
    pub certificates: Vec<CertificateUse>,
    /// What holds for certificates that say nothing else.
    pub settings: Arc<BindTlsSettings>,
    /// `strict-sni`: a client that asks for no name, or for one without a certificate, is refused.
    pub strict_sni: bool,
    /// `tls-ticket-keys`: the file that the keys of session tickets are read from.
    pub ticket_keys: Option<PathBuf>,
}

/// A certificate's file and the names that it is shown for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateUse {
    /// A file, the base name of a bundle or, from `crt` only, a folder; `crt-base` is in it.
    pub path: PathBuf,
    /// The `crt-list` file that names it.
    pub list: Option<PathBuf>,
    /// The settings of its line in a `crt-list`, on top of the `bind` line's.
    pub settings: Option<Arc<BindTlsSettings>>,
    /// The names of its line in a `crt-list`. Empty: those in the certificate.
    pub names: Vec<SniFilter>,
    /// The place of the word.
    pub span: Span,
}

/// A name in a `crt-list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SniFilter {
    /// `!`: not for this name, although a wildcard of the same line covers it.
    pub negative: bool,
    /// A host name, one that begins with `*.`, or `*` for every name; in lower case.
    pub pattern: Name,
}

/// What is negotiated with clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindTlsSettings {
    /// Versions, ciphers and curves.
    pub suites: TlsSuites,
    /// `alpn`, the preferred protocol first. Empty: the extension is not answered.
    pub alpn: Vec<Name>,
    /// `prefer-client-ciphers`: the client's order of ciphers decides.
    pub prefer_client_ciphers: bool,
    /// `no-tls-tickets`: sessions are resumed from the daemon's memory alone.
    pub no_tickets: bool,
    /// `verify` with what it needs. None: no client certificate is asked for.
    pub client: Option<ClientVerify>,
}

/// `verify optional` or `verify required`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientVerify {
    /// Whether a client without a certificate is refused.
    pub required: bool,
    /// `ca-file`: a file or folder of authorities whose names the client is told.
    pub ca_file: Option<CaSource>,
    /// `ca-verify-file`: further authorities, whose names it is not told.
    pub ca_verify_file: Option<CaSource>,
    /// `crl-file`: a file of revocation lists.
    pub crl_file: Option<PathBuf>,
    /// `no-ca-names`: the names of authorities are not sent.
    pub no_ca_names: bool,
    /// `crt-ignore-err`: errors of the client's own certificate that do not end the handshake.
    pub crt_ignore: IgnoredErrors,
    /// `ca-ignore-err`: errors of the certificates above it that do not.
    pub ca_ignore: IgnoredErrors,
}

/// Where authorities are read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CaSource {
    /// A file or a folder; `ca-base` is in it.
    Path(PathBuf),
    /// `@system-ca`: those of the machine.
    System,
}

/// Verification errors, by OpenSSL's numbers, that are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IgnoredErrors {
    /// None of them.
    #[default]
    None,
    /// These.
    Some(Vec<u32>),
    /// `all`.
    All,
}

impl IgnoredErrors {
    /// Whether the error with this number is passed over.
    pub fn contains(&self, error: u32) -> bool {
        match self {
            Self::None => false,
            Self::Some(list) => list.contains(&error),
            Self::All => true,
        }
    }

    /// Whether none is.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Versions, ciphers and curves that may be negotiated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSuites {
    /// The versions.
    pub versions: TlsVersions,
    /// `ciphers`: those of TLS 1.2, the preferred one first. None: all.
    pub ciphers: Option<Vec<CipherSuite>>,
    /// `ciphersuites`: those of TLS 1.3. None: all.
    pub ciphersuites: Option<Vec<CipherSuite>>,
    /// `curves` or `ecdhe`, the preferred one first. None: X25519, P-256, P-384.
    pub curves: Option<Vec<Curve>>,
}

/// A version of TLS that can be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

/// The versions that may be negotiated; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlsVersions {
    /// The lowest.
    pub min: TlsVersion,
    /// The highest.
    pub max: TlsVersion,
}

impl Default for TlsVersions {
    fn default() -> Self {
        Self { min: TlsVersion::V12, max: TlsVersion::V13 }
    }
}

impl TlsVersions {
    /// Whether this version may be negotiated.
    pub fn contains(self, version: TlsVersion) -> bool {
        self.min <= version && version <= self.max
    }
}

/// `server … ssl`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerTls {
    /// Versions and ciphers.
    pub suites: TlsSuites,
    /// `verify required` with what it needs. None: `verify none`, any certificate will do.
    pub verify: Option<ServerVerify>,
    /// `sni`: the name that the server is asked for.
    pub sni: Option<Name>,
    /// `alpn`, the preferred protocol first.
    pub alpn: Vec<Name>,
    /// `crt`: the file of the certificate that is shown to the server.
    pub certificate: Option<PathBuf>,
    /// `no-ssl-reuse`: every connection makes a full handshake.
    pub no_reuse: bool,
    /// `no-tls-tickets`: sessions are resumed without tickets.
    pub no_tickets: bool,
    /// The place of `ssl`, or of `check-ssl`.
    pub span: Span,
}

/// `verify required` on a `server` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVerify {
    /// `ca-file`.
    pub ca_file: CaSource,
    /// `crl-file`.
    pub crl_file: Option<PathBuf>,
    /// `verifyhost`: the name that the certificate must have where no server name was sent.
    pub host: Option<Name>,
}
