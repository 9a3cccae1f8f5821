//! What was typed about TLS.

use std::path::PathBuf;
use std::sync::Arc;

use super::Placed;
use crate::lex::Word;
use crate::model::{IgnoredErrors, Name, SniFilter, TlsVersion};
use crate::span::Span;
use crate::tls::{CipherSuite, Curve};

/// The words that `bind` and `server` lines share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsWords {
    pub(crate) ciphers: Option<Vec<CipherSuite>>,
    pub(crate) ciphersuites: Option<Vec<CipherSuite>>,
    pub(crate) curves: Option<Vec<Curve>>,
    pub(crate) versions: VersionWords,
    pub(crate) no_tickets: Option<bool>,
    pub(crate) alpn: Option<Vec<Name>>,
    pub(crate) verify: Option<Placed<Verify>>,
    pub(crate) ca_file: Option<String>,
    pub(crate) crl_file: Option<String>,
}

/// A line that has them.
pub(crate) trait HasTls {
    fn words(&mut self) -> &mut TlsWords;
}

/// Which versions are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct VersionWords {
    pub(crate) min: Option<Placed<Level>>,
    pub(crate) max: Option<Placed<Level>>,
    /// `no-tlsv12`.
    pub(crate) without_12: Option<Span>,
    /// `no-tlsv13`.
    pub(crate) without_13: Option<Span>,
}

/// A version of SSL or TLS, spoken or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Older than any that is spoken.
    Older,
    Spoken(TlsVersion),
}

/// `verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    None,
    Optional,
    Required,
}

/// TLS of a `bind` line, or of a line in a `crt-list`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BindTlsDraft {
    pub(crate) enabled: Option<Span>,
    pub(crate) words: TlsWords,
    pub(crate) certificates: Vec<CertificateDraft>,
    pub(crate) strict_sni: bool,
    pub(crate) prefer_client_ciphers: bool,
    pub(crate) ticket_keys: Option<PathBuf>,
    pub(crate) ca_verify_file: Option<String>,
    pub(crate) no_ca_names: bool,
    pub(crate) crt_ignore: IgnoredErrors,
    pub(crate) ca_ignore: IgnoredErrors,
}

/// `crt`, or a line of a `crt-list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateDraft {
    pub(crate) path: Placed<String>,
    pub(crate) list: Option<PathBuf>,
    /// The settings in brackets.
    pub(crate) settings: Option<Arc<BindTlsDraft>>,
    pub(crate) names: Vec<SniFilter>,
}

/// TLS of a `server` line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerTlsDraft {
    pub(crate) enabled: Option<Span>,
    pub(crate) words: TlsWords,
    pub(crate) certificate: Option<String>,
    /// `sni str(NAME)`.
    pub(crate) sni: Option<Name>,
    /// `sni` with any other expression.
    pub(crate) sni_word: Option<Word>,
    pub(crate) verify_host: Option<Name>,
    pub(crate) no_reuse: bool,
    pub(crate) check: Option<Placed<bool>>,
    pub(crate) check_sni: Option<Name>,
    pub(crate) check_alpn: Option<Placed<Vec<Name>>>,
}

/// What `global` says for lines that do not say it themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsDefaults {
    pub(crate) ca_base: Option<PathBuf>,
    pub(crate) crt_base: Option<PathBuf>,
    pub(crate) bind: BindTlsDraft,
    pub(crate) server: ServerTlsDraft,
    /// `ssl-server-verify none`.
    pub(crate) trust_servers: bool,
}
