//! The certificates of a configuration by their files, for commands that replace them while the daemon runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use lb_conf::span::Span;
use lb_core::host::Certificates;
use parking_lot::Mutex;

use super::acceptor::Acceptor;
use super::certificate::Certificate;
use super::error::{TlsError, TlsErrorKind};
use super::ocsp::OcspError;
use super::pem::Pem;
use super::router::now;

/// All certificates of one configuration.
#[derive(Debug, Default)]
pub struct Store {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    certificates: BTreeMap<PathBuf, Arc<Certificate>>,
    acceptors: Vec<Weak<Acceptor>>,
    /// What was set and waits to be committed.
    pending: BTreeMap<PathBuf, Arc<Certificate>>,
}

/// Why a command changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The configuration has no certificate of this name.
    #[error("no certificate '{}'", .0.display())]
    Unknown(PathBuf),
    /// Nothing was set.
    #[error("nothing was set for '{}'", .0.display())]
    NothingPending(PathBuf),
    /// What was sent is of no use.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// The OCSP response is of no use.
    #[error("OCSP response: {0}")]
    Ocsp(#[from] OcspError),
}

/// What `show ssl cert` tells of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its file.
    pub path: PathBuf,
    /// Whether a replacement waits to be committed.
    pub pending: bool,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
}

impl Store {
    pub(super) fn new(
        certificates: BTreeMap<PathBuf, Arc<Certificate>>,
        acceptors: Vec<Weak<Acceptor>>,
    ) -> Self {
        Self { state: Mutex::new(State { certificates, acceptors, pending: BTreeMap::new() }) }
    }

    /// All certificates in the order of their files.
    pub fn list(&self) -> Vec<Listed> {
        let state = self.state.lock();
        let listed = |(path, certificate): (&PathBuf, &Arc<Certificate>)| Listed {
            path: path.clone(),
            pending: state.pending.contains_key(path),
            certificate: certificate.leaf().to_vec(),
        };
        state.certificates.iter().map(listed).collect()
    }

    /// `set ssl cert`: takes a certificate with key and chain, which replaces the one of this file once it is
    /// committed. Whether nothing waited for that before.
    ///
    /// # Errors
    ///
    /// No certificate has this file, or what was sent is of no use.
    pub fn set(&self, path: &Path, text: &[u8]) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        if !state.certificates.contains_key(path) {
            return Err(StoreError::Unknown(path.to_owned()));
        }
        let read = Pem::parse(text).and_then(|pem| Certificate::new(path, pem, None));
        let failed = |kind: TlsErrorKind| TlsError { path: path.to_owned(), span: Span::default(), kind };
        let certificate = read.map_err(failed)?;
        Ok(state.pending.insert(path.to_owned(), Arc::new(certificate)).is_none())
    }

    /// `commit ssl cert`: shows what was set to every client from now on.
    ///
    /// # Errors
    ///
    /// Nothing was set.
    pub fn commit(&self, path: &Path) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let new = state.pending.remove(path).ok_or_else(|| StoreError::NothingPending(path.to_owned()))?;
        for acceptor in state.acceptors.iter().filter_map(Weak::upgrade) {
            acceptor.replace(&new);
        }
        state.certificates.insert(path.to_owned(), new);
        Ok(())
    }

    /// `abort ssl cert`: forgets what was set.
    ///
    /// # Errors
    ///
    /// Nothing was set.
    pub fn abort(&self, path: &Path) -> Result<(), StoreError> {
        let removed = self.state.lock().pending.remove(path);
        removed.map(drop).ok_or_else(|| StoreError::NothingPending(path.to_owned()))
    }

    /// `set ssl ocsp-response`: sends a response, DER, with the certificate that it is about from now on.
    ///
    /// # Errors
    ///
    /// It is of no use, or about no certificate here.
    pub fn set_ocsp(&self, der: &[u8]) -> Result<(), StoreError> {
        let state = self.state.lock();
        let mut result = Err(OcspError::OtherCertificate);
        for certificate in state.certificates.values() {
            match certificate.set_ocsp(der, now()) {
                Ok(()) => result = Ok(()),
                // Another certificate may be the one.
                Err(OcspError::OtherCertificate | OcspError::NoIssuer) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(result?)
    }
}

impl Certificates for Store {
    fn list(&self) -> Vec<(String, bool)> {
        self.list().into_iter().map(|listed| (listed.path.display().to_string(), listed.pending)).collect()
    }

    fn set(&self, file: &str, pem: &str) -> Result<bool, String> {
        self.set(Path::new(file), pem.as_bytes()).map_err(|e| e.to_string())
    }

    fn commit(&self, file: &str) -> bool {
        self.commit(Path::new(file)).is_ok()
    }

    fn abort(&self, file: &str) -> bool {
        self.abort(Path::new(file)).is_ok()
    }

    fn set_ocsp_response(&self, der: &[u8]) -> Result<(), String> {
        self.set_ocsp(der).map_err(|e| e.to_string())
    }
}
